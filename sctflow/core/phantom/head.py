"""The head: brain, skull and face around the brainstem."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import depth_in_ellipse, irregular, lay

# Compact bone that is not of the vertebral column gives as little signal as air, and the marrow
# in it is mostly fat: their codes tell it apart from the column's.
_COMPACT, _DIPLOE = Tissue.AIR, Tissue.FAT
_LEAN = 12.0  # degrees by which the cord's axis at the junction leans forwards in a straight head
_LOWEST = -95.0  # mm below the junction
_CISTERN, _TABLE, _SKULL = 2.5, 1.3, 6.5  # mm below, in and of the skull
_SCALP, _SKIN = 6.0, 2.0
# The face in profile: mm in front of the junction at heights above it, and what the nose adds.
_PROFILE = (
    [-72.0, -66.0, -58.0, -46.0, -38.0, -28.0, -20.0, 8.0, 22.0, 32.0, 60.0],
    [86.0, 95.0, 98.0, 95.0, 99.0, 101.0, 99.0, 98.0, 104.0, 108.0, 112.0],
)
_NOSE = ([-18.0, -10.0, 2.0, 24.0], [0.0, 16.0, 13.0, 0.0])


def paint_head(codes: np.ndarray, anatomy: Anatomy, xyz: np.ndarray) -> None:
    """Paint the head over what is there: (n,) codes, at world points (n, 3)."""
    junction, _ = anatomy.curve.at(np.array(0.0))
    chosen = np.flatnonzero(xyz[:, 2] > junction[2] + _LOWEST * anatomy.body.head_size)
    if not len(chosen):
        return
    x, y, z = _head_frame(anatomy, junction, xyz[chosen])
    right, forward = irregular(anatomy.seed, 1, x, y, z, size=0.8)
    x, y = x + right, y + forward
    part = codes[chosen]
    _paint_face(part, x, y, z)
    depth = _below_skull(x, y, z)
    _paint_skull(part, x, y, z, depth)
    _paint_brain(part, x, y, z, depth)
    _paint_clivus(part, x, y, z)
    codes[chosen] = part


def _head_frame(
    anatomy: Anatomy, junction: np.ndarray, xyz: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """mm to the right, to the front and up of the junction, in a head that looks straight on."""
    right, anterior, up = anatomy.curve.axes(np.array(0.0))
    lean = np.deg2rad(_LEAN)
    front = np.cos(lean) * anterior - np.sin(lean) * up
    top = np.cos(lean) * up + np.sin(lean) * anterior
    axes = (np.stack([right, front, top]) / anatomy.body.head_size).astype(np.float32)
    away = xyz - junction.astype(np.float32)
    return tuple(away @ axis for axis in axes)


def _below_skull(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Depth in mm below the inner surface of the skull."""
    vault = (x / 68.0) ** 2 + ((y - 15.0) / 83.0) ** 2 + ((z - 44.0) / 72.0) ** 2
    fossa = (x / 54.0) ** 2 + ((y + 20.0) / 44.0) ** 2 + ((z - 8.0) / 34.0) ** 2
    vault = (1.0 - np.sqrt(vault)) * 74.0
    fossa = (1.0 - np.sqrt(fossa)) * 42.0
    # In front the vault ends at the base of the skull, which rises to the front.
    floor = z - 22.0 - 0.10 * (y - 20.0) + 1.4 * np.maximum(14.0 - y, 0.0)
    return np.maximum(np.minimum(vault, floor), fossa)


def _paint_skull(
    codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray
) -> None:
    """Skull and scalp; `depth` is below the skull's inner surface, mm."""
    # The scalp goes on into the fat of the neck and of the face.
    scalp = (z > 20.0) | ((y < 10.0) & (z > -8.0)) | ((y < -50.0) & (z > -24.0))
    codes[scalp & (depth > -_SKULL - _SCALP - _SKIN)] = Tissue.SKIN
    codes[scalp & (depth > -_SKULL - _SCALP)] = Tissue.FAT
    # The foramen magnum, through which the sac goes on.
    hole = (np.hypot(x / 15.0, (y + 5.0) / 17.5) < 1.0) & (z < -8.0)
    bone = (depth > -_SKULL) & ~hole
    codes[bone] = _COMPACT
    codes[bone & (depth > -_SKULL + _TABLE) & (depth < -_TABLE)] = _DIPLOE


def _paint_brain(
    codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray
) -> None:
    """Cerebellum below the tentorium, which falls to the back, and cerebrum above, in CSF."""
    codes[depth > 0] = Tissue.CSF
    tent = z - 34.0 - 0.38 * (y - 5.0) + 0.006 * x * x
    lower = (depth > _CISTERN) & (tent < -1.0) & (y < 22.0)
    codes[lower] = Tissue.CEREBELLUM
    from_root = np.hypot(y - 2.0, z - 8.0)
    leaves = np.arctan2(z - 8.0, 2.0 - y) + 0.05 * np.sin(0.35 * from_root) + 0.002 * np.abs(x)
    fissures = (np.sin(11.0 * leaves) > 0.985) & (from_root > 26.0)
    fissures |= (np.sin(29.0 * leaves) > 0.97) & (depth < 9.0)
    codes[lower & fissures] = Tissue.CSF
    upper = (depth > _CISTERN) & ((tent > 1.0) | (y > 22.0))
    codes[upper] = Tissue.CEREBRUM
    side = np.abs(x)
    gyri = np.sin(0.33 * side + 0.1 * z) * np.sin(0.31 * y) + np.sin(0.3 * z + 0.12 * y)
    codes[upper & (depth < 14.0) & (np.abs(gyri) < 0.08)] = Tissue.CSF
    codes[upper & (np.abs(x + 3.0 * gyri) < 0.6) & (z > 62.0)] = Tissue.CSF


