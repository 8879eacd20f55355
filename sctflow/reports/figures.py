"""Figures of the report: arrays and tables in, Matplotlib figures out.

The numbers of slices are those of the tables: 0 is the lowest slice of the image.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sctflow.reports import style
from sctflow.reports.canvas import picture, scale_bar, show, write
from sctflow.reports.geometry import (
    Volume,
    axial_tile,
    canonical,
    choose_slices,
    cord_path,
    sagittal_plane,
    tile_size,
)

PIXELS_PER_MM = 3.2

_ABOVE = {
    "loc": "lower left",
    "bbox_to_anchor": (0, 1.0),
    "ncols": 3,
    "frameon": False,
    "borderpad": 0.1,
    "borderaxespad": 0.15,
    "handlelength": 1.4,
    "fontsize": 8.5,
}
"""A legend between title and plot, where it can hide nothing."""


def axial_mosaic(
    data: np.ndarray,
    affine: np.ndarray,
    mask: np.ndarray,
    *,
    centerline=None,
    confidence: Mapping[int, float] | None = None,
    size: float = 40.0,
    at_most: int = 30,
):
    """Axial slices along the cord, cropped around it, with the outline of the mask.

    Seen from below, as radiologists do: the patient's right is on the left, anterior at the top.
    Slices run from the top of the cord (first) to its bottom. Grey levels are spread slice by
    slice, because surface coils light up one end of the cord more than the other.

    Parameters
    ----------
    data, mask : numpy.ndarray
        3-D voxels on one grid, any orientation; the mask binary or with weights from 0 to 1.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    centerline : pandas.DataFrame, optional
        Columns ``slice``, ``x``, ``y``, ``z``: where to look. The centres of the mask without it.
    confidence : mapping, optional
        Slice → confidence from 0 to 1; colours the outline and the slice number.
    size : float
        Width and height of a tile, mm, where the field of view is that large.
    at_most : int
        Most slices shown; see `sctflow.reports.geometry.choose_slices` for which.

    Returns
    -------
    matplotlib.figure.Figure
    """
    volume = canonical(data, affine, mask)
    confidence = confidence or {}
    path = cord_path(volume, centerline)
    empty = not path
    if empty:
        middle = ((volume.data.shape[0] - 1) / 2, (volume.data.shape[1] - 1) / 2)
        path = dict.fromkeys(range(volume.data.shape[2]), middle)
    chosen = choose_slices(
        list(path), confidence, at_most=at_most, limit=style.CONFIDENCE_LIMITS[1]
    )[::-1]

    wide, high = tile_size(volume, at_most=size)
    columns = _columns(len(chosen), wide=wide, high=high, widest=int(6 * size / wide))
    gap = size / 40
    width = columns * (wide + gap) - gap
    head = 6 * gap if empty else 0.0
    height = head + -(-len(chosen) // columns) * (high + gap) - gap
    with style.styled():
        figure, axes = picture(width, height, inches=10.0)
        for position, index in enumerate(chosen):
            left = (position % columns) * (wide + gap)
            top = head + (position // columns) * (high + gap)
            tile = axial_tile(
                volume, index, path[index], size=(wide, high), pixels_per_mm=PIXELS_PER_MM
            )
            show(axes, tile.pixels, left, top, wide, high)
            known = confidence.get(index)
            for number, outline in enumerate(tile.outlines):
                axes.plot(
                    *np.add(outline, (left, top)).T,
                    color=style.confidence_colour(known),
                    linewidth=1.1,
                    gid=f"overlay-{index}-{number}",
                )
            tag = f"{index}" if known is None else f"{index} · {known:.2f}"
            bottom = top + high - gap
            write(axes, left + gap, bottom, tag, colour=_tag_colour(known), ha="left", va="bottom")
            if position % columns == 0:
                write(axes, left + gap, top + high / 2, "R", ha="left")
                write(axes, left + wide - gap, top + high / 2, "L", ha="right")
                write(axes, left + wide / 2, top + gap, "A", va="top")
        scale_bar(axes, width - gap, height - gap, 10)
        if empty:
            note = "The mask is empty: these are slices through the middle of the field."
            write(axes, gap, head / 2, note, colour=style.DOUBTFUL, ha="left")
        axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def sagittal_view(
    data: np.ndarray,
    affine: np.ndarray,
    mask: np.ndarray,
    *,
    centerline=None,
    levels: np.ndarray | None = None,
):
    """Sagittal plane that holds most of the cord, over the whole field.

    Anterior is on the left, superior at the top. The outline of the mask is drawn where it cuts
    the plane, the centreline as projected onto it. Numbers at the side are slices.

    Parameters
    ----------
    data, mask : numpy.ndarray
        3-D voxels on one grid, any orientation; the mask binary or with weights from 0 to 1.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    centerline : pandas.DataFrame, optional
        Columns ``slice``, ``x``, ``y``, ``z`` (RAS world, mm).
    levels : numpy.ndarray, optional
        Vertebral level of each voxel of the mask, 0 outside; named behind the cord.

    Returns
    -------
    matplotlib.figure.Figure
        Square, whatever the shape of the field, so that figures line up on the page.
    """
    volume = canonical(data, affine, mask)
    plane = sagittal_plane(volume)
    side = max(plane.width, plane.height) * 1.2
    with style.styled():
        figure, axes = picture(side, side, inches=5.0)
        show(axes, plane.pixels, 0, 0, plane.width, plane.height)
        for number, outline in enumerate(plane.outlines):
            axes.plot(
                *outline.T, color=style.CONFIDENT, linewidth=1.1, gid=f"overlay-cord-{number}"
            )
        path = _on_plane(volume, centerline)
        if len(path):
            axes.plot(
                *path.T,
                color=style.CENTERLINE,
                linewidth=1.0,
                marker="o" if len(path) <= 30 else None,
                markersize=2.2,
                gid="overlay-centerline",
            )
        if levels is not None:
            _level_names(axes, volume, canonical(levels, affine, mask).data, side)
        _slice_numbers(axes, volume, side)
        inset = side * 0.012
        write(axes, -0.07 * side, plane.height / 2, "A")
        write(axes, plane.width + inset, plane.height / 2, "P", ha="left")
        write(axes, plane.width / 2, -inset, "S", va="bottom")
        write(axes, plane.width / 2, plane.height + inset, "I", va="top")
        scale_bar(axes, plane.width, plane.height + 0.06 * side, 10 if side < 150 else 50)
        horizontal, vertical = (side - plane.width) / 2, (side - plane.height) / 2
        axes.set(xlim=(-horizontal, side - horizontal), ylim=(side - vertical, -vertical))
    return figure


def area_profile(frame):
    """Area and diameters of the cord against the slice.

    Slices of low confidence are marked by colour and shape, slices without a measurement by a
    grey band.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``slice``, ``area`` (mm²), ``diameter_AP``, ``diameter_RL`` (mm), and
        ``confidence`` (0–1) where a network made the mask. One row per slice.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style.styled():
        if frame is None or not frame["area"].notna().any():
            figure = style.new_figure(6.4, 1.2)
            figure.text(0.5, 0.5, "Nothing was measured", ha="center", va="center")
            return figure

        figure = style.new_figure(6.4, 6.4 * 5 / 7)
        upper, lower = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2), "hspace": 0.24}
        )
        figure.subplots_adjust(left=0.1, right=0.985, top=0.88, bottom=0.11)
        for axes in (upper, lower):
            axes.grid(axis="y", color=style.RULE, linewidth=0.7)
            axes.set_axisbelow(True)
            axes.tick_params(length=3)
        upper.set_ylabel("Cross-sectional area (mm²)")
        lower.set_ylabel("Diameter (mm)")
        lower.set_xlabel("Slice, from inferior to superior")
        slices = frame["slice"].to_numpy(int)
        area = frame["area"].to_numpy(float)
        mean, spread = np.nanmean(area), np.nanstd(area, ddof=1) if len(area) > 1 else 0.0
        upper.axhline(mean, color=style.MUTED, linewidth=0.9, linestyle=(0, (5, 4)))
        _profile(upper, slices, area, style.CONFIDENT_ON_PAPER, "Area")
        _profile(lower, slices, frame["diameter_RL"].to_numpy(float), "#009e73", "Right–left")
        _profile(lower, slices, frame["diameter_AP"].to_numpy(float), "#9b4f96", "Front–back")
        _mark_slices(upper, lower, slices, area, frame.get("confidence"))
        upper.set_title(
            f"Mean {mean:.1f} mm², SD {spread:.1f} mm², {np.isfinite(area).sum()} slices",
            loc="left",
            pad=20,
            color=style.INK,
        )
        upper.set_ylim(_limits(area))
        lower.set_ylim(_limits(frame[["diameter_RL", "diameter_AP"]].to_numpy(float)))
        margin = max(0.5, 0.02 * np.ptp(slices))
        lower.set_xlim(slices.min() - margin, slices.max() + margin)
        lower.xaxis.get_major_locator().set_params(integer=True)
        lower.legend(**_ABOVE)
    return figure


