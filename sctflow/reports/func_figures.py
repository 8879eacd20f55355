"""Figures of a functional series: arrays and tables in, Matplotlib figures out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sctflow.reports import style
from sctflow.reports.map_figure import map_mosaic

BEFORE, AFTER = "Before", "After"
_MOST_ROWS = 150
"""Of the carpet, for each group of voxels: more are finer than a screen shows."""

_SPREAD = 2.0  # standard deviations from black to middle grey, and from there to white
_NAMES = {"cord": "Cord", "csf": "CSF", "not_cord": "Far from\nthe cord"}


def tsnr_mosaic(
    before: np.ndarray,
    after: np.ndarray,
    mean: np.ndarray,
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    levels: np.ndarray | None = None,
):
    """Temporal SNR before and after motion correction, below the mean of the series.

    Parameters
    ----------
    before, after, mean, cord : numpy.ndarray
        3-D voxels on one grid, any orientation.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    levels : numpy.ndarray, optional
        Vertebral level of voxels, 0 outside of the cord.

    Returns
    -------
    matplotlib.figure.Figure
    """
    inside = cord >= 0.5
    medians = [_median(data[inside]) for data in (before, after)]
    known = after[inside & np.isfinite(after)]
    # Fluid and muscle are to be told apart, too, so that the scale ends beyond the cord's values.
    top = 1.5 * float(np.percentile(known, 95)) if known.size else 1.0
    maps = {
        f"{title} motion correction: median in the cord {median:.1f}": data
        for title, median, data in zip((BEFORE, AFTER), medians, (before, after), strict=True)
    }
    limits = (0.0, float(f"{top:.2g}"))
    return map_mosaic(
        maps,
        affine,
        cord,
        image=mean,
        image_title="Mean of the series",
        levels=levels,
        limits=limits,
        unit="tSNR",
    )


def carpet(courses: Mapping[str, np.ndarray], confounds, *, tr: float | None = None):
    """Time courses of voxels as rows of grey, below motion and mean signals.

    Parameters
    ----------
    courses : mapping
        Name of a mask (``cord``, ``csf``, ``not_cord``) → (voxels, t) time courses, in the order
        in which they are to be shown from the top.
    confounds : pandas.DataFrame
        From `sctflow.core.confounds`: ``framewise_displacement``, the means of the masks, and
        flags of volumes that are not steady.
    tr : float, optional
        Repetition time, s, for the axis; volumes without it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = {name: found for name, found in courses.items() if len(found)}
    dummies = sum(name.startswith("non_steady_state") for name in confounds)
    step = tr or 1.0
    count = len(confounds)
    with style.styled():
        if not shown:
            figure = style.new_figure(6.4, 1.2)
            figure.text(0.5, 0.5, "No voxels to show", ha="center", va="center")
            return figure
        heights = [1.2, *(1.0 + 1.6 * (name == "cord") for name in shown)]
        figure = style.new_figure(6.4, 0.9 + 0.95 * sum(heights))
        rows = figure.subplots(
            len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights, "hspace": 0.07}
        )
        figure.subplots_adjust(left=0.13, right=0.985, top=0.97, bottom=0.5 / (sum(heights) + 0.9))
        _traces(rows[0], confounds, step, dummies)
        for axes, (name, found) in zip(rows[1:], shown.items(), strict=True):
            axes.imshow(
                _greys(found, dummies),
                extent=(-0.5 * step, (count - 0.5) * step, 1, 0),
                aspect="auto",
                cmap="gray",
                vmin=0,
                vmax=255,
                interpolation="none",
            )
            axes.set_yticks([])
            axes.set_ylabel(_NAMES[name], rotation=0, ha="right", va="center")
            axes.tick_params(length=3)
            axes.spines[:].set_visible(False)
        rows[-1].set_xlabel("Time (s)" if tr else "Volume")
        rows[-1].set_xlim(-0.5 * step, (count - 0.5) * step)
    return figure


def _traces(axes, confounds, step: float, dummies: int) -> None:
    """Draw displacement, and the mean signal of the cord in percent."""
    times = np.arange(len(confounds)) * step
    axes.grid(axis="y", color=style.RULE, linewidth=0.7)
    axes.tick_params(length=3)
    if "framewise_displacement" in confounds:
        course = confounds["framewise_displacement"]
        axes.plot(times, course, color=style.CONFIDENT_ON_PAPER, linewidth=1.1)
        axes.set_ylabel("displaced\n(mm)", color=style.CONFIDENT_ON_PAPER)
        axes.set_ylim(0, max(0.5, 1.1 * course.fillna(0).max()))
    if "cord" in confounds:
        beside = axes.twinx()
        mean = confounds["cord"].to_numpy(float)
        change = 100 * (mean / np.median(mean[dummies:]) - 1)
        beside.plot(times, change, color=style.DOUBTFUL_ON_PAPER, linewidth=1.1)
        # Dummy volumes are far brighter than what is to be seen.
        far = max(1.0, 1.1 * float(np.abs(change[dummies:]).max()))
        beside.set_ylim(-far, far)
        beside.set_yticks([])
        axes.set_title(
            f"Cord: mean signal (orange), ± {far:.1f} %",
            loc="right",
            fontsize=8.5,
            pad=3,
            color=style.DOUBTFUL_ON_PAPER,
        )


def _greys(found: np.ndarray, dummies: int) -> np.ndarray:
    """Rows of grey levels: each voxel less its mean and drift, by its standard deviation."""
    groups = np.array_split(np.arange(len(found)), min(len(found), _MOST_ROWS))
    rows = np.stack([found[group].mean(axis=0, dtype=float) for group in groups])
    steady = rows[:, dummies:]
    time = np.linspace(-1, 1, steady.shape[1])
    level, slope = steady.mean(1), steady @ time / (time @ time)
    everywhere = np.linspace(-1 - 2 * dummies / max(steady.shape[1] - 1, 1), 1, rows.shape[1])
    rows = rows - level[:, None] - slope[:, None] * everywhere
    spread = rows[:, dummies:].std(axis=1, keepdims=True)
    scaled = rows / np.where(spread > 0, spread, 1) / _SPREAD
    return np.rint(255 * np.clip(0.5 + 0.5 * scaled, 0, 1)).astype(np.uint8)


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
