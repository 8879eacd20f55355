"""What the cord networks are given: slices and patches of a volume, and their normalisation."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

# Slices up to this thickness are shown with a neighbour on each side, about this far away;
# thicker ones alone, since what lies beside them is another part of the cord.
THIN_SLICE_MM = 2.5
NEIGHBOUR_MM = 2.5


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Clip at the 0.5 and 99.5 percentiles and scale to zero mean and unit deviation.

    Parameters
    ----------
    images : (n, channels, height, width) float32
        The middle channel's statistics serve all channels of an image.
    """
    n = len(images)
    middle = images[:, images.shape[1] // 2].flatten(1)
    step = max(1, middle.shape[1] // 1600)
    low, high = torch.quantile(middle[:, ::step], torch.tensor([0.005, 0.995]), dim=1)
    shape = (n, 1, 1, 1)
    clipped = torch.minimum(torch.maximum(images, low.view(shape)), high.view(shape))
    middle = clipped[:, images.shape[1] // 2].flatten(1)
    mean, sd = middle.mean(1).view(shape), middle.std(1, correction=0).view(shape)
    return (clipped - mean) / sd.clamp(min=1e-6)


def neighbours(n_slices: int, spacing_mm: float) -> np.ndarray:
    """Indices (n_slices, 3) of the slices shown together: below, itself, above."""
    step = round(NEIGHBOUR_MM / spacing_mm) if spacing_mm <= THIN_SLICE_MM else 0
    every = np.arange(n_slices)[:, None] + np.array([-step, 0, step])
    return every.clip(0, n_slices - 1)


def mirrored(size: int, start: int, stop: int) -> torch.Tensor:
    """Indices 0..size-1 folded back into [start, stop): how an image goes on beyond its edges.

    Training images end as images do at prediction, so both use this.
    """
    length = stop - start
    position = torch.remainder(torch.arange(size) - start, 2 * length)
    return start + torch.where(position < length, position, 2 * length - 1 - position)


def cut_patches(
    slices: torch.Tensor,
    stacks: np.ndarray,
    centres: np.ndarray,
    *,
    zooms: tuple[float, float],
    size: int,
    pixel_mm: float,
) -> torch.Tensor:
    """Cut a square patch of every stack of slices, mirrored where it leaves the image.

    Parameters
    ----------
    slices : (n, nx, ny) float32
        Axial slices.
    stacks : (m, 3) int
        Which slices make the channels of each patch.
    centres : (m, 2) float
        Middle of each patch, voxels.
    zooms : (float, float)
        Voxel size in the slice, mm.

    Returns
    -------
    (m, 3, size, size) float32
        Not normalised; rows run along y, as in the training images.
    """
    nx, ny = slices.shape[1:]
    reach = (np.arange(size) + 0.5 - size / 2) * pixel_mm
    x = centres[:, 0, None] + reach[None] / zooms[0]
    y = centres[:, 1, None] + reach[None] / zooms[1]
    grid = _grid(x, y, nx, ny)
    images = slices[torch.from_numpy(stacks)]
    # grid_sample wants (…, rows, columns) with the grid's first coordinate along columns.
    return F.grid_sample(
        images.transpose(2, 3),
        grid,
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )


def sample_patches(patches: torch.Tensor, x: np.ndarray, y: np.ndarray) -> torch.Tensor:
    """Values of (m, 1, size, size) patches at patch pixels x (m, p) and y (m, q): (m, q, p)."""
    size = patches.shape[-1]
    grid = _grid(x, y, size, size)
    return F.grid_sample(
        patches, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )[:, 0]


def _grid(x: np.ndarray, y: np.ndarray, nx: int, ny: int) -> torch.Tensor:
    """Sampling grid (m, q, p, 2) in grid_sample's units from voxel positions per axis."""
    gx = torch.from_numpy((2 * x + 1) / nx - 1).float()
    gy = torch.from_numpy((2 * y + 1) / ny - 1).float()
    m, p, q = len(gx), gx.shape[1], gy.shape[1]
    return torch.stack([gx[:, None, :].expand(m, q, p), gy[:, :, None].expand(m, q, p)], -1)
