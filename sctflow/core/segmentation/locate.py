"""Where the cord runs: a heat map on coarse slices and the best path through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from sctflow.core.segmentation.patches import mirrored, neighbours, normalise

PIXEL_MM = 1.6
# The networks were trained on frames of 80 pixels; smaller fields are mirrored up to that.
LEAST_SIZE = 80
SIZE_MULTIPLE = 8
SLICE_STEP_MM = 1.5
WINDOW_MM = 128.0
BATCH = 8

# Heat under this says nothing: it keeps one bad slice from bending the whole path.
FLOOR = 0.02
# Sideways steps cost the square of their slope over this, in log-probability.
SLOPE = 0.5


@dataclass(frozen=True)
class Path:
    """The cord's likely course.

    Attributes
    ----------
    centres : (n_slices, 2) float
        x and y in voxels, for every slice.
    heat : (n_slices,) float
        Highest cord probability near the centre at the localiser's resolution.
    """

    centres: np.ndarray
    heat: np.ndarray


def locate_cord(net: torch.nn.Module, slices: torch.Tensor, zooms: tuple[float, ...]) -> Path:
    """Find the path of highest cord probability from the lowest slice to the highest.

    Parameters
    ----------
    net : UNet
        The localiser.
    slices : (n, nx, ny) float32
        Axial slices, lowest first.
    zooms : (float, float, float)
        Voxel size, mm.
    """
    step = max(1, round(SLICE_STEP_MM / zooms[2]))
    chosen = np.arange(len(slices))[step // 2 :: step]
    if not len(chosen):
        chosen = np.arange(len(slices))
    heat, pixel = heat_map(net, slices, chosen, zooms)
    path = best_path(heat, pixel, spacing_mm=step * zooms[2])
    centres = (path + 0.5) * pixel / np.array(zooms[:2]) - 0.5
    near = F.max_pool2d(torch.from_numpy(heat)[:, None], 5, 1, 2)[:, 0].numpy()
    found = near[np.arange(len(path)), path[:, 0], path[:, 1]]
    every = np.arange(len(slices))
    return Path(
        centres=np.stack([np.interp(every, chosen, centres[:, k]) for k in (0, 1)], 1),
        heat=np.interp(every, chosen, found),
    )


@torch.no_grad()
def heat_map(
    net: torch.nn.Module, slices: torch.Tensor, chosen: np.ndarray, zooms: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Cord probability (len(chosen), hx, hy) of the chosen slices, and its pixel size (2,) mm."""
    fields = np.array(slices.shape[1:]) * np.array(zooms[:2])
    shape = np.maximum(np.round(fields / PIXEL_MM), 1).astype(int)
    coarse = F.interpolate(
        slices[:, None], size=tuple(shape.tolist()), mode="bilinear", antialias=True
    )[:, 0]
    stacks = neighbours(len(slices), zooms[2])[chosen]
    rows, columns = (_mirrored_to_fit(n) for n in shape)
    heat = []
    for part in np.array_split(stacks, max(1, len(stacks) // BATCH)):
        images = coarse[torch.from_numpy(part)]
        images = _normalise_body(images)[:, :, rows[0]][:, :, :, columns[0]]
        # Rows along y, as in the training images.
        probability = torch.sigmoid(net(images.transpose(2, 3)))[:, 0].transpose(1, 2)
        heat.append(probability[:, rows[1], columns[1]])
    return torch.cat(heat).numpy(), fields / shape


def _mirrored_to_fit(n: int) -> tuple[torch.Tensor, slice]:
    """Indices that extend an axis by mirroring to a size the network takes, and where it lies."""
    total = max(LEAST_SIZE, -(-n // SIZE_MULTIPLE) * SIZE_MULTIPLE)
    before = (total - n) // 2
    return mirrored(total, before, before + n) - before, slice(before, before + n)


def _normalise_body(images: torch.Tensor) -> torch.Tensor:
    """Normalise by the part of each slice that a training image would have shown.

    The window is as wide as the training frames and centred on the signal, so that air around
    the body in a wide field of view does not change what tissue looks like.
    """
    half = int(WINDOW_MM / PIXEL_MM / 2)
    if max(images.shape[2:]) <= 2 * half:
        return normalise(images)
    middle = images[:, 1].clamp(min=0)
    total = middle.sum((1, 2)).clamp(min=1e-6)
    out = torch.empty_like(images)
    for i, image in enumerate(images):
        window = []
        for axis in (0, 1):
            n = image.shape[axis + 1]
            position = torch.arange(n, dtype=torch.float32)
            centre = int((middle[i].sum(1 - axis) * position).sum() / total[i])
            start = min(max(0, centre - half), max(0, n - 2 * half))
            window.append(slice(start, start + 2 * half))
        seen = image[1][window[0], window[1]]
        low, high = torch.quantile(seen.flatten()[::4], torch.tensor([0.005, 0.995]))
        seen = seen.clamp(low, high)
        out[i] = (image.clamp(low, high) - seen.mean()) / seen.std().clamp(min=1e-6)
    return out


def best_path(heat: np.ndarray, pixel: np.ndarray, *, spacing_mm: float) -> np.ndarray:
    """Pixels (n, 2) of the path with the highest sum of log heat less the cost of its slopes.

    Dynamic programming over all pixels; the cost is a squared distance and so is done one axis
    at a time.
    """
    score = np.log(np.clip(heat, FLOOR, 1))
    reach = [int(np.ceil(1.5 * spacing_mm / p)) + 1 for p in pixel]
    came = np.zeros((2, *heat.shape), np.int32)
    total = score[0]
    for i in range(1, len(heat)):
        for axis in (0, 1):
            total, came[axis, i] = _spread(total, axis, reach[axis], pixel[axis] / spacing_mm)
        total = total + score[i]
    path = np.zeros((len(heat), 2), int)
    path[-1] = np.unravel_index(np.argmax(total), total.shape)
    for i in range(len(heat) - 1, 0, -1):
        x, y = path[i]
        y = came[1, i, x, y]
        path[i - 1] = came[0, i, x, y], y
    return path


def _spread(
    total: np.ndarray, axis: int, reach: int, slope_per_pixel: float
) -> tuple[np.ndarray, np.ndarray]:
    """Best score reachable at each pixel by a step along one axis, and where it came from."""
    n = total.shape[axis]
    position = np.arange(n)
    shifts = np.arange(-min(reach, n - 1), min(reach, n - 1) + 1)
    origin = position[None] + shifts[:, None]
    inside = (origin >= 0) & (origin < n)
    along = (len(shifts), n, 1) if axis == 0 else (len(shifts), 1, n)
    cost = np.where(inside, ((shifts * slope_per_pixel / SLOPE) ** 2)[:, None], np.inf)
    candidates = np.moveaxis(np.take(total, origin.clip(0, n - 1), axis=axis), axis, 0)
    candidates = candidates - cost.reshape(along)
    best = candidates.argmax(0)
    value = np.take_along_axis(candidates, best[None], 0)[0]
    return value, position.reshape(along[1:]) + shifts[best]
