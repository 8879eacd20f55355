"""A centreline whose cross-sections are the image's own slices, not perpendicular to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.cord_curve import STEP, CordCurve


@dataclass(frozen=True)
class SliceCurve:
    """A curve with the frame of an image's slices; used like a `CordCurve`.

    A point belongs to the place where its slice crosses the curve, so that whatever is done
    across the cord stays within the slice: what thick axial slices ask for.

    Attributes
    ----------
    line : CordCurve
        The curve.
    slice_axes : (3, 3) array
        Rows: unit vectors to the right and to the front within the slices, and their normal,
        upwards.
    """

    line: CordCurve
    slice_axes: np.ndarray

    @property
    def s(self) -> np.ndarray:
        """(n,) arc length of the points, mm."""
        return self.line.s

    @property
    def points(self) -> np.ndarray:
        """(n, 3) world mm."""
        return self.line.points

    @property
    def tangents(self) -> np.ndarray:
        """(n, 3) unit vectors along the cord."""
        return self.line.tangents

    def at(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and tangents, each (…, 3), at arc lengths (…)."""
        return self.line.at(s)

    def axes(self, s: np.ndarray) -> np.ndarray:
        """Axes of the slices, (…, 3 axes, 3), orthonormal; the same everywhere."""
        return np.broadcast_to(self.slice_axes, (*np.shape(s), 3, 3))

    def to_world(self, uvs: np.ndarray) -> np.ndarray:
        """World mm (…, 3) of points (…, 3) given as right and anterior in the slice, and along."""
        uvs = np.asarray(uvs, float)
        right, anterior, _ = self.slice_axes
        return self.line.at(uvs[..., 2])[0] + uvs[..., :1] * right + uvs[..., 1:2] * anterior

    def from_world(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frame coordinates (…, 3) of world points (…, 3), and the axes there."""
        xyz = np.asarray(xyz, float)
        right, anterior, normal = self.slice_axes
        height = self.line.points @ normal
        at = xyz @ normal
        s = np.interp(at, height, self.line.s)
        # The ends go on straight.
        for end, outside in ((0, at < height[0]), (-1, at > height[-1])):
            climb = float(self.line.tangents[end] @ normal)
            s = np.where(outside, self.line.s[end] + (at - height[end]) / climb, s)
        away = xyz - self.line.at(s)[0]
        return np.stack([away @ right, away @ anterior, s], -1), self.axes(s)


def cut_by_slices(curve: CordCurve, slice_axes: np.ndarray) -> SliceCurve:
    """Give a curve the frame of slices.

    Parameters
    ----------
    curve : CordCurve
    slice_axes : (3, 3) array
        See `SliceCurve`.

    Raises
    ------
    ValueError
        If the curve does not rise from slice to slice.
    """
    climb = np.diff(curve.points @ slice_axes[2]) / STEP
    if climb.min() < 0.2:
        raise ValueError("The cord runs along the slices: it cannot be cut by them.")
    return SliceCurve(curve, np.asarray(slice_axes, dtype=float))
