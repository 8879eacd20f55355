"""What the scanner and the participant add: coil, texture, noise, motion.

Arrays have the axes right, anterior, superior, and time where there is one. Whatever is drawn at
random comes from the generator that is passed in.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, gaussian_filter1d, spline_filter1d
from scipy.sparse import csr_matrix

_LOOP_MM = 70.0
"""Radius of the loops of the spine array, which is how deep they see."""

_BREATH_S = 4.0
"""Length of a breath at rest."""


def coil_bias(
    points: np.ndarray,
    rng: np.random.Generator,
    *,
    posterior: float,
    lower: float,
    upper: float,
    depth: float = 60.0,
    evenness: float = 0.5,
    end_mm: float = 25.0,
    ripple: float = 0.06,
) -> np.ndarray:
    """Sensitivity of a spine array that the participant lies on, with the coils around the neck.

    The array's part falls with the distance from it as the field on the axis of a loop does;
    the rest is even. Both fade beyond the ends of the field of view. Smooth waves, longer than
    150 mm, differ from participant to participant.

    Parameters
    ----------
    points : (..., 3) array
        World mm.
    rng : Generator
        Of the waves.
    posterior : float
        Where the array lies along y, mm.
    lower, upper : float
        Ends of the sensitive range along z, mm, where the sensitivity is half.
    depth : float
        Distance from the array in mm at which the sensitivity is 1 (waves and ends apart).
    evenness : float
        Part of the sensitivity at `depth` that does not depend on the distance.
    end_mm : float
        Length over which the ends fade.
    ripple : float
        Standard deviation of the waves, in logarithm.

    Returns
    -------
    (...) array
        Positive, to multiply the signal with.
    """
    away = np.maximum(points[..., 1] - posterior, 0.0)
    near = ((1 + (depth / _LOOP_MM) ** 2) / (1 + (away / _LOOP_MM) ** 2)) ** 1.5
    z = points[..., 2]
    ends = 1 / ((1 + np.exp((lower - z) / end_mm * 4)) * (1 + np.exp((z - upper) / end_mm * 4)))
    waves = np.zeros(points.shape[:-1])
    n = 6
    for _ in range(n):
        direction = rng.standard_normal(3)
        direction *= 2 * np.pi / (np.linalg.norm(direction) * rng.uniform(150.0, 400.0))
        waves += np.sqrt(2 / n) * np.cos(points @ direction + rng.uniform(0, 2 * np.pi))
    # Far beyond the ends a thousandth is left, so that no voxel has a sensitivity of 0.
    return (evenness + (1 - evenness) * near) * (0.001 + 0.999 * ends) * np.exp(ripple * waves)


def texture(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    zooms: tuple[float, float, float],
    *,
    amount: float = 0.04,
    scale_mm: float = 3.0,
) -> np.ndarray:
    """Unevenness of tissue to multiply the signal with: mean 1, standard deviation `amount`.

    Neighbours within about `scale_mm` (standard deviation of the smoothing) are alike.
    """
    field = gaussian_filter(rng.standard_normal(shape), scale_mm / np.asarray(zooms), mode="wrap")
    spread = field.std()
    if spread == 0:
        return np.ones(shape)
    return np.maximum(1 + amount * (field - field.mean()) / spread, 0.0)


def rician(signal: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Magnitude of the signal with normal noise `sigma` in its real and its imaginary part."""
    real = rng.standard_normal(signal.shape, np.float32) * np.float32(sigma) + signal
    return np.hypot(real, rng.standard_normal(signal.shape, np.float32) * np.float32(sigma))


def sigma_for_snr(mean_cord_signal: float, snr: float) -> float:
    """Noise at which the cord's signal is `snr` times the noise in either part of it."""
    return mean_cord_signal / snr


def shift_slices(
    fine: np.ndarray,
    shifts: np.ndarray,
    zooms: tuple[float, float],
    *,
    factor: int,
    rotation: np.ndarray | None = None,
) -> np.ndarray:
    """Move every slice of every volume in its plane, then average blocks to voxels.

    The motion is made by cubic splines on a grid finer than the image's, so that what is known
    about it is exact on the image (a hundredth of a voxel for a `factor` of 3 or more). Beyond
    the edges the outermost values go on.

    Parameters
    ----------
    fine : (nx * factor, ny * factor, nz) or (nx * factor, ny * factor, nz, nt) array
        Signal at rest, the same in every volume or one per volume.
    shifts : (nz, nt, 2) array
        By how many mm the content moves along the first and the second axis.
    zooms : pair of float
        Of the image's voxels in the plane, mm.
    factor : int
        Fine points per voxel side.
    rotation : (nz, nt) array, optional
        Degrees by which the content turns about the middle of the slice, before it is shifted;
        positive from the first axis towards the second.

    Returns
    -------
    (nx, ny, nz, nt) array of float32
    """
    nz, nt = shifts.shape[:2]
    nx, ny = fine.shape[0] // factor, fine.shape[1] // factor
    turns = np.zeros((nz, nt)) if rotation is None else np.radians(rotation)
    spacing = np.asarray(zooms) / factor
    # Shifting and averaging are linear along each axis: two small matrices per slice.
    to_spline = [_spline_filter(n) for n in fine.shape[:2]]
    moved = np.empty((nx, ny, nz, nt), np.float32)
    for k in range(nz):
        for t in range(nt):
            plane = fine[:, :, k] if fine.ndim == 3 else fine[:, :, k, t]
            if turns[k, t]:
                plane = _turn(plane.astype(float), turns[k, t], spacing)
            rows, columns = (
                _shift_and_average(points.shape[0], shift, factor) @ points
                for points, shift in zip(to_spline, shifts[k, t] / spacing, strict=True)
            )
            moved[:, :, k, t] = (columns @ (rows @ plane).T).T
    return moved


