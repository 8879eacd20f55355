"""Where motion is looked for: the acquisition's slices, and in them about the cord."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len

from sctflow.core.grid import canonicalize

WEIGHT_SD_MM = 7.0
"""Gaussian weight about the cord: canal and vertebra count, tissue farther away, which swallows
and breathes on its own, does not."""

WEIGHT_END_MM = 17.0
_FADE_MM = 4.0  # over which the weight goes to 0 at its end

_EDGE_MM = 2.0  # a rim of the field of view whose content motion may carry out of it

_MARGIN_MM = 3.0  # of the window about the weights, so that nothing wraps around into them


@dataclass(frozen=True)
class Slices:
    """A series arranged by the slices of its acquisition.

    Attributes
    ----------
    data : (u, v, slices, volumes) array
        View of the series; u and v are the axes in the plane, each running right, anterior or
        superior.
    affine : (4, 4) array
        Canonical voxel to world.
    axes : tuple of 3 int
        Canonical axes (0 right, 1 anterior, 2 superior) of u, v and the slices.
    pixel : (2,) array
        Size along u and v, mm.
    spacing : float
        Of the slices, mm.
    chosen : (n,) array of int, optional
        Volumes of `data` that count, all if not given: they are not copied out.
    device : str, optional
        Where windows are worked on, see `arrays`.
    """

    data: np.ndarray
    affine: np.ndarray
    axes: tuple[int, int, int]
    pixel: np.ndarray
    spacing: float
    chosen: np.ndarray | None = None
    device: str | None = None

    @property
    def n_volumes(self) -> int:
        """Number of volumes that count."""
        return self.data.shape[3] if self.chosen is None else len(self.chosen)

    @property
    def n_windows(self) -> int:
        """Slices times volumes that count."""
        return self.data.shape[2] * self.n_volumes

    def planes(self, k: int) -> np.ndarray:
        """One slice in all volumes that count, (u, v, volumes)."""
        plane = self.data[:, :, k]
        return plane if self.chosen is None else plane[..., self.chosen]


def choose_slice_axis(affine: np.ndarray) -> int:
    """Take the canonical axis with the largest voxel side; axial if there is no such one."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    # Header values of 1 mm differ in the last digits.
    return 2 if sizes[2] > 0.99 * sizes.max() else int(np.argmax(sizes))


def arrange(data: np.ndarray, affine: np.ndarray, slice_axis: int | None = None) -> Slices:
    """Arrange (i, j, k, t) or (i, j, k) voxels by the acquisition's slices, without a copy.

    Parameters
    ----------
    data, affine
        The image on its own grid.
    slice_axis : {0, 1, 2}, optional
        Canonical axis across the slices: 2 for axial, 0 for sagittal ones. The one with the
        largest voxel side if not given.
    """
    data = data[..., None] if data.ndim == 3 else data
    canonical, affine = canonicalize(data, affine)
    axis = choose_slice_axis(affine) if slice_axis is None else slice_axis
    axes = (*(a for a in range(3) if a != axis), axis)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    return Slices(
        data=np.transpose(canonical, (*axes, 3)),
        affine=affine,
        axes=axes,
        pixel=sizes[list(axes[:2])],
        spacing=float(sizes[axis]),
    )


@dataclass(frozen=True)
class Windows:
    """The part of each slice in which motion is looked for.

    Attributes
    ----------
    center : (slices, 2) array of int
        Pixel in the middle of each window; turns are about it.
    size : (2,) tuple of int
        Of all windows, pixels.
    weights : (slices, *size) float32 array
        How much a pixel counts, 0 to 1.
    """

    center: np.ndarray
    size: tuple[int, int]
    weights: np.ndarray


def place_windows(mask: np.ndarray, slices: Slices) -> Windows:
    """Place windows about the cord.

    Across the cord (axial slices) the weight is round, about the centre of the mask; in slices
    along the cord it is a band about the cord's line, which the slices share.

    Parameters
    ----------
    mask : (u, v, slices) array
        Cord, 0 to 1 and not empty, arranged as `slices.data`.
    slices : Slices
    """
    full = _across(mask, slices.pixel) if slices.axes[2] == 2 else _along(mask, slices.pixel)
    full *= _edges(mask.shape[:2], slices.pixel)[..., None]
    return _cut(full.astype(np.float32), slices.pixel)


