"""Diffusion: directions, tensors and the signal that is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sctflow.core.phantom.tissues import Tissues

_ROUNDS = 300
"""Steps of the repulsion; 64 directions no longer move after them."""


def fa_md(ad: np.ndarray, rd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fractional anisotropy and mean diffusivity of tensors that are symmetric about an axis."""
    return np.abs(ad - rd) / np.sqrt(ad**2 + 2 * rd**2), (ad + 2 * rd) / 3


def tensor(tissues: Tissues, tangent: np.ndarray) -> np.ndarray:
    """Tensors of all codes, (256, 3, 3) in 1e-3 mm²/s, where the cord runs along `tangent` (3,).

    With the tangent in world coordinates, the tensors are in world coordinates.
    """
    axis = np.asarray(tangent, float)
    axis = axis / np.linalg.norm(axis)
    along = np.outer(axis, axis)
    across = np.eye(3) - along
    return tissues.ad[:, None, None] * along + tissues.rd[:, None, None] * across


def dwi_table(
    tissues: Tissues, bvals: np.ndarray, bvecs: np.ndarray, tangent: np.ndarray
) -> np.ndarray:
    """Share of the signal without diffusion weighting that is left in each volume.

    Parameters
    ----------
    tissues : Tissues
    bvals : (n,) array
        s/mm².
    bvecs : (n, 3) array
        Unit vectors in the coordinates of `tangent`; of no influence where `bvals` is 0.
    tangent : (3,) array
        Direction of the cord in the slice at hand, of any length and sign.

    Returns
    -------
    (256, n) array
        ``exp(-b g' D g)``.
    """
    diffusivity = np.einsum("ni,cij,nj->cn", bvecs, tensor(tissues, tangent), bvecs)
    return np.exp(-1e-3 * np.asarray(bvals) * diffusivity)


def gradient_table(
    n_b0: int, shells: Mapping[int, int], *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Choose well spread directions, the volumes without weighting evenly among them.

    Parameters
    ----------
    n_b0 : int
        Volumes without weighting; the first volume is one of them if there are any.
    shells : mapping
        From the b-value, s/mm², to the number of directions.
    seed : int
        Of the directions' start.

    Returns
    -------
    bvals : (n,) array
        Shells are mixed, so that a drift over time does not look like one of a shell.
    bvecs : (n, 3) array
        Unit vectors, 0 where `bvals` is 0.
    """
    rng = np.random.default_rng(seed)
    weighted = [
        (float(b), direction) for b, n in shells.items() for direction in spread_directions(n, rng)
    ]
    weighted = [weighted[i] for i in rng.permutation(len(weighted))]
    plain = np.round(np.arange(n_b0) * (len(weighted) + n_b0) / max(n_b0, 1)).astype(int)
    bvals = np.zeros(len(weighted) + n_b0)
    bvecs = np.zeros((len(bvals), 3))
    places = np.setdiff1d(np.arange(len(bvals)), plain)
    for place, (b, direction) in zip(places, weighted, strict=True):
        bvals[place], bvecs[place] = b, direction
    return bvals, bvecs


def spread_directions(n: int, rng: np.random.Generator) -> np.ndarray:
    """Spread `n` axes over the sphere as charges that repel each other and their mirror images.

    The energy is that of Jones et al. 1999. Each axis gets a random sign, so that the directions
    fill the whole sphere.
    """
    points = rng.standard_normal((n, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for step in np.geomspace(0.3, 0.003, _ROUNDS) / np.sqrt(n):
        both = np.concatenate([points, -points])
        gap = points[:, None] - both
        distance = np.linalg.norm(gap, axis=2, keepdims=True)
        # A charge does not repel itself, and its own image only along the radius.
        force = (gap / np.maximum(distance, 1e-3) ** 3).sum(axis=1)
        force -= (force * points).sum(axis=1, keepdims=True) * points
        points += step * force / max(np.linalg.norm(force, axis=1).max(), 1e-12)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points * rng.choice([-1.0, 1.0], (n, 1))
