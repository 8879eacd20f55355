"""From label images to what names discs, and from named discs back to label images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.grid import canonicalize
from sctflow.core.label_values import CONUS, GROOVE, JUNCTION, LAST_DISC, disc_name, short_name
from sctflow.core.labeling.gathering import Given, View
from sctflow.core.labeling.result import COLUMNS
from sctflow.core.labels import LabelError, LabelPoints, points_at

if TYPE_CHECKING:
    import pandas as pd

FINE_MM = 0.5
"""Voxels of a grid that is made for labels are not larger, so that none moves by half of that."""

NEAR_MM = 10.0
"""Half the distance between two discs of the neck: nearer than this, a place stands for a disc,
and two labels of one value for the same one."""

UNNAMED = 100
"""Added to the number of a disc without a name, from the top: no such value marks anything."""


@dataclass(frozen=True)
class ByHand:
    """Labels that a person placed.

    Attributes
    ----------
    name : str
        File name, for messages.
    points : LabelPoints
    kind : {"disc", "vertebra", "junction"}
        What they mark; of a label image of the junction other values have no meaning.
    """

    name: str
    points: LabelPoints
    kind: Literal["disc", "vertebra", "junction"] = "disc"


def given_by_hand(labels: Sequence[ByHand]) -> tuple[list[Given], list[str]]:
    """Take labels of several images together; of two for one thing the first stays.

    Parameters
    ----------
    labels : sequence of ByHand
        Of one session, the most wanted first.

    Returns
    -------
    given : list of Given
    warnings : list of str
        Labels of one value that lie apart.

    Raises
    ------
    LabelError
        A value that marks no such thing.
    """
    found: dict[tuple[str, int], tuple[Given, str]] = {}
    warnings = []
    for one in labels:
        for value, world in zip(one.points.values.tolist(), one.points.world, strict=True):
            if value == GROOVE or (one.kind == "junction" and value != JUNCTION):
                continue
            _check_value(one, value)
            kind = "vertebra" if one.kind == "vertebra" else "disc"
            label = Given(value, world, kind)
            first, name = found.setdefault((kind, value), (label, one.name))
            if (apart := float(np.linalg.norm(first.world - world))) > NEAR_MM:
                what = disc_name(value) if kind == "disc" else f"vertebra {value}"
                warnings.append(
                    f"{one.name}: {what} lies {apart:.0f} mm from where {name} has it, which is "
                    "taken for the session"
                )
    return [label for label, _ in found.values()], warnings


def _check_value(labels: ByHand, value: int) -> None:
    others = () if labels.kind == "vertebra" else (JUNCTION, CONUS)
    if 1 <= value <= LAST_DISC or value in others:
        return
    what, third, eighth = (
        ("vertebra", "C3", "T1") if labels.kind == "vertebra" else ("disc", "C2/C3", "C7/T1")
    )
    raise LabelError(
        f"{labels.name}: no {what} has the value {value}. They are numbered from the top: 3 is "
        f"{third}, 8 is {eighth}."
    )


def discs_given(given: Sequence[Given]) -> pd.DataFrame:
    """Tabulate the discs that a person named, and no others; as a naming has them.

    Parameters
    ----------
    given : sequence of Given
        Vertebrae among them are left out: what their discs are is not known without an image.
    """
    import pandas as pd

    rows = [
        (*map(float, one.world), 1.0, 0, one.value, "given", 1)
        for one in given
        if one.kind == "disc"
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("z", ascending=False, kind="stable").reset_index(drop=True)


def middle_of_view(line: Centerline, shape: tuple[int, ...], affine: np.ndarray) -> float:
    """Place along the cord of the middle slice of an image, mm; straight on beyond the line."""
    canonical, _ = canonicalize(np.empty(shape[:3], np.uint8), affine)
    return _place_of_slice(line, (canonical.shape[2] - 1) // 2)


def _place_of_slice(line: Centerline, number: int) -> float:
    inside = float(np.interp(number, line.slices, line.arc_length))
    beyond = number - float(np.clip(number, line.slices[0], line.slices[-1]))
    length = float(line.arc_length[-1])
    step = length / (len(line) - 1) if len(line) > 1 else 0.0
    return inside + beyond * step


def given_by_value(view: View, value: int, *, middle: float, number: int | None = None) -> Given:
    """Give a value to the disc in the middle of an image, or at one of its slices.

    Parameters
    ----------
    view : View
        The image.
    value : int
        Of the disc.
    middle : float
        From :func:`middle_of_view`.
    number : int, optional
        Slice of the cord, counted from the bottom, instead of the middle.

    Returns
    -------
    Given
        The disc seen nearest to that place. Where none is within :data:`NEAR_MM` of the slice
        that was named, or none was seen at all, it is the place on the cord itself.

    Raises
    ------
    LabelError
        A slice in which there is no cord.
    """
    line = view.centerline
    if number is not None and not line.slices[0] <= number <= line.slices[-1]:
        raise LabelError(
            f"{view.name}: there is no cord in slice {number}, which the value {value} was given "
            f"to; it is in slices {line.slices[0]} to {line.slices[-1]}."
        )
    s = middle if number is None else _place_of_slice(line, number)
    rows = view.landmarks
    seen = rows[(rows["kind"] == "disc") & (rows["inferred"] == 0)]
    if len(seen):
        away = (seen["s"] - s).abs()
        if number is None or away.min() <= NEAR_MM:
            world = seen.loc[away.idxmin(), ["x", "y", "z"]].to_numpy(float)
            return Given(value, world)
    nearest = int(np.argmin(np.abs(line.arc_length - s)))
    return Given(value, line.points[nearest])


def level_points(discs: pd.DataFrame, own: LabelPoints | None, affine: np.ndarray) -> LabelPoints:
    """Points that tell the levels of an image: named discs that were seen or placed by a person.

    What was inferred from usual distances would tell nothing that these do not.

    Parameters
    ----------
    discs : DataFrame
        Of the session, see :class:`sctflow.core.labeling.naming.Naming`.
    own : LabelPoints, optional
        Placed on the image by hand: they stand for themselves.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.
    """
    rows = discs[(discs["value"] > 0) & ((discs["inferred"] == 0) | (discs["manual"] == 1))]
    return _join(rows, own, affine)


def named_points(discs: pd.DataFrame, own: LabelPoints | None, affine: np.ndarray) -> LabelPoints:
    """All named points; see :func:`level_points` for the parameters."""
    return _join(discs[discs["value"] > 0], own, affine)


def _join(rows: pd.DataFrame, own: LabelPoints | None, affine: np.ndarray) -> LabelPoints:
    if own is not None:
        rows = rows[~rows["value"].isin(own.values)]
    values, world = rows["value"].to_numpy(int), rows[["x", "y", "z"]].to_numpy(float)
    if own is not None:
        values = np.concatenate([values, own.values])
        world = np.concatenate([world, own.world])
    return points_at(values, world, affine)


def unnamed_points(discs: pd.DataFrame, affine: np.ndarray) -> LabelPoints:
    """Discs without a name, numbered from the top, :data:`UNNAMED` added to their numbers."""
    rows = discs[discs["value"] == 0]
    return points_at(
        UNNAMED + 1 + np.arange(len(rows)), rows[["x", "y", "z"]].to_numpy(float), affine
    )


def points_inside(points: LabelPoints, shape: tuple[int, ...]) -> LabelPoints:
    """Take the points that lie in an image; of two in one voxel, that of the lower value."""
    voxels = np.rint(points.voxels).astype(int)
    inside = np.flatnonzero(np.all((voxels >= 0) & (voxels < np.array(shape[:3])), axis=1))
    _, first = np.unique(voxels[inside], axis=0, return_index=True)
    return points.select(inside[np.sort(first)])


def fine_grid(world: np.ndarray, affine: np.ndarray) -> tuple[tuple[int, int, int], np.ndarray]:
    """Make a grid that holds points and has the voxels' centres of an image among its own.

    Parameters
    ----------
    world : (n, 3) array
        RAS mm; one point at least.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.

    Returns
    -------
    shape : tuple of 3 int
    affine : (4, 4) array
        Of the grid, whose voxels are :data:`FINE_MM` at most.
    """
    fine = np.array(affine, dtype=float)
    parts = np.ceil(np.linalg.norm(fine[:3, :3], axis=0) / FINE_MM).astype(int)
    fine[:3, :3] /= parts + (parts + 1) % 2  # an odd number keeps the centres
    to_voxel = np.linalg.inv(fine)
    voxels = np.rint(np.asarray(world) @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(int)
    low = voxels.min(axis=0)
    fine[:3, 3] += fine[:3, :3] @ low
    shape = tuple(int(n) for n in voxels.max(axis=0) - low + 1)
    return shape, fine


def tabulate_points(points: LabelPoints, discs: pd.DataFrame) -> pd.DataFrame:
    """Name the values of drawn points and say how sure they are.

    Parameters
    ----------
    points : LabelPoints
        What was drawn.
    discs : DataFrame
        The discs of the session; a point that is not one of these was placed by hand.

    Returns
    -------
    DataFrame
        index, name, confidence, inferred, manual.
    """
    import pandas as pd

    known = discs[discs["value"] > 0].set_index("value")
    loose = discs[discs["value"] == 0].reset_index(drop=True)
    rows = []
    for value, world in zip(points.values.tolist(), points.world, strict=True):
        row = loose.iloc[value - UNNAMED - 1] if value > UNNAMED else None
        if value in known.index:
            row = known.loc[value]
        theirs = row is not None and np.allclose(row[["x", "y", "z"]].to_numpy(float), world)
        rows.append(
            {
                "index": value,
                "name": short_name(value) if value <= UNNAMED else f"disc {value - UNNAMED}",
                "confidence": float(row["confidence"]) if theirs else 1.0,
                "inferred": int(row["inferred"]) if theirs else 0,
                "manual": int(row["manual"]) if theirs else 1,
            }
        )
    return pd.DataFrame(rows, columns=["index", "name", "confidence", "inferred", "manual"])
