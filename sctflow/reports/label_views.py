"""Sagittal surfaces to show labels on: a slice of the image, or one that follows the cord.

Everything is in the closest canonical frame (axis 0 right, 1 anterior, 2 superior). Pictures have
anterior on the left and superior at the top; positions on them are mm from the anterior and the
superior edge of the field of view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.grid import canonicalize
from sctflow.core.image import finite

BEYOND_MM = 5.0
"""A label that lies farther than this beyond an end of the centreline says where the spine goes:
discs below the cord's tip, and above and below a mask that is shorter than the field of view."""


@dataclass(frozen=True)
class Field:
    """An image in the closest canonical orientation.

    Attributes
    ----------
    data : numpy.ndarray
        (right, anterior, superior) voxels.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    """

    data: np.ndarray
    affine: np.ndarray

    @property
    def zooms(self) -> np.ndarray:
        """Voxel size along right, anterior and superior, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def width(self) -> float:
        """From the anterior to the posterior edge, mm."""
        return float(self.data.shape[1] * self.zooms[1])

    @property
    def height(self) -> float:
        """From the superior to the inferior edge, mm."""
        return float(self.data.shape[2] * self.zooms[2])

    def to_voxels(self, world: np.ndarray) -> np.ndarray:
        """Voxel positions (n, 3) of world points (n, 3), mm."""
        inverse = np.linalg.inv(self.affine)
        return np.reshape(world, (-1, 3)) @ inverse[:3, :3].T + inverse[:3, 3]

    def on_picture(self, voxels: np.ndarray) -> np.ndarray:
        """Positions (n, 2) on a picture of voxel positions (n, 3)."""
        return (np.array(self.data.shape[1:]) - 0.5 - voxels[:, 1:]) * self.zooms[1:]

    def holds(self, voxels: np.ndarray) -> np.ndarray:
        """Whether voxel positions (n, 3) lie on a picture, wherever they are from side to side."""
        inside = (voxels[:, 1:] >= -0.5) & (voxels[:, 1:] <= np.array(self.data.shape[1:]) - 0.5)
        return inside.all(axis=1)


def make_field(data: np.ndarray, affine: np.ndarray) -> Field:
    """Arrange an image, in any orientation, for pictures; what is not finite counts as 0."""
    return Field(*canonicalize(finite(data), np.asarray(affine, dtype=float)))


def lateral_course(centerline: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Follow the spine from side to side: the centreline and, beyond its ends, labels.

    Parameters
    ----------
    centerline, labels : numpy.ndarray
        (n, 3) mm along right, anterior and superior; either may be empty.

    Returns
    -------
    numpy.ndarray
        (n, 2) superior and right, mm, from the lowest to the highest.
    """
    if len(centerline):
        low, high = centerline[:, 2].min() - BEYOND_MM, centerline[:, 2].max() + BEYOND_MM
        labels = labels[(labels[:, 2] < low) | (labels[:, 2] > high)]
    points = np.concatenate([centerline, labels])[:, [2, 0]]
    return points[np.argsort(points[:, 0], kind="stable")]


def sample_sagittal(
    field: Field, course: np.ndarray, *, window: tuple[float, float], step: float
) -> np.ndarray:
    """Sample an image on a surface that runs from front to back through a course.

    Parameters
    ----------
    field : Field
    course : numpy.ndarray
        (n, 2) superior and right, mm from the first voxel: where the surface lies. It goes on
        upright beyond the ends. A single point gives the plane through it.
    window : tuple of float
        First and last mm from the anterior edge.
    step : float
        Size of a pixel, mm.

    Returns
    -------
    numpy.ndarray
        (rows, columns) values over the whole height; nan outside of the field of view.
    """
    from scipy.ndimage import map_coordinates

    sides, depth, count = field.data.shape
    dx, dy, dz = field.zooms
    rows = max(round(field.height / step), 1)
    columns = max(round((window[1] - window[0]) / step), 1)
    superior = count - 0.5 - (np.arange(rows) + 0.5) / rows * count
    if dz > 2 * dy:
        # Between thick slices nothing is made up: a slice looks as thick as it is.
        superior = np.clip(np.rint(superior), 0, count - 1)
    across = window[0] + (np.arange(columns) + 0.5) / columns * (window[1] - window[0])
    anterior = depth - 0.5 - across / dy
    right = np.interp(superior * dz, *course.T) / dx
    grid = np.broadcast_arrays(right[:, None], anterior, superior[:, None])
    # Only the columns around the course are needed: spares a copy of a large image.
    first, last = (int(np.clip(edge, 0, sides)) for edge in (right.min() - 1, right.max() + 3))
    values = np.full(grid[0].shape, np.nan, np.float32)
    if last > first:
        part = np.asarray(field.data[first:last], np.float32)
        grid = [right[:, None] - first + 0 * anterior, *grid[1:]]
        values = map_coordinates(part, grid, order=1, mode="nearest")
    values[(right < -0.5) | (right > sides - 0.5)] = np.nan
    values[:, (anterior < -0.5) | (anterior > depth - 0.5)] = np.nan
    return values


def spread_apart(wanted: np.ndarray, *, gap: float, low: float, high: float) -> np.ndarray:
    """Move places on a line as little as possible until no two are nearer than a gap.

    Least squares under the order of the places. Where there is no room for all between `low` and
    `high`, they reach beyond `high`.

    Parameters
    ----------
    wanted : numpy.ndarray
        (n,) places, rising.
    gap : float
        Smallest distance between neighbours.
    low, high : float
        Ends of the line.
    """
    from scipy.optimize import isotonic_regression

    if not len(wanted):
        return np.array([])
    taken = gap * np.arange(len(wanted))
    apart = isotonic_regression(np.asarray(wanted, float) - taken).x
    return np.clip(apart, low, max(low, high - taken[-1])) + taken
