"""A curve along the cord and its frame: world millimetres to (u, v, s) and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

STEP = 0.5  # mm of arc between the points of the curve


@dataclass(frozen=True)
class CordCurve:
    """A curve in the world (RAS, mm) with a frame that does not twist about it."""

    start: float
    """Arc length of the first point, mm; points follow every `STEP` mm, upwards."""
    points: np.ndarray
    """(n, 3) world mm."""
    tangents: np.ndarray
    """(n, 3) unit vectors along the cord, pointing up."""

    @property
    def s(self) -> np.ndarray:
        """(n,) arc length of the points, mm."""
        return self.start + STEP * np.arange(len(self.points))

    @property
    def is_straight(self) -> bool:
        """Whether the curve runs straight up the world's third axis."""
        return bool(np.all(self.tangents[:, :2] == 0))

    def at(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and tangents, each (…, 3), at arc lengths (…); straight beyond the ends."""
        s = np.asarray(s, float)
        index = (s - self.start) / STEP
        inside = np.clip(index, 0, len(self.points) - 1)
        low = np.minimum(inside.astype(np.intp), len(self.points) - 2)
        part = (inside - low)[..., None]
        tangent = self.tangents[low] * (1 - part) + self.tangents[low + 1] * part
        point = self.points[low] * (1 - part) + self.points[low + 1] * part
        return point + ((index - inside) * STEP)[..., None] * tangent, tangent

    @cached_property
    def _rows(self) -> np.ndarray:
        """Point, tangent and curvature vector, (n, 9): one look-up for all three."""
        bend = np.gradient(self.tangents, STEP, axis=0)
        return np.concatenate([self.points, self.tangents, bend], axis=1)

    def _near(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Point, tangent and curvature vector at s, the tangent not of unit length."""
        index = (s - self.start) / STEP
        inside = np.clip(index, 0, len(self.points) - 1.001)
        low = inside.astype(np.intp)
        part = (inside - low)[..., None]
        row = self._rows[low] * (1 - part) + self._rows[low + 1] * part
        point, tangent, bend = row[..., :3], row[..., 3:6], row[..., 6:]
        return point + ((index - inside) * STEP)[..., None] * tangent, tangent, bend

    def axes(self, s: np.ndarray) -> np.ndarray:
        """Right, anterior and up axis of the frame, (…, 3 axes, 3), orthonormal."""
        return frame_axes(self.at(s)[1])

    def to_world(self, uvs: np.ndarray) -> np.ndarray:
        """World mm (…, 3) of points (…, 3) given as right, anterior and along the cord."""
        uvs = np.asarray(uvs, float)
        point, tangent = self.at(uvs[..., 2])
        axes = frame_axes(tangent)
        return point + uvs[..., :1] * axes[..., 0, :] + uvs[..., 1:2] * axes[..., 1, :]

    def from_world(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frame coordinates of world points: the inverse of `to_world`.

        Parameters
        ----------
        xyz
            (…, 3) mm.

        Returns
        -------
        uvs
            (…, 3): mm to the right of, in front of and along the cord.
        axes
            (…, 3, 3): axes of the frame at the foot point, as `axes` gives them.
        """
        xyz = np.asarray(xyz, float)
        if self.is_straight:
            uvs = xyz - self.points[0] + np.array([0.0, 0.0, self.start])
            return uvs, np.broadcast_to(np.eye(3), (*xyz.shape, 3))
        # Newton on (p - c(s)) . t(s) = 0; the curve bends so little that four steps reach 1e-4 mm.
        s = np.interp(xyz[..., 2], self.points[:, 2], self.s)
        for _ in range(4):
            point, tangent, bend = self._near(s)
            away = xyz - point
            slope = np.maximum(1.0 - np.einsum("...i,...i", away, bend), 0.2)
            s = s + np.einsum("...i,...i", away, tangent) / slope
        point, tangent = self.at(s)
        axes = frame_axes(tangent)
        away = xyz - point
        u = np.einsum("...i,...i", away, axes[..., 0, :])
        v = np.einsum("...i,...i", away, axes[..., 1, :])
        return np.stack([u, v, s], -1), axes


def frame_axes(tangent: np.ndarray) -> np.ndarray:
    """Right, anterior and up axis, (…, 3, 3): anterior is the world's, made perpendicular."""
    up = tangent / np.linalg.norm(tangent, axis=-1, keepdims=True)
    anterior = np.array([0.0, 1.0, 0.0]) - up[..., 1:2] * up
    anterior = anterior / np.linalg.norm(anterior, axis=-1, keepdims=True)
    return np.stack([np.cross(anterior, up), anterior, up], -2)
