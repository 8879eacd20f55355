"""Shape of many cross-sections at once.

All functions take a stack of slices ``weights`` (S, X, Y) and work on all of them together. A
:class:`Frame` says where the pixels of each slice lie, in mm, once the tilt of the cord is
taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRIP_MM = 3.0
"""Width of the central strip in which the front-to-back diameter is measured."""


@dataclass(frozen=True)
class Moments:
    """Mass, centre and spread of each slice, in pixels.

    Attributes
    ----------
    mass : (S,) array
        Sum of weights.
    center : (S, 2) array
        Centre of mass, index.
    covariance : (S, 2, 2) array
        Second central moments of the shape that was drawn on the pixels.
    """

    mass: np.ndarray
    center: np.ndarray
    covariance: np.ndarray


def moments(weights: np.ndarray) -> Moments:
    """Measure mass, centre and second moments of each slice.

    Averaging over a pixel (partial volume) spreads a shape by the pixel's own variance, 1/12;
    deciding for or against a pixel by its centre does not. How much of that spreading a mask has
    shows in its edge: the sum of w (1 - w) along it is 1/6 per pixel of perimeter for exact
    partial volume, and 0 for a binary mask. That share of 1/12 is taken out. What a binary
    shape of few pixels loses by measuring about its own centre is put back (1/12 over the
    number of rows), so that a single pixel has the moments of a square.

    Parameters
    ----------
    weights : (S, X, Y) array
        In [0, 1], none of the slices empty.
    """
    _, nx, ny = weights.shape
    x, y = np.arange(nx, dtype=float), np.arange(ny, dtype=float)
    along_x, along_y = weights.sum(axis=2), weights.sum(axis=1)
    mass = along_x.sum(axis=1)
    center = np.stack([along_x @ x, along_y @ y], axis=1) / mass[:, None]
    dx, dy = x - center[:, :1], y - center[:, 1:]
    xx = (along_x * dx**2).sum(axis=1) / mass
    yy = (along_y * dy**2).sum(axis=1) / mass
    xy = np.einsum("sxy,sx,sy->s", weights, dx, dy) / mass

    top = weights.max(axis=(1, 2))
    relative = weights / top[:, None, None]
    softness = (relative * (1 - relative)).sum(axis=(1, 2))
    trace, root = xx + yy, np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    a, b = (2 * np.sqrt(np.maximum(trace + sign * root, 0) / 2) for sign in (1, -1))
    share = np.clip(6 * softness / np.maximum(_ellipse_perimeter(a, b), 1e-9), 0, 1) ** 2
    rows, columns = np.count_nonzero(along_y, axis=1), np.count_nonzero(along_x, axis=1)
    xx += ((1 - share) / rows - share) / 12
    yy += ((1 - share) / columns - share) / 12
    covariance = np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)
    return Moments(mass, center, covariance)


def _ellipse_perimeter(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Perimeter of ellipses with semi-axes `a` and `b` (Ramanujan 1914)."""
    return np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))


@dataclass(frozen=True)
class Ellipse:
    """Ellipse with the second moments of a slice, in mm and degrees.

    Attributes
    ----------
    major, minor : (S,) array
        Full axes.
    orientation : (S,) array
        Of the long axis against right-left, in (-90, 90], positive when its left end is the
        more anterior.
    """

    major: np.ndarray
    minor: np.ndarray
    orientation: np.ndarray

    @property
    def turn(self) -> np.ndarray:
        """Angle of the axis that is nearer to right-left, in degrees within [-45, 45]."""
        swapped = np.abs(self.orientation) > 45
        return np.where(
            swapped, self.orientation - 90 * np.sign(self.orientation), self.orientation
        )

    @property
    def diameter_rl(self) -> np.ndarray:
        """The axis that is nearer to right-left."""
        return np.where(np.abs(self.orientation) > 45, self.minor, self.major)

    @property
    def diameter_ap(self) -> np.ndarray:
        """The axis that is nearer to front-back."""
        return np.where(np.abs(self.orientation) > 45, self.major, self.minor)

    @property
    def eccentricity(self) -> np.ndarray:
        """Square root of 1 - (minor / major)^2."""
        return np.sqrt(np.maximum(1 - (self.minor / self.major) ** 2, 0))


def ellipse(covariance: np.ndarray) -> Ellipse:
    """Find the ellipse of second moments (S, 2, 2) in mm² (axes: right, anterior)."""
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    root = np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    large, small = (xx + yy + root) / 2, np.maximum((xx + yy - root) / 2, 0)
    # Half the angle of the long axis, seen from the left end: left is -x.
    orientation = np.degrees(np.arctan2(-2 * xy, xx - yy)) / 2
    orientation = np.where(orientation <= -90, 90.0, orientation)
    return Ellipse(4 * np.sqrt(large), 4 * np.sqrt(small), orientation + 0.0)


