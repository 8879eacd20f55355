"""Figures of the template registration: arrays in, Matplotlib figures out.

Each shows a sagittal view that follows the cord from side to side, with the names of vertebral
levels, and axial slices around the cord from superior to inferior. Slices are numbered as in the
tables: 0 is the lowest of the whole grid, whatever part of it is shown.
"""

from __future__ import annotations

import numpy as np

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports import style
from sctflow.reports.geometry import choose_slices
from sctflow.reports.grey import checkers, grey_levels, match_ranks
from sctflow.reports.panels import TILE_MM, Cell, View, draw, note
from sctflow.reports.template_views import (
    Site,
    axial_values,
    find_site,
    outlines,
    sagittal_grid,
    sagittal_values,
    slice_levels,
)

OWN, TEMPLATE = style.CONFIDENT, style.CENTERLINE
"""Colours of what was found in the image itself and of what comes from the template."""

CHECK_MM = {"axial": 6.0, "sagittal": 10.0}
"""Sides of the squares of a checkerboard: half of a cord's width, and of a vertebra's height."""


def template_overlay(
    data: np.ndarray,
    affine: np.ndarray,
    mask: np.ndarray,
    cord: np.ndarray,
    *,
    gray: np.ndarray | None = None,
    levels: np.ndarray | None = None,
    template: str = "template",
    at_most: int = 18,
):
    """Image with the outlines of its own cord mask and of the template's cord laid onto it.

    Parameters
    ----------
    data, mask, cord : numpy.ndarray
        3-D voxels on one grid, any orientation: the image, the mask of its cord, and the
        template's cord in the space of the image; masks binary or with weights from 0 to 1.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    gray : numpy.ndarray, optional
        Weights of the template's gray matter; its edge is that of the white matter, too.
    levels : numpy.ndarray, optional
        Vertebral level of voxels, 0 outside of the cord.
    template : str
        What to call the template.
    at_most : int
        Most axial slices shown, evenly along the cord.

    Returns
    -------
    matplotlib.figure.Figure
    """
    images = {"image": data, "own": mask, "theirs": cord}
    images |= {} if gray is None else {"gray": gray}
    images |= {} if levels is None else {"levels": levels}
    site = find_site(images, affine, cords=("own", "theirs"))
    if site is None:
        return note("There is no cord in the image, and none of the template's.")
    drawn = [("own", OWN, 1.1), ("theirs", TEMPLATE, 1.1)]
    drawn += [] if gray is None else [("gray", TEMPLATE, 0.7)]
    names = _levels(site)
    cells = [
        Cell([_axial(site, "image", k, drawn)], _tag(site, names, k))
        for k in _chosen(site, at_most)
    ]
    header = [("cord of the image", OWN), (f"cord of {template}", TEMPLATE)]
    header += [] if gray is None else [("gray matter (thin)", TEMPLATE)]
    missing = [] if site.images["theirs"].any() else [f"{template} does not reach this image."]
    missing += [] if site.images["own"].any() else ["No cord was found in the image."]
    header += [(text, style.DOUBTFUL) for text in missing]
    return draw([_sagittal(site, "image", drawn, names)], cells, header)


def subject_in_template(
    subject: np.ndarray,
    template: np.ndarray,
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    levels: np.ndarray | None = None,
    titles: tuple[str, str] = ("image", "template"),
    at_most: int = 8,
):
    """Image brought onto the template's grid beside the template's own, slice by slice.

    Only slices that the image covers are shown. The outline is that of the template's cord.

    Parameters
    ----------
    subject, template, cord : numpy.ndarray
        3-D voxels on the template's grid, any orientation: the image (0 outside of its field of
        view), the template's image and its cord.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    levels : numpy.ndarray, optional
        Vertebral level of voxels, 0 outside of the cord.
    titles : tuple of str
        What to call the two: say which contrast each is.
    at_most : int
        Most axial slices shown, evenly along the part that is covered.

    Returns
    -------
    matplotlib.figure.Figure
    """
    site = _shared_site(subject, template, affine, cord, levels)
    if site is None:
        return note("The image does not cover the template's cord.")
    names, drawn = _levels(site), [("cord", TEMPLATE, 1.0)]
    cells = [
        Cell(
            [_axial(site, image, k, drawn) for image in ("subject", "template")],
            _tag(site, names, k),
        )
        for k in _chosen(site, at_most)
    ]
    panels = [_sagittal(site, image, drawn, names) for image in ("subject", "template")]
    header = [
        (f"left, above: {titles[0]}", style.LABEL),
        (f"right, below: {titles[1]}", style.LABEL),
        ("cord of the template", TEMPLATE),
    ]
    return draw(panels, cells, header)


