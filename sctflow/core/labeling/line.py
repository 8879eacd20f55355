"""One line along the cord through all the images of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sctflow.core.centerline import Centerline

_STEP_MM = 1.0
_BEYOND_MM = 250.0  # over which the line goes straight on: the loin below the cord's end
_CLEAR_MM = 12.0  # so far below the cord, a disc guides the line
_END_MM = 10.0  # its direction there is that of this length


@dataclass(frozen=True)
class CordLine:
    """A line in world space, straight beyond the cord that was seen.

    Attributes
    ----------
    points : (n, 3) array
        World mm, upwards.
    s : (n,) array
        Mm along the line, upwards; 0 where the cord begins to be seen.
    """

    points: np.ndarray
    s: np.ndarray

    def along(self, world: np.ndarray) -> np.ndarray:
        """Mm along the line (m,) of the places nearest to world points (m, 3)."""
        return self._nearest(world)[0]

    def beside(self, world: np.ndarray) -> np.ndarray:
        """Mm (m,) between the line and world points (m, 3)."""
        return self._nearest(world)[1]

    def at(self, s: np.ndarray) -> np.ndarray:
        """World points (m, 3) at mm along the line."""
        return np.column_stack([np.interp(s, self.s, axis) for axis in self.points.T])

    def _nearest(self, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        world = np.asarray(world, dtype=float).reshape(-1, 3)
        start, step = self.points[:-1], np.diff(self.points, axis=0)
        length = np.linalg.norm(step, axis=1)
        offset = world[:, None] - start
        part = np.clip((offset * step).sum(-1) / length**2, 0.0, 1.0)
        distance = np.linalg.norm(offset - part[..., None] * step, axis=-1)
        best = np.argmin(distance, axis=1)
        rows = np.arange(len(world))
        return self.s[best] + part[rows, best] * length[best], distance[rows, best]


def join_centerlines(
    centerlines: Sequence[Centerline], discs: np.ndarray | None = None
) -> CordLine:
    """Join the centrelines of images of one person.

    Parameters
    ----------
    centerlines
        The first is taken as it is; each other one adds what lies beyond the ends of those before
        it.
    discs : (m, 3) array, optional
        World points of discs. Below the cord, where the canal turns, the line runs at the same
        distance from them as from the lowest one beside the cord.
    """
    joined = np.asarray(centerlines[0].points, dtype=float)
    for other in centerlines[1:]:
        line = _extend(joined)
        s, end = line.along(other.points), _length(joined)
        below, above = other.points[s < -_STEP_MM], other.points[s > end + _STEP_MM]
        joined = np.concatenate([below, joined, above])
    line = _extend(joined)
    if discs is None or not len(discs):
        return line
    return _extend(np.concatenate([_below(line, np.asarray(discs, dtype=float)), joined]))


def _below(line: CordLine, discs: np.ndarray) -> np.ndarray:
    """Points of the canal beside the discs below the cord, upwards."""
    s = line.along(discs)
    order = np.argsort(s)
    discs, s = discs[order], s[order]
    lower = s < -_CLEAR_MM
    if not lower.any():
        return np.empty((0, 3))
    # The lowest disc beside the cord, or else the highest below it.
    near = min(int(lower.sum()), len(s) - 1)
    offset = discs[near] - line.at(s[near : near + 1])[0]
    return discs[lower] - offset


def _length(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def _extend(points: np.ndarray) -> CordLine:
    if len(points) == 1:
        points = points + np.array([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]) * _STEP_MM
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    n = max(2, int(np.ceil(s[-1] / _STEP_MM)) + 1)
    even = np.linspace(0.0, s[-1], n)
    points = np.column_stack([np.interp(even, s, axis) for axis in points.T])
    near = min(n - 1, max(1, round(_END_MM / _STEP_MM)))
    down, up = points[0] - points[near], points[-1] - points[-1 - near]
    ends = (
        points[0] + _BEYOND_MM * down / np.linalg.norm(down),
        points[-1] + _BEYOND_MM * up / np.linalg.norm(up),
    )
    return CordLine(
        np.concatenate([ends[:1], points, ends[1:]]),
        np.concatenate([[-_BEYOND_MM], even, [even[-1] + _BEYOND_MM]]),
    )
