"""The centreline of the cord (or canal) from its mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded

from sctflow.core.grid import SliceGrid, canonicalize, from_canonical
from sctflow.core.mask import bounding_box, mask_weights
from sctflow.errors import SegmentationError

if TYPE_CHECKING:
    import pandas as pd

SMOOTH_MM = 8.0
"""Default stiffness of the smoothing spline."""

END_MM = 5.0
"""Beyond the outermost slices that were used, the line goes on straight, along its mean
direction over this length."""

METHODS = ("spline", "polynomial", "linear")


@dataclass(frozen=True)
class Centerline:
    """A line through the cord with one point on each slice plane, from the lowest slice up.

    Attributes
    ----------
    points : (n, 3) array
        World (RAS) mm.
    tangents : (n, 3) array
        Unit vectors in world space, pointing up.
    arc_length : (n,) array
        Length along the line from the lowest point, mm.
    slices : (n,) array of int
        Canonical slice index; contiguous.
    measured : (n,) array of bool
        False where the slice had no mask, or none that continues the line, and the point was
        interpolated.
    """

    points: np.ndarray
    tangents: np.ndarray
    arc_length: np.ndarray
    slices: np.ndarray
    measured: np.ndarray

    def __len__(self) -> int:
        """Count the slices."""
        return len(self.slices)

    def to_frame(self) -> pd.DataFrame:
        """Tabulate: slice, x, y, z, tangent_x, tangent_y, tangent_z, arc_length, measured."""
        import pandas as pd

        return pd.DataFrame(
            {
                "slice": self.slices,
                **dict(zip("xyz", self.points.T, strict=True)),
                **{f"tangent_{a}": t for a, t in zip("xyz", self.tangents.T, strict=True)},
                "arc_length": self.arc_length,
                "measured": self.measured,
            }
        )


def fit_centerline(
    mask: np.ndarray,
    affine: np.ndarray,
    *,
    method: str = "spline",
    smooth_mm: float = SMOOTH_MM,
    degree: int = 5,
) -> Centerline:
    """Fit a line through the centres of mass of a mask's slices.

    Where a slice holds several pieces, the one that continues the line of the others is used;
    slices whose only piece lies far off the line are left out. Slices that lie more than about
    1.5 mm off the fitted line lose their influence on it.

    Parameters
    ----------
    mask : (i, j, k) array
        Binary or soft (see :func:`sctflow.core.mask.mask_weights`), in any orientation.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    method : {"spline", "polynomial", "linear"}
        ``spline``: natural smoothing spline of arc length. ``polynomial``: of arc length, too.
        ``linear``: centres of mass joined by straight lines, not smoothed.
    smooth_mm : float
        Stiffness of the spline: undulations of wavelength :math:`2\\pi` times this are halved,
        those twice as long lose 6 %, whatever the slice spacing. 0 passes through every centre.
    degree : int
        Of the polynomial; lowered so that two slices support each coefficient.

    Returns
    -------
    Centerline
        From the lowest to the highest slice with mask. A mask of one slice gets the slice normal
        as its tangent.

    Raises
    ------
    SegmentationError
        If the mask is empty.
    ValueError
        If `method` is unknown, `smooth_mm` negative or `degree` under 1.
    """
    if method not in METHODS:
        raise ValueError(f"Centreline method {method!r} is not one of {', '.join(METHODS)}.")
    if smooth_mm < 0 or degree < 1:
        raise ValueError("smooth_mm must not be negative, and degree must be at least 1.")
    weights, affine_ras = canonicalize(np.asarray(mask), affine)
    grid = SliceGrid.from_affine(affine_ras)
    occupied, used, centers = _centers_of_slices(weights, grid)

    slices = np.arange(occupied[0], occupied[-1] + 1)
    height = slices * grid.spacing
    if len(used) == 1:
        position = np.repeat(centers[:, :2], len(slices), axis=0)
        direction = np.tile([0.0, 0.0, 1.0], (len(slices), 1))
    else:
        fit = {"spline": _Spline(smooth_mm), "polynomial": _Polynomial(degree), "linear": None}
        position, direction = _fit(
            used * grid.spacing, centers[:, :2], height, fit[method], grid.spacing
        )
    points = np.column_stack([position, height])
    return Centerline(
        points=grid.from_frame(points),
        tangents=direction @ grid.axes.T,
        arc_length=_arc_length(points, direction),
        slices=slices,
        measured=np.isin(slices, used),
    )


def centerline_mask(
    centerline: Centerline, shape: tuple[int, int, int], affine: np.ndarray
) -> np.ndarray:
    """Draw a centreline: one voxel in each slice that it crosses.

    Parameters
    ----------
    centerline : Centerline
        Of this or of another image in the same world space.
    shape : tuple of 3 int
        Size of the image.
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image.

    Returns
    -------
    (i, j, k) array of uint8
        1 on the line. Slices in which the line has left the field of view stay empty.
    """
    drawn, affine_ras = canonicalize(np.zeros(shape, dtype=np.uint8), affine)
    world_to_voxel = np.linalg.inv(affine_ras)
    path = centerline.points @ world_to_voxel[:3, :3].T + world_to_voxel[:3, 3]
    path = path[np.argsort(path[:, 2], kind="stable")]
    # The tolerance keeps the end slices of the line's own grid.
    lowest, highest = np.ceil(path[0, 2] - 1e-3), np.floor(path[-1, 2] + 1e-3)
    k = np.arange(lowest, highest + 1)
    i, j = (np.interp(k, path[:, 2], path[:, axis]) for axis in (0, 1))
    voxels = np.rint(np.column_stack([i, j, k])).astype(int)
    voxels = voxels[np.all((voxels >= 0) & (voxels < drawn.shape), axis=1)]
    drawn[tuple(voxels.T)] = 1
    return np.ascontiguousarray(from_canonical(drawn, affine))


def _centers_of_slices(
    mask: np.ndarray, grid: SliceGrid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the centre of mass of the cord in each slice.

    Parameters
    ----------
    mask : (R, A, S) array
        Canonical.
    grid : SliceGrid
        Its geometry.

    Returns
    -------
    occupied : (n,) array of int
        Slices with mask.
    used : (m,) array of int
        Slices whose mask belongs to the line.
    centers : (m, 3) array
        Their centres, in mm along the grid's axes.
    """
    box = bounding_box(mask)
    weights = mask_weights(mask[box]) if box else np.zeros((1, 1, 1))
    top = weights.max()
    if top == 0:
        raise SegmentationError("The mask is empty: there is no cord to draw a line through.")
    # Half of the maximum outlines a soft mask; the rim around it counts for the centre of mass.
    core = weights >= 0.5 * top
    in_slice = np.zeros((3, 3, 3), dtype=bool)
    in_slice[:, :, 1] = True
    pieces, count = ndimage.label(core, structure=in_slice)
    pieces = np.where(core, pieces, ndimage.grey_dilation(pieces, size=(3, 3, 1)))

    voxels = np.nonzero(pieces)
    weight, piece = weights[voxels], pieces[voxels] - 1
    mass = np.bincount(piece, weight, count)
    index = np.stack([np.bincount(piece, weight * v, count) / mass for v in voxels], axis=1)
    index += [s.start for s in box]
    where = np.rint(index[:, 2]).astype(int)
    order = np.argsort(where, kind="stable")
    where, mass = where[order], mass[order]
    centers = grid.to_frame(grid.to_world(index[order]))
    chosen = _choose_pieces(where, centers, mass)
    return np.unique(where), where[chosen], centers[chosen]