def checkerboard(
    subject: np.ndarray,
    template: np.ndarray,
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    levels: np.ndarray | None = None,
    titles: tuple[str, str] = ("image", "template"),
    at_most: int = 12,
):
    """Alternate squares of an image brought onto the template's grid and of the template's own.

    Where the two fit, edges run on from square to square. Grey levels of the image are matched to
    the template's by their ranks, in each slice; a contrast that the template lacks stays what it
    is. Parameters are those of :func:`subject_in_template`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    site = _shared_site(subject, template, affine, cord, levels)
    if site is None:
        return note("The image does not cover the template's cord.")
    names = _levels(site)
    cells = []
    for k in _chosen(site, at_most):
        pair = [axial_values(site, name, k, size=TILE_MM) for name in ("subject", "template")]
        pixels = _checked(*pair, width=TILE_MM, side=CHECK_MM["axial"])
        cells.append(Cell([View(pixels, TILE_MM, TILE_MM)], _tag(site, names, k)))
    grid = sagittal_grid(site)
    pair = [sagittal_values(site, name, grid) for name in ("subject", "template")]
    pair[0][pair[0] == 0] = np.nan
    pixels = _checked(*pair, width=grid.width, side=CHECK_MM["sagittal"])
    panel = View(pixels, grid.width, grid.height, levels=_heights(site, names))
    header = [
        (f"upper left square: {titles[0]}", style.LABEL),
        (f"next to it: {titles[1]}", style.LABEL),
    ]
    return draw([panel], cells, header)


def _shared_site(subject, template, affine, cord, levels) -> Site | None:
    """Neighbourhood of the template's cord where the image covers it."""
    images = {"subject": subject, "template": template, "cord": cord}
    images |= {} if levels is None else {"levels": levels}
    return find_site(images, affine, cords=("cord",), seen_in="subject")


def _checked(subject: np.ndarray, template: np.ndarray, *, width: float, side: float):
    """Grey levels 0–255 of a checkerboard."""
    matched = match_ranks(subject, template)
    return grey_levels(checkers(matched, template, width=width, field=side))


def _levels(site: Site) -> np.ndarray | None:
    return slice_levels(site.images["levels"]) if "levels" in site.images else None


def _chosen(site: Site, at_most: int) -> list[int]:
    """Slices to show, from the top."""
    return choose_slices(list(range(len(site))), {}, at_most=at_most, limit=0.0)[::-1]


def _tag(site: Site, names: np.ndarray | None, index: int) -> str:
    number = str(site.first + index)
    level = 0 if names is None else names[index]
    return f"{VERTEBRAE[level - 1]} · {number}" if 1 <= level <= len(VERTEBRAE) else number


def _axial(site: Site, name: str, index: int, drawn) -> View:
    """View of a slice with the outlines of masks."""
    pixels = grey_levels(axial_values(site, name, index, size=TILE_MM, order=3))
    lines = [
        (line, colour, width)
        for mask, colour, width in drawn
        for line in outlines(axial_values(site, mask, index, size=TILE_MM), width=TILE_MM)
    ]
    return View(pixels, TILE_MM, TILE_MM, lines)


def _sagittal(site: Site, name: str, drawn, names: np.ndarray | None) -> View:
    """Sagittal view with the outlines of masks and the levels."""
    grid = sagittal_grid(site)
    lines = [
        (line, colour, width)
        for mask, colour, width in drawn
        for line in outlines(sagittal_values(site, mask, grid), width=grid.width)
    ]
    values = sagittal_values(site, name, grid)
    values[values == 0] = np.nan
    return View(grey_levels(values), grid.width, grid.height, lines, _heights(site, names))


def _heights(site: Site, names: np.ndarray | None) -> list[tuple[int, float, float]]:
    """Levels with their upper and lower end, mm from the top."""
    if names is None:
        return []
    found = []
    for value in np.unique(names[(names >= 1) & (names <= len(VERTEBRAE))]):
        held = np.flatnonzero(names == value)
        top, bottom = (len(site) - held[-1] - 1), (len(site) - held[0])
        found.append((int(value), top * site.zooms[2], bottom * site.zooms[2]))
    return found
