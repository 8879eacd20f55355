"""Counting discs down the cord: which values fit the distances, for every value of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from sctflow.core.labeling import usual

# Sizes of people; one in thirty is unlike adults, such as a child.
_SCALES = np.arange(0.52, 1.25, 0.04)
_UNLIKE = 0.03
_ADULTS = np.exp(-0.5 * ((_SCALES - 1.0) / usual.SIZE_SD) ** 2)
_SIZE_PRIOR = (1.0 - _UNLIKE) * _ADULTS / _ADULTS.sum() + _UNLIKE / len(_SCALES)
_SIZE_PRIOR = np.log(_SIZE_PRIOR)[:, None]
_LOG_MISSED = np.log(0.04)  # that a disc in view is not detected
_LOG_ANYWHERE = -np.log(20.0)  # density per mm of a place that is no disc
_SURE, _UNSURE = 0.98, 0.3  # limits of what a detector's confidence is believed
_DISC_MM, _VERTEBRA_MM = 1.2, 3.0  # errors of a disc's place and of a vertebra's middle
_LEAST = 0.001  # hypotheses less probable are left out of account
_FAR_MM = 150.0  # so far apart, one disc is not the next that was seen


@dataclass(frozen=True)
class Counts:
    """The best count for each value of one of the places.

    Attributes
    ----------
    paths : (h, n) array
        Value of each place in each hypothesis; 0 where the place would be no disc.
    log_likelihood : (h,) array
        Of the distances along the cord.
    """

    paths: np.ndarray
    log_likelihood: np.ndarray


def count(s: np.ndarray, confidence: np.ndarray, fixed: np.ndarray) -> Counts:
    """Count in every possible way.

    Each place may be the next disc, one or several discs farther down (those between were not
    seen), or no disc at all. Distances are compared with the usual ones, times one size for the
    person, which is summed over.

    Parameters
    ----------
    s : (n,) array
        Mm along the cord, falling.
    confidence : (n,) array
        That there is a disc.
    fixed : (n,) array
        Level of places that a person has named, half-integers in vertebrae; nan elsewhere.
    """
    anchor = _anchor(s, confidence, np.isfinite(fixed))
    chain, levels = _chain(s, confidence, fixed, anchor)
    summed = chain.forward(summed=True)[0][anchor] + chain.backward(summed=True)[0][anchor]
    best_above, from_above = chain.forward(summed=False)
    best_below, from_below = chain.backward(summed=False)
    best = best_above[anchor] + best_below[anchor] + _SIZE_PRIOR
    chosen = np.flatnonzero(np.isfinite(summed).any(axis=0))
    paths = np.zeros((len(chosen), len(s)))
    for path, value in zip(paths, chosen, strict=True):
        size = int(np.argmax(best[:, value]))
        path[anchor] = levels[value]
        for came in (from_above, from_below):
            _trace(path, came, (anchor, size, value), levels)
    return Counts(paths, logsumexp(summed[:, chosen] + _SIZE_PRIOR, axis=0))


def certainty(
    s: np.ndarray,
    confidence: np.ndarray,
    fixed: np.ndarray,
    *,
    counts: Counts,
    probability: np.ndarray,
    best: int,
) -> np.ndarray:
    """Probability of each place's value in the best path.

    It is low where it cannot be told how many discs were missed: beyond a gap between images.

    Parameters
    ----------
    s, confidence, fixed : (n,) arrays
        See :func:`count`.
    counts : Counts
        Of them.
    probability : (h,) array
        Of each of the hypotheses, all evidence considered.
    best : int
        Number of the hypothesis that is asked about.

    Returns
    -------
    (n,) array
        0 for places that are no disc in this path.
    """
    anchor = _anchor(s, confidence, np.isfinite(fixed))
    path = counts.paths[best]
    kept = np.flatnonzero(path > 0)
    result = np.zeros(len(s))
    for one in np.flatnonzero(probability >= _LEAST):
        named = fixed.copy()
        named[anchor] = counts.paths[one][anchor]
        chain, levels = _chain(s, confidence, named, anchor)
        total = chain.forward(summed=True)[0] + chain.backward(summed=True)[0]
        by_level = logsumexp(total[kept] + _SIZE_PRIOR, axis=1)
        own = by_level[np.arange(len(kept)), np.searchsorted(levels, path[kept])]
        possible = np.isfinite(own)
        part = np.exp(own[possible] - logsumexp(by_level[possible], axis=1))
        result[kept[possible]] += probability[one] * part
    return result


def _chain(
    s: np.ndarray, confidence: np.ndarray, fixed: np.ndarray, anchor: int
) -> tuple[_Chain, np.ndarray]:
    """Make the chain of places, and the levels they may have."""
    given = np.isfinite(fixed)
    sure = np.clip(confidence, _UNSURE, _SURE)
    skipped = np.where(given, -np.inf, np.log1p(-sure) + _LOG_ANYWHERE)
    skipped[anchor] = -np.inf
    levels = np.union1d(np.arange(1.0, usual.LAST + 2), fixed[given])
    chain = _Chain(
        depth=-s,
        jitter=np.where(given & (fixed % 1 > 0), _VERTEBRA_MM, _DISC_MM),
        # A place is counted from above and from below.
        kept=np.where(given, 0.0, 0.5 * np.log(sure)),
        skipped=skipped,
        levels=levels,
        allowed=_allowed(fixed, levels),
    )
    return chain, levels


def _anchor(s: np.ndarray, confidence: np.ndarray, given: np.ndarray) -> int:
    """Choose a place that is surely a disc: named by a person, or seen well, near the middle."""
    off_middle = np.abs(s - s.mean()) / (np.ptp(s) + 1.0)
    return int(np.argmax(given * 10.0 + np.round(confidence, 1) - 0.01 * off_middle))


def _allowed(fixed: np.ndarray, levels: np.ndarray) -> np.ndarray:
    disc = (levels % 1 == 0) & (levels >= usual.FIRST) & (levels <= usual.LAST)
    return np.where(np.isfinite(fixed)[:, None], levels == fixed[:, None], disc)


class _Chain:
    """Log-likelihoods of places as levels, from the top down and from the bottom up."""

    def __init__(
        self,
        depth: np.ndarray,
        jitter: np.ndarray,
        kept: np.ndarray,
        skipped: np.ndarray,
        levels: np.ndarray,
        allowed: np.ndarray,
    ) -> None:
        self.depth, self.jitter, self.skipped = depth, jitter, skipped
        self.own = np.where(allowed, kept[:, None], -np.inf)
        upper, lower = levels[:, None], levels[None, :]
        self.gap = usual.depth_of(lower) - usual.depth_of(upper)
        self.variance = np.abs(usual.variance_of(lower) - usual.variance_of(upper))
        between = np.ceil(lower) - np.floor(np.maximum(upper, usual.FIRST - 1)) - 1
        missed = np.maximum(between, 0) * _LOG_MISSED
        self.missed = np.where(lower > upper, missed, -np.inf)

    def forward(self, *, summed: bool) -> tuple[np.ndarray, list]:
        return self._run(range(len(self.depth)), summed, down=True)

    def backward(self, *, summed: bool) -> tuple[np.ndarray, list]:
        return self._run(range(len(self.depth))[::-1], summed, down=False)

    def _run(self, order: range, summed: bool, *, down: bool) -> tuple[np.ndarray, list]:
        """Scores (n, scales, levels) of all that lies on one side, the place itself included."""
        n = len(self.depth)
        score = np.full((n, len(_SCALES), self.gap.shape[0]), -np.inf)
        came: list = [None] * n
        for rank, i in enumerate(order):
            before = order[:rank]
            options = [np.broadcast_to(self._skip(before), score[i].shape)[:, None, :]]
            froms = [np.full((1, 2), -1)]
            for j in before:
                if abs(self.depth[i] - self.depth[j]) > _FAR_MM and not self.named(i, j):
                    continue
                between = [k for k in before if min(i, j) < k < max(i, j)]
                step = score[j][:, :, None] + self._step(j, i, down) + self._skip(between)
                if np.isfinite(step).any():
                    options.append(step)
                    froms.append(np.array([(j, level) for level in range(step.shape[1])]))
            options = np.concatenate(options, axis=1)
            if summed:
                score[i] = logsumexp(options, axis=1) + self.own[i]
            else:
                score[i] = options.max(axis=1) + self.own[i]
                came[i] = np.concatenate(froms)[options.argmax(axis=1)]
        return score, came

    def named(self, i: int, j: int) -> bool:
        """Whether both places must be kept, however far apart they are."""
        return bool(np.isneginf(self.skipped[[i, j]]).all())

    def _skip(self, places: range | list[int]) -> float:
        return float(self.skipped[list(places)].sum()) if len(places) else 0.0

    def _step(self, j: int, i: int, down: bool) -> np.ndarray:
        """Log-density of the distance between two places, (scales, level of j, level of i)."""
        gap, missed = (self.gap, self.missed) if down else (-self.gap, self.missed.T)
        variance = self.variance + self.jitter[i] ** 2 + self.jitter[j] ** 2
        off = abs(self.depth[i] - self.depth[j]) - _SCALES[:, None, None] * gap
        density = -0.5 * off**2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
        return density + missed


def _trace(path: np.ndarray, came: list, start: tuple[int, int, int], levels: np.ndarray) -> None:
    """Follow the best path from a place, size and level to one end, writing levels into it."""
    i, size, level = start
    while True:
        j, before = came[i][size, level]
        if j < 0:
            return
        path[j] = levels[before]
        i, level = int(j), int(before)
