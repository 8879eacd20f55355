"""Figure of the motion of a series: arrays and tables in, Matplotlib figures out."""

from __future__ import annotations

import numpy as np

from sctflow.reports import style

_SIDES = {"trans_x": "to the right", "trans_y": "to the front", "trans_z": "upwards"}
_LEAST_MM = 0.25
"""Half of the height of an axis of shifts, at least: noise is not to look like motion."""


def motion_figure(volumes, slices):
    """Motion of every slice, its mean, and how far the cord goes from volume to volume.

    Parameters
    ----------
    volumes, slices : pandas.DataFrame
        From :class:`sctflow.core.motion.Motion`, per volume, and per volume and slice.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib

    shifts = [name for name in _SIDES if name in volumes]
    with style.styled():
        figure = style.new_figure(6.4, 4.8)
        rows = figure.subplots(
            len(shifts) + 1, 1, sharex=True, gridspec_kw={"hspace": 0.18}, squeeze=False
        )[:, 0]
        figure.subplots_adjust(left=0.1, right=0.86, top=0.92, bottom=0.1)
        numbers = np.unique(slices["slice"])
        colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.92, len(numbers)))
        for axes, name in zip(rows, shifts, strict=False):
            _shifts(axes, volumes, slices, name, colours)
        _displacement(rows[-1], volumes, slices)
        rows[-1].set_xlabel("Volume")
        rows[-1].xaxis.get_major_locator().set_params(integer=True)
        rows[-1].set_xlim(-0.5, len(volumes) - 0.5)
        _name_slices(figure, numbers, colours)
        rows[0].set_title(_summary(volumes), loc="left", color=style.INK)
    return figure


def _shifts(axes, volumes, slices, name, colours) -> None:
    """Draw a line for each slice, and their mean."""
    courses = slices.pivot(index="volume", columns="slice", values=name)
    _grid(axes)
    for colour, (_, course) in zip(colours, courses.items(), strict=True):
        axes.plot(courses.index, course, color=colour, linewidth=0.8, alpha=0.85)
    axes.plot(volumes.index, volumes[name], color=style.INK, linewidth=1.5)
    low, high = np.nanmin(courses.to_numpy()), np.nanmax(courses.to_numpy())
    margin = max(0.05 * (high - low), _LEAST_MM - (high - low) / 2)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(f"{_SIDES[name]} (mm)")


def _displacement(axes, volumes, slices) -> None:
    """Draw how far the cord goes, and mark volumes with outliers."""
    _grid(axes)
    course = volumes["framewise_displacement"]
    axes.plot(volumes.index, course, color=style.CONFIDENT_ON_PAPER, linewidth=1.2)
    count = slices["slice"].nunique()
    spoilt = volumes.index[volumes["outlier_slices"] > 0]
    share = volumes["outlier_slices"][spoilt] / max(count, 1)
    top = max(float(course.fillna(0).max()), 2 * _LEAST_MM)
    axes.set_ylim(0, 1.15 * top)
    if len(spoilt):
        axes.scatter(
            spoilt,
            np.full(len(spoilt), 1.08 * top),
            s=8 + 40 * share,
            marker="v",
            color=style.LOW_ON_PAPER,
            linewidths=0,
        )
        axes.text(
            1.02,
            0.95,
            "Triangles:\nslices that\nare outliers",
            transform=axes.transAxes,
            color=style.LOW_ON_PAPER,
            fontsize=8,
            va="top",
        )
    axes.set_ylabel("displaced (mm)")


def _grid(axes) -> None:
    axes.grid(axis="y", color=style.RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)


def _name_slices(figure, numbers, colours) -> None:
    """Name some slices in their colours, the highest at the top."""
    shown = np.unique(np.linspace(0, len(numbers) - 1, min(len(numbers), 12)).round().astype(int))
    figure.text(0.88, 0.9, "Mean", color=style.INK, weight="bold", va="center")
    for place, index in enumerate(shown[::-1]):
        figure.text(
            0.88,
            0.9 - 0.055 * (place + 1),
            f"Slice {numbers[index]}",
            color=colours[index],
            va="center",
        )


def _summary(volumes) -> str:
    course = volumes["framewise_displacement"].to_numpy(float)
    if not np.isfinite(course).any():
        return "One volume: no motion"
    return (
        f"From volume to volume {np.nanmean(course):.2f} mm on average, "
        f"{np.nanmax(course):.2f} mm at most"
    )
