"""What the report shows of a diffusion series: arrays and tables in, figures and texts out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports import style
from sctflow.reports.details import describe_map
from sctflow.reports.geometry import choose_slices
from sctflow.reports.grey import grey_levels
from sctflow.reports.map_figure import map_mosaic
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

PER_1000 = 1e3
"""Diffusivities are read in 10⁻³ mm²/s."""

UNIT = "10⁻³ mm²/s"
MOST = 3.0
"""Of the scale of colours, 10⁻³ mm²/s: free water at body temperature diffuses about as much."""

TITLES = {"fa": "FA", "md": "MD", "ad": "AD", "rd": "RD"}
FITS = {
    "wls": "weighted least squares",
    "restore": "RESTORE, without outliers",
}


def before_after(
    before: np.ndarray,
    after: np.ndarray,
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    levels: np.ndarray | None = None,
    at_most: int = 8,
):
    """Means of a series before and after motion correction, with the outline of the cord.

    Parameters
    ----------
    before, after, cord : numpy.ndarray
        3-D voxels on one grid, any orientation.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    levels : numpy.ndarray, optional
        Vertebral level of voxels, 0 outside of the cord.
    at_most : int
        Most axial slices shown, evenly along the cord.

    Returns
    -------
    matplotlib.figure.Figure
    """
    images = {"before": before, "after": after, "cord": cord}
    images |= {} if levels is None else {"levels": levels}
    site = find_site(images, affine, cords=("cord",))
    if site is None:
        return note("There is no cord in the image.")
    names = slice_levels(site.images["levels"]) if levels is not None else None
    slices = choose_slices(list(range(len(site))), {}, at_most=at_most, limit=0.0)[::-1]
    sides = ("before", "after")
    cells = [Cell([_axial(site, one, k) for one in sides], _tag(site, names, k)) for k in slices]
    header = [
        ("left, above: before motion correction", style.LABEL),
        ("right, below: after", style.LABEL),
        ("cord", style.CONFIDENT),
    ]
    return draw([_sagittal(site, one) for one in sides], cells, header)


def diffusivities(
    maps: Mapping[str, np.ndarray],
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    gray: np.ndarray | None = None,
    levels: np.ndarray | None = None,
):
    """Diffusivities around the cord, in one scale of colours.

    Parameters
    ----------
    maps : mapping
        Title → 3-D voxels, mm²/s.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    cord : numpy.ndarray
        Mask of the cord.
    gray : numpy.ndarray, optional
        Weights of gray matter, to be outlined.
    levels : numpy.ndarray, optional
        Vertebral level of voxels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return map_mosaic(
        {f"{title} ({UNIT})": PER_1000 * values for title, values in maps.items()},
        affine,
        cord,
        inner=gray,
        levels=levels,
        limits=(0.0, MOST),
    )


def dwi_facts(
    shells,
    *,
    fit: str,
    snr: float | None = None,
    motion=None,
    slices: int = 0,
    maps: Mapping[str, np.ndarray] | None = None,
    cord: np.ndarray | None = None,
) -> list[tuple[str, str]]:
    """Say what a diffusion series is and what was found in it.

    Parameters
    ----------
    shells : pandas.DataFrame
        ``bval`` and ``volumes`` of each shell.
    fit : str
        How tensors were fitted.
    snr : float, optional
        Signal-to-noise ratio of the cord at b = 0.
    motion : pandas.DataFrame, optional
        Motion of each volume; not there if it was not corrected.
    slices : int
        Of a volume.
    maps : mapping, optional
        Map of the tensor, ``fa``, ``md``, ``ad``, ``rd``; without it none was fitted.
    cord : numpy.ndarray, optional
        Mask of the cord, on their grid.

    Returns
    -------
    list of (term, text)
    """
    counts = [f"{int(row.volumes)} with b = {row.bval:.0f} s/mm²" for row in shells.itertuples()]
    facts = [("Volumes", ", ".join(counts))]
    if motion is not None:
        facts.append(("Motion", _motion(motion, slices)))
    if snr is not None:
        facts.append(("SNR at b = 0", f"{snr:.1f} in the cord"))
    if maps:
        facts.append(("Tensors", FITS[fit]))
        for name, values in maps.items():
            unit = {} if name == "fa" else {"unit": UNIT, "scale": PER_1000}
            facts.append((TITLES[name], describe_map(values, cord, **unit)))
    return facts


def _motion(motion, slices: int) -> str:
    course = motion["framewise_displacement"].to_numpy(float)
    if not np.isfinite(course).any():
        return "one volume"
    flagged, all_slices = int(motion["outlier_slices"].sum()), slices * len(motion)
    return (
        f"{np.nanmean(course):.2f} mm from volume to volume, {np.nanmax(course):.2f} mm at most; "
        f"{flagged} of {all_slices} slices flagged"
    )


def _axial(site: Site, name: str, index: int) -> View:
    pixels = grey_levels(axial_values(site, name, index, size=TILE_MM, order=3))
    cord = axial_values(site, "cord", index, size=TILE_MM)
    lines = [(line, style.CONFIDENT, 1.0) for line in outlines(cord, width=TILE_MM)]
    return View(pixels, TILE_MM, TILE_MM, lines)


def _sagittal(site: Site, name: str) -> View:
    grid = sagittal_grid(site)
    cord = sagittal_values(site, "cord", grid)
    lines = [(line, style.CONFIDENT, 1.0) for line in outlines(cord, width=grid.width)]
    pixels = grey_levels(sagittal_values(site, name, grid))
    return View(pixels, grid.width, grid.height, lines)


def _tag(site: Site, names: np.ndarray | None, index: int) -> str:
    number = str(site.first + index)
    level = 0 if names is None else names[index]
    return f"{VERTEBRAE[level - 1]} · {number}" if 1 <= level <= len(VERTEBRAE) else number
