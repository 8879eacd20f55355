"""The straight average spine as a template: images, label maps and atlas on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from sctflow.core.phantom import codes as code
from sctflow.core.phantom.anatomy import Anatomy, make_anatomy
from sctflow.core.phantom.contrast import PROTOCOLS, signal
from sctflow.core.phantom.sample import Sampled, sample
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.phantom.truth import (
    centerline_mask,
    level_labels,
    make_fractions,
    region_counts,
    slice_table,
)

ZOOM = 0.5  # mm
_WIDTH = 141  # voxels, right-left and front-back, with the cord in the middle one
_ABOVE_JUNCTION = 15.0  # mm in view above the pontomedullary junction
_LOWEST_DISC = 22  # the grid ends below the disc L2/L3
_BLUR = 0.3  # mm: the mean of many people is smoother than one of them
_FULL_SCALE = 1000  # stored value of the brightest percentile
_POINTS_ACROSS = 0.125  # mm: four points along either edge of a voxel

CONTRASTS = ("T1w", "T2w", "T2star")


@dataclass(frozen=True)
class Piece:
    """One image of the template, with the entities of its TemplateFlow name."""

    suffix: str
    data: np.ndarray
    """On the template's grid. Partial volumes are uint8 counts, to be multiplied by `scale`."""
    scale: float = 1.0
    label: str | None = None
    desc: str | None = None
    atlas: str | None = None


def template_grid(anatomy: Anatomy) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine: right, anterior, superior, 0.5 mm; the origin is the junction."""
    low = anatomy.levels.disc(_LOWEST_DISC) - 5.0
    n = int(np.ceil((_ABOVE_JUNCTION - low) / ZOOM)) + 1
    middle = anatomy.curve.at(np.array(0.0))[0]
    affine = np.diag([ZOOM, ZOOM, ZOOM, 1.0])
    half = (_WIDTH - 1) // 2 * ZOOM
    bottom = _ABOVE_JUNCTION - (n - 1) * ZOOM
    affine[:3, 3] = middle + np.array([-half, -half, bottom])
    return (_WIDTH, _WIDTH, n), affine


def template_pieces() -> tuple[np.ndarray, Iterator[Piece]]:
    """Make the template.

    Returns
    -------
    affine
        (4, 4) voxel to world, RAS mm.
    pieces
        One image after another, so that few are held in memory at a time.
    """
    anatomy = make_anatomy(straight=True)
    shape, affine = template_grid(anatomy)
    return affine, _pieces(anatomy, sample(anatomy, shape, affine, across=_POINTS_ACROSS))


def _pieces(anatomy: Anatomy, sampled: Sampled) -> Iterator[Piece]:
    tissues = make_tissues()
    for name in CONTRASTS:
        yield Piece(name, _image(sampled, signal(PROTOCOLS[name], tissues)))
    yield from _atlas(sampled)
    yield from _labels(anatomy, sampled)


def _image(sampled: Sampled, values: np.ndarray) -> np.ndarray:
    image = gaussian_filter(sampled.mean(values), _BLUR / ZOOM)
    image *= _FULL_SCALE / np.percentile(image[::4, ::4, ::4], 99)
    return np.clip(np.rint(image), 0, np.iinfo(np.int16).max).astype(np.int16)


def _atlas(sampled: Sampled) -> Iterator[Piece]:
    counts = region_counts(sampled)
    n_points = sampled.inner_codes.shape[1]

    def image(regions: slice) -> np.ndarray:
        out = np.zeros(sampled.shape, np.uint8)
        out.reshape(-1)[sampled.inner] = counts[:, regions].sum(1, dtype=np.uint8)
        return out

    whole = {"GM": slice(code.N_WHITE, code.N_CORD), "WM": slice(0, code.N_WHITE)}
    for label, regions in whole.items():
        yield Piece("probseg", image(regions), scale=1.0 / n_points, label=label)
    for region in range(37):
        one = image(slice(region, region + 1))
        label = f"{region:02d}"
        yield Piece("probseg", one, scale=1.0 / n_points, label=label, atlas="SCTPhantom")


def _labels(anatomy: Anatomy, sampled: Sampled) -> Iterator[Piece]:
    fractions = make_fractions(anatomy, sampled, ("SC", "CSF", "spine"))
    masks = {label: part >= 0.5 for label, part in fractions.items()}
    slices = slice_table(anatomy, sampled.shape, sampled.affine)
    masks["centerline"] = centerline_mask(slices, sampled.shape, sampled.affine)
    for label, mask in masks.items():
        yield Piece("mask", mask.astype(np.uint8), label=label)
    for desc, labels in level_labels(anatomy, sampled, masks["SC"]).items():
        yield Piece("dseg", labels, desc=desc)
    for desc, table in _points(anatomy).items():
        yield Piece("dseg", _dots(anatomy, sampled, table), desc=desc)


def _points(anatomy: Anatomy) -> dict[str, np.ndarray]:
    """Labelled points, (n, 4) each: value, and mm in the cord's frame."""
    table = points(anatomy)

    def of(*kinds: str) -> np.ndarray:
        return table.loc[table["kind"].isin(kinds), ["value", "u", "v", "s"]].to_numpy(float)

    levels = anatomy.levels
    middles = 0.5 * (levels.spinal[1:] + levels.spinal[:-1])
    values = np.arange(1.0, len(middles) + 1)
    zero = np.zeros_like(values)
    bodies = of("body", "conus")
    bodies[:, 1:3] = 0.0  # on the cord, at the height of the body
    spinal = np.stack([values, zero, zero, middles], 1)
    return {
        "discs": of("disc", "conus"),
        "discsposterior": of("disc_posterior"),
        "bodies": bodies,
        "spinalmidpoints": spinal,
        # Dorsal rootlets as PAM50 has them: C2 to T1.
        "rootletsmidpoints": spinal[1:9],
    }


def _dots(anatomy: Anatomy, sampled: Sampled, table: np.ndarray) -> np.ndarray:
    world = anatomy.curve.to_world(table[:, 1:])
    inverse = np.linalg.inv(sampled.affine)
    voxels = np.rint(world @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    inside = np.all((voxels >= 0) & (voxels < np.array(sampled.shape)), axis=1)
    out = np.zeros(sampled.shape, np.uint8)
    out[tuple(voxels[inside].T)] = table[inside, 0]
    return out
