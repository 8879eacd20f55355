"""Morphometry of a cord on the slices of a template, so that people can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.label_values import VERTEBRAE
from sctflow.core.morphometry import COLUMNS as PER_SLICE
from sctflow.core.slices import slice_faces

if TYPE_CHECKING:
    import pandas as pd

METRICS = tuple(name for name in PER_SLICE if name not in ("slice", "x", "y", "z", "length"))
"""Columns that are interpolated."""

COLUMNS: dict[str, dict[str, str]] = {
    "slice": {"Description": "Slice of the template, 0 at the bottom"},
    "level": {"Description": "Vertebral level of the template's slice: 1 is C1, 8 is T1"},
    "level_name": {"Description": "Name of the vertebral level"},
    "length": {
        "Description": "Length of the person's cord that the template's slice stands for",
        "Units": "mm",
    },
    **{
        name: {
            **PER_SLICE[name],
            "Description": f"{PER_SLICE[name]['Description']}; interpolated between the person's "
            "slices at the level of the template's slice",
        }
        for name in METRICS
    },
}
"""Description and units of each column of :func:`normalize_morphometry`, for a BIDS sidecar."""


def normalize_morphometry(
    perslice: pd.DataFrame, slice_level: np.ndarray, template_level: np.ndarray
) -> pd.DataFrame:
    """Bring per-slice metrics onto the slices of a template, level by level.

    Each slice of the template gets what the person's cord has at the same continuous vertebral
    level, linearly between the two nearest slices: the slices of a vertebra are stretched onto
    those of the same vertebra. The outermost slices count over their whole thickness, and nothing
    is told beyond them. Where a slice is missing or was not measured, neither is the template's.

    Parameters
    ----------
    perslice : DataFrame
        From :func:`sctflow.core.morphometry.measure_slices`.
    slice_level : (m,) array
        Continuous vertebral level of each row, 3.5 in the middle of C3; it falls as the slice
        number rises. Rows without a level (nan) are left out, as missing slices are.
    template_level : (n,) array
        Continuous level of each slice of the template, from its lowest slice up. Slices without
        a level (nan), above C1 and below the sacrum are left out.

    Returns
    -------
    DataFrame
        One row per slice of the template that the person's slices cover, with the columns of
        :data:`COLUMNS`. Directions are interpolated as axes: between 80 and -80 degrees lies 90,
        not 0. `length` adds up to that of the person's slices where they are covered entirely.

    Raises
    ------
    ValueError
        If there is not one level for each row, or levels do not fall as slices rise.
    """
    import pandas as pd

    own = np.asarray(slice_level, dtype=float)
    if own.shape != (len(perslice),):
        raise ValueError(f"There are {own.size} levels for {len(perslice)} rows of the table.")
    # A vertebra beyond those with a name, so that it can be told where these end.
    near = (own >= 0) & (own < len(VERTEBRAE) + 2)
    rows = perslice.assign(_level=own)[near].sort_values("slice")
    slices, wanted = _template_slices(np.asarray(template_level, dtype=float))
    _check_falls(rows["_level"].to_numpy(), "the person's slices")
    _check_falls(wanted, "the template's slices")
    if not len(rows) or not len(slices):
        return pd.DataFrame(columns=list(COLUMNS))

    # Heights rise as slices do, which is what interpolation wants.
    height, at = -rows["_level"].to_numpy(), -wanted
    lower, upper = slice_faces(rows["slice"], height, thickness=_mean_step(at))
    owner, inside = _owners(lower, upper, at)
    columns = {name: np.full(len(at), np.nan) for name in METRICS}
    for name in METRICS:
        if name in rows:
            columns[name] = _metric(name, height, rows[name].to_numpy(float), at, owner)
    columns["length"] = _length(lower, upper, rows["length"].to_numpy(float), slices, at, owner)
    level = np.floor(wanted).astype(int)
    names = [VERTEBRAE[value - 1] for value in level]
    table = pd.DataFrame({"slice": slices, "level": level, "level_name": names, **columns})
    return table.loc[inside, list(COLUMNS)].reset_index(drop=True)


def _template_slices(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slices of the template that lie at a vertebra, and their levels."""
    named = np.isfinite(level) & (level >= 1) & (level < len(VERTEBRAE) + 1)
    return np.flatnonzero(named), level[named]


def _check_falls(level: np.ndarray, whose: str) -> None:
    if np.any(np.diff(level) >= 0):
        raise ValueError(f"The levels of {whose} must fall from the lowest slice to the highest.")


def _mean_step(at: np.ndarray) -> float:
    """Thickness of the template's slices, in levels."""
    return float(np.diff(at).mean()) if len(at) > 1 else 0.0


def _owners(lower: np.ndarray, upper: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the slice in which each position lies.

    Returns
    -------
    owner : (n,) array of int
        Index of the slice, -1 where the position lies in none.
    inside : (n,) array of bool
        Whether it lies between the lowest and the highest slice, or in one of them.
    """
    # What lies on the outermost faces counts, whatever rounding makes of it.
    slack = 1e-9 * max(1.0, float(np.abs(at).max()))
    owner = np.searchsorted(lower - slack, at, side="right") - 1
    beyond = at > upper[owner] + slack
    inside = (owner >= 0) & (at <= upper[-1] + slack)
    return np.where(beyond | ~inside, -1, owner), inside


def _metric(
    name: str, height: np.ndarray, values: np.ndarray, at: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    """Interpolate one metric; nothing where the slice that a position lies in has nothing."""
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(at), np.nan)
    given = values[known]
    if name == "orientation":
        given = np.unwrap(given, period=180)
    result = np.interp(at, height[known], given)
    if name == "orientation":
        result = 90 - (90 - result) % 180
    result[~np.append(known, False)[owner]] = np.nan
    return result


def _length(
    lower: np.ndarray,
    upper: np.ndarray,
    length: np.ndarray,
    slices: np.ndarray,
    at: np.ndarray,
    owner: np.ndarray,
) -> np.ndarray:
    """Length of cord between the faces of the template's slices."""
    known = np.isfinite(length)
    added = np.column_stack([np.zeros(len(length)), np.where(known, length, 0.0)])
    faces, total = np.column_stack([lower, upper]).ravel(), np.cumsum(added.ravel())
    ends = slice_faces(slices, at, thickness=float(upper[-1] - lower[0]))
    result = np.interp(ends[1], faces, total) - np.interp(ends[0], faces, total)
    result[~np.append(known, False)[owner]] = np.nan
    return result