def _choose_pieces(slices: np.ndarray, centers: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Choose at most one piece per slice so that they continue each other.

    The cheapest chain upwards through the pieces: a piece costs its lack of mass (0 to 1), a
    step costs the square of its sideways length over what a cord may do in that height (2 mm,
    and 45 degrees), and leaving out an occupied slice costs 1.

    Parameters
    ----------
    slices : (n,) array of int
        In ascending order.
    centers : (n, 3) array
        Mm along the grid's axes.
    mass : (n,) array
        Sum of weights.

    Returns
    -------
    array of int
        Indices of the pieces chosen, in ascending order of slice.
    """
    rank = np.unique(slices, return_inverse=True)[1]
    largest = np.zeros(rank[-1] + 1)
    np.maximum.at(largest, rank, mass)
    if len(largest) == len(slices) == 1:
        return np.array([0])
    lack = 1 - np.minimum(mass / np.median(largest), 1)
    cost, previous = lack + rank, np.full(len(slices), -1)
    first_of = np.searchsorted(rank, np.arange(len(largest)))
    for here in range(1, len(slices)):
        below = slice(0, first_of[rank[here]])
        if below.stop == 0:
            continue
        step = centers[here] - centers[below]
        allowed = 2.0 + step[:, 2]
        chain = (
            cost[below]
            + (step[:, 0] ** 2 + step[:, 1] ** 2) / allowed**2
            + (rank[here] - rank[below] - 1)
        )
        best = int(np.argmin(chain))
        if chain[best] + lack[here] < cost[here]:
            cost[here], previous[here] = chain[best] + lack[here], best
    last = int(np.argmin(cost + (rank[-1] - rank)))
    chosen = []
    while last >= 0:
        chosen.append(last)
        last = int(previous[last])
    return np.array(chosen[::-1])


class _Spline:
    """Natural smoothing spline; calling it gives the curve as a function of arc length."""

    def __init__(self, smooth_mm: float) -> None:
        self.smooth_mm = smooth_mm

    def __call__(self, s: np.ndarray, values: np.ndarray, weights: np.ndarray) -> CubicSpline:
        smooth = smoothing_spline(s, values, weights, self.smooth_mm**4)
        return CubicSpline(s, smooth, bc_type="natural")


class _Polynomial:
    """Least-squares polynomials; calling it gives the curve as a function of arc length."""

    def __init__(self, degree: int) -> None:
        self.degree = degree

    def __call__(self, s: np.ndarray, values: np.ndarray, weights: np.ndarray):
        degree = min(self.degree, max(1, len(s) // 2 - 1))
        fits = [
            np.polynomial.Legendre.fit(s, column, degree, w=np.sqrt(weights))
            for column in values.T
        ]

        def evaluate(at: np.ndarray, nu: int = 0) -> np.ndarray:
            return np.stack([(f.deriv(nu) if nu else f)(at) for f in fits], axis=-1)

        return evaluate


def smoothing_spline(
    x: np.ndarray, values: np.ndarray, weights: np.ndarray, penalty: float
) -> np.ndarray:
    """Values at the knots of the natural cubic smoothing spline (Reinsch 1967).

    The minimiser g of ``sum(weights * (values - g(x))**2) + penalty * integral(g''**2)``.

    Parameters
    ----------
    x : (n,) array
        Knots, ascending.
    values : (n, d) array
        What to smooth.
    weights : (n,) array
        Positive.
    penalty : float
        Not negative.

    Returns
    -------
    (n, d) array
    """
    if len(x) < 3 or penalty == 0:
        return values.copy()
    h, v = np.diff(x), 1 / weights
    before, after = 1 / h[:-1], 1 / h[1:]
    middle = -before - after
    second = before[:, None] * values[:-2] + middle[:, None] * values[1:-1]
    second += after[:, None] * values[2:]
    bands = np.zeros((3, len(x) - 2))
    bands[2] = (h[:-1] + h[1:]) / 3 + penalty * (
        before**2 * v[:-2] + middle**2 * v[1:-1] + after**2 * v[2:]
    )
    bands[1, 1:] = h[1:-1] / 6 + penalty * (
        middle[:-1] * before[1:] * v[1:-2] + after[:-1] * middle[1:] * v[2:-1]
    )
    bands[0, 2:] = penalty * after[:-2] * before[2:] * v[2:-2]
    curvature = solveh_banded(bands, second)
    correction = np.zeros_like(values)
    correction[:-2] += before[:, None] * curvature
    correction[1:-1] += middle[:, None] * curvature
    correction[2:] += after[:, None] * curvature
    return values - penalty * v[:, None] * correction


def _fit(
    z: np.ndarray, centers: np.ndarray, height: np.ndarray, fit, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the line and evaluate it at each slice.

    Parameters
    ----------
    z, centers : (m,) and (m, 2) arrays
        Height and in-plane position of the slices used, mm.
    height : (n,) array
        Of the slices to evaluate at, mm.
    fit : callable or None
        Takes arc lengths, positions and weights to a curve; None joins the centres.
    spacing : float
        Of the slices, mm. Each centre stands for that length of cord.

    Returns
    -------
    position : (n, 2) array
    direction : (n, 3) array of unit vectors
    """
    inside = (height >= z[0] - 1e-6) & (height <= z[-1] + 1e-6)
    within = height[inside]
    if fit is None:
        position = np.column_stack([np.interp(within, z, column) for column in centers.T])
        slope = np.gradient(position, within, axis=0)
        direction = np.column_stack([slope, np.ones(len(within))])
    else:
        weights = np.full(len(z), spacing)
        s = z - z[0]
        # Arc length and the influence of outliers depend on the curve: a few rounds settle both.
        for _ in range(4):
            curve = fit(s, centers, weights)
            smooth = curve(s)
            weights = spacing * _influence(centers - smooth)
            step = np.column_stack([np.diff(smooth, axis=0), np.diff(z)])
            s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(step, axis=1))])
        curve = fit(s, centers, weights)
        at = np.interp(within, z, s)
        position, slope = curve(at), curve(at, 1)
        steep = np.minimum((slope**2).sum(axis=1), 0.96)
        direction = np.column_stack([slope, np.sqrt(1 - steep)])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return _extend(within, position, direction, height)


