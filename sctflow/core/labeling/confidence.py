"""How likely a peak of the landmark network is right."""

from __future__ import annotations

import numpy as np

# Height at which half of the peaks are right, and how fast that changes with the height: fitted by
# `python -m sctflow.training.confidence` on made images of people that the training did not see.
THIN = {
    "disc": (0.63, 0.083),
    "atlas": (0.45, 0.084),
    "dens": (0.58, 0.071),
    "axis": (0.73, 0.091),
    "sacrum": (0.81, 0.093),
    "PMJ": (0.49, 0.066),
    "conus": (0.57, 0.062),
}
THICK = {
    "disc": (0.65, 0.090),
    "atlas": (0.51, 0.102),
    "dens": (0.62, 0.060),
    "axis": (0.68, 0.097),
    "sacrum": (0.70, 0.123),
    "PMJ": (0.53, 0.067),
    "conus": (0.61, 0.096),
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
