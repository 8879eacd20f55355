"""What all the images of a session show, along one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.cord_checks import FAR_MM
from sctflow.core.label_values import CONUS, GROOVE, JUNCTION, disc_name
from sctflow.core.labeling import usual
from sctflow.core.labeling.line import CordLine, join_centerlines
from sctflow.core.labels import LabelError

if TYPE_CHECKING:
    import pandas as pd

_SAME = 0.4  # of the distance between discs: nearer ones of two images are one
_MATCH = 0.5  # of the distance between discs: how far from a detected disc a person may mark it
_USUAL_MM = 20.0  # distance between discs where there is only one


@dataclass(frozen=True)
class View:
    """One image of the session."""

    name: str
    """File name, for messages."""
    landmarks: pd.DataFrame
    """Columns kind, x, y, z (RAS mm), confidence, inferred."""
    morphometry: pd.DataFrame | None
    """From :func:`sctflow.core.morphometry.measure_slices`."""
    centerline: Centerline


@dataclass(frozen=True)
class Given:
    """A disc, or the middle of a vertebra, that a person has named."""

    value: int
    world: np.ndarray
    """(3,) RAS mm."""
    kind: Literal["disc", "vertebra"] = "disc"

    @property
    def level(self) -> float:
        """Continuous vertebral level."""
        return self.value + (0.5 if self.kind == "vertebra" else 0.0)


@dataclass(frozen=True)
class Pool:
    """Everything seen in a session, in mm along one line, upwards."""

    line: CordLine
    places: pd.DataFrame
    """s, x, y, z, confidence, inferred, from, manual, level (nan unless given); top to bottom."""
    marks: pd.DataFrame
    """kind, s, x, y, z, confidence, from: candidates for one landmark each."""
    cords: dict[str, np.ndarray]
    """By image, (m, 2): s and area in mm2 of each slice; nan where it was not measured."""
    spans: np.ndarray
    """(images, 2): lowest and highest place at which each image shows cord or a disc."""

    @property
    def seen(self) -> pd.DataFrame:
        """Places that were seen or given, not inferred."""
        return self.places[self.places["inferred"] == 0]

    def in_view_below(self, s: np.ndarray) -> np.ndarray:
        """Mm (n,) of the line below places (n,) that any image shows."""
        edges = np.unique(self.spans)
        low, high = edges[:-1], edges[1:]
        shown = ((self.spans[:, :1] <= low) & (self.spans[:, 1:] >= high)).any(axis=0)
        lengths = np.concatenate([[0.0], np.cumsum(np.where(shown, high - low, 0.0))])
        return np.interp(s, edges, lengths)


def gather(views: Sequence[View], given: Sequence[Given]) -> Pool:
    """Bring images and given labels together.

    Discs of two images are one if they are nearer to each other along the cord than 40 % of the
    distance between discs; the one with the higher confidence is kept. A given label takes the
    place of the nearest disc, or is one of its own.

    Raises
    ------
    LabelError
        If given labels lie far from the cord or contradict each other.
    """
    order = sorted(views, key=lambda view: (-_n_seen(view), -len(view.centerline)))
    line = join_centerlines([view.centerline for view in order], _world_of_seen(order))
    places = _empty_places()
    for view in order:
        places = _merge(places, _discs_of(view, line))
    others = [label for label in given if label.value in (JUNCTION, CONUS)]
    cords = {view.name: _cord_of(view, line) for view in order}
    labels = [label for label in given if label.value not in (GROOVE, JUNCTION, CONUS)]
    places = _put_given(places, labels, line)
    return Pool(
        line=line,
        places=places,
        marks=_marks(order, others, line),
        cords=cords,
        spans=np.array([_span(view, line, cords[view.name][:, 0]) for view in order]),
    )


def spacing_near(places: pd.DataFrame, s: float) -> float:
    """Mm between discs around a place: the median of the four nearest gaps."""
    at = np.sort(places["s"].to_numpy())
    if len(at) < 2:
        return _USUAL_MM
    gaps, middles = np.diff(at), 0.5 * (at[1:] + at[:-1])
    return float(np.median(gaps[np.argsort(np.abs(middles - s), kind="stable")[:4]]))


def _n_seen(view: View) -> int:
    return int(_is_seen(view).sum())


def _is_seen(view: View) -> pd.Series:
    return (view.landmarks["kind"] == "disc") & (view.landmarks["inferred"] == 0)


def _world_of_seen(views: Sequence[View]) -> np.ndarray:
    """World points (m, 3) of the discs of the first image that shows any."""
    return views[0].landmarks.loc[_is_seen(views[0]), ["x", "y", "z"]].to_numpy(float)


def _empty_places() -> pd.DataFrame:
    import pandas as pd

    floats = ["s", "x", "y", "z", "confidence", "level"]
    table = pd.DataFrame({name: np.empty(0) for name in floats})
    return table.assign(inferred=np.empty(0, int), manual=np.empty(0, int)).assign(
        **{"from": np.empty(0, object)}
    )


def _located(rows: pd.DataFrame, line: CordLine, name: str) -> pd.DataFrame:
    world = rows[["x", "y", "z"]].to_numpy(float)
    return rows.assign(s=line.along(world), **{"from": name})


def _discs_of(view: View, line: CordLine) -> pd.DataFrame:
    rows = view.landmarks[view.landmarks["kind"] == "disc"]
    table = _located(rows, line, view.name).assign(level=np.nan, manual=0)
    return table[list(_empty_places().columns)]


def _merge(ours: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Add the discs of one more image; each is one of ours at most, the nearest pairs first."""
    import pandas as pd

    if ours.empty or new.empty:
        return _sorted(new if ours.empty else ours)
    ours, new = ours.reset_index(drop=True), new.reset_index(drop=True)
    apart = np.abs(ours["s"].to_numpy()[:, None] - new["s"].to_numpy())
    limit = np.array([_SAME * spacing_near(ours, s) for s in new["s"]])
    best, taken_ours, taken_new = ours.copy(), set(), set()
    for flat in np.argsort(apart, axis=None, kind="stable"):
        i, j = np.unravel_index(flat, apart.shape)
        if apart[i, j] > limit[j] or i in taken_ours or j in taken_new:
            continue
        taken_ours.add(i)
        taken_new.add(j)
        # What was seen is worth more than what was inferred.
        if (-new.at[j, "inferred"], new.at[j, "confidence"]) > (
            -ours.at[i, "inferred"],
            ours.at[i, "confidence"],
        ):
            best.loc[i] = new.loc[j]
    left = new.drop(index=sorted(taken_new))
    return _sorted(pd.concat([best, left]) if len(left) else best)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("s", ascending=False, kind="stable").reset_index(drop=True)


