"""From one cross-section to another: a turn, an ellipse and an outline, without iterating."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.template.shape import ANGLES, CordShape, turned

FADE_MM = 10.0
"""Beyond the cord its change of shape fades like a Gaussian of this width, and only its place
and turn are left: a neck is no wider for a wider cord."""

RATIOS = (0.6, 1.6)
"""Limits of the ratio of two outlines; the map would fold below 1/3."""

_NEGLIGIBLE = 1e-4  # of the change of shape, where it has faded
_ROUNDS = 12
_TOLERANCE_MM = 1e-3


@dataclass(frozen=True)
class Sections:
    """Cross-sections of two cords that belong together, as tables along the first one.

    Attributes
    ----------
    first, second : CordShape
        With the same number of rows: row by row the sections that correspond. Rows are looked up
        by `first.s`, which is evenly spaced; `second.s` is where they lie in the second cord.
    """

    first: CordShape
    second: CordShape

    def forward(self, uv: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Take points of the first cord to the second.

        Parameters
        ----------
        uv : (n, 2) array
            Mm to the right and to the front in the first frame.
        s : (n,) array
            Mm along the first cord.

        Returns
        -------
        (n, 2) array
            Mm in the second frame.
        """
        section = self._sections(s)
        centered = turned(uv - section.first_center, section.first_turn)
        return _placed(section.bent(centered), section.second_center, section.second_turn)

    def backward(self, uv: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Take points of the second cord to the first: the inverse of `forward`, at the same s."""
        section = self._sections(s)
        goal = turned(uv - section.second_center, section.second_turn)
        return _placed(section.unbent(goal), section.first_center, section.first_turn)

    def _sections(self, s: np.ndarray) -> _Section:
        return _Section.read(self, *self.first.rows(s))


_COLUMNS = ("center", "turn", "axes")


@dataclass(frozen=True)
class _Section:
    """Rows of the tables for n points."""

    first_center: np.ndarray
    first_turn: np.ndarray
    first_axes: np.ndarray
    second_center: np.ndarray
    second_turn: np.ndarray
    second_axes: np.ndarray
    outline: np.ndarray  # (rows, ANGLES) of the first cord
    ratio: np.ndarray  # (rows, ANGLES) second outline / first
    low: np.ndarray
    part: np.ndarray

    @classmethod
    def read(cls, sections: Sections, low: np.ndarray, part: np.ndarray) -> _Section:
        first, second = sections.first, sections.second
        # One look-up for all columns takes a third of the time of one for each.
        table = np.column_stack(
            [getattr(shape, name) for shape in (first, second) for name in _COLUMNS]
        )
        high = np.minimum(low + 1, len(table) - 1)
        row = table[low] + part[:, None] * (table[high] - table[low])
        return cls(
            first_center=row[:, 0:2],
            first_turn=row[:, 2],
            first_axes=row[:, 3:5],
            second_center=row[:, 5:7],
            second_turn=row[:, 7],
            second_axes=row[:, 8:10],
            outline=first.outline,
            ratio=np.clip(second.outline / first.outline, *RATIOS),
            low=low,
            part=part,
        )

    def bent(self, a: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Change the shape about points (n, 2), mm from the centre along the turned axes."""
        axes = self.first_axes[chosen]
        white = a / axes
        r = np.sqrt((white**2).sum(axis=1))
        rho, q = self._round(np.arctan2(white[:, 1], white[:, 0]), chosen)
        relative = r / rho
        x = np.minimum(relative, 1.0)
        # The change of radius rises from the centre to the outline without a corner at either.
        grown = 1 + (q - 1) * x**4 * (5 - 4 * x) / np.maximum(relative, 1e-6)
        inside = white * grown[:, None] * self.second_axes[chosen]
        beyond = np.sqrt((a**2).sum(axis=1)) * (1 - 1 / np.maximum(relative, 1))
        fade = np.exp(-((beyond / FADE_MM) ** 2))
        return a + fade[:, None] * (inside - a)

    def _round(self, angle: np.ndarray, chosen: np.ndarray | slice) -> tuple[np.ndarray, ...]:
        """Outline and ratio (n,) at angles (n,): bilinear in their tables."""
        low, part = self.low[chosen], self.part[chosen]
        turn = (angle / (2 * np.pi) % 1.0) * ANGLES
        left = turn.astype(np.intp) % ANGLES
        right, share = (left + 1) % ANGLES, turn - np.floor(turn)
        last = len(self.outline) - 1
        corners = (
            (np.minimum(low + up, last) * ANGLES + column, wu * wc)
            for up, wu in ((0, 1 - part), (1, part))
            for column, wc in ((left, 1 - share), (right, share))
        )
        rho, q = np.zeros(len(angle)), np.zeros(len(angle))
        for flat, weight in corners:
            rho += weight * self.outline.ravel()[flat]
            q += weight * self.ratio.ravel()[flat]
        return rho, q

    def unbent(self, goal: np.ndarray) -> np.ndarray:
        """Undo `bent` to a thousandth of a mm: the affine parts in one step, the rest by rounds.

        Each round corrects by what is missing, scaled back by the axes near the cord.
        """
        scale = self.first_axes / self.second_axes
        relative = np.sqrt(((goal / self.second_axes) ** 2).sum(axis=1)) / 2
        beyond = np.sqrt((goal**2).sum(axis=1)) * (1 - 1 / np.maximum(relative, 1))
        fade = np.exp(-((beyond / FADE_MM) ** 2))
        found = goal * (1 + fade[:, None] * (scale - 1))
        near = np.flatnonzero(fade > _NEGLIGIBLE)
        found[fade <= _NEGLIGIBLE] = goal[fade <= _NEGLIGIBLE]
        step = 1 + fade[:, None] * (np.minimum(scale, 1.0) - 1)
        for _ in range(_ROUNDS):
            missing = goal[near] - self.bent(found[near], near)
            found[near] += step[near] * missing
            near = near[np.abs(missing).max(axis=1) > _TOLERANCE_MM]
            if not len(near):
                break
        return found


def _placed(a: np.ndarray, center: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Put points, mm along turned axes, back into their frame."""
    return turned(a, -turn) + center
