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
# both of its data sets pooled (Valošek, Bédard et al. 2024, doi 10.1162/imag_a_00075; MIT).
_AREA_LEVELS = np.arange(1.5, 20.6, 0.5)
_AREA_MEAN = np.concatenate(
    [
        [73.6, 72.4, 71.6, 70.7, 72.0, 74.4, 77.4, 77.4, 76.6, 73.1, 69.2, 62.4, 55.9],
        [49.6, 46.3, 44.0, 42.0, 39.5, 38.2, 35.3, 35.1, 33.6, 35.2, 34.0, 35.4, 34.2],
        [36.3, 35.4, 37.8, 37.8, 39.3, 39.8, 42.4, 43.7, 49.0, 53.2, 49.4, 36.7, 21.7],
    ]
)
_AREA_SD = np.concatenate(
    [
        [7.7, 6.9, 7.0, 7.3, 7.4, 7.7, 7.9, 8.0, 8.0, 8.1, 7.8, 8.3, 7.4],
        [6.3, 5.6, 5.2, 5.1, 5.3, 5.3, 5.4, 5.9, 5.7, 5.1, 4.8, 4.4, 4.3],
        [4.4, 4.2, 4.4, 4.5, 5.2, 5.9, 6.3, 8.0, 9.0, 10.8, 16.7, 18.9, 19.7],
    ]
)
# Beyond the database. Above C1 the brainstem begins, below L1 few cords go on: what a mask shows
# there can be of nearly any size, and says little.
_BRAINSTEM_LEVEL, _BRAINSTEM_MEAN, _BRAINSTEM_SD = 0.7, 110.0, 60.0
_BELOW_LEVEL, _BELOW_MEAN, _BELOW_SD = 21.5, 12.0, 15.0


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
    """Mean and between-subject sd of the logarithm of the cord's area (mm2) at levels."""
    at = np.concatenate([[_BRAINSTEM_LEVEL], _AREA_LEVELS, [_BELOW_LEVEL]])
    mean = np.concatenate([[_BRAINSTEM_MEAN], _AREA_MEAN, [_BELOW_MEAN]])
    sd = np.concatenate([[_BRAINSTEM_SD], _AREA_SD, [_BELOW_SD]])
    mean, sd = np.interp(level, at, mean), np.interp(level, at, sd)
    variance = np.log1p((sd / mean) ** 2)
    return np.log(mean) - 0.5 * variance, np.sqrt(variance)


def _line(x: np.ndarray | float, xp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Linear interpolation that goes on beyond the ends; both rise."""
    x = np.asarray(x, dtype=float)
    low = fp[0] + (x - xp[0]) * (fp[1] - fp[0]) / (xp[1] - xp[0])
    high = fp[-1] + (x - xp[-1]) * (fp[-1] - fp[-2]) / (xp[-1] - xp[-2])
    return np.where(x < xp[0], low, np.where(x > xp[-1], high, np.interp(x, xp, fp)))
