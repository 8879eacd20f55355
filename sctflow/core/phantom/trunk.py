"""The trunk: muscles of the back, ribs and lungs, great vessels, and the organs of the belly."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, depth_in_tube, lay
from sctflow.core.phantom.vertebrae import Around, storey

_DIAPHRAGM = 18.4  # continuous level at which the lungs end behind
_WALL = 14.0  # mm of ribs and muscle about chest and belly
_FASCIA = 0.8
# Course of the aorta: continuous levels; mm to the right of the midline and ahead of the bodies.
_AORTA = ([11.5, 13.0, 17.0, 20.0, 24.5], [-20, -22, -14, -3, -2], [6, -4, 2, 11, 10])


def paint_trunk(codes: np.ndarray, anatomy: Anatomy, at: Around) -> None:
    """Paint the trunk below its fat: (n,) codes, all muscle before."""
    _paint_back(codes, at, np.float32(anatomy.body.muscle))
    _paint_cavities(codes, at)
    _paint_ribs(codes, anatomy, at)
    _paint_middle(codes, anatomy, at)


def _in_loin(level: np.ndarray) -> np.ndarray:
    return np.clip((level - 18.0) / 3.0, 0.0, 1.0)


def _paint_back(codes: np.ndarray, at: Around, muscle: np.float32) -> None:
    """Multifidus beside the spinous processes, erector spinae, and the sheets over them."""
    chosen = np.flatnonzero((at.front < 6.0) & (at.side < 75.0))
    some, part = at.take(chosen), codes[chosen]
    loin = _in_loin(some.level)
    wave = np.sin(0.3 * some.side + 0.05 * some.s)
    bundle = np.sin(0.6 * some.front + 1.3 * wave + 0.07 * some.s)
    bundle = (bundle > 0.95) & (np.sin(0.35 * some.side - 0.06 * some.s) > 0.1)
    for side, front, a, b in (
        (26.0 + 10.0 * loin, -25.0 - 7.0 * loin, 16.0 + 6.0 * loin, 10.0 + 7.0 * loin),
        (11.0 + 2.0 * loin, -26.0 - 8.0 * loin, 8.0 + 3.0 * loin, 12.0 + 5.0 * loin),
    ):
        depth = depth_in_ellipse(some.side - side, some.front - front, a * muscle, b * muscle)
        part[depth > -1.4 * _FASCIA] = Tissue.FAT
        part[depth > 0] = Tissue.MUSCLE
        part[(depth > 0.5) & bundle] = Tissue.FAT
    sheet = (some.depth < 4.5 * muscle) & (some.level < 18.0)
    part[(some.depth < 5.4 * muscle) & (some.level < 18.0)] = Tissue.FAT
    part[sheet] = Tissue.MUSCLE
    codes[chosen] = part


def _paint_cavities(codes: np.ndarray, at: Around) -> None:
    """Lungs, and below them the belly with liver, spleen, kidneys and gut in fat."""
    # Beside the spine the lungs reach back as far as the ribs do; the belly does not.
    inside = (at.depth > _WALL) & (at.front > -22.0 + 15.0 * _in_loin(at.level))
    inside &= (at.side > 18.0) | (at.ahead > 1.0)
    # The diaphragm is a dome, and so is the top of either lung.
    dome = 3.5 * np.clip(at.ahead / 80.0, 0.0, 1.0) + 1.5 * np.clip(1.2 - at.side / 90.0, 0.0, 1.0)
    high = at.level < _DIAPHRAGM - dome
    apex = np.clip(10.6 - at.level, 0.0, 2.0) / 2.0
    lung = inside & high & (at.depth > _WALL + 45.0 * apex * apex) & (at.level > 8.8)
    codes[lung] = Tissue.LUNG
    branches = np.sin(0.3 * at.side + 0.1 * at.s) * np.sin(0.27 * at.ahead - 0.13 * at.s)
    codes[lung & (branches > 0.93)] = Tissue.ARTERY
    belly = inside & ~high
    codes[belly] = Tissue.FAT
    gut = np.sin(0.16 * at.right + 0.05 * at.s) + np.sin(0.14 * at.ahead - 0.09 * at.s + 1.0)
    gut += np.sin(0.12 * at.s + 0.06 * at.right)
    loops = belly & (at.ahead > 22.0)
    codes[loops & (gut > 0.1)] = Tissue.SOFT
    codes[loops & (gut > 1.7)] = Tissue.AIR
    liver = belly & (at.right > 12.0 - 0.3 * at.ahead) & (at.level < 21.5) & (at.ahead > 2.0)
    spleen = belly & (at.right < -70.0) & (at.level < 20.5)
    codes[liver | spleen] = Tissue.ORGAN
    up_down = (at.level - 21.0) / 1.4
    kidney = (at.side - 58.0) ** 2 / 27.0**2 + (at.front - 8.0) ** 2 / 26.0**2 + up_down**2
    codes[belly & (kidney < 1.5)] = Tissue.FAT
    codes[belly & (kidney < 1.0)] = Tissue.ORGAN


def _paint_ribs(codes: np.ndarray, anatomy: Anatomy, at: Around) -> None:
    """Ribs in the wall of the chest, falling to the sides and the front."""
    chosen = np.flatnonzero((at.level > 8.4) & (at.level < 19.9) & (at.side > 13.0))
    some = at.take(chosen)
    shell = 4.5 - np.abs(some.depth - _WALL + 4.0)
    beside = 4.5 - np.abs(some.front + 10.0 + 0.35 * (some.side - 16.0))
    depth = np.where(some.side < 44.0, beside, shell)
    fall = 0.30 * some.side + 0.25 * np.maximum(some.front, 0.0)
    floor = storey(anatomy, some.s + fall)
    # The head of a rib lies at the disc.
    from_disc = np.minimum(floor.below_top, floor.height - floor.below_top)
    depth = np.minimum(depth, 5.5 - from_disc)
    part = codes[chosen]
    lay(part, depth, Tissue.FAT, rim=Tissue.AIR, width=1.2)
    codes[chosen] = part


def _paint_middle(codes: np.ndarray, anatomy: Anatomy, at: Around) -> None:
    """What lies between the lungs, and in front of the spine below them."""
    chest = at.level < _DIAPHRAGM
    middle = (at.ahead > 0.0) & (at.side < 20.0 + 0.25 * np.maximum(at.ahead, 0.0)) & chest
    codes[middle & (at.depth > _WALL - 4.0)] = Tissue.FAT
    _paint_heart(codes, at)
    _paint_vessels(codes, anatomy, at)
    gullet = depth_in_ellipse(at.right + 2.0, at.ahead - 6.5, 8.0, 4.5)
    codes[chest & (gullet > 0)] = Tissue.MUSCLE
    codes[chest & (gullet > 2.3)] = Tissue.SOFT
    trachea = depth_in_ellipse(at.right, at.ahead - 18.0, 10.5, 9.5)
    above_fork = at.level < 12.3
    codes[above_fork & (trachea > 0)] = Tissue.SOFT
    codes[above_fork & (trachea > 1.6)] = Tissue.AIR
    _paint_psoas(codes, at)


def _paint_heart(codes: np.ndarray, at: Around) -> None:
    heart = ((at.right + 18.0) / 52.0) ** 2 + ((at.ahead - 62.0) / 40.0) ** 2
    heart += ((at.level - 15.0) / 2.4) ** 2
    codes[heart < 1.0] = Tissue.MUSCLE
    codes[heart < 0.62] = Tissue.ARTERY


def _paint_vessels(codes: np.ndarray, anatomy: Anatomy, at: Around) -> None:
    """Aorta: its arch, then left of the spine, then before it; azygos and lower caval vein."""
    level = at.level
    right, ahead = (
        np.interp(level, _AORTA[0], column).astype(np.float32) for column in _AORTA[1:]
    )
    aorta = depth_in_ellipse(at.right - right, at.ahead - ahead, 11.0, 11.0)
    _vessel(codes, aorta, (level > 11.6) & (level < 24.0), Tissue.ARTERY)
    height = float(anatomy.levels.position(11.6))
    place = (at.right, at.ahead, at.s)
    arch = depth_in_tube(place, (-20.0, 6.0, height), (2.0, 48.0, height + 4.0), 12.0)
    _vessel(codes, arch, level < 13.0, Tissue.ARTERY)
    cava = depth_in_ellipse(at.right - 17.0, at.ahead - 9.0, 11.0, 9.0)
    _vessel(codes, cava, (level > 19.0) & (level < 24.3), Tissue.VEIN)
    azygos = depth_in_ellipse(at.right - 6.0, at.ahead - 3.0, 3.0, 3.0)
    _vessel(codes, azygos, (level > 12.0) & (level < _DIAPHRAGM), Tissue.VEIN)


def _paint_psoas(codes: np.ndarray, at: Around) -> None:
    """Psoas muscles, which grow downwards from T12."""
    grow = np.clip((at.level - 19.5) / 3.5, 0.0, 1.0)
    across, along = at.side - 30.0 - 8.0 * grow, at.ahead + 16.0 - 3.0 * grow
    depth = depth_in_ellipse(across, along, 8.0 + 12.0 * grow, 10.0 + 10.0 * grow)
    below = at.level > 19.6
    codes[below & (depth > -1.0)] = Tissue.FAT
    codes[below & (depth > 0)] = Tissue.MUSCLE


def _vessel(codes: np.ndarray, depth: np.ndarray, within: np.ndarray, blood: Tissue) -> None:
    codes[within & (depth > -1.2)] = Tissue.SOFT
    codes[within & (depth > 0)] = blood
