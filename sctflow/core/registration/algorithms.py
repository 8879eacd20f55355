"""The algorithms of registration steps: from a pair of images to a transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sctflow.core.mask import bounding_box
from sctflow.core.registration.columnwise import columnwise_moves
from sctflow.core.registration.deform import Match, deform
from sctflow.core.registration.hog import gradient_rotation
from sctflow.core.registration.linear import Level, align
from sctflow.core.registration.moments import (
    axis_rotation,
    centers_and_axes,
    filled_in,
    turned_about,
)
from sctflow.core.registration.pair import Pair
from sctflow.core.registration.plane import PlaneAffine, PlaneField
from sctflow.core.registration.steps import Step

Found = tuple[PlaneAffine | PlaneField, list[str]]

AROUND_MM = 10.0
"""Room about masks that are deformed: for a deformation by ANTs to die away in."""


def _center(pair: Pair, step: Step) -> Found:
    known = pair.common_slices()
    fixed, moving, _ = _sections(pair, known, pooled=not step.slicewise)
    still = np.zeros(len(fixed))
    return _slice_maps(pair, turned_about(fixed, moving, still)), _gaps(known)


def _center_and_turn(pair: Pair, step: Step) -> Found:
    known = pair.common_slices()
    fixed, moving, axes = _sections(pair, known, pooled=not step.slicewise)
    sigma = step.filter_size / pair.grid.spacing[2] if step.slicewise else 0.0
    angle, trust = axis_rotation(*axes, sigma=sigma)
    # Between a guess and staying put, the long axis counts by how much there is of one.
    angle = angle * trust if step.rot_method == "pca" else angle
    if step.rot_method != "pca":
        turned = gradient_rotation(
            *pair.image, fixed_center=fixed, moving_center=moving, grid=pair.grid, sigma=sigma
        )
        turned = filled_in(turned, known)
        if not step.slicewise:
            turned = np.full_like(turned, np.median(turned[known]))
        angle = turned if step.rot_method == "hog" else trust * angle + (1 - trust) * turned
    return _slice_maps(pair, turned_about(fixed, moving, angle)), _gaps(known)


def _sections(pair: Pair, known: np.ndarray, *, pooled: bool) -> tuple:
    """Centres (S, 2) of both masks and their axes (S,), each slice given one."""
    found = [centers_and_axes(weights, pair.grid) for weights in pair.seg]
    if pooled:
        mass = [weights[known].sum(axis=(1, 2)) for weights in pair.seg]
        found = [
            tuple(
                np.broadcast_to(np.average(v[known], axis=0, weights=m), v.shape) for v in values
            )
            for values, m in zip(found, mass, strict=True)
        ]
    else:
        found = [
            (filled_in(centers, known), _filled_complex(axes, known)) for centers, axes in found
        ]
    return found[0][0], found[1][0], (found[0][1], found[1][1])


def _filled_complex(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return filled_in(values.real, known) + 1j * filled_in(values.imag, known)


def _columns(pair: Pair, step: Step) -> Found:
    known = pair.common_slices()
    pair = _about_masks(pair)
    both = [weights[known] for weights in pair.seg]
    moves = np.zeros((*pair.seg[0].shape, 2))
    moves[known] = columnwise_moves(*both, pair.grid, sigma=step.smooth_warp)
    return _slice_field(pair, filled_in(moves, known), known)


def _linear(pair: Pair, step: Step) -> Found:
    pair = _about_masks(pair)
    known = pair.common_slices()
    count = len(known)
    if step.algo == "slicereg":
        model, basis = "translation", _polynomials(known, step.poly)
    else:
        model, basis = step.algo, None if step.slicewise else np.ones((count, 1))
    fixed, moving = pair.seg if step.type == "seg" else pair.image
    weights = pair.weights * known[:, None, None]
    levels = [Level(*level) for level in zip(step.iter, step.shrink, step.smooth, strict=True)]
    matrices, found = align(
        fixed,
        moving,
        weights,
        pair.grid,
        model=model,
        metric=step.metric,
        levels=levels,
        basis=basis,
    )
    warnings = []
    if basis is None:
        lost = np.flatnonzero(known & ~found)
        if len(lost) == known.sum():
            matrices = np.tile(np.eye(2, 3), (count, 1, 1))
            warnings.append("no slice could be aligned; nothing is moved.")
        else:
            matrices = filled_in(matrices, known & found)
            if len(lost):
                warnings.append(
                    f"{len(lost)} slices could not be aligned and follow their neighbours."
                )
    return _slice_maps(pair, matrices), warnings + _gaps(known)


def _polynomials(known: np.ndarray, degree: int) -> np.ndarray:
    """Legendre polynomials (S, K) over the slices that count, constant beyond them."""
    given = np.flatnonzero(known)
    low, high = given[0], given[-1]
    place = np.clip(np.arange(len(known)), low, high)
    place = 2 * (place - low) / max(high - low, 1) - 1
    return np.polynomial.legendre.legvander(place, min(degree, len(given) - 1))


def _deformation(pair: Pair, step: Step) -> Found:
    known = pair.common_slices()
    # Where one of the images is missing, the nearest slice where both are stands in.
    given = np.flatnonzero(known)
    nearest = given[np.abs(np.arange(len(known))[:, None] - given).argmin(axis=1)]
    part = _about_masks(pair.at(nearest))
    matches, mask = [], None
    if part.image is not None:
        overlap = np.isfinite(part.image[0]) & np.isfinite(part.image[1])
        images = [np.where(overlap, image, 0) for image in part.image]
        matches.append(Match(*images, step.metric))
        mask = overlap & (part.weights > 0)
    if part.seg is not None:
        metric = step.metric if step.type == "seg" else "MeanSquares"
        matches.append(Match(*part.seg, metric))
    return _slice_field(part, deform(matches, mask, part.grid, step=step), known)


def _about_masks(pair: Pair) -> Pair:
    """Cut masks to their surroundings: deforming the rest takes time and does nothing."""
    if pair.seg is None:
        return pair
    box = bounding_box((pair.seg[0] > 0) | (pair.seg[1] > 0))
    shape = np.array(pair.grid.shape)
    pad = np.ceil(np.array([AROUND_MM, AROUND_MM]) / pair.grid.spacing[:2]).astype(int)
    low = np.maximum([box[1].start - pad[0], box[2].start - pad[1], 0], 0)
    high = np.minimum([box[1].stop + pad[0], box[2].stop + pad[1], shape[2]], shape)
    return pair.cropped(low, high)


def _slice_maps(pair: Pair, matrices: np.ndarray) -> PlaneAffine:
    same = np.ptp(matrices, axis=0).max() == 0
    return PlaneAffine(pair.grid, matrices[:1] if same else matrices)


def _slice_field(pair: Pair, moves: np.ndarray, known: np.ndarray) -> Found:
    field = PlaneField(pair.grid, np.moveaxis(moves, 0, 2))
    field, folded = field.unfolded()
    warnings = _gaps(known)
    if folded:
        warnings.append(f"the field folded at {folded} voxels and was smoothed there.")
    return field, warnings


def _gaps(known: np.ndarray) -> list[str]:
    """Say how many slices between others had to be guessed."""
    given = np.flatnonzero(known)
    missing = int((~known[given[0] : given[-1] + 1]).sum())
    if not missing:
        return []
    return [f"{missing} slices between others lack a mask or an image; they follow those."]


ALGORITHM_OF: dict[str, Callable[[Pair, Step], Found]] = {
    "centermass": _center,
    "centermassrot": _center_and_turn,
    "columnwise": _columns,
    "translation": _linear,
    "rigid": _linear,
    "affine": _linear,
    "slicereg": _linear,
    "syn": _deformation,
    "bsplinesyn": _deformation,
}
"""What runs each algorithm of :data:`sctflow.core.registration.steps.ALGORITHMS`."""
