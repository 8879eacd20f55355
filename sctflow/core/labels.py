"""Labelled points: intervertebral discs, vertebral bodies, junction and conus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sctflow.core.centerline import Centerline
from sctflow.core.grid import canonicalize
from sctflow.core.label_values import LAST_DISC, disc_name
from sctflow.errors import SctflowError

SPREAD_MM = 5.0
"""Voxels of one value that lie farther from their centre than this do not mark one point."""


class LabelError(SctflowError):
    """Labelled points are missing, or contradict each other, the image or the cord."""


@dataclass(frozen=True)
class LabelPoints:
    """Points with a value each, in ascending order of value.

    Attributes
    ----------
    values : (n,) array of int
        As in the label image.
    voxels : (n, 3) array
        Voxel indices on the image's own grid, fractional where several voxels mark one point.
    world : (n, 3) array
        RAS mm.
    """

    values: np.ndarray
    voxels: np.ndarray
    world: np.ndarray

    def __len__(self) -> int:
        """Count the points."""
        return len(self.values)

    def select(self, chosen: np.ndarray) -> LabelPoints:
        """Take some of the points, by index or by mask (n,)."""
        return LabelPoints(self.values[chosen], self.voxels[chosen], self.world[chosen])


def make_points(
    values: Sequence[int] | np.ndarray, voxels: np.ndarray, affine: np.ndarray
) -> LabelPoints:
    """Make points from voxel coordinates.

    Parameters
    ----------
    values : (n,) array of int
        In any order; each at most once.
    voxels : (n, 3) array
        Voxel indices.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Raises
    ------
    LabelError
        If a value is given twice.
    """
    values = np.asarray(values, dtype=int)
    voxels = np.asarray(voxels, dtype=float).reshape(-1, 3)
    unique, counts = np.unique(values, return_counts=True)
    if np.any(counts > 1):
        twice = ", ".join(map(disc_name, unique[counts > 1]))
        raise LabelError(f"Given more than once: {twice}. Keep one point of each value.")
    order = np.argsort(values)
    voxels = voxels[order]
    return LabelPoints(values[order], voxels, _to_world(voxels, affine))


def points_at(
    values: Sequence[int] | np.ndarray, world: np.ndarray, affine: np.ndarray
) -> LabelPoints:
    """Make points from world coordinates (n, 3) in RAS mm; see :func:`make_points`."""
    return make_points(values, _to_voxels(np.asarray(world, dtype=float), affine), affine)


def read_points(
    image: np.ndarray, affine: np.ndarray, *, name: str
) -> tuple[LabelPoints, list[str]]:
    """Find the points in a label image.

    Several voxels of one value mark their centre.

    Parameters
    ----------
    image : (i, j, k) array
        0 is background.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    name : str
        What the messages call the image, usually its file name.

    Returns
    -------
    LabelPoints
    warnings : list of str
        Each starts with `name`.

    Raises
    ------
    LabelError
        No label, values that are not whole numbers over 0, or one value in places that are more
        than :data:`SPREAD_MM` from their centre.
    """
    image = np.asarray(image)
    marked = np.argwhere(np.nan_to_num(image) != 0)
    if not len(marked):
        raise LabelError(f"{name}: there is no label in it. Place labels, or remove the file.")
    found = np.asarray(image[tuple(marked.T)], dtype=float)
    if np.any(found < 1) or np.any(found != np.rint(found)):
        odd = found[(found < 1) | (found != np.rint(found))][0]
        raise LabelError(
            f"{name}: the value {odd:.4g} is not a whole number over 0, so these are not labels. "
            "Resample label images with nearest neighbours, and save them as integers."
        )
    values, warnings, centers = np.unique(found.astype(int)), [], []
    for value in values:
        voxels = marked[found == value]
        centers.append(voxels.mean(axis=0))
        steps = (voxels - centers[-1]) @ np.asarray(affine, dtype=float)[:3, :3].T
        spread = float(np.linalg.norm(steps, axis=1).max())
        if spread <= SPREAD_MM:
            continue
        pieces = ndimage.label(image == value, structure=np.ones((3, 3, 3)))[1]
        if pieces > 1:
            places = "; ".join(", ".join(map(str, voxel)) for voxel in voxels[[0, -1]])
            raise LabelError(
                f"{name}: {disc_name(value)} marks {pieces} places, among them voxels {places}. "
                "Keep the right one."
            )
        warnings.append(
            f"{name}: {disc_name(value)} fills {len(voxels)} voxels up to {spread:.0f} mm from "
            "their centre, which is taken as the point"
        )
    return make_points(values, np.array(centers), affine), warnings


def draw_points(
    points: LabelPoints, shape: tuple[int, int, int], affine: np.ndarray, *, name: str
) -> np.ndarray:
    """Draw each point as the voxel that it lies in.

    Parameters
    ----------
    points : LabelPoints
        Of this or another image in the same world space.
    shape, affine
        Grid to draw on; voxel to RAS mm.
    name : str
        What the messages call the points.

    Returns
    -------
    (i, j, k) array of uint8, or uint16 if a value is over 255

    Raises
    ------
    LabelError
        If points lie outside the image or share a voxel.
    """
    voxels = np.rint(_to_voxels(points.world, affine)).astype(int)
    inside = np.all((voxels >= 0) & (voxels < np.array(shape)), axis=1)
    if not inside.all():
        lost = "; ".join(
            f"{disc_name(value)} at voxel {', '.join(map(str, voxel))}"
            for value, voxel in zip(points.values[~inside], voxels[~inside], strict=True)
        )
        raise LabelError(
            f"{name}: outside the image of {' x '.join(map(str, shape))} voxels: {lost}. "
            "Remove them, or correct their coordinates."
        )
    _, place = np.unique(voxels, axis=0, return_inverse=True)
    shared = np.bincount(place.ravel())[place.ravel()] > 1
    if shared.any():
        which = ", ".join(map(disc_name, points.values[shared]))
        raise LabelError(f"{name}: in one voxel: {which}. Move or remove all but one.")
    high = int(points.values.max(initial=0))
    image = np.zeros(shape, np.uint8 if high < 256 else np.uint16)
    image[tuple(voxels.T)] = points.values
    return image


def keep_values(image: np.ndarray, values: Iterable[int]) -> np.ndarray:
    """Set all but some values of a label image to 0.

    Raises
    ------
    LabelError
        If the image lacks one of the values.
    """
    return np.where(np.isin(image, _present(image, values)), image, 0).astype(image.dtype)


def remove_values(image: np.ndarray, values: Iterable[int]) -> np.ndarray:
    """Set some values of a label image to 0.

    Raises
    ------
    LabelError
        If the image lacks one of the values.
    """
    return np.where(np.isin(image, _present(image, values)), 0, image).astype(image.dtype)


def bodies_from_discs(discs: LabelPoints) -> LabelPoints:
    """Place vertebral bodies: half-way between the discs above and below.

    Parameters
    ----------
    discs : LabelPoints
        Other points than discs have no influence.

    Returns
    -------
    LabelPoints
        With the vertebra's number, for each vertebra with both discs.
    """
    upper = np.flatnonzero((discs.values < LAST_DISC) & np.isin(discs.values + 1, discs.values))
    lower = np.searchsorted(discs.values, discs.values[upper] + 1)
    return LabelPoints(
        discs.values[upper],
        0.5 * (discs.voxels[upper] + discs.voxels[lower]),
        0.5 * (discs.world[upper] + discs.world[lower]),
    )


def middle_point(
    centerline: Centerline, shape: tuple[int, int, int], affine: np.ndarray, *, value: int
) -> LabelPoints:
    """Mark the cord half-way between the lowest and highest slice of an image.

    Parameters
    ----------
    centerline : Centerline
        Of the image.
    shape, affine
        Grid of the image.
    value : int
        To mark the point with: the disc nearest to the middle of the field of view.

    Raises
    ------
    LabelError
        If the centreline does not reach the middle slice.
    """
    canonical, _ = canonicalize(np.empty(shape, np.uint8), affine)
    middle = (canonical.shape[2] - 1) // 2
    at = np.flatnonzero(centerline.slices == middle)
    if not len(at):
        raise LabelError(
            f"The centreline covers slices {centerline.slices[0]} to {centerline.slices[-1]} and "
            f"not the middle of the image, slice {middle}. Place the label by hand."
        )
    return points_at([value], centerline.points[at], affine)


def _present(image: np.ndarray, values: Iterable[int]) -> list[int]:
    wanted = list(values)
    lacking = [value for value in wanted if not np.any(image == value)]
    if lacking:
        there = ", ".join(map(str, np.unique(image[image != 0]))) or "none"
        raise LabelError(
            f"Not among the labels: {', '.join(map(str, lacking))}. Values there: {there}."
        )
    return wanted


def _to_world(voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    affine = np.asarray(affine, dtype=float)
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def _to_voxels(world: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return _to_world(world, np.linalg.inv(np.asarray(affine, dtype=float)))
