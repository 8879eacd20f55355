"""What each volume should look like, told from the other volumes."""

from __future__ import annotations

import numpy as np

SHARED = 1e4
"""Variance of the mean image over that of the noise: it is taken from the data alone."""

ANISOTROPY = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Variances of what changes with the direction, over that of the noise, to choose from."""

_SLICES = 8  # that the variance is chosen on
_SHELL_WIDTH = 0.3  # of ln b, within which volumes look alike


def likeness(n: int) -> np.ndarray:
    """Covariance (1, n, n) between volumes that should all look the same."""
    return np.ones((1, n, n))


def diffusion_likeness(bvals: np.ndarray, bvecs: np.ndarray) -> np.ndarray:
    """Covariances between diffusion-weighted volumes: of the shell's mean, and of directions.

    The second Legendre polynomial of the angle's cosine is the covariance of signals that follow
    an even polynomial of degree two of the direction, as those of a tensor do to first order.

    Parameters
    ----------
    bvals : (n,) array
        All above 0, s/mm².
    bvecs : (n, 3) array
        Of unit length.

    Returns
    -------
    (2, n, n) array
    """
    shell = np.exp(-0.5 * (np.subtract.outer(*[np.log(bvals)] * 2) / _SHELL_WIDTH) ** 2)
    cosine = bvecs @ bvecs.T
    return np.stack([shell, shell * 0.5 * (3 * cosine**2 - 1)])


def left_out(
    kernels: np.ndarray, directional: float, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each volume from the others, by the Gaussian process of these covariances.

    Parameters
    ----------
    kernels : (1 or 2, n, n) array
        See :func:`likeness` and :func:`diffusion_likeness`.
    directional : float
        Variance of the second kernel over that of the noise.
    noise : (n,) array
        Variance of each volume's noise, 1 for an ordinary one.

    Returns
    -------
    weights : (n, n) array
        Zero on the diagonal.
    variance : (n,) array
        Of the volume about its prediction.
    """
    covariance = SHARED * kernels[0] + np.diag(noise)
    if len(kernels) > 1:
        covariance += directional * kernels[1]
    inverse = np.linalg.inv(covariance)
    variance = 1 / np.diag(inverse)
    weights = np.eye(len(noise)) - inverse * variance[:, None]
    np.fill_diagonal(weights, 0)
    return weights, variance


def choose_directional(kernels: np.ndarray, products: np.ndarray, noise: np.ndarray) -> float:
    """Variance of the second kernel with which volumes are best predicted by the others.

    Parameters
    ----------
    kernels : (2, n, n) array
    products : (slices, n, n) array
        Weighted sums over pixels of the products of two volumes.
    noise : (slices, n) array
    """
    chosen = np.unique(np.linspace(0, len(noise) - 1, min(len(noise), _SLICES)).astype(int))
    errors = []
    for variance in ANISOTROPY:
        error = 0.0
        for product, one in zip(products[chosen], noise[chosen], strict=True):
            rest = np.eye(len(one)) - left_out(kernels, variance, one)[0]
            error += ((rest @ product * rest).sum(1) / one).sum()
        errors.append(error)
    return ANISOTROPY[int(np.argmin(errors))]