def _put_given(places: pd.DataFrame, given: Sequence[Given], line: CordLine) -> pd.DataFrame:
    """Let given labels take the places of the discs they name."""
    import pandas as pd

    if not given:
        return places
    world = np.array([label.world for label in given], dtype=float)
    s, levels = line.along(world), np.array([label.level for label in given])
    _check_given(given, s, line.beside(world), levels)
    named, near = [], places.copy()
    for label, at in zip(given, s, strict=True):
        if label.kind == "disc" and len(near):
            off = np.abs(near["s"] - at)
            if off.min() <= _MATCH * spacing_near(places, at):
                near = near.drop(index=off.idxmin())
        x, y, z = np.asarray(label.world, dtype=float)
        row = {"s": at, "x": x, "y": y, "z": z, "confidence": 1.0, "level": label.level}
        named.append({**row, "inferred": 0, "manual": 1, "from": "given"})
    table = pd.DataFrame(named)[list(places.columns)]
    return _sorted(pd.concat([near, table]) if len(near) else table)


def _check_given(
    given: Sequence[Given], s: np.ndarray, beside: np.ndarray, levels: np.ndarray
) -> None:
    for label, far in zip(given, beside, strict=True):
        if not 1 <= label.value <= usual.LAST + 1:
            raise LabelError(f"{disc_name(label.value)} was given, which names no disc.")
        if far > FAR_MM:
            raise LabelError(
                f"The given {disc_name(label.value)} lies {far:.0f} mm beside the cord. Check "
                "that it was labelled on this image, or on one in the same world space."
            )
    order = np.argsort(-s, kind="stable")
    for upper, lower in pairwise(order):
        if levels[upper] < levels[lower]:
            continue
        names = " and ".join(disc_name(given[i].value) for i in (upper, lower))
        fault = "lie in the wrong order along the cord"
        if levels[upper] == levels[lower]:
            fault = "have one value at two places"
        raise LabelError(f"Given labels {names} {fault}. Correct or remove one.")


def _marks(views: Sequence[View], given: Sequence[Given], line: CordLine) -> pd.DataFrame:
    import pandas as pd

    columns = ["kind", "s", "x", "y", "z", "confidence", "from"]
    tables = []
    for view in views:
        rows = view.landmarks[view.landmarks["kind"] != "disc"]
        if len(rows):
            tables.append(_located(rows, line, view.name)[columns])
    for label in given:
        x, y, z = np.asarray(label.world, dtype=float)
        kind = "PMJ" if label.value == JUNCTION else "conus"
        row = pd.DataFrame([{"kind": kind, "x": x, "y": y, "z": z, "confidence": 1.0}])
        tables.append(_located(row, line, "given")[columns])
    if not tables:
        return pd.DataFrame({name: [] for name in columns})
    return pd.concat(tables, ignore_index=True)


def _span(view: View, line: CordLine, cord: np.ndarray) -> tuple[float, float]:
    discs = view.landmarks.loc[_is_seen(view), ["x", "y", "z"]].to_numpy(float)
    s = np.concatenate([cord, line.along(discs), line.along(view.centerline.points)])
    return float(s.min()), float(s.max())


def _cord_of(view: View, line: CordLine) -> np.ndarray:
    table = view.morphometry
    if table is None or not len(table):
        s = line.along(view.centerline.points[view.centerline.measured])
        return np.column_stack([s, np.full(len(s), np.nan)])
    world = table[["x", "y", "z"]].to_numpy(float)
    known = np.isfinite(world).all(axis=1)
    return np.column_stack([line.along(world[known]), table["area"].to_numpy(float)[known]])