def _across(mask: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Round weights (u, v, slices)."""
    total = mask.sum((0, 1))
    has = np.flatnonzero(total)
    u, v = (np.arange(n) for n in mask.shape[:2])
    at = [
        np.interp(np.arange(len(total)), has, place[has] / total[has])
        for place in (mask.sum(1).T @ u, mask.sum(0).T @ v)
    ]
    du, dv = ((axis[:, None] - c) * p for axis, c, p in zip((u, v), at, pixel, strict=True))
    return _fall(np.hypot(du[:, None], dv[None]))


def _along(mask: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Weights (u, v, slices) of a band about the line that the cord has in all slices."""
    flat = mask.sum(2)
    total = flat.sum(0)
    has = np.flatnonzero(total)
    u, v = (np.arange(n) for n in flat.shape)
    line = np.interp(v, has, (u @ flat)[has] / total[has])
    beyond = np.maximum(np.maximum(has[0] - v, v - has[-1]), 0) * pixel[1]
    band = _fall(np.hypot((u[:, None] - line) * pixel[0], beyond))
    return np.repeat(band[..., None], mask.shape[2], axis=2)


def _fall(distance: np.ndarray) -> np.ndarray:
    end = np.clip((WEIGHT_END_MM - distance) / _FADE_MM, 0, 1)
    return np.exp(-0.5 * (distance / WEIGHT_SD_MM) ** 2) * end


def _edges(shape: tuple[int, int], pixel: np.ndarray) -> np.ndarray:
    """Fall to 0 towards the edges of the field of view."""
    ramps = []
    for n, size in zip(shape, pixel, strict=True):
        from_edge = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) * size
        ramps.append(np.clip(from_edge / _EDGE_MM, 0, 1))
    return ramps[0][:, None] * ramps[1]


def _cut(full: np.ndarray, pixel: np.ndarray) -> Windows:
    """Cut out windows of one size."""
    seen = full > 0
    n = full.shape[2]
    lower, upper = np.zeros((n, 2), int), np.zeros((n, 2), int)
    for axis in (0, 1):
        used = seen.any(1 - axis)
        used |= ~used.any(0)  # out of view: the whole slice, without weights
        lower[:, axis] = used.argmax(0)
        upper[:, axis] = used.shape[0] - used[::-1].argmax(0)
    center = (lower + upper) // 2
    there = seen.any((0, 1))
    reach = np.maximum(center - lower, upper - center)[there].max(0) + np.ceil(_MARGIN_MM / pixel)
    size = tuple(next_fast_len(2 * int(r), real=True) for r in reach)
    weights = np.stack([window(full[..., k : k + 1], center[k], size)[0] for k in range(n)])
    weights *= np.stack(
        [window(np.ones((*full.shape[:2], 1), np.float32), c, size, outside=0)[0] for c in center]
    )
    return Windows(center=center, size=size, weights=weights)


def window(
    plane: np.ndarray, center: np.ndarray, size: tuple[int, int], outside: float | None = None
) -> np.ndarray:
    """Cut (t, *size) windows out of (u, v, t) pixels, each about its own pixel.

    Parameters
    ----------
    plane : (u, v, t) array
    center : (2,) or (t, 2) array of int
    size : tuple of 2 int
    outside : float, optional
        Value beyond the field of view; the outermost values go on if not given.
    """
    center = np.broadcast_to(center, (plane.shape[2], 2))
    at = [center[:, a, None] + np.arange(size[a]) - size[a] // 2 for a in (0, 1)]
    kept = [np.clip(at[a], 0, plane.shape[a] - 1) for a in (0, 1)]
    t = np.arange(plane.shape[2])[:, None, None]
    cut = plane[kept[0][:, :, None], kept[1][:, None, :], t].astype(np.float32)
    if outside is not None:
        beyond = (at[0] != kept[0])[:, :, None] | (at[1] != kept[1])[:, None, :]
        cut[beyond] = outside
    return cut


def inside(
    shape: tuple[int, int], center: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Say which rows and columns of windows lie in the field of view: (t, size) booleans each."""
    at = [center[:, a, None] + np.arange(size[a]) - size[a] // 2 for a in (0, 1)]
    return tuple((at[a] >= 0) & (at[a] < shape[a]) for a in (0, 1))
