"""Vertebral arches: laminae, processes, joints, what lies between them, and epidural fat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, lay
from sctflow.core.phantom.vertebrae import Place, Storey, sizes, stature, storey

_CORTEX = 0.9  # mm
_SIDE_GAP = 2.2  # mm of fat beside the sac
_THORAX, _LOIN = 8.0, 20.0  # continuous levels at which they begin


class _Arch(NamedTuple):
    """Points behind and beside the sac; arrays of one shape, lengths in mm."""

    side: np.ndarray
    front: np.ndarray
    level: np.ndarray
    canal_side: np.ndarray
    """Half width of the bony canal."""
    beyond: np.ndarray
    """Behind the laminae's front; negative in the canal."""
    pocket: np.ndarray
    """Depth to which epidural fat reaches behind that, between two laminae."""
    floor: Storey
    """By height along the cord."""
    tiled: Storey
    """By height along the arches, which fall towards the back like tiles."""
    size: np.float32


def paint_arches(codes: np.ndarray, anatomy: Anatomy, at: Place) -> None:
    """Paint everything of the column that is not body or disc, below C1."""
    chosen = np.flatnonzero(
        (at.front < at.half_depth + 14.0) & (at.s < anatomy.levels.disc(2) + 3.0)
    )
    if not len(chosen):
        return
    at, part = at.take(chosen), codes[chosen]
    arch = _locate(anatomy, at)
    in_loin = np.clip((arch.level - _LOIN + 1.0) / 2.0, 0.0, 1.0)
    in_neck = arch.level < _THORAX
    _paint_foramina(part, arch)
    _paint_pillars(part, arch, in_neck)
    _paint_transverse(part, arch, in_neck, in_loin)
    _paint_pedicles(part, arch, in_neck)
    _paint_spinous(part, anatomy, arch)
    _paint_laminae(part, anatomy, arch)
    part[
        (arch.beyond < arch.pocket) & (arch.side < arch.canal_side) & (at.front < at.half_depth)
    ] = Tissue.EPIDURAL
    _paint_arteries(part, arch)
    codes[chosen] = part


def _locate(anatomy: Anatomy, at: Place) -> _Arch:
    roof, fall, drop = sizes(anatomy, at.level, "roof", "spinous_fall", "arch_drop")
    side = np.abs(at.right)
    canal_side = at.half_width + _SIDE_GAP
    across = np.minimum(side / canal_side, 1.0)
    # The sac's back with a slit, or the two flat sides of a gable with fat below.
    oval = (at.half_depth + 0.9) * np.sqrt(1.0 - across * across)
    laminae = np.maximum(oval, (at.half_depth + 0.4 * roof + 0.6) * (1.0 - across))
    floor = storey(anatomy, at.s)
    full = roof * (0.7 + 0.5 * np.cos(2.0 * np.pi * (floor.below_top / floor.height - 0.08)))
    fat = np.maximum(oval, (at.half_depth + full + 0.6) * (1.0 - across))
    beyond = -at.front - laminae
    out = np.clip(beyond, 0.0, 60.0)
    tilted = at.s + fall * out * out / (out + 4.0) + drop
    return _Arch(
        side,
        at.front,
        at.level,
        canal_side,
        beyond,
        np.maximum(fat - laminae, 0.0),
        floor,
        storey(anatomy, tilted),
        np.float32(stature(anatomy)),
    )


def _from_middle(floor: Storey) -> np.ndarray:
    """mm above the middle of the vertebra."""
    return 0.5 * floor.height - floor.below_top


def _paint_foramina(codes: np.ndarray, arch: _Arch) -> None:
    """Fat with a nerve in every gap between two pedicles."""
    gap = np.minimum(arch.floor.below_top, arch.floor.height - arch.floor.below_top)
    past = arch.side - arch.canal_side
    lean = np.where(arch.level < _THORAX, 0.75, 0.1).astype(np.float32)
    middle = 1.0 + lean * past
    half = 3.0 + 0.08 * arch.floor.height
    from_disc = arch.floor.below_top - arch.floor.height * (arch.floor.below_top > gap)
    # From the thorax on the nerve leaves above the disc, right below the pedicle.
    up = -from_disc - np.where(arch.level < _THORAX, 0.0, 0.22 * arch.floor.height)
    depth = depth_in_ellipse(arch.front - middle, up, half, 0.28 * arch.floor.height)
    along = (past > -1.5) & (past < 12.0)
    codes[along & (depth > 0)] = Tissue.EPIDURAL
    nerve = np.hypot(arch.front - middle, up - 1.0) < 1.7 + 0.8 * np.exp(-((past - 5) ** 2) / 8.0)
    codes[along & nerve] = Tissue.SOFT


