"""Slices that were excited one after the other, brought to one time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from sctflow.core.image import finite
from sctflow.errors import ImageError


def correct_slice_timing(
    data: np.ndarray,
    times: Sequence[float],
    tr: float,
    *,
    axis: int = 2,
    to: float | None = None,
    skip: int = 0,
) -> np.ndarray:
    """Interpolate the time course of each slice to a time that all slices share.

    Frequencies are shifted in phase, after the linear drift is taken out; before its beginning
    and after its end the series goes on as its mirror image. Slices that move on their own in
    their plane can be moved back before: motion stays what it was measured in.

    Parameters
    ----------
    data : (i, j, k, t) array
        Series. Values that are not finite count as 0.
    times : sequence of float
        When each slice is excited, s after the beginning of its volume, in the order of the
        voxels along `axis`.
    tr : float
        Repetition time, s.
    axis : {0, 1, 2}
        Across the slices.
    to : float, optional
        The time that is wanted, s; the middle between the first and the last slice by default.
    skip : int
        Volumes at the beginning that are not steady. They stay as they are: shifted with the
        others, their brightness would ring on through the series.

    Returns
    -------
    (i, j, k, t) array of float32

    Raises
    ------
    ImageError
        A number of times other than that of the slices, times that are no numbers or lie beyond
        the repetition time.
    """
    times = check_slice_times(times, tr, data.shape[axis])
    wanted = (times.min() + times.max()) / 2 if to is None else to
    out = np.array(finite(data), np.float32)
    slices = np.moveaxis(finite(data), axis, 0)[..., skip:]
    for time, series, result in zip(times, slices, np.moveaxis(out, axis, 0), strict=True):
        result[..., skip:] = _later(series.astype(float), (wanted - time) / tr)
    return out


def check_slice_times(times: Sequence[float], tr: float, n: int) -> np.ndarray:
    """Refuse times that slices cannot be excited at.

    Parameters
    ----------
    times : sequence of float
        s.
    tr : float
        Repetition time, s.
    n : int
        Number of slices.

    Raises
    ------
    ImageError
        See :func:`correct_slice_timing`.
    """
    times = np.asarray(times, float)
    if times.shape != (n,):
        raise ImageError(f"There are {times.size} slice times for {n} slices.")
    if not tr > 0:
        raise ImageError(f"The repetition time is {tr} s: it must be over 0.")
    if not (np.isfinite(times).all() and times.min() >= 0 and times.max() < tr):
        raise ImageError(
            f"Slice times must lie between 0 and the repetition time of {tr:g} s; they go from "
            f"{times.min():g} to {times.max():g} s. Are they in milliseconds?"
        )
    return times


def _later(series: np.ndarray, steps: float) -> np.ndarray:
    """Series (…, t) sampled `steps` volumes later."""
    n = series.shape[-1]
    if n < 2 or steps == 0:
        return series
    slope = (series[..., -1:] - series[..., :1]) / (n - 1)
    time = np.arange(n)
    level = series - slope * time
    mirrored = np.concatenate([level, level[..., ::-1]], axis=-1)
    phases = np.exp(2j * np.pi * fft.rfftfreq(2 * n) * steps)
    shifted = fft.irfft(fft.rfft(mirrored, axis=-1) * phases, 2 * n, axis=-1)[..., :n]
    return shifted + slope * (time + steps)
