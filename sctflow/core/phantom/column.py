"""Vertebral bodies from C3 to the sacrum, and the discs between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.levels import N_VERTEBRAE
from sctflow.core.phantom.shapes import depth_in_corner, lay_bone
from sctflow.core.phantom.vertebrae import Place, Storey, sizes, storey

WALL = 0.9
"""mm from the sac to the bodies, at their end plates."""

_CORTEX = 0.6  # mm
_EDGE = 2.5  # mm, radius of the edges between a body's back and its sides
_RIM = 0.45  # mm from the sac to the tips of the discs: the dura's thickness
_WAIST = 1.2  # mm by which a body is slimmer all round in its middle
_WIDEST = 0.42  # part of the body's depth behind which its sides run straight


class _Column(NamedTuple):
    """Points in the front part of the column; arrays of one shape, lengths in mm."""

    floor: Storey
    side: np.ndarray
    width: np.ndarray
    behind: np.ndarray
    """In front of the sac's front wall."""
    part: np.ndarray
    """The same as a part of the body's depth."""
    flank: np.ndarray
    """Depth below the front and the sides of a body without a waist."""
    to_disc: np.ndarray
    """From the middle of the nearest disc."""
    half_gap: np.ndarray
    """Half the height of that disc here."""
    lost: np.ndarray
    """Degeneration of that disc."""


def paint_column(codes: np.ndarray, anatomy: Anatomy, at: Place) -> None:
    """Paint bodies and discs; what is behind C1 and C2 is left as it is."""
    before = (at.front > 0.55 * at.half_depth) & (np.abs(at.right) < 32.0)
    chosen = np.flatnonzero(before & (at.s < anatomy.levels.disc(3) + 4.0))
    if len(chosen):
        part = codes[chosen]
        column = _locate(anatomy, at.take(chosen))
        _paint_bodies(part, column)
        _paint_discs(part, column)
        codes[chosen] = part


def _locate(anatomy: Anatomy, at: Place) -> _Column:
    depth, width, gap, slope, uncus = sizes(
        anatomy, at.level, "body_depth", "body_width", "disc_height", "disc_slope", "uncus"
    )
    side = np.abs(at.right)
    behind = at.front - at.half_depth
    part = behind / depth
    out = (2.0 * side / width) ** 2
    floor = storey(
        anatomy, at.s + slope * np.maximum(behind, 0.0) - uncus * np.minimum(out * out, 1.3)
    )
    upper_half = floor.below_top < 0.5 * floor.height
    disc = np.clip(floor.vertebra + ~upper_half, 1, N_VERTEBRAE)
    lost = anatomy.body.degeneration.astype(np.float32)[disc - 1]
    # Beyond the last row of degeneration lie the joints of the sacrum, which are healthy.
    lost = np.where(floor.vertebra + ~upper_half > N_VERTEBRAE, np.float32(0), lost)
    # End plates are hollow, deepest a little behind the middle.
    hollow = 1.0 - 0.4 * np.minimum((2.2 * part - 1.0) ** 2, 1.0) - 0.15 * np.minimum(out, 1.0)
    return _Column(
        floor,
        side,
        width,
        behind,
        part,
        _flank(part, side, depth, width),
        np.where(upper_half, floor.below_top, floor.height - floor.below_top),
        0.5 * gap * (1.0 - 0.5 * lost) * hollow,
        lost,
    )


def _flank(part: np.ndarray, side: np.ndarray, depth: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Depth in mm below the front and the sides: round in front, nearly straight behind."""
    forward = np.maximum(part - _WIDEST, 0.0) / (1.0 - _WIDEST)
    narrow = np.maximum(_WIDEST - part, 0.0) / _WIDEST
    half = 0.5 * width * (1.0 - 0.16 * narrow * narrow)
    radius = np.sqrt((side / half) ** 2 + forward * forward)
    return (1.0 - radius) * 0.5 * (half + (1.0 - _WIDEST) * depth)


def _paint_bodies(codes: np.ndarray, column: _Column) -> None:
    """Marrow in a rim of compact bone, with veins that leave it in the middle of its back."""
    above_plate = column.to_disc - column.half_gap
    waist = _WAIST * np.sqrt(np.clip(above_plate / 6.0, 0.0, 1.0))
    wall = column.behind - WALL - 0.6 * waist * (column.side < 0.4 * column.width)
    is_body = (above_plate > 0) & (column.floor.vertebra > 2)
    between = is_body & (wall <= 0) & (column.behind > 0) & (column.side < 0.4 * column.width)
    codes[between] = Tissue.EPIDURAL
    depth = depth_in_corner(column.flank - waist, wall, _EDGE)
    bone = is_body & (depth > 0)
    lay_bone(codes, np.where(bone, np.minimum(depth, above_plate), -1.0), width=_CORTEX)
    middle = np.abs(column.floor.below_top - 0.5 * column.floor.height)
    size = column.width / 45.0
    basal = bone & (middle < 1.3 * size) & (column.side < 3.0 * size - 0.4 * wall)
    codes[basal] = Tissue.VEIN


def _paint_discs(codes: np.ndarray, column: _Column) -> None:
    """Fibrous ring and soft core; what degenerates loses the core, and bulges."""
    within = (column.to_disc <= column.half_gap) & (column.floor.vertebra >= 2)
    within &= (column.floor.vertebra > 2) | (column.floor.below_top > 0.5 * column.floor.height)
    bulge = 0.4 + 1.6 * column.lost
    depth = depth_in_corner(column.flank + bulge, column.behind - _RIM, _EDGE)
    disc = within & (depth > 0)
    codes[disc] = Tissue.ANNULUS
    across = 2.0 * column.side / column.width / 0.68
    along = (column.part - 0.47) / 0.34
    core = np.sqrt(across * across + along * along) < 1.0 - 0.6 * column.lost
    # Above 0.6 the core's water is gone, and it looks like the ring.
    core &= column.to_disc < column.half_gap - 0.7
    codes[disc & core & (column.lost < 0.6)] = Tissue.NUCLEUS
