"""The neck: layers of muscle behind the spine; airway, gullet and great vessels before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, turned
from sctflow.core.phantom.vertebrae import Around

_Painter = Callable[[np.ndarray, Around, np.float32], None]


class _Muscle(NamedTuple):
    """A muscle's cut at C4, in mm and degrees, and how it moves downwards."""

    side: float
    front: float
    """In front of the sac's middle."""
    half_width: float
    half_depth: float
    turn: float
    """Counter-clockwise, on the right."""
    sidewards: float
    """mm per vertebra downwards."""
    forwards: float


# Deepest first: multifidus, longissimus, semispinalis cervicis, levator scapulae, semispinalis
# capitis, splenius.
_BACK_MUSCLES = (
    _Muscle(9.5, -18.0, 9.5, 8.0, -25.0, 0.3, -0.6),
    _Muscle(24.0, -15.0, 7.0, 9.5, -20.0, 0.2, -0.8),
    _Muscle(11.0, -26.0, 10.5, 6.0, -20.0, 0.3, -1.6),
    _Muscle(35.0, -11.0, 7.0, 12.5, 12.0, 1.2, -1.5),
    _Muscle(13.0, -34.5, 13.5, 6.5, 18.0, 0.2, -1.4),
    _Muscle(23.0, -32.5, 23.0, 4.6, 45.0, -1.0, -1.6),
)
# Scalene muscles, longus colli.
_SIDE_MUSCLES = (
    _Muscle(28.0, 10.0, 7.0, 9.0, 35.0, 1.0, -0.2),
    _Muscle(8.5, 24.5, 7.0, 3.0, -10.0, 0.0, 0.3),
)
_FASCIA = 0.6  # mm of fat about a muscle
# Airway by level: level, mm of its middle ahead of the bodies, half width, half depth, wall.
_AIRWAY = np.array(
    [
        [-0.5, 12.0, 9.0, 5.0, 1.5],
        [2.0, 9.0, 10.0, 4.0, 2.0],
        [3.2, 10.0, 11.0, 4.5, 3.0],
        [4.0, 14.5, 8.0, 7.0, 4.5],
        [4.9, 16.0, 4.5, 8.0, 6.0],
        [5.4, 16.0, 2.6, 8.5, 7.0],
        [6.0, 16.0, 7.0, 8.0, 3.5],
        [7.5, 16.5, 8.5, 8.0, 1.8],
        [11.5, 17.0, 9.0, 8.0, 1.8],
    ]
)


def paint_neck(codes: np.ndarray, anatomy: Anatomy, at: Around) -> None:
    """Paint the neck below its fat: (n,) codes, all muscle before."""
    size = np.float32(anatomy.body.neck)
    scaled = at._replace(
        right=at.right / size, side=at.side / size, front=at.front / size, ahead=at.ahead / size
    )
    behind = np.flatnonzero(scaled.front < 8.0)
    _apply(codes, scaled, behind, _paint_back, anatomy.body.muscle)
    ahead = np.flatnonzero(scaled.ahead > -16.0)
    _apply(codes, scaled, ahead, _paint_front, anatomy.body.muscle)


def _apply(
    codes: np.ndarray, at: Around, chosen: np.ndarray, painter: _Painter, muscle: float
) -> None:
    if len(chosen):
        part = codes[chosen]
        painter(part, at.take(chosen), np.float32(muscle))
        codes[chosen] = part


def _paint_back(codes: np.ndarray, at: Around, muscle: np.float32) -> None:
    down = at.level - 4.5
    # Near the skull the muscles are short and lie in fat.
    fringe = 0.9 + 0.4 * np.sin(0.25 * at.front) * np.sin(0.3 * at.side)
    codes[at.level < fringe] = Tissue.FAT
    for cut in _BACK_MUSCLES:
        _paint_muscle(codes, at, down, cut, muscle)
    _paint_suboccipital(codes, at)
    _paint_trapezius(codes, at, muscle)


def paint_midline(codes: np.ndarray, at: Around) -> None:
    """The nuchal ligament: fat with bands of fibres that run down and backwards."""
    midline = np.flatnonzero((at.side < 1.6 + 0.6 * np.sin(0.21 * at.s)) & (at.front < -12.0))
    side, front, s = at.side[midline], at.front[midline], at.s[midline]
    wave = np.sin(0.11 * s + 0.5 * np.sin(0.13 * front))
    band = np.sin(0.62 * s - 0.72 * front + 2.6 * wave + 0.7 * side)
    patch = np.sin(0.17 * s + 0.21 * front) + np.sin(0.09 * s - 0.27 * front)
    codes[midline] = Tissue.SOFT
    codes[midline[band > 0.9 - 0.25 * patch]] = Tissue.FAT
    # As dark as muscle; the code of ligaments is the column's.
    codes[midline[band < -0.93 - 0.1 * patch]] = Tissue.MUSCLE


def _paint_muscle(
    codes: np.ndarray, at: Around, down: np.ndarray, cut: _Muscle, muscle: np.float32
) -> None:
    x = at.side - cut.side - cut.sidewards * down
    y = at.front - cut.front - cut.forwards * down
    reach = 1.25 * max(cut.half_width, cut.half_depth)
    near = np.flatnonzero(x * x + y * y < reach**2)
    x, y = turned(x[near], y[near], cut.turn)
    depth = depth_in_ellipse(x, y, cut.half_width * muscle, cut.half_depth * muscle)
    part = codes[near]
    part[depth > -_FASCIA] = Tissue.FAT
    part[depth > 0] = Tissue.MUSCLE
    # Streaks of fat between bundles of fibres, which run obliquely.
    down = down[near]
    bundle = np.sin(1.2 * y + np.sin(0.45 * x + 1.7 * down) + 2.6 * down + cut.side)
    part[(bundle > 0.965) & (np.sin(0.5 * x - 2.3 * down + cut.front) > 0.2)] = Tissue.FAT
    codes[near] = part


