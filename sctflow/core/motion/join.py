"""The shift between two images of the same slices whose contrasts differ."""

from __future__ import annotations

import numpy as np
from scipy import fft

from sctflow.core.motion.shift import gradients, moved

_EDGE = 0.1
"""Gradient, in units of the window's root mean square, from which on it counts as an edge.

Small, so that the faint edge of the cord in an image where the fluid is as bright counts as much
as the fluid's own."""

_REACH_PIXELS = 5
_STEPS = (1.0, 0.5, 0.25)  # pixels between the shifts that are tried, one after the other


def shift_between(
    moving: np.ndarray, fixed: np.ndarray, weights: np.ndarray, pixel: np.ndarray
) -> np.ndarray:
    """Find the shift, one for all slices, at which edges run the same way.

    Edges are compared by their direction, whichever side of them is the brighter one (normalized
    gradient fields, Haber and Modersitzki 2007).

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

    def agreement(steps: np.ndarray) -> float:
        shift = np.broadcast_to(steps * pixel, (len(moving), 2))
        own = _orientation(moved(spectrum, moving.shape[1:], pixel, shift), weights, pixel)
        return float(sum((weights * a * b).sum() for a, b in zip(own, wanted, strict=True)))

    best, reach = np.zeros(2), _REACH_PIXELS
    for step in _STEPS:
        around = np.arange(-reach, reach + 1) * step
        values = np.array([[agreement(best + np.array([a, b])) for b in around] for a in around])
        i, j = np.unravel_index(values.argmax(), values.shape)
        best = best + np.array([around[i], around[j]])
        reach = 2
    return (best + step * _vertex(values, i, j)) * pixel


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
