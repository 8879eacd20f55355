"""Nerve rootlets, roots and cauda equina in the dural sac.

From C1 to L1 the rootlets of a spinal level leave the cord one below the other, behind along the
dorsolateral sulcus and in front along the ventrolateral one, and gather to a root that goes
through the wall of the sac at its foramen: level with the disc above the vertebra of its number
(Standring, Gray's Anatomy, 41st ed., ch. 43), so nearly straight outwards in the neck and steeply
down in the thorax. The roots from L2 on run down along the conus and make the cauda equina, which
lies in the back of the sac of a person on their back, the lowest roots nearest the midline.
"""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy, Station
from sctflow.core.phantom.levels import N_SPINAL, Levels
from sctflow.core.phantom.outline import inside

_LAST_FAN = 21  # L1
_ROOTLETS = 7  # on a side of a level, behind; as many in front
_RADIUS, _ROOT_RADIUS = 0.40, 0.90  # mm, of a rootlet and of the root at the foramen
_GATHER = 2.0  # how soon the rootlets of a level draw together; 1: in a straight line
_MARGIN = 0.05  # part of a level, at either end, without rootlets
# Where they leave the cord, in half widths and half depths, and the foramen in half depths of the
# sac in front of its centre.
_DORSAL_SULCUS, _VENTRAL_SULCUS = (0.56, -0.84), (0.44, 0.90)
_DORSAL_FORAMEN, _VENTRAL_FORAMEN = -0.12, 0.10
_TRUTH_REACH = 8.0  # mm from the midline to which dorsal rootlets are told apart by level

_STRAND_RADIUS = 0.55
_STRAND_STEP = 0.25  # mm along the cord in which a strand is taken as straight
_LEAVE = 15.0  # mm below its level over which a strand leaves the sulcus
_FROM_CORD = 0.7  # mm from the cord's surface to the middle of a strand
_SPREAD = 28.0  # mm below the tip of the conus over which the strands spread out in the sac
_TURN = 18.0  # mm above the foramen at which a strand turns out to it
# Angles from the back of the cord or sac, in degrees: at the sulci, and at rest by level.
_DORSAL_ANGLE, _VENTRAL_ANGLE = 42.0, 138.0
_REST_FIRST, _REST_LAST = 82.0, 9.0
_REST_RADIUS = (0.86, 0.66)  # of dorsal and ventral strands, in half axes of the sac


