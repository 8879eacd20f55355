"""The trunk: muscles of the back, ribs and lungs, great vessels, and the organs of the belly."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, lay
from sctflow.core.phantom.vertebrae import Around, storey

_DIAPHRAGM = 18.4  # continuous level at which the lungs end behind
_WALL = 14.0  # mm of ribs and muscle about chest and belly
_FASCIA = 0.8


def paint_trunk(codes: np.ndarray, anatomy: Anatomy, at: Around) -> None:
    """Paint the trunk below its fat over what is there."""
    inner = np.flatnonzero(at.level > 8.6)
    if len(inner):
        part, some = codes[inner], at.take(inner)
        part[:] = Tissue.MUSCLE
        _paint_back(part, some, np.float32(anatomy.body.muscle))
        _paint_cavities(part, some)
        _paint_ribs(part, anatomy, some)
        _paint_middle(part, some)
        codes[inner] = part


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
    # The cavities reach backwards beside the spine, as far as the ribs do.
    inside = (at.depth > _WALL) & (at.front > -22.0 + 0.25 * _in_loin(at.level) * 60.0)
    inside &= (at.side > 18.0) | (at.ahead > 1.0)
    high = at.level < _DIAPHRAGM - 3.5 * np.clip(at.ahead / 80.0, 0.0, 1.0)
    lung = inside & high & (at.level > 8.8)
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


def _paint_middle(codes: np.ndarray, at: Around) -> None:
    """Heart, great vessels, gullet and trachea in the chest; psoas and vessels in the belly."""
    level = at.level
    chest, belly = level < _DIAPHRAGM, level > 19.0
    middle = (at.ahead > 0.0) & (at.side < 20.0 + 0.25 * np.maximum(at.ahead, 0.0)) & chest
    codes[middle & (at.depth > _WALL - 4.0)] = Tissue.FAT
    heart = ((at.right + 18.0) / 52.0) ** 2 + ((at.ahead - 62.0) / 40.0) ** 2
    heart += ((level - 15.0) / 2.4) ** 2
    codes[heart < 1.0] = Tissue.MUSCLE
    codes[heart < 0.62] = Tissue.ARTERY
    aorta_right = np.interp(level, [11.5, 13.0, 17.0, 20.0, 24.5], [-20, -22, -14, -3, -2])
    aorta_ahead = np.interp(level, [11.5, 13.0, 17.0, 20.0, 24.5], [6, -4, 2, 11, 10])
    aorta = depth_in_ellipse(at.right - aorta_right, at.ahead - aorta_ahead, 11.0, 11.0)
    _vessel(codes, np.where((level > 11.6) & (level < 24.0), aorta, -9.0), Tissue.ARTERY)
    arch = 11.0 - np.hypot(
        np.abs(at.right + 4.0) * 0.0 + at.ahead * 0 + (level - 11.4) * 22.0,
        at.right + 20.0 - 0.45 * (at.ahead - 6.0),
    )
    _vessel(codes, np.where((at.ahead > 2.0) & (at.ahead < 55.0), arch, -9.0), Tissue.ARTERY)
    cava = depth_in_ellipse(at.right - 17.0, at.ahead - 9.0, 11.0, 9.0)
    _vessel(codes, np.where(belly & (level < 24.3), cava, -9.0), Tissue.VEIN)
    azygos = depth_in_ellipse(at.right - 6.0, at.ahead - 3.0, 3.0, 3.0)
    _vessel(codes, np.where(chest & (level > 12.0), azygos, -9.0), Tissue.VEIN)
    gullet = depth_in_ellipse(at.right + 2.0, at.ahead - 6.5, 8.0, 4.5)
    gullet = np.where(chest, gullet, -9.0)
    codes[gullet > 0] = Tissue.MUSCLE
    codes[gullet > 2.3] = Tissue.SOFT
    trachea = depth_in_ellipse(at.right, at.ahead - 18.0, 10.5, 9.5)
    trachea = np.where(level < 12.3, trachea, -9.0)
    codes[trachea > 0] = Tissue.SOFT
    codes[trachea > 1.6] = Tissue.AIR
    grow = np.clip((level - 19.5) / 3.5, 0.0, 1.0)
    psoas = depth_in_ellipse(
        at.side - 30.0 - 8.0 * grow,
        at.ahead + 16.0 - 3.0 * grow,
        8.0 + 12.0 * grow,
        10.0 + 10.0 * grow,
    )
    psoas = np.where(level > 19.6, psoas, -9.0)
    codes[psoas > -1.0] = Tissue.FAT
    codes[psoas > 0] = Tissue.MUSCLE


def _vessel(codes: np.ndarray, depth: np.ndarray, tissue: Tissue) -> None:
    codes[depth > -1.2] = Tissue.SOFT
    codes[depth > 0] = tissue
