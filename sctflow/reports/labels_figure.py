"""Figure of the labels along the spine: their places, their names and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sctflow.core.label_values import CONUS, GROOVE, JUNCTION, short_name
from sctflow.reports import style
from sctflow.reports.canvas import picture, scale_bar, show, write
from sctflow.reports.grey import grey_levels
from sctflow.reports.label_views import (
    Field,
    lateral_course,
    make_field,
    sample_sagittal,
    spread_apart,
)

ASIDE_MM = 2.0
"""Distance of the cord from the sagittal slice beyond which a surface along it is shown, too.

Up to there the slice cuts the middle third of a cord (10 to 14 mm wide) and the discs behind which
it lies, and the two pictures would be alike."""

FRONT_MM, BEHIND_MM = 45.0, 26.0
"""What is shown in front of the labels (the vertebral bodies) and, at least, behind them before
the names begin (the canal, so that no name lies on the cord)."""

_INCHES = 7.0
_TALLEST = 7.5  # inches of a view: fits a screen, with 16 points for a vertebra in 500 mm
_LARGEST = 0.045  # inches for a mm: voxels of 1 mm are not blown up further
_LINE, _MARGIN = 0.16, 0.1  # inches: height of a line, and beside the longest name
_ROW, _LETTER = 0.26, 0.066  # inches: height of a line of the header or footer, and of a letter
_GAP = 0.1  # inches between views
_PIXELS = 110  # per inch

_POINTS = (GROOVE, JUNCTION, CONUS)
_HAND = "by hand"
_SHAPES = {"seen": "o", "inferred": "o", "hand": "s", "point": "^"}  # point: PMJ and conus
_LEGEND = {
    "seen": "disc",
    "inferred": "inferred from spacing",
    "hand": "labelled by hand",
}


def disc_figure(data: np.ndarray, affine: np.ndarray, discs, *, centerline=None):
    """Sagittal view through the cord with the labels, and a view that follows it where it bends.

    The second view is shown where the cord leaves the sagittal slice by more than `ASIDE_MM`, or
    by half of a thicker slice. It lies on the surface that runs from front to back through the
    cord; heights are those of the first, so that labels stand side by side. Each label stands at
    its place as seen from the side. Its colour is that of its confidence.

    Parameters
    ----------
    data : numpy.ndarray
        3-D voxels, any orientation.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    discs : pandas.DataFrame
        Columns ``x``, ``y``, ``z`` (RAS world, mm), ``value`` (0: not named), ``confidence``
        (0–1), ``inferred`` and ``manual`` (0 or 1). What lies outside of the field of view is not
        drawn.
    centerline : pandas.DataFrame, optional
        Columns ``x``, ``y``, ``z`` of the cord.

    Returns
    -------
    matplotlib.figure.Figure
    """
    field = make_field(data, affine)
    discs = discs[np.isfinite(discs[["x", "y", "z"]].to_numpy(float)).all(axis=1)]
    voxels = field.to_voxels(discs[["x", "y", "z"]].to_numpy(float))
    inside = field.holds(voxels)
    line = np.empty((0, 3)) if centerline is None else centerline[["x", "y", "z"]].to_numpy(float)
    line = field.to_voxels(line)
    marks = _make_marks(discs[inside], field.on_picture(voxels[inside]))
    views = _choose_views(field, lateral_course(line * field.zooms, voxels[inside] * field.zooms))
    path = field.on_picture(line[field.holds(line)])
    return _draw(field, views, marks, path)


@dataclass(frozen=True)
class _Mark:
    """A label on the picture: mm from the anterior and the superior edge, and what to draw."""

    across: float
    down: float
    kind: str
    """A key of `_SHAPES`."""
    text: str
    colour: str


@dataclass(frozen=True)
class _View:
    """A surface to show, as a course (see `sample_sagittal`), and what to call it."""

    course: np.ndarray
    title: str


@dataclass(frozen=True)
class _Layout:
    """Sizes of the figure, mm at the scale of the image."""

    scale: float
    """Inches for a mm."""
    wide: float
    """Of a view."""
    body: float
    """Height of the views, with room for every name."""
    start: float
    """Mm of the field at the left edge of a view; negative where there is room in front."""

    def mm(self, inches: float) -> float:
        return inches / self.scale


def _make_marks(discs, places: np.ndarray) -> list[_Mark]:
    """Marks from the highest to the lowest."""
    marks = []
    for row, (across, down) in zip(discs.to_dict("records"), places, strict=True):
        value, hand = int(row["value"]), bool(row["manual"])
        kind = "point" if value in _POINTS else "seen"
        kind = "inferred" if row["inferred"] and not hand else kind
        kind = "hand" if hand else kind
        known = row["confidence"]
        # What was placed by spacing alone has no confidence of its own.
        told = _HAND if hand else f"{known:.2f}" if known > 0 else ""
        colour = style.LABEL if hand else style.confidence_colour(known)
        text = f"{short_name(value)} {told}".strip()
        marks.append(_Mark(float(across), float(down), kind, text, colour))
    return sorted(marks, key=lambda mark: mark.down)


def _choose_views(field: Field, course: np.ndarray) -> list[_View]:
    """The sagittal slice that is nearest to the course, and the surface along it if they part."""
    n, _, count = field.data.shape
    dx, _, dz = field.zooms
    seen = course[(course[:, 0] >= -0.5 * dz) & (course[:, 0] <= (count - 0.5) * dz), 1]
    index = round(float(np.median(seen)) / dx) if len(seen) else n // 2
    middle = min(max(index, 0), n - 1) * dx
    flat = _View(np.array([[0.0, middle]]), "sagittal slice")
    if not len(seen) or np.abs(seen - middle).max() <= max(ASIDE_MM, dx / 2):
        return [flat]
    return [flat, _View(course, "following the cord from side to side")]


def _lay_out(field: Field, marks: Sequence[_Mark], path: np.ndarray, count: int) -> _Layout:
    """Fit `count` views with room for all names into the figure."""
    across = [mark.across for mark in marks] or path[:, 0].tolist()
    # With nothing to look at, the whole field is.
    front, behind = (min(across), max(across)) if across else (0.0, field.width)
    first, last = max(0.0, front - FRONT_MM), behind + BEHIND_MM
    names = _LETTER * max((len(mark.text) for mark in marks), default=0) + _MARGIN
    inches = (_INCHES - _GAP * (count - 1)) / count
    scale = min(_TALLEST / field.height, _LARGEST, (inches - names) / (last - first))
    wide = inches / scale
    last += names / scale
    start = float(np.clip((field.width - wide) / 2, last - wide, first))
    return _Layout(scale, wide, max(field.height, len(marks) * _LINE / scale), start)


def _draw(field: Field, views: Sequence[_View], marks: Sequence[_Mark], path: np.ndarray):
    """Draw the views side by side, with what is marked on each."""
    layout = _lay_out(field, marks, path, len(views))
    row, gap = layout.mm(_ROW), layout.mm(_GAP)
    head = row * len(views)
    width, bottom = layout.mm(_INCHES), head + layout.body
    window = (layout.start, layout.start + layout.wide)
    with style.styled():
        figure, axes = picture(width, bottom + row, inches=_INCHES)
        _legend(axes, marks, len(path) > 0, layout)
        for number, view in enumerate(views):
            left = number * (layout.wide + gap)
            step = layout.mm(1 / _PIXELS)
            pixels = grey_levels(
                sample_sagittal(field, view.course, window=window, step=step), upper=99.7
            )
            top = head + (layout.body - field.height) / 2
            show(axes, pixels, left, top, layout.wide, field.height)
            if len(path):
                axes.plot(
                    *np.add(path, (left - layout.start, top)).T,
                    color=style.CENTERLINE,
                    linewidth=0.8,
                    gid=f"overlay-centerline-{number}",
                )
            _draw_marks(axes, marks, layout, (left, top), head, number)
            if len(views) > 1:
                write(axes, left + gap, 1.5 * row, view.title, ha="left")
            _footer(axes, field, layout, left, bottom + row)
        axes.set(xlim=(0, width), ylim=(bottom + row, 0))
    return figure


def _footer(axes, field: Field, layout: _Layout, left: float, bottom: float) -> None:
    """Say below a view which side is which, and how long a millimetre is."""
    length = 10 if field.height < 150 else 50
    low, high = np.clip([0, field.width], layout.start, layout.start + layout.wide)
    middle = 0.5 * (low + high) - layout.start + left
    # Of a field that is narrower than the bar, the sides are named beside the bar.
    half = max(0.5 * (high - low) - layout.mm(_GAP), 0.5 * length + layout.mm(_LINE))
    row = layout.mm(_ROW)
    write(axes, middle - half, bottom - row / 2, "A")
    write(axes, middle + half, bottom - row / 2, "P")
    scale_bar(axes, middle + length / 2, bottom - 0.15 * row, length)


def _draw_marks(axes, marks, layout: _Layout, corner, head: float, number: int) -> None:
    """Draw each mark at its place, and its name behind the cord, none over another."""
    left, top = corner
    half = layout.mm(_LINE) / 2
    heights = spread_apart(
        np.array([mark.down + top for mark in marks]),
        gap=2 * half,
        low=head + half,
        high=head + layout.body - half,
    )
    for index, (mark, height) in enumerate(zip(marks, heights, strict=True)):
        x, y = mark.across - layout.start + left, mark.down + top
        beside = x + BEHIND_MM
        inferred = mark.kind == "inferred"
        axes.plot(
            [x + layout.mm(0.06), beside - layout.mm(0.03)],
            [y, height],
            color=mark.colour,
            linewidth=0.6,
            linestyle=(0, (3, 3)) if inferred else "-",
            gid=f"overlay-leader-{number}-{index}",
        )
        _symbol(axes, x, y, mark.kind, mark.colour, f"overlay-label-{number}-{index}")
        write(axes, beside, height, mark.text, colour=mark.colour, ha="left")


def _symbol(axes, x: float, y: float, kind: str, colour: str, gid: str) -> None:
    hollow = kind == "inferred"
    axes.plot(
        [x],
        [y],
        linestyle="none",
        marker=_SHAPES[kind],
        markersize=5,
        markerfacecolor="none" if hollow else colour,
        markeredgecolor=colour if hollow else style.BACKDROP,
        markeredgewidth=1.1 if hollow else 0.6,
        gid=gid,
    )


def _legend(axes, marks: Sequence[_Mark], with_line: bool, layout: _Layout) -> None:
    """Say in a row above the views what the symbols are; only those that are there."""
    middle, place = layout.mm(_ROW / 2), layout.mm(0.15)
    if not marks:
        text = "No label lies in the field of view."
        write(axes, place, middle, text, colour=style.DOUBTFUL, ha="left")
        return
    kinds = {mark.kind for mark in marks}
    for kind, text in _LEGEND.items():
        if kind in kinds:
            _symbol(axes, place, middle, kind, style.LABEL, f"legend-{kind}")
            write(axes, place + layout.mm(0.1), middle, text, ha="left")
            place += layout.mm(0.4 + _LETTER * len(text))
    if with_line:
        ends = [place - layout.mm(0.05), place + layout.mm(0.12)]
        axes.plot(ends, [middle, middle], color=style.CENTERLINE, linewidth=0.8, gid="legend-line")
        write(axes, place + layout.mm(0.2), middle, "centreline", ha="left")
