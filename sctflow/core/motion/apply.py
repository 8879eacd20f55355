"""Series moved back, interpolated once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from scipy import fft, ndimage

from sctflow.core.image import finite
from sctflow.core.motion.result import Motion
from sctflow.core.motion.windows import arrange
from sctflow.errors import ImageError, SettingsError

Interpolation = Literal["nearest", "linear", "spline", "sinc", "fourier"]
"""`spline` is cubic; `sinc` is windowed by a wider sinc (Lanczos); `fourier` is not windowed and
keeps the variance of noise, which the others lower."""

_SHIFTS_ONLY = ("sinc", "fourier")

_LANCZOS = 5  # pixels that the windowed sinc reaches
_SPLINE_PAD = 12  # pixels after which the spline's filter has forgotten the edge

_ORDER = {"nearest": 0, "linear": 1, "spline": 3}


def apply_motion(
    data: np.ndarray,
    affine: np.ndarray,
    motion: Motion,
    *,
    interpolation: Interpolation = "linear",
) -> np.ndarray:
    """Move every slice of every volume back to where it is at rest.

    Parameters
    ----------
    data : (i, j, k, t) array
        The series, or another one that moved in the same way. Values that are not finite count
        as 0. Beyond the field of view the outermost values go on.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    motion : Motion
        Of this grid and these volumes.
    interpolation : {"nearest", "linear", "spline", "sinc", "fourier"}
        The last two are there for shifts only.

    Returns
    -------
    (i, j, k, t) array
        float32; in the data type of `data` for `nearest`.

    Raises
    ------
    ImageError
        The motion is one of other slices or volumes.
    SettingsError
        No such interpolation, or one that is for shifts only for motion with turns.
    """
    if interpolation not in get_args(Interpolation):
        raise SettingsError(
            f"interpolation must be one of {', '.join(get_args(Interpolation))}, "
            f"not {interpolation!r}."
        )
    if interpolation in _SHIFTS_ONLY and motion.turns:
        raise SettingsError(
            f"Turns cannot be undone by {interpolation} interpolation: choose spline."
        )
    slices = arrange(finite(data), affine, motion.slice_axis)
    if slices.data.shape[2:] != motion.reliability.shape:
        raise ImageError(
            f"The series has {slices.data.shape[2]} slices and {slices.data.shape[3]} volumes, "
            f"the motion {motion.reliability.shape[0]} and {motion.reliability.shape[1]}."
        )
    kind = data.dtype if interpolation == "nearest" else np.float32
    out = np.empty(data.shape, kind)
    arranged = arrange(out, affine, motion.slice_axis).data  # a view to be filled
    for k in range(slices.data.shape[2]):
        planes = np.moveaxis(slices.data[:, :, k], 2, 0)
        if motion.turns:
            matrices, steps = _index_maps(motion, k, slices.pixel)
            moved = _turned(planes, matrices, steps, _ORDER[interpolation])
        else:
            moved = shift_planes(planes, motion.shift[k] / slices.pixel, interpolation)
        arranged[:, :, k] = np.moveaxis(moved, 0, 2)
    return out


def _index_maps(motion: Motion, k: int, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices and offsets from pixels at rest to pixels of each volume."""
    angle = np.radians(motion.rotation[k])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    matrices = turn * pixel / pixel[:, None]
    center = motion.center[k]
    return matrices, center - matrices @ center + motion.shift[k] / pixel


def _turned(planes: np.ndarray, matrices: np.ndarray, steps: np.ndarray, order: int) -> np.ndarray:
    kind = planes.dtype if order == 0 else np.float32
    out = np.empty(planes.shape, kind)
    # SciPy's sampler takes one image at a time.
    for plane, matrix, step, result in zip(planes, matrices, steps, out, strict=True):
        source = plane if order == 0 else plane.astype(np.float32)
        ndimage.affine_transform(source, matrix, step, output=result, order=order, mode="nearest")
    return out


def shift_planes(planes: np.ndarray, steps: np.ndarray, interpolation: str) -> np.ndarray:
    """Planes (t, u, v) sampled `steps` (t, 2) pixels farther."""
    if interpolation != "nearest":
        planes = planes.astype(np.float32)
    for axis in (0, 1):
        turned = np.ascontiguousarray(np.swapaxes(planes, 1, 2) if axis else planes)
        if interpolation == "fourier":
            turned = _phase_shifted_rows(turned, steps[:, axis])
        else:
            turned = _shifted_rows(turned, steps[:, axis], interpolation)
        planes = np.swapaxes(turned, 1, 2) if axis else turned
    return planes


def _shifted_rows(planes: np.ndarray, steps: np.ndarray, interpolation: str) -> np.ndarray:
    """Planes (t, n, m) sampled `steps` (t,) rows farther."""
    n = planes.shape[1]
    whole = np.rint(steps) if interpolation == "nearest" else np.floor(steps)
    pad = 0
    if interpolation == "spline":
        pad = _SPLINE_PAD
        planes = np.pad(planes, ((0, 0), (pad, pad), (0, 0)), mode="edge")
        planes = ndimage.spline_filter1d(planes, order=3, axis=1, output=np.float32)
    rows = np.arange(n) + whole.astype(int)[:, None] + pad
    time = np.arange(len(planes))[:, None]
    out = None
    for offset, weight in taps(steps - whole, interpolation):
        taken = planes[time, np.clip(rows + offset, 0, planes.shape[1] - 1)]
        if weight is None:
            return taken
        taken *= weight.astype(np.float32)[:, None, None]
        out = taken if out is None else np.add(out, taken, out=out)
    return out


def _phase_shifted_rows(planes: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Planes (t, n, m) sampled `steps` (t,) rows farther, by the phases of their transform."""
    n = planes.shape[1]
    # With its mirror image the plane has no step where it meets itself.
    mirrored = np.concatenate([planes, planes[:, ::-1]], axis=1)
    turns = fft.rfftfreq(2 * n) * steps[:, None]
    phases = np.exp(2j * np.pi * turns).astype(np.complex64)[..., None]
    return fft.irfft(fft.rfft(mirrored, axis=1) * phases, 2 * n, axis=1)[:, :n]


def taps(part: np.ndarray, interpolation: str) -> Iterator[tuple[int, np.ndarray | None]]:
    """Neighbours and their weights, for places `part` (t,) of a pixel beyond one."""
    if interpolation == "nearest":
        yield 0, None
    elif interpolation == "linear":
        yield 0, 1 - part
        yield 1, part
    elif interpolation == "spline":
        yield -1, (1 - part) ** 3 / 6
        yield 0, (4 - 6 * part**2 + 3 * part**3) / 6
        yield 1, (1 + 3 * part + 3 * part**2 - 3 * part**3) / 6
        yield 2, part**3 / 6
    else:
        offsets = np.arange(1 - _LANCZOS, _LANCZOS + 1)
        away = part[:, None] - offsets
        weights = np.sinc(away) * np.sinc(away / _LANCZOS)
        # A constant image has to stay constant.
        weights /= weights.sum(1, keepdims=True)
        yield from zip(offsets.tolist(), weights.T, strict=True)