def _paint_suboccipital(codes: np.ndarray, at: Around) -> None:
    upper = np.flatnonzero((at.level < 2.6) & (at.side < 34.0))
    part = codes[upper]
    rise = 2.0 - at.level[upper]
    for side, front, a, b, turn in ((7.0, -22.0, 6.5, 5.0, -15.0), (18.0, -15.0, 11.0, 5.0, 35.0)):
        x, y = turned(at.side[upper] - side, at.front[upper] - front + 3.0 * rise, turn)
        depth = depth_in_ellipse(x, y, a, b)
        part[depth > -0.8] = Tissue.FAT
        part[depth > 0] = Tissue.MUSCLE
    codes[upper] = part


def _paint_trapezius(codes: np.ndarray, at: Around, muscle: np.float32) -> None:
    thick = (1.8 + 0.9 * np.clip(at.level - 3.0, 0.0, 5.0)) * muscle
    reach = (at.front < -6.0 - 0.2 * at.side) & (at.level > 1.5)
    codes[reach & (at.depth < thick + 0.7)] = Tissue.FAT
    codes[reach & (at.depth < thick) & (at.side > 1.2)] = Tissue.MUSCLE


def _paint_front(codes: np.ndarray, at: Around, muscle: np.float32) -> None:
    codes[(at.ahead > 0.5) & (at.side < 40.0) & (at.depth > 2.0)] = Tissue.FAT
    down = at.level - 4.5
    for cut in _SIDE_MUSCLES:
        _paint_muscle(codes, at, down, cut, muscle)
    _paint_throat(codes, at, down)
    _paint_airway(codes, at)
    _paint_vessels(codes, at)
    _paint_sternomastoid(codes, at, down, muscle)


def _paint_sternomastoid(
    codes: np.ndarray, at: Around, down: np.ndarray, muscle: np.float32
) -> None:
    """A strap from behind the ear to the breastbone."""
    side = np.clip(44.0 - 5.0 * down, 22.0, 60.0)
    ahead = np.clip(-4.0 + 6.5 * down, -22.0, 26.0)
    x, y = turned(at.side - side, at.ahead - ahead, -50.0)
    depth = depth_in_ellipse(x, y, 16.0 * muscle, 5.5 * muscle)
    codes[depth > -_FASCIA] = Tissue.FAT
    codes[depth > 0] = Tissue.MUSCLE


def _paint_throat(codes: np.ndarray, at: Around, down: np.ndarray) -> None:
    """Strap muscles, thyroid gland and gullet."""
    strap = depth_in_ellipse(at.side - 9.0, at.ahead - 30.0 + 0.5 * down, 9.0, 2.2)
    codes[(strap > 0) & (at.level > 4.0)] = Tissue.MUSCLE
    thyroid = depth_in_ellipse(at.side - 15.0, at.ahead - 14.0, 7.5, 11.0)
    thyroid = thyroid - 5.0 * np.clip(np.abs(at.level - 7.0) - 0.6, 0.0, 2.0)
    codes[thyroid > 0] = Tissue.SOFT
    gullet = depth_in_ellipse(at.right + 3.0 * (at.level > 6.5), at.ahead - 4.2, 8.5, 3.4)
    gullet = np.where(at.level > 4.6, gullet, np.float32(-1))
    codes[gullet > 0] = Tissue.MUSCLE
    codes[gullet > 1.9] = Tissue.SOFT


def _paint_airway(codes: np.ndarray, at: Around) -> None:
    near = np.flatnonzero((at.side < 20.0) & (at.ahead > 0.5) & (at.ahead < 36.0))
    middle, a, b, wall = (
        np.interp(at.level[near], _AIRWAY[:, 0], column).astype(np.float32)
        for column in _AIRWAY.T[1:]
    )
    side, ahead = at.side[near], at.ahead[near] - middle
    part = codes[near]
    part[depth_in_ellipse(side, ahead, a + wall, b + wall) > 0] = Tissue.SOFT
    depth = depth_in_ellipse(side, ahead, a, b)
    part[depth > 0] = Tissue.AIR
    # The epiglottis stands in the airway, leaning backwards.
    flap = np.abs(ahead - 1.0 + 5.0 * (at.level[near] - 3.5)) < 0.9
    part[flap & (depth > 0) & (np.abs(at.level[near] - 3.6) < 0.6)] = Tissue.SOFT
    codes[near] = part


def _paint_vessels(codes: np.ndarray, at: Around) -> None:
    """Common carotid and, from C4 up, both its branches; internal jugular vein."""
    up = np.clip(4.2 - at.level, 0.0, 1.5)
    for side, ahead, a, b, tissue in (
        (30.5, 7.0, 6.0, 4.5, Tissue.VEIN),
        (23.0, 7.0 - 2.0 * up, 3.6, 3.6, Tissue.ARTERY),
        (23.0 - 1.0 * up, 7.0 + 6.0 * up, 2.6, 2.6, Tissue.ARTERY),
    ):
        depth = depth_in_ellipse(at.side - side, at.ahead - ahead, a, b)
        codes[depth > -0.7] = Tissue.SOFT
        codes[depth > 0] = tissue
