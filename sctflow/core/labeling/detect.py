"""Landmarks of the spine in an image: discs, C1 and dens, sacrum, junction, conus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.labeling.chain import Chain, best_chain
from sctflow.core.labeling.confidence import confidence
from sctflow.core.labeling.heat import find_peaks, heat_maps
from sctflow.core.labeling.kinds import KINDS
from sctflow.core.labeling.slab import Slab, bend_path, forward_mm, path_along, sample_slab

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

COLUMNS = ("kind", "x", "y", "z", "s", "confidence", "inferred")
LEAST_DISC, LEAST_OTHER = 0.1, 0.2
"""Peaks lower than this are not considered."""
PASSES = 3
BEFORE_CANAL_MM = 9.0
"""The tips of discs lie about this far in front of the middle of the canal."""
STRAY_MM = 8.0
"""Where discs below the cord lie farther from that, the path is led along them."""
CLEAR_MM = 12.0
"""So far below the cord's end a disc may guide the path."""


def find_landmarks(
    data: np.ndarray, affine: np.ndarray, line: Centerline, *, net: nn.Module
) -> pd.DataFrame:
    """Find the landmarks that an image shows.

    Parameters
    ----------
    data : (i, j, k) array
        Image of any orientation and contrast.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    line : Centerline
        Of the cord in the image.
    net : UNet
        From :func:`sctflow.models.load_landmark_net`.

    Returns
    -------
    DataFrame
        A row for every landmark, from the top to the bottom: ``kind``, of
        :data:`sctflow.core.labeling.kinds.KINDS`; ``x``, ``y``, ``z`` (world mm; discs: their
        posterior tip); ``s`` (mm along the cord as the centreline counts it, straight on beyond
        its ends); ``confidence`` (0 to 1); ``inferred`` (1 for a disc that was not seen but
        placed evenly between its neighbours). Of each kind but discs there is one row at most.
    """
    path = path_along(line, data.shape, affine)
    along_mm = voxel_length(affine, line.tangents.mean(0))
    for _ in range(PASSES):
        slab = sample_slab(data, affine, path)
        heat = heat_maps(net, slab)
        discs = find_discs(heat[KINDS.index("disc")], along_mm=along_mm)
        guides = _guides(slab, discs)
        if not len(guides):
            break
        path = bend_path(path, guides, 0.0, data.shape, affine)
    return _table(slab, heat, discs, along_mm)


def find_discs(heat: np.ndarray, *, along_mm: float) -> Chain:
    """Pick the discs on their map (rows, columns), from the top to the bottom."""
    peaks = find_peaks(heat, LEAST_DISC)
    sure = confidence("disc", peaks.height, along_mm=along_mm)
    return best_chain(replace(peaks, height=sure))


def voxel_length(affine: np.ndarray, direction: np.ndarray) -> float:
    """Extent in mm along a direction (3,) of the voxel axis that runs most nearly along it."""
    edges = affine[:3, :3]
    lengths = np.linalg.norm(edges, axis=0)
    nearest = np.argmax(np.abs(direction @ edges) / lengths)
    return float(lengths[nearest])


def _guides(slab: Slab, discs: Chain) -> np.ndarray:
    """Where the canal runs below the cord, (n, 3) world mm; empty if the path is near enough."""
    forward = forward_mm(discs.column)
    s = np.interp(discs.row, np.arange(len(slab.path.s)), slab.path.s)
    below = (s < -CLEAR_MM) & ~discs.inferred
    if not np.any(np.abs(forward[below] - BEFORE_CANAL_MM) > STRAY_MM):
        return np.empty((0, 3))
    return slab.path.to_world(discs.row[below], forward[below] - BEFORE_CANAL_MM)


def _table(slab: Slab, heat: np.ndarray, discs: Chain, along_mm: float) -> pd.DataFrame:
    """Landmarks of a slab with its heat maps."""
    import pandas as pd

    maps = dict(zip(KINDS, heat, strict=True))
    del maps["disc"]
    columns = (discs.row, discs.column, discs.confidence, discs.inferred)
    rows = [("disc", *row) for row in zip(*columns, strict=True)]
    for kind, one in maps.items():
        peaks = find_peaks(one, LEAST_OTHER)
        if len(peaks):
            sure = confidence(kind, peaks.height[0], along_mm=along_mm)
            rows.append((kind, peaks.row[0], peaks.column[0], sure, False))
    rows.sort(key=lambda row: -row[1])
    place = np.array([row[1:3] for row in rows], float).reshape(-1, 2)
    world = slab.to_world(place[:, 0], place[:, 1])
    s = np.interp(place[:, 0], np.arange(len(slab.path.s)), slab.path.s)
    return pd.DataFrame(
        {
            "kind": [row[0] for row in rows],
            **dict(zip("xyz", world.T, strict=True)),
            "s": s,
            "confidence": [float(row[3]) for row in rows],
            "inferred": [int(row[4]) for row in rows],
        },
        columns=list(COLUMNS),
    )
