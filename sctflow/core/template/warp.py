"""Bring a template's tissues, levels and atlas onto a grid, each interpolated once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from sctflow.core.mask import bounding_box
from sctflow.core.transforms import Chain, map_points, resample_through
from sctflow.core.transforms.apply import Interpolation
from sctflow.core.transforms.field import centers, to_indices, to_world

FULL = 255
"""Stored value of a weight of 1: weights of a template are packed into bytes."""

_ALONG_MM = 2.0
"""Between points of a voxel along the body, where the template changes little: a cord that leans
by 15 degrees moves by half a millimetre from one to the next."""

_NEARLY = 0.1
"""Of a point: voxels of 0.51 mm need no more of them than those of 0.5 mm."""

_STRIDE = 4  # voxels: the first look for the part of a grid that a template covers
_MOST_STRIDE_MM = 6.0


@dataclass(frozen=True)
class TemplateImages:
    """A template's label images and partial volumes, cut out around its cord.

    Attributes
    ----------
    affine : (4, 4) array
        Voxel to world (RAS mm) of the cut-out.
    shape : tuple of 3 int
        Its size.
    weights : dict of (x, y, z) arrays of uint8
        Partial volumes by name (``cord``, ``gray matter``, …), of :data:`FULL`.
    labels : dict of (x, y, z) arrays
        Label images by name (``vertebral levels``, …).
    places, values : arrays
        Voxels of the atlas's regions that are not 0, one region after the other: flat index in
        the cut-out (uint32) and partial volume of :data:`FULL` (uint8).
    ends : (n + 1,) array
        Where in these each region begins; the last is their length.
    """

    affine: np.ndarray
    shape: tuple[int, int, int]
    weights: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    places: np.ndarray
    values: np.ndarray
    ends: np.ndarray

    def region(self, n: int) -> np.ndarray:
        """Partial volumes (x, y, z), uint8 of :data:`FULL`, of the nth region of the atlas."""
        image = np.zeros(int(np.prod(self.shape)), np.uint8)
        image[self.places[self.ends[n] : self.ends[n + 1]]] = self.values[
            self.ends[n] : self.ends[n + 1]
        ]
        return image.reshape(self.shape)


@dataclass(frozen=True)
class Warped:
    """A template's images on another grid.

    Attributes
    ----------
    weights : dict of (i, j, k) float32 arrays
        In [0, 1].
    labels : dict of (i, j, k) arrays
    atlas : (i, j, k, n) array of uint8
        Partial volumes, of :data:`FULL`.
    """

    weights: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    atlas: np.ndarray


def warp_template(
    images: TemplateImages,
    chain: Chain,
    *,
    to_affine: np.ndarray,
    to_shape: Sequence[int],
    regions: Sequence[int] | None = None,
) -> Warped:
    """Bring a template's images onto a grid.

    Only the part of the grid that the cut-out covers is worked on. Weights and partial volumes
    are means over each voxel, labels those at its centre.

    Parameters
    ----------
    images : TemplateImages
    chain : sequence of transforms
        Takes points of the grid to the template.
    to_affine : (4, 4) array
        Voxel to world (RAS mm) of the grid.
    to_shape : sequence of 3 int
    regions : sequence of int, optional
        Which regions of the atlas; all by default.
    """
    to_affine, to_shape = np.asarray(to_affine, float), tuple(int(n) for n in to_shape)
    box = covered_box(images.affine, images.shape, chain, to_affine=to_affine, to_shape=to_shape)
    regions = range(len(images.ends) - 1) if regions is None else regions
    atlas = np.zeros((*to_shape, len(regions)), np.uint8)
    weights = {name: np.zeros(to_shape, np.float32) for name in images.weights}
    labels = {name: np.zeros(to_shape, image.dtype) for name, image in images.labels.items()}
    if box is None:
        return Warped(weights, labels, atlas)

    corner = to_affine.copy()
    corner[:3, 3] = to_world(np.array([side.start for side in box]), to_affine)
    size = tuple(side.stop - side.start for side in box)
    points = map_points(centers(corner, size, slice(0, size[0])), chain)
    indices = to_indices(points, images.affine)
    inside = ((indices > -1) & (indices < np.array(images.shape))).all(axis=1).reshape(size)
    places = places_in_voxels(indices.reshape(*size, 3), inside, corner, images.affine)
    for name, image in images.weights.items():
        weights[name][box][inside] = _mean_at(image, places) / FULL
    for n, region in enumerate(regions):
        part = _mean_at(images.region(region), places)
        atlas[..., n][box][inside] = np.rint(part).astype(np.uint8)
    for name, image in images.labels.items():
        labels[name][box] = resample_through(
            image, images.affine, chain, to_affine=corner, to_shape=size, interpolation="label"
        )
    return Warped(weights, labels, atlas)


def places_in_voxels(
    indices: np.ndarray, inside: np.ndarray, to_affine: np.ndarray, affine: np.ndarray
) -> list[np.ndarray]:
    """Find where points spread evenly over voxels come to lie in another image.

    A partial volume is the mean over a voxel, which its centre knows only where voxels are small.

    Parameters
    ----------
    indices : (i, j, k, 3) array
        Where the centres of the voxels come to lie in the other image, voxels.
    inside : (i, j, k) array of bool
        Voxels that are wanted.
    to_affine, affine : (4, 4) array
        Voxel to world (RAS mm) of the voxels' grid and of the other image.

    Returns
    -------
    list of (3, n) arrays
        One for each point of a voxel: across the body no farther apart than the other image's
        voxels, and :data:`_ALONG_MM` along it. Between centres the map is taken as linear, so
        that nothing needs to be known beyond the outermost ones.
    """
    edges = np.linalg.norm(to_affine[:3, :3], axis=0)
    spacing = np.full(3, np.linalg.norm(affine[:3, :3], axis=0).min())
    spacing[np.argmax(np.abs(to_affine[2, :3]) / edges)] = _ALONG_MM
    counts = np.maximum(np.ceil(edges / spacing - _NEARLY), 1).astype(int)
    upright = np.linalg.solve(affine[:3, :3], to_affine[:3, :3])
    steps = [
        np.gradient(indices, axis=axis)[inside]
        if indices.shape[axis] > 1
        else np.broadcast_to(upright[:, axis], (int(inside.sum()), 3))
        for axis in range(3)
    ]
    offsets = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    return [
        np.ascontiguousarray(
            (indices[inside] + sum(a * step for a, step in zip(offset, steps, strict=True))).T
        )
        for offset in product(*offsets)
    ]


def _mean_at(image: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over points of an image that is 0 outside, read linearly."""
    mean = np.zeros(places[0].shape[1], np.float32)
    box = bounding_box(image)
    if box is None:
        return mean
    # A tract is a small part of the template: elsewhere there is nothing to read.
    low = np.array([max(side.start - 1, 0) for side in box])[:, None]
    high = np.array([side.stop + 1 for side in box])[:, None]
    cut = image[tuple(slice(a, b) for (a,), (b,) in zip(low, high, strict=True))]
    for points in places:
        near = ((points > low) & (points < high)).all(axis=0)
        mean[near] += ndimage.map_coordinates(
            cut, points[:, near] - low, output=np.float32, order=1, mode="constant"
        )
    return mean / len(places)


