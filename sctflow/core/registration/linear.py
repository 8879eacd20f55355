"""Translations, rotations and affine maps in the plane, from images or masks.

All slices at once, coarse to fine, by Levenberg and Marquardt's method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sctflow.core.registration.metrics import (
    Agreement,
    correlation,
    mean_squares,
    mutual_information,
)
from sctflow.core.registration.parameters import PARAMETERS, Turning, sizes_up_to, widened
from sctflow.core.registration.plane import PlaneGrid

DAMPING = 1e-3
"""At the start, as a fraction of the diagonal; a step that makes things worse is tried again
with :data:`HARDER` times as much, and one that helps has as much less after it."""

HARDER = 5.0
GIVE_UP = 1e6
STILL_MM = 1e-3
"""A level ends when no slice moves by more than this."""

OVERLAP = 0.5
"""Fraction of a slice's weight that must stay within the moving image: images that hardly overlap
agree by chance."""

STRETCH = (0.5, 2.0)
"""Lengths that a millimetre may become in any direction: no two cords differ by more, and images
shrunk to a point agree with anything."""

_FLAT = 1e-9  # of the mean diagonal: keeps what an image says nothing about where it is


@dataclass(frozen=True)
class Level:
    """How long and on what images a level works: see :class:`sctflow.core.registration.Step`."""

    iterations: int
    shrink: int
    smooth: float


@dataclass(frozen=True)
class _Moving:
    """The moving image, its slopes and where it is, ready to be sampled."""

    value: np.ndarray
    slopes: tuple[np.ndarray, np.ndarray]
    valid: np.ndarray


def align(
    fixed: np.ndarray,
    moving: np.ndarray,
    weights: np.ndarray,
    grid: PlaneGrid,
    *,
    model: str,
    metric: str,
    levels: Sequence[Level],
    basis: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the map of each slice that brings the moving image onto the fixed one.

    Parameters
    ----------
    fixed, moving : (S, X, Y) array
        nan where there is no image.
    weights : (S, X, Y) array
        How much voxels of the fixed image count.
    grid : PlaneGrid
        Of all three.
    model : {"translation", "rigid", "affine"}
    metric : {"MeanSquares", "CC", "MI"}
    levels : sequence of Level
        The coarsest first.
    basis : (S, K) array or None
        What the parameters may do from slice to slice; None leaves every slice free.

    Returns
    -------
    matrices : (S, 2, 3) array
        mm on the grid to mm in the moving image.
    known : (S,) array of bool
        Slices that had a say in the result.
    """
    weights = np.where(np.isfinite(fixed), weights, 0.0)
    turning = Turning.about(weights, grid, shared=basis is not None)
    units, each = (len(fixed), 1) if basis is None else (1, basis.shape[1])
    theta = np.zeros((units, each * PARAMETERS["translation"]))
    for n, level in enumerate(levels):
        sampled = _prepare(moving, grid, level.smooth)
        smooth, _ = _smooth(fixed, grid, level.smooth)
        take = (slice(None), *[slice((level.shrink - 1) // 2, None, level.shrink)] * 2)
        # On the coarsest images, freedoms are given one after the other: an affine map that is
        # still far away shrinks what it should move.
        for size in sizes_up_to(model) if n == 0 else [PARAMETERS[model]]:
            theta = widened(theta, each, size)
            problem = _Problem(
                smooth[take],
                weights[take],
                sampled,
                grid,
                turning,
                metric,
                basis,
                level.shrink,
                # An image is as good as linear over about the width that it was smoothed by.
                max(level.smooth, *grid.spacing[:2]),
            )
            theta, said = _minimize(problem, theta, level.iterations)
    return turning.matrices(problem.per_slice(theta)), said


@dataclass(frozen=True)
class _Problem:
    """One level: what the parameters cost and which way is down."""

    fixed: np.ndarray
    weights: np.ndarray
    moving: _Moving
    grid: PlaneGrid
    turning: Turning
    metric: str
    basis: np.ndarray | None
    shrink: int
    longest: float

    def per_slice(self, theta: np.ndarray) -> np.ndarray:
        """Give each slice its parameters (S, P)."""
        if self.basis is None:
            return theta
        return self.basis @ theta.reshape(self.basis.shape[1], -1)

    def evaluate(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Give costs (U,), slopes (U, T), curvatures (U, T, T), and who had a say (S,)."""
        parameters = self.per_slice(theta)
        matrices = self.turning.matrices(parameters)
        x, y = (p[(self.shrink - 1) // 2 :: self.shrink] for p in self.grid.positions())
        value, slopes, valid = _sample(self.moving, matrices, x, y, self.grid)
        weights = self.weights * valid
        agreement = self._metric()(self.fixed, value, weights)
        lost = weights.sum(axis=(1, 2)) < OVERLAP * self.weights.sum(axis=(1, 2))
        lengths = np.linalg.svd(matrices[:, :, :2], compute_uv=False)
        torn = (lengths[:, 0] > STRETCH[1]) | (lengths[:, 1] < STRETCH[0])
        patterns = self._patterns(slopes, parameters, x, y)
        slope, curvature = _normal_equations(agreement, patterns)
        said = (weights.sum(axis=(1, 2)) > 0) & (np.einsum("spp->s", curvature) > 0)
        if self.basis is None:
            return np.where(lost | torn, np.inf, agreement.cost), slope, curvature, said
        share = weights.sum(axis=(1, 2)) / max(weights.sum(), 1e-12)
        if self.metric == "MI":
            share = np.ones(len(weights))
        slope = np.einsum("sk,s,sp->kp", self.basis, share, slope).reshape(1, -1)
        curvature = np.einsum("sk,s,spq,sl->kplq", self.basis, share, curvature, self.basis)
        cost = (share * agreement.cost).sum(keepdims=True)
        if lost.mean() > 1 - OVERLAP or torn.any():
            cost[:] = np.inf
        return cost, slope, curvature.reshape(1, slope.size, slope.size), said

    def _metric(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Agreement]:
        if self.metric == "MI":
            pooled = self.basis is not None
            return lambda *images: mutual_information(*images, pooled=pooled)
        return {"MeanSquares": mean_squares, "CC": correlation}[self.metric]

    def _patterns(
        self,
        slopes: tuple[np.ndarray, np.ndarray],
        parameters: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
    ) -> list[np.ndarray]:
        """Change of the moving image (S, X, Y) with each parameter."""
        gx, gy = slopes
        u = ((x - self.turning.centers[:, :1]) / self.turning.length)[:, :, None]
        v = ((y - self.turning.centers[:, 1:]) / self.turning.length)[:, None, :]
        turned = [change[..., None, None] for change in self.turning.slopes(parameters)]
        return [
            gx,
            gy,
            *(
                gx * (c[:, 0, 0] * u + c[:, 0, 1] * v) + gy * (c[:, 1, 0] * u + c[:, 1, 1] * v)
                for c in turned
            ),
        ]


def _normal_equations(
    agreement: Agreement, patterns: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (S, P) and curvatures (S, P, P) of the cost."""
    slope = np.stack([(agreement.force * p).sum(axis=(1, 2)) for p in patterns], axis=1)
    stiff = [agreement.stiffness * p for p in patterns]
    curvature = np.empty((len(slope), len(patterns), len(patterns)))
    for row, first in enumerate(stiff):
        for column, second in enumerate(patterns[: row + 1]):
            curvature[:, row, column] = (first * second).sum(axis=(1, 2))
            curvature[:, column, row] = curvature[:, row, column]
    for free in agreement.free:
        along = np.stack([(free * p).sum(axis=(1, 2)) for p in patterns], axis=1)
        curvature -= along[:, :, None] * along[:, None, :]
    return slope, curvature


def _minimize(
    problem: _Problem, theta: np.ndarray, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Go downhill from `theta` (U, T); units are independent of each other."""
    cost, slope, curvature, said = problem.evaluate(theta)
    damping = np.full(len(theta), DAMPING)
    for _ in range(iterations):
        step = _damped_step(slope, curvature, damping)
        length = np.abs(step).max(axis=1, keepdims=True)
        step *= np.minimum(1.0, problem.longest / np.maximum(length, 1e-12))
        trial = problem.evaluate(theta + step)
        better = trial[0] < cost
        theta = np.where(better[:, None], theta + step, theta)
        cost = np.where(better, trial[0], cost)
        slope = np.where(better[:, None], trial[1], slope)
        curvature = np.where(better[:, None, None], trial[2], curvature)
        said = said & trial[3]
        damping = np.where(better, damping / HARDER, damping * HARDER)
        if ((np.abs(step).max(axis=1) < STILL_MM) | (damping > GIVE_UP)).all():
            break
    return theta, said


def _damped_step(slope: np.ndarray, curvature: np.ndarray, damping: np.ndarray) -> np.ndarray:
    diagonal = np.einsum("upp->up", curvature)
    extra = damping[:, None] * diagonal + _FLAT * diagonal.mean(axis=1, keepdims=True) + 1e-30
    extra = extra[:, :, None] * np.eye(slope.shape[1])
    return -np.linalg.solve(curvature + extra, slope[:, :, None])[:, :, 0]


def _prepare(moving: np.ndarray, grid: PlaneGrid, smooth: float) -> _Moving:
    value, valid = _smooth(moving, grid, smooth)
    slopes = tuple(
        np.gradient(value, grid.spacing[a], axis=1 + a).astype(np.float32) for a in (0, 1)
    )
    return _Moving(value, slopes, valid)


def _smooth(image: np.ndarray, grid: PlaneGrid, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Smooth in the plane from the voxels that have a value; and say which have."""
    valid = np.isfinite(image).astype(np.float32)
    value = np.where(valid > 0, image, 0).astype(np.float32)
    widths = (0, *(sigma / grid.spacing[:2]))
    value, mass = (ndimage.gaussian_filter(a, widths, mode="nearest") for a in (value, valid))
    return value / np.maximum(mass, 1e-6), valid


def _sample(
    moving: _Moving, matrices: np.ndarray, x: np.ndarray, y: np.ndarray, grid: PlaneGrid
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Sample the moving image, its slopes and where it is at the mapped places (S, X, Y)."""
    slices = len(matrices)
    places = [
        matrices[:, a, 0, None, None] * x[:, None]
        + matrices[:, a, 1, None, None] * y
        + matrices[:, a, 2, None, None]
        for a in (0, 1)
    ]
    indices = np.stack(
        [
            np.broadcast_to(np.arange(slices)[:, None, None], places[0].shape),
            *(place / side for place, side in zip(places, grid.spacing, strict=False)),
        ]
    )
    value, gx, gy, valid = (
        ndimage.map_coordinates(image, indices, order=1, mode=mode)
        for image, mode in (
            (moving.value, "nearest"),
            *((slope, "nearest") for slope in moving.slopes),
            (moving.valid, "constant"),
        )
    )
    return value, (gx, gy), valid > 0.5
