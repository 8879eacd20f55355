"""The start: shifts at which each volume and slice correlates best with a target.

On pixels of about 2 mm, with exact weighted correlations at every whole pixel by Fourier
transforms. Slices of a volume go together but for some mm: one slice of a noisy diffusion-weighted
volume would not be found alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from sctflow.core.motion.arrays import Array, beside, functions, put, to_host, transforms
from sctflow.core.motion.shift import gaussian_response, moved, to_spectrum
from sctflow.core.motion.windows import Slices, Windows, place_windows, window

REACH_MM = 12.0
"""Largest shift that is looked for, each way along either axis."""

_COARSE_MM = 2.0
_SMOOTHING_PIXELS = 0.5  # of coarse pixels, before they are averaged between their centres
_APART_MM = 2.0  # standard deviation of a slice's own motion about that of its volume
_TEMPER = 0.5  # share of the pixels that count as independent: tissue moves in pieces
_LARGEST_CORRELATION = 0.999  # a target that is the volume itself has an infinite likelihood
_LEAST_VARIANCE = 1e-6  # of a window over that of the richest one: rounding errors


@dataclass(frozen=True)
class Coarse:
    """A series on coarse pixels, and windows that are wide enough for the search.

    Attributes
    ----------
    slices : Slices
    center : (slices, 2) array of int
        Pixel in the middle of each window.
    weights : (slices, u, v) array
        0 in the room for the search.
    """

    slices: Slices
    center: np.ndarray
    weights: np.ndarray

    def windows(self, k: int) -> np.ndarray:
        """Windows (volumes, u, v) of one slice."""
        # Cut when they are needed: those of all slices overlap, and take the most memory of all.
        return window(self.slices.planes(k), self.center[k], self.weights.shape[1:])


def find_start(slices: Slices, mask: np.ndarray, *, reference: int | None = None) -> np.ndarray:
    """Find out roughly where the cord lies in each slice of each volume.

    Parameters
    ----------
    slices : Slices
    mask : (u, v, slices) array
        Cord.
    reference : int, optional
        Volume to begin with; the one that is most like the others if not given.

    Returns
    -------
    (slices, volumes, 2) array
        mm, up to what all volumes have in common.
    """
    coarse = coarsen(slices, mask)
    first = most_typical(coarse) if reference is None else reference
    found = search(coarse, lambda k, windows: windows[first])
    n_volumes = slices.n_volumes
    if n_volumes < 3:
        return found
    size = coarse.weights.shape[1:]
    response = gaussian_response(size, _SMOOTHING_PIXELS)

    def others(k: int, windows: Array) -> Array:
        together = moved(to_spectrum(windows, response), size, coarse.slices.pixel, found[k])
        return (together.sum(0) - together) / (n_volumes - 1)

    # Again, each against what the others make together: less noisy than any single one.
    return search(coarse, others)


def coarsen(slices: Slices, mask: np.ndarray) -> Coarse:
    """Average pixels to about 2 mm and cut windows that leave room for the search."""
    factor = np.maximum(np.round(_COARSE_MM / slices.pixel), 1).astype(int)
    factor = np.minimum(factor, slices.data.shape[:2])
    planes = [_block_means(slices.planes(k), factor) for k in range(slices.data.shape[2])]
    small = replace(slices, data=np.stack(planes, 2), pixel=slices.pixel * factor, chosen=None)
    small_mask = _block_means(mask, factor)
    if not small_mask.any():  # it lies in the rest that was left out
        small_mask[:] = 1
    return _widened(small, place_windows(small_mask, small))


def _block_means(data: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Means over blocks of pixels; a rest at the far edges is left out."""
    nu, nv = (n // f for n, f in zip(data.shape[:2], factor, strict=True))
    out = np.zeros((nu, nv, *data.shape[2:]), np.float32)
    for i in range(factor[0]):
        for j in range(factor[1]):
            out += data[i : nu * factor[0] : factor[0], j : nv * factor[1] : factor[1]]
    return out / np.float32(factor.prod())


def _widened(small: Slices, windows: Windows) -> Coarse:
    room = np.ceil(REACH_MM / small.pixel).astype(int)
    size = tuple(
        fft.next_fast_len(int(n + 2 * r), real=True)
        for n, r in zip(windows.size, room, strict=True)
    )
    n = small.data.shape[2]
    weights = np.zeros((n, *size), np.float32)
    begin = [s // 2 - w // 2 for s, w in zip(size, windows.size, strict=True)]
    inner = tuple(slice(b, b + w) for b, w in zip(begin, windows.size, strict=True))
    weights[:, inner[0], inner[1]] = windows.weights
    return Coarse(slices=small, center=windows.center, weights=weights)


def most_typical(coarse: Coarse) -> int:
    """Choose the volume whose correlation with the others, as they lie, has the largest median."""
    n_volumes = coarse.slices.n_volumes
    likeness = np.zeros((n_volumes, n_volumes))
    for k, weight in enumerate(coarse.weights):
        w = weight.ravel()
        pixels = coarse.windows(k).reshape(n_volumes, -1)
        pixels = pixels - (pixels @ w / max(w.sum(), _LEAST_VARIANCE))[:, None]
        product = (pixels * w) @ pixels.T
        scale = np.sqrt(np.maximum(np.diag(product), np.finfo(np.float32).tiny))
        likeness += product / scale / scale[:, None]
    return int(np.argmax(np.median(likeness, axis=1)))


def search(coarse: Coarse, target: Callable[[int, Array], Array]) -> np.ndarray:
    """Find the shifts at which volumes correlate best with their targets.

    Parameters
    ----------
    coarse : Coarse
    target : function
        Takes a slice and its windows (volumes, u, v) to what they are compared with, one for
        all, (u, v), or one for each.

    Returns
    -------
    (slices, volumes, 2) array
        mm by which the content of each slice lies farther along u and v than in its target.
    """
    slices = coarse.slices
    pixel = slices.pixel
    offsets = tuple(np.arange(-r, r + 1) for r in np.ceil(REACH_MM / pixel).astype(int))
    sizes = [len(o) for o in offsets]
    score = np.empty((len(coarse.weights), slices.n_volumes, *sizes), np.float32)
    for k, weight in enumerate(coarse.weights):
        windows = put(coarse.windows(k), slices.device)
        score[k] = _score(windows, weight, target(k, windows), offsets)
    whole = _peak(score.sum(0), offsets)
    apart = [(offsets[a] - whole[:, a, None]) * pixel[a] for a in (0, 1)]
    squared = apart[0][:, :, None] ** 2 + apart[1][:, None, :] ** 2
    return _peak(score - 0.5 * squared / _APART_MM**2, offsets) * pixel


def _score(
    data: Array, weight: np.ndarray, target: Array, offsets: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Log-likelihood (volumes, su, sv) of the shifts of one slice."""
    xp, fft = functions(data), transforms(data)
    tiny = float(np.finfo(np.float32).tiny)
    total = max(float(weight.sum()), tiny)
    pixels = total**2 / max(float((weight**2).sum()), tiny)
    weight = beside(weight, data)
    kernel = weight * (target - (weight * target).sum((-2, -1), keepdims=True) / total)
    power = (kernel * target).sum((-2, -1), keepdims=True)

    def correlated(image: Array, pattern: Array) -> Array:
        product = fft.rfft2(image) * fft.rfft2(pattern).conj()
        return fft.irfft2(product, weight.shape)[..., offsets[0][:, None], offsets[1]]

    # About their own level: the variance below would else be a difference of large numbers.
    data = data - (weight * data).sum((-2, -1), keepdims=True) / total
    variance = correlated(data * data, weight) - correlated(data, weight) ** 2 / total
    floor = (_LEAST_VARIANCE * xp.amax(variance, (-2, -1), keepdims=True)).clip(tiny)
    scale = xp.sqrt(xp.maximum(variance, floor)) * xp.sqrt(power.clip(tiny))
    correlation = (correlated(data, kernel) / scale).clip(0, _LARGEST_CORRELATION)
    return to_host(-0.5 * _TEMPER * pixels * xp.log1p(-(correlation**2)))


def _peak(score: np.ndarray, offsets: tuple[np.ndarray, ...]) -> np.ndarray:
    """Place (..., 2) of the maximum, between pixels by a parabola along each axis."""
    shape = score.shape[-2:]
    flat = score.reshape(*score.shape[:-2], -1)
    at = np.stack(np.unravel_index(flat.argmax(-1), shape), -1)
    place = np.empty(at.shape)
    for axis, offset in enumerate(offsets):
        below, middle, above = (_values_beside(flat, at, shape, axis, step) for step in (-1, 0, 1))
        bend = np.minimum(below - 2 * middle + above, -_LEAST_VARIANCE)
        part = np.clip(0.5 * (below - above) / bend, -0.5, 0.5)
        place[..., axis] = offset[at[..., axis]] + part
    return place


def _values_beside(
    flat: np.ndarray, at: np.ndarray, shape: tuple[int, ...], axis: int, step: int
) -> np.ndarray:
    near = at.copy()
    near[..., axis] = np.clip(near[..., axis] + step, 0, shape[axis] - 1)
    index = near[..., 0] * shape[1] + near[..., 1]
    return np.take_along_axis(flat, index[..., None], -1)[..., 0]
