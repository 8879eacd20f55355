"""How alike the two halves of a cross-section are."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from sctflow.core.cross_section import Frame

CHUNK = 64
"""Slices worked on at once: bounds the memory."""


def symmetry(weights: np.ndarray, frame: Frame) -> dict[str, np.ndarray]:
    """Compare each half of a slice with the other one mirrored.

    The outline, at half of the slice's largest weight and linear between pixel centres, is drawn
    on a fine grid that is itself symmetric about the two axes, so that mirroring needs no
    further interpolation.

    Parameters
    ----------
    weights : (S, X, Y) array
        None of the slices empty, the outermost pixels of each slice 0.
    frame : Frame
        Turned; origin at the centre of mass.

    Returns
    -------
    dict of (S,) arrays
        ``dice_RL``, ``difference_RL`` (mm²), ``hausdorff_RL`` (mm) of the right half and the
        mirrored left one, and the same with ``_AP`` for the anterior and the posterior half.
    """
    parts = [
        _symmetry(
            weights[first : first + CHUNK],
            Frame(frame.matrix[first : first + CHUNK], frame.center[first : first + CHUNK]),
        )
        for first in range(0, len(weights), CHUNK)
    ]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _symmetry(weights: np.ndarray, frame: Frame) -> dict[str, np.ndarray]:
    drawn, step = _fine_outline(weights, frame)
    nx, ny = drawn.shape[1] // 2, drawn.shape[2] // 2
    halves = {
        "RL": (drawn[:, nx:], drawn[:, nx - 1 :: -1]),
        "AP": (drawn[:, :, ny:], drawn[:, :, ny - 1 :: -1]),
    }
    result = {}
    for name, (one, other) in halves.items():
        differing = (one ^ other).sum(axis=(1, 2))
        total = one.sum(axis=(1, 2)) + other.sum(axis=(1, 2))
        result[f"dice_{name}"] = 1 - differing / np.maximum(total, 1)
        result[f"difference_{name}"] = differing * step**2
        result[f"hausdorff_{name}"] = step * np.maximum(
            _farthest(one, other), _farthest(other, one)
        )
    return result


def _fine_outline(weights: np.ndarray, frame: Frame) -> tuple[np.ndarray, float]:
    """Draw the outlines on a grid of square pixels with the axes between its pixels.

    Returns
    -------
    drawn : (S, 2 m, 2 n) array of bool
        Axes: turned right, turned anterior.
    step : float
        Side of its pixels, mm.
    """
    sides = np.abs(frame.matrix).max(axis=2)
    step = float(np.clip(sides.min() / 4, 0.1, 0.25))
    right, anterior = frame.positions(weights.shape[1:])
    solid = weights > 0
    reach = [float(np.abs(np.where(solid, p, 0)).max() + sides.max()) for p in (right, anterior)]
    u, v = (step * (np.arange(-n, n) + 0.5) for n in (int(np.ceil(r / step)) for r in reach))
    inverse = np.linalg.inv(frame.matrix)
    index = [
        frame.center[:, axis, None, None]
        + inverse[:, axis, :1, None] * u[:, None]
        + inverse[:, axis, 1:, None] * v
        for axis in (0, 1)
    ]
    half = 0.5 * weights.max(axis=(1, 2))[:, None, None]
    return _bilinear(weights, *index) >= half, step


def _bilinear(images: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Interpolate images (S, X, Y), 0 at their rims, at indices (S, m, n); 0 outside of them.

    The general routine of SciPy takes three times as long.
    """
    count, nx, ny = images.shape
    i, j = np.clip(i, 0, nx - 1.001), np.clip(j, 0, ny - 1.001)
    low_i, low_j = i.astype(np.intp), j.astype(np.intp)
    i -= low_i
    j -= low_j
    flat = images.ravel()
    corner = low_i * ny + low_j + (np.arange(count) * nx * ny)[:, None, None]
    near = flat[corner] * (1 - j) + flat[corner + 1] * j
    far = flat[corner + ny] * (1 - j) + flat[corner + ny + 1] * j
    return near * (1 - i) + far * i


def _farthest(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Largest distance, in pixels, from a point of `one` to the nearest of `other`, per slice."""
    result = np.zeros(len(one))
    outside = one & ~other
    result[outside.any(axis=(1, 2)) & ~other.any(axis=(1, 2))] = np.nan
    points = np.argwhere(outside)
    targets = np.argwhere(other & ~_eroded(other))
    if not len(points) or not len(targets):
        return result
    # All slices share one tree: they are set so far apart that none is near another.
    apart = np.array([4.0 * sum(one.shape[1:]), 1.0, 1.0])
    distance, _ = cKDTree(targets * apart).query(points * apart)
    np.maximum.at(result, points[:, 0], distance)
    return result


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Pixels (S, X, Y) whose four neighbours are all in the mask."""
    inner = np.zeros_like(mask)
    inner[:, 1:-1, 1:-1] = (
        mask[:, 1:-1, 1:-1]
        & mask[:, :-2, 1:-1]
        & mask[:, 2:, 1:-1]
        & mask[:, 1:-1, :-2]
        & mask[:, 1:-1, 2:]
    )
    return inner
