"""Evidence of several kinds, weighed into one probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

if TYPE_CHECKING:
    import pandas as pd

FLOORS = {
    "spacing": 0.05,
    "cord": 0.03,
    "ends": 0.03,
    "head": 0.03,
    "PMJ": 0.03,
    "sacrum": 0.05,
}
"""Probability with which each kind of evidence is led astray altogether, so that none can be sure
by itself. Chosen, not measured: larger than on phantoms, as people differ more."""

_POWERS = {"spacing": 0.7, "cord": 0.7}
"""Evidence of many correlated parts, whose correlations are guessed, counts for less."""

_OFF_BY_ONE = {"spacing": 0.12, "cord": 0.12}
"""Probability that such evidence fits a neighbouring level better than the true one: people and
masks differ smoothly along the cord. So neither can tell neighbours apart by itself, not even on
phantoms, whose areas are those of the table."""

_ASTRAY = 0.01  # the same for all of it


def fuse(values: np.ndarray, evidence: dict[str, np.ndarray]) -> pd.DataFrame:
    """Weigh evidence.

    Each kind is made a probability over hypotheses, mixed with the uniform one; the product of
    these is mixed so again.

    Parameters
    ----------
    values : (h,) array of int
        Value of the top disc in each hypothesis.
    evidence : dict of (h,) arrays
        Log-likelihoods by the names of `FLOORS`.

    Returns
    -------
    DataFrame
        value, probability, and each kind's log-probability; no row without a hypothesis.
    """
    import pandas as pd

    if not len(values):
        return pd.DataFrame(columns=["value", "probability", *FLOORS], dtype=float)
    columns = {
        kind: _tempered(_blurred(values, _POWERS.get(kind, 1.0) * log, kind), FLOORS[kind])
        for kind, log in evidence.items()
    }
    total = _tempered(np.sum(list(columns.values()), axis=0), _ASTRAY)
    return pd.DataFrame({"value": values, "probability": np.exp(total), **columns})


def by_value(table: pd.DataFrame) -> pd.DataFrame:
    """Join hypotheses that give the top disc one value: they differ in what is no disc at all.

    Probabilities are added; the columns of evidence are those of the most probable one.
    """
    ranked = table.sort_values("probability", ascending=False, kind="stable")
    joined = ranked.groupby("value", sort=True).first()
    joined["probability"] = table.groupby("value", sort=True)["probability"].sum()
    return joined.reset_index()[list(table.columns)]


def _blurred(values: np.ndarray, log: np.ndarray, kind: str) -> np.ndarray:
    """Let evidence speak for the neighbouring hypotheses as well."""
    share = _OFF_BY_ONE.get(kind)
    if share is None:
        return log
    beside = np.abs(values[:, None] - values) == 1
    here = log + np.log1p(-share)
    there = logsumexp(np.where(beside, log, -np.inf), axis=1) + np.log(0.5 * share)
    return np.logaddexp(here, there)


def _tempered(log: np.ndarray, floor: float) -> np.ndarray:
    log = log - logsumexp(log)
    return np.logaddexp(np.log1p(-floor) + log, np.log(floor / len(log)))
