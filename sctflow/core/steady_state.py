"""Volumes at the beginning of a series, before the magnetization is steady."""

from __future__ import annotations

import numpy as np

MOST_DUMMIES = 10
"""How many volumes are looked at: after ten repetitions of half a second even the signal of fat
and cord, T1 about 0.4 and 1 s, is steady."""

_LEAST_RISE = 0.01  # of the signal: T1 makes far more, breathing less
_SURE = 5.0  # standard deviations
_MAD_TO_SD = 1.4826  # of a normal distribution
_LEAST_STEADY = 5  # volumes to compare with


def count_dummies(data: np.ndarray) -> int:
    """Count the volumes at the beginning that are brighter than the steady ones.

    Their mean signal is compared with the median of the volumes after the first ten (of a short
    series, after its first third), in units of their spread, which outliers do not widen.

    Parameters
    ----------
    data : (i, j, k, t) array
        Series.

    Returns
    -------
    int
        0 if the first volume is as bright as the others, or there are too few to compare with.
    """
    n = data.shape[-1]
    most = min(MOST_DUMMIES, n // 3)
    if n - most < _LEAST_STEADY:
        return 0
    signal = np.nanmean(data.reshape(-1, n), axis=0, dtype=float)
    steady = signal[most:]
    middle = float(np.median(steady))
    spread = _MAD_TO_SD * float(np.median(np.abs(steady - middle)))
    bright = signal[:most] > middle + max(_SURE * spread, _LEAST_RISE * abs(middle))
    return most if bright.all() else int(np.argmin(bright))
