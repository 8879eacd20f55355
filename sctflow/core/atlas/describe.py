"""Weighted statistics of a map, one set for each column of weights."""

from __future__ import annotations

import numpy as np

HALF = 0.5 - 1e-6
"""A weight of one half belongs to the region, also where a sum of weights lost its last digits."""


def describe(values: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Describe values by region.

    Parameters
    ----------
    values : (v,) array
        Finite.
    weights : (v, m) array
        Part of each voxel that each of the m regions fills; not negative.

    Returns
    -------
    dict of (m,) arrays
        ``size_vox``, the sum of the weights; ``wa``, the weighted mean, and ``std``, the weighted
        standard deviation about it; ``median``, see :func:`weighted_median`; ``bin`` and ``max``,
        mean and largest value of the voxels of which the region fills at least one half. nan
        where there are no such voxels.
    """
    size = weights.sum(axis=0)
    # Differences from a value among them: squares of large numbers would drown a small spread.
    origin = values[0] if len(values) else 0.0
    apart = values - origin
    mean = _ratio(apart @ weights, size)
    spread = _ratio(np.square(apart) @ weights, size) - mean**2
    inside = weights >= HALF
    count = inside.sum(axis=0)
    largest = np.where(inside, values[:, None], -np.inf).max(axis=0, initial=-np.inf)
    return {
        "size_vox": size,
        "wa": origin + mean,
        "std": np.sqrt(np.maximum(spread, 0.0)),
        "median": weighted_median(values, weights),
        "bin": origin + _ratio(apart @ inside, count),
        "max": np.where(count > 0, largest, np.nan),
    }


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Value with half of the weight on either side.

    Where exactly half of the weight lies up to a value, it is the mean of this value and of the
    next one, so that equal weights give the ordinary median.

    Parameters
    ----------
    values : (v,) array
    weights : (v, m) array
        Not negative.

    Returns
    -------
    (m,) array
        nan where all weights are 0.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    below = np.cumsum(weights[order], axis=0)
    if not len(below):
        return np.full(weights.shape[1], np.nan)
    half = below[-1] / 2
    slack = 1e-9 * below[-1]
    lower = (below >= half - slack).argmax(axis=0)
    upper = (below > half + slack).argmax(axis=0)
    return np.where(half > 0, (ordered[lower] + ordered[upper]) / 2, np.nan)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
