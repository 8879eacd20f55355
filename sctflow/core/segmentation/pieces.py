"""Which of the predicted voxels are cord: pieces along the path, kept by length and confidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

THRESHOLD = 0.5
# In a gap shorter than this between two kept pieces weaker voxels are accepted.
BRIDGE_MM = 10.0
BRIDGE_THRESHOLD = 0.25
LEAST_LENGTH_MM = 10.0
LEAST_CONFIDENCE = 0.5
LEAST_AREA_MM2 = 8.0
# How far beyond the outline the soft mask may reach.
HALO_MM = 1.5


def keep_cord(
    probability: np.ndarray, centres: np.ndarray, heat: np.ndarray, zooms: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Separate the cord from what else was predicted.

    Parameters
    ----------
    probability : (n, nx, ny) float32
        Cord probability, lowest slice first.
    centres : (n, 2) float
        The cord's path, voxels.
    heat : (n,) float
        How sure the localiser is of the path, 0-1.
    zooms : (float, float, float)
        Voxel size, mm.

    Returns
    -------
    mask : (n, nx, ny) bool
        One component without holes in each slice that has cord.
    soft : (n, nx, ny) float32
        The probability within ``HALO_MM`` of the mask, zero elsewhere.
    slices : DataFrame
        ``slice``, ``confidence`` (0-1), ``area_mm2`` of the soft mask, ``status``:
        ``cord``, ``bridged`` (found only with a lower threshold), ``gap`` (inside the cord, but
        nothing found), ``none``.
    """
    pixel = zooms[0] * zooms[1]
    strong = _main_components(probability > THRESHOLD, centres)
    confidence = _confidence(probability, strong, heat)
    present = strong.sum((1, 2)) * pixel >= LEAST_AREA_MM2
    pieces = _join(_runs(present), BRIDGE_MM / zooms[2])
    least = min(LEAST_LENGTH_MM, 0.5 * len(probability) * zooms[2]) / zooms[2]
    kept = [
        (start, stop)
        for start, stop in pieces
        if stop - start >= least
        and confidence[start:stop][present[start:stop]].mean() >= LEAST_CONFIDENCE
    ]
    status = np.full(len(probability), "none", dtype=object)
    mask = np.zeros_like(strong)
    weak = _main_components(probability > BRIDGE_THRESHOLD, centres)
    for start, stop in _join(kept, BRIDGE_MM / zooms[2]):
        inside = np.arange(start, stop)
        here = present[inside]
        mask[inside] = np.where(here[:, None, None], strong[inside], weak[inside])
        found = mask[inside].any((1, 2))
        status[inside] = np.where(here, "cord", np.where(found, "bridged", "gap"))
    confidence = np.where(mask.any((1, 2)), _confidence(probability, mask, heat), 0.0)
    soft = np.where(_grown(mask, zooms), probability, 0).astype(np.float32)
    slices = pd.DataFrame(
        {
            "slice": np.arange(len(mask)),
            "confidence": confidence,
            "area_mm2": soft.sum((1, 2)) * pixel,
            "status": status,
        }
    )
    return mask, soft, slices


def _main_components(mask: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """In each slice the component that outweighs the others after a penalty for distance."""
    in_plane = ndimage.generate_binary_structure(3, 1)
    in_plane[[0, 2]] = False
    labels, n = ndimage.label(mask, in_plane)
    if not n:
        return mask
    index = np.arange(1, n + 1)
    size = ndimage.sum_labels(mask, labels, index)
    middle = np.array(ndimage.center_of_mass(mask, labels, index))
    own_slice = np.round(middle[:, 0]).astype(int)
    distance = np.linalg.norm(middle[:, 1:] - centres[own_slice], axis=1)
    # A component must be nearer than it is wide, or larger than any that is.
    weight = size / (1 + (distance / np.sqrt(size)) ** 2)
    order = np.argsort(weight)
    best = np.zeros(len(mask), int)
    best[own_slice[order]] = index[order]
    kept = (labels == best[:, None, None]) & mask
    return ndimage.binary_fill_holes(np.pad(kept, ((1, 1), (0, 0), (0, 0))), in_plane)[1:-1]


def _confidence(probability: np.ndarray, mask: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """How far both networks are sure of a slice, 0-1: the geometric mean of two terms.

    The localiser's heat, and the mean probability inside the outline rescaled so that the
    threshold itself gives 0 (a good outline has about 0.8, since its rim is partial volume).
    """
    size = mask.sum((1, 2))
    inside = np.where(mask, probability, 0).sum((1, 2)) / np.maximum(size, 1)
    sure = np.clip((inside - THRESHOLD) / (1 - THRESHOLD), 0, 1)
    return np.where(size > 0, np.sqrt(sure * np.clip(heat, 0, 1)), 0.0)


def _runs(present: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _join(runs: list[tuple[int, int]], gap: float) -> list[tuple[int, int]]:
    """Join runs that are no further apart than ``gap`` slices."""
    joined: list[tuple[int, int]] = []
    for start, stop in runs:
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _grown(mask: np.ndarray, zooms: tuple[float, ...]) -> np.ndarray:
    """The mask grown in the slice by ``HALO_MM``."""
    reach = [int(np.ceil(HALO_MM / z)) for z in zooms[:2]]
    x, y = np.ogrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    disc = (x * zooms[0]) ** 2 + (y * zooms[1]) ** 2 <= HALO_MM**2
    return ndimage.binary_dilation(mask, disc[None])
