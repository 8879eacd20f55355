"""Masks of simple shapes around a line through the slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.grid import SliceGrid, canonicalize, from_canonical

Shape = Literal["cylinder", "box", "gaussian"]


def draw_mask(
    shape: Sequence[int],
    affine: np.ndarray,
    centers: np.ndarray,
    *,
    kind: Shape = "cylinder",
    size_mm: float,
) -> np.ndarray:
    """Draw a disc, a square or a Gaussian around a point in every slice.

    Parameters
    ----------
    shape : sequence of 3 int
        Size of the image.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    centers : (slices, 2) array
        Where, in each slice from the lowest: see :func:`centers_through` and
        :func:`centers_along`. A slice whose centre is nan stays empty.
    kind : {"cylinder", "box", "gaussian"}
        Voxels whose centres lie in the disc or the square count.
    size_mm : float
        Diameter, side, or twice the standard deviation.

    Returns
    -------
    (i, j, k) array
        uint8, 0 and 1; float32 from 0 to 1 for the Gaussian.

    Raises
    ------
    ValueError
        No such shape, or a size that is not positive.
    """
    if kind not in get_args(Shape):
        raise ValueError(f"The shape must be one of {', '.join(get_args(Shape))}, not {kind!r}.")
    if not size_mm > 0:
        raise ValueError(f"The size must be over 0 mm, not {size_mm}.")
    empty, affine_ras = canonicalize(np.empty(tuple(shape), bool), affine)
    pixel = SliceGrid.from_affine(affine_ras).pixel
    i, j = (np.arange(n)[:, None] - centers[:, axis] for axis, n in enumerate(empty.shape[:2]))
    steps = np.stack(np.broadcast_arrays(i[:, None], j[None]), axis=-1) @ pixel.T
    reach = size_mm / 2
    # nan compares as false: a slice without a centre stays empty.
    if kind == "box":
        drawn = (np.abs(steps) <= reach).all(axis=-1)
    elif kind == "cylinder":
        drawn = (steps**2).sum(axis=-1) <= reach**2
    else:
        drawn = np.nan_to_num(np.exp(-0.5 * (steps**2).sum(axis=-1) / reach**2))
    return from_canonical(drawn, affine).astype(np.float32 if kind == "gaussian" else np.uint8)


def centers_through(point: np.ndarray, shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """Centres on the line through a point that runs along the columns of voxels.

    Parameters
    ----------
    point : (3,) array
        World (RAS) mm.
    shape, affine
        Of the image.

    Returns
    -------
    (slices, 2) array
        In canonical voxels to the right and to the front.
    """
    empty, affine_ras = canonicalize(np.empty(tuple(shape), bool), affine)
    voxel = np.linalg.inv(affine_ras) @ np.append(point, 1.0)
    return np.tile(voxel[:2], (empty.shape[2], 1))


def centers_along(centerline: Centerline, shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """Centres on a centreline, of this or of another image in the same world space.

    Returns
    -------
    (slices, 2) array
        In canonical voxels to the right and to the front; nan in slices that the line does not
        reach.
    """
    empty, affine_ras = canonicalize(np.empty(tuple(shape), bool), affine)
    inverse = np.linalg.inv(affine_ras)
    path = centerline.points @ inverse[:3, :3].T + inverse[:3, 3]
    path = path[np.argsort(path[:, 2], kind="stable")]
    slices = np.arange(empty.shape[2])
    # Half a slice farther than the last point, where that slice still shows it.
    inside = (slices >= path[0, 2] - 0.5) & (slices <= path[-1, 2] + 0.5)
    centers = np.column_stack([np.interp(slices, path[:, 2], path[:, a]) for a in (0, 1)])
    return np.where(inside[:, None], centers, np.nan)


def middle_of(shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """Middle of an image's field of view, world mm."""
    middle = (np.array(shape[:3]) - 1) / 2
    return affine[:3, :3] @ middle + affine[:3, 3]
