"""The shape of a cord, or of a template's, along its frame: what two cross-sections have to match.

Each cross-section is taken apart into a centre, a turn, the axes of the ellipse with its second
moments, and the outline that is left once centre, turn and axes are taken out. Tables of these,
a row every :data:`STATION_MM`, describe a cord in some kilobytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.cord_frame import CordFrame
from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.mask import bounding_box, core_of, mask_weights
from sctflow.errors import SegmentationError

STATION_MM = 0.5
"""Distance between the rows of the tables."""

HARMONICS = 8
"""Of the outline. More of them follow the corners of voxels, and roughen the map inside."""

ANGLES = 64
"""Columns of the table of outlines."""

SMOOTH_MM = 1.5
"""Standard deviation of the Gaussian along the cord that evens out voxels; thicker slices keep
their own measures."""

_PER_SPACING = 0.4  # of the slice spacing: joins slices without washing them together
_ROUND = 0.06  # anisotropy of the moments below which a section has no axes to turn by
_SUBDIVIDE = 3  # a pixel counts as 3 x 3 points for the outline: its angle is that of its corners
_LEAST_AXIS = 0.3  # mm, standard deviation: one thin voxel


@dataclass(frozen=True)
class CordShape:
    """Tables along a cord, in the frame it was measured in.

    Attributes
    ----------
    s : (n,) array
        Mm along the cord, every :data:`STATION_MM`, from the lowest slice to the highest. The
        ends' shapes go on beyond.
    center : (n, 2) array
        Centre of mass, mm to the right and to the front of the centreline.
    turn : (n,) array
        Degrees by which the section is turned, as in the orientation of a cross-section:
        positive when the left side is the more anterior; 0 where it is round.
    axes : (n, 2) array
        Standard deviations of the area along its right-left and its front-back axis, mm.
    outline : (n, ANGLES) array
        Radius of the section in each direction, counted from its right axis to the front, as a
        multiple of `axes`; 2 everywhere for an ellipse.
    area : (n,) array
        Mm².
    noise : float
        Root mean square of the distance, mm, between the outlines of the slices and the table.
    """

    s: np.ndarray
    center: np.ndarray
    turn: np.ndarray
    axes: np.ndarray
    outline: np.ndarray
    area: np.ndarray
    noise: float

    def rows(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower row (…) and the part (…) of the way to the next one at mm along the cord."""
        index = np.clip((np.asarray(s, float) - self.s[0]) / STATION_MM, 0, len(self.s) - 1)
        low = np.minimum(index.astype(np.intp), max(len(self.s) - 2, 0))
        return low, index - low

    def at(self, column: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Read a table (n, …) at mm along the cord (m,)."""
        low, part = self.rows(s)
        part = part.reshape(part.shape + (1,) * (column.ndim - 1))
        return column[low] * (1 - part) + column[np.minimum(low + 1, len(column) - 1)] * part


def measure_shape(frame: CordFrame, mask: np.ndarray, affine: np.ndarray) -> CordShape:
    """Measure the shape of a cord along its frame.

    Parameters
    ----------
    frame : CordFrame
        Of the mask.
    mask : (i, j, k) array
        Binary or soft, any orientation.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Raises
    ------
    SegmentationError
        If the mask is empty.
    """
    weights, points, slices, pixel = _voxels(mask, affine)
    spacing = float(np.median(np.diff(frame.slice_s))) if len(frame.slice_s) > 1 else 1.0
    width = max(SMOOTH_MM, _PER_SPACING * spacing)
    uv = frame.from_world(points)[:, :2]
    place, slices = frame.slice_s, slices - frame.slices[0]
    mass = np.bincount(slices, weights, minlength=len(place))
    seen = mass > 0
    kernel = _kernel(place[seen], place[seen], width)

    def per_slice(values: np.ndarray) -> np.ndarray:
        return np.bincount(slices, weights * values, minlength=len(place))[seen] / mass[seen]

    center = np.stack([per_slice(uv[:, 0]), per_slice(uv[:, 1])], axis=1)
    index = (np.cumsum(seen) - 1)[slices]
    away = uv - center[index]
    moments = np.stack(
        [per_slice(away[:, a] * away[:, b]) for a, b in ((0, 0), (1, 1), (0, 1))], axis=1
    )
    # The area across the cord: the slices' own, foreshortened by the tilt.
    tilt = np.abs(frame.axes(place[seen])[:, 2] @ pixel.normal)
    area = mass[seen] * pixel.area * tilt
    smooth = kernel @ np.column_stack([center, moments, area])
    turn, axes = _axes(smooth[:, 2:5])

    white, share = _whitened(
        points, weights, frame, pixel, (index, smooth[:, :2], turn, axes), kernel
    )
    own = _outlines(white, area / axes.prod(axis=1))
    outline = _outlines(share, smooth[:, 5] / axes.prod(axis=1))
    noise = float(np.sqrt(np.mean(((own - outline) * axes.mean(axis=1, keepdims=True)) ** 2)))

    s = np.arange(place[seen][0], place[seen][-1] + STATION_MM, STATION_MM)
    table = np.column_stack([smooth[:, :2], turn, axes, smooth[:, 5], outline])
    table = _between(place[seen], table, s)
    return CordShape(
        s=s,
        center=table[:, :2],
        turn=table[:, 2],
        axes=table[:, 3:5],
        outline=table[:, 6:],
        area=table[:, 5],
        noise=noise,
    )


@dataclass(frozen=True)
class _Pixel:
    area: float  # mm²
    normal: np.ndarray  # (3,) of the slices
    steps: np.ndarray  # (2, 3) world mm of a step along each side


def _voxels(
    mask: np.ndarray, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, _Pixel]:
    """Weights (n,), centres (n, 3) in the world and canonical slices (n,) of a mask's voxels."""
    data, affine_ras = canonicalize(np.asarray(mask), affine)
    grid = SliceGrid.from_affine(affine_ras)
    box = bounding_box(data)
    if box is None:
        raise SegmentationError("The mask is empty: there is no cord to register.")
    weights = mask_weights(data[box])
    weights[:, :, ~core_of(weights).any(axis=(0, 1))] = 0
    voxels = np.argwhere(weights > 0)
    weights = weights[tuple(voxels.T)]
    voxels += [side.start for side in box]
    pixel = _Pixel(
        abs(float(np.linalg.det(grid.pixel))), grid.axes[:, 2], affine_ras[:3, :2].T.copy()
    )
    return weights, grid.to_world(voxels), voxels[:, 2], pixel


def _kernel(to: np.ndarray, places: np.ndarray, width: float) -> np.ndarray:
    """Weights (m, n) of the mean over places (n,) about each of `to` (m,)."""
    kernel = np.exp(-0.5 * ((to[:, None] - places) / width) ** 2)
    return kernel / kernel.sum(axis=1, keepdims=True)


def _axes(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn (n,), degrees, and axes (n, 2) of second moments (n, 3): uu, vv, uv."""
    uu, vv, uv = moments.T
    along, across = uu - vv, 2 * uv
    size = np.hypot(along, across)
    anisotropy = size / np.maximum(uu + vv, 1e-9)
    # The axis that is nearer to right-left, as in cross_section.Ellipse.turn.
    angle = 0.5 * np.arctan2(np.sign(along + 1e-12) * across, np.abs(along))
    angle *= anisotropy**2 / (anisotropy**2 + _ROUND**2)
    cosine, sine = np.cos(angle), np.sin(angle)
    right = cosine**2 * uu + sine**2 * vv + 2 * cosine * sine * uv
    front = sine**2 * uu + cosine**2 * vv - 2 * cosine * sine * uv
    axes = np.sqrt(np.maximum(np.stack([right, front], axis=1), _LEAST_AXIS**2))
    return -np.degrees(angle), axes


def turned(uv: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Coordinates (n, 2) along axes that are turned by (n,) degrees; see `CordShape.turn`."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack(
        [cosine * uv[:, 0] - sine * uv[:, 1], sine * uv[:, 0] + cosine * uv[:, 1]], axis=1
    )


def _whitened(points, weights, frame, pixel, tables, kernel):
    """Angular harmonics (m, HARMONICS + 1) of each slice, and smoothed along the cord."""
    index, center, turn, axes = tables
    steps = (np.arange(_SUBDIVIDE) - (_SUBDIVIDE - 1) / 2) / _SUBDIVIDE
    sums = np.zeros((len(center), HARMONICS + 1), dtype=complex)
    for a in steps:
        for b in steps:
            uv = frame.from_world(points + a * pixel.steps[0] + b * pixel.steps[1])[:, :2]
            white = turned(uv - center[index], turn[index]) / axes[index]
            unit = np.conj(white[:, 0] + 1j * white[:, 1])
            unit /= np.maximum(np.abs(unit), 1e-9)
            power = np.ones_like(unit)
            for n in range(HARMONICS + 1):
                sums[:, n] += _complex_sums(index, weights * power, len(center))
                power = power * unit
    sums /= sums[:, :1].real
    return sums, kernel @ sums


def _complex_sums(index: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    real = np.bincount(index, values.real, minlength=n)
    return real + 1j * np.bincount(index, values.imag, minlength=n)


def _outlines(harmonics: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Radii (m, ANGLES) that enclose `area` (m,), shared out over angles by their harmonics.

    The area of a thin sector is half its squared radius times its angle.
    """
    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    waves = np.exp(1j * np.arange(1, HARMONICS + 1)[:, None] * angles)
    share = 1 + 2 * (harmonics[:, 1:] @ waves).real
    return np.sqrt(area[:, None] / np.pi * np.maximum(share, 0.05))


def _between(place: np.ndarray, table: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Read a table (m, c) at s (n,), linearly."""
    if len(place) == 1:
        return np.repeat(table, len(s), axis=0)
    high = np.clip(np.searchsorted(place, s), 1, len(place) - 1)
    part = np.clip((s - place[high - 1]) / (place[high] - place[high - 1]), 0, 1)[:, None]
    return table[high - 1] * (1 - part) + table[high] * part
