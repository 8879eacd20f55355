"""Displacement fields turned round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from sctflow.core.transforms.field import (
    DisplacementField,
    centers,
    slabs,
    to_indices,
    to_world,
    within,
)
from sctflow.errors import ImageError

NODES = 20_000
"""Voxels of either grid from which the search starts."""

ROUNDS = 40
"""Newton steps and halvings together; four or five do for smooth fields."""

SHORTEST = 1 / 64
"""Fraction of a Newton step below which a point is given up."""

FLAT = 0.02
"""Where a field all but flattens space (volume under this fraction), Newton's step is not
trusted and the fixed-point step is taken instead."""


@dataclass(frozen=True)
class Inverse:
    """A displacement field turned round, and how well that went.

    Attributes
    ----------
    field : DisplacementField
        From the moving to the fixed space. Beyond the image of the field that was turned round,
        the displacements at its edge are continued.
    residual : (x, y, z) float32 array
        mm between a voxel centre and where going there and back ends. Above the tolerance, the
        field has no inverse there: it folds or leaves a gap.
    found : (x, y, z) bool array
        Whether the residual is within the tolerance and the way back ends within the grid of the
        field that was turned round, at a voxel that has a displacement. Elsewhere the result is
        a continuation.
    """

    field: DisplacementField
    residual: np.ndarray
    found: np.ndarray


def invert(
    field: DisplacementField,
    *,
    affine: np.ndarray,
    shape: Sequence[int],
    tolerance_mm: float = 1e-3,
) -> Inverse:
    """Turn a displacement field round, onto any grid of the moving space.

    Newton's method with step halving on the field as it is interpolated, so the result is exact
    at voxel centres. It starts on a coarse grid from the field's voxels that land closest, so
    large displacements and rotations are found as well. Where the field folds, one of the
    solutions is given.

    Parameters
    ----------
    field : DisplacementField
        From the fixed to the moving space, finite.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the wanted grid, in the moving space.
    shape : sequence of 3 int
        Its size.
    tolerance_mm : float
        Points are improved until there and back ends this close.
    """
    affine, shape = np.asarray(affine, dtype=float), tuple(int(n) for n in shape)
    defined = field.defined()
    field = _completed(field, defined)
    coarse = _invert_coarsely(field, affine, shape, tolerance_mm)
    vectors = np.empty((*shape, 3), dtype=np.float32)
    residual = np.empty(shape, dtype=np.float32)
    found = np.empty(shape, dtype=bool)
    for slab in slabs(shape):
        goals = centers(affine, shape, slab)
        start = to_indices(goals + coarse.refined(shape, slab), field.affine)
        source, distance = _solve(field, goals, start, tolerance_mm)
        vectors[slab] = (to_world(source, field.affine) - goals).reshape(vectors[slab].shape)
        residual[slab] = distance.reshape(residual[slab].shape)
        good = (distance <= tolerance_mm) & _lands(source, defined)
        found[slab] = good.reshape(found[slab].shape)
    return Inverse(DisplacementField(vectors, affine), residual, found)


def invert_points(
    field: DisplacementField, points: np.ndarray, *, tolerance_mm: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """Find the points that a displacement field takes to given ones.

    Parameters
    ----------
    field : DisplacementField
        From the fixed to the moving space, finite.
    points : (n, 3) array
        Of the moving space, RAS mm.
    tolerance_mm : float
        As for :func:`invert`.

    Returns
    -------
    sources : (n, 3) array
        In the fixed space, RAS mm.
    found : (n,) array of bool
        As `Inverse.found`.
    """
    points = np.asarray(points, dtype=float).reshape(-1, 3)
    defined = field.defined()
    field = _completed(field, defined)
    start = _closest_voxels(field, points)
    indices, distance = _solve(field, points, start, tolerance_mm)
    found = (distance <= tolerance_mm) & _lands(indices, defined)
    return to_world(indices, field.affine), found


def _lands(indices: np.ndarray, defined: np.ndarray) -> np.ndarray:
    """Say which voxel indices (n, 3) lie in a field's grid, at a voxel with a displacement."""
    nearest = np.clip(np.rint(indices).astype(int), 0, np.array(defined.shape) - 1)
    return within(indices, defined.shape) & defined[tuple(nearest.T)]


def _completed(field: DisplacementField, defined: np.ndarray) -> DisplacementField:
    """Give voxels without displacement that of the nearest one with."""
    # The three components of a voxel side by side in memory: they are always read together.
    vectors = np.ascontiguousarray(field.vectors)
    if not defined.all():
        if not defined.any():
            raise ImageError("A displacement field without displacements cannot be inverted.")
        sides = np.linalg.norm(field.affine[:3, :3], axis=0)
        nearest = ndimage.distance_transform_edt(
            ~defined, sampling=sides, return_distances=False, return_indices=True
        )
        vectors = vectors[tuple(nearest)]
    return DisplacementField(vectors, field.affine)


@dataclass(frozen=True)
class _Coarse:
    """The inverse displacements (x, y, z, 3) on every `step`-th voxel of a grid."""

    vectors: np.ndarray
    step: np.ndarray

    def refined(self, shape: tuple[int, ...], slab: slice) -> np.ndarray:
        """Interpolate them at the voxels of a slab: (n, 3)."""
        moves = [
            ndimage.affine_transform(
                self.vectors[..., axis],
                np.diag(1 / self.step),
                offset=(slab.start / self.step[0], 0, 0),
                output_shape=(slab.stop - slab.start, *shape[1:]),
                order=1,
                mode="nearest",
            ).ravel()
            for axis in range(3)
        ]
        return np.stack(moves, axis=1)


