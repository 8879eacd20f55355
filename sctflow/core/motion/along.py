"""Motion made smooth along the cord, as far as the data do not say otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

Regularizer = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Takes estimates (slices, volumes, p) and their covariances (..., p, p) to smoothed ones, with
their standard deviations."""

_WHOLE_MM = 10.0  # how far a volume may move as a whole; wide, or jumps would be damped
_SPREADS_MM = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_LENGTHS_MM = (15.0, 30.0, 60.0, 120.0)
_OWN_MM = (0.005, 0.02, 0.05, 0.1, 0.25, 1.0)  # of a slice on its own
_VOLUMES = 40  # that the spread and the length are chosen on


def regularizer(
    heights: np.ndarray, *, poly: int | None = None, smooth: float | None = None
) -> Regularizer:
    """Choose how motion is made smooth along the cord.

    Parameters
    ----------
    heights : (slices,) array
        mm.
    poly : int, optional
        Degree of a polynomial; 0 leaves every slice as it was found.
    smooth : float, optional
        mm over which neighbours are alike. By default, and without `poly`, it is chosen from the
        data.
    """
    if poly is None:
        return partial(gaussian_process, heights=heights, length=smooth)
    if poly > 0:
        return partial(polynomial, heights=heights, degree=poly)
    return _as_found


def _as_found(estimate: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return estimate, np.sqrt(np.einsum("ktpp->ktp", covariance))


def gaussian_process(
    estimate: np.ndarray,
    covariance: np.ndarray,
    heights: np.ndarray,
    *,
    length: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean of slice-wise motion that is similar in neighbouring slices.

    The motion of a volume is one for all slices, plus a part that is correlated along the cord,
    plus one of each slice on its own. How large they are and how far the correlation reaches is
    chosen by the marginal likelihood of all volumes.

    Parameters
    ----------
    estimate : (slices, volumes, p) array
        mm, p components.
    covariance : (slices, volumes, p, p) array
        Of the errors of `estimate`, independent between slices.
    heights : (slices,) array
        mm.
    length : float, optional
        mm over which neighbours are alike, if it is not to be chosen; slices have then no motion
        of their own.

    Returns
    -------
    mean : (slices, volumes, p) array
    sd : (slices, volumes, p) array
    """
    n, nt, p = estimate.shape
    prior = np.zeros((n, p, n, p))
    for c in range(p):
        kernel = _choose(estimate[..., c], covariance[..., c, c], heights, length)
        prior[:, c, :, c] = kernel
    prior = prior.reshape(n * p, n * p)
    noise = np.zeros((nt, n, p, n, p))
    rows = np.arange(n)
    noise[:, rows, :, rows, :] = covariance
    total = prior + noise.reshape(nt, n * p, n * p)
    data = np.swapaxes(estimate, 0, 1).reshape(nt, n * p, 1)
    gain = np.linalg.solve(total, np.broadcast_to(prior, total.shape))
    mean = np.swapaxes(gain, 1, 2) @ data
    variance = np.diag(prior) - np.einsum("ij,tji->ti", prior, gain)
    mean, variance = (x.reshape(nt, n, p).swapaxes(0, 1) for x in (mean, variance))
    return mean, np.sqrt(np.maximum(variance, 0))


def _choose(
    estimate: np.ndarray, variance: np.ndarray, heights: np.ndarray, length: float | None
) -> np.ndarray:
    """Covariance (slices, slices) of one component with the largest marginal likelihood."""
    gap = heights[:, None] - heights
    nt = estimate.shape[1]
    chosen = np.unique(np.linspace(0, nt - 1, min(nt, _VOLUMES)).astype(int))
    y, noise = estimate[:, chosen].T, variance[:, chosen].T
    best, kernel = -np.inf, None
    for reach in _LENGTHS_MM if length is None else (length,):
        shape = np.exp(-0.5 * (gap / reach) ** 2)
        for spread in _SPREADS_MM:
            for own in _OWN_MM if length is None else _OWN_MM[:1]:
                trial = _WHOLE_MM**2 + spread**2 * shape + own**2 * np.eye(len(gap))
                value = _likelihood(y, noise, trial)
                if value > best:
                    best, kernel = value, trial
    return kernel


def _likelihood(y: np.ndarray, noise: np.ndarray, prior: np.ndarray) -> float:
    total = prior + noise[:, :, None] * np.eye(len(prior))
    lower = np.linalg.cholesky(total)
    white = np.linalg.solve(lower, y[..., None])[..., 0]
    logdet = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum()
    return -logdet - 0.5 * (white**2).sum()


def polynomial(
    estimate: np.ndarray, covariance: np.ndarray, heights: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted fit of a polynomial along the cord, per volume; as :func:`gaussian_process`."""
    n, _, p = estimate.shape
    degree = min(degree, n - 1)
    span = max(np.ptp(heights), 1e-6)
    basis = np.polynomial.legendre.legvander(2 * (heights - heights.min()) / span - 1, degree)
    design = np.einsum("nq,cd->ncqd", basis, np.eye(p)).reshape(n, p, -1)
    precision = np.linalg.inv(covariance)
    weighted = np.einsum("ncq,ntcd->ntqd", design, precision)
    normal = np.einsum("ntqd,ndr->tqr", weighted, design)
    right = np.einsum("ntqd,ntd->tq", weighted, estimate)
    inverse = np.linalg.pinv(normal, hermitian=True)
    mean = np.einsum("ncq,tqr,tr->ntc", design, inverse, right)
    variance = np.einsum("ncq,tqr,ncr->ntc", design, inverse, design)
    return mean, np.sqrt(np.maximum(variance, 0))
