"""How well images agree, and which way each voxel's value should go to agree better.

All functions take stacks of slices (S, X, Y): the fixed image, the moving one as it is sampled
now, and weights. A slice without weights agrees with anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

BINS = 24
"""Of the joint histogram, for each image."""

BLUR = 1.0
"""Standard deviation, in bins, of what a voxel adds to the joint histogram: a slice has some
hundred voxels for its 24 x 24 bins."""

TAILS = (0.5, 99.5)
"""Percentiles that the first and the last bin lie at."""

LEAST_GAIN = 0.3
"""Images that hardly agree yet count as this much correlated in how far a step goes: one too
short does less harm than one too long."""

_FAINT = 1e-12


@dataclass(frozen=True)
class Agreement:
    """What a metric says.

    Attributes
    ----------
    cost : (S,) array
        To be made small.
    force : (S, X, Y) array
        Change of the cost with the value of each voxel of the moving image.
    stiffness : (S, X, Y) array
        Second change of it, never negative, as Gauss and Newton have it.
    free : list of (S, X, Y) array
        Patterns that the moving image may change by at no cost, weighted, orthonormal: taken
        off the stiffness.
    """

    cost: np.ndarray
    force: np.ndarray
    stiffness: np.ndarray
    free: list[np.ndarray]


def mean_squares(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> Agreement:
    """Half of the mean squared difference."""
    share = weights / _total(weights)
    missing = moving - fixed
    return Agreement(0.5 * (share * missing**2).sum(axis=(1, 2)), share * missing, share, [])


def correlation(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> Agreement:
    """One less the squared correlation in each slice: gain, even negative, and offset are free."""
    share = weights / _total(weights)
    (first, _), (second, spread) = _standardized(fixed, share), _standardized(moving, share)
    rho = (share * first * second).sum(axis=(1, 2), keepdims=True)
    force = -2 * rho * share * (first - rho * second) / spread
    gain = np.maximum(np.abs(rho), LEAST_GAIN) / spread
    stiffness = 2 * share * gain**2
    free = [np.sqrt(2) * gain * share, np.sqrt(2) * gain * share * second]
    return Agreement(1 - rho[:, 0, 0] ** 2, force, stiffness, free)


def mutual_information(
    fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray, *, pooled: bool
) -> Agreement:
    """Mutual information, less than nothing, of binned values.

    Parameters
    ----------
    pooled : bool
        One histogram for all slices; otherwise one for each, half of it that of all: a slice
        alone has too few voxels to say which values belong together.
    """
    share = weights / (weights.sum() if pooled else _total(weights))
    rows, columns = (_bin(image, weights) for image in (fixed, moving))
    table = np.zeros(len(fixed), dtype=int) if pooled else np.arange(len(fixed))
    count = 1 if pooled else len(fixed)
    row = np.rint(rows).astype(int)
    lower = np.minimum(columns.astype(int), BINS - 2)
    part = columns - lower
    place = (table[:, None, None] * BINS + row) * BINS + lower
    size = count * BINS * BINS
    joint = np.bincount(place.ravel(), (share * (1 - part)).ravel(), size)
    joint += np.bincount((place + 1).ravel(), (share * part).ravel(), size)
    joint = ndimage.gaussian_filter(joint.reshape(count, BINS, BINS), (0, BLUR, BLUR))
    own = joint
    joint = (joint + joint.mean(axis=0)) / 2 + _FAINT
    expected = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    gain = np.log(joint / (expected / joint.sum(axis=(1, 2), keepdims=True)))
    cost = -(own * gain).sum(axis=(1, 2))
    slope = np.gradient(gain, axis=2).ravel()
    pull = slope[place] * (1 - part) + slope[place + 1] * part
    pull *= _bins_per_unit(moving, weights) * ((columns > 0) & (columns < BINS - 1))
    if pooled:
        # Each slice carries its share of the one cost, so that their sum is the whole.
        cost = np.full(len(fixed), cost[0] / len(fixed))
    return Agreement(cost, -share * pull, share * pull**2, [])


def _total(weights: np.ndarray) -> np.ndarray:
    return np.maximum(weights.sum(axis=(1, 2), keepdims=True), _FAINT)


def _standardized(image: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = (share * image).sum(axis=(1, 2), keepdims=True)
    spread = np.sqrt((share * (image - mean) ** 2).sum(axis=(1, 2), keepdims=True))
    spread = np.maximum(spread, _FAINT)
    return (image - mean) / spread, spread


def _bin(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    low, _ = _range(image, weights)
    return np.clip((image - low) * _bins_per_unit(image, weights), 0, BINS - 1)


def _bins_per_unit(image: np.ndarray, weights: np.ndarray) -> float:
    low, high = _range(image, weights)
    return (BINS - 1) / max(high - low, _FAINT)


def _range(image: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    inside = image[weights > 0]
    return tuple(np.percentile(inside, TAILS)) if inside.size else (0.0, 1.0)
