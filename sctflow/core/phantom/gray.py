"""Gray matter: the butterfly in the cord's cross-section, by spinal level.

Places are in half widths p and half depths q of the cord, so that the same figures serve cords of
any size. The right half of the butterfly lies between an inner and an outer edge, p as functions
of q: from the tip of the dorsal horn along its neck to the commissure, where the inner edge is
the midline, and on to the tip of the ventral horn.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sctflow.core.phantom.levels import N_SPINAL
from sctflow.core.phantom.outline import half_width_at

REFERENCE_LEVEL = 3.5
"""Continuous spinal level on whose cross-section the white-matter tracts are laid out."""

# Figures of the butterfly at the middles of some spinal levels, in half widths and half depths:
# - front and back edge of the commissure, tips of the ventral and of the dorsal horn (q, of the
#   last one -q);
# - ventral horn: its outer and inner edge and its tip (p);
# - waist: outer edge beside the commissure, and how far the lateral horn juts out (p);
# - dorsal horn: width of its neck and of its head, place of its tip (p).
# Forms after the sections in Standring, Gray's Anatomy (41st ed., ch. 20): horns wide in the
# enlargements, slim with a lateral horn in the thorax, plump in the conus. Sizes are such that
# the gray part of the section is near what is measured: 0.17-0.20 in the neck, 0.13 in the
# thorax (Papinutto et al. 2015, doi 10.1371/journal.pone.0118576), 0.35 and more from L4 on, and
# 0.16-0.20 of the whole cord (Henmar et al. 2020, doi 10.1152/jn.00413.2020).
_LEVELS = np.array([1.5, 3.5, 5.5, 7.5, 8.5, 10.0, 12.0, 16.0, 19.5, 21.5, 24.5, 27.5, 30.5])
_FORMS = {
    "front": [0.25, 0.24, 0.22, 0.20, 0.20, 0.20, 0.19, 0.18, 0.18, 0.16, 0.12, 0.08, 0.06],
    "back": [0.09, 0.08, 0.06, 0.04, 0.04, 0.06, 0.07, 0.06, 0.03, -0.02, -0.10, -0.18, -0.20],
    "ventral": [0.62, 0.64, 0.66, 0.67, 0.66, 0.62, 0.58, 0.57, 0.62, 0.70, 0.77, 0.76, 0.70],
    "dorsal": [0.74, 0.76, 0.78, 0.78, 0.77, 0.74, 0.70, 0.68, 0.72, 0.78, 0.84, 0.84, 0.80],
    "horn_out": [0.38, 0.42, 0.52, 0.56, 0.52, 0.36, 0.29, 0.30, 0.38, 0.51, 0.66, 0.74, 0.72],
    "horn_in": [0.14, 0.14, 0.15, 0.15, 0.15, 0.13, 0.12, 0.13, 0.15, 0.16, 0.17, 0.16, 0.14],
    "horn_tip": [0.27, 0.29, 0.35, 0.38, 0.36, 0.27, 0.21, 0.22, 0.30, 0.38, 0.46, 0.44, 0.38],
    "waist": [0.29, 0.30, 0.32, 0.31, 0.31, 0.32, 0.31, 0.33, 0.35, 0.37, 0.46, 0.60, 0.64],
    "lateral": [0.00, 0.00, 0.00, 0.00, 0.01, 0.05, 0.08, 0.08, 0.06, 0.02, 0.00, 0.00, 0.00],
    "neck": [0.11, 0.10, 0.10, 0.10, 0.10, 0.08, 0.08, 0.09, 0.13, 0.18, 0.27, 0.41, 0.46],
    "head": [0.19, 0.16, 0.15, 0.15, 0.14, 0.11, 0.11, 0.13, 0.18, 0.24, 0.31, 0.41, 0.44],
    "tip": [0.57, 0.56, 0.55, 0.55, 0.55, 0.52, 0.50, 0.50, 0.52, 0.53, 0.53, 0.50, 0.46],
}
_PER_LEVEL = 16  # rows of the table in a spinal level
_N_Q = 161
# Along a half of the butterfly: -1 the dorsal tip, 0 and 1 the back and the front edge of the
# commissure, 2 the ventral tip.
_DORSAL, _BACK, _FRONT, _VENTRAL = -1.0, 0.0, 1.0, 2.0
_ROUND_VENTRAL, _ROUND_DORSAL = 0.62, 0.72  # part of a horn before it rounds off


class Section(NamedTuple):
    """The right half of the butterfly at places q in sections of spinal levels; arrays (n,)."""

    inner: np.ndarray
    """Inner edge of the gray matter, in half widths; 0 in the commissure."""
    outer: np.ndarray
    """Outer edge; equal to the inner one before and behind the gray matter."""
    width: np.ndarray
    """Edge of the cord at q."""
    q: np.ndarray
    """Where the same part of the butterfly lies in the section of `REFERENCE_LEVEL`."""
    reference_inner: np.ndarray
    """Inner edge, outer edge and edge of the cord there."""
    reference_outer: np.ndarray
    reference_width: np.ndarray


def section(q: np.ndarray, spinal: np.ndarray) -> Section:
    """Edges of the gray matter at places q (half depths, -1 to 1) by continuous spinal level.

    Parameters
    ----------
    q, spinal
        (n,) float32.
    """
    table = _table()
    n_rows = len(table) // _N_Q
    row = np.clip((spinal - 1.0) * _PER_LEVEL + 0.5, 0, n_rows - 1).astype(np.int32)
    place = np.clip((q + 1.0) * (0.5 * (_N_Q - 1)), 0, _N_Q - 1.001)
    column = place.astype(np.int32)
    part = (place - column).astype(np.float32)[:, None]
    low = row * np.int32(_N_Q) + column
    here = table[low]
    here += part * (table[low + 1] - here)
    return Section(*here.T)


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """Rows of `Section` by spinal level and, faster, by q: (levels * q, 7) float32."""
    levels = np.linspace(1.0, N_SPINAL + 1.0, N_SPINAL * _PER_LEVEL + 1)
    forms, (reference,) = _forms(levels), _forms(np.array([REFERENCE_LEVEL]))
    q = np.linspace(-1.0, 1.0, _N_Q)
    rows = []
    for form in forms:
        along = _along(q, form)
        q_there = np.interp(along, *_knots(reference)[::-1])
        rows.append(
            np.stack(
                [
                    *_edges(along, form),
                    half_width_at(q),
                    q_there,
                    *_edges(along, reference),
                    half_width_at(q_there),
                ],
                -1,
            )
        )
    return np.concatenate(rows).astype(np.float32)


def _forms(levels: np.ndarray) -> list[dict[str, float]]:
    from scipy.interpolate import PchipInterpolator

    inside = np.clip(levels, _LEVELS[0], _LEVELS[-1])
    curves = {name: PchipInterpolator(_LEVELS, values)(inside) for name, values in _FORMS.items()}
    return [
        {name: float(curve[index]) for name, curve in curves.items()}
        for index in range(len(levels))
    ]


def _knots(form: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Places q, rising, and the same places along the butterfly."""
    q = [-1.0, -form["dorsal"], form["back"], form["front"], form["ventral"], 1.0]
    return np.array(q), np.array([-2.0, _DORSAL, _BACK, _FRONT, _VENTRAL, 3.0])


