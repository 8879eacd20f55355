"""A scene of a cord whose motion is exact: it is evaluated where the content has moved to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

ZOOMS = np.array([0.9, 0.9, 5.0])
SHAPE = (56, 52)


@dataclass(frozen=True)
class Scene:
    data: np.ndarray
    affine: np.ndarray
    mask: np.ndarray
    shift: np.ndarray
    """(slices, volumes, 2) mm."""
    turn: np.ndarray
    """(slices, volumes) degrees."""


def ellipse(u, v, center, axes, soft=0.7):
    """1 inside, 0 outside, with an edge as soft as voxels of 1 mm make it."""
    radius = np.hypot((u - center[0]) / axes[0], (v - center[1]) / axes[1])
    return 0.5 * (1 - np.tanh((radius - 1) * min(axes) / soft))


def anatomy(u, v, k, *, cord=600.0, fluid=1000.0):
    """Signal at places in mm from the cord's centre; slices differ a little."""
    wide = 1 + 0.05 * np.sin(k)
    sac = ellipse(u, v, (0, 0.5), (9.0 * wide, 6.5))
    inside = ellipse(u, v, (0, 0), (6.5, 4.0 * wide))
    bone = ellipse(u, v, (0, 14), (10, 6 * wide)) + ellipse(u, v, (1, -14), (2.5 * wide, 6))
    muscle = ellipse(u, v, (-14, -12), (6, 7)) + 0.7 * ellipse(u, v, (15, -10), (7 * wide, 6))
    return fluid * sac + (cord - fluid) * inside + 400 * bone + 500 * muscle + 50


def draw(shift, turn=None, *, noise=0.0, scale=None, seed=0, paint=anatomy):
    """Scene with known motion; `paint(u, v, k)` or, with `scale`, times (slices, volumes)."""
    n, n_volumes = shift.shape[:2]
    turn = np.zeros((n, n_volumes)) if turn is None else turn
    u, v = ((np.arange(size) - size // 2) * 0.9 for size in SHAPE)
    u, v = u[:, None], v[None]
    data = np.empty((*SHAPE, n, n_volumes))
    for k in range(n):
        for t in range(n_volumes):
            du, dv = u - shift[k, t, 0], v - shift[k, t, 1]
            cos, sin = np.cos(np.radians(turn[k, t])), np.sin(np.radians(turn[k, t]))
            data[:, :, k, t] = paint(cos * du + sin * dv, cos * dv - sin * du, k)
    if scale is not None:
        data = data * scale
    rng = np.random.default_rng(seed)
    data = np.abs(data + noise * rng.standard_normal(data.shape)).astype(np.float32)
    mask = np.repeat(ellipse(u, v, (0, 0), (6.5, 4.0))[..., None], n, axis=2)
    affine = np.diag([*ZOOMS, 1.0])
    affine[:3, 3] = -20.0, 13.0, 70.0
    return Scene(data, affine, mask, shift, turn)


def wander(n, n_volumes, *, size=1.0, own=0.1, seed=0):
    """Motion of volumes as a whole, and a little of each slice on its own."""
    rng = np.random.default_rng(seed)
    whole = size * rng.standard_normal((1, n_volumes, 2))
    return whole + own * rng.standard_normal((n, n_volumes, 2))


def errors(found, true, chosen=slice(None)):
    """Distance (slices, volumes) from the truth, up to the place of rest of each slice."""
    away = (found - true)[:, chosen]
    return np.linalg.norm(away - away.mean(axis=1, keepdims=True), axis=-1)


@pytest.fixture(scope="session")
def series():
    """Five slices, ten volumes, a signal of the cord twenty times the noise."""
    return draw(wander(5, 10), noise=30.0)
