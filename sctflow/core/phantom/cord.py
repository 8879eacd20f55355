"""The dural sac and what lies in it: CSF, cord with its regions and lesions, roots; brainstem."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy, Lesion, Station
from sctflow.core.phantom.brainstem import paint_brainstem
from sctflow.core.phantom.codes import LESION, Tissue
from sctflow.core.phantom.outline import inside
from sctflow.core.phantom.roots import in_sac, is_root
from sctflow.core.phantom.tracts import regions

_FILUM_RADIUS = 0.5  # mm


def paint_sac(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
) -> None:
    """Paint the dural sac and the brainstem over what is there.

    Parameters
    ----------
    codes
        (n,) uint8, changed in place.
    anatomy
        The person.
    u, v, s
        (n,) mm in the cord's frame.
    station
        `anatomy.at(s)`.
    """
    levels = anatomy.levels
    below = (s <= levels.top) & (s > levels.disc(26))
    sac = below & (np.abs(u - station.canal_right) < station.canal_half_width)
    # A cord that is pressed may reach beyond the sac's front wall: it is painted all the same.
    sac &= in_sac(u, v, station) | (np.abs(v) < station.half_depth)
    chosen = np.flatnonzero(sac)
    if len(chosen):
        here = Station(*(column[chosen] for column in station))
        codes[chosen] = _sac(codes[chosen], anatomy, u[chosen], v[chosen], s[chosen], here)
    paint_brainstem(codes, anatomy, u, v, s, station)


def in_cord(
    anatomy: Anatomy, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> np.ndarray:
    """Whether points lie in the cord, from the upper edge of C1 to the tip of the conus."""
    p, q = _relative(u, v, station)
    along = (s <= anatomy.levels.top) & (s > anatomy.levels.conus)
    return along & (np.abs(p) < 1) & inside(p, q)


def _sac(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
) -> np.ndarray:
    """Codes of points in the sac or in the cord; those in neither keep theirs."""
    cord = in_cord(anatomy, u, v, s, station)
    around = np.flatnonzero(~cord & in_sac(u, v, station))
    codes[around] = _fluid(anatomy, *_chosen(around, u, v, s, station))
    within = np.flatnonzero(cord)
    if len(within):
        codes[within] = _cord(anatomy, *_chosen(within, u, v, s, station))
    return codes


def _fluid(
    anatomy: Anatomy, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> np.ndarray:
    codes = np.full(len(u), Tissue.CSF, np.uint8)
    codes[is_root(anatomy, u, v, s, station)] = Tissue.ROOT
    # The filum terminale goes on from the conus and sinks to the back of the sac.
    sunk = np.clip((anatomy.levels.conus - s) / 40.0, 0.0, 1.0)
    back = sunk * (station.canal_forward - 0.85 * station.canal_half_depth)
    filum = (s < anatomy.levels.conus) & (np.hypot(u, v - back) < _FILUM_RADIUS)
    codes[filum] = Tissue.ROOT
    return codes


def _cord(
    anatomy: Anatomy, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> np.ndarray:
    p, q = _relative(u, v, station)
    codes = regions(p, q, station.spinal)
    for lesion in anatomy.lesions:
        codes[_in_lesion(anatomy, lesion, u, v, s)] |= LESION
    return codes


def _in_lesion(
    anatomy: Anatomy, lesion: Lesion, u: np.ndarray, v: np.ndarray, s: np.ndarray
) -> np.ndarray:
    height = anatomy.levels.position(lesion.level)
    middle = anatomy.at(height)
    right = lesion.right * middle.half_width
    front = lesion.front * middle.half_depth
    away = ((u - right) / lesion.radii[0]) ** 2 + ((v - front) / lesion.radii[1]) ** 2
    return away + ((s - float(height)) / lesion.radii[2]) ** 2 < 1.0


def _relative(u: np.ndarray, v: np.ndarray, station: Station) -> tuple[np.ndarray, np.ndarray]:
    """Places in half widths and half depths of the cord; far outside where there is none."""
    return u / np.maximum(station.half_width, 1e-3), v / np.maximum(station.half_depth, 1e-3)


def _chosen(
    index: np.ndarray, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Station]:
    return u[index], v[index], s[index], Station(*(column[index] for column in station))
