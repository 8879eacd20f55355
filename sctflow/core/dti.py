"""Diffusion tensors, by DIPY, and the maps that are read off them."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from sctflow.core.gradients import B0_MAX, GradientError, Gradients
from sctflow.errors import ImageError

PARAMETERS = 7
"""Six of the tensor, and the signal without weighting."""

POORLY_SPREAD = 10.0
"""Condition number of directions from which on a warning is due. Directions spread evenly have
√2.5 = 1.6, as few as six of them may (Skare et al. 2000, doi 10.1006/jmre.2000.2209); the first
six of a longer list may have 50."""

_FLOOR = 0.01
"""Of the signal without weighting. Noise alone is above it; a 0, which has no logarithm, is what
resampling leaves outside of the field of view."""

_NORMAL_MAD = 1.4826
"""Standard deviation of normal noise over the median of its absolute values."""


class TensorMaps(NamedTuple):
    """Maps on the grid of the series, float32, nan where there is no tensor."""

    fa: np.ndarray
    """Fractional anisotropy, 0 to 1."""
    md: np.ndarray
    """Mean diffusivity, mm²/s."""
    ad: np.ndarray
    """Diffusivity along the main direction, mm²/s."""
    rd: np.ndarray
    """Mean diffusivity across it, mm²/s."""
    residual: np.ndarray
    """Root of the residual variance (n − 7 degrees of freedom), in the units of the series; nan
    everywhere where there are no more volumes than parameters."""
    direction: np.ndarray
    """(i, j, k, 3) main direction, in the coordinates of the directions that were given."""


def fit_dti(
    data: np.ndarray,
    mask: np.ndarray,
    gradients: Gradients,
    *,
    method: Literal["wls", "restore"] = "wls",
    sigma: float | None = None,
    b0_max: float = B0_MAX,
) -> TensorMaps:
    """Fit a tensor in every voxel of a mask.

    Parameters
    ----------
    data : (i, j, k, n) array
        Motion-corrected series.
    mask : (i, j, k) array
        Where to fit; not 0. Voxels with a value that is not finite, or without signal where
        b = 0, are left out.
    gradients : Gradients
        From :func:`sctflow.core.gradients.check_gradients`.
    method : {"wls", "restore"}
        Weighted least squares, or robust estimation that drops outliers (RESTORE, Chang et al.
        2005, doi 10.1002/mrm.20426).
    sigma : float, optional
        For RESTORE: standard deviation of the noise, in the units of the series; estimated by
        :func:`noise_of_residuals` from a first fit if left out.
    b0_max : float
        s/mm²; the signal of volumes with at most this b-value is what weaker ones are judged by.

    Returns
    -------
    TensorMaps

    Raises
    ------
    GradientError
        Directions that do not determine a tensor, or too few volumes for RESTORE.
    ImageError
        A mask of another size, or in which no voxel can be fitted.
    """
    if mask.shape != data.shape[:3] or data.shape[3] != len(gradients.bvals):
        raise ImageError(
            f"A mask of size {mask.shape} and {len(gradients.bvals)} b-values do not fit a "
            f"series of size {data.shape}."
        )
    _check_design(gradients, method)
    b0 = gradients.is_b0(b0_max)
    inside = np.asarray(mask) > 0
    signal = np.asarray(data[inside], float)
    usable = np.isfinite(signal).all(axis=1) & (signal[:, b0] > 0).any(axis=1)
    if not usable.any():
        raise ImageError("There is no voxel with signal in the mask: no tensor can be fitted.")
    voxels = tuple(axis[usable] for axis in np.nonzero(inside))
    signal = signal[usable]
    signal = np.maximum(signal, _FLOOR * signal[:, b0].mean(axis=1, keepdims=True))
    fit = _fit(signal, gradients, "wls", None)
    if method == "restore":
        sigma = noise_of_residuals(signal - _predict(fit, gradients)) if sigma is None else sigma
        # Without noise there are no outliers, and nothing that RESTORE could weigh them by.
        fit = _fit(signal, gradients, "restore", sigma) if sigma > 0 else fit
    return _maps(fit, signal, gradients, voxels, data.shape[:3])


def noise_of_residuals(residuals: np.ndarray) -> float:
    """Standard deviation of the noise from what a tensor leaves, robust against outliers.

    Parameters
    ----------
    residuals : (voxels, n) array
        Measured minus fitted signal.

    Returns
    -------
    float
        1.4826 times the median of the absolute values, times √(n / (n − 7)) for what the fit
        took up. It has in it whatever is not the tensor's, the pulse as well as thermal noise.
    """
    n = residuals.shape[1]
    return float(_NORMAL_MAD * np.median(np.abs(residuals)) * np.sqrt(n / (n - PARAMETERS)))


def condition_number(gradients: Gradients, *, b0_max: float = B0_MAX) -> float:
    """How unevenly noise goes into the six components of a tensor.

    Parameters
    ----------
    gradients : Gradients
        Of a series.
    b0_max : float
        s/mm²; only directions of volumes with a higher b-value count.

    Returns
    -------
    float
        Ratio of the largest singular value to the smallest of the matrix that takes tensors to
        diffusivities along the directions, whichever way the directions are turned as a whole;
        √2.5 for even ones, infinity where they determine no tensor.
    """
    x, y, z = gradients.bvecs[~gradients.is_b0(b0_max)].T
    cross = np.sqrt(2)
    columns = [x * x, y * y, z * z, cross * x * y, cross * x * z, cross * y * z]
    return float(np.linalg.cond(np.stack(columns, axis=1)))


def _check_design(gradients: Gradients, method: str) -> None:
    x, y, z = gradients.bvecs.T
    tensor = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
    weights = gradients.bvals / gradients.bvals.max()
    design = np.column_stack([weights[:, None] * tensor, np.ones(len(x))])
    # Directions that nearly coincide would give a tensor of noise.
    if np.linalg.matrix_rank(design, tol=1e-3 * np.sqrt(len(x))) < PARAMETERS:
        raise GradientError(
            f"The {len(x)} volumes do not determine a tensor: it takes one volume with b = 0 and "
            "six directions that do not lie on one cone."
        )
    if method == "restore" and len(x) <= PARAMETERS:
        raise GradientError(
            f"RESTORE needs more than {PARAMETERS} volumes to tell outliers; there are {len(x)}. "
            "Use weighted least squares."
        )


def _fit(signal: np.ndarray, gradients: Gradients, method: str, sigma: float | None):
    """DIPY's fit of (voxels, n) signals."""
    from dipy.reconst.dti import TensorModel

    options = {"sigma": sigma} if method == "restore" else {}
    model = TensorModel(
        _dipy_table(gradients), fit_method=method.upper(), return_S0_hat=True, **options
    )
    return model.fit(signal)


