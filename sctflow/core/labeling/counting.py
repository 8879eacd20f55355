"""Counting discs down the cord: which values fit the distances, for every value of one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from sctflow.core.labeling import usual

# Sizes of people; one in thirty is unlike adults, such as a child.
_SCALES = np.arange(0.52, 1.25, 0.04)
_UNLIKE = 0.03
_ADULTS = np.exp(-0.5 * ((_SCALES - 1.0) / usual.SIZE_SD) ** 2)
_SIZE_PRIOR = (1.0 - _UNLIKE) * _ADULTS / _ADULTS.sum() + _UNLIKE / len(_SCALES)
_SIZE_PRIOR = np.log(_SIZE_PRIOR)[:, None]
# That a disc in view is not detected: as likely as a detected one is none, within limits.
_MISSED, _MOST_MISSED = 0.04, 0.3
_LOG_ANYWHERE = -np.log(20.0)  # density per mm of a place that is no disc
_SURE, _UNSURE = 0.98, 0.3  # limits of what a detector's confidence is believed
_DISC_MM, _VERTEBRA_MM = 1.2, 3.0  # errors of a disc's place and of a vertebra's middle
# Part by which a length that no image shows differs from the size of what is shown: necks, chests
# and loins of one person differ from the usual ones each in its own way.
_REGIONS = 0.06
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


@dataclass(frozen=True)
class Places:
    """What may be discs, from top to bottom.

    Attributes
    ----------
    s : (n,) array
        Mm along the cord, falling.
    confidence : (n,) array
        That there is a disc.
    fixed : (n,) array
        Level of places that a person has named, half-integers in vertebrae; nan elsewhere.
    shown : (n,) array
        Mm of the line below each place that any image shows: discs elsewhere are not missed.
    """

    s: np.ndarray
    confidence: np.ndarray
    fixed: np.ndarray
    shown: np.ndarray

    def name(self, place: int, level: float) -> Places:
        """Give one place a level."""
        fixed = self.fixed.copy()
        fixed[place] = level
        return replace(self, fixed=fixed)

    @property
    def anchor(self) -> int:
        """A place that is surely a disc: named by a person, or seen well, near the middle."""
        off_middle = np.abs(self.s - self.s.mean()) / (np.ptp(self.s) + 1.0)
        given = np.isfinite(self.fixed) * 10.0
        return int(np.argmax(given + np.round(self.confidence, 1) - 0.01 * off_middle))


def count(places: Places) -> Counts:
    """Count in every possible way.

    Each place may be the next disc, one or several discs farther down (those between were not
    seen), or no disc at all. Distances are compared with the usual ones, times one size for the
    person, which is summed over.
    """
    anchor = places.anchor
    chain, levels = _chain(places)
    summed = chain.forward(summed=True)[0][anchor] + chain.backward(summed=True)[0][anchor]
    best_above, from_above = chain.forward(summed=False)
    best_below, from_below = chain.backward(summed=False)
    best = best_above[anchor] + best_below[anchor] + _SIZE_PRIOR
    chosen = np.flatnonzero(np.isfinite(summed).any(axis=0))
    paths = np.zeros((len(chosen), len(places.s)))
    for path, value in zip(paths, chosen, strict=True):
        size = int(np.argmax(best[:, value]))
        path[anchor] = levels[value]
        for came in (from_above, from_below):
            _trace(path, came, (anchor, size, value), levels)
    return Counts(paths, logsumexp(summed[:, chosen] + _SIZE_PRIOR, axis=0))


def certainty(places: Places, *, counts: Counts, probability: np.ndarray, best: int) -> np.ndarray:
    """Probability of each place's value in the best path.

    It is low where it cannot be told how many discs were missed: beyond a gap between images.

    Parameters
    ----------
    places : Places
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
    anchor, path = places.anchor, counts.paths[best]
    kept = np.flatnonzero(path > 0)
    result = np.zeros(len(path))
    for one in np.flatnonzero(probability >= _LEAST):
        chain, levels = _chain(places.name(anchor, counts.paths[one][anchor]))
        total = chain.forward(summed=True)[0] + chain.backward(summed=True)[0]
        by_level = logsumexp(total[kept] + _SIZE_PRIOR, axis=1)
        own = by_level[np.arange(len(kept)), np.searchsorted(levels, path[kept])]
        possible = np.isfinite(own)
        part = np.exp(own[possible] - logsumexp(by_level[possible], axis=1))
        result[kept[possible]] += probability[one] * part
    return result


