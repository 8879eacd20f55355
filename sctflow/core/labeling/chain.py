"""Which peaks are discs: the likeliest chain of them down the spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.labeling.heat import Peaks

# Intervals of adults, from C3/C4 of small ones to L4/L5 of tall ones, with some margin.
NARROWEST_MM, WIDEST_MM = 10.0, 46.0
MOST_MISSED = 2
"""Discs that may be missed between two that are seen."""
MISSED_COST = 2.0
RATIO_SD = 0.2
"""Of the logarithm of the ratio of neighbouring intervals; 0.05 to 0.1 in healthy adults."""
RATIO_COST_LIMIT = 4.0
"""So that one fused or collapsed vertebra does not cost a disc that is clearly seen."""
SLOPE_SD = 0.5
"""Of the direction of the line through the tips against the path."""
NEUTRAL = 0.3
"""A peak of this probability neither gains nor loses anything by itself: a disc that is not seen
costs more than one that is doubtful, and says so."""


@dataclass(frozen=True)
class Chain:
    """Discs from the top to the bottom.

    Attributes
    ----------
    row, column : (n,) array
        Fractional pixels of the slab.
    confidence : (n,) array
        Probability that the peak is a disc; 0 where a disc was not seen.
    inferred : (n,) array of bool
        Not seen, placed evenly between its neighbours.
    """

    row: np.ndarray
    column: np.ndarray
    confidence: np.ndarray
    inferred: np.ndarray

    def __len__(self) -> int:
        """Count the discs."""
        return len(self.row)


def best_chain(peaks: Peaks) -> Chain:
    """Pick the peaks that are discs.

    A chain gains by the probability of its peaks and loses by intervals unlike their neighbours,
    by discs that it has to leave out, and by sideways steps. Dynamic programming over pairs of
    neighbours.

    Parameters
    ----------
    peaks : Peaks
        Of the map of discs, in any order, with probabilities as their heights.
    """
    peaks = peaks.take(np.argsort(-peaks.row, kind="stable"))
    n = len(peaks)
    gain = _log_odds(peaks.height) - _log_odds(np.array(NEUTRAL))
    if not n or gain.max() <= 0:
        return _chain(peaks, [])
    down = peaks.row[:, None] - peaks.row[None]
    slope = (peaks.column[None] - peaks.column[:, None]) / np.where(down > 0, down, 1)
    missed = np.arange(MOST_MISSED + 1)
    interval = down[..., None] / (missed + 1)
    step = -0.5 * (slope[..., None] / SLOPE_SD) ** 2 - MISSED_COST * missed
    possible = (interval >= NARROWEST_MM) & (interval <= WIDEST_MM)
    step = np.where(possible, step, -np.inf)
    log_interval = np.log(np.where(possible, interval, 1.0))
    # score[i, j, m]: best chain that ends with j, coming from i with m missed in between.
    score = np.full((n, n, len(missed)), -np.inf)
    came = np.full((n, n, len(missed), 2), -1)
    for j in range(n):
        for i in range(j):
            for m in missed:
                if not np.isfinite(step[i, j, m]):
                    continue
                ratio = (log_interval[:, i, :] - log_interval[i, j, m]) / RATIO_SD
                before = score[:, i, :] - np.minimum(0.5 * ratio**2, RATIO_COST_LIMIT)
                h, k = np.unravel_index(np.argmax(before), before.shape)
                start = gain[i]
                best = start if before[h, k] <= start else before[h, k]
                came[i, j, m] = (-1, -1) if best == start else (h, k)
                score[i, j, m] = best + gain[j] + step[i, j, m]
    alone = int(np.argmax(gain))
    if n == 1 or score.max() <= gain[alone]:
        return _chain(peaks, [(alone, 0)])
    i, j, m = np.unravel_index(np.argmax(score), score.shape)
    steps = [(int(j), int(m))]
    while True:
        h, k = came[i, j, m]
        if h < 0:
            steps.append((int(i), 0))
            break
        steps.append((int(i), int(k)))
        i, j, m = h, i, k
    return _chain(peaks, steps[::-1])


def _log_odds(height: np.ndarray) -> np.ndarray:
    height = np.clip(height, 0.01, 0.99)
    return np.log(height / (1 - height))


def _chain(peaks: Peaks, steps: list[tuple[int, int]]) -> Chain:
    """Chain of peaks, each with the number of discs missed right above it."""
    rows: list[tuple[float, float, float, bool]] = []
    for j, missed in steps:
        here = np.array([peaks.row[j], peaks.column[j]])
        for k in range(missed):
            above = np.array(rows[-1 - k][:2])
            row, column = above + (here - above) * (k + 1) / (missed + 1)
            rows.append((float(row), float(column), 0.0, True))
        rows.append((*here, float(peaks.height[j]), False))
    table = np.array(rows, float).reshape(-1, 4)
    return Chain(table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0)
