"""Values of a series that are no numbers, before and after its motion is undone."""

from __future__ import annotations

import numpy as np

from sctflow.core.motion.apply import apply_motion
from sctflow.core.motion.result import Motion

UNKNOWN_PART = 0.01
"""Of a voxel after interpolation; with less, what is not known changes it by less than noise."""


def restore_unknown(
    corrected: np.ndarray, data: np.ndarray, affine: np.ndarray, motion: Motion | None
) -> tuple[np.ndarray, int]:
    """Take back what interpolation made of values that are no numbers, which it takes as 0.

    Parameters
    ----------
    corrected : (i, j, k, t) array
        From :func:`sctflow.core.motion.apply_motion`, or `data` itself without `motion`.
    data, affine
        The series as it was, and voxel to world (RAS mm).
    motion : Motion, optional
        What was undone.

    Returns
    -------
    corrected : (i, j, k, t) array
        nan where more than :data:`UNKNOWN_PART` of a voxel is not known.
    count : int
        Voxels of `data` that are no number in some volume.
    """
    if data.dtype.kind != "f" or (known := np.isfinite(data)).all():
        return corrected, 0
    part = (~known).astype(np.float32)
    if motion is not None:
        part = apply_motion(part, affine, motion, interpolation="linear")
    corrected = np.where(part > UNKNOWN_PART, np.float32(np.nan), corrected)
    return corrected, int((~known.all(axis=-1)).sum())


def mean_of_known(data: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean over volumes that are chosen, (t,) or (i, j, k, t) bool; nan where none is."""
    number = chosen.sum(axis=-1)
    total = data.sum(axis=-1, dtype=np.float64, where=chosen)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
