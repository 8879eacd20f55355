"""Windows moved by fractions of a pixel with Fourier transforms.

A shift by phases keeps the noise as it is wherever the content goes; interpolation between
neighbours would smooth it by an amount that depends on the shift, and draw estimates to where it
smooths most.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from sctflow.core.motion.arrays import Array, beside, functions, transforms


def gaussian_response(size: tuple[int, int], sd: float) -> np.ndarray:
    """Frequency response of a Gaussian of `sd` pixels, (size[0], size[1] // 2 + 1) float32."""
    fu, fv = fft.fftfreq(size[0])[:, None], fft.rfftfreq(size[1])
    return np.exp(-2 * (np.pi * sd) ** 2 * (fu**2 + fv**2)).astype(np.float32)


def rim(size: tuple[int, int], width: tuple[int, int]) -> np.ndarray:
    """A window that falls to 0 over `width` pixels at its edges, so that opposite edges meet."""
    ramps = [
        np.sin(
            0.5 * np.pi * np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / w, 0, 1)
        )
        for n, w in zip(size, width, strict=True)
    ]
    return (ramps[0][:, None] ** 2 * ramps[1] ** 2).astype(np.float32)


def to_spectrum(windows: Array, response: np.ndarray) -> Array:
    """Filtered spectra of windows (..., u, v)."""
    spectrum = transforms(windows).rfft2(windows)
    spectrum *= beside(response, spectrum)
    return spectrum


def moved(
    spectrum: Array,
    size: tuple[int, int],
    pixel: np.ndarray,
    shift: np.ndarray,
    rotation: np.ndarray | None = None,
) -> Array:
    """Sample windows at ``R x + shift``, x being pixels from their middle.

    Parameters
    ----------
    spectrum : (..., u, v // 2 + 1) complex64 array
    size : tuple of 2 int
        Of the windows.
    pixel : (2,) array
        mm.
    shift : (..., 2) array
        mm.
    rotation : (...) array, optional
        Radians from the first axis towards the second.

    Returns
    -------
    (..., u, v) float32 array
    """
    steps = shift / pixel
    phases = (
        beside(
            np.exp(2j * np.pi * steps[..., axis, None] * frequencies).astype(np.complex64),
            spectrum,
        )
        for axis, frequencies in enumerate((fft.fftfreq(size[0]), fft.rfftfreq(size[1])))
    )
    pu, pv = phases
    placed = spectrum * pu[..., :, None] * pv[..., None, :]
    result = transforms(placed).irfft2(placed, size)
    if rotation is None or not np.any(rotation):
        return result
    lean, rise = -np.tan(rotation / 2), np.sin(rotation)
    result = _sheared(result, pixel, lean, axis=0)
    result = _sheared(result, pixel, rise, axis=1)
    return _sheared(result, pixel, lean, axis=0)


def _sheared(windows: Array, pixel: np.ndarray, slope: np.ndarray, *, axis: int) -> Array:
    """Sample at places moved along `axis` by `slope` times the distance along the other one."""
    n, other = windows.shape[axis - 2], windows.shape[-1 - axis]
    away = (np.arange(other) - other // 2) * pixel[1 - axis]
    steps = slope[..., None] * away / pixel[axis]
    phase = np.exp(2j * np.pi * steps[..., None] * fft.rfftfreq(n)).astype(np.complex64)
    if axis == 0:
        phase = np.swapaxes(phase, -1, -2)
    spectrum = transforms(windows).rfft(windows, n, axis - 2)
    spectrum *= beside(phase, spectrum)
    return transforms(spectrum).irfft(spectrum, n, axis - 2)


def gradients(images: Array, pixel: np.ndarray) -> tuple[Array, Array]:
    """Derivatives per mm along the last two axes, of fourth order; edges wrap around."""
    roll = functions(images).roll
    return tuple(
        (
            8 * (roll(images, -1, a) - roll(images, 1, a))
            - (roll(images, -2, a) - roll(images, 2, a))
        )
        / float(12 * p)
        for a, p in zip((-2, -1), pixel, strict=True)
    )