def _paint_pillars(codes: np.ndarray, arch: _Arch, in_neck: np.ndarray) -> None:
    """Articular pillars; the joints are oblique in the neck, upright below."""
    middle_side = arch.canal_side + np.where(in_neck, 6.0, 3.5) * arch.size
    middle_front = np.where(in_neck, -4.0, -9.0) * arch.size
    a = np.where(in_neck, 6.5, 6.0) * arch.size
    depth = depth_in_ellipse(
        arch.side - middle_side, arch.front - middle_front, a, 6.5 * arch.size
    )
    level_with = arch.front - middle_front
    oblique = np.where(in_neck, 0.9, 0.25) * level_with
    from_joint = np.minimum(
        np.abs(arch.floor.below_top - oblique),
        np.abs(arch.floor.height - arch.floor.below_top + oblique),
    )
    depth = np.minimum(depth, from_joint - 0.4)
    # Below the neck a pillar is slim between two joints.
    slim = np.clip(1.0 - np.abs(_from_middle(arch.floor)) / (0.25 * arch.floor.height), 0.0, 1.0)
    depth = depth - np.where(in_neck, 0.6, 2.6) * slim
    depth = np.where(arch.level > 2.6, depth, np.float32(-1))
    lay(codes, depth, Tissue.MARROW, rim=Tissue.CORTICAL_BONE, width=_CORTEX)


def _paint_transverse(
    codes: np.ndarray, arch: _Arch, in_neck: np.ndarray, in_loin: np.ndarray
) -> None:
    """Transverse processes: to the front in the neck, to the back in the thorax, level below."""
    past = arch.side - arch.canal_side
    line = np.where(in_neck, 6.0 - 0.05 * past, -5.0 - 0.5 * past + in_loin * (4.0 + 0.42 * past))
    length = np.where(in_neck, 13.0, 19.0 + 7.0 * in_loin) * arch.size
    half = np.where(in_neck, 4.5, 4.2 - 1.2 * in_loin) * arch.size
    middle = np.where(in_neck, -1.0, 0.12 * arch.floor.height)
    depth = depth_in_ellipse(
        arch.front - line, _from_middle(arch.floor) - middle, half, 0.2 * arch.floor.height
    )
    depth = np.minimum(depth, np.minimum(past - 1.0, length - past))
    depth = np.where((arch.level > 2.2) & (arch.level < 25.0), depth, np.float32(-1))
    lay(codes, depth, Tissue.MARROW, rim=Tissue.CORTICAL_BONE, width=_CORTEX)


def _paint_pedicles(codes: np.ndarray, arch: _Arch, in_neck: np.ndarray) -> None:
    past = arch.side - arch.canal_side
    lift = np.where(in_neck, 0.0, 0.16).astype(np.float32) * arch.floor.height
    middle = 3.0 + np.where(in_neck, -0.3, 0.0) * past
    depth = depth_in_ellipse(
        arch.front - middle,
        _from_middle(arch.floor) - lift,
        7.5 * arch.size,
        0.24 * arch.floor.height,
    )
    wide = np.where(in_neck, 6.0, 8.0 * arch.size)
    depth = np.minimum(depth, np.minimum(past + 0.2, wide - past))
    depth = np.where(arch.level > 2.0, depth, np.float32(-1))
    lay(codes, depth, Tissue.MARROW, rim=Tissue.CORTICAL_BONE, width=_CORTEX)


