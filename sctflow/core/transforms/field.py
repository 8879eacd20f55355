"""Affines, displacement fields and chains of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage

from sctflow.errors import ImageError

SLAB_POINTS = 400_000
"""Points that are worked on at a time: what bounds the memory, not the result."""

EDGE = 0.5 + 1e-6
"""In voxels: how far beyond the outermost voxel centres a grid reaches."""

FIELD_MM = 1.1
"""Usual distance between the voxels of a field that is written."""

STEP_MM = 2.0**-10
"""Of rounded displacements: a power of two, which leaves the last bits empty."""

_OWN_GRID = 1.4  # times as large or small as wanted: an image's own voxels will do

UNDEFINED_MM = 1e5
"""Displacements this long are no displacements: some programs mark voxels that have none by an
absurd value. A point there lands outside every image."""


@dataclass(frozen=True)
class Affine:
    """An affine transform.

    Attributes
    ----------
    matrix : (4, 4) array
        Takes points of the fixed space to the moving space, RAS mm.
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        """Refuse what is not an affine."""
        matrix = np.asarray(self.matrix, dtype=float)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ImageError("An affine transform needs a finite 4 x 4 matrix.")
        object.__setattr__(self, "matrix", matrix)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), mm, to the moving space."""
        return np.asarray(points, dtype=float) @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def inverse(self) -> Affine:
        """Give the transform from the moving to the fixed space."""
        return Affine(np.linalg.inv(self.matrix))


@dataclass(frozen=True)
class DisplacementField:
    """Displacements on a grid.

    Between voxel centres they are interpolated linearly. The grid reaches half a voxel beyond
    its outermost centres, where the nearest displacement is continued; farther out the
    displacement is zero. Both are what ITK does.

    Attributes
    ----------
    vectors : (x, y, z, 3) array
        What is added to a point of the fixed space to find its place in the moving space, RAS mm.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the grid.
    """

    vectors: np.ndarray
    affine: np.ndarray

    def __post_init__(self) -> None:
        """Refuse what is not a field."""
        vectors = np.asarray(self.vectors)
        if vectors.ndim != 4 or vectors.shape[3] != 3 or 0 in vectors.shape:
            raise ImageError(
                f"A displacement field needs an array of size (x, y, z, 3), not {vectors.shape}."
            )
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "affine", np.asarray(self.affine, dtype=float))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the grid."""
        return self.vectors.shape[:3]

    def defined(self) -> np.ndarray:
        """Say which voxels (x, y, z) have a displacement (see :data:`UNDEFINED_MM`)."""
        # Not the maximum over the vector, which takes ten times as long.
        good = np.abs(self.vectors[..., 0]) < UNDEFINED_MM
        for axis in (1, 2):
            good &= np.abs(self.vectors[..., axis]) < UNDEFINED_MM
        return good

    def lies_on(self, affine: np.ndarray, shape: Sequence[int]) -> bool:
        """Say whether a grid is this field's own, to a thousandth of a voxel."""
        if tuple(shape) != self.shape:
            return False
        # The same voxel everywhere, if it is at two opposite corners and their neighbours.
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * (np.array(shape) - 1)
        there = to_indices(to_world(corners, affine), self.affine)
        return bool(np.abs(there - corners).max() < 1e-3)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), mm, to the moving space."""
        points = np.asarray(points, dtype=float)
        mapped = points.reshape(-1, 3).copy()
        indices = to_indices(mapped, self.affine)
        inside = within(indices, self.shape)
        coordinates = np.ascontiguousarray(indices[inside].T)
        for axis in range(3):
            mapped[inside, axis] += ndimage.map_coordinates(
                self.vectors[..., axis], coordinates, output=float, order=1, mode="nearest"
            )
        return mapped.reshape(points.shape)


class Transform(Protocol):
    """What takes points of the fixed space to the moving space: an affine, a field, a map."""

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), mm, to the moving space."""


Chain = Sequence[Transform]
"""Transforms that a point goes through from first to last."""


