"""Signal over its fluctuation: temporal SNR of a series, and SNR of repeated images."""

from __future__ import annotations

import numpy as np

from sctflow.errors import ImageError

DRIFT_VOLUMES = 3
"""With fewer, a mean and a drift leave no fluctuation."""


def temporal_snr(data: np.ndarray) -> np.ndarray:
    """Mean over standard deviation in time, after removing the linear drift.

    Parameters
    ----------
    data : (..., t) array
        Volumes at equal distances in time.

    Returns
    -------
    (...) array of float32
        The standard deviation is that of the residuals, with t − 2 degrees of freedom. nan where
        a voxel does not fluctuate, or has a value that is not finite.

    Raises
    ------
    ImageError
        Fewer than three volumes.
    """
    _check_volumes(data, DRIFT_VOLUMES, "tSNR")
    n = data.shape[-1]
    time = np.linspace(-1, 1, n)
    drift = time / np.sqrt(time @ time)
    out = np.empty(data.shape[:-1], np.float32)
    # Plane by plane: a series in double precision would be large.
    for index in range(len(data)):
        series = np.asarray(data[index], float)
        mean = series.mean(axis=-1)
        centered = series - mean[..., None]
        centered -= (centered @ drift)[..., None] * drift
        out[index] = _ratio(mean, np.sqrt(np.square(centered).sum(axis=-1) / (n - 2)))
    return out


def repeated_snr(data: np.ndarray) -> np.ndarray:
    """Mean over sample standard deviation of repeated images, such as those with b = 0.

    Parameters
    ----------
    data : (..., t) array
        At least two volumes, in any order in time: no drift is removed.

    Returns
    -------
    (...) array of float32
        From few volumes, voxels scatter widely; see :func:`pooled_snr` for a region. nan where a
        voxel does not fluctuate, or has a value that is not finite.

    Raises
    ------
    ImageError
        A single volume.
    """
    _check_volumes(data, 2, "SNR")
    series = np.asarray(data, float)
    return _ratio(series.mean(axis=-1), series.std(axis=-1, ddof=1)).astype(np.float32)


def pooled_snr(data: np.ndarray, weights: np.ndarray) -> float:
    """SNR of a region from repeated images: mean signal over root mean variance.

    Unlike the mean of :func:`repeated_snr` over the region, it is right for two images too.

    Parameters
    ----------
    data : (i, j, k, t) array
        At least two volumes.
    weights : (i, j, k) array
        Mask, binary or soft. Voxels with a value that is not finite are left out.

    Returns
    -------
    float
        nan if nothing is in the mask or nothing fluctuates.

    Raises
    ------
    ImageError
        A single volume.
    """
    _check_volumes(data, 2, "SNR")
    inside = np.asarray(weights) > 0
    series, weight = np.asarray(data[inside], float), np.asarray(weights, float)[inside]
    finite = np.isfinite(series).all(axis=1)
    series, weight = series[finite], weight[finite]
    noise = np.sqrt(weight @ series.var(axis=1, ddof=1) * weight.sum())
    return float(weight @ series.mean(axis=1) / noise) if noise > 0 else np.nan


def _ratio(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    # Rounding leaves a voxel that never changes with a spread of some 1e-16 of its mean.
    known = np.isfinite(mean) & np.isfinite(spread) & (spread > 1e-12 * np.abs(mean))
    return np.divide(mean, spread, out=np.full(mean.shape, np.nan), where=known)


def _check_volumes(data: np.ndarray, least: int, what: str) -> None:
    if data.shape[-1] < least:
        raise ImageError(
            f"{what} needs at least {least} volumes, the series has {data.shape[-1]}."
        )