def _paint_clivus(codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """The slope before the brainstem, from the foramen magnum to the sella."""
    up = (z + 22.0) / 48.0
    back = 8.0 + 16.0 * up
    thick = 6.0 + 12.0 * np.clip(up, 0.0, 1.0)
    ends = np.minimum(z + 22.0, 26.0 - z)
    depth = np.minimum(np.minimum(y - back, back + thick - y), ends)
    depth = np.minimum(depth, 15.0 - np.abs(x))
    lay(codes, depth, _DIPLOE, rim=_COMPACT, width=1.0)
    sinus = (x / 13.0) ** 2 + ((y - 47.0) / 13.0) ** 2 + ((z - 14.0) / 7.5) ** 2
    codes[sinus < 1.2] = Tissue.SOFT
    codes[sinus < 1.0] = Tissue.AIR


def _paint_face(codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """Outline of the face, with what lies in it; the airway behind it stays open."""
    # Low down it begins before the airway, and leaves the neck behind it alone.
    before = y > 42.0 - 18.0 * np.clip((z + 45.0) / 20.0, 0.0, 1.0)
    before &= (z < 60.0) & (z > -90.0) & (np.abs(x) < 70.0)
    chosen = np.flatnonzero(before & (codes != Tissue.AIR))
    if not len(chosen):
        return
    x, y, z, part = x[chosen], y[chosen], z[chosen], codes[chosen]
    front = np.interp(z, *_PROFILE).astype(np.float32)
    nose = np.interp(z, *_NOSE).astype(np.float32) * np.clip(1.5 - np.abs(x) / 11.0, 0.0, 1.0)
    front = front + nose
    across, along = x / 67.0, (y - 18.0) / (front - 18.0)
    radius = np.sqrt(across * across + along * along)
    under = z + 67.0 + 0.22 * np.maximum(92.0 - y, 0.0)
    depth = np.minimum((1.0 - radius) * 0.5 * (front + 49.0), under)
    outer = np.isin(part, (Tissue.BACKGROUND, Tissue.SKIN))
    part[outer & (depth > 0)] = Tissue.SKIN
    part[outer & (depth > 2.0)] = Tissue.FAT
    part[(depth > 6.0) & (y < 88.0)] = Tissue.MUSCLE
    _paint_mouth(part, x, y, z, depth)
    _paint_nose(part, x, y, z, depth)
    _paint_jaw(part, x, y, z, depth)
    codes[chosen] = part


def _paint_mouth(
    codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray
) -> None:
    """Tongue, whose muscle spreads like a fan, palate and what hangs from it."""
    floor = (np.abs(z + 64.0) < 4.0 + 0.05 * y) & (y > 40.0) & (depth > 5.0) & (np.abs(x) < 22.0)
    codes[floor] = Tissue.FAT
    codes[floor & (np.abs(z + 61.0) < 3.0)] = Tissue.MUSCLE
    tongue = ((y - 62.0) / 28.0) ** 2 + ((z + 40.0) / 21.0) ** 2 + (x / 23.0) ** 2
    codes[tongue < 1.15] = Tissue.SOFT
    codes[tongue < 0.72] = Tissue.MUSCLE
    angle = np.arctan2(z + 70.0, y - 74.0) + 0.05 * np.sin(0.5 * np.abs(x))
    codes[(tongue < 0.8) & (np.sin(17.0 * angle) > 0.93 + 0.2 * np.cos(0.9 * x))] = Tissue.FAT
    hard = (np.abs(z + 15.5) < 2.2) & (y > 56.0) & (y < 95.0) & (np.abs(x) < 26.0)
    codes[hard] = _COMPACT
    codes[hard & (np.abs(z + 15.5) < 1.1)] = _DIPLOE
    fall = z + 16.0 + 0.028 * np.maximum(57.0 - y, 0.0) ** 2
    soft = (np.abs(fall) < 2.6) & (y > 36.0) & (y < 57.0) & (np.abs(x) < 18.0)
    codes[soft] = Tissue.SOFT


def _paint_nose(
    codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray
) -> None:
    """Nasal cavity with its septum and conchae, and the room behind it."""
    cavity = (np.abs(x) < 15.0) & (y > 52.0) & (depth > 4.0) & (z > -13.0) & (z < 16.0)
    codes[cavity] = Tissue.SOFT
    shell = np.sin(0.36 * z + 0.08 * np.abs(x) + 0.03 * y)
    codes[cavity & (np.abs(x) > 1.2) & (shell > 0.75)] = Tissue.AIR
    behind = depth_in_ellipse(y - 43.0, z + 4.0, 10.0, 8.0)
    behind = np.where(np.abs(x) < 12.0, behind, np.float32(-9))
    codes[behind > -2.0] = Tissue.SOFT
    codes[behind > 0] = Tissue.AIR


def _paint_jaw(
    codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, depth: np.ndarray
) -> None:
    """Horseshoe of the lower jaw, and the teeth."""
    arch = np.hypot(x / 0.9, y - 40.0)
    # The chin juts out below the teeth.
    jaw = depth_in_ellipse(arch - 47.0 + 0.12 * (z + 50.0), z + 52.0, 6.0, 13.5)
    jaw = np.where((y > 36.0) & (depth > 3.0), jaw, np.float32(-1))
    lay(codes, jaw, _DIPLOE, rim=_COMPACT, width=1.8)
    teeth = (np.abs(arch - 48.0) < 3.0) & (y > 50.0) & (np.abs(z + 29.5) < 8.5)
    codes[teeth & (np.cos(1.1 * x) < 0.8)] = _COMPACT
