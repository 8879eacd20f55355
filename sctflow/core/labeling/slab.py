"""Sagittal slabs along the cord: what the landmark network sees of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sctflow.core.centerline import Centerline
from sctflow.core.cord_curve import frame_axes
from sctflow.core.image import finite

if TYPE_CHECKING:
    import torch

CHANNELS = 3
"""Planes of a slab: left of the cord's middle, through it, right of it."""
OFFSET_MM = 5.0
"""Distance between the planes."""
WITHIN_PLANE_MM = (-1.0, 0.0, 1.0)
"""Sideways places that are averaged into a plane, against noise."""
PIXEL_MM = 1.0
"""Of the slab, along the cord and from back to front."""
BACK_MM, FRONT_MM = -56.0, 72.0
"""How far a slab reaches behind and in front of the path. Wider than what the network is trained
on: below the conus the spine leaves the straight line on which the path goes on."""
DIRECTION_MM = 15.0
"""The path goes on beyond the cord's ends in the mean direction over this length."""
BEYOND_MM = 400.0
"""How far at most it goes on."""
DARKEST, BRIGHTEST = 0.01, 0.99
"""Quantiles of what is seen that intensities are clipped to."""


@dataclass(frozen=True)
class Path:
    """A line down the spine with a point every :data:`PIXEL_MM`, from the bottom up.

    Attributes
    ----------
    points : (n, 3) array
        World (RAS) mm.
    axes : (n, 3, 3) array
        Right, anterior and up, unit vectors in the world.
    s : (n,) array
        Arc length in mm, as the centreline counts it; negative below its lower end.
    """

    points: np.ndarray
    axes: np.ndarray
    s: np.ndarray

    def to_world(self, row: np.ndarray, forward: np.ndarray) -> np.ndarray:
        """World mm (…, 3) of points in the slab's middle plane.

        Parameters
        ----------
        row : (…) array
            Fractional index of the path's points.
        forward : (…) array
            mm in front of the path.
        """
        row = np.clip(row, 0, len(self.points) - 1)
        low = np.minimum(row.astype(int), len(self.points) - 2)
        part = (row - low)[..., None]
        point = self.points[low] * (1 - part) + self.points[low + 1] * part
        ahead = self.axes[low, 1] * (1 - part) + self.axes[low + 1, 1] * part
        return point + forward[..., None] * ahead


