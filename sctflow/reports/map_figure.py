"""Figure of maps of one grid: axial slices in colour, with outlines, and what colours mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports import style
from sctflow.reports.canvas import picture, scale_bar, write
from sctflow.reports.geometry import choose_slices
from sctflow.reports.grey import grey_levels
from sctflow.reports.panels import note
from sctflow.reports.template_views import (
    Site,
    axial_values,
    find_site,
    outlines,
    slice_levels,
)

COLOURS = "viridis"
"""Rising in brightness, legible to colour-blind eyes and in grey."""

TILE_MM = 30.0
_GAP = 1.0  # mm between tiles
_HEAD_MM, _SIDE_MM, _INCHES = 4.0, 12.0, 10.0
_WIDEST = 8  # tiles in a row
_NARROWEST = 6  # tiles that a row is as wide as, at least, so that tiles are not huge


def map_mosaic(
    maps: Mapping[str, np.ndarray],
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    image: np.ndarray | None = None,
    image_title: str = "",
    inner: np.ndarray | None = None,
    levels: np.ndarray | None = None,
    limits: tuple[float, float],
    unit: str = "",
    at_most: int = _WIDEST,
):
    """Maps around the cord, slice by slice from superior to inferior, one row for each map.

    Parameters
    ----------
    maps : mapping
        Title → 3-D voxels on one grid, any orientation. Voxels that are not numbers are black.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    cord : numpy.ndarray
        Mask of the cord, binary or with weights from 0 to 1; its outline is drawn.
    image : numpy.ndarray, optional
        Image of the anatomy, shown in grey in a row of its own above the maps.
    image_title : str
        What to call it.
    inner : numpy.ndarray, optional
        Weights of something within the cord, such as gray matter, to be outlined thinly.
    levels : numpy.ndarray, optional
        Vertebral level of voxels, 0 outside of the cord; named beside slice numbers.
    limits : tuple of float
        Values of the first and the last colour.
    unit : str
        Written below the scale of colours.
    at_most : int
        Most slices shown, evenly along the cord.

    Returns
    -------
    matplotlib.figure.Figure
    """
    images = {f"map {title}": np.where(np.isfinite(data), data, 0) for title, data in maps.items()}
    images |= {"cord": cord}
    images |= {} if image is None else {"image": image}
    images |= {} if inner is None else {"inner": inner}
    images |= {} if levels is None else {"levels": levels}
    site = find_site(images, affine, cords=("cord",))
    if site is None:
        return note("There is no cord in the image.")
    chosen = choose_slices(list(range(len(site))), {}, at_most=at_most, limit=0.0)[::-1]
    rows = [] if image is None else [(image_title, "image")]
    rows += [(title, f"map {title}") for title in maps]
    return _draw(site, chosen, rows, limits, unit)


def _draw(
    site: Site,
    chosen: Sequence[int],
    rows: Sequence[tuple[str, str]],
    limits: tuple[float, float],
    unit: str,
):
    step = TILE_MM + _GAP
    high = TILE_MM + _HEAD_MM
    width = max(len(chosen), _NARROWEST) * step + _SIDE_MM
    height = len(rows) * high
    names = slice_levels(site.images["levels"]) if "levels" in site.images else None
    with style.styled():
        figure, axes = picture(width, height, inches=_INCHES)
        for row, (title, name) in enumerate(rows):
            top = row * high + _HEAD_MM
            write(axes, _GAP, top - _HEAD_MM / 2, title, ha="left")
            for column, k in enumerate(chosen):
                _tile(axes, site, name, k, column * step, top, limits, number=f"{row}-{column}")
                if row == len(rows) - 1:
                    _name_slice(axes, site, names, k, column * step + _GAP, top + TILE_MM - _GAP)
        write(axes, _GAP, _HEAD_MM + TILE_MM / 2, "R", ha="left")
        write(axes, TILE_MM - _GAP, _HEAD_MM + TILE_MM / 2, "L", ha="right")
        scale_bar(axes, len(chosen) * step - 2 * _GAP, height - _GAP, 10)
        last = (len(rows) - 1) * high + _HEAD_MM
        _colour_bar(axes, width - _SIDE_MM + _GAP, last + 3, TILE_MM - 8, limits, unit)
        axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _tile(axes, site: Site, name: str, k: int, left, top, limits, *, number: str) -> None:
    """Place one slice of one image, with its outlines."""
    grey = name == "image"
    values = axial_values(site, name, k, size=TILE_MM, order=3 if grey else 0)
    extent = (left, left + TILE_MM, top + TILE_MM, top)
    if grey:
        pixels = np.repeat(grey_levels(values)[..., None], 3, axis=2)
    else:
        pixels = _coloured(values, limits)
    axes.imshow(pixels, extent=extent, interpolation="none")
    for mask, colour, width in (
        ("cord", style.PAPER, 1.0),
        ("inner", style.PAPER, 0.6),
    ):
        if mask in site.images:
            weights = axial_values(site, mask, k, size=TILE_MM)
            for index, line in enumerate(outlines(weights, width=TILE_MM)):
                axes.plot(
                    *np.add(line, (left, top)).T,
                    color=colour,
                    linewidth=width,
                    gid=f"overlay-{mask}-{number}-{index}",
                )


def _coloured(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Colours 0–255 of values; black where there is none."""
    import matplotlib

    low, high = limits
    known = np.isfinite(values) & (values != 0)
    scaled = (np.where(known, values, low) - low) / max(high - low, 1e-12)
    colours = matplotlib.colormaps[COLOURS](np.clip(scaled, 0, 1), bytes=True)[..., :3]
    return np.where(known[..., None], colours, 0).astype(np.uint8)


def _name_slice(axes, site: Site, names, k: int, x: float, y: float) -> None:
    level = 0 if names is None else names[k]
    number = str(site.first + k)
    known = 1 <= level <= len(VERTEBRAE)
    tag = f"{VERTEBRAE[level - 1]} · {number}" if known else number
    write(axes, x, y, tag, ha="left", va="bottom")


def _colour_bar(axes, left: float, top: float, height: float, limits, unit: str) -> None:
    """Draw the colours from the last value to the first, and what they stand for."""
    bar = _coloured(np.linspace(limits[1], limits[0], 128)[:, None] + 1e-9, limits)
    axes.imshow(bar, extent=(left, left + 2.5, top + height, top), interpolation="none")
    for value, y in ((limits[1], top), (limits[0], top + height)):
        write(axes, left + 3.5, y, f"{value:g}", ha="left")
    write(axes, left, top + height + 2.5, unit, ha="left")
