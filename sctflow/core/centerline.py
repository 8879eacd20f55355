"""The centreline of the cord (or canal) from its mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.curve import (
    Draw,
    arc_length,
    draw_lines,
    draw_polynomial,
    draw_spline,
    fit_curve,
)
from sctflow.core.grid import SliceGrid, canonicalize, from_canonical
from sctflow.core.pieces import centers_of_slices

if TYPE_CHECKING:
    import pandas as pd

SMOOTH_MM = 6.0
"""Default stiffness of the smoothing spline."""

MAX_SMOOTH_MM = 50.0
"""Stiffer than this, rounding errors show; use a polynomial of low degree."""

METHODS = ("spline", "polynomial", "linear")


@dataclass(frozen=True)
class Centerline:
    """A line through the cord with one point on each slice plane, from the lowest slice up.

    Attributes
    ----------
    points : (n, 3) array
        World (RAS) mm.
    tangents : (n, 3) array
        Unit vectors in world space, pointing up.
    arc_length : (n,) array
        Length along the line from the lowest point, mm.
    slices : (n,) array of int
        Canonical slice index; contiguous.
    measured : (n,) array of bool
        False where the slice had no mask, or none that continues the line, and the point was
        interpolated.
    """

    points: np.ndarray
    tangents: np.ndarray
    arc_length: np.ndarray
    slices: np.ndarray
    measured: np.ndarray

    def __len__(self) -> int:
        """Count the slices."""
        return len(self.slices)

    def to_frame(self) -> pd.DataFrame:
        """Tabulate: slice, x, y, z, tangent_x, tangent_y, tangent_z, arc_length, measured."""
        import pandas as pd

        return pd.DataFrame(
            {
                "slice": self.slices,
                **dict(zip("xyz", self.points.T, strict=True)),
                **{f"tangent_{a}": t for a, t in zip("xyz", self.tangents.T, strict=True)},
                "arc_length": self.arc_length,
                "measured": self.measured,
            }
        )


def fit_centerline(
    mask: np.ndarray,
    affine: np.ndarray,
    *,
    method: str = "spline",
    smooth_mm: float = SMOOTH_MM,
    degree: int = 5,
) -> Centerline:
    """Fit a line through the centres of mass of a mask's slices.

    Where a slice holds several pieces, the one that continues the line of the others is used;
    slices whose only piece lies far off the line are left out. Slices that lie more than about
    1.5 mm off the fitted line lose their influence on it.

    Parameters
    ----------
    mask : (i, j, k) array
        Binary or soft (see :func:`sctflow.core.mask.mask_weights`), in any orientation.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    method : {"spline", "polynomial", "linear"}
        ``spline``: smoothing spline of arc length (:func:`sctflow.core.curve.smoothing_spline`).
        ``polynomial``: of arc length, too. ``linear``: centres of mass joined by straight lines,
        not smoothed.
    smooth_mm : float
        Stiffness of the spline: undulations of wavelength 2 pi times this are halved,
        those twice as long lose 2 %, whatever the slice spacing. 0 passes through every centre.
    degree : int
        Of the polynomial; lowered so that two slices support each coefficient.

    Returns
    -------
    Centerline
        From the lowest to the highest slice with mask. A mask of one slice gets the slice normal
        as its tangent.

    Raises
    ------
    SegmentationError
        If the mask is empty.
    ValueError
        If `method` is unknown, `smooth_mm` beyond its limits or `degree` under 1.
    """
    if method not in METHODS:
        raise ValueError(f"Centreline method {method!r} is not one of {', '.join(METHODS)}.")
    if not 0 <= smooth_mm <= MAX_SMOOTH_MM or degree < 1:
        raise ValueError(
            f"smooth_mm must lie between 0 and {MAX_SMOOTH_MM:g}, and degree be at least 1."
        )
    draw: dict[str, Draw] = {
        "spline": partial(draw_spline, smooth_mm=smooth_mm),
        "polynomial": partial(draw_polynomial, degree=degree),
        "linear": draw_lines,
    }
    data, affine_ras = canonicalize(np.asarray(mask), affine)
    grid = SliceGrid.from_affine(affine_ras)
    occupied, used, centers = centers_of_slices(data, grid)

    slices = np.arange(occupied[0], occupied[-1] + 1)
    height = slices * grid.spacing
    if len(used) == 1:
        position = np.repeat(centers[:, :2], len(slices), axis=0)
        direction = np.tile([0.0, 0.0, 1.0], (len(slices), 1))
    else:
        position, direction = fit_curve(
            used * grid.spacing, centers[:, :2], height, draw[method], grid.spacing
        )
    points = np.column_stack([position, height])
    return Centerline(
        points=grid.from_frame(points),
        tangents=direction @ grid.axes.T,
        arc_length=arc_length(points, direction),
        slices=slices,
        measured=np.isin(slices, used),
    )


def centerline_mask(
    centerline: Centerline, shape: tuple[int, int, int], affine: np.ndarray
) -> np.ndarray:
    """Draw a centreline: one voxel in each slice that it crosses.

    Parameters
    ----------
    centerline : Centerline
        Of this or of another image in the same world space.
    shape : tuple of 3 int
        Size of the image.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.

    Returns
    -------
    (i, j, k) array of uint8
        1 on the line. Slices in which the line has left the field of view stay empty.
    """
    drawn, affine_ras = canonicalize(np.zeros(shape, dtype=np.uint8), affine)
    world_to_voxel = np.linalg.inv(affine_ras)
    path = centerline.points @ world_to_voxel[:3, :3].T + world_to_voxel[:3, 3]
    path = path[np.argsort(path[:, 2], kind="stable")]
    # The tolerance keeps the end slices of the line's own grid.
    lowest, highest = np.ceil(path[0, 2] - 1e-3), np.floor(path[-1, 2] + 1e-3)
    k = np.arange(lowest, highest + 1)
    i, j = (np.interp(k, path[:, 2], path[:, axis]) for axis in (0, 1))
    voxels = np.rint(np.column_stack([i, j, k])).astype(int)
    voxels = voxels[np.all((voxels >= 0) & (voxels < drawn.shape), axis=1)]
    drawn[tuple(voxels.T)] = 1
    return np.ascontiguousarray(from_canonical(drawn, affine))
