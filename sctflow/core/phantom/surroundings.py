"""What surrounds the spine: skin, fat, and the neck, trunk and head within."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy, Station
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.head import paint_head
from sctflow.core.phantom.neck import paint_midline, paint_neck
from sctflow.core.phantom.shapes import irregular
from sctflow.core.phantom.trunk import paint_trunk
from sctflow.core.phantom.vertebrae import Around, sizes, stature

_SKIN = 1.8  # mm
_NECK_TOP = 4.0  # mm above the pontomedullary junction; from there on there is only head
_TRUNK_BEGINS, _TRUNK_ALONE = 8.3, 8.9  # continuous levels, between which they interlock

# The body's outline, drawn after images of adults. One row per level: continuous vertebral level;
# mm from the cord to the skin behind, in front and to the side; mm of fat behind and in front;
# depth of the furrow along the back; squareness (0 an oval).
_OUTLINE = np.array(
    [
        [-1.0, 76, 60, 66, 7.0, 3.0, 0.0, 0.0],
        [0.5, 68, 60, 66, 6.0, 3.0, 0.0, 0.0],
        [2.5, 60, 66, 64, 6.0, 3.5, 0.0, 0.1],
        [3.5, 57, 66, 58, 7.0, 4.0, 0.0, 0.1],
        [4.5, 56, 62, 58, 8.0, 4.0, 0.0, 0.1],
        [5.5, 57, 58, 60, 9.0, 4.0, 0.0, 0.1],
        [6.5, 60, 57, 66, 10.0, 4.0, 0.0, 0.1],
        [7.5, 64, 58, 82, 10.5, 4.5, 0.0, 0.1],
        [8.5, 66, 62, 122, 10.5, 6.0, 0.0, 0.2],
        [9.5, 65, 74, 172, 10.0, 8.0, 1.0, 0.3],
        [10.5, 62, 92, 190, 9.0, 10.0, 2.0, 0.3],
        [11.5, 59, 108, 180, 8.0, 12.0, 3.0, 0.3],
        [13.5, 56, 135, 165, 8.0, 14.0, 4.0, 0.3],
        [16.5, 54, 155, 158, 8.0, 14.0, 5.0, 0.3],
        [19.5, 59, 150, 152, 10.0, 16.0, 6.0, 0.3],
        [21.5, 66, 140, 152, 13.0, 18.0, 7.0, 0.3],
        [23.5, 73, 135, 162, 18.0, 20.0, 6.0, 0.3],
        [25.5, 76, 130, 175, 24.0, 22.0, 4.0, 0.3],
        [29.0, 70, 120, 180, 24.0, 20.0, 0.0, 0.3],
    ]
)
_AT = np.arange(_OUTLINE[0, 0], _OUTLINE[-1, 0], 1 / 16)
_FINE = np.stack([np.interp(_AT, _OUTLINE[:, 0], column) for column in _OUTLINE.T]).astype("f4")


def paint_body(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
    xyz: np.ndarray,
) -> None:
    """Paint everything but the vertebral column and what the dural sac holds.

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
    xyz
        (n, 3) world mm of the same points.
    """
    codes[:] = Tissue.BACKGROUND
    low = np.flatnonzero(s < _NECK_TOP)
    if len(low):
        _paint_below_head(codes, anatomy, u[low], v[low], s[low], station, low)
    paint_head(codes, anatomy, xyz)


def _paint_below_head(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
    low: np.ndarray,
) -> None:
    """Neck and trunk: (n,) points, of which `low` are the indices."""
    level = station.level[low]
    depth = _below_fascia(codes, anatomy, u, v, level, low)
    inner = np.flatnonzero(depth > 0)
    chosen = low[inner]
    part = np.full(len(chosen), Tissue.MUSCLE, np.uint8)
    around = _around(anatomy, u[inner], v[inner], s[inner], station, chosen, depth[inner])
    middle = 0.5 * (_TRUNK_BEGINS + _TRUNK_ALONE)
    begins = middle + (_TRUNK_ALONE - middle) * np.sin(0.15 * around.front + 0.1 * around.side)
    for painter, members in (
        (paint_neck, around.level <= begins),
        (paint_trunk, around.level > begins),
    ):
        index = np.flatnonzero(members)
        if len(index):
            some = part[index]
            painter(some, anatomy, around.take(index))
            part[index] = some
    paint_midline(part, around)
    codes[chosen] = part


def _below_fascia(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    level: np.ndarray,
    low: np.ndarray,
) -> np.ndarray:
    """Paint skin and fat; (n,) mm below them, negative where there is nothing else to paint."""
    body = anatomy.body
    row = np.clip((level - _FINE[0, 0]) * 16.0, 0, _FINE.shape[1] - 1).astype(np.intp)
    columns = [column[row] for column in _FINE[1:]]
    back, front, side, fat_back, fat_front, furrow, square = columns
    size = np.float32(stature(anatomy) * body.neck)
    more_fat = np.float32(body.fat - 1.0)
    back, front, side = size * back, size * front, size * side
    back = back + more_fat * fat_back - furrow * np.exp(-((u / 20.0) ** 2))
    middle, half = 0.5 * (front - back), 0.5 * (front + back)
    p, q = u / (side + more_fat * fat_front), (v - middle) / (half + 0.5 * more_fat * fat_front)
    pp, qq = p * p, q * q
    radius = np.sqrt(pp + qq - square * np.minimum(pp, 1.0) * np.minimum(qq, 1.0))
    # Distance to the outline along the ray from its middle, where the ray has no direction.
    depth = (1.0 - radius) * (np.hypot(u, v - middle) + 0.1) / (radius + 0.001)
    behind = np.clip(-0.2 - 1.3 * q, 0.0, 1.0)
    fat = body.fat * (fat_front + behind * (fat_back - fat_front))
    fat = fat * (1.0 + 0.12 * np.sin(np.abs(u) * 0.11 + 0.8) * np.sin(level * 3.1 + 0.02 * v))
    codes[low[depth > 0]] = Tissue.SKIN
    codes[low[depth > _SKIN]] = Tissue.FAT
    return depth - fat - _SKIN


def _around(
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
    chosen: np.ndarray,
    depth: np.ndarray,
) -> Around:
    level = station.level[chosen]
    right, forward = irregular(anatomy.seed, 0, u, v, s, size=1.3)
    right = u - station.canal_right[chosen] + right
    front = v - station.canal_forward[chosen] + forward
    (deep,) = sizes(anatomy, level, "body_depth")
    ahead = front - station.canal_half_depth[chosen] - deep - 1.0
    return Around(right, np.abs(right), front, ahead, s, level, depth)
