"""Where the slices of a table begin and end, along whatever coordinate they are placed on."""

from __future__ import annotations

import numpy as np


def slice_faces(
    slices: np.ndarray, position: np.ndarray, *, thickness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the positions of the lower and upper face of each slice.

    A face lies halfway between neighbouring slices; next to missing slices, where it would lie if
    these were spread evenly; at the ends, as far from the slice's middle as its other face.

    Parameters
    ----------
    slices : (m,) array of int
        Slice numbers, rising; some may be missing.
    position : (m,) array
        Of the middle of each slice.
    thickness : float
        Change of position over a slice, used if there is one slice only.

    Returns
    -------
    lower, upper : (m,) arrays
        Positions half a slice number below and above.
    """
    slices, position = np.asarray(slices, dtype=float), np.asarray(position, dtype=float)
    if len(slices) < 2:
        return position - thickness / 2, position + thickness / 2
    half = 0.5 * np.diff(position) / np.diff(slices)
    return position - np.concatenate([half[:1], half]), position + np.append(half, half[-1])
