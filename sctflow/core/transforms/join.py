"""Chains of transforms some of which go the wrong way, and points taken back through a chain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sctflow.core.transforms.field import (
    Affine,
    Chain,
    DisplacementField,
    compose,
    field_grid,
    map_points,
    mapped_centers,
    slabs,
    to_indices,
)
from sctflow.core.transforms.invert import invert, invert_points

FOLDED_MM = 0.1
"""Where going there and back ends farther away than this, a field counts as folded."""


def join_chains(
    parts: Sequence[tuple[Chain, bool]], *, affine: np.ndarray, shape: Sequence[int]
) -> tuple[list[Affine | DisplacementField], list[int]]:
    """Make one chain of transforms, and turn round those that go the wrong way.

    Parameters
    ----------
    parts : sequence of (chain, bool)
        In the order in which a point goes through them; True: to be inverted, as a whole.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the grid whose voxels go through the chain.
    shape : sequence of 3 int
        Its size.

    Returns
    -------
    chain : list
        For points of that grid. Fields that are inverted first, or after affines alone, are
        exact at its voxel centres; others at the voxels of a grid as fine as their own.
    folded : list of int
        For each of `parts`, how many voxels have no inverse, for the field folds there.
    """
    affine = np.asarray(affine, dtype=float)
    shape = tuple(int(n) for n in shape)
    chain, folded = [], []
    for part, inverted in parts:
        folded.append(0)
        for transform in part[::-1] if inverted else part:
            if not inverted:
                chain.append(transform)
            elif isinstance(transform, Affine):
                chain.append(transform.inverse())
            else:
                grid, size = _arrivals(chain, affine, shape, transform)
                inverse = invert(transform, affine=grid, shape=size)
                folded[-1] += int(np.count_nonzero(inverse.residual > FOLDED_MM))
                chain.append(inverse.field)
    return chain, folded


def points_back(
    points: np.ndarray, chain: Chain, *, affine: np.ndarray, shape: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Take points of the moving image to the fixed grid: where images go, points come from.

    Parameters
    ----------
    points : (n, 3) array
        Of the moving space, RAS mm.
    chain : sequence of transforms
        Takes points of the fixed grid to the moving image.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the fixed grid.
    shape : sequence of 3 int
        Its size.

    Returns
    -------
    sources : (n, 3) array
        RAS mm of the fixed space.
    found : (n,) array of bool
        False where no point of the fixed grid goes to the point, and `sources` has the place of
        a continuation.
    """
    points = np.asarray(points, dtype=float).reshape(-1, 3)
    if all(isinstance(transform, Affine) for transform in chain):
        sources = map_points(points, [transform.inverse() for transform in chain[::-1]])
        return sources, np.ones(len(points), dtype=bool)
    grid, size = field_grid(affine, shape)
    return invert_points(compose(chain, affine=grid, shape=size), points)


def _arrivals(
    chain: Chain, affine: np.ndarray, shape: tuple[int, ...], field: DisplacementField
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Choose the grid on which a field is to be inverted for points that a chain brings to it."""
    if all(isinstance(transform, Affine) for transform in chain):
        for transform in chain:
            affine = transform.matrix @ affine
        return affine, shape
    reached = []
    for slab in slabs(shape):
        indices = to_indices(mapped_centers(chain, affine, shape, slab), field.affine)
        reached.append((indices.min(axis=0), indices.max(axis=0)))
    # No farther than the field's own image: what lies beyond has no inverse.
    places = field.vectors[field.defined()] @ np.linalg.inv(field.affine[:3, :3]).T
    places += np.argwhere(field.defined())
    low = np.maximum(np.min([r[0] for r in reached], axis=0), places.min(axis=0))
    high = np.minimum(np.max([r[1] for r in reached], axis=0), places.max(axis=0))
    low = np.floor(low).astype(int)
    high = np.maximum(np.ceil(high).astype(int), low)
    grid = field.affine.copy()
    grid[:3, 3] += field.affine[:3, :3] @ low
    return grid, tuple(int(n) for n in high - low + 1)
