"""Boxes to crop images to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sctflow.core.grid import canonical_axes
from sctflow.errors import SegmentationError

_ROUNDING = 1e-4  # voxels: grids that coincide do so to the precision of their headers

Box = tuple[tuple[int, int, int], tuple[int, int, int]]


def box_around(
    mask: np.ndarray,
    mask_affine: np.ndarray,
    *,
    affine: np.ndarray,
    shape: Sequence[int],
    margin_mm: Sequence[float] | float = 0.0,
) -> Box:
    """Find the box of an image's voxels that holds a mask and a margin around it.

    Parameters
    ----------
    mask : (i, j, k) array
        Every voxel that is not zero counts; on any grid in the world space of the image.
    mask_affine, affine : (4, 4) array
        Voxel to world (RAS mm) of the mask and of the image.
    shape : sequence of int
        Size of the image.
    margin_mm : float or sequence of 3 float
        On every side, or to the right and left, to the front and back, and up and down.

    Returns
    -------
    lower, upper : tuple of int
        First voxel, and the one after the last, along each axis of the image, inside of it; for
        :func:`sctflow.core.image.crop`.

    Raises
    ------
    SegmentationError
        If the mask is empty or lies outside of the image.
    """
    voxels = np.argwhere(mask)
    if not len(voxels):
        raise SegmentationError("The mask is empty: there is nothing to crop around.")
    to_image = np.linalg.inv(affine) @ mask_affine
    places = voxels @ to_image[:3, :3].T + to_image[:3, 3]
    along = canonical_axes(affine)[:, 0]
    margin = np.broadcast_to(margin_mm, 3)[along] / np.linalg.norm(affine[:3, :3], axis=0)
    margin = np.ceil(margin).astype(int)
    lower = np.floor(places.min(axis=0) + _ROUNDING).astype(int) - margin
    upper = np.ceil(places.max(axis=0) - _ROUNDING).astype(int) + margin + 1
    sizes = np.array(shape[:3])
    if (upper <= 0).any() or (lower >= sizes).any():
        raise SegmentationError(
            "The mask lies outside of the image. Do both show the same part of the body, in the "
            "same session?"
        )
    lower, upper = np.maximum(lower, 0), np.minimum(upper, sizes)
    return tuple(map(int, lower)), tuple(map(int, upper))
