"""What the figures show, as arrays: which slices, which plane, where the outlines run.

Everything is in the closest canonical frame (axis 0 right, 1 anterior, 2 superior) and in the way
radiologists look: axial slices from below, with the patient's right on the left of the picture
and anterior at the top; sagittal planes with anterior on the left and superior at the top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sctflow.reports.grey import grey_levels


@dataclass(frozen=True)
class Volume:
    """An image and its mask in the closest canonical orientation.

    Attributes
    ----------
    data, mask : numpy.ndarray
        (right, anterior, superior) voxels; the mask as weights from 0 to 1.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    """

    data: np.ndarray
    mask: np.ndarray
    affine: np.ndarray

    @property
    def zooms(self) -> np.ndarray:
        """Voxel size along right, anterior and superior, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


@dataclass(frozen=True)
class Tile:
    """One axial slice, cropped around the cord and turned the radiological way.

    Attributes
    ----------
    slice : int
        Canonical slice number.
    pixels : numpy.ndarray
        (rows, columns) grey levels 0–255; row 0 anterior, column 0 the patient's right.
    outlines : list of numpy.ndarray
        (n, 2) points of the mask's outline: mm from the left and from the top edge of the tile.
    """

    slice: int
    pixels: np.ndarray
    outlines: list[np.ndarray]


@dataclass(frozen=True)
class Plane:
    """A sagittal plane over the whole field, anterior on the left and superior at the top.

    Attributes
    ----------
    pixels : numpy.ndarray
        (rows, columns) grey levels 0–255.
    width, height : float
        Size of the plane, mm.
    outlines : list of numpy.ndarray
        (n, 2) points of the mask's outline: mm from the anterior and from the superior edge.
    index : int
        Position of the plane along the right axis, in voxels.
    """

    pixels: np.ndarray
    width: float
    height: float
    outlines: list[np.ndarray]
    index: int


def canonical(data: np.ndarray, affine: np.ndarray, mask: np.ndarray) -> Volume:
    """Turn an image and its mask to the closest canonical (RAS) orientation, without resampling.

    Parameters
    ----------
    data, mask : numpy.ndarray
        Voxels on one grid, any orientation. Values that are not finite become 0.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world of both.
    """
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    if data.shape != mask.shape:
        raise ValueError(f"image {data.shape} and mask {mask.shape} are not on one grid")
    turn = io_orientation(affine)
    to_given = inv_ornt_aff(turn, data.shape)
    data = np.nan_to_num(apply_orientation(data, turn).astype(np.float32), posinf=0, neginf=0)
    mask = np.nan_to_num(apply_orientation(mask, turn).astype(np.float32))
    return Volume(data, np.clip(mask, 0, 1), affine @ to_given)


def cord_path(volume: Volume, centerline=None) -> dict[int, tuple[float, float]]:
    """Centre of the cord by slice.

    Parameters
    ----------
    volume : Volume
        Image with its mask.
    centerline : pandas.DataFrame, optional
        Columns ``slice`` and ``x``, ``y``, ``z`` (RAS world, mm). Without it, or without rows,
        the centres of mass of the mask in each slice are used.

    Returns
    -------
    dict
        Slice → voxel position along right and anterior; empty without a cord.
    """
    if centerline is not None and len(centerline):
        world = centerline[["x", "y", "z"]].to_numpy(float)
        voxels = world @ np.linalg.inv(volume.affine)[:3, :3].T
        voxels += np.linalg.inv(volume.affine)[:3, 3]
        slices = centerline["slice"].to_numpy(int)
        return {int(k): (float(v[0]), float(v[1])) for k, v in zip(slices, voxels, strict=True)}

    weight = volume.mask.sum(axis=(0, 1))
    held = np.flatnonzero(weight > 0)
    right, anterior = np.ogrid[: volume.mask.shape[0], : volume.mask.shape[1]]
    x = (volume.mask * right[..., None]).sum(axis=(0, 1))[held] / weight[held]
    y = (volume.mask * anterior[..., None]).sum(axis=(0, 1))[held] / weight[held]
    return {int(k): (float(a), float(b)) for k, a, b in zip(held, x, y, strict=True)}