def _paint_spinous(codes: np.ndarray, anatomy: Anatomy, arch: _Arch) -> None:
    """Spinous processes with what lies between them, and the ligament along their tips."""
    chosen = np.flatnonzero((arch.beyond > 0) & (arch.side < 8.0) & (arch.level > 2.0))
    if not len(chosen):
        return
    part = codes[chosen]
    side, out = arch.side[chosen], arch.beyond[chosen]
    height = arch.tiled.height[chosen]
    from_middle = 0.5 * height - arch.tiled.below_top[chosen]
    tile_level = arch.tiled.vertebra[chosen] + np.float32(0.5)
    length, half, thick, flavum = sizes(
        anatomy, tile_level, "spinous", "spinous_half", "spinous_thick", "flavum"
    )
    bifid = tile_level < 6.9
    tip = np.clip((out - length + 6.0) / 6.0, 0.0, 1.0)
    root = np.clip(1.0 - out / 10.0, 0.0, 1.0)
    thick = thick * (1.0 - 0.25 * tip + 0.9 * root) + np.where(bifid, 3.2, 1.0) * tip
    half = half * (1.0 - np.where(tile_level > 19.0, 0.0, 0.25) * out / length + 0.3 * root)
    between = (side < 3.0) & (out < length - 1.0) & (out > flavum)
    past = np.abs(from_middle) - half
    part[between] = Tissue.MUSCLE
    streak = np.sin(1.1 * from_middle + 0.4 * out + 0.6 * side) > 0.75
    part[between & ((past < 1.3) | streak | (side > 2.4))] = Tissue.FAT
    along_tips = (tile_level > 8.0) & (side < 2.2) & (np.abs(out - length - 0.2) < 1.3)
    part[along_tips] = Tissue.LIGAMENT
    depth = np.minimum(np.minimum(thick - side, half - np.abs(from_middle)), length - out)
    depth = np.where(bifid, np.minimum(depth, side - 1.8 + 3.5 * (1.0 - tip)), depth)
    # Round edges: what is close to two sides lies closer to the surface.
    edge = np.minimum(thick - side, half - np.abs(from_middle)) - (length - out)
    depth = depth - np.maximum(1.5 - np.abs(edge), 0.0) * 0.4
    lay(part, depth, Tissue.MARROW, rim=Tissue.CORTICAL_BONE, width=_CORTEX)
    codes[chosen] = part


def _paint_laminae(codes: np.ndarray, anatomy: Anatomy, arch: _Arch) -> None:
    """Laminae behind the canal, and the yellow ligament between them."""
    reach = arch.canal_side + 3.0
    chosen = np.flatnonzero((arch.beyond > 0) & (arch.side < reach) & (arch.beyond < 9.0))
    chosen = chosen[arch.front[chosen] < 2.0]
    if not len(chosen):
        return
    part, out = codes[chosen], arch.beyond[chosen]
    flavum, lamina, half = sizes(anatomy, arch.level[chosen], "flavum", "lamina", "lamina_half")
    tiled = Storey(*(column[chosen] for column in arch.tiled))
    part[out < flavum + arch.pocket[chosen]] = Tissue.LIGAMENT
    ends = half - np.abs(_from_middle(tiled))
    lower = np.clip(-_from_middle(tiled) / half, 0.0, 1.0)
    front = out - 0.3 - 0.5 * flavum * lower
    depth = np.minimum(np.minimum(front, lamina - out), ends)
    depth = np.where(tiled.vertebra > 1, depth, np.float32(-1))
    lay(part, depth, Tissue.MARROW, rim=Tissue.CORTICAL_BONE, width=_CORTEX)
    codes[chosen] = part


def _paint_arteries(codes: np.ndarray, arch: _Arch) -> None:
    """Vertebral arteries: through the transverse processes C6 to C2, in front of C7."""
    upper = np.clip((2.6 - arch.level) / 0.8, 0.0, 1.0)
    lower = np.clip((arch.level - 6.9) / 1.0, 0.0, 1.0)
    side = (16.3 + 0.2 * (4.5 - arch.level) + 7.0 * upper + 3.0 * lower) * arch.size
    front = (10.0 - 3.0 * upper + 9.0 * lower) * arch.size
    chosen = np.flatnonzero(
        (arch.level < 8.0) & (np.abs(arch.side - side) < 4.0) & (np.abs(arch.front - front) < 4.0)
    )
    away = np.hypot(arch.side[chosen] - side[chosen], arch.front[chosen] - front[chosen])
    codes[chosen[away < 3.3]] = Tissue.VEIN
    codes[chosen[away < 2.3]] = Tissue.ARTERY
