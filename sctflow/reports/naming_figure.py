"""Figure of how likely each naming of the discs of a spine is."""

from __future__ import annotations

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
        Columns ``value`` (of the uppermost disc) and ``probability``.
    discs : pandas.DataFrame
        The labels with their ``value``: how many discs there are tells which one is the last, and
        whether they have values tells whether they were named, and how.
    threshold : float
        Probability that a naming needs to be used.
    at_most : int
        Most namings shown; the others, and those that are hardly possible, are one bar.

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = discs["value"].astype(int)
    named = values[values.between(FIRST_DISC, LAST_DISC)]
    first = int(named.min()) if len(named) else None
    count = int(named.max()) - first + 1 if len(named) else int((values == 0).sum())
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
        axes.set_xlabel("Probability; the dashed line is what a naming needs")
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


def _bars(frame, count: int, first: int | None, at_most: int) -> list[tuple[str, float, str]]:
    """Name, probability and colour of each bar; the one used, or nearly, stands out."""
    frame = frame[frame["probability"].notna()]
    frame = frame.sort_values("probability", ascending=False, kind="stable")
    likely = max(1, int((frame["probability"] >= _LEAST).sum()))
    best, others = frame.head(min(at_most, likely)), frame.iloc[min(at_most, likely) :]
    bars = []
    for value, probability in zip(best["value"].astype(int), best["probability"], strict=True):
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
