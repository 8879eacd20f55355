"""What is usual in people: where discs, junction and conus lie, and how thick the cord is."""

from __future__ import annotations

import numpy as np

FIRST, LAST = 3, 25
"""Values of the highest and the lowest disc that is detected: C2/C3 and L5/S1."""

JUNCTION_MM = 64.0
"""From the pontomedullary junction down to the disc C2/C3 along the cord (Bédard & Cohen-Adad
2022, doi 10.3389/fnimg.2022.1031253)."""

CONUS_LEVEL, CONUS_SD = 20.8, 0.7
"""Continuous vertebral level of the cord's tip in adults, and its spread: T12 to L2, mostly L1
(Saifuddin et al. 1998, doi 10.1097/00007632-199807010-00005)."""

SIZE_SD = 0.065
"""Spread of the length of people's spines, as a part of the mean."""

HEIGHT_SD = 0.065
"""Spread of the height of a vertebra with its disc beyond that of the whole spine. Wider than
measured in healthy adults, as spines wear differently."""

# Slices of PAM50 (0.5 mm) on which its discs lie, from the top of C1 (value 1) to L1/L2 (value 21)
# (De Leener et al. 2018, doi 10.1016/j.neuroimage.2017.10.041).
_PAM50_SLICES = np.concatenate(
    [
        [985.0, 938.0, 909.0, 872.0, 837.0, 802.0, 769.0, 733.0],
        [692.0, 646.0, 599.0, 552.0, 502.0, 451.0, 397.0, 344.0, 289.0, 232.0, 170.0, 106.0, 40.0],
    ]
)
# Heights in mm of L2 to S1 with the disc below, which PAM50 lacks: they stay as they are in L1 or
# grow slightly (Busscher et al. 2010, doi 10.1007/s00586-010-1326-9).
_LOWER_MM = np.array([34.0, 35.0, 35.0, 34.0, 31.0])

HEIGHTS = np.concatenate([-0.5 * np.diff(_PAM50_SLICES), _LOWER_MM])
"""(25,) mm from the disc above vertebra 1 to 25 to the one below it."""

_VALUES = np.arange(1.0, len(HEIGHTS) + 2)
_DEPTHS = np.concatenate([[0.0], np.cumsum(HEIGHTS)])
_VARIANCES = np.concatenate([[0.0], np.cumsum((HEIGHT_SD * HEIGHTS) ** 2)])

# Cord area of healthy adults in mm2, mean and between-subject sd, at the levels 1.5 (middle of
# C1), 2 (C1/C2), 2.5 and so on: means over nine slices of PAM50 of the PAM50-normalised database,
# both of its data sets pooled (Valošek, Bédard et al. 2024, doi 10.1162/imag_a_00075; MIT). From
# T12 on, cords of which some have ended are pooled: there the last values are of T11/T12.
_AREA_LEVELS = np.arange(1.5, 19.1, 0.5)
_AREA_MEAN = np.concatenate(
    [
        [73.6, 72.4, 71.6, 70.7, 72.0, 74.4, 77.4, 77.4, 76.6, 73.1, 69.2, 62.4, 55.9],
        [49.6, 46.3, 44.0, 42.0, 39.5, 38.2, 35.3, 35.1, 33.6, 35.2, 34.0, 35.4, 34.2],
        [36.3, 35.4, 37.8, 37.8, 39.3, 39.8, 42.4, 43.7, 49.0, 53.2],
    ]
)
_AREA_SD = np.concatenate(
    [
        [7.7, 6.9, 7.0, 7.3, 7.4, 7.7, 7.9, 8.0, 8.0, 8.1, 7.8, 8.3, 7.4],
        [6.3, 5.6, 5.2, 5.1, 5.3, 5.3, 5.4, 5.9, 5.7, 5.1, 4.8, 4.4, 4.3],
        [4.4, 4.2, 4.4, 4.5, 5.2, 5.9, 6.3, 8.0, 9.0, 10.8],
    ]
)
# Above C1 the brainstem begins: what a mask shows there can be of nearly any size.
_BRAINSTEM_LEVEL, _BRAINSTEM_MEAN, _BRAINSTEM_SD = 0.7, 110.0, 60.0

# The cord tapers over its last 30 mm or so; what is left of its area where it has ended is what
# masks find in roots.
_TAPER_MM, _ENDED, _TAPER_SD = 30.0, 0.05, 0.8


def depth_of(level: np.ndarray | float) -> np.ndarray:
    """Mm below the top of C1 of a continuous vertebral level, in the usual spine."""
    return _line(level, _VALUES, _DEPTHS)


def level_at(depth: np.ndarray | float) -> np.ndarray:
    """Continuous vertebral level of a depth in mm below the top of C1: inverse of `depth_of`."""
    return _line(depth, _DEPTHS, _VALUES)


def variance_of(level: np.ndarray | float) -> np.ndarray:
    """Variance in mm2 of the depth of a level through heights of single vertebrae."""
    return _line(level, _VALUES, _VARIANCES)


def log_area(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and between-subject sd of the logarithm of the cord's area (mm2) at levels.

    Of cords that have not begun to taper to their tip.
    """
    at = np.concatenate([[_BRAINSTEM_LEVEL], _AREA_LEVELS])
    mean = np.interp(level, at, np.concatenate([[_BRAINSTEM_MEAN], _AREA_MEAN]))
    sd = np.interp(level, at, np.concatenate([[_BRAINSTEM_SD], _AREA_SD]))
    variance = np.log1p((sd / mean) ** 2)
    return np.log(mean) - 0.5 * variance, np.sqrt(variance)


def log_taper(above_tip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of the log-area at mm above the cord's tip, and its sd."""
    height = np.clip(above_tip / _TAPER_MM, 0.0, 1.0)
    left = np.maximum((height * (2.0 - height)) ** 2, _ENDED)
    return np.log(left), _TAPER_SD * (1.0 - left)


def _line(x: np.ndarray | float, xp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Linear interpolation that goes on beyond the ends; both rise."""
    x = np.asarray(x, dtype=float)
    low = fp[0] + (x - xp[0]) * (fp[1] - fp[0]) / (xp[1] - xp[0])
    high = fp[-1] + (x - xp[-1]) * (fp[-1] - fp[-2]) / (xp[-1] - xp[-2])
    return np.where(x < xp[0], low, np.where(x > xp[-1], high, np.interp(x, xp, fp)))
