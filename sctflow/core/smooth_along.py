"""Images smoothed along the cord, and not across it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.cord_frame import CordFrame
from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.transforms.field import centers, slabs, to_indices, within

RADIUS_MM = 20.0
"""Default distance from the centreline within which an image is smoothed."""

BLEND_MM = 5.0
"""Over this length before the radius the smoothed image passes into the image as it was."""

_CUT = 3.0  # standard deviations after which the Gaussian is cut off


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
    volumes = [result] if data.ndim == 3 else list(np.moveaxis(result, 3, 0))
    splines = [ndimage.spline_filter(volume, order=3, output=dtype) for volume in volumes]
    steps, weights = _kernel(sigma_mm, _slice_spacing(affine, data.shape))
    for slab in slabs(data.shape):
        uvs = frame.from_world(centers(affine, data.shape, slab))
        share = _share(uvs, frame.ends, radius_mm)
        near = share > 0
        if not near.any():
            continue
        means = _means(splines, affine, frame, uvs[near], steps, weights)
        for volume, mean in zip(volumes, means, strict=True):
            part = volume[slab].reshape(-1)
            part[near] += share[near] * (mean - part[near])
            volume[slab] = part.reshape(volume[slab].shape)
    return result


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


def _means(
    splines: list[np.ndarray],
    affine: np.ndarray,
    frame: CordFrame,
    uvs: np.ndarray,
    steps: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Weighted means (volumes, n) along the lines through points (n, 3) of the frame."""
    sums, total = np.zeros((len(splines), len(uvs))), np.zeros(len(uvs))
    for step, weight in zip(steps, weights, strict=True):
        indices = to_indices(frame.to_world(uvs + np.array([0.0, 0.0, step])), affine)
        inside = within(indices, splines[0].shape)
        places = np.ascontiguousarray(indices[inside].T)
        total[inside] += weight
        for row, spline in zip(sums, splines, strict=True):
            row[inside] += weight * ndimage.map_coordinates(
                spline, places, order=3, mode="mirror", prefilter=False
            )
    return sums / total
