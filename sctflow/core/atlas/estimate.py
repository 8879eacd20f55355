r"""Values of regions that share voxels, by maximum likelihood and maximum a posteriori.

With :math:`y = X β`, X being the partial volumes of all regions in all voxels, everything that is
asked for follows from :math:`X^T X` and :math:`X^T y`. A combined region is one whose members
have one value, so its column of X is the sum of theirs. It needs no system of its own: where K is
the inverse that belongs to the single regions, and β their estimate, its value is the mean of the
members' β weighted by :math:`K_{MM}^{-1} 1`, the generalized least squares mean.
"""

from __future__ import annotations

import numpy as np

RESOLVED = 1e-10
"""Smallest eigenvalue of X'X, relative to the largest, that is told from rounding.

A mixture of regions below it has 1e-5 of the partial volume of the whole, far less than an atlas
knows."""


def maximum_likelihood(gram: np.ndarray, moment: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Least squares with the pseudo-inverse, X⁺y.

    Parameters
    ----------
    gram : (g, n, n) array
        X'X of each group of voxels.
    moment : (g, n) array
        X'y.
    membership : (n, c) array of bool
        Combined regions: which of the n single regions each has.

    Returns
    -------
    (g, n + c) array
        For a combined region, the least squares solution in which its members are one region
        beside the other single ones. Regions that no voxel has get 0.
    """
    present = np.diagonal(gram, axis1=1, axis2=2) > 0
    inverse, rank = _pseudo_inverse(gram)
    beta = _apply(inverse, moment)
    lacking = rank < present.sum(axis=1)
    columns = [beta]
    for members in membership.T:
        tied = _tied(inverse, beta, members, present & ~lacking[:, None], penalty=0.0)
        if lacking.any():
            tied[lacking] = _summed(gram[lacking], moment[lacking], members)
        columns.append(tied[:, None])
    return np.concatenate(columns, axis=1)


def maximum_a_posteriori(
    gram: np.ndarray, moment: np.ndarray, membership: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Least squares that draws every region towards what its cluster has.

    β = β₀ + (X'X + I)⁻¹ X'(y − X β₀), in which β₀ is the maximum likelihood estimate for the
    clusters as if each were one region (Lévy et al. 2015, doi
    10.1016/j.neuroimage.2015.06.040, with equal variance of noise and of regions).

    Parameters
    ----------
    gram, moment, membership
        See :func:`maximum_likelihood`.
    clusters : (n, q) array of bool
        Which cluster each single region is of. Clusters that a combined region has members of
        are one cluster for it.

    Returns
    -------
    (g, n + c) array
    """
    present = np.diagonal(gram, axis1=1, axis2=2) > 0
    inverse = np.linalg.inv(gram + np.eye(gram.shape[1]))

    def correct(together: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        prior = _prior(gram, moment, together)
        return prior, _apply(inverse, moment - _apply(gram, prior))

    usual = correct(clusters)
    columns = [usual[0] + usual[1]]
    for members in membership.T:
        together = _merge(clusters, members)
        prior, change = usual if together.shape == clusters.shape else correct(together)
        tied = _tied(inverse, change, members, present, penalty=1.0)
        columns.append((prior[:, members.argmax()] + tied)[:, None])
    return np.concatenate(columns, axis=1)


def _prior(gram: np.ndarray, moment: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Values (g, n) that regions have if all regions of a cluster have the same."""
    sums = clusters.astype(float)
    inverse, _ = _pseudo_inverse(sums.T @ gram @ sums)
    return _apply(inverse, moment @ sums) @ sums.T


def _merge(clusters: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Make one of the clusters that have any of the members."""
    touched = clusters[members].any(axis=0)
    merged = clusters[:, touched].any(axis=1, keepdims=True)
    return np.concatenate([merged, clusters[:, ~touched]], axis=1)


def _tied(
    inverse: np.ndarray,
    solution: np.ndarray,
    members: np.ndarray,
    present: np.ndarray,
    *,
    penalty: float,
) -> np.ndarray:
    """Value (g,) of the members if they must have one, from the solution in which they need not.

    `inverse` is that of X'X + `penalty` I. The penalty counts once for the members together.
    """
    among = present[:, members]
    block = inverse[:, members][:, :, members]
    # Regions that are not there stand apart, with a weight of 0.
    apart = ~(among[:, :, None] & among[:, None, :])
    block = np.where(apart, np.eye(block.shape[1]), block)
    weights = np.linalg.solve(block, among[..., None].astype(float))[..., 0]
    count = among.sum(axis=1)
    total = weights.sum(axis=1) - penalty * (count - 1)
    value = (weights * solution[:, members]).sum(axis=1)
    return np.divide(value, total, out=np.zeros_like(value), where=count > 0)


def _summed(gram: np.ndarray, moment: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Value (g,) of the members as one region, where single regions cannot be told apart."""
    others = np.eye(len(members))[:, ~members]
    sums = np.concatenate([members[:, None].astype(float), others], axis=1)
    inverse, _ = _pseudo_inverse(sums.T @ gram @ sums)
    return _apply(inverse, moment @ sums)[:, 0]


def _pseudo_inverse(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-inverses (g, n, n) of symmetric matrices, and their ranks (g,)."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > RESOLVED * values.max(axis=1, keepdims=True, initial=0.0)
    inverted = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    return (vectors * inverted[:, None, :]) @ np.swapaxes(vectors, 1, 2), kept.sum(axis=1)


def _apply(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (matrices @ vectors[..., None])[..., 0]
