"""A mask made by hand and the image that it was made on."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from sctflow.core.image import to_canonical, to_grid_of
from sctflow.core.mask import mask_weights
from sctflow.errors import ImageError, SegmentationError

TOLERANCE_MM = 0.1
"""Editors of masks round the affine; further apart than this, and than a tenth of a voxel, the
grids are taken as different."""


def mask_on_grid(mask: nib.Nifti1Image, img: nib.Nifti1Image, *, name: str) -> np.ndarray:
    """Weights of a mask on the voxels of its image.

    A mask that is stored in another orientation of the same grid is turned; nothing is resampled.

    Parameters
    ----------
    mask : nibabel image
        Binary or soft (see :func:`sctflow.core.mask.mask_weights`).
    img : nibabel image
        Image that the mask was made on.
    name : str
        What the messages call the mask, usually its file name.

    Returns
    -------
    (i, j, k) array of float32
        Weights from 0 to 1 on the grid of `img`.

    Raises
    ------
    ImageError
        If the mask does not lie on the grid of the image.
    SegmentationError
        If the mask is empty or its values are not those of a mask.
    """
    canonical, reference = to_canonical(mask), to_canonical(img)
    if canonical.shape != reference.shape:
        raise ImageError(
            f"{name}: the mask has {_size(canonical)} voxels (right, anterior, superior) and its "
            f"image has {_size(reference)}. Draw the mask on the image, or resample it to it."
        )
    apart = _corner_distance(canonical, reference)
    if not apart <= max(TOLERANCE_MM, 0.1 * min(reference.header.get_zooms()[:3])):
        raise ImageError(
            f"{name}: the mask lies up to {apart:.3g} mm away from its image. Copy the "
            "orientation (affine) of the image into the mask, or resample the mask to the image."
        )
    try:
        weights = mask_weights(np.asanyarray(canonical.dataobj))
    except SegmentationError as error:
        raise SegmentationError(f"{name}: {error}") from error
    if not weights.any():
        raise SegmentationError(
            f"{name}: the mask is empty. Draw the cord in it, or remove the file to have the "
            "cord segmented."
        )
    return np.ascontiguousarray(to_grid_of(weights, img), dtype=np.float32)


def _corner_distance(first: nib.Nifti1Image, second: nib.Nifti1Image) -> float:
    """Largest distance in mm between the same corners of two grids of one size."""
    ends = [(-0.5, n - 0.5) for n in first.shape]
    corners = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]])
    gap = corners @ (first.affine - second.affine).T
    return float(np.linalg.norm(gap[:, :3], axis=1).max())


def _size(img: nib.Nifti1Image) -> str:
    return " x ".join(map(str, img.shape))