def is_root(
    anatomy: Anatomy, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> np.ndarray:
    """Whether points in the sac and outside the cord lie in a rootlet or root; (n,) bool.

    Parameters
    ----------
    anatomy
        The person.
    u, v, s
        (n,) mm in the cord's frame.
    station
        `anatomy.at(s)`.
    """
    found = _fans(anatomy, u, v, s, station, dorsal=True) > 0
    found |= _fans(anatomy, u, v, s, station, dorsal=False) > 0
    for dorsal in (True, False):
        found |= _strands(anatomy, u, v, s, station, dorsal=dorsal) > 0
    return found


def rootlet_level(
    anatomy: Anatomy, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> np.ndarray:
    """Spinal level (1 to 30) of the dorsal rootlet that points lie in, 0 elsewhere; (n,) uint8.

    Rootlets are followed to 8 mm from the midline, and to the tip of the conus.
    """
    level = _fans(anatomy, u, v, s, station, dorsal=True)
    strands = _strands(anatomy, u, v, s, station, dorsal=True)
    level = np.where(level > 0, level, strands)
    half_width = np.maximum(station.half_width, 1e-3)
    half_depth = np.maximum(station.half_depth, 1e-3)
    seen = (np.abs(u) < _TRUTH_REACH) & (s > anatomy.levels.conus) & in_sac(u, v, station)
    seen &= ~inside(u / half_width, v / half_depth)
    return np.where(seen, level, 0).astype(np.uint8)


def in_sac(u: np.ndarray, v: np.ndarray, station: Station) -> np.ndarray:
    """Whether points lie in the dural sac, whose front a compression pushes backwards."""
    across = (u - station.canal_right) / np.maximum(station.canal_half_width, 1e-3)
    half = station.canal_half_depth * np.sqrt(np.maximum(1.0 - across * across, 0.0))
    forward = v - station.canal_forward
    return (forward > -half) & (forward < half - station.pressed)


def _fans(
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
    *,
    dorsal: bool,
) -> np.ndarray:
    """Level of the rootlet or root of C1 to L1 at points; (n,) uint8."""
    level = np.zeros(len(s), np.uint8)
    (p, q), end = (
        (_DORSAL_SULCUS, _DORSAL_FORAMEN) if dorsal else (_VENTRAL_SULCUS, _VENTRAL_FORAMEN)
    )
    start = p * station.half_width
    side = np.where(u > 0, station.canal_right, -station.canal_right)
    out = (np.abs(u) - start) / (station.canal_half_width + side - start)
    first = q * station.half_depth
    last = station.canal_forward + end * station.canal_half_depth
    off = v - (first + out * (last - first))
    near = np.flatnonzero((np.abs(off) < _ROOT_RADIUS) & (out > 0) & (out < 1))
    if not len(near):
        return level
    width = station.canal_half_width[near] - start[near]
    out, off, height = out[near], off[near], s[near]
    low, high = height.min(), height.max()
    found = np.zeros(len(near), np.uint8)
    for number in range(1, _LAST_FAN + 1):
        upper, lower, foramen = _extent(anatomy.levels, number)
        if low < max(upper, foramen) + 1.0 and high > min(lower, foramen) - 1.0:
            radius = _RADIUS + (_ROOT_RADIUS - _RADIUS) * out**3
            along = _from_rootlet(height, out, width, upper, lower, foramen)
            found[along * along + off * off < radius * radius] = number
    level[near] = found
    return level


def _from_rootlet(
    s: np.ndarray,
    out: np.ndarray,
    width: np.ndarray,
    upper: float,
    lower: float,
    foramen: float,
) -> np.ndarray:
    """Distance in mm within their sheet of points from the nearest rootlet of a level."""
    length = upper - lower
    middle = 0.5 * (upper + lower)
    # Rootlets draw together well before the foramen.
    spread = np.maximum(1.0 - out, 1e-2) ** _GATHER
    origin = (s - middle - (foramen - middle) * out) / spread
    place = np.clip(0.5 - origin / length, _MARGIN, 1.0 - _MARGIN)
    step = (1.0 - 2.0 * _MARGIN) / _ROOTLETS
    number = np.minimum(np.floor((place - _MARGIN) / step), _ROOTLETS - 1)
    centre = length * (0.5 - _MARGIN - (number + 0.5) * step)
    slope = (foramen - middle - _GATHER * centre * spread / np.maximum(1.0 - out, 1e-2)) / width
    return (origin - centre) * spread / np.sqrt(1.0 + slope * slope)


def _extent(levels: Levels, number: int) -> tuple[float, float, float]:
    """Upper and lower end of a spinal level, and the height of its foramen."""
    foramen = levels.disc(min(number, 26))
    return float(levels.spinal[number - 1]), float(levels.spinal[number]), foramen


def _strands(
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
    *,
    dorsal: bool,
) -> np.ndarray:
    """Level of the strand of the cauda equina (L2 to S5) at points; (n,) uint8."""
    level = np.zeros(len(s), np.uint8)
    levels = anatomy.levels
    near = np.flatnonzero((s < levels.spinal[_LAST_FAN]) & (s > levels.disc(26)))
    if not len(near):
        return level
    across = np.abs(u[near] - station.canal_right[near])
    forward, row = v[near], np.floor(s[near] * (1.0 / _STRAND_STEP)).astype(np.int32)
    first = row.min()
    row -= first
    heights = (first + np.arange(row.max() + 1) + 0.5) * _STRAND_STEP
    found = level[near]
    for number, (to_side, to_front) in _strand_places(anatomy, heights, dorsal).items():
        away = across - to_side[row]
        before = forward - to_front[row]
        found[away * away + before * before < _STRAND_RADIUS**2] = number
    level[near] = found
    return level


def _strand_places(
    anatomy: Anatomy, heights: np.ndarray, dorsal: bool
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Places of the strands at heights, by level: mm from the sac's middle plane and to the front.

    Not a number where there is no strand.
    """
    station = anatomy.at(heights)
    places = {}
    for number in range(_LAST_FAN + 1, N_SPINAL + 1):
        upper, _, foramen = _extent(anatomy.levels, number)
        there = (heights < upper) & (heights > foramen + 0.5)
        if there.any():
            place = _strand(anatomy, station, heights, number, dorsal)
            place = np.where(there, place, np.nan).astype(np.float32)
            places[number] = (place[0], place[1])
    return places


def _strand(
    anatomy: Anatomy, station: Station, heights: np.ndarray, number: int, dorsal: bool
) -> np.ndarray:
    """Places of one strand, (2, n)."""
    _, lower, foramen = _extent(anatomy.levels, number)
    begun = _ease((lower - heights) / _LEAVE)
    rank = (number - _LAST_FAN - 1) / (N_SPINAL - _LAST_FAN - 1)
    rest = _REST_FIRST + rank * (_REST_LAST - _REST_FIRST)
    sulcus = _DORSAL_ANGLE if dorsal else _VENTRAL_ANGLE
    # Strands wander a little, each in its own way.
    sway = 6.0 * np.sin(heights / 17.0 + 2.4 * number + dorsal)
    angle = np.deg2rad(sulcus + begun * (rest - sulcus + sway))
    around = np.stack([np.sin(angle), -np.cos(angle)])
    cord = np.stack([station.half_width, station.half_depth]) + _FROM_CORD
    sac = np.stack([station.canal_half_width, station.canal_half_depth])
    beside = cord * around
    free = sac * around * _REST_RADIUS[0 if dorsal else 1]
    free[1] += station.canal_forward
    spread = _ease((anatomy.levels.conus + 6.0 - heights) / _SPREAD)
    place = (1.0 - spread) * beside + spread * free
    turned = _ease((foramen + _TURN - heights) / _TURN)
    wall = np.stack([station.canal_half_width, station.canal_forward])
    return place + turned * (wall - place)


def _ease(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, and smooth between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