def _dipy_table(gradients: Gradients):
    from dipy.core.gradients import gradient_table

    # A small b-value counts in the fit wherever there is a direction to go with it.
    aimless = ~gradients.bvecs.any(axis=1)
    lowest = float(gradients.bvals[aimless].max(initial=0.0))
    return gradient_table(gradients.bvals, bvecs=gradients.bvecs, b0_threshold=lowest)


def _predict(fit, gradients: Gradients) -> np.ndarray:
    """Signals (voxels, n) that tensors give."""
    vectors, values = fit.evecs, fit.evals
    along = np.einsum("vij,ni->vnj", vectors, gradients.bvecs)
    diffusivity = np.einsum("vnj,vj->vn", along**2, values)
    return fit.S0_hat[:, None] * np.exp(-gradients.bvals * diffusivity)


def _maps(
    fit,
    signal: np.ndarray,
    gradients: Gradients,
    voxels: tuple[np.ndarray, ...],
    shape: tuple[int, ...],
) -> TensorMaps:
    degrees = signal.shape[1] - PARAMETERS
    squares = np.square(signal - _predict(fit, gradients)).sum(axis=1)
    residual = np.sqrt(squares / degrees) if degrees > 0 else np.full(len(signal), np.nan)
    evals = fit.evals
    columns = (
        fit.fa,
        evals.mean(axis=1),
        evals[:, 0],
        evals[:, 1:].mean(axis=1),
        residual,
        fit.evecs[:, :, 0],
    )
    maps = []
    for column in columns:
        image = np.full((*shape, *column.shape[1:]), np.nan, np.float32)
        image[voxels] = column
        maps.append(image)
    return TensorMaps(*maps)
