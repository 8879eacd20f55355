"""The centreline of the phantom's cord."""

from __future__ import annotations

import numpy as np

from sctflow.core.cord_curve import STEP, CordCurve
from sctflow.core.phantom.levels import Levels

_ABOVE, _BELOW = 90.0, 60.0  # mm that the curve goes on above the junction and below the sacrum

# Tilt about the right-left axis in degrees (positive: leaning forwards going up) at the middle of
# each vertebra. C1 to L1: means of healthy adults lying in the scanner, rounded from the
# PAM50-normalised database (Valošek, Bédard et al. 2024, doi 10.1162/imag_a_00075); the rest
# goes on into the lumbar lordosis and the sacrum.
_LEAN = np.concatenate(
    [
        [0.0, -1.5, 1.0, 4.5, 8.5, 13.5, 20.0],
        [24.0, 24.5, 22.5, 19.5, 14.5, 9.5, 4.0, 0.0, -2.5, -4.0, -5.0, -5.5],
        [-6.5, -4.0, 3.0, 12.0, 25.0, 40.0],
    ]
)
_LEAN_MEDULLA, _LEAN_PONS = 6.0, 16.0


def make_curve(
    levels: Levels,
    *,
    straight: bool = False,
    bend: float = 1.0,
    head_tilt: float = 0.0,
    scoliosis: float = 0.0,
    scoliosis_apex: float = 15.0,
    origin_level: float = 5.5,
) -> CordCurve:
    """Lay the cord into the world.

    Parameters
    ----------
    levels
        Positions along the cord.
    straight
        Whether the cord runs straight up; the other shapes are then not looked at.
    bend
        Strength of lordosis and kyphosis; 1 is the mean of adults in the scanner.
    head_tilt
        Degrees by which head and upper neck lean forwards (flexion) more than on average.
    scoliosis
        Greatest tilt to the side in degrees (Cobb's angle is about twice this).
    scoliosis_apex
        Continuous vertebral level at which the spine is farthest to the side.
    origin_level
        Continuous vertebral level whose cord centre is the world's origin.
    """
    low = levels.discs[-1] - _BELOW
    s = np.arange(low, _ABOVE + STEP / 2, STEP)
    lean, side = np.zeros_like(s), np.zeros_like(s)
    if not straight:
        lean = _smooth(bend * _lean(levels, s) + head_tilt * _upper(levels.vertebral(s)))
        away = (levels.vertebral(s) - scoliosis_apex) / 3.5
        side = -scoliosis * np.sqrt(2 * np.e) * away * np.exp(-(away**2))
    tangents = np.stack([-np.tan(np.deg2rad(side)), np.tan(np.deg2rad(lean)), np.ones_like(s)], -1)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    middle = 0.5 * (tangents[1:] + tangents[:-1])
    points = np.concatenate([np.zeros((1, 3)), np.cumsum(middle * STEP, axis=0)])
    curve = CordCurve(float(s[0]), points, tangents)
    origin = curve.at(levels.position(origin_level))[0]
    return CordCurve(float(s[0]), points - origin, tangents)


def _lean(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Mean tilt in degrees at positions s."""
    at = [levels.middle(vertebra) for vertebra in range(1, len(_LEAN) + 1)]
    known = np.array([20.0, -12.0, *at])
    values = np.array([_LEAN_PONS, _LEAN_MEDULLA, *_LEAN])
    return np.interp(s, known[::-1], values[::-1])


def _upper(level: np.ndarray) -> np.ndarray:
    """1 in the head, falling to 0 at C6."""
    return np.clip((6.0 - level) / 4.0, 0.0, 1.0)


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(values, 12.0 / STEP, mode="nearest")
