"""Morphometry at distances below the pontomedullary junction, along the centreline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.cord_checks import FAR_MM
from sctflow.core.cord_frame import BEYOND_MM, make_frame
from sctflow.core.label_values import JUNCTION, disc_name
from sctflow.core.labels import LabelError, LabelPoints
from sctflow.core.morphometry import summarize
from sctflow.core.slices import slice_faces

if TYPE_CHECKING:
    import pandas as pd

EXTENT_MM = 20.0
"""Default height of a window."""

EVERY_MM = 4.0
"""Default distance from one window to the next."""

_SLACK = 1e-6  # parts of a window, so that rounding does not decide whether it is filled

COLUMNS: dict[str, dict[str, str]] = {
    "pmj_distance": {
        "Description": "Distance of the window's middle below the pontomedullary junction, along "
        "the centreline",
        "Units": "mm",
    },
    "slice_first": {"Description": "Lowest slice of the window"},
    "slice_last": {"Description": "Highest slice of the window"},
    "n_slices": {"Description": "Slices in the window; 0 where the cord does not fill it"},
    "length": {"Description": "Length of cord in these slices", "Units": "mm"},
}
"""Columns of :func:`measure_by_distance` besides the means and standard deviations."""


def distance_below(centerline: Centerline, points: LabelPoints, *, name: str) -> np.ndarray:
    """Measure how far below the pontomedullary junction each slice of a centreline lies.

    The distance runs along the centreline from the place nearest to the junction. Above the mask
    the line goes straight on.

    Parameters
    ----------
    centerline : Centerline
        Of the cord.
    points : LabelPoints
        Labelled points; the one with the value 50 is the junction.
    name : str
        What the messages call the labels, usually their file name.

    Returns
    -------
    (m,) array
        Mm for each of the centreline's slices; negative above the junction.

    Raises
    ------
    LabelError
        No junction among the points, or one that is not at the upper end of this cord.
    """
    found = points.world[points.values == JUNCTION]
    if not len(found):
        raise LabelError(
            f"{name}: there is no {disc_name(JUNCTION)} in it, so that no distance from it can be "
            "told. Label the junction."
        )
    frame = make_frame(centerline)
    u, v, s = frame.from_world(found[0])
    low, high = frame.ends
    advice = "Check that it was labelled on this image, or on one in the same world space"
    if np.hypot(u, v) > FAR_MM:
        raise LabelError(
            f"{name}: {disc_name(JUNCTION)} is {np.hypot(u, v):.0f} mm beside the cord or its "
            f"straight continuation. {advice}."
        )
    if s > high + BEYOND_MM:
        raise LabelError(
            f"{name}: {disc_name(JUNCTION)} is {s - high:.0f} mm above the mask of the cord; over "
            f"more than {BEYOND_MM:.0f} mm its course cannot be guessed. Extend the mask upwards."
        )
    if s < low:
        raise LabelError(
            f"{name}: {disc_name(JUNCTION)} is {low - s:.0f} mm below the cord's lower end. "
            f"{advice}."
        )
    return s - frame.slice_s


def measure_by_distance(
    perslice: pd.DataFrame,
    distance: np.ndarray,
    *,
    extent: float = EXTENT_MM,
    every: float = EVERY_MM,
    at: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Average metrics over windows at distances below the pontomedullary junction.

    A slice belongs to a window if its middle does. A window counts if measured slices fill it.

    Parameters
    ----------
    perslice : DataFrame
        From :func:`sctflow.core.morphometry.measure_slices`.
    distance : (m,) array
        Of each row below the junction, mm; negative above it, nan where it is not known.
    extent : float
        Height of a window, mm.
    every : float
        Windows are centred at the multiples of this, mm, from the highest that lies wholly below
        the junction to the lowest that the cord fills.
    at : sequence of float, optional
        Middles of windows, mm, instead of these. A window that the cord does not fill gets
        missing values and no slices.

    Returns
    -------
    DataFrame
        `pmj_distance`, and the columns of :func:`sctflow.core.morphometry.summarize`; from the
        head down, or in the order of `at`.

    Raises
    ------
    ValueError
        If there is not one distance for each row, or `extent` or `every` is not over 0.
    """
    import pandas as pd

    distance = np.asarray(distance, dtype=float)
    if distance.shape != (len(perslice),):
        raise ValueError(f"There are {distance.size} distances for {len(perslice)} rows.")
    if not extent > 0 or not every > 0:
        raise ValueError(f"extent ({extent:g} mm) and every ({every:g} mm) must be over 0.")
    faces = _faces(perslice, distance)
    middles = _middles(faces, extent, every) if at is None else np.asarray(at, dtype=float)
    tables = [_window(perslice, distance, faces, middle, extent) for middle in middles]
    if at is None:
        tables = [table for table in tables if table["n_slices"].iloc[0]]
    # Of no windows, the columns.
    none = _window(perslice.iloc[:0], distance[:0], faces[:, :0], 0.0, extent).iloc[:0]
    return pd.concat(tables, ignore_index=True) if tables else none


def _faces(perslice: pd.DataFrame, distance: np.ndarray) -> np.ndarray:
    """Distances (2, m) of the upper and lower face of each slice; nan without measurement."""
    faces = np.full((2, len(distance)), np.nan)
    known = np.isfinite(distance)
    if known.any():
        slices, length = perslice["slice"].to_numpy()[known], perslice["length"].to_numpy()[known]
        lower, upper = slice_faces(slices, distance[known], thickness=-float(length[0]))
        faces[:, known] = upper, lower
    faces[:, perslice["area"].isna().to_numpy()] = np.nan
    return faces


def _middles(faces: np.ndarray, extent: float, every: float) -> np.ndarray:
    """Multiples of `every` at which a window may be filled."""
    if not np.isfinite(faces).any():
        return np.empty(0)
    first = np.ceil(extent / 2 / every - _SLACK)
    last = np.floor((np.nanmax(faces) - extent / 2) / every + _SLACK)
    return every * np.arange(first, last + 1)


def _window(
    perslice: pd.DataFrame,
    distance: np.ndarray,
    faces: np.ndarray,
    middle: float,
    extent: float,
) -> pd.DataFrame:
    """Summarise one window; without slices where the cord does not fill it."""
    top, bottom = middle - extent / 2, middle + extent / 2
    filled = np.nansum(np.diff(np.clip(faces, top, bottom), axis=0))
    within = (distance >= top) & (distance <= bottom)
    if filled < extent * (1 - _SLACK):
        within[:] = False
    table = summarize(perslice[within])
    table.insert(0, "pmj_distance", float(middle))
    return table
