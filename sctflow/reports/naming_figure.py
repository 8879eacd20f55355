"""Figure of how likely each naming of the discs of a spine is."""

from __future__ import annotations

import numpy as np

from sctflow.core.label_values import LAST_DISC, short_name
from sctflow.reports import style

FIRST_DISC = 3
"""C2/C3: between C1 and C2 there is a joint, which is labelled but not counted with the discs."""

_ROW_INCHES = 0.26
_LEAST = 0.005  # probability of a naming that has a bar of its own: not 0 %


def probability_figure(frame, discs, *, threshold: float, at_most: int = 5):
    """How likely each naming of the discs is, as bars.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``value`` (of the uppermost disc) and ``probability``; rows of one value are
        summed.
    discs : pandas.DataFrame
        The labels with ``x``, ``y``, ``z`` (RAS world, mm), ``value`` and ``inferred``, from top
        to bottom, numbered from 0: how many discs there are
        from the first to the last that was seen tells the last one's name, and whether they have
        values tells whether they were named, and how.
    threshold : float
        Probability that a naming needs to be used.
    at_most : int
        Most namings shown; the others, and those that are hardly possible, are one bar.

    Returns
    -------
    matplotlib.figure.Figure
    """
    first, count = _seen(discs)
    bars = _bars(frame, count, first, at_most)
    with style.styled():
        if not bars:
            figure = style.new_figure(6.4, 1.2)
            figure.text(0.5, 0.5, "No naming was considered", ha="center", va="center")
            return figure
        body = _ROW_INCHES * len(bars)
        height = body + 0.95
        figure = style.new_figure(6.4, height)
        axes = figure.add_axes((0.2, 0.45 / height, 0.7, body / height))
        names, lengths, colours = zip(*bars, strict=True)
        axes.barh(range(len(bars)), lengths, 0.7, color=colours, linewidth=0)
        for place, length in enumerate(lengths):
            axes.text(1.02, place, _percent(length), va="center", fontsize=8.5)
        axes.axvline(threshold, color=style.INK, linewidth=1.0, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, 1), ylim=(len(bars) - 0.5, -0.5))
        axes.set_xlabel("Probability; a naming needs at least that of the dashed line")
        axes.set_yticks(range(len(bars)), names, fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        likeliest = f"Not named: {names[0]} is the likeliest"
        title = likeliest if first is None else f"Named {range_name(first, count)}"
        figure.text(0.02, 1 - 0.2 / height, title, va="center", fontsize=10.0)
    return figure


def range_name(first: int, count: int) -> str:
    """Name a row of discs by its first value and their number: ``C2/C3–C5/C6``."""
    last = min(first + max(count, 1) - 1, LAST_DISC)
    return short_name(first) if last <= first else f"{short_name(first)}–{short_name(last)}"


def _seen(discs) -> tuple[int | None, int]:
    """Value of the uppermost disc that was seen, None without names, and their number down to the
    lowest; what was inferred beyond them is no part of a naming."""
    values = discs["value"].astype(int)
    is_disc = (values == 0) | values.between(FIRST_DISC, LAST_DISC)
    rows = np.flatnonzero(is_disc & (discs["inferred"] == 0))
    if not len(rows):
        return None, 0
    held = discs[is_disc].loc[discs.index[rows[0]] : discs.index[rows[-1]]]
    named = held["value"][held["value"] > 0]
    if not len(named):
        return None, _count(held[["x", "y", "z"]].to_numpy(float))
    return int(named.min()), int(named.max() - named.min()) + 1


def _count(places: np.ndarray) -> int:
    """Number of discs from the first to the last of a row, with those that were not seen: where
    two are twice as far from each other as their neighbours are, one is missing."""
    gaps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    usual = [np.median(gaps[max(0, i - 2) : i + 3]) for i in range(len(gaps))]
    return 1 + int(sum(max(1, round(gap / near)) for gap, near in zip(gaps, usual, strict=True)))


def _bars(frame, count: int, first: int | None, at_most: int) -> list[tuple[str, float, str]]:
    """Name, probability and colour of each bar; the one used, or nearly, stands out."""
    # One uppermost disc may be told by several counts: with and without a missing disc.
    frame = frame[frame["probability"].notna()].groupby("value", as_index=False)["probability"]
    frame = frame.sum().sort_values("probability", ascending=False, kind="stable")
    likely = max(1, int((frame["probability"] >= _LEAST).sum()))
    best, others = frame.head(min(at_most, likely)), frame.iloc[min(at_most, likely) :]
    bars = []
    # Of labels by hand the uppermost may be a joint of C1, which is not among the discs.
    values = best["value"].astype(int)
    if first is not None and len(values) and values.iloc[0] < FIRST_DISC:
        values = values + first - values.iloc[0]
    for value, probability in zip(values, best["probability"], strict=True):
        colour = style.CONFIDENT_ON_PAPER if value == first else style.MUTED
        colour = style.DOUBTFUL_ON_PAPER if first is None and not bars else colour
        bars.append((range_name(value, count), float(probability), colour))
    if len(others):
        name = "1 other" if len(others) == 1 else f"{len(others)} others"
        bars.append((name, float(others["probability"].sum()), style.MUTED))
    return bars


def _percent(probability: float) -> str:
    """Probability in percent; certain only where it is."""
    if 1 - _LEAST <= probability < 1:
        return "> 99 %"
    return "< 1 %" if 0 < probability < _LEAST else f"{100 * probability:.0f} %"