def resample_covered(
    data: np.ndarray,
    affine: np.ndarray,
    chain: Chain,
    *,
    to_affine: np.ndarray,
    to_shape: Sequence[int],
    interpolation: Interpolation = "linear",
) -> np.ndarray:
    """Sample an image on a grid that is much larger than what the image covers of it.

    As :func:`sctflow.core.transforms.resample_through`, but only in :func:`covered_box`; 0
    elsewhere.
    """
    to_affine, to_shape = np.asarray(to_affine, float), tuple(int(n) for n in to_shape)
    box = covered_box(affine, data.shape[:3], chain, to_affine=to_affine, to_shape=to_shape)
    corner = to_affine.copy()
    box = box or (slice(0, 1),) * 3
    corner[:3, 3] = to_world(np.array([side.start for side in box]), to_affine)
    part = resample_through(
        data,
        affine,
        chain,
        to_affine=corner,
        to_shape=tuple(side.stop - side.start for side in box),
        interpolation=interpolation,
    )
    whole = np.zeros(to_shape + data.shape[3:], part.dtype)
    whole[box] = part
    return whole


def covered_box(
    affine: np.ndarray,
    shape: Sequence[int],
    chain: Chain,
    *,
    to_affine: np.ndarray,
    to_shape: Sequence[int],
) -> tuple[slice, slice, slice] | None:
    """Find the part of a grid whose points come to lie in an image.

    A coarse look, widened by its own stride: nothing that is as wide as a cord is missed.

    Parameters
    ----------
    affine, shape
        Of the image.
    chain : sequence of transforms
        From the grid to the image.
    to_affine, to_shape
        Of the grid.

    Returns
    -------
    tuple of 3 slices, or None
        None if there is none.
    """
    sides = np.linalg.norm(np.asarray(to_affine)[:3, :3], axis=0)
    strides = np.clip(np.floor(_MOST_STRIDE_MM / sides), 1, _STRIDE).astype(int)
    picked = [
        np.unique(np.append(np.arange(0, n, stride), n - 1))
        for n, stride in zip(to_shape, strides, strict=True)
    ]
    nodes = np.stack(np.meshgrid(*picked, indexing="ij"), axis=-1).reshape(-1, 3)
    there = to_indices(map_points(to_world(nodes, to_affine), chain), affine)
    hits = nodes[((there > -1) & (there < np.array(shape))).all(axis=1)]
    if not len(hits):
        return None
    low = np.maximum(hits.min(axis=0) - strides, 0)
    high = np.minimum(hits.max(axis=0) + strides + 1, to_shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
