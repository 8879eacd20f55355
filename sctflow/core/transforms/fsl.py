"""Displacements as FSL counts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sctflow.core.transforms.field import Chain, mapped_centers, slabs


def fsl_warp(
    chain: Chain,
    *,
    affine: np.ndarray,
    shape: Sequence[int],
    moving_affine: np.ndarray,
    moving_shape: Sequence[int],
) -> np.ndarray:
    """Turn a chain into a relative warp as ``applywarp --rel`` takes it.

    FSL counts mm along an image's voxel axes, from its first voxel: index times voxel size, the
    first axis counted from its other end if the image is stored right-handed (positive
    determinant of the affine), as its documentation of flirt describes. The warp therefore
    belongs to the grids of both images, not to the world.

    Parameters
    ----------
    chain : sequence of transforms
        Takes points of the fixed grid to the moving image, RAS mm.
    affine, shape
        Voxel to world (RAS mm) and size of the fixed (reference) image.
    moving_affine, moving_shape
        The same of the moving (input) image.

    Returns
    -------
    (x, y, z, 3) float32 array
        What is added to a reference voxel's FSL mm to give its place in FSL mm of the input.
    """
    affine, shape = np.asarray(affine, dtype=float), tuple(int(n) for n in shape)
    there = fsl_mm(moving_affine, moving_shape) @ np.linalg.inv(moving_affine)
    here = fsl_mm(affine, shape)
    warp = np.empty((*shape, 3), dtype=np.float32)
    for slab in slabs(shape):
        moved = mapped_centers(chain, affine, shape, slab)
        steps = np.mgrid[slab, : shape[1], : shape[2]].reshape(3, -1).T
        start = steps @ here[:3, :3].T + here[:3, 3]
        end = moved @ there[:3, :3].T + there[:3, 3]
        warp[slab] = (end - start).reshape(warp[slab].shape)
    return warp


def fsl_mm(affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Give the (4, 4) matrix from voxel indices to FSL's mm of an image."""
    sizes = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
    matrix = np.diag([*sizes, 1.0])
    if np.linalg.det(np.asarray(affine)[:3, :3]) > 0:
        matrix[0, 0], matrix[0, 3] = -sizes[0], (shape[0] - 1) * sizes[0]
    return matrix
