"""Grey levels of pictures: spread, matched to others, and alternated with them."""

from __future__ import annotations

import numpy as np

_RANKS = (5, 50, 95)  # percentiles at which grey levels are matched


def grey_levels(values: np.ndarray, *, upper: float = 99.5) -> np.ndarray:
    """Spread values between the 1st and the ``upper`` percentile, 0–255; nan is black."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(values[known], (1, upper))
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.rint(np.clip(np.nan_to_num(scaled), 0, 1) * 255).astype(np.uint8)


def match_ranks(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Make the dark, the middle and the bright part of values as dark and bright as others'.

    A curve through more ranks would tear apart tissue of one grey where the others have two.

    Parameters
    ----------
    values, like : numpy.ndarray
        Of one shape; only where both are known (not nan) are they compared.

    Returns
    -------
    numpy.ndarray
        `values` through a rising curve of two straight pieces.
    """
    known = np.isfinite(values) & np.isfinite(like)
    if not known.any():
        return values
    own, others = (np.percentile(given[known], _RANKS) for given in (values, like))
    own, first = np.unique(own, return_index=True)
    if len(own) == 1:
        return np.where(np.isfinite(values), others[0], np.nan)
    # Straight on beyond the outermost ranks.
    place = np.interp(values, own, others[first])
    slopes = np.diff(others[first]) / np.diff(own)
    place += slopes[0] * np.minimum(values - own[0], 0) + slopes[-1] * np.maximum(
        values - own[-1], 0
    )
    return place


def checkers(first: np.ndarray, second: np.ndarray, *, width: float, field: float) -> np.ndarray:
    """Alternate two pictures in squares; the upper left one shows the first.

    Parameters
    ----------
    first, second : numpy.ndarray
        (rows, columns) square pixels.
    width : float
        Of the picture, mm.
    field : float
        Side of a square, mm.
    """
    step = width / first.shape[1]
    rows, columns = (np.floor((np.arange(n) + 0.5) * step / field) for n in first.shape)
    return np.where((rows[:, None] + columns) % 2 == 0, first, second)