@dataclass(frozen=True)
class Slab:
    """An image sampled on three parallel surfaces along a path.

    Attributes
    ----------
    planes : (CHANNELS, rows, columns) float32 array
        Rows follow the path from the bottom up, columns go from back to front.
    seen : (rows, columns) array of bool
        Field of view of the middle plane.
    path : Path
        One point for every row.
    """

    planes: np.ndarray
    seen: np.ndarray
    path: Path

    def to_world(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """World mm (…, 3) of fractional pixels of the middle plane."""
        return self.path.to_world(np.asarray(row, float), forward_mm(np.asarray(column, float)))


def forward_mm(column: np.ndarray) -> np.ndarray:
    """How far in front of the path columns lie, mm."""
    return BACK_MM + (column + 0.5) * PIXEL_MM


def path_along(line: Centerline, shape: tuple[int, ...], affine: np.ndarray) -> Path:
    """Follow a centreline, and go straight on beyond its ends as far as the image shows it.

    Parameters
    ----------
    line : Centerline
        Of the cord.
    shape : tuple of int
        Size of the image.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    """
    s = np.arange(-BEYOND_MM, line.arc_length[-1] + BEYOND_MM, PIXEL_MM)
    points = _prolonged(line, s)
    voxels = (points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    inside = np.all((voxels > -0.5) & (voxels < np.array(shape[:3]) - 0.5), axis=1)
    # Beyond the cord's end the spine may be in view where the straight line is not.
    near = np.flatnonzero(inside | ((s >= 0) & (s <= line.arc_length[-1])))
    margin = round(FRONT_MM / PIXEL_MM)
    first, last = max(0, near[0] - margin), min(len(s) - 1, near[-1] + margin)
    kept = slice(first, last + 1)
    return make_path(points[kept], s[kept])


def make_path(points: np.ndarray, s: np.ndarray) -> Path:
    """Give points (n, 3) along a line, with their arc lengths (n,), the axes of a path."""
    return Path(points, frame_axes(np.gradient(points, axis=0)), s)


def _prolonged(line: Centerline, s: np.ndarray) -> np.ndarray:
    """Points of a centreline at arc lengths, straight beyond its ends."""
    along = line.arc_length
    if len(along) == 1:
        return line.points[0] + (s - along[0])[:, None] * line.tangents[0]
    inside = np.clip(s, along[0], along[-1])
    points = np.stack([np.interp(inside, along, column) for column in line.points.T], -1)
    for end, there in ((along[0], s < along[0]), (along[-1], s > along[-1])):
        near = np.abs(along - end) <= DIRECTION_MM
        direction = line.tangents[near].mean(0)
        direction = direction / np.linalg.norm(direction)
        points[there] += (s[there] - end)[:, None] * direction
    return points


def sample_slab(data: np.ndarray, affine: np.ndarray, path: Path) -> Slab:
    """Sample an image on the three surfaces along a path.

    Parameters
    ----------
    data : (i, j, k) array
        Any orientation; values that are not finite count as 0.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    path : Path
        From `path_along`.
    """
    inverse = np.linalg.inv(affine)
    finer = _finer(affine)
    part = ((np.arange(finer) + 0.5) / finer - 0.5) * PIXEL_MM
    n_columns = round((FRONT_MM - BACK_MM) / PIXEL_MM)
    forward = (forward_mm(np.arange(n_columns))[:, None] + part).ravel()
    sideways = (np.array([-1, 0, 1])[:, None] * OFFSET_MM + np.array(WITHIN_PLANE_MM)).ravel()
    centre = (path.points[:, None] + part[None, :, None] * path.axes[:, None, 2]).reshape(-1, 3)
    axes = np.repeat(path.axes, finer, axis=0)
    flat = centre[:, None] + forward[None, :, None] * axes[:, None, 1]
    image = finite(data).astype(np.float32)
    planes = np.zeros((CHANNELS, len(centre), len(forward)), np.float32)
    for i, offset in enumerate(sideways):
        world = flat + offset * axes[:, None, 0]
        voxels = world @ inverse[:3, :3].T + inverse[:3, 3]
        planes[i // len(WITHIN_PLANE_MM)] += ndimage.map_coordinates(
            image, np.moveaxis(voxels, -1, 0), order=1, mode="nearest"
        )
    middle = flat @ inverse[:3, :3].T + inverse[:3, 3]
    seen = np.all((middle > -0.5) & (middle < np.array(data.shape[:3]) - 0.5), axis=-1)
    shape = (len(path.points), finer, n_columns, finer)
    planes = planes.reshape(CHANNELS, *shape).mean((2, 4)) / len(WITHIN_PLANE_MM)
    return Slab(planes, seen.reshape(shape).mean((1, 3)) > 0.5, path)


def _finer(affine: np.ndarray) -> int:
    """How many samples a pixel needs each way so that no voxel is passed over."""
    return max(1, round(PIXEL_MM / np.linalg.norm(affine[:3, :3], axis=0).min()))


def normalise_slab(planes: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Make the intensities of slabs comparable and add the field of view as a last channel.

    Parameters
    ----------
    planes : (n, CHANNELS, rows, columns) tensor
        Intensities; what is not seen may hold anything finite.
    seen : (n, 1, rows, columns) tensor
        1 in the field of view, 0 outside.

    Returns
    -------
    (n, CHANNELS + 1, rows, columns) tensor
        Clipped, with mean 0 and standard deviation 1 in the field of view, 0 outside it.
    """
    import torch

    out = []
    for image, field in zip(planes, seen, strict=True):
        values = image[:, field[0] > 0].flatten()
        if not values.numel():
            out.append(torch.cat([torch.zeros_like(image), field]))
            continue
        some = values[:: 1 + values.numel() // 100_000]
        low, high = torch.quantile(some, torch.tensor([DARKEST, BRIGHTEST]))
        values = values.clamp(low, high)
        scaled = (image.clamp(low, high) - values.mean()) / values.std().clamp(min=1e-6)
        out.append(torch.cat([scaled * field, field]))
    return torch.stack(out)
