"""What the cord says about levels: its thickness, its ends, and where no disc was seen."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import norm

from sctflow.core.labeling import usual
from sctflow.core.labeling.gathering import Pool
from sctflow.core.labeling.placing import Placing

_BIN_MM = 6.0  # slices are averaged over this length
_TRIM_MM = 4.0  # left out at both ends of a mask, which fade
_SMALL_MM2 = 3.0  # less is no cross-section of a cord

# Spreads of the logarithm of area. People differ in the size of the whole cord (Valošek, Bédard et
# al. 2024), of its enlargements, and locally; segmentations are biased by image.
_PERSON, _REGION, _IMAGE, _LOCAL, _NOISE = 0.11, 0.07, 0.06, 0.05, 0.03
_REGION_MM, _LOCAL_MM = 80.0, 20.0

_LOG_NOT_SEEN = np.log(0.3)  # for a disc beside the cord that was not detected at the image's end
_MOST_NOT_SEEN = 2
_END_SEEN_MM = 8.0  # so far within the cord, a disc would have been seen

_FALSE_CORD = 0.03  # that a mask goes on below the cord


def samples(pool: Pool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place, log-area and number of the image for bits of cord."""
    rows = []
    for number, cord in enumerate(pool.cords.values()):
        known = np.isfinite(cord[:, 1]) & (cord[:, 1] > _SMALL_MM2)
        if not known.any():
            continue
        s, area = cord[known].T
        inside = (s > s.min() + _TRIM_MM) & (s < s.max() - _TRIM_MM)
        s, area = s[inside], area[inside]
        bins = np.floor(s / _BIN_MM)
        for one in np.unique(bins):
            chosen = bins == one
            rows.append((s[chosen].mean(), np.median(np.log(area[chosen])), number))
    return tuple(np.array(rows, dtype=float).reshape(-1, 3).T)


def area_evidence(
    bits: tuple[np.ndarray, np.ndarray, np.ndarray], placings: list[Placing]
) -> np.ndarray:
    """Log-likelihood of the cord's area along it in each hypothesis.

    Log-area is Gaussian about the mean of healthy adults at the level that the hypothesis gives
    to the place. Errors go together: one factor for the person, one for each image, and errors
    that fade over a region and over a vertebra; these are the cord's own, so that a second image
    of the same cord adds little.
    """
    s, value, image = bits
    if not len(s):
        return np.zeros(len(placings))
    apart = np.abs(s[:, None] - s)
    shared = _PERSON**2 + _REGION**2 * np.exp(-apart / _REGION_MM)
    shared = shared + _IMAGE**2 * (image[:, None] == image)
    near = np.exp(-apart / _LOCAL_MM)
    return np.array([_profile(placing, s, value, shared, near) for placing in placings])


def _profile(
    placing: Placing, s: np.ndarray, value: np.ndarray, shared: np.ndarray, near: np.ndarray
) -> float:
    level = placing.level_at(s)
    mean, sd = usual.log_area(level)
    slope = (usual.log_area(placing.level_at(s - 2.0))[0] - mean) / 2.0
    # What the spread of people at this level has beyond that of the whole cord and of regions.
    own = np.maximum(sd**2 - _PERSON**2 - _REGION**2, _LOCAL**2)
    local = np.sqrt(own + (slope * placing.error_at(s)) ** 2)
    covariance = shared + near * local[:, None] * local + _NOISE**2 * np.eye(len(s))
    factor = cho_factor(covariance)
    off = value - mean
    return float(-0.5 * off @ cho_solve(factor, off) - np.log(np.diag(factor[0])).sum())


def end_evidence(pool: Pool, placings: list[Placing]) -> np.ndarray:
    """Log-likelihood of where cord is seen.

    A cord ends between T12 and L2: cord beside lower discs is unlikely. Where cord is
    seen beyond the last disc, the discs are missed, unless there are none: above C2/C3.
    """
    s = np.concatenate([cord[:, 0] for cord in pool.cords.values()])
    if not len(s):
        return np.zeros(len(placings))
    return np.array([_ends(placing, s.min() + _TRIM_MM, s.max()) for placing in placings])


def _ends(placing: Placing, low: float, high: float) -> float:
    lowest = placing.level_at(low)
    goes_on = norm.sf(lowest, usual.CONUS_LEVEL, usual.CONUS_SD + 0.1)
    possible = np.log(_FALSE_CORD + (1.0 - _FALSE_CORD) * goes_on)
    highest = max(float(placing.level_at(high - _END_SEEN_MM)), usual.FIRST - 1)
    missed_above = np.ceil(placing.levels[0]) - 1 - np.floor(highest)
    missed_below = np.floor(float(placing.level_at(low + _END_SEEN_MM))) - np.floor(
        placing.levels[-1]
    )
    missed = np.clip([missed_above, missed_below], 0, _MOST_NOT_SEEN).sum()
    return float(possible + missed * _LOG_NOT_SEEN)
