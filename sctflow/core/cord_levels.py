"""Continuous vertebral and spinal levels along one person's cord, from a few labelled places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from sctflow.core.phantom.levels import make_levels

HIGHEST, LOWEST = -2, 28
"""Levels at the ends of the map: in the brainstem, and in the sacrum."""

_PER_LEVEL = 100  # rows of the map in a vertebra

# How well labels tell whether a person's vertebrae are higher or lower than usual.
_PEOPLE_SD = 0.1  # of the ratio of a vertebra's height to the usual one
_LABEL_SD = 0.7  # mm along the cord by which a label misses its disc


@dataclass(frozen=True)
class CordLevels:
    """A map between mm along the cord and continuous vertebral level, the same both ways.

    A vertebra's number is the level of the disc above it, so that 3.5 is the middle of C3.

    Attributes
    ----------
    known_s, known_level : (k,) arrays
        Labelled places, from the highest place down; between and beyond them the levels follow
        from the usual heights of vertebrae.
    table_s, table_level : (n,) arrays
        The map; s falls, the level rises.
    spinal : (31,) array
        Vertebral levels of the upper end of spinal levels 1 to 30, and of the cord's end.
    """

    known_s: np.ndarray
    known_level: np.ndarray
    table_s: np.ndarray
    table_level: np.ndarray
    spinal: np.ndarray

    def vertebral(self, s: np.ndarray) -> np.ndarray:
        """Continuous vertebral level at s mm along the cord; constant beyond the map's ends."""
        return np.interp(s, self.table_s[::-1], self.table_level[::-1])

    def position(self, level: np.ndarray | float) -> np.ndarray:
        """Mm along the cord of a continuous vertebral level: the inverse of `vertebral`."""
        return np.interp(level, self.table_level, self.table_s)

    def spinal_level(self, s: np.ndarray) -> np.ndarray:
        """Continuous spinal level: 5 at the upper end of C5; nan above C1 and below the cord."""
        edges = self.position(self.spinal)
        numbers = np.arange(1.0, len(edges) + 1)
        return np.interp(s, edges[::-1], numbers[::-1], left=np.nan, right=np.nan)

    def beyond_labels(self, s: np.ndarray) -> np.ndarray:
        """Mm between s and the labelled stretch of the cord; 0 inside of it."""
        s = np.asarray(s, dtype=float)
        return np.maximum(np.maximum(s - self.known_s[0], self.known_s[-1] - s), 0.0)


def spinal_boundaries(conus: float | None = None) -> np.ndarray:
    """Vertebral levels of the boundaries between spinal levels.

    Parameters
    ----------
    conus : float, optional
        Continuous vertebral level of the tip of the cord; by default that of most adults.

    Returns
    -------
    (31,) array
        Upper end of spinal level 1 (C1) to 30 (S5), and the tip.

    Notes
    -----
    Lengths are shares of the cord: Frostell et al. 2016, doi 10.3389/fneur.2016.00238.
    """
    levels = make_levels() if conus is None else make_levels(conus=conus)
    return levels.vertebral(levels.spinal)


def spinal_middles(values: np.ndarray, *, spinal: np.ndarray | None = None) -> np.ndarray:
    """Continuous vertebral level of the middle of spinal levels, for labels that mark those.

    Parameters
    ----------
    values : (n,) array of int
        1 to 30.
    spinal : (31,) array, optional
        See :func:`spinal_boundaries`.
    """
    usual = make_levels()
    edges = usual.position(spinal_boundaries() if spinal is None else spinal)
    values = np.asarray(values, dtype=int)
    return usual.vertebral(0.5 * (edges[values - 1] + edges[values]))


def fit_levels(
    s: np.ndarray, level: np.ndarray, *, spinal: np.ndarray | None = None
) -> CordLevels:
    """Lay the levels along the cord.

    The usual positions of vertebrae are stretched by a monotone cubic (PCHIP) so that they meet
    the labelled places. Beyond these they keep the stretch of the labelled part, drawn towards
    that of most people the more, the shorter that part is; with one label it is theirs.

    Parameters
    ----------
    s : (k,) array
        Labelled places, mm along the cord, up positive.
    level : (k,) array
        Their continuous vertebral levels, between :data:`HIGHEST` and :data:`LOWEST`.
    spinal : (31,) array, optional
        See :func:`spinal_boundaries`, the default.

    Returns
    -------
    CordLevels

    Raises
    ------
    ValueError
        No place, levels that are not different or not on the map, or places that do not fall
        as the level rises.
    """
    level, s = np.asarray(level, dtype=float), np.asarray(s, dtype=float)
    order = np.argsort(level)
    level, s = level[order], s[order]
    if not len(s) or np.any(np.diff(level) <= 0) or np.any(np.diff(s) >= 0):
        raise ValueError("Labelled places must fall along the cord as their level rises.")
    if level[0] <= HIGHEST or level[-1] >= LOWEST:
        raise ValueError(f"Levels must lie between {HIGHEST} and {LOWEST}.")
    usual = make_levels()
    height, scale = usual.position(level), _scale(s, usual.position(level))
    # Discs beyond the labels become knots, so that the map has no corner at the last label.
    grid = np.arange(HIGHEST, LOWEST + 1.0)
    above, below = grid[grid < level[0] - 0.5], grid[grid > level[-1] + 0.5]
    knots = np.concatenate([usual.position(above), height, usual.position(below)])
    places = np.concatenate(
        [
            s[0] + scale * (usual.position(above) - height[0]),
            s,
            s[-1] + scale * (usual.position(below) - height[-1]),
        ]
    )
    stretch = PchipInterpolator(knots[::-1], places[::-1])
    table = np.union1d(np.linspace(HIGHEST, LOWEST, (LOWEST - HIGHEST) * _PER_LEVEL + 1), level)
    return CordLevels(
        known_s=s,
        known_level=level,
        table_s=stretch(usual.position(table)),
        table_level=table,
        spinal=spinal_boundaries() if spinal is None else np.asarray(spinal, dtype=float),
    )


def _scale(s: np.ndarray, usual: np.ndarray) -> float:
    """Best guess of how much longer the vertebrae beyond the labels are than usual."""
    if len(s) < 2:
        return 1.0
    length = usual[0] - usual[-1]
    doubt = 2 * (_LABEL_SD / length) ** 2
    trust = _PEOPLE_SD**2 / (_PEOPLE_SD**2 + doubt)
    return float(1 + trust * ((s[0] - s[-1]) / length - 1))
