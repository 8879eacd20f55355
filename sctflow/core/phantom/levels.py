"""Where vertebrae, discs, spinal levels, pontomedullary junction and conus lie along the cord."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

N_VERTEBRAE = 25
"""C1 to L5 and the first piece of the sacrum."""
N_SPINAL = 30
"""C1 to C8, T1 to T12, L1 to L5, S1 to S5."""

# Height in mm of a vertebra with the disc below it: rounded means of adults, which grow from the
# neck (16-18 mm) to the loin (36 mm) as in Busscher et al. 2010
# (doi 10.1007/s00586-010-1326-9) and in the disc positions of PAM50 (De Leener et al. 2018).
_HEIGHTS = np.concatenate(
    [
        [23.0, 15.5, 17.5, 17.0, 16.5, 16.0, 17.5],
        [20.0, 21.5, 22.0, 23.0, 23.5, 24.0, 24.5, 25.0, 26.0, 27.5, 29.0, 31.0],
        [33.5, 35.0, 36.0, 36.0, 35.0],
        [32.0],
    ]
)
# The disc C2/C3 lies 64 mm below the junction along the cord (Bédard & Cohen-Adad 2022,
# doi 10.3389/fnimg.2022.1031253).
_JUNCTION_TO_C3 = 64.0
# Length of each spinal level in per cent of the cord, C1 to S5: Frostell et al. 2016, table 3
# (doi 10.3389/fneur.2016.00238).
_SPINAL_PERCENT = np.concatenate(
    [
        [1.6, 2.2, 3.5, 3.5, 3.5, 3.3, 3.2, 3.4],
        [3.6, 3.9, 4.4, 5.0, 5.1, 5.6, 5.6, 5.4, 5.1, 4.7, 4.3, 3.9],
        [3.6, 2.8, 2.4, 2.2, 1.7],
        [1.5, 1.6, 1.4, 1.3, 0.9],
    ]
)


@dataclass(frozen=True)
class Levels:
    """Positions along the cord in mm: 0 at the pontomedullary junction, negative below it."""

    discs: np.ndarray
    """(26,) disc above vertebra 1 to 25, and the lower end of vertebra 25; falling."""
    spinal: np.ndarray
    """(31,) upper end of spinal level 1 to 30, and the lower end of the last; falling."""
    conus: float
    """Tip of the cord."""

    @property
    def top(self) -> float:
        """Upper end of the cord: the upper edge of C1."""
        return float(self.discs[0])

    def disc(self, value: int) -> float:
        """Position of the disc above vertebra `value` (1 to 26)."""
        return float(self.discs[value - 1])

    def middle(self, vertebra: int) -> float:
        """Position half-way between the discs above and below `vertebra` (1 to 25)."""
        return 0.5 * (self.disc(vertebra) + self.disc(vertebra + 1))

    def vertebral(self, s: np.ndarray) -> np.ndarray:
        """Continuous vertebral level: 3 at the upper edge of C3, 3.5 in its middle.

        Goes on at the slope of the first and last vertebra beyond them.
        """
        return _count(s, self.discs)

    def spinal_level(self, s: np.ndarray) -> np.ndarray:
        """Continuous spinal level: 5 at the upper end of level C5; linear beyond the ends."""
        return _count(s, self.spinal)

    def position(self, level: np.ndarray | float) -> np.ndarray:
        """Inverse of `vertebral`: mm along the cord of a continuous vertebral level."""
        values = np.arange(1, len(self.discs) + 1)
        return _extended(np.asarray(level, float), values, self.discs)


def make_levels(
    *, scale: float = 1.0, heights: Sequence[float] | np.ndarray | None = None, conus: float = 20.9
) -> Levels:
    """Lay out the levels.

    Parameters
    ----------
    scale
        Size of the whole spine; 1 has a cord of 450 mm from the top of C1 to its tip.
    heights
        (25,) factors of the single vertebrae, 1 by default.
    conus
        Continuous vertebral level of the conus tip; 21 is the disc L1/L2, 20.5 the middle of L1.
    """
    factors = np.ones(N_VERTEBRAE) if heights is None else np.asarray(heights, float)
    each = scale * _HEIGHTS * factors
    below_first = np.concatenate([[0.0], np.cumsum(each)])
    top = -scale * _JUNCTION_TO_C3 + below_first[2]
    discs = top - below_first
    tip = float(_extended(np.array(conus), np.arange(1, len(discs) + 1), discs))
    share = np.concatenate([[0.0], np.cumsum(_SPINAL_PERCENT)]) / _SPINAL_PERCENT.sum()
    return Levels(
        discs=discs,
        spinal=discs[0] + share * (tip - discs[0]),
        conus=tip,
    )


def _count(s: np.ndarray, edges: np.ndarray) -> np.ndarray:
    numbers = np.arange(1.0, len(edges) + 1)
    return _extended(np.asarray(s, float), edges[::-1], numbers[::-1])


def _extended(x: np.ndarray, xp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Linear interpolation that goes on beyond the ends; `xp` rises."""
    out = np.interp(x, xp, fp)
    low, high = x < xp[0], x > xp[-1]
    slope_low = (fp[1] - fp[0]) / (xp[1] - xp[0])
    slope_high = (fp[-1] - fp[-2]) / (xp[-1] - xp[-2])
    out = np.where(low, fp[0] + (x - xp[0]) * slope_low, out)
    return np.where(high, fp[-1] + (x - xp[-1]) * slope_high, out)
