"""How likely a peak of the landmark network is right."""

from __future__ import annotations

import numpy as np

# Height at which half of the peaks are right, and how fast that changes with the height: fitted by
# `python -m sctflow.training.confidence` on made images of people that the training did not see.
THIN = {
    "disc": (0.67, 0.065),
    "atlas": (0.54, 0.063),
    "dens": (0.57, 0.062),
    "axis": (0.79, 0.087),
    "sacrum": (0.81, 0.073),
    "PMJ": (0.56, 0.064),
    "conus": (0.62, 0.071),
}
THICK = {
    "disc": (0.66, 0.086),
    "atlas": (0.61, 0.068),
    "dens": (0.59, 0.064),
    "axis": (0.75, 0.095),
    "sacrum": (0.80, 0.115),
    "PMJ": (0.55, 0.069),
    "conus": (0.67, 0.084),
}
THICK_MM = 4.0
"""Voxels longer than this along the cord leave much to be guessed: the second table holds."""
HIGHEST = 0.98
"""Real images differ from made ones: nothing is surer than this."""


def confidence(kind: str, height: np.ndarray, *, along_mm: float) -> np.ndarray:
    """Probability that peaks of a kind's map are within 5 mm of a landmark of this kind.

    Parameters
    ----------
    kind : str
        Of :data:`sctflow.core.labeling.kinds.KINDS`.
    height : (n,) array
        Of the peaks, between 0 and 1.
    along_mm : float
        Length of the image's voxels along the cord.

    Returns
    -------
    (n,) array
        Between 0 and :data:`HIGHEST`. Measured on made images; on real ones it is an estimate.
    """
    half, width = (THICK if along_mm > THICK_MM else THIN)[kind]
    return HIGHEST / (1 + np.exp(-(np.asarray(height, float) - half) / width))
