"""Two images of one session, brought together around the cord."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sctflow.core.centerline import Centerline, fit_centerline
from sctflow.core.create_mask import centers_along, draw_mask
from sctflow.core.registration.register import ImageData, Registration, register
from sctflow.core.transforms import map_points

STEPS = "step=1,type=im,algo=slicereg,metric=MI,poly=2"
"""Shifts of the slices that follow a parabola along the cord. On pairs of images with and without
MT pulse, slices on their own went astray by 7 mm where cord and fluid have one brightness, one
shift for all missed bends of 1 mm by 0.6, and correlation went astray by 6 mm where a pulse turned
the contrast of the cord round."""

REGION_MM = 35.0
"""Diameter about the centreline of what is matched: cord, canal and what is nearest to it."""

NOT_MOVED = "No cord was found to go by: the image was taken where its header places it."


def register_around_cord(
    fixed: ImageData,
    moving: ImageData,
    cord: np.ndarray,
    *,
    steps: str = STEPS,
    region_mm: float = REGION_MM,
) -> tuple[Registration, float]:
    """Bring an image onto another one of the same session, judged by what is around the cord.

    Parameters
    ----------
    fixed, moving : ImageData
        Their images are used.
    cord : (i, j, k) array
        Mask of the cord on the grid of the fixed image. Where it is empty, the images are taken
        where their headers place them, and a warning says so.
    steps : str
        See :func:`sctflow.core.registration.parse_steps`.
    region_mm : float
        Diameter of the cylinder around the cord in which images are compared, mm.

    Returns
    -------
    registration : Registration
    shift_mm : float
        Root mean square of how far points on the centreline moved.
    """
    if not np.any(cord):
        unmoved = register(fixed, moving, steps="")
        return replace(unmoved, warnings=[NOT_MOVED]), 0.0
    centerline = fit_centerline(cord, fixed.affine)
    region = draw_mask(
        fixed.shape,
        fixed.affine,
        centers_along(centerline, fixed.shape, fixed.affine),
        kind="cylinder",
        size_mm=region_mm,
    )
    found = register(fixed, moving, steps=steps, mask=region)
    return found, _shift(centerline, found)


def _shift(centerline: Centerline, found: Registration) -> float:
    moved = map_points(centerline.points, found.forward) - centerline.points
    return float(np.sqrt((moved**2).sum(axis=1).mean()))