def choose_slices(
    slices: list[int], confidence: Mapping[int, float], *, at_most: int, limit: float
) -> list[int]:
    """Choose slices evenly along the cord, the doubtful ones first.

    The slices are cut into ``at_most`` runs of equal length. Each run is shown by its middle
    slice, or by its least confident one where that is below ``limit``.
    """
    runs = np.array_split(np.sort(slices), min(at_most, len(slices))) if slices else []
    chosen = []
    for run in runs:
        known = {int(k): confidence[k] for k in run if k in confidence}
        worst = min(known, key=known.__getitem__) if known else None
        doubtful = worst is not None and known[worst] < limit
        chosen.append(worst if doubtful else int(run[(len(run) - 1) // 2]))
    return chosen


def tile_size(volume: Volume, *, at_most: float) -> tuple[float, float]:
    """Width and height of a tile, mm: ``at_most``, or the field of view where that is smaller."""
    field = volume.zooms[:2] * volume.data.shape[:2]
    return tuple(float(min(at_most, side)) for side in field)


def axial_tile(
    volume: Volume,
    index: int,
    centre: tuple[float, float],
    *,
    size: tuple[float, float],
    pixels_per_mm: float,
) -> Tile:
    """Cut a tile around the cord out of an axial slice.

    Parameters
    ----------
    volume : Volume
        Image with its mask.
    index : int
        Slice.
    centre : tuple of float
        Where the cord is, voxels along right and anterior. The tile is moved just enough to stay
        within the field of view.
    size : tuple of float
        Width and height, mm, at most those of the field of view.
    pixels_per_mm : float
        Fineness of the tile.
    """
    from scipy.ndimage import map_coordinates

    image = volume.data[:, :, index]
    zooms = volume.zooms[:2]
    half = np.array(size) / 2 / zooms
    centre = np.clip(centre, half - 0.5, np.array(image.shape) - 0.5 - half)
    columns, rows = (max(round(side * pixels_per_mm), 1) for side in size)
    # Columns run from the patient's right to left, rows from anterior to posterior.
    right = centre[0] + half[0] - (np.arange(columns) + 0.5) / columns * 2 * half[0]
    anterior = centre[1] + half[1] - (np.arange(rows) + 0.5) / rows * 2 * half[1]
    grey = map_coordinates(image, np.meshgrid(right, anterior), order=3, mode="nearest")
    outlines = [(centre + half - line) * zooms for line in contours(volume.mask[:, :, index])]
    return Tile(index, grey_levels(grey, upper=99.5), outlines)


def sagittal_plane(volume: Volume, *, longest: int = 640) -> Plane:
    """Sagittal plane that holds most of the cord, over the whole field.

    Without a mask, the middle plane. Between thick slices nothing is interpolated: a slice looks
    as thick as it is.
    """
    from scipy.ndimage import map_coordinates

    held = volume.mask.sum(axis=(1, 2))
    index = int(held.argmax()) if held.any() else volume.mask.shape[0] // 2
    image, mask = volume.data[index], volume.mask[index]
    _, dy, dz = volume.zooms
    width, height = image.shape[0] * dy, image.shape[1] * dz
    step = max(width, height) / longest
    columns, rows = max(round(width / step), 1), max(round(height / step), 1)
    y = image.shape[0] - 0.5 - (np.arange(columns) + 0.5) / columns * image.shape[0]
    z = image.shape[1] - 0.5 - (np.arange(rows) + 0.5) / rows * image.shape[1]
    if dz > 2 * dy:
        z = np.rint(z)
    grid = np.meshgrid(y, z)
    grey = map_coordinates(image, grid, order=1, mode="nearest")
    on_grid = map_coordinates(mask, grid, order=1, mode="nearest")
    outlines = [
        np.column_stack([(line[:, 1] + 0.5) / columns * width, (line[:, 0] + 0.5) / rows * height])
        for line in contours(on_grid)
    ]
    return Plane(grey_levels(grey, upper=99.7), width, height, outlines, index)


def contours(weights: np.ndarray) -> list[np.ndarray]:
    """Outlines where the weights of a 2-D mask cross one half, closed at the edges of the field.

    Returns
    -------
    list of numpy.ndarray
        (n, 2) positions in voxels, between voxel centres.
    """
    from skimage.measure import find_contours

    if not weights.any():
        return []
    return [line - 1 for line in find_contours(np.pad(weights, 1), 0.5)]