def _along(q: np.ndarray, form: dict[str, float]) -> np.ndarray:
    return np.interp(q, *_knots(form))


def _edges(along: np.ndarray, form: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Inner and outer edge at places along the butterfly."""
    from scipy.interpolate import PchipInterpolator

    out, tip, waist = form["horn_out"], form["horn_tip"], form["waist"]
    middle = form["waist"] - 0.6 * form["neck"]
    dorsal = {
        # The neck runs backwards before it turns out to the sulcus.
        -0.35: (middle + 0.08 * (form["tip"] - middle), form["neck"]),
        -0.55: (middle + 0.30 * (form["tip"] - middle), 0.6 * form["neck"] + 0.4 * form["head"]),
        -0.78: (middle + 0.66 * (form["tip"] - middle), form["head"]),
        -1.0: (form["tip"], 0.8 * form["head"]),
    }
    inner = {at: mid - 0.5 * width for at, (mid, width) in dorsal.items()}
    outer = {at: mid + 0.5 * width for at, (mid, width) in dorsal.items()}
    inner |= {-0.15: 0.55 * (middle - 0.5 * form["neck"]), 0.0: 0.0, 1.0: 0.0}
    inner |= {1.12: 0.5 * form["horn_in"], 1.4: form["horn_in"]}
    inner |= {1.75: form["horn_in"] + 0.15 * (tip - form["horn_in"]), 2.0: tip - 0.4 * (out - tip)}
    outer |= {-0.12: waist, 0.5: 0.7 * waist + 0.3 * out + form["lateral"]}
    outer |= dict.fromkeys((0.15, 0.9), 0.8 * waist + 0.2 * out + 0.6 * form["lateral"])
    outer |= {1.15: 0.35 * waist + 0.65 * out, 1.32: 0.05 * waist + 0.95 * out, 1.55: out}
    outer |= {1.8: 0.85 * out + 0.15 * tip, 2.0: 0.55 * out + 0.45 * tip}
    at_inner, at_outer = np.array(sorted(inner)), np.array(sorted(outer))
    inside = np.clip(along, _DORSAL, _VENTRAL)
    low = PchipInterpolator(at_inner, [inner[at] for at in at_inner])(inside)
    high = PchipInterpolator(at_outer, [outer[at] for at in at_outer])(inside)
    centre, half = 0.5 * (low + high), 0.5 * (high - low) * _rounded(along)
    return centre - half, centre + half


def _rounded(along: np.ndarray) -> np.ndarray:
    """Part of the width of the horns that is left towards their tips."""
    ventral = (along - _FRONT - _ROUND_VENTRAL) / (1.0 - _ROUND_VENTRAL)
    dorsal = (_BACK - along - _ROUND_DORSAL) / (1.0 - _ROUND_DORSAL)
    beyond = np.clip(np.maximum(ventral, dorsal), 0.0, 1.0)
    return np.sqrt(1.0 - beyond**2)
