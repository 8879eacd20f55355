"""Series that were not moved back, interpolated as if they had been: fair to compare with."""

from __future__ import annotations

import numpy as np

from sctflow.core.image import finite
from sctflow.core.motion.apply import Interpolation, shift_planes, taps
from sctflow.core.motion.windows import arrange

_PLACES = np.linspace(0, 0.5, 101)  # of a pixel; kernels are symmetric about the middle
_FREQUENCIES = np.linspace(0, np.pi, 257)


def match_interpolation(
    data: np.ndarray,
    affine: np.ndarray,
    shift: np.ndarray,
    *,
    slice_axis: int,
    interpolation: Interpolation,
) -> np.ndarray:
    """Interpolate a series so that noise loses what correcting its motion takes from it.

    Interpolation averages neighbours, which makes a series look steadier than it was. Here every
    slice is moved to one place for all volumes, where white noise keeps as much of its variance
    as it does on average at the places that the correction moves volumes to. Motion stays.

    Parameters
    ----------
    data : (i, j, k, t) array
        Series. Values that are not finite count as 0.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    shift : (slices, volumes, 2) array
        mm, as in :class:`sctflow.core.motion.Motion`.
    slice_axis : int
        Canonical axis across the slices.
    interpolation
        As in :func:`sctflow.core.motion.apply_motion`.

    Returns
    -------
    (i, j, k, t) array of float32
        At most half a pixel away from where it was.
    """
    slices = arrange(finite(data), affine, slice_axis)
    out = np.empty(data.shape, np.float32)
    arranged = arrange(out, affine, slice_axis).data  # a view to be filled
    places = equal_place(shift / slices.pixel, interpolation)
    for k, place in enumerate(places):
        planes = np.moveaxis(slices.data[:, :, k], 2, 0).astype(np.float32)
        steps = np.broadcast_to(place, (len(planes), 2))
        arranged[:, :, k] = np.moveaxis(shift_planes(planes, steps, interpolation), 0, 2)
    return out


def equal_place(steps: np.ndarray, interpolation: Interpolation) -> np.ndarray:
    """Find where, between two pixels, white noise keeps the mean of what it keeps elsewhere.

    Parameters
    ----------
    steps : (slices, volumes, 2) array
        Pixels.
    interpolation
        Its kernel.

    Returns
    -------
    (slices, 2) array
        Between 0, where a pixel is what it was, and 0.5; 0 for what keeps all noise.
    """
    if interpolation in ("nearest", "fourier"):
        return np.zeros((len(steps), 2))
    kept = noise_kept(_PLACES, interpolation)
    part = np.abs(steps - np.rint(steps))
    wanted = np.interp(part, _PLACES, kept).mean(axis=1)
    # Descending towards the middle between two pixels.
    return np.interp(-wanted, -kept, _PLACES)


def noise_left(
    shift: np.ndarray, affine: np.ndarray, *, slice_axis: int, interpolation: Interpolation
) -> np.ndarray:
    """Part of the variance of white noise that undoing shifts by interpolation leaves.

    Parameters
    ----------
    shift, affine, slice_axis, interpolation
        See :func:`match_interpolation`.

    Returns
    -------
    (slices, volumes) array
    """
    if interpolation in ("nearest", "fourier"):
        return np.ones(shift.shape[:2])
    pixel = arrange(np.empty((1, 1, 1)), affine, slice_axis).pixel
    steps = shift / pixel
    part = np.abs(steps - np.rint(steps))
    return np.interp(part, _PLACES, noise_kept(_PLACES, interpolation)).prod(axis=-1)


def noise_kept(places: np.ndarray, interpolation: Interpolation) -> np.ndarray:
    """Part of the variance of white noise that is left after one shift by parts of a pixel."""
    response = sum(
        weight[:, None] * np.exp(1j * offset * _FREQUENCIES)
        for offset, weight in taps(places, interpolation)
    )
    if interpolation == "spline":
        response = response / ((4 + 2 * np.cos(_FREQUENCIES)) / 6)
    power = np.abs(response) ** 2
    # The ends of the half circle count once, all others twice.
    return (power[:, 1:-1].sum(axis=1) * 2 + power[:, 0] + power[:, -1]) / (2 * power.shape[1] - 2)
