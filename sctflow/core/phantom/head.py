"""The head: brain, skull and face around the brainstem."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.shapes import lay

# Compact bone that is not of the vertebral column gives as little signal as air, and the marrow
# in it is mostly fat: their codes tell it apart from the column's.
_COMPACT, _DIPLOE = Tissue.AIR, Tissue.FAT
_LEAN = 12.0  # degrees by which the cord's axis at the junction leans forwards in a straight head
_LOWEST = -95.0  # mm below the junction
_CISTERN, _TABLE, _SKULL = 2.5, 1.3, 6.5  # mm below, in and of the skull
_SCALP, _SKIN = 6.0, 2.0


def paint_head(
    codes: np.ndarray, anatomy: Anatomy, v: np.ndarray, s: np.ndarray, xyz: np.ndarray
) -> None:
    """Paint the head over what is there: (n,) codes, at world points (n, 3)."""
    junction, _ = anatomy.curve.at(np.array(0.0))
    chosen = np.flatnonzero(xyz[:, 2] > junction[2] + _LOWEST * anatomy.body.head_size)
    if not len(chosen):
        return
    x, y, z = _head_frame(anatomy, junction, xyz[chosen])
    part = codes[chosen]
    _paint_face(part, x, y, z)
    _paint_brain_and_skull(part, x, y, z)
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
    vault = (x / 68.0) ** 2 + ((y - 22.0) / 84.0) ** 2 + ((z - 44.0) / 72.0) ** 2
    fossa = (x / 54.0) ** 2 + ((y + 20.0) / 44.0) ** 2 + ((z - 8.0) / 34.0) ** 2
    vault = (1.0 - np.sqrt(vault)) * 74.0
    fossa = (1.0 - np.sqrt(fossa)) * 42.0
    # In front the vault ends at the base of the skull, which rises to the front.
    floor = z - 22.0 - 0.10 * (y - 20.0) + 1.4 * np.maximum(14.0 - y, 0.0)
    return np.maximum(np.minimum(vault, floor), fossa)


def _paint_brain_and_skull(codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    depth = _below_skull(x, y, z)
    hole = np.hypot(x / 15.0, (y + 5.0) / 17.5) < 1.0
    outer = depth > -_SKULL
    behind = y < 30.0 + np.maximum(z - 20.0, 0.0) * 2.0
    codes[behind & (depth > -_SKULL - _SCALP - _SKIN) & (z > -8.0)] = Tissue.SKIN
    codes[behind & (depth > -_SKULL - _SCALP) & (z > -8.0)] = Tissue.FAT
    bone = outer & ~(hole & (z < -8.0))
    codes[bone] = _COMPACT
    codes[bone & (depth > -_SKULL + _TABLE) & (depth < -_TABLE)] = _DIPLOE
    codes[depth > 0] = Tissue.CSF
    # The tentorium falls to the back; below it lies the cerebellum, which has narrow leaves.
    tent = z - 34.0 - 0.38 * (y - 5.0) + 0.012 * x * x * 0.5
    brain = depth > _CISTERN
    folds = np.sin(0.55 * np.hypot(y + 4.0, z - 6.0) * 4.0 + 0.05 * np.abs(x))
    angle = np.sin(9.0 * np.arctan2(z - 6.0, -(y + 4.0)))
    lower = brain & (tent < -1.0) & (y < 22.0)
    codes[lower] = Tissue.CEREBELLUM
    codes[lower & (angle + 0.25 * folds > 0.97) & (np.hypot(y + 4.0, z - 6.0) > 22.0)] = Tissue.CSF
    upper = brain & (tent > 1.0)
    codes[upper] = Tissue.CEREBRUM
    gyri = np.sin(0.33 * x + 0.1 * z) * np.sin(0.31 * y) + np.sin(0.3 * z + 0.12 * y)
    codes[upper & (depth < 18.0) & (np.abs(gyri) < 0.10)] = Tissue.CSF
    codes[upper & (np.abs(x) < 1.0) & (depth < 40.0)] = Tissue.CSF


def _paint_clivus(codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """The slope before the brainstem, from the foramen magnum to the sella."""
    up = (z + 22.0) / 48.0
    back = 8.0 + 16.0 * up
    thick = 6.0 + 12.0 * np.clip(up, 0.0, 1.0)
    ends = np.minimum(z + 22.0, 26.0 - z)
    depth = np.minimum(np.minimum(y - back, back + thick - y), ends)
    depth = np.minimum(depth, 15.0 - np.abs(x))
    lay(codes, depth, _DIPLOE, rim=_COMPACT, width=1.0)
    sinus = (x / 12.0) ** 2 + ((y - 48.0) / 12.0) ** 2 + ((z - 17.0) / 10.0) ** 2
    codes[sinus < 1.2] = Tissue.SOFT
    codes[sinus < 1.0] = Tissue.AIR


def _paint_face(codes: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    """Outline of the face; nose, palate, tongue and jaw in it."""
    front = 104.0 - 0.10 * np.abs(z + 20.0) - 0.012 * x * x
    under = -68.0 - 0.35 * np.maximum(90.0 - y, 0.0) * (y < 90.0) * -1.0 * 0.2
    depth = np.minimum(np.minimum(front - y, z - under), 64.0 - np.abs(x))
    depth = np.minimum(depth, y - 14.0)
    chosen = np.flatnonzero((depth > 0) & (z < 60.0))
    x, y, z, depth, part = x[chosen], y[chosen], z[chosen], depth[chosen], codes[chosen]
    outer = np.minimum(front[chosen] - y, z - under[chosen])
    part[outer < 2.0] = Tissue.SKIN
    inner = (outer > 2.0) & (y > 34.0)
    part[inner] = Tissue.FAT
    part[inner & (outer > 7.0)] = Tissue.MUSCLE
    tongue = ((y - 64.0) / 29.0) ** 2 + ((z + 40.0) / 22.0) ** 2 + (x / 24.0) ** 2
    part[tongue < 1.12] = Tissue.FAT
    part[tongue < 1.0] = Tissue.MUSCLE
    fan = np.sin(14.0 * np.arctan2(z + 70.0, y - 62.0)) > 0.75
    part[(tongue < 0.95) & fan] = Tissue.FAT
    nose = (np.abs(x) < 16.0) & (y > 50.0) & (y < 98.0) & (z > -13.0) & (z < 18.0)
    part[nose] = Tissue.SOFT
    part[nose & ((np.abs(x) > 13.0) | (np.abs(np.sin(0.33 * z)) < 0.3))] = Tissue.AIR
    palate = (np.abs(z + 15.5) < 2.2) & (y > 46.0) & (y < 95.0) & (np.abs(x) < 26.0)
    part[palate] = _COMPACT
    part[palate & (np.abs(z + 15.5) < 1.2)] = _DIPLOE
    arch = np.hypot(x / 0.85, y - 42.0)
    jaw = np.minimum(7.0 - np.abs(arch - 50.0), 13.0 - np.abs(z + 55.0))
    jaw = np.where(y > 40.0, jaw, np.float32(-1))
    lay(part, jaw, _DIPLOE, rim=_COMPACT, width=1.8)
    teeth = (np.abs(arch - 49.0) < 3.5) & (y > 52.0) & (np.abs(z + 31.0) < 10.0)
    part[teeth] = _COMPACT
    codes[chosen] = part
