"""Figure of the cord's area along a template, with what is usual of healthy adults."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports import style
from sctflow.templates.layout import PUBLISHED

_NARROW = 0.022  # of the axis: a level shown over less gets no name
_BAND = "#dbe3ea"


def normative_area(template: str):
    """Area of healthy adults by slice of a template.

    Valošek, Bédard et al. 2024, doi 10.1162/imag_a_00075 (PAM50-normalized-metrics, MIT), pooled
    over sexes, ages and data sets.

    Parameters
    ----------
    template : str
        Name of the template.

    Returns
    -------
    pandas.DataFrame or None
        Columns ``slice``, ``n`` (people), ``area_mean`` and ``area_sd`` (mm²); None for a template
        other than PAM50.
    """
    import pandas as pd

    if template != PUBLISHED:
        return None
    with files("sctflow.data").joinpath("normative_area.tsv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, sep="\t")


def normalized_area(frame, *, template: str = "template", normative=None):
    """Area of the cord along the slices of a template, from superior to inferior.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `sctflow.core.normalized.normalize_morphometry`: ``slice``, ``level``, ``area`` (mm²).
    template : str
        What to call the template.
    normative : pandas.DataFrame, optional
        From `normative_area`; drawn as a band of one standard deviation about the mean.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style.styled():
        if not frame["area"].notna().any():
            figure = style.new_figure(6.4, 1.2)
            text = f"Nothing was measured along {template}"
            figure.text(0.5, 0.5, text, ha="center", va="center")
            return figure
        figure = style.new_figure(6.4, 3.4)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.1, right=0.985, top=0.9, bottom=0.15)
        axes.grid(axis="y", color=style.RULE, linewidth=0.7)
        axes.set_axisbelow(True)
        slices, area = frame["slice"].to_numpy(int), frame["area"].to_numpy(float)
        shown = [area]
        if normative is not None:
            shown += _draw_band(axes, normative, slices)
        axes.plot(slices, area, color=style.CONFIDENT_ON_PAPER, linewidth=1.6, label="This cord")
        margin = max(2.0, 0.02 * np.ptp(slices))
        axes.set_xlim(slices.max() + margin, slices.min() - margin)
        low, high = (part([part(values) for values in shown]) for part in (np.nanmin, np.nanmax))
        spread = max(0.15 * (high - low), 2.0)
        axes.set_ylim(max(0.0, low - spread), high + spread)
        _name_levels(axes, slices, frame["level"].to_numpy(int))
        axes.set_ylabel("Cross-sectional area (mm²)")
        axes.set_xlabel(f"Vertebral level of {template}, from superior to inferior")
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=3,
            frameon=False,
            borderaxespad=0.2,
            fontsize=8.5,
        )
    return figure


def _draw_band(axes, normative, slices: np.ndarray) -> list[np.ndarray]:
    """Draw mean and spread of people where the cord is shown; what was drawn, if anything."""
    inside = normative[normative["slice"].between(slices.min(), slices.max())]
    if not len(inside):
        return []
    at, mean = inside["slice"].to_numpy(), inside["area_mean"].to_numpy(float)
    low, high = mean - inside["area_sd"].to_numpy(), mean + inside["area_sd"].to_numpy()
    fewest, most = inside["n"].min(), inside["n"].max()
    people = f"{most}" if fewest == most else f"{fewest} to {most}"
    axes.fill_between(
        at, low, high, color=_BAND, linewidth=0, label=f"{people} healthy adults, ± 1 SD"
    )
    axes.plot(
        at, mean, color=style.MUTED, linewidth=0.9, linestyle=(0, (5, 4)), label="Their mean"
    )
    return [low, high]


def _name_levels(axes, slices: np.ndarray, level: np.ndarray) -> None:
    """Levels on the axis: ticks where they meet, names between."""
    left, right = axes.get_xlim()
    names, middles = [], []
    for value in np.unique(level):
        held = slices[level == value]
        if len(held) > _NARROW * abs(left - right):
            middles.append(0.5 * (held.min() + held.max()))
            names.append(VERTEBRAE[value - 1])
    axes.set_xticks(middles, names)
    axes.tick_params(axis="x", length=0)
    meet = np.flatnonzero(np.diff(level))
    axes.set_xticks(0.5 * (slices[meet] + slices[meet + 1]), minor=True)
    axes.tick_params(axis="x", which="minor", length=4)
    axes.grid(axis="x", which="minor", color=style.RULE, linewidth=0.7)