def _influence(residual: np.ndarray) -> np.ndarray:
    """Weigh slices by Tukey's biweight of their distance (m, 2) from the line, in mm."""
    distance = np.linalg.norm(residual, axis=1)
    scale = max(1.4826 * float(np.median(distance)), 0.25)
    inside = np.maximum(1 - (distance / (6 * scale)) ** 2, 0.0)
    return np.maximum(inside**2, 1e-3)


def _extend(
    within: np.ndarray, position: np.ndarray, direction: np.ndarray, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Continue the line straight to heights beyond it, along its mean direction near the end."""
    full_position = np.empty((len(height), 2))
    full_direction = np.empty((len(height), 3))
    known = (height >= within[0] - 1e-6) & (height <= within[-1] + 1e-6)
    full_position[known], full_direction[known] = position, direction
    for end, beyond in ((0, height < within[0] - 1e-6), (-1, height > within[-1] + 1e-6)):
        if not beyond.any():
            continue
        near = np.abs(within - within[end]) <= END_MM + 1e-6
        mean = direction[near].mean(axis=0)
        mean /= np.linalg.norm(mean)
        rise = (height[beyond] - within[end])[:, None]
        full_position[beyond] = position[end] + rise * mean[:2] / mean[2]
        full_direction[beyond] = mean
    return full_position, full_direction


def _arc_length(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Add up the steps (n, 3), each taken as the circular arc between its two directions."""
    if len(points) == 1:
        return np.zeros(1)
    chord = np.linalg.norm(np.diff(points, axis=0), axis=1)
    cosine = np.clip((direction[:-1] * direction[1:]).sum(axis=1), -1, 1)
    half = np.arccos(cosine) / 2
    return np.concatenate([[0.0], np.cumsum(chord / np.sinc(half / np.pi))])
