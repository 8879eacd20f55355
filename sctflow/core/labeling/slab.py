"""Sagittal slabs along the cord: what the landmark network sees of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

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
    points = _prolonged(line.points, line.arc_length, s)
    within = (s >= 0) & (s <= line.arc_length[-1])
    return _in_view(points, s, shape, affine, within)


def bend_path(
    path: Path, guides: np.ndarray, end: float, shape: tuple[int, ...], affine: np.ndarray
) -> Path:
    """Lead a path through points below the cord's end, so that it follows the canal there.

    Parameters
    ----------
    path : Path
        From `path_along`, or from here.
    guides : (n, 3) array
        World mm, from the top to the bottom.
    end : float
        Arc length to which the path stays as it is, mm.
    shape, affine
        As of `path_along`.
    """
    kept = path.s >= end
    anchor = path.points[kept][:: round(DIRECTION_MM / PIXEL_MM)]
    knots = np.concatenate([guides[::-1], anchor])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    fine = np.arange(0.0, length[-1], PIXEL_MM / 4)
    points = PchipInterpolator(length, knots)(fine)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    # The first anchor keeps the arc length that it had.
    along += path.s[kept][0] - np.interp(length[len(guides)], fine, along)
    s = np.arange(along[0] - BEYOND_MM, path.s[-1] + PIXEL_MM / 2, PIXEL_MM)
    s = s + (path.s[kept][0] - s[np.argmin(np.abs(s - path.s[kept][0]))])
    below = s < path.s[kept][0]
    bent = _prolonged(points, along, s)
    bent[~below] = path.points[kept][: (~below).sum()]
    return _in_view(bent, s, shape, affine, s >= end)


def _in_view(
    points: np.ndarray,
    s: np.ndarray,
    shape: tuple[int, ...],
    affine: np.ndarray,
    always: np.ndarray,
) -> Path:
    """Part of a line that an image shows, with a margin."""
    voxels = (points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    inside = np.all((voxels > -0.5) & (voxels < np.array(shape[:3]) - 0.5), axis=1)
    # Beyond the cord's end the spine may be in view where the line is not.
    margin = round(FRONT_MM / PIXEL_MM)
    near = np.flatnonzero(inside | always)
    kept = slice(max(0, near[0] - margin), near[-1] + margin + 1)
    return Path(points[kept], frame_axes(np.gradient(points[kept], axis=0)), s[kept])


def _prolonged(points: np.ndarray, along: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Points of a line at arc lengths ``s``, straight beyond its ends."""
    if len(along) == 1:
        return points[0] + (s - along[0])[:, None] * np.array([0.0, 0.0, 1.0])
    inside = np.clip(s, along[0], along[-1])
    out = np.stack([np.interp(inside, along, column) for column in points.T], -1)
    for end, there in ((along[0], s < along[0]), (along[-1], s > along[-1])):
        near = np.flatnonzero(np.abs(along - end) <= DIRECTION_MM)
        near = near if len(near) > 1 else np.argsort(np.abs(along - end))[:2]
        first, last = near.min(), near.max()
        direction = points[last] - points[first]
        direction = direction / np.linalg.norm(direction)
        out[there] += (s[there] - end)[:, None] * direction
    return out


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
