"""Medulla, pons and midbrain, the fourth ventricle and the cisterns around them.

Lengths are those of adults in Standring, Gray's Anatomy (41st ed., ch. 21): the medulla widens
from the cord to 17 x 13 mm at the pontomedullary junction, the pons is 25 mm high, 30 mm wide
and, with the tegmentum, 24 mm deep.
"""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy, Station
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.outline import edges, inside

_REACH = (22.0, -18.0, 34.0)  # mm to the side, to the back and to the front
_UPPER = 42.0  # mm above the junction where the midbrain ends

# Heights: below the junction in parts of the medulla's length (-1 is the top of the cord), above
# it in mm of an average head.
_MEDULLA_AT = np.array([-1.1, -1.0, -0.7, -0.4, -0.15, 0.0, 0.2])
_MEDULLA_WIDTH = np.array([1.0, 1.0, 1.06, 1.27, 1.44, 1.52, 1.55])  # half widths of the cord
_MEDULLA_DEPTH = np.array([1.0, 1.0, 1.10, 1.34, 1.52, 1.60, 1.62])

# Tegmentum of pons and midbrain, and the belly of the pons: mm.
_STEM_AT = np.array([0.0, 6.0, 12.0, 20.0, 26.0, 32.0, 39.0, 42.0])
_STEM_WIDTH = np.array([8.5, 10.5, 11.5, 11.0, 11.5, 14.0, 11.0, 0.1])
_STEM_DEPTH = np.array([6.5, 7.2, 7.5, 7.2, 7.5, 9.0, 7.0, 0.1])
_STEM_FORWARD = np.array([0.0, -0.5, -0.5, 1.5, 4.5, 7.0, 9.5, 11.0])
_BELLY = (0.0, 5.0, 14.3)  # centre; the lower end meets the medulla at the junction
_BELLY_RADII = (15.0, 10.8, 14.6)
_BELLY_SLOPE = 0.18  # mm forwards in each mm up: the pons lies along the clivus

# Cisterns: half width, back and front edge in mm. In front they reach the clivus.
_CISTERN_AT = np.array([-25.5, -21.0, -17.0, -12.0, -8.0, -4.0, 4.0, 12.0, 22.0, 30.0, 36.0])
_CISTERN_WIDTH = np.array([0, 12.0, 12.8, 13.2, 13.5, 14.5, 18.0, 19.5, 19.0, 17.0, 10.0])
_CISTERN_BACK = np.array([0, -11.0, -13.0, -12.0, -8.5, -5.0, -2.0, 0.0, 0.0, 4.0, 8.0])
_CISTERN_FRONT = np.array([0, 7.6, 7.8, 9.6, 11.6, 13.9, 18.6, 23.3, 29.0, 28.0, 22.0])

_VENTRICLE = (-9.0, 9.0, 23.0)  # lower end, deepest place and upper end
_VENTRICLE_DEPTH, _VENTRICLE_HALF_WIDTH = 10.5, 8.0
_AQUEDUCT_RADIUS = 0.9


