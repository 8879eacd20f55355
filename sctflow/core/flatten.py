"""Images whose slices are shifted sideways so that one sagittal plane shows the whole cord."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.centerline import Centerline
from sctflow.core.create_mask import centers_along
from sctflow.core.grid import canonicalize, from_canonical
from sctflow.core.image import finite


def flatten_sagittal(data: np.ndarray, affine: np.ndarray, centerline: Centerline) -> np.ndarray:
    """Shift each slice to the right or left until the cord lies in the middle sagittal plane.

    For pictures only: positions in the world no longer hold.

    Parameters
    ----------
    data : (i, j, k) array
        Values that are not finite count as 0.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    centerline : Centerline
        Of the cord. Beyond its ends slices are shifted as the last one is.

    Returns
    -------
    (i, j, k) array of float32
        Interpolated linearly; what comes from beyond the field of view is 0.
    """
    ras, _ = canonicalize(finite(data), affine)
    n = ras.shape[0]
    centers = centers_along(centerline, data.shape[:3], affine)[:, 0]
    known = np.flatnonzero(np.isfinite(centers))
    shifts = (n - 1) // 2 - np.interp(np.arange(len(centers)), known, centers[known])
    flat = np.empty(ras.shape, np.float32)
    for k, shift in enumerate(shifts):
        flat[:, :, k] = ndimage.shift(
            ras[:, :, k].astype(np.float32), (shift, 0), order=1, mode="constant"
        )
    return from_canonical(flat, affine)
