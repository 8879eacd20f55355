"""Where a series shows what is not the cord: cerebrospinal fluid, and tissue far from it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.grid import canonical_axes

FAR_MM = 8.0
"""From the edge of the cord: beyond the canal, which is some 24 by 15 mm about a cord of 13 by
8 mm."""

LEAST_SIGNAL = 0.1
"""Of the brightest tissue (98th percentile); air and bone have less."""

LEAST_FLUID = 0.5
"""Share of a voxel that is fluid; in thick slices few have more."""

LEAST_VOXELS = 20
"""With fewer, a mean is that of a few voxels, and components are their noise."""


def fluid_mask(fluid: np.ndarray, cord: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Voxels of cerebrospinal fluid that do not touch the cord.

    Parameters
    ----------
    fluid, cord : (i, j, k) array
        Weights from 0 to 1 of the fluid, such as a template's, and the mask of the cord.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    (i, j, k) array of bool
    """
    in_plane = [3, 3, 3]
    in_plane[slice_axis(affine)] = 1
    beside = ndimage.binary_dilation(np.asarray(cord) > 0, np.ones(in_plane))
    return (np.asarray(fluid) >= LEAST_FLUID) & ~beside


def far_mask(mean: np.ndarray, cord: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Tissue well away from the cord, in the slices that show it.

    Parameters
    ----------
    mean : (i, j, k) array
        Mean of the series.
    cord : (i, j, k) array
        Mask of the cord.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    (i, j, k) array of bool
        Empty without a cord: where it is not known, nothing is known to be far from it.
    """
    inside = np.asarray(cord) > 0
    if not inside.any():
        return inside
    across = slice_axis(affine)
    plane = tuple(axis for axis in range(3) if axis != across)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    away = ndimage.distance_transform_edt(~inside, sampling=sides)
    bright = mean > LEAST_SIGNAL * np.nanpercentile(mean, 98)
    return (away > FAR_MM) & bright & inside.any(axis=plane, keepdims=True)


def slice_axis(affine: np.ndarray) -> int:
    """Voxel axis that runs closest to inferior-superior."""
    return int(np.flatnonzero(canonical_axes(affine)[:, 0] == 2)[0])
