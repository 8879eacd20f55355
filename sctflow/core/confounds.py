"""What changes in a functional series for reasons other than the cord's activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sctflow.core.noise_masks import LEAST_VOXELS

COMPONENTS = 5
"""Components of each mask."""

CUTOFF_S = 128.0
"""Drifts have longer periods than this."""

_MEANS = {
    "cord": "Mean signal of the cord",
    "csf": "Mean signal of the cerebrospinal fluid",
    "not_cord": "Mean signal of tissue well away from the cord",
}


@dataclass(frozen=True)
class Confounds:
    """Table of confounds.

    Attributes
    ----------
    table : DataFrame
        One row per volume.
    columns : dict
        What each column is, for a sidecar.
    warnings : list of str
        What is missing, and why.
    """

    table: pd.DataFrame
    columns: dict[str, dict]
    warnings: list[str] = field(default_factory=list)


def collect_confounds(
    data: np.ndarray,
    masks: Mapping[str, np.ndarray],
    *,
    tr: float | None = None,
    dummies: int = 0,
    motion: pd.DataFrame | None = None,
    slice_motion: pd.DataFrame | None = None,
) -> Confounds:
    """Put together motion, mean signals, components of noise, drifts and flags.

    Components are those of the principal kind of the time courses in a mask (CompCor: Behzadi et
    al. 2007, doi 10.1016/j.neuroimage.2007.04.042), each voxel less its drifts and of unit
    variance, as fMRIPrep names them. A model that takes them must take the drifts, too.

    Parameters
    ----------
    data : (i, j, k, t) array
        Series, corrected for motion.
    masks : mapping of (i, j, k) arrays of bool
        ``cord``, ``csf`` and ``not_cord``, those that are known.
    tr : float, optional
        Repetition time, s; without it drifts are those of a series of 128 s.
    dummies : int
        Volumes at the beginning that are not steady; components are 0 there.
    motion, slice_motion : DataFrame, optional
        From :class:`sctflow.core.motion.Motion`, per volume, and per volume and slice.

    Returns
    -------
    Confounds
    """
    n = data.shape[-1]
    parts: list[tuple[pd.DataFrame, dict]] = []
    if motion is not None:
        parts.append(_motion_columns(motion))
    series = {
        name: data[np.asarray(mask, bool)].astype(np.float32) for name, mask in masks.items()
    }
    used = {name: found for name, found in series.items() if len(found) >= LEAST_VOXELS}
    warnings = [
        f"confounds: only {len(found)} voxels in the mask {name}, at least {LEAST_VOXELS} are "
        "needed; there is no column for it"
        for name, found in series.items()
        if name not in used
    ]
    parts.append(_mean_columns(used))
    drifts = drift_basis(n - dummies, tr)
    first = 0
    for name in ("csf", "not_cord"):
        if name in used:
            parts.append(_component_columns(used[name], name, drifts, dummies, first))
            first += parts[-1][0].shape[1]
    parts.append(_drift_columns(drifts, dummies))
    if slice_motion is not None:
        parts.append(_outlier_columns(slice_motion))
    parts.append(_dummy_columns(n, dummies))
    table = pd.concat([frame for frame, _ in parts], axis=1)
    described = {name: text for _, columns in parts for name, text in columns.items()}
    return Confounds(table, described, warnings)


def drift_basis(n: int, tr: float | None = None, *, cutoff: float = CUTOFF_S) -> np.ndarray:
    """Cosines of half a cycle and more over a series, up to a frequency.

    Parameters
    ----------
    n : int
        Volumes.
    tr : float, optional
        Repetition time, s.
    cutoff : float
        Shortest period, s.

    Returns
    -------
    (n, k) array
        Of unit length, at least the half cycle that is closest to a linear drift.
    """
    count = max(1, int(2 * n * tr // cutoff)) if tr else 1
    place = (np.arange(n) + 0.5) / max(n, 1)
    basis = np.cos(np.pi * place[:, None] * np.arange(1, min(count, n - 1) + 1))
    return basis * np.sqrt(2 / max(n, 1))


def principal_courses(
    series: np.ndarray, drifts: np.ndarray, *, count: int = COMPONENTS
) -> tuple[np.ndarray, np.ndarray]:
    """Find the time courses that most of the variance follows.

    Parameters
    ----------
    series : (voxels, t) array
        Values that are not finite leave the voxel out, as a voxel does that never changes.
    drifts : (t, k) array
        Orthonormal, taken out first, with the mean.
    count : int
        Wanted.

    Returns
    -------
    courses : (t, m) array
        Of unit length and mean 0; m is less than `count` if there are not as many.
    share : (m,) array
        Part of the variance that each explains.
    """
    level = series - series.mean(axis=1, keepdims=True)
    level -= (level @ drifts) @ drifts.T
    spread = level.std(axis=1)
    known = np.isfinite(spread) & (spread > 1e-9 * np.abs(series).max(axis=1))
    level = level[known] / spread[known, None]
    # As many rows as volumes, however many voxels there are.
    powers, courses = np.linalg.eigh((level.T @ level).astype(float))
    powers, courses = powers[::-1], courses[:, ::-1]
    rank = min(count, int((powers > 1e-9 * max(powers[0], 1e-9)).sum()))
    # The sign of a component means nothing; the same one each time does.
    signs = np.sign(courses[np.abs(courses).argmax(axis=0), np.arange(len(powers))])
    return (courses * signs)[:, :rank], powers[:rank] / max(powers.sum(), 1e-9)


def _motion_columns(motion: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    from sctflow.core.motion import describe_columns

    return motion.reset_index(drop=True), describe_columns(motion)


def _mean_columns(series: Mapping[str, np.ndarray]) -> tuple[pd.DataFrame, dict]:
    frame = pd.DataFrame(
        {name: np.nanmean(found, axis=0, dtype=float) for name, found in series.items()}
    )
    columns = {
        name: {"Description": f"{_MEANS[name]} ({len(found)} voxels)"}
        for name, found in series.items()
    }
    return frame, columns


def _component_columns(
    series: np.ndarray, name: str, drifts: np.ndarray, dummies: int, first: int
) -> tuple[pd.DataFrame, dict]:
    courses, share = principal_courses(series[:, dummies:], drifts)
    padded = np.vstack([np.zeros((dummies, courses.shape[1])), courses])
    names = [f"a_comp_cor_{first + index:02d}" for index in range(courses.shape[1])]
    columns = {
        column: {
            "Description": "Component of noise in a mask, without drifts; 0 in dummy volumes",
            "Method": "aCompCor",
            "Mask": name,
            "VarianceExplained": float(part),
            "CumulativeVarianceExplained": float(total),
        }
        for column, part, total in zip(names, share, share.cumsum(), strict=True)
    }
    return pd.DataFrame(padded, columns=names), columns


def _drift_columns(drifts: np.ndarray, dummies: int) -> tuple[pd.DataFrame, dict]:
    padded = np.vstack([np.zeros((dummies, drifts.shape[1])), drifts])
    names = [f"cosine_{index:02d}" for index in range(drifts.shape[1])]
    columns = {
        name: {"Description": f"Drift: {half / 2:g} cycles over the series"}
        for half, name in enumerate(names, start=1)
    }
    return pd.DataFrame(padded, columns=names), columns


def _outlier_columns(slice_motion: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Build a column of flags for every slice that is an outlier in some volume."""
    flags = slice_motion.pivot(index="volume", columns="slice", values="outlier").astype(bool)
    flags = flags.loc[:, flags.any()]
    frame = pd.DataFrame(
        {f"outlier_slice_{k:02d}": flags[k].to_numpy().astype(int) for k in flags}
    )
    columns = {
        f"outlier_slice_{k:02d}": {
            "Description": f"1 where slice {k} shows less, or something else, than in the others"
        }
        for k in flags
    }
    return frame, columns


def _dummy_columns(n: int, dummies: int) -> tuple[pd.DataFrame, dict]:
    flags = np.eye(n, dummies, dtype=int)
    names = [f"non_steady_state_outlier_{index:02d}" for index in range(dummies)]
    columns = {
        name: {"Description": f"1 in volume {index}, before the signal is steady"}
        for index, name in enumerate(names)
    }
    return pd.DataFrame(flags, columns=names), columns
