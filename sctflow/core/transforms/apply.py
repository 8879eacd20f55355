"""Images brought onto a grid through a chain of transforms, interpolated once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from scipy import ndimage

from sctflow.core.transforms.field import Chain, mapped_centers, slabs, to_indices, within
from sctflow.errors import ImageError

Interpolation = Literal["nearest", "label", "linear", "spline"]
"""`label` gives a voxel the label with the largest share among the eight voxels around the
sampled point, weighted as in linear interpolation; the higher value wins a tie. `spline` is
cubic and overshoots at sharp edges."""

Sampler = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes a volume and voxel indices (3, n) to values (n,)."""


def resample_through(
    data: np.ndarray,
    affine: np.ndarray,
    chain: Chain,
    *,
    to_affine: np.ndarray,
    to_shape: Sequence[int],
    interpolation: Interpolation = "linear",
    cval: float = 0.0,
) -> np.ndarray:
    """Sample an image at the places that a grid's voxel centres have in it.

    The image reaches half a voxel beyond its outermost voxel centres, with the nearest values
    continued (`spline`: mirrored). Nothing is smoothed first: an image much finer than the grid
    is sampled, not averaged.

    Parameters
    ----------
    data : (i, j, k) or (i, j, k, n) array
        The moving image, finite; volumes along the fourth axis go the same way.
    affine, to_affine : (4, 4) array
        Voxel to world (RAS mm) of the image and of the wanted grid.
    chain : sequence of transforms
        Takes points of the wanted grid to the image. Empty: as they lie in the world.
    to_shape : sequence of 3 int
        Size of the wanted grid.
    interpolation : {"nearest", "label", "linear", "spline"}
        See :data:`Interpolation`.
    cval : float
        Value outside the image.

    Returns
    -------
    array of shape `to_shape` or (*to_shape, n)
        In the data type of `data` for `nearest` and `label`; else float64 if it is, or float32.
    """
    data = np.asarray(data)
    if interpolation not in get_args(Interpolation):
        raise ImageError(f"There is no interpolation '{interpolation}'.")
    if data.ndim not in (3, 4):
        raise ImageError(f"Only 3-D and 4-D images can be resampled, not {data.ndim}-D.")
    to_affine, to_shape = np.asarray(to_affine, dtype=float), tuple(int(n) for n in to_shape)
    volumes, sampler, dtype = _prepare(data, interpolation)
    result = np.full((*to_shape, len(volumes)), cval, dtype=dtype)
    for slab in slabs(to_shape):
        indices = to_indices(mapped_centers(chain, to_affine, to_shape, slab), affine)
        inside = within(indices, data.shape)
        if not inside.any():
            continue
        indices = np.ascontiguousarray(indices[inside].T)
        part = result[slab].reshape(-1, len(volumes))
        for n, volume in enumerate(volumes):
            part[inside, n] = sampler(volume, indices)
    return result[..., 0] if data.ndim == 3 else result


def _prepare(
    data: np.ndarray, interpolation: Interpolation
) -> tuple[list[np.ndarray], Sampler, np.dtype]:
    """Give the volumes as the sampler wants them, the sampler, and the type of the result."""
    volumes = [data] if data.ndim == 3 else list(np.moveaxis(data, 3, 0))
    if interpolation in ("nearest", "label"):
        return volumes, _nearest if interpolation == "nearest" else _label, data.dtype
    dtype = np.dtype(np.float64 if data.dtype == np.float64 else np.float32)
    if interpolation == "spline":
        volumes = [
            ndimage.spline_filter(volume, order=3, output=dtype, mode="mirror")
            for volume in volumes
        ]
        return volumes, _spline, dtype
    # Integers are read as they are: a packed atlas is not blown up.
    return (
        [volume.view(np.uint8) if volume.dtype == bool else volume for volume in volumes],
        _linear,
        dtype,
    )


def _linear(volume: np.ndarray, indices: np.ndarray) -> np.ndarray:
    output = np.float64 if volume.dtype == np.float64 else np.float32
    return ndimage.map_coordinates(volume, indices, output=output, order=1, mode="nearest")


def _spline(coefficients: np.ndarray, indices: np.ndarray) -> np.ndarray:
    return ndimage.map_coordinates(
        coefficients, indices, output=coefficients.dtype, order=3, mode="mirror", prefilter=False
    )


def _nearest(volume: np.ndarray, indices: np.ndarray) -> np.ndarray:
    limits = np.array(volume.shape)[:, None] - 1
    return volume[tuple(np.clip(np.floor(indices + 0.5).astype(int), 0, limits))]


def _label(volume: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Elect a label at (3, n) voxel indices.

    Counts the votes of the eight corners against each other, so neither time nor memory depend
    on how many labels there are.
    """
    limits = np.array(volume.shape)[:, None] - 1
    indices = np.clip(indices, 0, limits)
    lower = indices.astype(int)
    upper = np.minimum(lower + 1, limits)
    share = indices - lower
    ends = (lower, upper)
    picks = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    corners = np.stack([volume[tuple(ends[p][d] for d, p in enumerate(pick))] for pick in picks])
    elected = corners[0].copy()
    mixed = (corners[1:] != elected).any(axis=0)
    corners, share = corners[:, mixed], share[:, mixed]
    weights = np.stack(
        [
            np.prod([s if p else 1 - s for p, s in zip(pick, share, strict=True)], axis=0)
            for pick in picks
        ]
    )
    votes = np.stack([(weights * (corners == corner)).sum(axis=0) for corner in corners])
    wins = votes >= votes.max(axis=0) - 1e-9
    lowest = corners.min(axis=0)
    elected[mixed] = np.where(wins, corners, lowest).max(axis=0)
    return elected
