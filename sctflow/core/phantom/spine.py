"""The vertebral column: bodies and discs, arches, ligaments, and the dura around the sac."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sctflow.core.phantom.anatomy import Anatomy, Station
from sctflow.core.phantom.arches import paint_arches
from sctflow.core.phantom.axis import paint_atlas_and_axis
from sctflow.core.phantom.brainstem import junction_depth
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.column import WALL, paint_column
from sctflow.core.phantom.levels import N_VERTEBRAE
from sctflow.core.phantom.shapes import depth_in_ellipse
from sctflow.core.phantom.vertebrae import Place, place, sizes

IS_SPINE = np.isin(
    np.arange(256),
    [Tissue.CORTICAL_BONE, Tissue.MARROW, Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.LIGAMENT],
)
"""For each of the 256 codes: whether it is bone, disc or ligament of the vertebral column."""

DISC_TIP = 0.75
"""mm from the sac's front wall to the point that marks the posterior tip of a disc."""

_DURA = 0.45  # mm
_REACH = (52.0, -75.0, 58.0)  # mm to the side, to the back and to the front of the sac
_SACRUM = 75.0  # mm of it that are drawn below the disc L5/S1


def paint_spine(
    codes: np.ndarray,
    anatomy: Anatomy,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    station: Station,
) -> None:
    """Paint the vertebral column over what is there; the dural sac is left as it is.

    Parameters
    ----------
    codes
        (n,) uint8, changed in place.
    anatomy
        The person.
    u, v, s
        (n,) mm in the cord's frame.
    station
        `anatomy.at(s)`.
    """
    levels = anatomy.levels
    near = (np.abs(u) < _REACH[0]) & (v > _REACH[1]) & (v < _REACH[2])
    near &= (s < levels.top + 6.0) & (s > levels.disc(N_VERTEBRAE) - _SACRUM)
    chosen = np.flatnonzero(near)
    at = place(u, v, s, station, chosen)
    outside = np.flatnonzero(~_in_sac(at))
    chosen, at = chosen[outside], at.take(outside)
    if not len(chosen):
        return
    part = codes[chosen]
    paint_arches(part, anatomy, at)
    paint_column(part, anatomy, at)
    paint_atlas_and_axis(part, anatomy, at)
    _paint_pressing(part, at)
    _paint_dura(part, at)
    codes[chosen] = part


def points(anatomy: Anatomy) -> pd.DataFrame:
    """Points by which a spine is labelled.

    Returns
    -------
    DataFrame
        `kind` (`disc` at the cord's centre, `disc_posterior` at the disc's tip, `body`, `PMJ`
        on the front of the brainstem, `conus`), `value` as in the labels of images, and `u`, `v`,
        `s` in mm.
    """
    levels = anatomy.levels
    rows = [("conus", 60, 0.0, 0.0, levels.conus)]
    rows += [("PMJ", 50, 0.0, junction_depth(anatomy), 0.0)]
    for value in range(1, N_VERTEBRAE + 1):
        right, wall = _front_wall(anatomy, levels.disc(value))
        rows.append(("disc", value, 0.0, 0.0, levels.disc(value)))
        rows.append(("disc_posterior", value, right, wall + DISC_TIP, levels.disc(value)))
        middle = levels.middle(value)
        right, wall = _front_wall(anatomy, middle)
        depth = sizes(anatomy, np.array([value + 0.5]), "body_depth")[0][0]
        rows.append(("body", value, right, wall + 0.5 * float(depth), middle))
    return pd.DataFrame(rows, columns=["kind", "value", "u", "v", "s"])


def _front_wall(anatomy: Anatomy, s: float) -> tuple[float, float]:
    """Middle and front wall of the dural sac."""
    station = anatomy.at(np.array([s]))
    wall = station.canal_forward + station.canal_half_depth - station.pressed
    return float(station.canal_right[0]), float(wall[0])


def _in_sac(at: Place) -> np.ndarray:
    across = at.right / np.maximum(at.half_width, 0.1)
    half = at.half_depth * np.sqrt(np.maximum(1.0 - across * across, 0.0))
    return (at.front > -half) & (at.front < half - at.pressed)


def _paint_pressing(codes: np.ndarray, at: Place) -> None:
    """What a compression pushes into the sac: disc, with ligament towards its ends."""
    if not np.any(at.pressed > 0.05):
        return
    across = np.abs(at.right) / np.maximum(at.half_width, 0.1)
    wall = at.half_depth * np.sqrt(np.maximum(1.0 - across * across, 0.0))
    within = (across < 1.0) & (at.front > 0) & (at.front < wall + WALL)
    bulge = within & (at.pressed > 0.05) & (at.front > wall - at.pressed)
    codes[bulge] = Tissue.LIGAMENT
    codes[bulge & (at.pressed > 0.6)] = Tissue.ANNULUS


def _paint_dura(codes: np.ndarray, at: Place) -> None:
    half_depth = np.where(at.front > 0, at.half_depth - at.pressed, at.half_depth)
    half_depth = np.maximum(half_depth, 0.5)
    near = (np.abs(at.right) < at.half_width + 1.0) & (np.abs(at.front) < half_depth + 1.0)
    near = np.flatnonzero(near & (at.half_width > 1.0))
    depth = depth_in_ellipse(at.right[near], at.front[near], at.half_width[near], half_depth[near])
    codes[near[depth > -_DURA]] = Tissue.DURA