def _invert_coarsely(
    field: DisplacementField, affine: np.ndarray, shape: tuple[int, ...], tolerance_mm: float
) -> _Coarse:
    """Invert on few voxels, starting from what lands closest to each."""
    step = _stride(affine, shape)
    counts = np.ceil((np.array(shape) - 1) / step).astype(int) + 1
    goals = to_world(np.moveaxis(np.indices(counts), 0, -1).reshape(-1, 3) * step, affine)
    found, _ = _solve(field, goals, _closest_voxels(field, goals), tolerance_mm)
    moves = to_world(found, field.affine) - goals
    return _Coarse(moves.reshape(*counts, 3), step)


def _closest_voxels(field: DisplacementField, goals: np.ndarray) -> np.ndarray:
    """Voxel indices (n, 3), of few voxels, whose places are closest to `goals` (n, 3), mm."""
    strides = _stride(field.affine, field.shape)
    picked = [
        np.unique(np.append(np.arange(0, n, stride), n - 1)).astype(int)
        for n, stride in zip(field.shape, strides, strict=True)
    ]
    nodes = np.stack(np.meshgrid(*picked, indexing="ij"), axis=-1).reshape(-1, 3)
    places = to_world(nodes, field.affine) + field.vectors[tuple(nodes.T)]
    return nodes[cKDTree(places).query(goals)[1]].astype(float)


def _stride(affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Voxels to go along each axis so that about :data:`NODES`, evenly spread in mm, remain."""
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    size = np.array(shape)
    edge = (np.prod(sides * size) / NODES) ** (1 / 3)
    return np.clip(np.floor(edge / sides), 1, np.maximum(size - 1, 1))


def _solve(
    field: DisplacementField, goals: np.ndarray, indices: np.ndarray, tolerance_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the voxel indices (n, 3) whose places in the moving space are `goals` (n, 3), mm.

    Returns them with the distances (n,) that remain.
    """
    best, distance = indices.copy(), np.full(len(goals), np.inf)
    step, scale = np.zeros_like(best), np.ones(len(goals))
    active = np.arange(len(goals))
    for _ in range(ROUNDS):
        trial = best[active] + scale[active, None] * step[active]
        place, slopes = _place_and_slopes(field, trial)
        missing = goals[active] - place
        length = np.sqrt((missing**2).sum(axis=1))
        better = length < distance[active]
        improved = active[better]
        best[improved], distance[improved] = trial[better], length[better]
        step[improved] = _newton_step(slopes[better], missing[better], field.affine[:3, :3])
        scale[improved] = 1.0
        scale[active[~better]] /= 2
        active = active[(distance[active] > tolerance_mm) & (scale[active] >= SHORTEST)]
        if not len(active):
            break
    return best, distance


def _newton_step(slopes: np.ndarray, missing: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Solve slopes (n, 3 axes, 3 components) for the step (n, 3) that covers what is missing."""
    first, second, third = (slopes[:, axis] for axis in range(3))
    faces = np.stack([_cross(second, third), _cross(third, first), _cross(first, second)], axis=1)
    volume = (first * faces[:, 0]).sum(axis=1)
    steep = np.abs(volume) > FLAT * abs(np.linalg.det(axes))
    step = missing @ np.linalg.inv(axes).T
    step[steep] = (faces[steep] @ missing[steep][:, :, None])[..., 0] / volume[steep, None]
    return step


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply vectors (n, 3) crosswise; several times as fast as numpy's general routine."""
    return np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=1,
    )


def _place_and_slopes(
    field: DisplacementField, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Map voxel indices (n, 3), the edge's displacement continued outside the grid.

    Returns places (n, 3), mm, and their change per voxel step (n, 3 axes, 3 components).
    """
    last = np.array(field.shape) - 1
    clipped = np.clip(indices, 0, last)
    lower = np.clip(np.floor(clipped).astype(int), 0, np.maximum(last - 1, 0))
    share = clipped - lower
    strides = np.array([field.shape[1] * field.shape[2], field.shape[2], 1])
    # An axis with one voxel has no neighbour to go to.
    onward = np.where(last > 0, strides, 0)
    flat, rows = lower @ strides, field.vectors.reshape(-1, 3)
    fx, fy, fz = share[:, :1], share[:, 1:2], share[:, 2:]
    value, along_z = {}, {}
    for a in (0, 1):
        for b in (0, 1):
            low = rows[flat + a * onward[0] + b * onward[1]]
            rise = rows[flat + a * onward[0] + b * onward[1] + onward[2]] - low
            value[a, b], along_z[a, b] = low + fz * rise, rise
    near, far = (value[a, 0] + fy * (value[a, 1] - value[a, 0]) for a in (0, 1))
    y_near, y_far = (value[a, 1] - value[a, 0] for a in (0, 1))
    z_near, z_far = (along_z[a, 0] + fy * (along_z[a, 1] - along_z[a, 0]) for a in (0, 1))
    slopes = np.stack(
        [far - near, y_near + fx * (y_far - y_near), z_near + fx * (z_far - z_near)], axis=1
    )
    slopes[indices != clipped] = 0
    slopes = slopes + field.affine[:3, :3].T
    return to_world(indices, field.affine) + near + fx * (far - near), slopes