def to_world(indices: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Take voxel indices (..., 3) to world mm."""
    return np.asarray(indices, dtype=float) @ affine[:3, :3].T + affine[:3, 3]


def to_indices(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Take world mm (..., 3) to voxel indices that are not rounded."""
    return to_world(points, np.linalg.inv(affine))


def within(indices: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Say which voxel indices (n, 3) lie in a grid's field of view."""
    inside = np.ones(len(indices), dtype=bool)
    for axis in range(3):
        column = indices[:, axis]
        inside &= (column >= -EDGE) & (column <= shape[axis] - 1 + EDGE)
    return inside


def map_points(points: np.ndarray, chain: Chain) -> np.ndarray:
    """Take points through a chain.

    Parameters
    ----------
    points : (..., 3) array
        Of the fixed space, RAS mm.
    chain : sequence of transforms
        An empty one leaves the points where they are.

    Returns
    -------
    (..., 3) array
        Their places in the moving space, RAS mm.
    """
    points = np.array(points, dtype=float)
    for transform in chain:
        points = transform.map_points(points)
    return points


def slabs(shape: Sequence[int]) -> Iterator[slice]:
    """Cut a grid along its first axis into pieces of about :data:`SLAB_POINTS`."""
    thickness = max(1, SLAB_POINTS // max(1, int(shape[1]) * int(shape[2])))
    for start in range(0, int(shape[0]), thickness):
        yield slice(start, min(start + thickness, int(shape[0])))


def centers(affine: np.ndarray, shape: Sequence[int], slab: slice) -> np.ndarray:
    """Give the voxel centres (n, 3) of a slab of a grid, in world mm."""
    steps = (np.arange(slab.start, slab.stop), np.arange(shape[1]), np.arange(shape[2]))
    points = affine[:3, 3] + steps[0][:, None, None, None] * affine[:3, 0]
    points = points + steps[1][:, None, None] * affine[:3, 1]
    return (points + steps[2][:, None] * affine[:3, 2]).reshape(-1, 3)


def mapped_centers(
    chain: Chain, affine: np.ndarray, shape: Sequence[int], slab: slice
) -> np.ndarray:
    """Take the voxel centres of a slab through a chain: (n, 3), mm in the moving space."""
    points = centers(affine, shape, slab)
    if chain and isinstance(chain[0], DisplacementField) and chain[0].lies_on(affine, shape):
        # Known at these very points: exact, and most of the work saved.
        points += chain[0].vectors[slab].reshape(-1, 3)
        chain = chain[1:]
    return map_points(points, chain)


def compose(
    chain: Chain, *, affine: np.ndarray, shape: Sequence[int], dtype: type = np.float32
) -> DisplacementField:
    """Join a chain into one displacement field.

    Exact at the voxel centres of the grid. Where a field of the chain ends, its displacement
    drops to zero (see :class:`DisplacementField`), and the joined field shows the step.

    Parameters
    ----------
    chain : sequence of transforms
        See :func:`map_points`.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the wanted grid.
    shape : sequence of 3 int
        Its size.
    dtype : floating-point type
        Of the vectors.
    """
    affine, shape = np.asarray(affine, dtype=float), tuple(int(n) for n in shape)
    vectors = np.empty((*shape, 3), dtype=dtype)
    for slab in slabs(shape):
        moved = mapped_centers(chain, affine, shape, slab) - centers(affine, shape, slab)
        vectors[slab] = moved.reshape(vectors[slab].shape)
    return DisplacementField(vectors, affine)


def rounded(field: DisplacementField, *, step_mm: float = STEP_MM) -> DisplacementField:
    """Round displacements, to a micrometre, so that the file compresses to half its size."""
    factor = np.float32(1 / step_mm)
    vectors = np.rint(field.vectors * factor)
    vectors /= factor
    return DisplacementField(vectors, field.affine)


def field_grid(
    affine: np.ndarray, shape: Sequence[int], *, spacing_mm: float = FIELD_MM
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Choose the grid of a displacement field that covers an image.

    A smooth field needs no finer voxels than about a millimetre, and no coarser ones where the
    image's slices are thick: between them it is interpolated linearly.

    Parameters
    ----------
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.
    shape : sequence of 3 int
        Its size.
    spacing_mm : float
        Wanted distance between the field's voxels. An image whose voxels are about that large
        gets its own grid.

    Returns
    -------
    affine : (4, 4) array
        Of the field; its axes are the image's.
    shape : tuple of 3 int
        The outermost voxels' centres lie on the image's or beyond.
    """
    affine, shape = np.asarray(affine, dtype=float), np.asarray(shape[:3], dtype=int)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    own = np.abs(np.log(sides / spacing_mm)) < np.log(_OWN_GRID)
    length = (shape - 1) * sides
    count = np.where(own, shape, np.ceil(length / spacing_mm - 1e-6).astype(int) + 1)
    step = np.where(own, 1.0, np.where(shape > 1, spacing_mm / sides, 1.0))
    # What the last voxel reaches too far is shared out to both sides.
    start = 0.5 * ((shape - 1) - (count - 1) * step)
    grid = affine.copy()
    grid[:3, :3] = affine[:3, :3] * step
    grid[:3, 3] = affine[:3, :3] @ start + affine[:3, 3]
    return grid, tuple(int(n) for n in count)
