"""Levels all along the cord if some places have the values of a hypothesis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.labeling import usual

_PRIOR_MM = 20.0
"""Length of named spine that says as much about a person's size as knowing the mean of people."""
_HERE_MM, _BEYOND = 1.5, 0.08
"""Error of a level's place between named discs, and per mm beyond the last of them."""


@dataclass(frozen=True)
class Placing:
    """A map between mm along the cord and continuous vertebral levels.

    Attributes
    ----------
    s, levels : (n,) arrays
        Named places from top to bottom.
    """

    s: np.ndarray
    levels: np.ndarray

    @property
    def scale(self) -> float:
        """Size of the person's spine, 1 is usual."""
        span = float(np.diff(usual.depth_of(self.levels[[0, -1]]))[0])
        return float((self.s[0] - self.s[-1] + _PRIOR_MM) / (span + _PRIOR_MM))

    def level_at(self, s: np.ndarray | float) -> np.ndarray:
        """Continuous level at mm along the cord; beyond the ends as in most people."""
        depth = np.interp(-np.asarray(s, dtype=float), -self.s, usual.depth_of(self.levels))
        return usual.level_at(depth - self._outside(s) / self.scale)

    def place_of(self, levels: np.ndarray | float) -> np.ndarray:
        """Mm along the cord of levels: inverse of `level_at`."""
        depth, known = usual.depth_of(levels), usual.depth_of(self.levels)
        inside = np.interp(depth, known, self.s)
        return inside - self.scale * (depth - np.clip(depth, known[0], known[-1]))

    def error_at(self, s: np.ndarray | float) -> np.ndarray:
        """Standard deviation in mm of the place of a level."""
        return np.hypot(_HERE_MM, _BEYOND * np.abs(self._outside(s)))

    def _outside(self, s: np.ndarray | float) -> np.ndarray:
        """Mm above the highest named place; negative below the lowest; 0 between."""
        s = np.asarray(s, dtype=float)
        return s - np.clip(s, self.s[-1], self.s[0])
