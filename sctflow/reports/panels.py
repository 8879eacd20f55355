"""Layout of figures of the cord: sagittal views on the left, axial slices beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports import style
from sctflow.reports.canvas import picture, scale_bar, show, write

TILE_MM = 36.0
"""Width and height of an axial picture."""

_INCHES = 10.0
_HEAD_INCHES = 0.3
_SHAPE = 1.75  # of a figure, width to height, that fits a screen
_SMALLEST, _LARGEST = 0.5, 1.4  # scale of a sagittal view, against that of the axial ones
_LINE = 0.016  # of a figure's width: height of a line of text
_GAP = 1.0  # mm between tiles


@dataclass(frozen=True)
class View:
    """Pixels and lines of one picture, in mm from its upper left corner."""

    pixels: np.ndarray
    width: float
    height: float
    lines: list[tuple[np.ndarray, str, float]] = field(default_factory=list)
    levels: list[tuple[int, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Cell:
    """Axial pictures of one slice, one above the other, and what is written on them."""

    views: list[View]
    tag: str


def note(text: str):
    """Figure that says why there is nothing to see."""
    with style.styled():
        figure, axes = picture(100, 10, inches=_INCHES)
        write(axes, 50, 5, text, colour=style.DOUBTFUL)
        axes.set(xlim=(0, 100), ylim=(10, 0))
    return figure


@dataclass(frozen=True)
class _Layout:
    """Sizes in mm, at the scale of the axial pictures."""

    columns: int
    body: float
    scale: float
    sides: list[float]

    @property
    def width(self) -> float:
        return sum(self.sides) + self.columns * (TILE_MM + _GAP) - _GAP


def _lay_out(panels: Sequence[View], count: int, high: float) -> _Layout:
    """Choose how many cells of height `high` stand in a row, for a figure that fits a screen."""

    def with_columns(columns: int) -> _Layout:
        body = -(-count // columns) * high - _GAP
        scale = min(body / panels[0].height, _LARGEST)
        return _Layout(columns, body, scale, [panel.width * scale + _GAP for panel in panels])

    def cost(layout: _Layout) -> float:
        used = count * TILE_MM * high + sum(p.width * p.height * layout.scale**2 for p in panels)
        empty = 1 - used / (layout.width * layout.body)
        small = max(0.0, np.log(_SMALLEST / layout.scale))
        return abs(np.log(layout.width / layout.body / _SHAPE)) + 2 * empty + small

    return min(map(with_columns, range(1, count + 1)), key=cost)


def draw(panels: Sequence[View], cells: Sequence[Cell], header: Sequence[tuple[str, str]]):
    """Draw sagittal views on the left and rows of axial ones beside them.

    Parameters
    ----------
    panels : sequence of View
        Sagittal views of one size.
    cells : sequence of Cell
        Of as many views each, the highest slice first.
    header : sequence of (text, colour)
        What is shown, in the colours of the lines.

    Returns
    -------
    matplotlib.figure.Figure
    """
    high = TILE_MM * len(cells[0].views) + _GAP
    layout = _lay_out(panels, len(cells), high)
    columns, body, scale, sides = layout.columns, layout.body, layout.scale, layout.sides
    width, wide = layout.width, TILE_MM + _GAP
    head = _HEAD_INCHES / _INCHES * width
    middle = head + (body - panels[0].height * scale) / 2
    with style.styled():
        figure, axes = picture(width, head + body, inches=_INCHES)
        for index, panel in enumerate(panels):
            _place(axes, panel, sum(sides[:index]), middle, scale, name=f"sagittal-{index}")
            _name_levels(axes, panel, sum(sides[: index + 1]) - _GAP, middle, scale, width)
        for position, cell in enumerate(cells):
            left = sum(sides) + position % columns * wide
            top = head + position // columns * high
            for below, view in enumerate(cell.views):
                name = f"{position}-{below}"
                _place(axes, view, left, top + below * TILE_MM, 1.0, name=name)
            bottom = top + high - 2 * _GAP
            write(axes, left + _GAP, bottom, cell.tag, ha="left", va="bottom")
        write(axes, sum(sides) + _GAP, head + TILE_MM / 2, "R", ha="left")
        write(axes, sum(sides) + TILE_MM - _GAP, head + TILE_MM / 2, "L", ha="right")
        scale_bar(axes, width - 4 * _GAP, head + body - _GAP, 10)
        _header(axes, header, head, width)
        axes.set(xlim=(0, width), ylim=(head + body, 0))
    return figure


def _place(axes, view: View, left: float, top: float, scale: float, *, name: str) -> None:
    """Put a view on the figure, with its lines and levels."""
    show(axes, view.pixels, left, top, view.width * scale, view.height * scale)
    for number, (line, colour, width) in enumerate(view.lines):
        axes.plot(
            *(line * scale + (left, top)).T,
            color=colour,
            linewidth=width,
            gid=f"overlay-{name}-{number}",
        )


def _name_levels(axes, view: View, edge: float, top: float, scale: float, width: float) -> None:
    """Write the names of levels along the right edge of a sagittal view, where there is room."""
    for value, upper, lower in view.levels:
        at = top + upper * scale
        # What is cut off by the edge of the view is no end of a level.
        if upper > 0:
            axes.plot(
                [edge - 0.12 * view.width * scale, edge],
                [at, at],
                color=style.LABEL,
                linewidth=0.6,
                gid=f"overlay-level-{edge:.0f}-{value}",
            )
        if (lower - upper) * scale > _LINE * width:
            middle = top + 0.5 * (upper + lower) * scale
            write(axes, edge - _GAP, middle, VERTEBRAE[value - 1], ha="right")


def _header(axes, header: Sequence[tuple[str, str]], head: float, width: float) -> None:
    """Name what is shown, in the colours of the lines, side by side."""
    place = 0.008 * width
    for text, colour in header:
        write(axes, place, head / 2, text, colour=colour, ha="left")
        place += width * (0.0068 * len(text) + 0.025)
