"""A template's own frame: what there is to know of a template before a cord is brought to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sctflow.core.centerline import Centerline, fit_centerline
from sctflow.core.cord_curve import STEP, CordCurve
from sctflow.core.cord_frame import CordFrame, make_frame, with_levels
from sctflow.core.label_values import CONUS, LAST_DISC
from sctflow.core.labels import LabelPoints
from sctflow.core.template.shape import CordShape, measure_shape
from sctflow.errors import TemplateError

STRAIGHT_MM = 2.0
"""A template whose cord stays this near to a vertical line is a straight one."""

_LAST_SPINAL = 30


@dataclass(frozen=True)
class TemplateSpace:
    """A template's frame with levels, and the shape of its cord.

    Attributes
    ----------
    frame : CordFrame
    shape : CordShape
    conus_level : float or None
        Continuous vertebral level of the tip of the template's cord, where it is labelled.
    landmarks : dict
        Other places along the cord that a subject may be labelled at: for each kind, such as
        ``rootlets``, the continuous vertebral level of each value.
    """

    frame: CordFrame
    shape: CordShape
    conus_level: float | None
    landmarks: dict[str, dict[int, float]] = field(default_factory=dict)


def make_template_space(
    cord: np.ndarray,
    affine: np.ndarray,
    discs: LabelPoints,
    *,
    name: str,
    spinal_levels: np.ndarray | None = None,
    landmarks: Mapping[str, np.ndarray] | None = None,
) -> TemplateSpace:
    """Build the frame of a template.

    Parameters
    ----------
    cord : (i, j, k) array
        Mask.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    discs : LabelPoints
        Its intervertebral discs, and its conus (60) if it has one.
    name : str
        Of the template, for messages.
    spinal_levels : (i, j, k) array, optional
        Spinal level of each voxel of the cord; those of most people without it.
    landmarks : dict of (i, j, k) arrays, optional
        Label images, by kind: see `TemplateSpace.landmarks`.

    Raises
    ------
    TemplateError
        A template without labelled discs.
    """
    line = fit_centerline(cord, affine)
    frame = _straight(line) or make_frame(line)
    s = frame.from_world(discs.world)[:, 2]
    known = {
        float(value): float(place)
        for value, place in zip(discs.values, s, strict=True)
        if value <= LAST_DISC
    }
    if len(known) < 2:
        raise TemplateError(f"template {name} has no two labelled discs: no levels to go by")
    conus = {int(v): float(p) for v, p in zip(discs.values, s, strict=True)}.get(CONUS)
    frame = with_levels(replace(frame, conus=conus), known)
    if spinal_levels is not None:
        edges = _spinal_edges(frame, spinal_levels, affine)
        frame = replace(frame, levels=replace(frame.levels, spinal=edges))
    return TemplateSpace(
        frame=frame,
        shape=measure_shape(frame, cord, affine),
        conus_level=None if conus is None else float(frame.levels.vertebral(np.array(conus))),
        landmarks={
            kind: {
                value: float(frame.levels.vertebral(np.array(place)))
                for value, place in places_along(frame, image, affine).items()
            }
            for kind, image in (landmarks or {}).items()
        },
    )


def places_along(frame: CordFrame, image: np.ndarray, affine: np.ndarray) -> dict[int, float]:
    """Find where along a cord the labels of an image lie.

    Parameters
    ----------
    frame : CordFrame
    image : (i, j, k) array
        Points or regions; 0 is background.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    dict
        For each value, mm along the cord: half-way between the ends of what has it.
    """
    voxels = np.argwhere(image > 0)
    values = np.asarray(image[tuple(voxels.T)], dtype=int)
    s = frame.from_world(voxels @ affine[:3, :3].T + affine[:3, 3])[:, 2]
    return {
        int(value): float(0.5 * (s[values == value].min() + s[values == value].max()))
        for value in np.unique(values)
    }


def _straight(line: Centerline) -> CordFrame | None:
    """The frame of a cord that runs straight up; None if it does not."""
    middle = line.points[:, :2].mean(axis=0)
    if np.abs(line.points[:, :2] - middle).max() > STRAIGHT_MM:
        return None
    height = line.points[:, 2]
    n = int(np.ceil((height[-1] - height[0]) / STEP)) + 1
    points = np.column_stack([np.tile(middle, (n, 1)), height[0] + STEP * np.arange(n)])
    return CordFrame(
        curve=CordCurve(0.0, points, np.tile([0.0, 0.0, 1.0], (n, 1))),
        rotation=np.zeros(n),
        slices=line.slices,
        slice_s=height - height[0],
        measured=line.measured,
    )


def _spinal_edges(frame: CordFrame, image: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Continuous vertebral levels (31,) of the upper ends of spinal levels, and of the last end.

    Boundaries of levels that the image lacks are laid by most people's among those it has.
    """
    voxels = np.argwhere(image > 0)
    values = np.asarray(image[tuple(voxels.T)], dtype=int)
    s = frame.from_world(voxels @ affine[:3, :3].T + affine[:3, 3])[:, 2]
    level = frame.levels.vertebral(s)
    half = 0.25 * abs(np.diff(np.unique(np.round(level, 6))).min()) if len(level) > 1 else 0.0
    usual = frame.levels.spinal
    low = np.full(_LAST_SPINAL + 2, np.nan)
    high = np.full(_LAST_SPINAL + 2, np.nan)
    for value in np.unique(values[values <= _LAST_SPINAL]):
        low[value] = level[values == value].min()  # nearest to the head
        high[value] = level[values == value].max()
    edges = np.full(_LAST_SPINAL + 1, np.nan)
    for n in range(_LAST_SPINAL + 1):  # the edge between spinal levels n and n + 1
        sides = [side for side in (high[n], low[n + 1]) if np.isfinite(side)]
        if len(sides) == 2:
            edges[n] = np.mean(sides)
        elif sides:
            edges[n] = sides[0] + (half if np.isfinite(high[n]) else -half)
    there = np.isfinite(edges)
    edges[~there] = np.interp(usual[~there], usual[there], edges[there])
    return np.maximum.accumulate(edges + 1e-9 * np.arange(len(edges)))
