"""What is done to labelled points: placed, added, moved, drawn larger, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sctflow.core.centerline import Centerline
from sctflow.core.cord_frame import CordFrame
from sctflow.core.label_values import disc_name
from sctflow.core.labels import LabelError, LabelPoints, draw_points, make_points, points_at
from sctflow.core.transforms import Chain, points_back
from sctflow.core.transforms.field import to_indices, to_world, within

if TYPE_CHECKING:
    import pandas as pd


def parse_points(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read points that are typed as ``x,y,z,value``.

    Returns
    -------
    values : (n,) array of int
    coordinates : (n, 3) array

    Raises
    ------
    LabelError
        If a text is anything else; it is named.
    """
    numbers = np.array([parse_numbers(text, "x,y,z,value") for text in texts]).reshape(-1, 4)
    return _whole(numbers[:, 3], texts), numbers[:, :3]


def parse_places(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read places on the cord that are typed as ``slice,value``.

    Returns
    -------
    values, slices : (n,) arrays of int

    Raises
    ------
    LabelError
        If a text is anything else; it is named.
    """
    numbers = np.array([parse_numbers(text, "slice,value") for text in texts]).reshape(-1, 2)
    return _whole(numbers[:, 1], texts), _whole(numbers[:, 0], texts, least=0)


def parse_numbers(text: str, form: str) -> list[float]:
    """Read numbers between commas; as many as `form` has."""
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")) or not np.isfinite(numbers).all():
        raise LabelError(f"'{text}' is not a point. Points are written as {form}, in numbers.")
    return numbers


def _whole(numbers: np.ndarray, texts: Sequence[str], least: int = 1) -> np.ndarray:
    for number, text in zip(numbers, texts, strict=True):
        if number != np.rint(number) or number < least:
            raise LabelError(f"'{text}': {number:g} must be a whole number, {least} or more.")
    return numbers.astype(int)


def add_points(old: LabelPoints, new: LabelPoints, affine: np.ndarray) -> LabelPoints:
    """Join two sets of points; where both have a value, the new point counts.

    Parameters
    ----------
    old, new : LabelPoints
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image that the points are for.
    """
    kept = old.select(~np.isin(old.values, new.values))
    world = np.concatenate([kept.world, new.world])
    return points_at(np.concatenate([kept.values, new.values]), world, affine)


def points_on_slices(
    centerline: Centerline, values: np.ndarray, slices: np.ndarray, affine: np.ndarray
) -> LabelPoints:
    """Mark the cord in given slices.

    Parameters
    ----------
    centerline : Centerline
        Of the image.
    values, slices : (n,) arrays of int
        What to mark, and canonical slices, 0 at the bottom.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.

    Raises
    ------
    LabelError
        If the centreline does not reach a slice.
    """
    missing = np.setdiff1d(slices, centerline.slices)
    if len(missing):
        raise LabelError(
            f"The cord covers slices {centerline.slices[0]} to {centerline.slices[-1]} (counted "
            f"from the lowest, 0), and not slice {', '.join(map(str, missing))}."
        )
    at = np.searchsorted(centerline.slices, slices)
    return points_at(values, centerline.points[at], affine)


def carry_points(
    points: LabelPoints, chain: Chain, *, affine: np.ndarray, shape: Sequence[int], name: str
) -> tuple[LabelPoints, list[str]]:
    """Take points of a moving image to the grid that the image would be resampled onto.

    Parameters
    ----------
    points : LabelPoints
        Of the moving image.
    chain : sequence of transforms
        As for resampling the image: from the fixed grid to the moving image.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the fixed grid.
    shape : sequence of 3 int
        Its size.
    name : str
        What the messages call the points.

    Returns
    -------
    LabelPoints
        Without those that lie outside the fixed grid.
    warnings : list of str
        The names of those.

    Raises
    ------
    LabelError
        If none lies inside.
    """
    world, found = points_back(points.world, chain, affine=affine, shape=shape)
    indices = to_indices(world, np.asarray(affine, dtype=float))
    inside = found & within(indices, shape)
    outside = ", ".join(map(disc_name, points.values[~inside]))
    if not inside.any():
        raise LabelError(
            f"{name}: no point lies in the field of view of the reference: {outside}. Check the "
            "transforms and their order."
        )
    warnings = [f"{name}: outside the field of view of the reference: {outside}"]
    moved = make_points(points.values[inside], indices[inside], affine)
    return moved, [] if inside.all() else warnings


def draw_balls(
    points: LabelPoints,
    shape: tuple[int, int, int],
    affine: np.ndarray,
    *,
    radius_mm: float,
    name: str,
) -> np.ndarray:
    """Draw points as balls, for labels that must be seen or survive an interpolation.

    Parameters
    ----------
    points : LabelPoints
    shape, affine
        Grid to draw on; voxel to RAS mm.
    radius_mm : float
        Voxels whose centre is no farther away get the value of the nearest point; 0 draws a
        single voxel.
    name : str
        What the messages call the points.

    Returns
    -------
    (i, j, k) array
        As :func:`sctflow.core.labels.draw_points`, whose errors it has.
    """
    single = draw_points(points, shape, affine, name=name)
    affine = np.asarray(affine, dtype=float)
    reach = np.ceil(radius_mm * np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1)).astype(int)
    around = np.moveaxis(np.indices(2 * reach + 1), 0, -1).reshape(-1, 3) - reach
    voxels = np.rint(to_indices(points.world, affine)).astype(int)[:, None] + around
    distance = np.linalg.norm(to_world(voxels, affine) - points.world[:, None], axis=-1)
    drawn = (distance <= radius_mm) & np.all((voxels >= 0) & (voxels < shape), axis=-1)
    values = np.broadcast_to(points.values[:, None], distance.shape)[drawn]
    # The farthest first, so that the nearest point has the last word.
    order = np.argsort(-distance[drawn], kind="stable")
    image = np.zeros_like(single)
    image[tuple(voxels[drawn][order].T)] = values[order]
    return np.where(single > 0, single, image)


def common_values(image: np.ndarray, other: np.ndarray) -> list[int]:
    """Give the values that two label images share.

    Raises
    ------
    LabelError
        If there is none.
    """
    common = np.intersect1d(image[image != 0], other[other != 0])
    if not len(common):
        raise LabelError("The two label images have no value in common.")
    return [int(value) for value in common]


def renumber(image: np.ndarray, *, by: int) -> np.ndarray:
    """Add a number to all labels, such as -1 for discs that were counted one too low.

    Raises
    ------
    LabelError
        If a value would be under 1.
    """
    image = np.asarray(image)
    shifted = np.where(image != 0, image.astype(int) + by, 0)
    if (shifted[image != 0] < 1).any():
        low = int(image[image != 0].min())
        raise LabelError(f"The label {low} would become {low + by}. Labels are 1 or more.")
    return shifted.astype(np.uint8 if shifted.max(initial=0) < 256 else np.uint16)


def list_labels(image: np.ndarray, affine: np.ndarray) -> pd.DataFrame:
    """List every labelled place, whether it makes sense or not.

    Parameters
    ----------
    image : (i, j, k) array
        0 is background.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    DataFrame
        One row per group of touching voxels of one value: `value`, `name`, `n_voxels`, centre in
        voxels `i`, `j`, `k` and in RAS mm `x`, `y`, `z`; by value.
    """
    import pandas as pd

    image = np.nan_to_num(np.asarray(image))
    rows = []
    for value in np.unique(image[image != 0]):
        pieces, count = ndimage.label(image == value, structure=np.ones((3, 3, 3)))
        numbers = np.arange(1, count + 1)
        middles = np.array(ndimage.center_of_mass(pieces > 0, pieces, numbers))
        sizes = ndimage.sum_labels(pieces > 0, pieces, numbers).astype(int)
        world = middles @ np.asarray(affine)[:3, :3].T + np.asarray(affine)[:3, 3]
        name = disc_name(int(value)) if value == np.rint(value) else f"no label ({value:.4g})"
        rows += [
            (value, name, size, *voxel, *point)
            for size, voxel, point in zip(sizes, middles, world, strict=True)
        ]
    return pd.DataFrame(rows, columns=["value", "name", "n_voxels", *"ijk", *"xyz"])


def locate_points(points: LabelPoints, frame: CordFrame) -> pd.DataFrame:
    """Say where points lie with respect to the cord.

    Parameters
    ----------
    points : LabelPoints
    frame : CordFrame

    Returns
    -------
    DataFrame
        One row per point: `value`, `name`, `right`, `front` (mm from the centreline), `along`
        (mm from the lowest slice of the mask, upwards) and `slice` (nearest slice of the mask).
    """
    import pandas as pd

    uvs = frame.from_world(points.world)
    nearest = np.abs(frame.slice_s - uvs[:, 2:]).argmin(axis=1)
    return pd.DataFrame(
        {
            "value": points.values,
            "name": [disc_name(int(value)) for value in points.values],
            "right": uvs[:, 0],
            "front": uvs[:, 1],
            "along": uvs[:, 2],
            "slice": frame.slices[nearest],
        }
    )
