"""What the figures of the template registration show, as arrays.

As in `sctflow.reports.geometry`, everything is in the closest canonical frame and in the way
radiologists look. Grids of templates are large and images show a part of them, so that only the
neighbourhood of the cord is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sctflow.core.grid import canonicalize
from sctflow.core.mask import bounding_box, mask_weights
from sctflow.reports.geometry import contours

MARGIN_MM = 24.0
"""Shown to either side of the cord, where the field of view is that large."""

PIXELS_PER_MM = 3.2
_LONGEST = 640  # pixels of a sagittal view
_SMOOTH_MM = 4.0  # of the line that a sagittal view follows
_COVERED = 0.5  # part of the cord's voxels with a value, in a slice that an image shows


@dataclass(frozen=True)
class Site:
    """The neighbourhood of a cord on one grid.

    Attributes
    ----------
    images : dict
        Name → (right, anterior, superior) voxels, all of one shape.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    first : int
        Slice number, on the whole grid, of the lowest slice.
    centres : numpy.ndarray
        (slices, 2) position of the cord along right and anterior, voxels.
    """

    images: dict[str, np.ndarray]
    affine: np.ndarray
    first: int
    centres: np.ndarray

    @property
    def zooms(self) -> np.ndarray:
        """Voxel size along right, anterior and superior, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def __len__(self) -> int:
        """Count the slices."""
        return len(self.centres)


def find_site(
    images: Mapping[str, np.ndarray],
    affine: np.ndarray,
    *,
    cords: Sequence[str],
    seen_in: str | None = None,
    margin: float = MARGIN_MM,
) -> Site | None:
    """Cut the neighbourhood of a cord out of images.

    Parameters
    ----------
    images : mapping
        Name → 3-D voxels on one grid, any orientation.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    cords : sequence of str
        Which of them are masks, binary or with weights from 0 to 1. The cord is where one of them
        reaches one half.
    seen_in : str, optional
        Only slices in which this image has a value other than 0 in most of the cord: a resampled
        image is 0 outside of its field of view.
    margin : float
        Kept to either side of the cord, mm.

    Returns
    -------
    Site or None
        None if there is no cord, or none of its slices is seen.
    """
    first = next(iter(images))
    for name, data in images.items():
        if data.shape != images[first].shape:
            raise ValueError(
                f"{name} {data.shape} and {first} {images[first].shape} are not on one grid"
            )
    arranged = {name: canonicalize(data, affine)[0] for name, data in images.items()}
    affine_ras = canonicalize(images[first], affine)[1]
    zooms = np.linalg.norm(affine_ras[:3, :3], axis=0)
    # Everything that goes over all voxels comes after this: templates are large.
    box = _grown(_held(arranged, cords), margin / zooms, arranged[first].shape)
    if box is None:
        return None
    arranged = {name: data[box] for name, data in arranged.items()}
    arranged |= {name: mask_weights(arranged[name]) for name in cords}
    inside = np.any([arranged[name] >= 0.5 for name in cords], axis=0)
    slices = np.flatnonzero(inside.any(axis=(0, 1)))
    if seen_in is not None:
        slices = slices[_seen(arranged[seen_in][..., slices], inside[..., slices])]
    if not len(slices):
        return None
    along = slice(int(slices[0]), int(slices[-1]) + 1)
    cropped = {
        name: np.nan_to_num(data[..., along].astype(np.float32), posinf=0, neginf=0)
        for name, data in arranged.items()
    }
    corner = np.eye(4)
    corner[:3, 3] = [box[0].start, box[1].start, box[2].start + along.start]
    return Site(cropped, affine_ras @ corner, int(corner[2, 3]), _centres(inside[..., along]))


def _held(images: Mapping[str, np.ndarray], cords: Sequence[str]) -> list[tuple[slice, ...]]:
    """Boxes around what is not zero in masks."""
    boxes = [bounding_box(images[name]) for name in cords]
    return [box for box in boxes if box is not None]


def _grown(boxes: list[tuple[slice, ...]], margin: np.ndarray, shape) -> tuple | None:
    """Box around others, with a margin in the plane of the slices."""
    if not boxes:
        return None
    low = np.min([[part.start for part in box] for box in boxes], axis=0)
    high = np.max([[part.stop for part in box] for box in boxes], axis=0)
    more = np.ceil(margin * (1, 1, 0)).astype(int)
    return tuple(
        slice(int(a), int(b))
        for a, b in zip(np.maximum(low - more, 0), np.minimum(high + more, shape), strict=True)
    )


