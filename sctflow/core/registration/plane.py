"""Transforms that stay in the slices of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.transforms import DisplacementField, invert, jacobian_determinant

LEAST_VOLUME = 0.05
"""A field that shrinks a voxel to less than this fraction is smoothed until it no longer does."""

_ROUNDS = 20  # of smoothing with twice the width each time something is left to unfold: plenty


@dataclass(frozen=True)
class PlaneGrid:
    """A grid on the slices of an image, with orthogonal axes in mm.

    Attributes
    ----------
    axes : (3, 3) array
        Columns are unit vectors in world space: right and anterior in the slices, and upwards.
    origin : (3,) array
        World place of voxel (0, 0, 0).
    spacing : (3,) array
        Sides of a voxel, mm.
    shape : tuple of 3 int
        Voxels to the right, to the front, upwards.
    """

    axes: np.ndarray
    origin: np.ndarray
    spacing: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def of_image(cls, affine: np.ndarray, shape: Sequence[int]) -> PlaneGrid:
        """Take the slices of an image; its own voxels, canonical, unless its axes are sheared."""
        # No voxels are read, only their arrangement: an array that takes no memory will do.
        voxels, affine = canonicalize(np.broadcast_to(False, tuple(shape[:3])), affine)
        columns = voxels.shape
        frame = SliceGrid.from_affine(affine)
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in columns], indexing="ij"))
        corners = frame.to_frame(frame.to_world(ends.reshape(3, -1).T))[:, :2]
        sides = np.linalg.norm(frame.pixel, axis=0)
        low = corners.min(axis=0)
        counts = np.ceil((corners.max(axis=0) - low) / sides - 1e-3).astype(int) + 1
        return cls(
            axes=frame.axes,
            origin=frame.from_frame(np.array([*low, 0.0])),
            spacing=np.array([*sides, frame.spacing]),
            shape=(*map(int, counts), int(columns[2])),
        )

    @property
    def affine(self) -> np.ndarray:
        """Voxel to world (RAS mm)."""
        affine = np.eye(4)
        affine[:3, :3] = self.axes * self.spacing
        affine[:3, 3] = self.origin
        return affine

    @property
    def heights(self) -> np.ndarray:
        """Of the slices above the first, mm (S,)."""
        return np.arange(self.shape[2]) * self.spacing[2]

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Place the columns and rows of voxels, mm to the right (X,) and to the front (Y,)."""
        return tuple(np.arange(self.shape[a]) * self.spacing[a] for a in (0, 1))

    def box(self, low: Sequence[int], high: Sequence[int]) -> PlaneGrid:
        """Cut out, or add, voxels: from `low` to before `high`; may reach beyond the grid."""
        low, high = np.asarray(low), np.asarray(high)
        origin = self.origin + self.axes @ (low * self.spacing)
        return replace(self, origin=origin, shape=tuple(int(n) for n in high - low))

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Take world mm (..., 3) to mm along `axes` from voxel (0, 0, 0)."""
        return (np.asarray(points, dtype=float) - self.origin) @ self.axes

    def from_frame(self, coordinates: np.ndarray) -> np.ndarray:
        """Undo :meth:`to_frame`."""
        return coordinates @ self.axes.T + self.origin


@dataclass(frozen=True)
class PlaneAffine:
    """An affine map in each slice.

    Between slices the maps are interpolated linearly, point by point; beyond the first and the
    last they stay the same. A point never leaves its height, so the inverse is exact.

    Attributes
    ----------
    grid : PlaneGrid
        Says where the slices lie.
    matrices : (S, 2, 3) array
        Take mm to the right and to the front (see :meth:`PlaneGrid.to_frame`) to the same in the
        moving image.
    inverted : bool
        Go from the moving to the fixed image instead.
    """

    grid: PlaneGrid
    matrices: np.ndarray
    inverted: bool = False

    def inverse(self) -> PlaneAffine:
        """Give the transform the other way."""
        return replace(self, inverted=not self.inverted)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), mm, to the moving space."""
        frame = self.grid.to_frame(points)
        matrix = self._at(frame[..., 2])
        plane, linear, offset = frame[..., :2], matrix[..., :2], matrix[..., 2]
        if self.inverted:
            a, b, c, d = (linear[..., i, j] for i in (0, 1) for j in (0, 1))
            x, y = np.moveaxis(plane - offset, -1, 0)
            plane = np.stack([d * x - b * y, a * y - c * x], axis=-1)
            plane /= (a * d - b * c)[..., None]
        else:
            plane = np.einsum("...ij,...j->...i", linear, plane) + offset
        return self.grid.from_frame(np.concatenate([plane, frame[..., 2:]], axis=-1))

    def _at(self, heights: np.ndarray) -> np.ndarray:
        """Interpolate the matrices (..., 2, 3) at heights (...), mm."""
        last = len(self.matrices) - 1
        if not last:
            return np.broadcast_to(self.matrices[0], (*heights.shape, 2, 3))
        slices = np.clip(heights / self.grid.spacing[2], 0, last)
        lower = np.minimum(slices.astype(int), last - 1)
        share = (slices - lower)[..., None, None]
        return self.matrices[lower] * (1 - share) + self.matrices[lower + 1] * share


@dataclass(frozen=True)
class PlaneField:
    """Displacements within the slices of a grid.

    Interpolated linearly; outside the grid that of its nearest edge is continued.

    Attributes
    ----------
    grid : PlaneGrid
    vectors : (X, Y, S, 2) array
        mm to the right and to the front.
    """

    grid: PlaneGrid
    vectors: np.ndarray

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), mm, to the moving space."""
        points = np.asarray(points, dtype=float)
        frame = self.grid.to_frame(points)
        indices = (frame / self.grid.spacing).reshape(-1, 3).T
        moves = [
            ndimage.map_coordinates(
                self.vectors[..., axis], indices, output=float, order=1, mode="nearest"
            ).reshape(frame.shape[:-1])
            for axis in (0, 1)
        ]
        return points + np.stack(moves, axis=-1) @ self.grid.axes[:, :2].T

    def field(self) -> DisplacementField:
        """Give the displacements in world mm."""
        return DisplacementField(self.vectors @ self.grid.axes[:, :2].T, self.grid.affine)

    def inverse(self) -> PlaneField:
        """Turn the field round, to a thousandth of a millimetre at the voxels."""
        found = invert(self.field(), affine=self.grid.affine, shape=self.grid.shape).field
        return replace(self, vectors=found.vectors @ self.grid.axes[:, :2])

    def unfolded(self) -> tuple[PlaneField, int]:
        """Smooth the field where it folds, until it does not.

        Returns
        -------
        PlaneField
        int
            How many voxels were folded.
        """
        volumes = jacobian_determinant(self.field())
        count = int((volumes <= 0).sum())
        result = self
        for n in range(_ROUNDS):
            if volumes.min() >= LEAST_VOLUME:
                break
            near = ndimage.gaussian_filter((volumes < LEAST_VOLUME).astype(float), 2.0 + n)
            share = np.minimum(1.0, near / near.max() * 2)[..., None]
            smooth = ndimage.gaussian_filter(result.vectors, (1.0 + n, 1.0 + n, 0, 0))
            result = replace(result, vectors=result.vectors * (1 - share) + smooth * share)
            volumes = jacobian_determinant(result.field())
        return result, count
