"""Size of cord and canal along the cord, from the morphometry of healthy adults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.phantom.levels import Levels

# Means over sex and age of the PAM50-normalised database (Valošek, Bédard et al. 2024,
# doi 10.1162/imag_a_00075), by vertebral level. Cord: C1 to T2 of the cervical data (n = 203),
# T3 to T12 of the whole-spine data (n = 48). Area mm2, diameters mm.
_CORD_AREA = np.concatenate(
    [
        [74.0, 71.7, 72.5, 77.4, 76.4, 69.1, 56.8, 46.8, 41.8],
        [39.1, 36.8, 35.5, 35.1, 35.8, 37.5, 39.2, 42.2, 49.1, 48.7],
    ]
)
_CORD_AP = np.concatenate(
    [
        [8.27, 7.76, 7.59, 7.62, 7.47, 7.07, 6.56, 6.29, 6.07],
        [5.92, 5.73, 5.66, 5.69, 5.81, 6.06, 6.25, 6.48, 7.01, 6.93],
    ]
)
_CORD_RL = np.concatenate(
    [
        [11.36, 11.73, 12.14, 12.93, 13.03, 12.44, 10.94, 9.41, 8.69],
        [8.26, 8.02, 7.84, 7.72, 7.74, 7.81, 7.89, 8.16, 8.76, 8.54],
    ]
)
# Dural sac. C1 to T4 from the same database (n = 203); lower down the database ends, and the sac
# is drawn from textbook diameters: narrow in the thorax, 16 x 20 mm in the loin, ending at S2.
_CANAL_AREA = np.concatenate(
    [
        [290.0, 252.0, 210.0, 206.0, 208.0, 200.0, 195.0, 182.0, 161.0, 151.0, 144.0],
        [146.0, 148.0, 150.0, 152.0, 156.0, 165.0, 185.0, 210.0],
        [225.0, 220.0, 205.0, 185.0, 150.0, 60.0],
    ]
)
_CANAL_RATIO = np.concatenate(
    [
        [0.69, 0.65, 0.63, 0.61, 0.60, 0.61, 0.65, 0.72, 0.79, 0.83, 0.87],
        [0.90, 0.92, 0.92, 0.92, 0.90, 0.88, 0.85, 0.82],
        [0.80, 0.80, 0.80, 0.80, 0.80, 0.80],
    ]
)
# Centre of the sac in front of the cord's: in the kyphosis the cord lies in front, from the loin
# on behind.
_CANAL_FORWARD = np.concatenate(
    [
        [-0.3, -0.2, 0.2, 0.3, 0.2, 0.0, -0.3, -0.7, -1.0, -1.3, -1.6],
        [-1.8, -1.9, -1.8, -1.6, -1.2, -0.7, 0.0, 0.8],
        [1.6, 1.5, 1.0, 0.5, 0.2, 0.0],
    ]
)
_TAPER = 30.0  # mm over which the conus tapers to its tip


@dataclass(frozen=True)
class Compression:
    """A place where something presses the cord from the front."""

    level: float
    """Continuous vertebral level of the deepest place; 6 is the disc C5/C6."""
    ratio: float
    """Front-to-back diameter there, as a part of what it would be; 0 < ratio <= 1."""
    extent: float = 6.0
    """Length in mm: standard deviation of the bell along the cord."""
    widening: float = 0.3
    """How much of the lost depth the cord gains in width: 0 none, 1 the area is kept."""


def cord_area(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Mean cross-sectional area in mm2 of an average healthy cord at positions s in mm."""
    return _by_level(levels, s, _CORD_AREA) * conus_taper(levels, s)


def cord_ratio(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Front-to-back over right-left diameter of an average healthy cord."""
    round_conus = np.clip((s - levels.conus) / 45.0, 0.0, 1.0)
    ratio = _by_level(levels, s, _CORD_AP / _CORD_RL)
    return ratio + (1.0 - round_conus) * (0.95 - ratio)


def conus_taper(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Part of the area that is left where the cord tapers to the conus: 1 above, 0 at the tip."""
    height = np.clip((s - levels.conus) / _TAPER, 0.0, 1.0)
    # The radius falls linearly at the tip and joins the cord without an edge.
    return (height * (2.0 - height)) ** 2


def canal_area(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Mean area in mm2 of the dural sac; 0 below its end."""
    end = levels.disc(26)
    return _by_level(levels, s, _CANAL_AREA) * np.clip((s - end) / 15.0, 0.0, 1.0)


def canal_ratio(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Front-to-back over right-left diameter of the dural sac."""
    return _by_level(levels, s, _CANAL_RATIO)


def canal_forward(levels: Levels, s: np.ndarray) -> np.ndarray:
    """Mean distance in mm by which the sac's centre lies in front of the cord's."""
    return _by_level(levels, s, _CANAL_FORWARD)


def squeeze(
    levels: Levels, compressions: tuple[Compression, ...], s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Factors of the cord's width and depth at positions s under all compressions."""
    width, depth = np.ones_like(s), np.ones_like(s)
    for one in compressions:
        bell = np.exp(-0.5 * ((s - levels.position(one.level)) / one.extent) ** 2)
        factor = 1.0 - (1.0 - one.ratio) * bell
        depth = depth * factor
        width = width * factor ** (-one.widening)
    return width, depth


def _by_level(levels: Levels, s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Smooth curve through values at the middles of the vertebrae C1, C2 and so on."""
    from scipy.interpolate import PchipInterpolator

    at = np.array([levels.middle(vertebra) for vertebra in range(1, len(values) + 1)])
    inside = np.clip(s, at[-1], at[0])
    return PchipInterpolator(at[::-1], values[::-1])(inside)
