"""Smooth curves through points that come one per slice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded

OUTLIER_MM = 1.5
"""Slices at least this far off the line lose all influence on it."""

END_MM = 5.0
"""Beyond the outermost slices that were used, the line goes on straight, along its mean
direction over this length."""

ROUNDS = 4
"""Times that arc length and outliers are found again from the line fitted before."""

LEAST_PENALTY = 1e-6
"""In mm to the power it has: decides what slices without mask get if nothing is smoothed."""

Draw = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Takes arc length (n,), values (n, d) and weights (n,) to positions and slopes (n, d)."""


def fit_curve(
    z: np.ndarray, centers: np.ndarray, height: np.ndarray, draw: Draw, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a curve that rises steadily, and evaluate it at given heights.

    Parameters
    ----------
    z, centers : (m,) and (m, 2) arrays
        Height, ascending, and sideways position of the points to fit, mm; at least two.
    height : (n,) array
        Ascending heights to evaluate at, among them all of `z`, mm.
    draw : callable
        See :data:`Draw`.
    spacing : float
        Length of line that each point stands for, mm.

    Returns
    -------
    position : (n, 2) array
        Sideways, mm.
    direction : (n, 3) array
        Unit tangents, pointing up.
    """
    inside = (height >= z[0] - 1e-6) & (height <= z[-1] + 1e-6)
    within = height[inside]
    seen = np.abs(within[:, None] - z).min(axis=1) < 1e-6
    values = np.column_stack([np.interp(within, z, column) for column in centers.T])
    weights, s = spacing * seen, within - within[0]
    # Arc length and the influence of outliers depend on the curve: a few rounds settle both.
    for _ in range(ROUNDS):
        position, _ = draw(s, values, weights)
        weights = spacing * seen * _influence(values - position, seen)
        steps = np.column_stack([np.diff(position, axis=0), np.diff(within)])
        s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
    position, slope = draw(s, values, weights)
    steepness = np.minimum((slope**2).sum(axis=1), 0.96)
    direction = np.column_stack([slope, np.sqrt(1 - steepness)])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return _extend(within, position, direction, height)


def _influence(residual: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Weigh points by Tukey's biweight of their distance (n, 2) from the line, in mm."""
    distance = np.linalg.norm(residual, axis=1)
    scale = max(1.4826 * float(np.median(distance[seen])), OUTLIER_MM / 6)
    inside = np.maximum(1 - (distance / (6 * scale)) ** 2, 0.0)
    return np.maximum(inside**2, 1e-3)


def _extend(
    within: np.ndarray, position: np.ndarray, direction: np.ndarray, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Continue the line straight to heights beyond it, along its mean direction near the end."""
    full_position, full_direction = np.empty((len(height), 2)), np.empty((len(height), 3))
    known = (height >= within[0] - 1e-6) & (height <= within[-1] + 1e-6)
    full_position[known], full_direction[known] = position, direction
    for end, beyond in ((0, height < within[0] - 1e-6), (-1, height > within[-1] + 1e-6)):
        near = np.abs(within - within[end]) <= END_MM + 1e-6
        mean = direction[near].mean(axis=0)
        mean /= np.linalg.norm(mean)
        rise = (height[beyond] - within[end])[:, None]
        full_position[beyond] = position[end] + rise * mean[:2] / mean[2]
        full_direction[beyond] = mean
    return full_position, full_direction


def draw_spline(
    s: np.ndarray, values: np.ndarray, weights: np.ndarray, *, smooth_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the smoothing spline (see :func:`smoothing_spline`)."""
    curve = CubicSpline(s, smoothing_spline(s, values, weights, smooth_mm=smooth_mm))
    return curve(s), curve(s, 1)


def draw_polynomial(
    s: np.ndarray, values: np.ndarray, weights: np.ndarray, *, degree: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw least-squares polynomials, of a degree that two points per coefficient support."""
    degree = min(degree, max(1, np.count_nonzero(weights) // 2 - 1))
    # numpy's weights multiply the residuals, not their squares.
    curves = [
        np.polynomial.Legendre.fit(s, column, degree, w=np.sqrt(weights)) for column in values.T
    ]
    return (
        np.stack([curve(s) for curve in curves], axis=1),
        np.stack([curve.deriv()(s) for curve in curves], axis=1),
    )


def draw_lines(
    s: np.ndarray, values: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Join the points by straight lines; the slope at a point is that between its neighbours."""
    return values, np.gradient(values, s, axis=0)


def smoothing_spline(
    x: np.ndarray, values: np.ndarray, weights: np.ndarray, *, smooth_mm: float
) -> np.ndarray:
    """Smooth values at given knots, penalising bends and changes of bend.

    Minimises the sum of ``weights * (values - g)**2``, plus ``smooth_mm**6`` times the integral
    of the squared third derivative of g, plus ``(smooth_mm / 2)**4`` times that of the squared
    second; derivatives are divided differences. The first penalty leaves a constant bend alone,
    so that the ends of a curved line are not pulled straight; the second keeps short lines from
    bending after noise.

    Parameters
    ----------
    x : (n,) array
        Knots, ascending, mm.
    values : (n, d) array
        Of no influence where the weight is 0.
    weights : (n,) array
        Length of line that each value stands for, mm; at least two are positive.
    smooth_mm : float
        Not negative.

    Returns
    -------
    (n, d) array
    """
    # Row d of `bands` is the d-th diagonal below the main one.
    bands = np.zeros((4, len(x)))
    bands[0] = weights
    for order, penalty in ((2, (smooth_mm / 2) ** 4), (3, smooth_mm**6)):
        if len(x) <= order:
            continue
        rows = _divided_differences(x, order)
        strength = max(penalty, LEAST_PENALTY) * (x[order:] - x[:-order]) / order
        for i in range(order + 1):
            for j in range(i, order + 1):
                bands[j - i, i : i + len(rows)] += strength * rows[:, i] * rows[:, j]
    depth = min(4, len(x))
    return solveh_banded(bands[:depth], weights[:, None] * values, lower=True)


def _divided_differences(x: np.ndarray, order: int) -> np.ndarray:
    """Coefficients (n - order, order + 1) that take neighbouring values to a derivative."""
    rows = np.ones((len(x), 1))
    for k in range(1, order + 1):
        above = np.pad(rows[1:], ((0, 0), (1, 0)))
        below = np.pad(rows[:-1], ((0, 0), (0, 1)))
        rows = (above - below) * (k / (x[k:] - x[:-k]))[:, None]
    return rows


def arc_length(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Add up the steps between points (n, 3), each as the arc between its two unit tangents."""
    if len(points) == 1:
        return np.zeros(1)
    chord = np.linalg.norm(np.diff(points, axis=0), axis=1)
    cosine = np.clip((direction[:-1] * direction[1:]).sum(axis=1), -1, 1)
    half = np.arccos(cosine) / 2
    return np.concatenate([[0.0], np.cumsum(chord / np.sinc(half / np.pi))])