def _columns(count: int, *, wide: float, high: float, widest: int) -> int:
    """Tiles per row: as large as fits on a screen, and no row left nearly empty.

    ``wide`` and ``high`` are those of a tile, ``widest`` is the most tiles a row can hold without
    making them too small.
    """

    def cost(columns: int) -> float:
        return -count % columns / columns + 0.6 * columns / widest

    fitting = [c for c in range(3, widest) if -(-count // c) * high <= 0.85 * c * wide]
    return min([*fitting, widest], key=cost)


def _tag_colour(confidence: float | None) -> str:
    """Colour of a slice number: plain unless the slice is doubtful."""
    doubtful = style.confidence_class(confidence) != "confident"
    return style.confidence_colour(confidence) if doubtful else style.LABEL


def _on_plane(volume: Volume, centerline) -> np.ndarray:
    """Centreline as (n, 2) mm from the anterior and superior edges of the field."""
    if centerline is None or not len(centerline):
        return np.empty((0, 2))
    back = np.linalg.inv(volume.affine)
    voxels = centerline[["x", "y", "z"]].to_numpy(float) @ back[:3, :3].T + back[:3, 3]
    from_edge = np.array(volume.data.shape[1:]) - 0.5 - voxels[:, 1:]
    return from_edge * volume.zooms[1:]


def _level_names(axes, volume: Volume, levels: np.ndarray, side: float) -> None:
    """Write the name of each vertebral level behind the cord, with lines where levels meet."""
    from sctflow.core.label_values import VERTEBRAE

    edge = np.array(volume.data.shape[1:]) - 0.5
    for value in np.unique(levels[levels > 0]).astype(int):
        voxels = np.argwhere(levels == value)[:, 1:]
        low, high = voxels[:, 1].min(), voxels[:, 1].max()
        across = [
            (edge[0] - y) * volume.zooms[1] for y in (voxels[:, 0].max(), voxels[:, 0].min())
        ]
        top, bottom = ((edge[1] - z) * volume.zooms[2] for z in (high + 0.5, low - 0.5))
        axes.plot(
            [across[0] - 0.01 * side, across[1] + 0.03 * side],
            [top, top],
            color=style.LABEL,
            linewidth=0.6,
            gid=f"overlay-level-{value}",
        )
        if bottom - top > 0.02 * side:
            name = VERTEBRAE[value - 1]
            write(axes, across[1] + 0.02 * side, (top + bottom) / 2, name, ha="left")


def _slice_numbers(axes, volume: Volume, side: float) -> None:
    """Write slice numbers beside the plane, about ten of them."""
    count = volume.data.shape[2]
    dz = volume.zooms[2]
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 1000) if count / s <= 12)
    for index in range(0, count, step):
        row = (count - 0.5 - index) * dz
        axes.plot([-0.012 * side, 0], [row, row], color=style.MUTED, linewidth=0.8)
        axes.text(
            -0.018 * side,
            row,
            str(index),
            color=style.LABEL,
            fontsize=6.5,
            ha="right",
            va="center",
        )


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Limits of an axis that show the variation, without blowing up what hardly varies."""
    low, high = np.nanmin(values), np.nanmax(values)
    margin = max(0.25 * (high - low), 0.08 * high)
    return max(0.0, low - margin), high + margin


def _profile(axes, slices, values, colour, label) -> None:
    """Line with a dot for each slice when there are few."""
    axes.plot(
        slices,
        values,
        color=colour,
        linewidth=1.5,
        marker="o" if len(slices) <= 60 else None,
        markersize=3,
        label=label,
    )


def _mark_slices(upper, lower, slices, area, confidence) -> None:
    """Mark doubtful and low-confidence slices, and the gaps of the mask."""
    missing = slices[~np.isfinite(area)]
    runs = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1) if len(missing) else []
    for number, run in enumerate(runs):
        for axes in (upper, lower):
            label = "No measurement" if number == 0 and axes is upper else None
            axes.axvspan(run[0] - 0.5, run[-1] + 0.5, color=style.RULE, linewidth=0, label=label)
    if confidence is not None:
        confidence = confidence.to_numpy(float)
        names = np.array([style.confidence_class(c) for c in confidence])
        low, doubtful = style.CONFIDENCE_LIMITS
        for name, marker, text in (
            ("doubtful", "D", f"Confidence below {doubtful:g}"),
            ("low", "X", f"Confidence below {low:g}"),
        ):
            found = (names == name) & np.isfinite(area)
            if found.any():
                upper.plot(
                    slices[found],
                    area[found],
                    linestyle="none",
                    marker=marker,
                    markersize=6,
                    color=style.DOUBTFUL_ON_PAPER if name == "doubtful" else style.LOW_ON_PAPER,
                    label=text,
                )
    handles, labels = upper.get_legend_handles_labels()
    extra = [(h, t) for h, t in zip(handles, labels, strict=True) if t != "Area"]
    if extra:
        upper.legend(*zip(*extra, strict=True), **_ABOVE)
