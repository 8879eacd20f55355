"""Images smoothed along the cord, and not across it."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage, sparse

from sctflow.core.cord_frame import CordFrame
from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.transforms.field import centers, slabs, to_indices, within

RADIUS_MM = 20.0
"""Default distance from the centreline within which an image is smoothed."""

BLEND_MM = 5.0
"""Over this length before the radius the smoothed image passes into the image as it was."""

_CUT = 3.0  # standard deviations after which the Gaussian is cut off
_SAMPLES = 20_000  # on lines, that are worked on at a time: 64 weights each


def smooth_along(
    data: np.ndarray,
    affine: np.ndarray,
    frame: CordFrame,
    *,
    sigma_mm: float,
    radius_mm: float = RADIUS_MM,
) -> np.ndarray:
    """Average an image along lines that run parallel to the cord, with Gaussian weights.

    The image is sampled along such a line through each voxel, so that it is interpolated once
    (cubic spline) and not once to a straight space and once back. Samples outside the image do
    not count.

    Parameters
    ----------
    data : (i, j, k) or (i, j, k, n) array
        Finite.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    frame : CordFrame
        Of the cord.
    sigma_mm : float
        Standard deviation of the Gaussian, along the cord.
    radius_mm : float
        Voxels farther than this from the centreline, or from its ends, stay as they are; over
        the last :data:`BLEND_MM` before, the smoothing fades.

    Returns
    -------
    array of the same shape
        float64 if `data` is, or float32.

    Raises
    ------
    ValueError
        If `sigma_mm` or `radius_mm` is not positive.
    """
    if not (sigma_mm > 0 and radius_mm > 0):
        raise ValueError("sigma_mm and radius_mm must be over 0.")
    data, affine = np.asarray(data), np.asarray(affine, dtype=float)
    dtype = np.float64 if data.dtype == np.float64 else np.float32
    result = data.astype(dtype)
    volumes = result[..., None] if data.ndim == 3 else result
    coefficients = _spline_coefficients(volumes)
    steps, weights = _kernel(sigma_mm, _slice_spacing(affine, data.shape))
    at_a_time = math.ceil(_SAMPLES / len(steps))
    for slab in slabs(data.shape):
        uvs = frame.from_world(centers(affine, data.shape, slab))
        share = _share(uvs, frame.ends, radius_mm)
        part = volumes[slab]
        near = np.flatnonzero(share)
        for start in range(0, len(near), at_a_time):
            rows = near[start : start + at_a_time]
            lines = _line_means(uvs[rows], frame, affine, data.shape[:3], steps, weights, dtype)
            at = np.unravel_index(rows, part.shape[:3])
            away = lines @ coefficients - part[at]
            part[at] += share[rows, None].astype(dtype) * away
    return result


def _spline_coefficients(volumes: np.ndarray) -> np.ndarray:
    """Coefficients (voxels, n) of the cubic splines through volumes (i, j, k, n)."""
    coefficients = np.empty((*volumes.shape[:3], volumes.shape[3]), volumes.dtype)
    for index in range(volumes.shape[3]):
        coefficients[..., index] = ndimage.spline_filter(
            volumes[..., index], order=3, output=volumes.dtype
        )
    return coefficients.reshape(-1, volumes.shape[3])


def _slice_spacing(affine: np.ndarray, shape: tuple[int, ...]) -> float:
    _, canonical = canonicalize(np.empty(shape[:3], np.uint8), affine)
    return SliceGrid.from_affine(canonical).spacing


def _kernel(sigma_mm: float, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances along the cord, mm, and their weights, which add up to 1."""
    # Half a standard deviation samples the Gaussian well, a slice's spacing the image.
    step = min(0.5 * sigma_mm, spacing)
    count = int(np.ceil(_CUT * sigma_mm / step))
    steps = step * np.arange(-count, count + 1)
    weights = np.exp(-0.5 * (steps / sigma_mm) ** 2)
    return steps, weights / weights.sum()


def _share(uvs: np.ndarray, ends: tuple[float, float], radius_mm: float) -> np.ndarray:
    """How much of the smoothed image each voxel gets, by its distance from the line: 1 to 0."""
    beyond = uvs[:, 2] - np.clip(uvs[:, 2], *ends)
    distance = np.sqrt(uvs[:, 0] ** 2 + uvs[:, 1] ** 2 + beyond**2)
    return np.clip((radius_mm - distance) / min(BLEND_MM, radius_mm), 0.0, 1.0)


def _line_means(
    uvs: np.ndarray,
    frame: CordFrame,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    steps: np.ndarray,
    weights: np.ndarray,
    dtype: type,
) -> sparse.csr_array:
    """Matrix from spline coefficients to weighted means along the lines through points (n, 3).

    Where lines lie is the same for all volumes of a series, and so is the matrix, (n, voxels).
    """
    along = np.zeros((len(steps), 3))
    along[:, 2] = steps
    indices = to_indices(frame.to_world(uvs[:, None] + along), affine)
    share = weights * within(indices.reshape(-1, 3), shape).reshape(indices.shape[:2])
    share /= share.sum(1, keepdims=True)
    columns, values = _cubic_taps(indices.reshape(-1, 3), shape, dtype)
    values *= share.ravel().astype(dtype)
    ends = np.arange(len(uvs) + 1) * (len(steps) * len(values))
    return sparse.csr_array(
        (values.T.ravel(), columns.T.ravel(), ends), shape=(len(uvs), math.prod(shape))
    )


def _cubic_taps(
    indices: np.ndarray, shape: tuple[int, int, int], dtype: type
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (64, n) around places (n, 3), and their weights in a cubic spline."""
    columns, values = np.zeros((1, len(indices)), np.int32), np.ones((1, len(indices)), dtype)
    for place, size in zip(indices.T, shape, strict=True):
        below = np.floor(place)
        weights = _cubic_weights((place - below).astype(dtype))
        beside = below.astype(np.int32) + np.arange(-1, len(weights) - 1, dtype=np.int32)[:, None]
        # Coefficients go on beyond the outermost voxels as in a mirror at their centres.
        period = max(2 * (size - 1), 1)
        beside = np.minimum(beside % period, -beside % period)
        columns = (columns[:, None] * np.int32(size) + beside).reshape(-1, len(indices))
        values = (values[:, None] * weights).reshape(-1, len(indices))
    return columns, values


def _cubic_weights(part: np.ndarray) -> np.ndarray:
    """Weights (4, n) of neighbours in a cubic spline, for places (n,) beyond the second one."""
    rest = 1 - part
    return np.stack(
        [
            rest * rest * rest / 6,
            2 / 3 - part * part * (1 - part / 2),
            2 / 3 - rest * rest * (1 - rest / 2),
            part * part * part / 6,
        ]
    )
