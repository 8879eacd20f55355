"""What landmarks other than discs say about levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from sctflow.core.labeling import usual
from sctflow.core.labeling.placing import Placing

if TYPE_CHECKING:
    import pandas as pd

HEAD, SACRUM, JUNCTION = ("axis", "dens", "atlas"), ("sacrum",), ("PMJ",)

_LEVEL = {"atlas": 1.0, "dens": 2.0, "axis": 3.0, "sacrum": 25.0}
_SPREAD_MM = {"atlas": 3.0, "dens": 3.0, "axis": 3.0, "sacrum": 4.0, "PMJ": 6.0}
_BELIEF = 0.95  # the share of a network's confidence that is believed
# Numbered from a lumbar image alone, vertebrae are one off in 14 % of people: their lumbar spine
# has four or six vertebrae, or seems to (Tokgoz et al. 2014, doi 10.3348/kjr.2014.15.2.258).
_SACRUM_OFF = 0.14
ANYWHERE_MM = 250.0
"""Length over which a wrong landmark may lie."""
_NEIGHBOUR = 0.5  # share of wrong landmarks that lie at one of the four neighbouring levels
_CORRELATED = 0.7  # power of the evidence of landmarks that one network saw in one place


def mark_evidence(
    marks: pd.DataFrame, placings: list[Placing], kinds: tuple[str, ...]
) -> np.ndarray:
    """Log-likelihood of landmarks of some kinds in each hypothesis; not of the cord's tip.

    Each is either right, and lies where the hypothesis expects it, or says nothing: it may be
    anywhere, and often is at a neighbouring level. Several images that show the same landmark
    count for less than as many landmarks.
    """
    total = np.zeros(len(placings))
    groups = [marks[marks["kind"] == kind] for kind in kinds]
    groups = [group for group in groups if len(group)]
    for group in groups:
        rows = zip(group["kind"], group["s"], group["confidence"], strict=True)
        each = [[_mark(p, *row) for p in placings] for row in list(rows)]
        total += np.sum(each, axis=0) / np.sqrt(len(group))
    return total * (_CORRELATED if len(groups) > 1 else 1.0)


def expected_junction(placing: Placing) -> float:
    """Mm along the cord at which the pontomedullary junction should be."""
    return float(placing.place_of(3.0)) + usual.JUNCTION_MM * placing.scale


def belief(confidence: float) -> float:
    """Probability that a landmark of this confidence is what it says."""
    return _BELIEF * float(np.clip(confidence, 0.0, 1.0))


def _mark(placing: Placing, kind: str, s: float, confidence: float) -> float:
    right = belief(confidence)
    wrong = np.log1p(-right)
    nowhere = wrong - np.log(ANYWHERE_MM)
    if kind == "PMJ":
        place = expected_junction(placing)
        return float(np.logaddexp(np.log(right) + _gauss(s, place, placing, kind), nowhere))
    level = _LEVEL[kind]
    own = np.log(right) + _gauss(s, placing.place_of(level), placing, kind)
    if kind == "sacrum":
        off = placing.place_of(level + np.array([-1.0, 1.0]))
        beside = np.log(0.5 * right * _SACRUM_OFF) + _gauss(s, off, placing, kind)
        own = logsumexp([own + np.log1p(-_SACRUM_OFF), *beside])
    others = placing.place_of(level + np.array([-2.0, -1.0, 1.0, 2.0]))
    beside = logsumexp(_gauss(s, others, placing, kind)) - np.log(len(others))
    terms = [own, wrong + np.log(_NEIGHBOUR) + beside, nowhere + np.log1p(-_NEIGHBOUR)]
    return float(logsumexp(terms))


def _gauss(s: float, place: np.ndarray | float, placing: Placing, kind: str) -> np.ndarray | float:
    variance = _SPREAD_MM[kind] ** 2 + placing.error_at(place) ** 2
    return -0.5 * (s - place) ** 2 / variance - 0.5 * np.log(2.0 * np.pi * variance)
