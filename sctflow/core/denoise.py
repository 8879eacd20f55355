"""Noise taken out of diffusion series."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sctflow.core.gradients import B0_MAX, GradientError
from sctflow.core.mask import grow_in_slices
from sctflow.errors import ImageError, SegmentationError

Denoiser = Literal["mppca", "patch2self"]

PATCH_RADIUS = 2
"""Voxels in the plane: patches of 5 x 5 voxels, about a cord's width."""

PATCH_SLICES = 1
"""Slices to either side: cords are followed across slices, which are thick."""

NEAR_MM = 8.0
"""From the mask: the fluid about the cord, and little that moves or fades otherwise than both.
Patch2Self, which has one rule for all voxels, takes a fourth of the anisotropy out of a cord when
that rule is made for the whole neck, and some percent when it is made here."""

LEAST_WEIGHTED = 10
"""Volumes with diffusion weighting that Patch2Self needs: it predicts each from all others, and
from a few only what these have in common with it is left."""

LEAST_SAMPLES = 5
"""Voxels for each of its volumes: with fewer, the rule would follow the noise."""


def denoise_series(
    data: np.ndarray,
    affine: np.ndarray,
    bvals: np.ndarray,
    mask: np.ndarray,
    *,
    method: Denoiser,
    near: float = NEAR_MM,
    b0_max: float = B0_MAX,
) -> np.ndarray:
    """Take the noise out of a diffusion series about the cord, before it is interpolated.

    Parameters
    ----------
    data : (i, j, k, n) array
        As it was acquired: interpolation makes the noise of neighbours alike.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    bvals : (n,) array
        s/mm².
    mask : (i, j, k) array
        Cord; not 0.
    method : {"mppca", "patch2self"}
        Principal components of patches, of which those are kept that stand out of the spectrum
        of noise (Veraart et al. 2016, doi 10.1016/j.neuroimage.2016.08.016), or prediction of
        each volume from the others of its kind by one linear rule for all voxels (Patch2Self,
        Fadnavis et al. 2020, doi 10.48550/arXiv.2011.01355).
    near : float
        mm in the plane of the slices, from the mask: what is denoised. The rest stays as it is.
    b0_max : float
        s/mm² up to which a volume counts as one without weighting.

    Returns
    -------
    (i, j, k, n) array of float32
        Values that were not finite are 0; those that were denoised are not negative.

    Raises
    ------
    GradientError
        Too few volumes for Patch2Self.
    ImageError
        Slices too small for patches, or too few voxels for Patch2Self.
    SegmentationError
        An empty mask.
    """
    series = np.nan_to_num(np.asarray(data, np.float32), posinf=0, neginf=0)
    inside = grow_in_slices(mask, affine, near)
    if not inside.any():
        raise SegmentationError("The mask of the cord is empty: nothing to denoise about it.")
    if method == "mppca":
        series[inside] = _mppca(series, affine, inside)
    elif method == "patch2self":
        series[inside] = _patch2self(series[inside], np.asarray(bvals, float), b0_max)
    else:
        raise ValueError(f"There is no denoising method {method}; choose mppca or patch2self.")
    return series


def patch_radius(shape: tuple[int, ...], affine: np.ndarray) -> tuple[int, int, int]:
    """Half the size of patches, in voxels along each axis of a series of this shape.

    Patches hold more voxels than there are volumes, where the slices are large enough.
    """
    across = int(np.argmax(np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)))
    radius = [PATCH_RADIUS] * 3
    radius[across] = min(PATCH_SLICES, (shape[across] - 1) // 2)
    in_plane = [axis for axis in range(3) if axis != across]
    widest = (min(shape[axis] for axis in in_plane) - 1) // 2
    if widest < PATCH_RADIUS:
        raise ImageError(
            f"Slices of {' x '.join(str(shape[axis]) for axis in in_plane)} voxels are too small "
            f"for patches of {2 * PATCH_RADIUS + 1} x {2 * PATCH_RADIUS + 1}: use patch2self."
        )
    slices = 2 * radius[across] + 1
    for size in range(PATCH_RADIUS, widest + 1):
        radius[in_plane[0]] = radius[in_plane[1]] = size
        if slices * (2 * size + 1) ** 2 > shape[3]:
            break
    first, second, third = radius
    return first, second, third


def _mppca(series: np.ndarray, affine: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Denoise (voxels, n) signals within a mask by patches about its voxels."""
    from dipy.denoise.localpca import mppca

    radius = np.array(patch_radius(series.shape, affine))
    with np.errstate(invalid="ignore"):
        denoised = mppca(series, mask=inside, patch_radius=radius, suppress_warning=True)
    # Patches lie within the image as a whole: none may reach a voxel at its edge.
    reached = np.isfinite(denoised).all(axis=-1)[inside]
    return np.where(reached[:, None], denoised[inside], series[inside])


def _patch2self(signal: np.ndarray, bvals: np.ndarray, b0_max: float) -> np.ndarray:
    """Predict each volume of (voxels, n) signals from the others of its kind."""
    weighted = bvals > b0_max
    if (count := int(weighted.sum())) < LEAST_WEIGHTED:
        raise GradientError(
            f"Patch2Self predicts volumes from each other and needs at least {LEAST_WEIGHTED} "
            f"with diffusion weighting; there are {count}. Use mppca."
        )
    if len(signal) < LEAST_SAMPLES * count:
        raise ImageError(
            f"Patch2Self needs at least {LEAST_SAMPLES} voxels for each of the {count} weighted "
            f"volumes; there are {len(signal)} about the cord. Use mppca."
        )
    denoised = np.array(signal, float)
    for kind in (weighted, ~weighted):
        # One image of b = 0 has no other to be told from.
        if kind.sum() > 1:
            denoised[:, kind] = _from_the_others(denoised[:, kind])
    return np.maximum(denoised, 0)


def _from_the_others(signal: np.ndarray) -> np.ndarray:
    """Least squares prediction of each column from all others and a constant.

    What is left of column i is column i of X P / P_ii, where P is the inverse of X'X.
    """
    mean = signal.mean(axis=0)
    centred = signal - mean
    precision = np.linalg.pinv(centred.T @ centred, hermitian=True)
    held = np.diag(precision)
    left = np.divide(
        centred @ precision,
        held,
        out=np.zeros_like(centred),
        where=np.broadcast_to(held > 0, centred.shape),
    )
    return signal - left
