"""The cord's outline: patches along its path, predicted finely and brought back to the voxels."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from sctflow.core.segmentation.patches import (
    THIN_SLICE_MM,
    cut_patches,
    neighbours,
    normalise,
    sample_patches,
)

SIZE = 80
PIXEL_MM = 0.6
BATCH = 16

# Smoothing along the cord, for slices thinner than its double.
SMOOTH_MM = 1.0
# A patch follows its neighbours rather than its own centroid where it holds less cord than this.
LEAST_AREA_MM2 = 10.0
CENTRE_SMOOTH_MM = 3.0
# How far from the localiser's path the cord may lie: what is farther counts less, so that a
# vertebral body taken for cord does not draw the patch away from the cord.
PATH_ERROR_MM = 6.0


def outline_cord(
    nets: list[torch.nn.Module],
    slices: torch.Tensor,
    zooms: tuple[float, ...],
    centres: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Cord probability of every voxel near a path.

    Two passes: the first finds the cord in patches about the path, the second looks again from
    the middle of what was found, as it is and mirrored left to right.

    Parameters
    ----------
    nets : list of UNet
        Their probabilities are averaged.
    slices : (n, nx, ny) float32
        Axial slices, lowest first.
    zooms : (float, float, float)
        Voxel size, mm.
    centres : (n, 2) float
        Path, voxels.

    Returns
    -------
    probability : (n, nx, ny) float32
        Zero beyond the patches.
    centres : (n, 2) float
        Middle of each slice's patch in the second pass, voxels.
    """
    first = _predict(nets[:1], slices, zooms, centres, mirror=False)
    centres = _recentre(first, centres, slices.shape[1:], zooms)
    second = _predict(nets, slices, zooms, centres, mirror=True)
    if zooms[2] < 2 * SMOOTH_MM:
        # The patches follow the cord, so smoothing them along it does not blur a slanted cord.
        sigma = (SMOOTH_MM / zooms[2], 0, 0, 0)
        second = torch.from_numpy(ndimage.gaussian_filter(second.numpy(), sigma, mode="nearest"))
    return _to_voxels(second, centres, slices.shape, zooms), centres


@torch.no_grad()
def _predict(
    nets: list[torch.nn.Module],
    slices: torch.Tensor,
    zooms: tuple[float, ...],
    centres: np.ndarray,
    *,
    mirror: bool,
) -> torch.Tensor:
    """Probability patches (n, 1, SIZE, SIZE) about the centres."""
    stacks = neighbours(len(slices), zooms[2])
    found = []
    for part in np.array_split(np.arange(len(slices)), max(1, len(slices) // BATCH)):
        images = normalise(
            cut_patches(
                slices,
                stacks[part],
                centres[part],
                zooms=zooms[:2],
                size=SIZE,
                pixel_mm=PIXEL_MM,
            )
        ).contiguous(memory_format=torch.channels_last)
        views = [images, images.flip(3)] if mirror else [images]
        total = torch.zeros(len(part), 1, SIZE, SIZE)
        for net in nets:
            for k, view in enumerate(views):
                probability = torch.sigmoid(net(view))
                total += probability.flip(3) if k else probability
        found.append(total / (len(nets) * len(views)))
    return torch.cat(found)


def _recentre(
    patches: torch.Tensor, centres: np.ndarray, shape: tuple[int, ...], zooms: tuple[float, ...]
) -> np.ndarray:
    """Centroid of the cord in each patch as a smooth path, voxels."""
    reach = (np.arange(SIZE) + 0.5 - SIZE / 2) * PIXEL_MM
    near = np.exp(-0.5 * (reach / PATH_ERROR_MM) ** 2)
    weight = patches[:, 0].numpy() ** 2 * near[:, None] * near[None, :]
    area = weight.sum((1, 2)) * PIXEL_MM**2
    total = np.maximum(weight.sum((1, 2)), 1e-6)
    shift = np.stack([(weight.sum(1) * reach).sum(1), (weight.sum(2) * reach).sum(1)], 1)
    shift /= total[:, None]
    trusted = area >= LEAST_AREA_MM2
    if not trusted.any():
        return centres
    every = np.arange(len(centres))
    moved = centres + shift / np.array(zooms[:2])
    moved = np.stack([np.interp(every, every[trusted], moved[trusted, k]) for k in (0, 1)], 1)
    if zooms[2] <= THIN_SLICE_MM:
        moved = ndimage.gaussian_filter1d(moved, CENTRE_SMOOTH_MM / zooms[2], axis=0)
    return moved.clip(0, np.array(shape) - 1)


def _to_voxels(
    patches: torch.Tensor,
    centres: np.ndarray,
    shape: tuple[int, ...],
    zooms: tuple[float, ...],
) -> np.ndarray:
    """Average the patches over each voxel they cover, (n, nx, ny)."""
    parts = [max(1, int(np.ceil(2 * z / PIXEL_MM))) for z in zooms[:2]]
    count = [int(SIZE * PIXEL_MM / z) for z in zooms[:2]]
    first = [np.round(centres[:, k] - (count[k] - 1) / 2).astype(int) for k in (0, 1)]
    where = []
    for k in (0, 1):
        within = (np.arange(count[k] * parts[k]) + 0.5) / parts[k] - 0.5
        voxels = first[k][:, None] + within[None]
        offset_mm = (voxels - centres[:, k, None]) * zooms[k]
        where.append(offset_mm / PIXEL_MM + (SIZE - 1) / 2)
    values = sample_patches(patches, *where)
    values = F.avg_pool2d(values[:, None], (parts[1], parts[0]))[:, 0].transpose(1, 2).numpy()
    volume = np.zeros(shape, np.float32)
    for i, value in enumerate(values):  # every slice has its own window
        x, y = first[0][i], first[1][i]
        lx, ly = max(0, x), max(0, y)
        hx, hy = min(shape[1], x + count[0]), min(shape[2], y + count[1])
        volume[i, lx:hx, ly:hy] = value[lx - x : hx - x, ly - y : hy - y]
    return volume
