"""The cord made straight: maps to a space whose third axis runs along the cord, and back.

The straight space has its own millimetres: x to the right of the centreline, y in front of it and
z along it from the lowest slice of the mask (the coordinates of `CordFrame`). Lengths along the
centreline and across it are those of the image; nothing is shifted slice by slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sctflow.core.cord_curve import STEP
from sctflow.core.cord_frame import BEYOND_MM, CordFrame
from sctflow.core.transforms import DisplacementField, compose, field_grid
from sctflow.core.transforms.field import FIELD_MM, to_indices, within

HALF_WIDTH_MM = 20.0
"""Default distance from the centreline to the sides of a straight grid: the spinal canal and
what is next to it. No neck bends so sharply that the map folds nearer than that."""


@dataclass(frozen=True)
class FromStraight:
    """Takes points of the straight space to the image: what resamples an image straight.

    Attributes
    ----------
    frame : CordFrame
        Of the image's cord.
    """

    frame: CordFrame

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), mm, of the straight space to world mm of the image."""
        return self.frame.to_world(points)

    def inverse(self) -> ToStraight:
        """Give the map from the image to the straight space."""
        return ToStraight(self.frame)


@dataclass(frozen=True)
class ToStraight:
    """Takes points of the image to the straight space: what bends a straight image back.

    Attributes
    ----------
    frame : CordFrame
        Of the image's cord.
    """

    frame: CordFrame

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), world mm of the image, to mm of the straight space."""
        return self.frame.from_world(points)

    def inverse(self) -> FromStraight:
        """Give the map from the straight space to the image."""
        return FromStraight(self.frame)


def straight_grid(
    frame: CordFrame,
    *,
    spacing: float | Sequence[float] = 1.0,
    half_width: float = HALF_WIDTH_MM,
    ends: tuple[float, float] | None = None,
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Lay a grid in the straight space.

    Parameters
    ----------
    frame : CordFrame
    spacing : float or 3 floats
        Distance between voxels, mm: to the right, to the front and along the cord.
    half_width : float
        The outermost voxels' centres lie this far from the centreline or farther, mm.
    ends : tuple of 2 float, optional
        Lower and upper border of the grid, mm along the cord; by default the mask's.

    Returns
    -------
    affine : (4, 4) array
        Voxel to mm of the straight space. The centreline runs through voxel centres.
    shape : tuple of 3 int

    Raises
    ------
    ValueError
        If a length is not positive or the upper end is not above the lower.
    """
    spacing = np.broadcast_to(np.asarray(spacing, dtype=float), 3)
    low, high = frame.ends if ends is None else ends
    if not (np.all(spacing > 0) and half_width > 0):
        raise ValueError("Spacing and half width of a straight grid must be over 0 mm.")
    if ends is not None and high <= low:
        raise ValueError(f"The grid's upper end, {high:g} mm, is not above the lower, {low:g} mm.")
    around = np.ceil(half_width / spacing[:2] - 1e-6).astype(int)
    along = max(1, int(np.ceil((high - low) / spacing[2] - 1e-6)))
    affine = np.diag([*spacing, 1.0])
    affine[:2, 3] = -around * spacing[:2]
    # What the last voxel reaches too far is shared out to both ends.
    affine[2, 3] = 0.5 * (low + high - (along - 1) * spacing[2])
    return affine, (*(int(n) for n in 2 * around + 1), along)


def visible_ends(
    frame: CordFrame, affine: np.ndarray, shape: Sequence[int]
) -> tuple[float, float]:
    """Find how far the centreline, prolonged straight, stays in the field of view of an image.

    At most :data:`sctflow.core.cord_frame.BEYOND_MM` beyond the mask: farther away, the spine has
    bent.

    Parameters
    ----------
    frame : CordFrame
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.
    shape : sequence of 3 int
        Its size.

    Returns
    -------
    lower, upper : float
        Mm along the cord; the mask's own ends at least.
    """
    low, high = frame.ends
    ends = []
    for start, direction in ((low, -1), (high, 1)):
        s = start + direction * np.arange(0.0, BEYOND_MM + STEP, STEP)
        visible = within(to_indices(frame.curve.at(s)[0], np.asarray(affine, float)), shape)
        ends.append(float(s[max(0, int(np.argmin(np.append(visible, False))) - 1)]))
    return ends[0], ends[1]


def sharpest_bend(
    frame: CordFrame, ends: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Find where the centreline bends most.

    On the inner side of the bend and farther from the line than its radius, the maps fold.

    Parameters
    ----------
    frame : CordFrame
    ends : tuple of 2 float, optional
        Stretch of the line to look at, mm along the cord; by default the mask's.

    Returns
    -------
    radius : float
        Mm; infinite for a straight line.
    s : float
        Mm along the cord.
    """
    low, high = frame.ends if ends is None else ends
    bend = np.linalg.norm(np.gradient(frame.curve.tangents, STEP, axis=0), axis=1)
    bend = np.where((frame.curve.s >= low) & (frame.curve.s <= high), bend, 0.0)
    at = int(np.argmax(bend))
    return (float(1 / bend[at]) if bend[at] > 0 else np.inf), float(frame.curve.s[at])


def check_folding(
    frame: CordFrame,
    *,
    name: str,
    half_width: float = HALF_WIDTH_MM,
    ends: tuple[float, float] | None = None,
) -> list[str]:
    """Warn where a straight grid is so wide that the map from it folds.

    Parameters
    ----------
    frame : CordFrame
    name : str
        What the message starts with.
    half_width, ends
        Of the grid, see :func:`straight_grid`.
    """
    radius, s = sharpest_bend(frame, ends)
    if radius >= half_width:
        return []
    at = frame.slices[np.argmin(np.abs(frame.slice_s - s))]
    return [
        f"{name}: the centreline bends with a radius of {radius:.0f} mm at slice {at} (counted "
        "from the lowest, 0). On the inner side of the bend, farther than that from the cord, the "
        "straightened image repeats itself. Check the mask, or make the image narrower"
    ]


def straight_fields(
    frame: CordFrame,
    *,
    affine: np.ndarray,
    shape: Sequence[int],
    half_width: float = HALF_WIDTH_MM,
) -> tuple[DisplacementField, DisplacementField]:
    """Write both maps down as displacement fields.

    Parameters
    ----------
    frame : CordFrame
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.
    shape : sequence of 3 int
        Its size.
    half_width : float
        How far from the centreline the field in the straight space reaches, mm.

    Returns
    -------
    from_straight : DisplacementField
        On a grid of the straight space: resamples the image straight.
    to_straight : DisplacementField
        On a grid that covers the image: bends a straight image back.
    """
    low, high = visible_ends(frame, affine, shape)
    # Where the image's last slice is not perpendicular to the cord, a side of it reaches beyond
    # the end of the line; as far as the grid is wide at most, for slopes up to 45 degrees.
    ends = (low - half_width, high + half_width)
    grid, size = straight_grid(frame, spacing=FIELD_MM, half_width=half_width, ends=ends)
    from_straight = compose([FromStraight(frame)], affine=grid, shape=size)
    grid, size = field_grid(affine, shape)
    return from_straight, compose([ToStraight(frame)], affine=grid, shape=size)
