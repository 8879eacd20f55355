"""Vertebral arches: laminae, processes, joints, what lies between them, and epidural fat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.cervical import THORAX, densify, paint_neck_sides, paint_neck_vessels
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, lay_bone
from sctflow.core.phantom.vertebrae import (
    Arch,
    Place,
    Storey,
    from_middle,
    sizes,
    stature,
    storey,
)

_CORTEX = 0.6  # mm
_SIDE_GAP = 2.2  # mm of fat beside the sac
_NECK_SLOPE = 0.6  # of the laminae of the neck, to the front per mm to the side
_LOIN = 20.0  # continuous level at which it begins


def paint_arches(codes: np.ndarray, anatomy: Anatomy, at: Place) -> None:
    """Paint everything of the column that is not body or disc, below C1."""
    chosen = np.flatnonzero(
        (at.front < at.half_depth + 14.0) & (at.s < anatomy.levels.disc(2) + 3.0)
    )
    if not len(chosen):
        return
    at, part = at.take(chosen), codes[chosen]
    arch = _locate(anatomy, at)
    beside = (arch.front > -22.0) & (arch.side > 0.6 * arch.canal_side)
    in_neck = arch.level < THORAX
    neck, below = np.flatnonzero(beside & in_neck), np.flatnonzero(beside & ~in_neck)
    _apply(paint_neck_sides, part, anatomy, arch, neck)
    _apply(_paint_sides, part, anatomy, arch, below)
    _paint_spinous(part, anatomy, arch)
    _paint_laminae(part, anatomy, arch)
    part[
        (arch.beyond < arch.pocket) & (arch.side < arch.canal_side) & (at.front < at.half_depth)
    ] = Tissue.EPIDURAL
    _apply(paint_neck_vessels, part, anatomy, arch, neck)
    codes[chosen] = part


def _apply(
    painter: Callable[[np.ndarray, Anatomy, Arch], None],
    codes: np.ndarray,
    anatomy: Anatomy,
    arch: Arch,
    chosen: np.ndarray,
) -> None:
    if len(chosen):
        part = codes[chosen]
        painter(part, anatomy, arch.take(chosen))
        codes[chosen] = part


def _locate(anatomy: Anatomy, at: Place) -> Arch:
    roof, fall, drop = sizes(anatomy, at.level, "roof", "spinous_fall", "arch_drop")
    side = np.abs(at.right)
    in_neck = np.clip(THORAX + 0.5 - at.level, 0.0, 1.0)
    # The canal of the neck is a triangle with round corners, widest behind the bodies.
    canal_side = at.half_width + _SIDE_GAP - 0.2 * in_neck * np.clip(4.0 - at.front, 0.0, 7.0)
    floor = storey(anatomy, at.s)
    laminae, fat = _roof(at, side, canal_side, roof, floor, in_neck)
    beyond = -at.front - laminae
    out = np.clip(beyond, 0.0, 60.0)
    tilted = at.s + fall * out * out / (out + 4.0) + drop
    return Arch(
        at.right,
        side,
        at.front,
        at.s,
        at.level,
        at.half_depth,
        canal_side,
        beyond,
        np.maximum(fat - laminae, 0.0),
        floor,
        storey(anatomy, tilted),
    )


def _roof(
    at: Place,
    side: np.ndarray,
    canal_side: np.ndarray,
    roof: np.ndarray,
    floor: Storey,
    in_neck: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """mm behind the sac's middle to the laminae's front, and to the end of the fat between them.

    In the neck the laminae lie against the sac as the two sides of a gable, and go on beside it to
    the articular pillars; below there is a slit, or a steeper gable with fat in it.
    """
    across = np.minimum(side / canal_side, 1.0)
    oval = (at.half_depth + 0.9) * np.sqrt(1.0 - across * across)
    laminae = np.maximum(oval, (at.half_depth + 0.4 * roof + 0.6) * (1.0 - across))
    full = roof * (0.7 + 0.5 * np.cos(2.0 * np.pi * (floor.below_top / floor.height - 0.08)))
    fat = np.maximum(oval, (at.half_depth + full + 0.6) * (1.0 - across))
    # The tangent of the sac with this slope, a little way off, with a round ridge.
    touch = np.sqrt(at.half_depth**2 + (_NECK_SLOPE * at.half_width) ** 2) + 0.6
    gable = np.maximum(oval, touch - _NECK_SLOPE * np.sqrt(side * side + 1.0))
    gable = np.where(side < canal_side, gable, touch - _NECK_SLOPE * side)
    laminae = laminae + in_neck * (gable - laminae)
    return laminae, np.maximum(laminae, fat + in_neck * (gable - fat))


def _paint_sides(codes: np.ndarray, anatomy: Anatomy, arch: Arch) -> None:
    """Everything beside the canal, from the thorax on."""
    size = np.float32(stature(anatomy))
    in_loin = np.clip((arch.level - _LOIN + 1.0) / 2.0, 0.0, 1.0)
    _paint_foramina(codes, arch)
    _paint_pillars(codes, arch, size)
    _paint_transverse(codes, arch, in_loin, size)
    _paint_pedicles(codes, arch, size)


def _paint_foramina(codes: np.ndarray, arch: Arch) -> None:
    """Fat with a nerve in every gap between two pedicles."""
    past, height = arch.side - arch.canal_side, arch.floor.height
    middle = 1.0 + 0.1 * past
    from_disc = arch.floor.below_top - height * (arch.floor.below_top > 0.5 * height)
    # The nerve leaves above the disc, right below the pedicle.
    up = -from_disc - 0.22 * height
    depth = depth_in_ellipse(arch.front - middle, up, 3.0 + 0.08 * height, 0.28 * height)
    along = (past > -1.5) & (past < 12.0)
    codes[along & (depth > 0)] = Tissue.EPIDURAL
    nerve = np.hypot(arch.front - middle, up - 1.0) < 1.7 + 0.8 * np.exp(-((past - 5) ** 2) / 8.0)
    codes[along & nerve] = Tissue.SOFT


def _paint_pillars(codes: np.ndarray, arch: Arch, size: np.float32) -> None:
    """Articular processes with their joints, slim between two joints."""
    side, front = arch.side - arch.canal_side - 3.5 * size, arch.front + 9.0 * size
    depth = depth_in_ellipse(side, front, 6.0 * size, 6.5 * size)
    from_joint = np.minimum(
        np.abs(arch.floor.below_top - 0.25 * front),
        np.abs(arch.floor.height - arch.floor.below_top + 0.25 * front),
    )
    depth = np.minimum(depth, from_joint - 0.4)
    slim = np.clip(1.0 - np.abs(from_middle(arch.floor)) / (0.25 * arch.floor.height), 0.0, 1.0)
    lay_bone(codes, depth - 2.6 * slim, width=_CORTEX)


def _paint_transverse(
    codes: np.ndarray, arch: Arch, in_loin: np.ndarray, size: np.float32
) -> None:
    """Transverse processes: to the back in the thorax, level below."""
    past = arch.side - arch.canal_side
    line = -5.0 - 0.5 * past + in_loin * (4.0 + 0.42 * past)
    length = (19.0 + 7.0 * in_loin) * size
    height = arch.floor.height
    depth = depth_in_ellipse(
        arch.front - line,
        from_middle(arch.floor) - 0.12 * height,
        (4.2 - 1.2 * in_loin) * size,
        0.2 * height,
    )
    depth = np.minimum(depth, np.minimum(past - 1.0, length - past))
    lay_bone(codes, np.where(arch.level < 25.0, depth, np.float32(-1)), width=_CORTEX)


def _paint_pedicles(codes: np.ndarray, arch: Arch, size: np.float32) -> None:
    past, height = arch.side - arch.canal_side, arch.floor.height
    up = from_middle(arch.floor) - 0.16 * height
    depth = depth_in_ellipse(arch.front - 3.0, up, 7.5 * size, 0.24 * height)
    depth = np.minimum(depth, np.minimum(past + 0.2, 8.0 * size - past))
    lay_bone(codes, depth, width=_CORTEX)


def _paint_spinous(codes: np.ndarray, anatomy: Anatomy, arch: Arch) -> None:
    """Spinous processes with what lies between them, and the ligament along their tips."""
    chosen = np.flatnonzero((arch.beyond > 0) & (arch.side < 8.0) & (arch.level > 2.0))
    if not len(chosen):
        return
    part = codes[chosen]
    side, out = arch.side[chosen], arch.beyond[chosen]
    height = arch.tiled.height[chosen]
    up = 0.5 * height - arch.tiled.below_top[chosen]
    tile_level = arch.tiled.vertebra[chosen] + np.float32(0.5)
    length, half, thick, flavum = sizes(
        anatomy, tile_level, "spinous", "spinous_half", "spinous_thick", "flavum"
    )
    bifid = tile_level < 6.9
    tip = np.clip((out - length + 6.0) / 6.0, 0.0, 1.0)
    root = np.clip(1.0 - out / 10.0, 0.0, 1.0)
    thick = thick * (1.0 - 0.25 * tip + 0.9 * root) + np.where(bifid, 3.2, 1.0) * tip
    half = half * (1.0 - np.where(tile_level > 19.0, 0.0, 0.25) * out / length + 0.3 * root)
    reach = 2.2 + 0.8 * np.sin(0.45 * out + 0.2 * up)
    between = (side < reach) & (out < length - 1.0) & (out > flavum)
    past = np.abs(up) - half
    part[between] = Tissue.MUSCLE
    streak = np.sin(1.1 * up + 0.4 * out + 0.6 * side) > 0.75
    part[between & ((past < 0.7) | streak | (side > reach - 0.4))] = Tissue.FAT
    along_tips = (tile_level > 8.0) & (side < 2.2) & (np.abs(out - length - 0.2) < 1.3)
    part[along_tips] = Tissue.LIGAMENT
    depth = np.minimum(np.minimum(thick - side, half - np.abs(up)), length - out)
    depth = np.where(bifid, np.minimum(depth, side - 1.8 + 3.5 * (1.0 - tip)), depth)
    # Round edges: what is close to two sides lies closer to the surface.
    edge = np.minimum(thick - side, half - np.abs(up)) - (length - out)
    depth = depth - np.maximum(1.5 - np.abs(edge), 0.0) * 0.4
    lay_bone(part, depth, width=_CORTEX)
    codes[chosen] = part


def _paint_laminae(codes: np.ndarray, anatomy: Anatomy, arch: Arch) -> None:
    """Laminae behind the canal, and the yellow ligament between them."""
    reach = arch.canal_side + np.where(arch.level < THORAX, 5.0, 3.0)
    chosen = np.flatnonzero((arch.beyond > 0) & (arch.side < reach) & (arch.beyond < 9.0))
    chosen = chosen[arch.front[chosen] < 3.0]
    if not len(chosen):
        return
    part, out = codes[chosen], arch.beyond[chosen]
    flavum, lamina, half = sizes(anatomy, arch.level[chosen], "flavum", "lamina", "lamina_half")
    tiled = Storey(*(column[chosen] for column in arch.tiled))
    part[out < flavum + arch.pocket[chosen]] = Tissue.LIGAMENT
    ends = half - np.abs(from_middle(tiled))
    lower = np.clip(-from_middle(tiled) / half, 0.0, 1.0)
    front = out - 0.3 - 0.5 * flavum * lower
    depth = np.minimum(np.minimum(front, lamina - out), ends)
    depth = np.where(tiled.vertebra > 1, depth, np.float32(-1))
    lay_bone(part, depth, width=_CORTEX)
    dense = np.flatnonzero((depth > 0) & (arch.level[chosen] < THORAX))
    bone = part[dense]
    densify(bone, *(column[chosen[dense]] for column in (arch.side, arch.front, arch.s)))
    part[dense] = bone
    codes[chosen] = part