def _seen(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Slices in which most of the cord has a value."""
    has_value = np.isfinite(image) & (image != 0) & inside
    return has_value.sum(axis=(0, 1)) >= _COVERED * inside.sum(axis=(0, 1))


def _centres(inside: np.ndarray) -> np.ndarray:
    """Middle of the cord in each slice, voxels; between others where a slice has none."""
    count = inside.sum(axis=(0, 1))
    held = np.flatnonzero(count)
    middles = []
    for axis in (0, 1):
        profile = inside.sum(axis=1 - axis)[:, held]
        middle = np.arange(inside.shape[axis]) @ profile / count[held]
        middles.append(np.interp(np.arange(inside.shape[2]), held, middle))
    return np.column_stack(middles)


def slice_levels(levels: np.ndarray) -> np.ndarray:
    """Level of each slice of a level image (right, anterior, superior): that of most voxels.

    Returns
    -------
    numpy.ndarray
        (slices,) integers, 0 where there is none.
    """
    found = np.rint(levels).astype(int)
    counts = np.zeros((found.shape[2], int(found.max(initial=0)) + 1), int)
    voxels = np.argwhere(found > 0)
    np.add.at(counts, (voxels[:, 2], found[tuple(voxels.T)]), 1)
    return counts.argmax(axis=1)


def axial_values(site: Site, name: str, index: int, *, size: float, order: int = 1) -> np.ndarray:
    """Sample a square of a slice around the cord.

    Parameters
    ----------
    site : Site
    name : str
        Which image.
    index : int
        Slice of the site.
    size : float
        Side of the square, mm.
    order : int
        Of the interpolating spline.

    Returns
    -------
    numpy.ndarray
        `PIXELS_PER_MM` rows and columns per mm; row 0 anterior, column 0 the patient's right. Nan
        outside of the field of view.
    """
    from scipy.ndimage import map_coordinates

    image = site.images[name][:, :, index]
    count = round(size * PIXELS_PER_MM)
    aside = (np.arange(count) + 0.5) / PIXELS_PER_MM - size / 2
    right, anterior = (site.centres[index, axis] - aside / site.zooms[axis] for axis in (0, 1))
    values = map_coordinates(image, np.meshgrid(right, anterior), order=order, mode="nearest")
    beyond = [
        (at < -0.5) | (at > n - 0.5) for at, n in zip((right, anterior), image.shape, strict=True)
    ]
    values[:, beyond[0]], values[beyond[1]] = np.nan, np.nan
    return values


@dataclass(frozen=True)
class SagittalGrid:
    """Where a sagittal view is sampled: voxel positions of its rows and columns.

    Attributes
    ----------
    right, superior : numpy.ndarray
        (rows,)
    anterior : numpy.ndarray
        (columns,)
    width, height : float
        Size of the view, mm.
    """

    right: np.ndarray
    anterior: np.ndarray
    superior: np.ndarray
    width: float
    height: float


def sagittal_grid(site: Site) -> SagittalGrid:
    """Lay a sagittal view that follows the cord from side to side.

    Anterior is on the left, superior at the top.
    """
    from scipy.ndimage import gaussian_filter1d

    _, n, count = next(iter(site.images.values())).shape
    width, height = n * site.zooms[1], count * site.zooms[2]
    step = max(width, height) / _LONGEST
    columns, rows = max(round(width / step), 1), max(round(height / step), 1)
    superior = count - 0.5 - (np.arange(rows) + 0.5) / rows * count
    line = gaussian_filter1d(site.centres[:, 0], _SMOOTH_MM / site.zooms[2], mode="nearest")
    right = np.interp(superior, np.arange(count), line)
    if site.zooms[2] > 2 * site.zooms[1]:
        # Between thick slices nothing is made up: a slice looks as thick as it is.
        superior = np.rint(superior)
    anterior = n - 0.5 - (np.arange(columns) + 0.5) / columns * n
    return SagittalGrid(right, anterior, superior, width, height)


def sagittal_values(site: Site, name: str, grid: SagittalGrid) -> np.ndarray:
    """Sample an image on a sagittal view, (rows, columns)."""
    from scipy.ndimage import map_coordinates

    shape = (len(grid.superior), len(grid.anterior))
    where = [
        np.broadcast_to(at, shape)
        for at in (grid.right[:, None], grid.anterior, grid.superior[:, None])
    ]
    return map_coordinates(site.images[name], where, order=1, mode="nearest")


def outlines(values: np.ndarray, *, width: float) -> list[np.ndarray]:
    """Outlines of sampled weights, (n, 2) mm from the left and from the top edge.

    Parameters
    ----------
    values : numpy.ndarray
        (rows, columns) square pixels; nan counts as 0.
    width : float
        Of the picture, mm.
    """
    step = width / values.shape[1]
    return [(line[:, ::-1] + 0.5) * step for line in contours(np.nan_to_num(values))]
