"""What lies beside the canal in the neck: articular pillars, pedicles, foramina and vessels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, irregular, lay_bone, turned
from sctflow.core.phantom.vertebrae import Arch, from_middle, stature

THORAX = 8.0
"""Continuous level at which the thorax begins."""

_STREAM = 2  # of the irregularities of these bones
_CORTEX = 0.5  # mm
_JOINT = 0.4  # mm, half the gap between two pillars
_PILLAR = (6.6, 2.2, 7.4, 5.0, 33.0)  # mm beside canal and in front, half axes, degrees turned
_PEDICLE = 2.8  # mm, half its thickness


class _Sides(NamedTuple):
    """Points beside the canal, with the unevenness of bones; arrays of one shape, mm."""

    side: np.ndarray
    front: np.ndarray
    past: np.ndarray
    """Beside the bony canal."""
    up: np.ndarray
    """Above the middle of the vertebra."""
    arch: Arch
    size: np.float32


def paint_neck_sides(codes: np.ndarray, anatomy: Anatomy, arch: Arch) -> None:
    """Paint bones and foramina beside the canal, C2 to C7."""
    right, forward = irregular(
        anatomy.seed, _STREAM, arch.right, arch.front, arch.s, size=0.7, finer=4.0
    )
    side, front = np.abs(arch.right + right), arch.front + forward
    up, size = from_middle(arch.floor), np.float32(stature(anatomy))
    sides = _Sides(side, front, arch.side - arch.canal_side, up, arch, size)
    _paint_foramina(codes, sides)
    _paint_transverse(codes, sides)
    _paint_pillars(codes, sides)
    _paint_pedicles(codes, sides)
    densify(codes, side, front, up)


def densify(codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """Thicken the plates of the spongy bone, finer than a voxel, so that it looks darker."""
    grain = np.sin(9.1 * x + 2.3 * z) * np.sin(8.3 * y - 3.1 * z)
    patch = 0.2 * np.sin(0.9 * x + 0.4 * z) * np.sin(1.1 * y)
    codes[(codes == Tissue.MARROW) & (grain > 0.2 + patch)] = Tissue.CORTICAL_BONE


def paint_neck_vessels(codes: np.ndarray, anatomy: Anatomy, arch: Arch) -> None:
    """Paint the vertebral arteries, and the veins in the front corners of the canal."""
    size = np.float32(stature(anatomy))
    _paint_epidural_veins(codes, arch)
    side, front = _foramen(arch, size)
    # They go to the side and back above C3, and in front of C7.
    upper = np.clip((2.6 - arch.level) / 0.8, 0.0, 1.0) * size
    lower = np.clip((arch.level - 6.9) / 1.0, 0.0, 1.0) * size
    side = arch.side - side - 7.0 * upper - 3.0 * lower
    away = np.hypot(side, arch.front - front + 5.0 * upper - 7.0 * lower)
    codes[away < 3.1] = Tissue.VEIN
    codes[away < 2.3] = Tissue.ARTERY


def _foramen(arch: Arch, size: np.float32) -> tuple[np.ndarray, np.float32]:
    """Where the transverse processes are pierced: mm to the side and to the front."""
    return (16.6 + 0.2 * (4.5 - arch.level)) * size, np.float32(12.2) * size


def _paint_foramina(codes: np.ndarray, at: _Sides) -> None:
    """Fat and veins with a nerve that leaves forwards, in every gap between two pedicles."""
    height = at.arch.floor.height
    middle = 2.5 + 0.8 * at.past
    up = -np.sign(at.up) * (0.5 * height - np.abs(at.up))
    half = 4.2 * np.clip(2.0 - at.past / 6.0, 0.1, 1.0)
    depth = depth_in_ellipse(at.front - middle, up, half, 0.28 * height)
    along = (at.past > -1.5) & (at.past < 12.0)
    codes[along & (depth > 0)] = Tissue.EPIDURAL
    codes[along & (depth > 0) & (at.past < 6.0) & (depth < 1.4) & (up > 0)] = Tissue.VEIN
    radius = 1.6 + 1.0 * np.exp(-((at.past - 5.0) ** 2) / 8.0)
    codes[along & (np.hypot(at.front - middle, up + 0.5) < radius)] = Tissue.SOFT


def _paint_pillars(codes: np.ndarray, at: _Sides) -> None:
    """Articular pillars: a joint above and below, which falls towards the back."""
    beside, before, a, b, turn = _PILLAR
    x = at.side - at.arch.canal_side - beside * at.size
    y = at.front - before
    # The joint's plane: 45 degrees, so that mm along the cord count 0.7 across the joint.
    gap = 0.5 * at.arch.floor.height - np.abs(at.up - 0.9 * y)
    x, y = turned(x, y, turn)
    depth = depth_in_ellipse(x, y, a * at.size, b * at.size)
    middle = np.clip(1.0 - np.abs(at.up) / (0.25 * at.arch.floor.height), 0.0, 1.0)
    depth = np.minimum(depth - 0.7 * middle, at.past)
    joint = (depth > -0.5) & (np.abs(gap) < _JOINT / 0.7)
    codes[joint] = Tissue.SOFT
    depth = np.minimum(depth, 0.7 * np.abs(gap) - _JOINT)
    depth = np.where(at.arch.level > 2.6, depth, np.float32(-1))
    lay_bone(codes, depth, width=_CORTEX)


def _paint_pedicles(codes: np.ndarray, at: _Sides) -> None:
    """From the pillars to the back corners of the bodies."""
    height = at.arch.floor.height
    line = at.arch.half_depth + 1.8 - 0.55 * at.past
    depth = depth_in_ellipse(at.front - line, at.up - 0.04 * height, _PEDICLE, 0.22 * height)
    canal = np.maximum(at.past, at.arch.front - at.arch.half_depth - 0.9)
    depth = np.minimum(np.minimum(depth, canal), 7.0 * at.size - at.past)
    depth = np.where(at.arch.level > 2.0, depth, np.float32(-1))
    lay_bone(codes, depth, width=_CORTEX)


def _paint_transverse(codes: np.ndarray, at: _Sides) -> None:
    """Transverse processes: a bar before and a bar behind the artery, joined beside it."""
    side, front = _foramen(at.arch, at.size)
    x, y = at.side - side, at.front - front
    ring = 1.1 - np.abs(depth_in_ellipse(x, y, 5.6, 5.2))
    horns = np.maximum(
        depth_in_ellipse(x - 5.0, y - 3.0, 2.2, 1.7), depth_in_ellipse(x - 6.0, y + 4.0, 3.0, 1.9)
    )
    depth = np.minimum(np.maximum(ring, horns), 2.6 - np.abs(at.up + 0.25 * np.abs(x)))
    inside = (at.arch.level > 2.6) & (at.past > -1.0)
    lay_bone(codes, np.where(inside, depth, np.float32(-1)), width=_CORTEX)


def _paint_epidural_veins(codes: np.ndarray, arch: Arch) -> None:
    """The plexus along the canal, widest behind the middle of the bodies."""
    wide = 1.0 - 0.35 * np.abs(from_middle(arch.floor)) / (0.5 * arch.floor.height)
    x, y = turned(arch.side - arch.canal_side + 3.2, arch.front - 0.86 * arch.half_depth, -25.0)
    depth = depth_in_ellipse(x, y, 3.4 * wide, 1.7 * wide)
    inside = (arch.side < arch.canal_side) & (arch.front < arch.half_depth + 0.9)
    codes[inside & (depth > 0)] = Tissue.VEIN