def _spline_filter(n: int) -> csr_matrix:
    """Matrix (n, n) from samples to the coefficients of the cubic spline through them."""
    filtered = spline_filter1d(np.eye(n), axis=0, mode="mirror")
    # The filter fades by a factor of 0.27 per sample; float32 sees 13 of them.
    return csr_matrix(np.where(np.abs(filtered) > 1e-8, filtered, 0).astype(np.float32))


def _shift_and_average(n: int, shift: float, factor: int) -> csr_matrix:
    """Matrix (n / factor, n) from the coefficients of a cubic spline to averages of blocks.

    The spline, through `n` points, is moved by `shift` points first.
    """
    at = np.clip(np.arange(n) - shift, 0, n - 1)
    first = np.minimum(at.astype(int), n - 2)
    u = at - first
    weights = [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, 3 * u**2 - 3 * u**3 + 3 * u + 1, u**3]
    places = np.abs(first + np.arange(-1, 3)[:, None])
    places = np.where(places > n - 1, 2 * (n - 1) - places, places)
    blocks = np.tile(np.arange(n) // factor, 4)
    entries = np.concatenate(weights) / (6 * factor)
    return csr_matrix((entries, (blocks, places.ravel())), shape=(n // factor, n))


def _turn(plane: np.ndarray, angle: float, spacing: np.ndarray) -> np.ndarray:
    """Turn a plane about its middle, from the first axis towards the second, by radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    # Takes a place in the turned plane back to where it was, in steps of the grid.
    matrix = np.array([[cos, sin], [-sin, cos]]) * spacing / spacing[:, None]
    middle = (np.array(plane.shape) - 1) / 2
    return affine_transform(plane, matrix, middle - matrix @ middle, order=3, mode="nearest")


def make_motion(
    rng: np.random.Generator,
    nz: int,
    nt: int,
    *,
    drift_mm: float = 0.5,
    jitter_mm: float = 0.1,
    jumps: int = 0,
    jump_mm: float = 1.0,
    breathing_mm: float = 0.3,
    tr: float = 2.0,
    reference: Literal["first", "mean"] = "first",
) -> np.ndarray:
    """In-plane motion of the cord in a series of volumes, slices numbered from below.

    Parameters
    ----------
    rng : Generator
    nz, nt : int
        Slices and volumes.
    drift_mm : float
        Length of the slow way that all slices go together during the series.
    jitter_mm : float
        Standard deviation, along each axis, of what changes from volume to volume; it is smooth
        along the cord.
    jumps, jump_mm : int, float
        Sudden moves to a new place, and their length.
    breathing_mm : float
        Amplitude of the swing, front to back, in the lowest slice; a quarter of it in the
        highest. Slices are excited from below upwards during `tr` seconds.
    tr : float
        s.
    reference : {"first", "mean"}
        What is 0: each slice in the first volume, or its mean over volumes.

    Returns
    -------
    (nz, nt, 2) array
        mm along the axes right and anterior.
    """
    motion = np.zeros((nz, nt, 2))
    progress = np.linspace(0, 1, nt)
    bend = rng.uniform(0.6, 1.6, 2)
    motion += drift_mm * _direction(rng) * progress[:, None] ** bend
    for start in rng.integers(1, max(nt, 2), jumps):
        motion[:, start:] += jump_mm * _direction(rng)
    motion += jitter_mm * _smooth_along(rng.standard_normal((nz, nt, 2)))
    motion[..., 1] += breathing_mm * _breathing(rng, nz, nt, tr)
    return motion - (motion[:, :1] if reference == "first" else motion.mean(axis=1, keepdims=True))


def _direction(rng: np.random.Generator) -> np.ndarray:
    """Unit vector in the plane."""
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _smooth_along(noise: np.ndarray) -> np.ndarray:
    """Smooth white noise along slices, keeping its standard deviation of 1 everywhere."""
    width = max(len(noise) / 6, 0.5)
    weights = gaussian_filter1d(np.eye(len(noise)), width, axis=0)
    return np.tensordot(weights / np.linalg.norm(weights, axis=1, keepdims=True), noise, 1)


def _breathing(rng: np.random.Generator, nz: int, nt: int, tr: float) -> np.ndarray:
    """Swing (nz, nt) of every slice when it is excited, from -1 to 1 in the lowest one."""
    seconds = tr * (np.arange(nt) + np.arange(nz)[:, None] / nz)
    # Breaths are not all alike in length.
    wander = np.cumsum(rng.normal(0, 0.05 * np.sqrt(tr), nt))
    phase = 2 * np.pi * (seconds / _BREATH_S + wander) + rng.uniform(0, 2 * np.pi)
    return np.linspace(1, 0.25, nz)[:, None] * np.sin(phase)


def dropouts(rng: np.random.Generator, nz: int, nt: int, n: int, *, spared: int = 1) -> np.ndarray:
    """Gain (nz, nt) of every slice in every volume: 1, but 0.1 to 0.5 in `n` of them.

    The first `spared` volumes have none.
    """
    gain = np.ones((nz, nt))
    places = rng.choice(nz * (nt - spared), size=n, replace=False)
    gain[places % nz, spared + places // nz] = rng.uniform(0.1, 0.5, n)
    return gain