def paint_brainstem(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
) -> None:
    """Paint what continues cord and sac above the upper end of the cord, in place.

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
    top, size = anatomy.levels.top, anatomy.body.head_size
    near = (s > top) & (s < _UPPER * size)
    near &= (np.abs(u) < _REACH[0] * size) & (v > _REACH[1] * size) & (v < _REACH[2] * size)
    chosen = np.flatnonzero(near)
    if not len(chosen):
        return
    u, v, s = u[chosen], v[chosen], s[chosen]
    station = Station(*(column[chosen] for column in station))
    # Above the junction lengths go with the head, below with the neck.
    height = np.where(s > 0, s / size, s / -top)
    part = codes[chosen]
    part[_in_cistern(u, v, np.where(s > 0, height, -_CISTERN_AT[0] * height), station, size)] = (
        Tissue.CSF
    )
    part[_in_ventricle(u / size, v / size, np.where(s > 0, height, s / size))] = Tissue.CSF
    half_width, half_depth = _medulla(height, station)
    medulla = (s < 0) & inside(u / half_width, v / half_depth)
    part[medulla] = Tissue.MEDULLA
    pons = _in_pons(u / size, v / size, np.where(s > 0, height, s / size))
    part[pons & ((s > 0) | ~medulla)] = Tissue.PONS
    codes[chosen] = part


def junction_depth(anatomy: Anatomy) -> float:
    """Distance in mm of the pontomedullary junction, in front, from the middle of the brainstem.

    The junction is marked where the pons begins to bulge out above the medulla, on the surface.
    """
    zero = np.zeros(1)
    _, half_depth = _medulla(zero, anatomy.at(zero))
    return float(edges(zero)[0][0] * half_depth[0])


def _medulla(height: np.ndarray, station: Station) -> tuple[np.ndarray, np.ndarray]:
    """Half width and half depth in mm."""
    wide = _smooth(height, _MEDULLA_AT, _MEDULLA_WIDTH) * station.half_width
    return wide, _smooth(height, _MEDULLA_AT, _MEDULLA_DEPTH) * station.half_depth


def _in_cistern(
    u: np.ndarray, v: np.ndarray, height: np.ndarray, station: Station, size: float
) -> np.ndarray:
    # The lowest section is the sac's own.
    own = np.clip((_CISTERN_AT[1] - height) / (_CISTERN_AT[1] - _CISTERN_AT[0]), 0.0, 1.0)
    wide, back, front = (
        size * np.interp(height, _CISTERN_AT[1:], values[1:])
        for values in (_CISTERN_WIDTH, _CISTERN_BACK, _CISTERN_FRONT)
    )
    wide = wide + own * (station.canal_half_width - wide)
    back = back + own * (station.canal_forward - station.canal_half_depth - back)
    front = front + own * (station.canal_forward + station.canal_half_depth - front)
    across = (u - own * station.canal_right) / wide
    forward = (2.0 * v - front - back) / (front - back)
    return (across**2 + forward**2 < 1.0) & (height < _CISTERN_AT[-1])


def _in_ventricle(u: np.ndarray, v: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The fourth ventricle: a tent behind medulla and pons, a diamond from behind."""
    low, peak, high = _VENTRICLE
    share = np.interp(height, [low, peak, high], [0.0, 1.0, 0.0])
    floor = np.interp(height, *_back(), left=-5.5)
    behind = floor + 0.6 - v
    depth = _VENTRICLE_DEPTH * share
    half_width = _VENTRICLE_HALF_WIDTH * share**0.7 * (1.0 - behind / np.maximum(depth, 1e-3))
    tent = (behind > 0) & (behind < depth) & (np.abs(u) < half_width)
    aqueduct = np.hypot(u, behind) < _AQUEDUCT_RADIUS
    return tent | (aqueduct & (height > peak))


def _back() -> tuple[np.ndarray, np.ndarray]:
    """Heights in mm and back edge of tegmentum and medulla."""
    return _STEM_AT, _STEM_FORWARD - _STEM_DEPTH


def _in_pons(u: np.ndarray, v: np.ndarray, height: np.ndarray) -> np.ndarray:
    wide, deep, forward = (
        _smooth(height, _STEM_AT, values) for values in (_STEM_WIDTH, _STEM_DEPTH, _STEM_FORWARD)
    )
    stem = (height > 0) & ((u / wide) ** 2 + ((v - forward) / deep) ** 2 < 1.0)
    sheared = (u, v - _BELLY_SLOPE * (height - _BELLY[2]), height)
    away = [(x - c) / r for x, c, r in zip(sheared, _BELLY, _BELLY_RADII, strict=True)]
    # Squarer than an ellipsoid along the stem, with a shallow furrow for the basilar artery.
    radius = away[0] ** 2 + away[1] ** 2 + np.abs(away[2]) ** 2.6
    furrow = 0.10 * np.exp(-((u / 2.5) ** 2)) * (v > 5.0)
    return stem | (radius < 1.0 - furrow)


def _smooth(height: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(at, values)(np.clip(height, at[0], at[-1]))
