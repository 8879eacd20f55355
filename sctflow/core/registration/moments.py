"""Slices brought together by the centre and the long axis of their masks."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.cross_section import moments
from sctflow.core.registration.plane import PlaneGrid

ROUND = 0.1
"""Relative difference of the second moments along and across at which a section says half as
much about its rotation as an oblong one: axes that differ by a tenth."""

STEEPNESS = 4
"""How fast the trust in the long axis grows with the product of both elongations."""


def centers_and_axes(weights: np.ndarray, grid: PlaneGrid) -> tuple[np.ndarray, np.ndarray]:
    """Measure where sections lie and which way they are oblong.

    Parameters
    ----------
    weights : (S, X, Y) array
        Masks; a slice may be empty.
    grid : PlaneGrid
        Their grid.

    Returns
    -------
    centers : (S, 2) array
        mm on the grid; nan in empty slices.
    axes : (S,) complex array
        Twice the angle of the long axis, anticlockwise from the right seen from above, as the
        phase, and as the magnitude the difference of the second moments along and across over
        their sum: 0 for a round section, nan in empty slices.
    """
    centers = np.full((len(weights), 2), np.nan)
    axes = np.full(len(weights), np.nan, dtype=complex)
    filled = weights.any(axis=(1, 2))
    if filled.any():
        found = moments(weights[filled])
        centers[filled] = found.center * grid.spacing[:2]
        spread = found.covariance * np.outer(grid.spacing[:2], grid.spacing[:2])
        xx, yy, xy = spread[:, 0, 0], spread[:, 1, 1], spread[:, 0, 1]
        axes[filled] = ((xx - yy) + 2j * xy) / (xx + yy)
    return centers, axes


def axis_rotation(
    fixed: np.ndarray, moving: np.ndarray, *, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rotation between the long axes of sections.

    Parameters
    ----------
    fixed, moving : (S,) complex array
        See :func:`centers_and_axes`; finite.
    sigma : float
        Standard deviation of the Gaussian along the slices, in slices. Oblong sections weigh
        more than round ones.

    Returns
    -------
    angle : (S,) array
        Radians, anticlockwise seen from above, within a quarter turn.
    trust : (S,) array
        From 0 (round: there is no long axis) to 1.
    """
    product = moving * np.conj(fixed)
    smooth = ndimage.gaussian_filter1d(product, sigma, mode="nearest") if sigma else product
    strength = (np.abs(smooth) / ROUND**2) ** (STEEPNESS / 2)
    return np.angle(smooth) / 2, strength / (1 + strength)


def filled_in(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Interpolate (S, ...) between the slices that are known; constant beyond them."""
    if known.all():
        return values
    slices, given = np.arange(len(values)), np.flatnonzero(known)
    flat = values.reshape(len(values), -1)
    columns = [np.interp(slices, given, column[given]) for column in flat.T]
    return np.stack(columns, axis=1).reshape(values.shape)


def turned_about(
    fixed_center: np.ndarray, moving_center: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Make the maps (S, 2, 3) that turn by an angle (S,) and take one centre to the other."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)
    offset = moving_center - (turn @ fixed_center[:, :, None])[:, :, 0]
    return np.concatenate([turn, offset[:, :, None]], axis=2)
