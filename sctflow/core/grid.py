"""Geometry of an image's slices: its canonical array and the frame its slices define.

Everything that is computed "per slice" works in the closest canonical (RAS) arrangement of the
voxel array: axis 0 to the right, axis 1 to the front, axis 2 upwards. A *slice* is an index on
axis 2. Oblique images keep their own axes: only permutations and flips are applied, so nothing
is interpolated and the way back is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel import orientations

_RAS = np.array([[0, 1], [1, 1], [2, 1]], dtype=float)


def canonical_axes(affine: np.ndarray) -> np.ndarray:
    """Say where each voxel axis points.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    (3, 2) array of int
        For voxel axis ``a``, ``[a, 0]`` is the canonical axis (0 right, 1 anterior,
        2 superior) that it is closest to, and ``[a, 1]`` is -1 where it runs the other way.
    """
    return nib.io_orientation(np.asarray(affine, dtype=float)).astype(int)


def canonicalize(data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Arrange an array as closest canonical RAS.

    Parameters
    ----------
    data : (i, j, k) array
        Voxels on the image's own grid.
    affine : (4, 4) array
        Voxel to world (RAS mm) of that grid.

    Returns
    -------
    data : array
        The same voxels, a view with axes permuted and flipped.
    affine : (4, 4) array
        Voxel to world of the returned array.
    """
    orientation = nib.io_orientation(np.asarray(affine, dtype=float))
    flipped = orientations.inv_ornt_aff(orientation, data.shape[:3])
    return orientations.apply_orientation(data, orientation), np.asarray(affine) @ flipped


def from_canonical(data_ras: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Undo :func:`canonicalize`: put a canonical array back on the grid of `affine`.

    Parameters
    ----------
    data_ras : (R, A, S) array
        Voxels in canonical arrangement.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the grid to go back to.
    """
    own = nib.io_orientation(np.asarray(affine, dtype=float))
    return orientations.apply_orientation(data_ras, orientations.ornt_transform(_RAS, own))


@dataclass(frozen=True)
class SliceGrid:
    """The orthonormal frame of the slices of a canonical image.

    Attributes
    ----------
    affine : (4, 4) array
        Canonical voxel to world (RAS mm).
    axes : (3, 3) array
        Columns are unit vectors in world space: right and anterior in the plane of the slice,
        and the slice normal, upwards. For an image that is not oblique, the identity.
    pixel : (2, 2) array
        Takes an in-plane step of voxel indices to mm along the first two axes. Diagonal
        (the pixel's sides) unless the affine is sheared.
    spacing : float
        Distance in mm between neighbouring slice planes.
    """

    affine: np.ndarray
    axes: np.ndarray
    pixel: np.ndarray
    spacing: float

    @classmethod
    def from_affine(cls, affine: np.ndarray) -> SliceGrid:
        """Build the frame from a canonical affine (see :func:`canonicalize`)."""
        affine = np.asarray(affine, dtype=float)
        columns = affine[:3, :3]
        # The nearest orthonormal pair to the in-plane axes: themselves, unless they are sheared.
        left, _, right = np.linalg.svd(columns[:, :2], full_matrices=False)
        in_plane = left @ right
        normal = np.cross(in_plane[:, 0], in_plane[:, 1])
        normal *= np.sign(normal @ columns[:, 2])
        axes = np.column_stack([in_plane, normal])
        return cls(
            affine=affine,
            axes=axes,
            pixel=in_plane.T @ columns[:, :2],
            spacing=float(normal @ columns[:, 2]),
        )

    def to_world(self, indices: np.ndarray) -> np.ndarray:
        """Take voxel indices (..., 3) to world mm (..., 3)."""
        return np.asarray(indices, dtype=float) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_frame(self, world: np.ndarray) -> np.ndarray:
        """Take world mm (..., 3) to mm along `axes`, from voxel (0, 0, 0)."""
        return (np.asarray(world, dtype=float) - self.affine[:3, 3]) @ self.axes

    def from_frame(self, coordinates: np.ndarray) -> np.ndarray:
        """Take mm along `axes` (..., 3) to world mm (..., 3)."""
        return np.asarray(coordinates, dtype=float) @ self.axes.T + self.affine[:3, 3]
