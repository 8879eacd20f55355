"""Diffusion weighting of a series: b-values and directions that are checked, shells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sctflow.errors import SctflowError

B0_MAX = 100.0
"""s/mm²; volumes up to it count as without diffusion weighting, as users of SCT know it."""

SHELL_GAP = 100.0
"""s/mm²; b-values farther apart are of different shells. Scanners that count the imaging
gradients in report values that differ by some tens within one."""

UNIT_TOLERANCE = 0.01
"""Of the length of a direction: what two decimals round away."""


class GradientError(SctflowError):
    """B-values or directions that do not fit the series or cannot be right."""


class Gradients(NamedTuple):
    """Diffusion weighting of each volume.

    `bvals` (n,) is in s/mm²; `bvecs` (n, 3) are unit vectors along the axes of the image as FSL
    has them, 0 where a volume has no direction.
    """

    bvals: np.ndarray
    bvecs: np.ndarray

    def is_b0(self, b0_max: float = B0_MAX) -> np.ndarray:
        """Which volumes have no diffusion weighting, (n,) bool."""
        return self.bvals <= b0_max


class Shell(NamedTuple):
    """Volumes with the same b-value."""

    bval: float
    """Mean, s/mm²."""
    volumes: np.ndarray
    """Indices."""


def check_gradients(
    bvals: np.ndarray,
    bvecs: np.ndarray,
    n_volumes: int,
    *,
    b0_max: float = B0_MAX,
    b0_needed: bool = True,
    bval_name: str = "bval",
    bvec_name: str = "bvec",
) -> tuple[Gradients, list[str]]:
    """Repair what is harmless in a gradient table and refuse what is not.

    Parameters
    ----------
    bvals : array
        n numbers in a row or a column, s/mm².
    bvecs : array
        (3, n) as FSL has them; (n, 3) is transposed.
    n_volumes : int
        Of the series.
    b0_max : float
        Volumes with at most this b-value count as b = 0.
    b0_needed : bool
        Whether a series without a volume of b = 0 is refused; else that is a warning.
    bval_name, bvec_name : str
        What messages call the two, usually file names.

    Returns
    -------
    Gradients
        Of unit length; 0 where b = 0 and the direction was 0 or not finite.
    warnings : list of str
        What was repaired.

    Raises
    ------
    GradientError
        Counts that differ, negative b-values or ones that are not finite, no volume with b = 0
        where one is needed, none with diffusion weighting, or one of these without a direction.
    """
    values = np.asarray(bvals, float)
    directions, warnings = _upright(np.atleast_2d(np.asarray(bvecs, float)), bvec_name)
    if values.size != n_volumes or len(directions) != n_volumes:
        raise GradientError(
            f"The series has {n_volumes} volumes, but {bval_name} has {values.size} b-values and "
            f"{bvec_name} {len(directions)} directions. Each volume needs one of both."
        )
    values = values.reshape(-1)
    _check_bvals(values, b0_max, bval_name)
    weighted = values > b0_max
    if weighted.all():
        missing_b0 = (
            f"{bval_name}: no volume has b = 0 (at most {b0_max:g} s/mm²; the lowest has "
            f"{values.min():g}). Without one, diffusion cannot be told from the rest of the "
            "contrast"
        )
        if b0_needed:
            raise GradientError(
                f"{missing_b0}; add one, or raise the limit if the lowest is meant as one."
            )
        warnings.append(missing_b0)
    known = np.isfinite(directions).all(axis=1)
    if np.any(~known & ~weighted):
        warnings.append(f"{bvec_name}: directions of b = 0 that are not numbers were set to 0")
    directions = np.where((known | weighted)[:, None], directions, 0.0)
    length = np.linalg.norm(directions, axis=1)
    if np.any(missing := weighted & ~(length > 0)):
        raise GradientError(
            f"{bvec_name}: {_volumes(missing)} with diffusion weighting no direction (zeros, or "
            "not numbers). Correct the file, or remove averaged images (trace, ADC) from the "
            "series."
        )
    off = weighted & (np.abs(length - 1) > UNIT_TOLERANCE)
    if off.any():
        warnings.append(
            f"{bvec_name}: {off.sum()} directions had lengths from {length[off].min():.3g} to "
            f"{length[off].max():.3g} and were scaled to 1; the b-values were left as they are"
        )
    scale = np.where(length > 0, length, 1.0)
    return Gradients(values, directions / scale[:, None]), warnings


def find_shells(bvals: np.ndarray, *, b0_max: float = B0_MAX) -> list[Shell]:
    """Sort volumes with diffusion weighting by b-value.

    Parameters
    ----------
    bvals : (n,) array
        s/mm².
    b0_max : float
        Volumes with at most this b-value are in no shell.

    Returns
    -------
    list of Shell
        From the lowest b-value up; between two shells lies a gap of more than
        :data:`SHELL_GAP`.
    """
    bvals = np.asarray(bvals, float)
    order = np.argsort(bvals, kind="stable")
    order = order[bvals[order] > b0_max]
    if not len(order):
        return []
    breaks = np.flatnonzero(np.diff(bvals[order]) > SHELL_GAP) + 1
    return [Shell(float(bvals[part].mean()), np.sort(part)) for part in np.split(order, breaks)]


def _upright(bvecs: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Directions as (n, 3), and whether they had to be turned."""
    if bvecs.ndim == 2 and bvecs.shape[0] == 3:
        return bvecs.T, []
    if bvecs.ndim == 2 and bvecs.shape[1] == 3:
        return bvecs, [
            f"{name} is transposed: it has a direction in each row where FSL's format has one in "
            "each column. It was read so"
        ]
    size = " x ".join(map(str, bvecs.shape))
    raise GradientError(
        f"{name}: directions need three rows (x, y, z) with a number per volume; this is {size}. "
        "Export the file again."
    )


def _check_bvals(bvals: np.ndarray, b0_max: float, name: str) -> None:
    if np.any(bad := ~np.isfinite(bvals) | (bvals < 0)):
        raise GradientError(
            f"{name}: {_volumes(bad)} a b-value that is negative or not a number. "
            "Correct the file."
        )
    if not np.any(bvals > b0_max):
        raise GradientError(
            f"{name}: no volume has diffusion weighting (more than {b0_max:g} s/mm²; the highest "
            f"has {bvals.max():g}). Are the values in s/mm²?"
        )


def _volumes(which: np.ndarray) -> str:
    found = np.flatnonzero(which)
    listed = ", ".join(map(str, found[:8])) + (" …" if len(found) > 8 else "")
    return f"volume {listed} has" if len(found) == 1 else f"volumes {listed} have"
