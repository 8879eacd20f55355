"""Rotation between two images from the directions of their gradients."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.registration.plane import PlaneGrid

BINS = 180
"""Of one degree each: a gradient and its opposite count as one direction, so that images of
reversed contrast agree."""

WINDOW_MM = 6.0
"""Standard deviation of the Gaussian about the cord's centre: the cord, its outline and the
fluid about it, little else."""

EDGE_MM = 1.0
"""Gaussian smoothing before gradients are taken, so that pixels' corners have no say."""

SPREAD_DEGREES = 4.0
"""Smoothing of the histogram: about what the direction of a gradient is known to."""

LIMIT_DEGREES = 40
"""The largest rotation that is looked for: histograms of a cord repeat after 90 degrees."""


def gradient_rotation(
    fixed: np.ndarray,
    moving: np.ndarray,
    *,
    fixed_center: np.ndarray,
    moving_center: np.ndarray,
    grid: PlaneGrid,
    sigma: float,
) -> np.ndarray:
    """Find the rotation between images of sections.

    Parameters
    ----------
    fixed, moving : (S, X, Y) array
        nan where there is no image.
    fixed_center, moving_center : (S, 2) array
        mm on the grid.
    grid : PlaneGrid
        Of both images.
    sigma : float
        Standard deviation of the Gaussian along the slices, in slices.

    Returns
    -------
    (S,) array
        Radians, anticlockwise seen from above.
    """
    spectra = [
        np.fft.rfft(_histograms(image, center, grid), axis=1)
        for image, center in ((fixed, fixed_center), (moving, moving_center))
    ]
    agreement = np.fft.irfft(spectra[1] * np.conj(spectra[0]), n=BINS, axis=1)
    if sigma:
        agreement = ndimage.gaussian_filter1d(agreement, sigma, axis=0, mode="nearest")
    shifts = np.arange(-LIMIT_DEGREES - 1, LIMIT_DEGREES + 2)
    near = agreement[:, shifts]
    best = 1 + near[:, 1:-1].argmax(axis=1)
    rows = np.arange(len(near))
    before, top, after = (near[rows, best + step] for step in (-1, 0, 1))
    bend = before - 2 * top + after
    # The top of the parabola through three bins; flat where an image says nothing.
    fine = np.where(bend < 0, 0.5 * (before - after) / np.minimum(bend, -1e-12), 0.0)
    return np.radians(shifts[best] + np.clip(fine, -0.5, 0.5))


def _histograms(image: np.ndarray, center: np.ndarray, grid: PlaneGrid) -> np.ndarray:
    """Weigh the directions of the gradients (S, BINS), of mean 0 and norm 1."""
    image = np.where(np.isfinite(image), image, np.nanmedian(image))
    smooth = ndimage.gaussian_filter(image, (0, *(EDGE_MM / grid.spacing[:2])), mode="nearest")
    gx, gy = (np.gradient(smooth, grid.spacing[a], axis=1 + a) for a in (0, 1))
    x, y = grid.positions()
    dx, dy = x - center[:, :1], y - center[:, 1:]
    window = np.exp(-(dx[:, :, None] ** 2 + dy[:, None, :] ** 2) / (2 * WINDOW_MM**2))
    position = np.degrees(np.arctan2(gy, gx)) % 180 * (BINS / 180)
    lower = np.floor(position).astype(int)
    share = position - lower
    weight = window * np.hypot(gx, gy)
    rows = np.arange(len(image))[:, None, None] * BINS
    counts = sum(
        np.bincount(
            (rows + (lower + step) % BINS).ravel(), (weight * part).ravel(), len(image) * BINS
        )
        for step, part in ((0, 1 - share), (1, share))
    ).reshape(len(image), BINS)
    counts = ndimage.gaussian_filter1d(counts, SPREAD_DEGREES * BINS / 180, axis=1, mode="wrap")
    counts -= counts.mean(axis=1, keepdims=True)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-12)
