"""Figure of the values of a map: bars by region of an atlas, lines along vertebral levels."""

from __future__ import annotations

import re

import numpy as np

from sctflow.reports import style

METHODS = ("map", "wa")
"""Whose values are drawn: the first that the table has."""

SMALL_VOX = 30.0
"""A region of less is drawn faintly: its value depends on its neighbours and the noise."""

_COLOURS = {"left": style.CONFIDENT_ON_PAPER, "right": style.DOUBTFUL_ON_PAPER, "": style.MUTED}
_LINES = (style.INK, style.CONFIDENT_ON_PAPER, style.DOUBTFUL_ON_PAPER, style.LOW_ON_PAPER)
_FAINT = 0.35
_LONGEST_NAME = 34
_ROW_INCHES = 0.2


def region_values(frame, *, title: str, unit: str = ""):
    """Values of a map over the whole cord by region, and by vertebral level.

    Parameters
    ----------
    frame : pandas.DataFrame
        From :func:`sctflow.core.atlas.measure_regions`: ``by``, ``level``, ``level_name``,
        ``index``, ``name``, ``method``, ``value``, ``std``, ``size_vox``.
    title : str
        What the map shows.
    unit : str
        Of its values.

    Returns
    -------
    matplotlib.figure.Figure
    """
    method = next((one for one in METHODS if (frame["method"] == one).any()), None)
    frame = frame[(frame["method"] == method) & frame["value"].notna()]
    whole = frame[frame["by"] == "whole"]
    with style.styled():
        if not len(whole):
            figure = style.new_figure(6.4, 1.2)
            figure.text(0.5, 0.5, "No region has a value", ha="center", va="center")
            return figure
        rows = _rows(whole)
        levels = frame[frame["by"] == "level"]
        height = max(2.6, 0.9 + _ROW_INCHES * len(rows))
        figure = style.new_figure(9.6 if len(levels) else 6.4, height)
        axes = figure.subplots(1, 2 if len(levels) else 1, squeeze=False)[0]
        figure.subplots_adjust(
            left=0.31 if len(levels) else 0.46,
            right=0.985,
            top=1 - 0.35 / height,
            bottom=0.5 / height,
            wspace=0.28,
        )
        label = f"{title} ({unit})" if unit else title
        _draw_bars(axes[0], rows, label)
        if len(levels):
            _draw_levels(axes[1], levels, label)
    return figure


def _rows(whole) -> list[tuple[str, dict]]:
    """Regions in their order, left and right together: name, and the row of each side."""
    rows: dict[str, dict] = {}
    for row in whole.sort_values("index").to_dict("records"):
        side = next((word for word in ("left", "right") if word in row["name"].split()), "")
        name = re.sub(r"\s*\b(WM|GM|left|right)\b\s*", " ", row["name"]).strip()
        name = re.sub(r"\s*\(.*\)", "", name)
        rows.setdefault(name, {})[side] = row
    return list(rows.items())


def _draw_bars(axes, rows, label: str) -> None:
    from matplotlib.patches import Patch

    axes.grid(axis="x", color=style.RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    for place, (_, sides) in enumerate(rows):
        thick = 0.8 / len(sides)
        for number, (side, row) in enumerate(sides.items()):
            at = place + (number - (len(sides) - 1) / 2) * thick
            alpha = 1.0 if row["size_vox"] >= SMALL_VOX else _FAINT
            axes.barh(at, row["value"], thick, color=_COLOURS[side], alpha=alpha, linewidth=0)
            if np.isfinite(row["std"]):
                ends = [row["value"] - row["std"], row["value"] + row["std"]]
                axes.plot(ends, [at, at], color=style.INK, linewidth=0.7, alpha=alpha)
    axes.set_yticks(range(len(rows)), [name[:_LONGEST_NAME] for name, _ in rows], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(label)
    used = {side for _, sides in rows for side in sides}
    handles = [
        Patch(color=_COLOURS[side], label=side) for side in ("left", "right") if side in used
    ]
    if handles:
        _legend(axes, handles=handles)


def _draw_levels(axes, levels, label: str) -> None:
    """Draw the regions that are made of others, or all if there are few, from level to level."""
    names = _combined(levels)
    order = sorted(levels["level"].astype(int).unique())
    told = dict(zip(levels["level"].astype(int), levels["level_name"], strict=False))
    axes.grid(axis="y", color=style.RULE, linewidth=0.7)
    for name, colour in zip(names, _LINES, strict=False):
        mine = levels[levels["name"] == name].sort_values("level")
        axes.errorbar(
            [order.index(int(level)) for level in mine["level"]],
            mine["value"],
            yerr=mine["std"],
            color=colour,
            linewidth=1.3,
            elinewidth=0.6,
            marker="o",
            markersize=3.5,
            label=name,
        )
    axes.set_xticks(range(len(order)), [told[level] for level in order])
    axes.set_xlim(-0.4, len(order) - 0.6)
    axes.set_xlabel("Vertebral level, from superior to inferior")
    axes.set_ylabel(label)
    _legend(axes)


def _combined(levels) -> list[str]:
    """White matter, gray matter and what else the atlas puts together, without the whole cord."""
    names = levels.sort_values("index")["name"].drop_duplicates().tolist()
    wanted = [name for name in ("white matter", "gray matter") if name in names]
    return wanted or names[: len(_LINES)]


def _legend(axes, **given) -> None:
    axes.legend(
        **given,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=3,
        frameon=False,
        borderaxespad=0.15,
        fontsize=8.5,
    )
