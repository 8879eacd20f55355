"""The shift between two images of the same slices whose contrasts differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft

from sctflow.core.motion.shift import gradients, moved

_EDGE = 0.1
"""Gradient, in units of the window's root mean square, from which on it counts as an edge.

Small, so that the faint edge of the cord in an image where the fluid is as bright counts as much
as the fluid's own."""

_REACH_PIXELS = 5
_STEPS = (1.0, 0.5, 0.25)  # pixels between the shifts that are tried, one after the other

_SMALL_PIXELS = 0.5
"""A shift up to this is taken as it is found; for a longer one slices must agree."""

_AGREED = 3.0
"""Student's t of what slices gain by a shift over none. Where there was none, noise gave up to
1.6 in five series, and shifts of 0.8 and 1.6 mm gave 4 and 24."""


def shift_between(
    moving: np.ndarray, fixed: np.ndarray, weights: np.ndarray, pixel: np.ndarray
) -> np.ndarray:
    """Find the shift, one for all slices, at which edges run the same way.

    Edges are compared by their direction, whichever side of them is the brighter one (normalized
    gradient fields, Haber and Modersitzki 2007). Where three slices or more do not agree that
    there is a shift of more than half a pixel, the best one that is shorter is taken: a few noisy
    slices look alike at many places.

    Parameters
    ----------
    moving, fixed : (slices, u, v) array
        Windows of the same slices.
    weights : (slices, u, v) array
    pixel : (2,) array
        mm.

    Returns
    -------
    (2,) array
        mm by which the content of `moving` lies farther along u and v.
    """
    spectrum = fft.rfft2(moving.astype(np.float32))
    wanted = _orientation(fixed.astype(np.float32), weights, pixel)

    def agreement(steps: np.ndarray) -> np.ndarray:
        shift = np.broadcast_to(steps * pixel, (len(moving), 2))
        own = _orientation(moved(spectrum, moving.shape[1:], pixel, shift), weights, pixel)
        return sum((weights * a * b).sum((1, 2)) for a, b in zip(own, wanted, strict=True))

    best = _climb(agreement, _REACH_PIXELS, _STEPS)
    if np.abs(best).max() > _SMALL_PIXELS and not _agreed(agreement(best), agreement(0 * best)):
        steps = [step for step in _STEPS if step < _SMALL_PIXELS]
        best = _climb(agreement, round(_SMALL_PIXELS / steps[0]), steps)
    return best * pixel


def _climb(
    agreement: Callable[[np.ndarray], np.ndarray], reach: int, steps: Sequence[float]
) -> np.ndarray:
    """Find where slices agree best, pixels: within so many of the first steps, then finer."""
    best = np.zeros(2)
    for step in steps:
        around = np.arange(-reach, reach + 1) * step
        values = np.array(
            [[agreement(best + np.array([a, b])).sum() for b in around] for a in around]
        )
        i, j = np.unravel_index(values.argmax(), values.shape)
        best = best + np.array([around[i], around[j]])
        reach = 2
    return best + steps[-1] * _vertex(values, i, j)


def _agreed(with_shift: np.ndarray, without: np.ndarray) -> bool:
    """Whether slices gain by a shift beyond doubt; two or one cannot tell."""
    gain = with_shift - without
    if len(gain) < 3:
        return True
    return bool(gain.mean() * np.sqrt(len(gain)) > _AGREED * gain.std(ddof=1))


def _orientation(
    images: np.ndarray, weights: np.ndarray, pixel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Direction of edges as cosine and sine of twice the angle, of length 0 to 1."""
    du, dv = gradients(images, pixel)
    squared = du**2 + dv**2
    total = np.maximum(weights.sum((1, 2), keepdims=True), 1e-6)
    level = (weights * squared).sum((1, 2), keepdims=True) / total
    scale = np.maximum(squared + _EDGE**2 * level, np.finfo(np.float32).tiny)
    return (du**2 - dv**2) / scale, 2 * du * dv / scale


def _vertex(values: np.ndarray, i: int, j: int) -> np.ndarray:
    """Place of the maximum between steps, by a parabola along each axis."""
    part = np.zeros(2)
    for axis, (line, at) in enumerate(((values[:, j], i), (values[i], j))):
        if 0 < at < len(line) - 1:
            bend = line[at - 1] - 2 * line[at] + line[at + 1]
            if bend < 0:
                part[axis] = 0.5 * (line[at - 1] - line[at + 1]) / bend
    return part
