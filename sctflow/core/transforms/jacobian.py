"""How much a transform swells or shrinks space."""

from __future__ import annotations

import numpy as np

from sctflow.core.transforms.field import DisplacementField, slabs


def jacobian_determinant(field: DisplacementField) -> np.ndarray:
    """Find the local change of volume of a displacement field.

    Central differences, one-sided at the edges of the grid, taken to mm with the grid's affine:
    right for anisotropic, oblique and sheared grids of either handedness. Along an axis with a
    single voxel the displacement counts as constant.

    Parameters
    ----------
    field : DisplacementField

    Returns
    -------
    (x, y, z) float32 array
        Volume in the moving space per volume in the fixed space: 1 for a rigid motion, 0 or less
        where the field folds; nan next to voxels without displacement.
    """
    per_mm = np.linalg.inv(field.affine[:3, :3])
    undefined = ~field.defined()
    result = np.empty(field.shape, dtype=np.float32)
    for slab in slabs(field.shape):
        first, last = max(0, slab.start - 1), min(field.shape[0], slab.stop + 1)
        vectors = np.array(field.vectors[first:last], dtype=float)
        vectors[undefined[first:last]] = np.nan
        slopes = np.stack([_slope(vectors, axis) for axis in range(3)], axis=-1)
        slopes = slopes[slab.start - first : slab.stop - first]
        result[slab] = determinant(slopes @ per_mm + np.eye(3))
    return result


def _slope(vectors: np.ndarray, axis: int) -> np.ndarray:
    if vectors.shape[axis] == 1:
        return np.zeros_like(vectors)
    return np.gradient(vectors, axis=axis)


def determinant(matrices: np.ndarray) -> np.ndarray:
    """Give the determinants of (..., 3, 3) matrices; faster than the general routine."""
    (a, b, c), (d, e, f), (g, h, i) = (
        [matrices[..., row, column] for column in range(3)] for row in range(3)
    )
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
