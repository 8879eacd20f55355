"""Masks brought together column by column: width first, then front and back of each column."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.cross_section import moments
from sctflow.core.registration.plane import PlaneGrid

SCALE = (0.5, 2.0)
"""Limits of the scaling, either way: beyond them one of the masks is not a whole cord."""

THIN = 0.25
"""Columns thinner than this fraction of the thickest end in a tip whose front and back are not
known; they do what the nearest thicker column does."""

FADE_MM = 8.0
"""Over which what a column does on its own fades, outside the mask: about the width of the canal
about the cord."""


def columnwise_moves(
    fixed: np.ndarray, moving: np.ndarray, grid: PlaneGrid, *, sigma: float
) -> np.ndarray:
    """Find displacements that take one mask's sections to the other's.

    The right-left scaling is that of the masks' spread. The columns of pixels then are moved and
    stretched so that the front and the back of both masks meet. Away from the mask displacements
    fade to those of the mask as a whole.

    Parameters
    ----------
    fixed, moving : (S, X, Y) array
        Masks, no slice of them empty.
    grid : PlaneGrid
        Of both masks.
    sigma : float
        Standard deviation of the smoothing across columns, mm.

    Returns
    -------
    (S, X, Y, 2) array
        mm to the right and to the front; nothing folds.
    """
    across = _sideways(fixed, moving, grid)
    x, y = grid.positions()
    moved = _sampled_columns(moving, (x + across) / grid.spacing[0])
    back, front, thickness, middle = _edge_moves(fixed, moved, grid)
    if sigma:
        smoothing = sigma / grid.spacing[0]
        back, front = (
            ndimage.gaussian_filter1d(edge, smoothing, axis=1, mode="nearest")
            for edge in (back, front)
        )
    stretch = np.clip((front - back) / thickness, SCALE[0] - 1, SCALE[1] - 1)[:, :, None]
    whole = np.average((front + back) / 2, axis=1, weights=fixed.sum(axis=(0, 2)) + 1e-9)
    whole = whole[:, None, None]
    ahead = y - middle[:, :, None]
    within = np.clip(ahead, *(s * thickness[:, :, None] / 2 for s in (-1, 1)))
    own = ((front + back) / 2)[:, :, None] + stretch * within - whole
    along = whole + own * np.exp(-np.abs(ahead - within) / FADE_MM)
    return np.stack([np.broadcast_to(across[:, :, None], fixed.shape), along], axis=-1)


def _sideways(fixed: np.ndarray, moving: np.ndarray, grid: PlaneGrid) -> np.ndarray:
    """Displacement of each column (S, X), mm: scaled within the mask, fading beyond."""
    center, spread = zip(
        *((m.center[:, 0], np.sqrt(m.covariance[:, 0, 0])) for m in map(moments, (fixed, moving))),
        strict=True,
    )
    center, spread = (np.array(values) * grid.spacing[0] for values in (center, spread))
    scale = np.clip(spread[1] / spread[0], *SCALE)
    # The half-width of an ellipse is twice the standard deviation along it.
    offset = grid.positions()[0] - center[0][:, None]
    inside = np.clip(offset, -2 * spread[0][:, None], 2 * spread[0][:, None])
    own = (scale - 1)[:, None] * inside * np.exp(-np.abs(offset - inside) / FADE_MM)
    return (center[1] - center[0])[:, None] + own


def _sampled_columns(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Interpolate the columns (S, X) of pixels of (S, X, Y)."""
    last = weights.shape[1] - 1
    columns = np.clip(columns, 0, last)
    lower = np.minimum(columns.astype(int), max(last - 1, 0))
    share = (columns - lower)[:, :, None]
    rows = np.arange(len(weights))[:, None]
    return weights[rows, lower] * (1 - share) + weights[rows, np.minimum(lower + 1, last)] * share


def _edge_moves(fixed: np.ndarray, moving: np.ndarray, grid: PlaneGrid) -> tuple:
    """How far the back and the front of each column (S, X) move, its thickness and its middle."""
    y = grid.positions()[1]
    thick, middle = [], []
    for weights in (fixed, moving):
        mass = weights.sum(axis=2)
        thick.append(mass * grid.spacing[1])
        middle.append((weights @ y) / np.maximum(mass, 1e-9))
    known = np.all([t >= THIN * t.max(axis=1, keepdims=True) for t in thick], axis=0)
    known &= (thick[0] > 0) & (thick[1] > 0)
    # A slice whose masks share no column keeps the one that is thickest in the fixed image.
    lost = ~known.any(axis=1)
    known[lost, thick[0][lost].argmax(axis=1)] = True
    nearest = _nearest_known(known)
    take = [np.take_along_axis(values, nearest, axis=1) for values in (*thick, *middle)]
    back = (take[3] - take[1] / 2) - (take[2] - take[0] / 2)
    front = (take[3] + take[1] / 2) - (take[2] + take[0] / 2)
    return back, front, take[0], take[2]


def _nearest_known(known: np.ndarray) -> np.ndarray:
    """For each column (S, X), the nearest one that is known in its slice."""
    columns = np.arange(known.shape[1])
    distance = np.abs(columns[None, :, None] - columns[None, None, :]).astype(float)
    return np.where(known[:, None, :], distance, np.inf).argmin(axis=2)
