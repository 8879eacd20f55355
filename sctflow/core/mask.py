"""What the numbers in a mask mean."""

from __future__ import annotations

import numpy as np

from sctflow.core.grid import canonicalize, from_canonical
from sctflow.errors import SegmentationError

NEGLIGIBLE = 0.01
"""Weights below this are background.

A network's output is rarely exactly zero, and a thousandth spread over a whole slice weighs as
much as the cord."""

OVERSHOOT = 0.1
"""How far beyond 0 and 1 a weight may lie (ringing of spline interpolation) before it is
refused as not being a weight."""


def mask_weights(mask: np.ndarray) -> np.ndarray:
    """Read a binary or soft mask as the fraction of each voxel that is cord.

    Nothing is rescaled: a soft mask multiplied by 0.3 describes 0.3 of the area. A mask with one
    value other than 0, and that value over 1 (255, a label number), is binary. Voxels that are
    not finite, and weights under :data:`NEGLIGIBLE`, count as background.

    Parameters
    ----------
    mask : array
        Boolean, integer or floating point.

    Returns
    -------
    array of float64, same shape
        Weights in [0, 1].

    Raises
    ------
    SegmentationError
        If the values are neither 0 and one other value, nor fractions between 0 and 1.
    """
    mask = np.asarray(mask)
    if mask.dtype == bool:
        return mask.astype(float)
    if mask.dtype.kind not in "iuf":
        raise SegmentationError(
            f"A mask must hold numbers, but its data type is {mask.dtype}. "
            "Save it as an integer (binary) or floating-point (soft) image."
        )
    if not mask.size:
        return mask.astype(float)
    weights = np.nan_to_num(mask.astype(float), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = weights.min(), weights.max()
    if low < -OVERSHOOT:
        raise SegmentationError(
            f"The mask has negative values (down to {low:.4g}). Use 0 and 1, or fractions."
        )
    if high > 1 + OVERSHOOT:
        if np.any((weights != 0) & (weights != high)):
            raise SegmentationError(
                f"The mask has several values and some are over 1 (up to {high:.4g}), so it is "
                "unclear whether they are labels or fractions. Use 0 and 1 (binary), or "
                "fractions between 0 and 1 (soft)."
            )
        return (weights != 0).astype(float)
    weights[weights < NEGLIGIBLE] = 0.0
    return np.minimum(weights, 1.0, out=weights)


def core_of(weights: np.ndarray) -> np.ndarray:
    """Outline a mask: the voxels with at least half of its largest weight.

    A slice without any such voxel holds no cord, only the faint end of a soft mask.
    """
    return (weights > 0) & (weights >= 0.5 * weights.max(initial=0.0))


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Find the smallest box that holds every voxel that is not zero; None if there is none."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        found = np.flatnonzero(mask.any(axis=others))
        if not found.size:
            return None
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)


def grow_in_slices(mask: np.ndarray, affine: np.ndarray, margin: float) -> np.ndarray:
    """Take in what lies near a mask in the plane of its slices.

    Parameters
    ----------
    mask : (i, j, k) array
        Not 0 inside.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    margin : float
        mm between the centres of voxels.

    Returns
    -------
    (i, j, k) array of bool
        Slices without mask stay empty.
    """
    from scipy import ndimage

    inside, canonical = canonicalize(np.asarray(mask) != 0, affine)
    sides = np.linalg.norm(canonical[:3, :3], axis=0)[:2]
    grown = np.zeros(inside.shape, bool)
    for k in np.flatnonzero(inside.any(axis=(0, 1))):
        away = ndimage.distance_transform_edt(~inside[:, :, k], sampling=sides)
        grown[:, :, k] = away <= margin
    return from_canonical(grown, affine)
