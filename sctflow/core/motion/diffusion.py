"""Motion of the cord in a diffusion-weighted series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sctflow.core.gradients import B0_MAX, GradientError
from sctflow.core.grid import canonicalize
from sctflow.core.motion.along import regularizer
from sctflow.core.motion.arrays import choose_device, on_device
from sctflow.core.motion.estimate import (
    Kind,
    as_motion,
    average_groups,
    check_options,
    heights,
    prepare,
    rest,
    spread,
)
from sctflow.core.motion.join import shift_between
from sctflow.core.motion.result import Motion
from sctflow.core.motion.series import follow, mean_windows
from sctflow.core.motion.targets import diffusion_likeness, likeness
from sctflow.core.motion.windows import Slices, Windows
from sctflow.errors import SettingsError


def estimate_dwi_motion(
    data: np.ndarray,
    affine: np.ndarray,
    mask: np.ndarray,
    bvals: np.ndarray,
    bvecs: np.ndarray,
    *,
    kind: Kind = "translation",
    reference: str | int = "mean",
    groups: int = 1,
    poly: int | None = None,
    smooth: float | None = None,
    rounds: int = 3,
    slice_axis: int | None = None,
    b0_max: float = B0_MAX,
    device: str | None = "auto",
) -> Motion:
    """Estimate the in-plane motion of every slice in every volume of a diffusion series.

    Volumes with and without diffusion weighting are followed apart. Each weighted volume is
    compared with what the others, by their b-values and directions, tell about it. Then the two
    are joined by the direction of edges, with one shift for all slices.

    Parameters
    ----------
    data, affine, mask, kind, groups, poly, smooth, rounds, slice_axis, device
        As for :func:`sctflow.core.motion.estimate_motion`. Groups hold successive volumes of
        either kind.
    bvals : (t,) array
        s/mm².
    bvecs : (t, 3) array
        Along any three axes at right angles; of no influence where there is no weighting.
    reference : "mean" or int
        What is at rest: the mean place of the weighted volumes (of all, if none is weighted), or
        a volume.
    b0_max : float
        s/mm² up to which a volume counts as one without weighting.

    Returns
    -------
    Motion

    Raises
    ------
    ImageError
        The series shows nothing.
    GradientError
        B-values and directions do not fit its volumes.
    SegmentationError
        The mask is empty or does not fit.
    SettingsError
        An option has no meaning.
    """
    check_options(kind=kind, groups=groups, poly=poly, smooth=smooth, rounds=rounds)
    slices, cord, windows = prepare(data, affine, mask, slice_axis)
    n_volumes = slices.n_volumes
    bvals, bvecs = _check_gradients(bvals, bvecs, n_volumes, b0_max)
    if reference != "mean" and reference not in range(n_volumes):
        raise SettingsError(
            f"reference must be 'mean' or a volume from 0 to {n_volumes - 1}, not {reference!r}."
        )
    weighted = bvals > b0_max
    alike = {}
    if weighted.any():
        alike[True] = diffusion_likeness(bvals[weighted], bvecs[weighted])
    if not weighted.all():
        alike[False] = likeness(int((~weighted).sum()))
    regularize = regularizer(heights(slices), poly=poly, smooth=smooth)

    def estimate(where: str | None) -> Motion:
        parts, means = {}, {}
        for is_weighted, kernels in alike.items():
            part = replace(slices, chosen=np.flatnonzero(weighted == is_weighted), device=where)
            averaged, members = average_groups(part, groups)
            state = follow(
                averaged,
                cord,
                windows,
                _of_groups(kernels, members),
                regularize=regularize,
                turns=kind == "rigid",
                start=None,
                rounds=rounds,
            )
            means[is_weighted] = mean_windows(averaged, windows, state)
            parts[is_weighted] = as_motion(spread(state, members), slices, windows)
        return _joined(parts, means, weighted, slices, windows)

    motion = on_device(estimate, choose_device(device, slices.n_windows))
    if reference != "mean":
        return motion.relative_to(motion.shift[:, reference], motion.rotation[:, reference])
    return motion.relative_to(*rest(motion, weighted if weighted.any() else None))


def _check_gradients(
    bvals: np.ndarray, bvecs: np.ndarray, n_volumes: int, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """b-values, and directions of unit length."""
    bvals, bvecs = np.asarray(bvals, float).ravel(), np.asarray(bvecs, float)
    if bvals.shape != (n_volumes,) or bvecs.shape != (n_volumes, 3):
        raise GradientError(
            f"The series has {n_volumes} volumes, but there are {bvals.size} b-values and "
            f"{' x '.join(map(str, bvecs.shape))} components of directions."
        )
    length = np.linalg.norm(bvecs, axis=1)
    without = (bvals > threshold) & ~(length > 0)
    if without.any() or not np.isfinite(bvals).all():
        which = np.flatnonzero(without | ~np.isfinite(bvals))
        raise GradientError(
            f"Volume {which[0]} has no direction or no b-value: check bval and bvec."
        )
    return bvals, bvecs / np.where(length > 0, length, 1)[:, None]


def _of_groups(alike: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Covariances between means of groups."""
    share = (members == np.unique(members)[:, None]).astype(float)
    share /= share.sum(1, keepdims=True)
    return share @ alike @ share.T


def _joined(
    parts: dict[bool, Motion],
    means: dict[bool, np.ndarray],
    weighted: np.ndarray,
    slices: Slices,
    windows: Windows,
) -> Motion:
    """Motion of all volumes, seen from the weighted ones."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    shift = shift_between(means[False], means[True], windows.weights, slices.pixel)
    n = len(windows.center)
    parts[False] = parts[False].after(np.tile(shift, (n, 1)), np.zeros(n))
    arrays = {}
    for name in ("shift", "rotation", "sd", "reliability", "signal", "outlier"):
        plain, other = getattr(parts[False], name), getattr(parts[True], name)
        both = np.empty((n, len(weighted), *other.shape[2:]), other.dtype)
        both[:, ~weighted], both[:, weighted] = plain, other
        arrays[name] = both
    return replace(parts[True], **arrays)


def rotate_bvecs(bvecs: np.ndarray, affine: np.ndarray, motion: Motion) -> np.ndarray:
    """Turn gradient directions as the volumes are turned back.

    Parameters
    ----------
    bvecs : (t, 3) array
        Along the axes of the image, the first one reversed where they are right-handed (FSL).
    affine : (4, 4) array
        Voxel to world (RAS mm).
    motion : Motion
        Slices of a volume that turned differently share one direction: that of their mean.

    Returns
    -------
    (t, 3) array
    """
    if not motion.turns:
        return np.array(bvecs, float)
    to_frame = _fsl_axes(affine)
    directions = np.asarray(bvecs, float) @ to_frame
    first, second = motion.plane_axes
    angle = -np.radians(motion.rotation.mean(0))
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = directions[:, first].copy(), directions[:, second].copy()
    directions[:, first], directions[:, second] = cos * u - sin * v, sin * u + cos * v
    return directions @ to_frame.T


def _fsl_axes(affine: np.ndarray) -> np.ndarray:
    """Signed permutation (3, 3) from FSL's axes of an image to its canonical ones."""
    _, canonical = canonicalize(np.empty((1, 1, 1)), affine)
    matrix = np.round(np.linalg.inv(affine[:3, :3]) @ canonical[:3, :3])
    if np.linalg.det(affine[:3, :3]) > 0:
        matrix[0] *= -1
    return matrix