@dataclass(frozen=True)
class Frame:
    """Where the pixels of each slice lie once it is centred, straightened and turned.

    Attributes
    ----------
    matrix : (S, 2, 2) array
        Takes a step of pixel indices to mm along the turned right and anterior axes.
    center : (S, 2) array
        Index of the origin.
    """

    matrix: np.ndarray
    center: np.ndarray

    @classmethod
    def turned(cls, matrix: np.ndarray, center: np.ndarray, degrees: np.ndarray) -> Frame:
        """Turn the axes of `matrix` by an angle (S,), positive as in `Ellipse.orientation`."""
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)
        return cls(turn @ matrix, center)

    @property
    def pixel_area(self) -> np.ndarray:
        """Area of a pixel in each slice, mm²."""
        return np.abs(np.linalg.det(self.matrix))

    def positions(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Place the pixel centres: right and anterior, each (S, X, Y), in mm."""
        i = np.arange(shape[0]) - self.center[:, :1]
        j = np.arange(shape[1]) - self.center[:, 1:]
        right, anterior = (
            self.matrix[:, axis, :1, None] * i[:, :, None]
            + self.matrix[:, axis, 1:, None] * j[:, None, :]
            for axis in (0, 1)
        )
        return right, anterior


def _share_below(limit: np.ndarray, position: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Fraction of each pixel that lies below a limit along one axis.

    Seen along an axis, a pixel is a trapezoid: two uniform densities folded.

    Parameters
    ----------
    limit : array, broadcastable to `position`
        In mm.
    position : (S, X, Y) array
        Of the pixel centres along the axis, mm.
    sides : (S, 2) array
        Steps along the axis for one pixel of each index, mm.
    """
    sides = np.abs(sides)
    sides = np.maximum(sides, 1e-4 * sides.max(axis=1, keepdims=True))
    a, b = sides[:, 0, None, None], sides[:, 1, None, None]
    t = limit - position
    share = sum(
        sign * np.maximum(t + shift, 0.0) ** 2
        for sign, shift in (
            (1, (a + b) / 2),
            (-1, (a - b) / 2),
            (-1, (b - a) / 2),
            (1, -(a + b) / 2),
        )
    )
    # Far above, the four squares cancel only up to rounding.
    return np.clip(share / (2 * a * b), 0.0, 1.0)


@dataclass(frozen=True)
class Extents:
    """Front-to-back lengths (mm) and quadrant areas (mm²) of each slice, each (S,)."""

    anterior: np.ndarray
    posterior: np.ndarray
    quadrants: dict[str, np.ndarray]


def extents(weights: np.ndarray, frame: Frame, width: np.ndarray) -> Extents:
    """Measure the central strip and the quadrants, exactly for the pixels as drawn.

    Parameters
    ----------
    weights : (S, X, Y) array
        In [0, 1].
    frame : Frame
        Turned; origin at the centre of mass.
    width : (S,) array
        Width of the shape, mm; a shape narrower than :data:`STRIP_MM` is measured over it.
    """
    right, anterior = frame.positions(weights.shape[1:])
    area = weights * frame.pixel_area[:, None, None]
    strip = np.minimum(STRIP_MM, width)[:, None, None]
    across, ahead = frame.matrix[:, 0], frame.matrix[:, 1]
    central = _share_below(strip / 2, right, across) - _share_below(-strip / 2, right, across)
    left = _share_below(0.0, right, across)
    back = _share_below(0.0, anterior, ahead)
    strip_area = area * central
    behind = (strip_area * back).sum(axis=(1, 2))
    return Extents(
        anterior=(strip_area.sum(axis=(1, 2)) - behind) / strip[:, 0, 0],
        posterior=behind / strip[:, 0, 0],
        quadrants={
            f"{name}_{side}": (area * share * part).sum(axis=(1, 2))
            for name, share in (("anterior", 1 - back), ("posterior", back))
            for side, part in (("left", left), ("right", 1 - left))
        },
    )


def solidity(outline: np.ndarray) -> np.ndarray:
    """Share of the convex hull that each slice fills.

    Counted in pixels whose centres lie in the hull of the mask's pixel centres, so that every
    convex shape that was drawn on pixels has exactly 1, whatever the pixel size.

    Parameters
    ----------
    outline : (S, X, Y) array of bool
        None of the slices empty.

    Returns
    -------
    (S,) array
    """
    _, nx, ny = outline.shape
    y = np.arange(ny, dtype=float)
    upper = np.where(outline, y, -np.inf).max(axis=2)
    lower = np.where(outline, -y, -np.inf).max(axis=2)
    edges = np.concatenate([upper, lower])
    hull = edges.copy()
    for x in range(1, nx - 1):
        # The upper hull over column x: the highest chord from a column before to one after it.
        before, after = np.arange(x), np.arange(x + 1, nx)
        share = (x - before[:, None]) / (after - before[:, None])
        with np.errstate(invalid="ignore"):
            chords = edges[:, before, None] * (1 - share) + edges[:, None, after] * share
        hull[:, x] = np.maximum(hull[:, x], chords.max(axis=(1, 2)))
    top, bottom = np.split(hull, 2)
    covered = np.isfinite(top)
    count = np.floor(np.where(covered, top, 0) + 1e-6) - np.ceil(
        np.where(covered, -bottom, 0) - 1e-6
    )
    return outline.sum(axis=(1, 2)) / ((count + 1) * covered).sum(axis=1)
