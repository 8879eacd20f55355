"""The first two vertebrae: the ring of the atlas, and the axis with its dens."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_corner, depth_in_ellipse, lay_bone
from sctflow.core.phantom.vertebrae import Place, sizes, stature

_CORTEX = 0.7  # mm
_DENS_TIP = 3.0  # mm below the upper edge of C1
_ARCH_HEIGHT = 13.0  # mm of the atlas above the joint C1/C2
_TO_DENS = 3.2  # mm from the sac to the dens: the ligaments that hold it


def paint_atlas_and_axis(codes: np.ndarray, anatomy: Anatomy, at: Place) -> None:
    """Paint C1 and the body of C2 over what is there."""
    levels = anatomy.levels
    chosen = np.flatnonzero((at.s > levels.disc(3) - 1.0) & (at.s < levels.top + 4.0))
    if not len(chosen):
        return
    at, part = at.take(chosen), codes[chosen]
    height = at.s - np.float32(levels.disc(2))
    behind = at.front - at.half_depth
    size = stature(anatomy)
    _paint_ligaments(part, at, height, behind, levels.top - levels.disc(2))
    _paint_axis(part, anatomy, at, height, behind)
    _paint_dens(part, at, height, behind, levels.top - levels.disc(2) - _DENS_TIP, size)
    _paint_front_arch(part, at, height, behind, size)
    _paint_masses(part, at, height, size)
    _paint_back_arch(part, at, height, size)
    codes[chosen] = part


def _paint_ligaments(
    codes: np.ndarray, at: Place, height: np.ndarray, behind: np.ndarray, top: float
) -> None:
    """Ligaments behind the dens, up to the skull, and the fat about its tip."""
    about_tip = depth_in_ellipse(behind - 9.5, height - top + 3.0, 7.0, 8.0)
    codes[(about_tip > 0) & (np.abs(at.right) < 6.0) & (behind > 0)] = Tissue.FAT
    held = (behind > 0.6) & (behind < _TO_DENS) & (np.abs(at.right) < 7.0)
    codes[held & (height > 1.0) & (height < top + 3.0)] = Tissue.LIGAMENT


def _paint_axis(
    codes: np.ndarray, anatomy: Anatomy, at: Place, height: np.ndarray, behind: np.ndarray
) -> None:
    """Body of C2 with its shoulders, which fall off to the sides."""
    deep, wide, gap = sizes(anatomy, at.level, "body_depth", "body_width", "disc_height")
    side = np.abs(at.right)
    lower = np.float32(anatomy.levels.disc(3) - anatomy.levels.disc(2))
    slope = 0.09 * np.maximum(behind, 0.0)
    part = np.clip(behind / deep, 0.0, 1.0)
    flank = 0.5 * wide * (1.0 - 0.4 * part * np.sqrt(part)) - side
    depth = np.minimum(behind - 1.0, depth_in_corner(deep - behind, flank, 5.0))
    upper = 3.5 - 0.25 * side
    depth = np.minimum(depth, np.minimum(upper - height, height + slope - lower - 0.5 * gap))
    lay_bone(codes, depth, width=_CORTEX)
    shoulder = depth_in_ellipse(side - 14.0, at.front - 2.0, 8.0, 7.5)
    shoulder = np.minimum(shoulder, np.minimum(1.5 - 0.25 * (side - 14.0) - height, height + 8.0))
    shoulder = np.where(side > at.half_width + 1.0, shoulder, np.float32(-1))
    lay_bone(codes, shoulder, width=_CORTEX)


def _paint_dens(
    codes: np.ndarray, at: Place, height: np.ndarray, behind: np.ndarray, top: float, size: float
) -> None:
    # Slightly thicker in its upper half, with a round tip.
    swell = 1.0 + 0.10 * np.sin(np.clip(height / top, 0.0, 1.0) * np.pi)
    middle = _TO_DENS * np.clip(height / 8.0, 0.3, 1.0) + 5.6 * size
    depth = depth_in_ellipse(at.right, behind - middle, 5.0 * size * swell, 5.4 * size * swell)
    from_top = np.float32(top) - height
    depth = depth - 5.0 * np.clip(1.0 - from_top / 5.0, 0.0, 1.0) ** 2
    depth = np.where(height > 0, np.minimum(depth, from_top), np.float32(-1))
    lay_bone(codes, depth, width=_CORTEX)
    core = (
        (height > -1.0) & (height < 2.5) & (depth_in_ellipse(at.right, behind - middle, 4, 4) > 0)
    )
    codes[core] = Tissue.MARROW


def _paint_front_arch(
    codes: np.ndarray, at: Place, height: np.ndarray, behind: np.ndarray, size: float
) -> None:
    side = np.abs(at.right)
    middle = (_TO_DENS + 15.0 * size) - 0.018 * side * side
    depth = depth_in_ellipse(behind - middle, height - _ARCH_HEIGHT, 3.2, 5.5)
    depth = np.where(side < 17.0, depth, np.float32(-1))
    lay_bone(codes, depth, width=_CORTEX)


def _paint_masses(codes: np.ndarray, at: Place, height: np.ndarray, size: float) -> None:
    """Lateral masses with the transverse processes, pierced by the vertebral arteries."""
    side = np.abs(at.right)
    middle = 15.5 * size
    lower = height - (2.0 - 0.3 * (side - 14.0))
    upper = 17.0 + 0.35 * (side - 17.0) - height
    ends = np.minimum(lower, upper)
    mass = depth_in_ellipse(side - middle, at.front - at.half_depth - 5.5, 6.5, 9.5)
    mass = np.minimum(mass, ends)
    lay_bone(codes, mass, width=_CORTEX)
    bar = depth_in_ellipse(at.front - 8.0, height - 8.0, 5.0, 4.0)
    bar = np.where((side > middle) & (side < 37.0 * size), bar, np.float32(-1))
    lay_bone(codes, bar, width=_CORTEX)


def _paint_back_arch(codes: np.ndarray, at: Place, height: np.ndarray, size: float) -> None:
    half_width, half_depth = at.half_width + 5.5, at.half_depth + 5.0
    from_line = np.abs(depth_in_ellipse(at.right, at.front, half_width, half_depth))
    # A little thicker in the midline: the posterior tubercle.
    thick = 2.4 + 1.2 * np.exp(-((at.right / 4.0) ** 2))
    depth = np.minimum(thick - from_line, 4.2 * size - np.abs(height - 9.0))
    depth = np.where(at.front < 7.0, depth, np.float32(-1))
    lay_bone(codes, depth, width=_CORTEX)
