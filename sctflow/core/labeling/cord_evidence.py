"""What the cord says about levels: its thickness, its ends, and where no disc was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

from sctflow.core.labeling import usual
from sctflow.core.labeling.gathering import Pool
from sctflow.core.labeling.landmark_evidence import ANYWHERE_MM, belief
from sctflow.core.labeling.placing import Placing

_BIN_MM = 6.0  # slices are averaged over this length
_TRIM_MM = 4.0  # left out at both ends of a mask, which fade
_SMALL_MM2 = 3.0  # less is no cross-section of a cord

# Spreads of the logarithm of area. People differ in the size of the whole cord (Valošek, Bédard et
# al. 2024), of its enlargements, and locally; segmentations are biased by image.
_PERSON, _REGION, _IMAGE, _LOCAL, _NOISE = 0.11, 0.07, 0.06, 0.05, 0.03
_REGION_MM, _LOCAL_MM = 80.0, 20.0

_STEP_MM = 2.0
_TIPS = np.linspace(-3.0, 3.0, 25)  # of the cord, in standard deviations about the usual level
_TAPER_FROM = 16.0  # level above which no cord tapers
_TIP_MM = 5.0  # error of the place where the tip is seen
_LOG_FALSE_CORD = np.log(0.03)  # that a mask goes on below the cord
_BELOW_TIP_MM = 10.0

_LOG_NOT_SEEN = np.log(0.3)  # for a disc beside the cord that was not detected at the image's end
_MOST_NOT_SEEN = 2
_END_SEEN_MM = 8.0  # so far within the cord, a disc would have been seen


@dataclass(frozen=True)
class Bits:
    """Short pieces of cord in all images."""

    s: np.ndarray
    """Mm along the cord."""
    value: np.ndarray
    """Logarithm of the area in mm2."""
    image: np.ndarray
    """Number of the image."""


def cut_bits(pool: Pool) -> Bits:
    """Average the areas of each image over short pieces."""
    rows = []
    for number, cord in enumerate(pool.cords.values()):
        known = np.isfinite(cord[:, 1]) & (cord[:, 1] > _SMALL_MM2)
        if not known.any():
            continue
        s, area = cord[known].T
        inside = (s > s.min() + _TRIM_MM) & (s < s.max() - _TRIM_MM)
        s, area = s[inside], area[inside]
        pieces = np.floor(s / _BIN_MM)
        for piece in np.unique(pieces):
            chosen = pieces == piece
            rows.append((s[chosen].mean(), np.median(np.log(area[chosen])), number))
    return Bits(*np.array(rows, dtype=float).reshape(-1, 3).T)


def cord_evidence(pool: Pool, placings: list[Placing]) -> np.ndarray:
    """Log-likelihood of the cord's area along it, and of its tip, in each hypothesis.

    Log-area is Gaussian about the mean of healthy adults at the level that the hypothesis gives
    to the place. Errors go together: one factor for the person, one for each image, and errors
    that fade over a region and over a vertebra; these are the cord's own, so that a second image
    of the same cord adds little. The tip lies where it does in adults; its place is summed over,
    with what a taper of the cord and the landmark `conus` say about it.
    """
    bits = cut_bits(pool)
    apart = np.abs(bits.s[:, None] - bits.s)
    shared = _PERSON**2 + _REGION**2 * np.exp(-apart / _REGION_MM)
    shared = shared + _IMAGE**2 * (bits.image[:, None] == bits.image)
    shared = shared + _NOISE**2 * np.eye(len(bits.s))
    near = np.exp(-apart / _LOCAL_MM)
    cords = [cord[:, 0] for cord in pool.cords.values()]
    low = min((cord.min() for cord in cords if len(cord)), default=np.inf)
    weights = -0.5 * _TIPS**2
    weights = weights - logsumexp(weights)
    result = []
    for placing in placings:
        tips = placing.place_of(usual.CONUS_LEVEL + usual.CONUS_SD * _TIPS)
        log = weights + _marked_tips(pool, placing, tips)
        if len(bits.s):
            log = log + _profile(placing, tips, bits, shared, near)
        else:
            log = log + np.where(tips > low + _BELOW_TIP_MM, _LOG_FALSE_CORD, 0.0)
        result.append(logsumexp(log))
    return np.array(result)


def _profile(
    placing: Placing, tips: np.ndarray, bits: Bits, shared: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Log-likelihood of the area for each place of the tip."""
    level = placing.level_at(bits.s)
    mean, sd = usual.log_area(level)
    slope = (usual.log_area(placing.level_at(bits.s - _STEP_MM))[0] - mean) / _STEP_MM
    # What the spread of people at this level has beyond that of the whole cord and of regions.
    own = np.maximum(sd**2 - _PERSON**2 - _REGION**2, _LOCAL**2)
    own = own + (slope * placing.error_at(bits.s)) ** 2
    if level.max() < _TAPER_FROM:
        tips = tips[:1]
    log = []
    for tip in tips:
        taper, unsure = usual.log_taper(bits.s - tip)
        local = np.sqrt(own + unsure**2)
        log.append(_gauss(bits.value - mean - taper, shared + near * local[:, None] * local))
    return np.array(log)


def _gauss(off: np.ndarray, covariance: np.ndarray) -> float:
    factor = cho_factor(covariance)
    return float(-0.5 * off @ cho_solve(factor, off) - np.log(np.diag(factor[0])).sum())


def _marked_tips(pool: Pool, placing: Placing, tips: np.ndarray) -> np.ndarray:
    """Log-likelihood of where the tip was seen for each place of it."""
    marks = pool.marks[pool.marks["kind"] == "conus"]
    log = np.zeros(len(tips))
    for s, confidence in marks[["s", "confidence"]].to_numpy(float):
        spread = np.hypot(_TIP_MM, placing.error_at(tips))
        density = np.exp(-0.5 * ((s - tips) / spread) ** 2) / (np.sqrt(2 * np.pi) * spread)
        right = belief(confidence)
        log += np.log(right * density + (1.0 - right) / ANYWHERE_MM) / np.sqrt(len(marks))
    return log


def end_evidence(pool: Pool, placings: list[Placing]) -> np.ndarray:
    """Log-likelihood of the discs that were not seen at the ends of the cord.

    Where cord is seen beyond the last disc, discs were missed, unless there are none: above C2/C3.
    """
    s = np.concatenate([cord[:, 0] for cord in pool.cords.values()])
    if not len(s):
        return np.zeros(len(placings))
    low, high = s.min() + _END_SEEN_MM, s.max() - _END_SEEN_MM
    return np.array([_ends(placing, low, high) for placing in placings])


def _ends(placing: Placing, low: float, high: float) -> float:
    top, bottom = placing.levels[[0, -1]]
    highest = max(float(placing.level_at(high)), usual.FIRST - 1)
    above = np.ceil(top) - 1 - np.floor(highest)
    below = np.floor(float(placing.level_at(low))) - np.floor(bottom)
    return float(np.clip([above, below], 0, _MOST_NOT_SEEN).sum() * _LOG_NOT_SEEN)