def _chain(places: Places) -> tuple[_Chain, np.ndarray]:
    """Make the chain of places, and the levels they may have."""
    given = np.isfinite(places.fixed)
    sure = np.clip(places.confidence, _UNSURE, _SURE)
    skipped = np.where(given, -np.inf, np.log1p(-sure) + _LOG_ANYWHERE)
    skipped[places.anchor] = -np.inf
    levels = np.union1d(np.arange(1.0, usual.LAST + 2), places.fixed[given])
    chain = _Chain(
        places,
        jitter=np.where(given & (places.fixed % 1 > 0), _VERTEBRA_MM, _DISC_MM),
        # A place is counted from above and from below.
        kept=np.where(given, 0.0, 0.5 * np.log(sure)),
        skipped=skipped,
        levels=levels,
        missed=_log_missed(places),
    )
    return chain, levels


def _log_missed(places: Places) -> float:
    """Log-probability that a disc is not detected: high where the others were hardly seen."""
    sure = places.confidence[~np.isfinite(places.fixed)]
    doubt = 1.0 - float(sure.mean()) if len(sure) else 0.0
    return float(np.log(np.clip(doubt, _MISSED, _MOST_MISSED)))


def _allowed(fixed: np.ndarray, levels: np.ndarray) -> np.ndarray:
    disc = (levels % 1 == 0) & (levels >= usual.FIRST) & (levels <= usual.LAST)
    return np.where(np.isfinite(fixed)[:, None], levels == fixed[:, None], disc)


class _Chain:
    """Log-likelihoods of places as levels, from the top down and from the bottom up."""

    def __init__(
        self,
        places: Places,
        *,
        jitter: np.ndarray,
        kept: np.ndarray,
        skipped: np.ndarray,
        levels: np.ndarray,
        missed: float,
    ) -> None:
        self.depth, self.shown = -places.s, places.shown
        self.jitter, self.skipped = jitter, skipped
        self.own = np.where(_allowed(places.fixed, levels), kept[:, None], -np.inf)
        upper, lower = levels[:, None], levels[None, :]
        self.gap = usual.depth_of(lower) - usual.depth_of(upper)
        self.variance = np.abs(usual.variance_of(lower) - usual.variance_of(upper))
        between = np.ceil(lower) - np.floor(np.maximum(upper, usual.FIRST - 1)) - 1
        self.missed = np.maximum(between, 0) * missed
        self.below = lower > upper

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
                if abs(self.shown[i] - self.shown[j]) > _FAR_MM and not self.named(i, j):
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
        gap, missed, below = self.gap, self.missed, self.below
        if not down:
            gap, missed, below = -gap, missed.T, below.T
        apart = abs(self.depth[i] - self.depth[j])
        part = min(1.0, abs(self.shown[i] - self.shown[j]) / max(apart, 1e-6))
        variance = self.variance + self.jitter[i] ** 2 + self.jitter[j] ** 2
        variance = variance + (_REGIONS * (1.0 - part) * apart) ** 2
        off = apart - _SCALES[:, None, None] * gap
        density = -0.5 * off**2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
        return np.where(below, density + part * missed, -np.inf)


def _trace(path: np.ndarray, came: list, start: tuple[int, int, int], levels: np.ndarray) -> None:
    """Follow the best path from a place, size and level to one end, writing levels into it."""
    i, size, level = start
    while True:
        j, before = came[i][size, level]
        if j < 0:
            return
        path[j] = levels[before]
        i, level = int(j), int(before)
