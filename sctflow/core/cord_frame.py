"""The cord's own frame: millimetres to the right, to the front and along, and levels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.ndimage import gaussian_filter1d

from sctflow.core.centerline import Centerline
from sctflow.core.cord_checks import check_discs, check_frame
from sctflow.core.cord_curve import STEP, CordCurve
from sctflow.core.cord_levels import CordLevels, fit_levels, spinal_boundaries
from sctflow.core.label_values import CONUS, JUNCTION, LAST_DISC
from sctflow.core.labels import LabelError, LabelPoints, points_at
from sctflow.core.mask import core_of, mask_weights
from sctflow.core.slice_curve import SliceCurve, cut_by_slices

BEYOND_MM = 40.0
"""Length over which the curve is drawn beyond the mask; it is straight from there on."""

_END_MM = 5.0  # the curve goes on along its mean direction over this length
_SMOOTH_MM = 2.0  # of the tangents, where the curve becomes straight


@dataclass(frozen=True)
class CordFrame:
    """Frame along a centreline; made by `make_frame` or `frame_from_discs`.

    Coordinates are u mm to the right, v mm to the front and s mm along the cord, upwards from the
    lowest slice of the mask. The front is the world's, made perpendicular to the cord, so that the
    frame does not twist, and then turned by `rotation`.

    Attributes
    ----------
    curve : CordCurve or SliceCurve
        The line and its axes before they are turned; it goes on beyond the mask. Sections are
        perpendicular to the first, and slices of the image for the second.
    rotation : (n,) array
        Degrees by which the frame is turned about the cord, at `curve.s`; positive when the
        left side comes to the front, as for the orientation of a cross-section.
    slices, slice_s : (m,) arrays
        Canonical slices of the mask, and where the line crosses them, mm along the cord.
    measured : (m,) array of bool
        False where the slice had no mask to go by.
    levels : CordLevels or None
        Vertebral and spinal levels; None without labels.
    junction, conus : float or None
        Place of the pontomedullary junction and of the cord's tip, mm along the cord, if known.
    """

    curve: CordCurve | SliceCurve
    rotation: np.ndarray
    slices: np.ndarray
    slice_s: np.ndarray
    measured: np.ndarray
    levels: CordLevels | None = None
    junction: float | None = None
    conus: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Lower and upper end of the mask's outermost slices, mm."""
        half = 0.5 * np.diff(self.slice_s) if len(self.slice_s) > 1 else np.zeros(1)
        return float(self.slice_s[0] - half[0]), float(self.slice_s[-1] + half[-1])

    def to_world(self, uvs: np.ndarray) -> np.ndarray:
        """World mm (…, 3) of points (…, 3) given in the frame."""
        uvs = np.array(uvs, dtype=float)
        cosine, sine = self._turn(uvs[..., 2])
        u, v = uvs[..., 0].copy(), uvs[..., 1].copy()
        uvs[..., 0] = cosine * u + sine * v
        uvs[..., 1] = cosine * v - sine * u
        return self.curve.to_world(uvs)

    def from_world(self, world: np.ndarray) -> np.ndarray:
        """Frame coordinates (…, 3) of world points (…, 3): the inverse of `to_world`."""
        uvs, _ = self.curve.from_world(world)
        uvs = np.array(uvs)
        cosine, sine = self._turn(uvs[..., 2])
        u, v = uvs[..., 0].copy(), uvs[..., 1].copy()
        uvs[..., 0] = cosine * u - sine * v
        uvs[..., 1] = cosine * v + sine * u
        return uvs

    def axes(self, s: np.ndarray) -> np.ndarray:
        """Right, anterior and up axis at s, (…, 3 axes, 3), orthonormal."""
        axes = self.curve.axes(s)
        cosine, sine = (part[..., None] for part in self._turn(np.asarray(s, dtype=float)))
        right, anterior, up = axes[..., 0, :], axes[..., 1, :], axes[..., 2, :]
        return np.stack(
            [cosine * right - sine * anterior, cosine * anterior + sine * right, up], axis=-2
        )

    def foot(self, world: np.ndarray) -> np.ndarray:
        """Nearest points (…, 3) on the centreline to world points (…, 3), mm."""
        return self.curve.at(self.curve.from_world(world)[0][..., 2])[0]

    def distance_from(self, world: np.ndarray) -> np.ndarray:
        """Measure along the cord from a point, such as the junction, down to every slice.

        Parameters
        ----------
        world : (3,) array
            RAS mm; measured from its foot on the centreline.

        Returns
        -------
        (m,) array
            Mm at each of `slices`; negative above the point.
        """
        return self.curve.from_world(np.asarray(world, dtype=float))[0][2] - self.slice_s

    def _turn(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angle = np.deg2rad(np.interp(s, self.curve.s, self.rotation))
        return np.cos(angle), np.sin(angle)


def make_frame(
    centerline: Centerline,
    *,
    rotation: np.ndarray | None = None,
    slice_axes: np.ndarray | None = None,
) -> CordFrame:
    """Build the frame of a centreline; it has no levels yet.

    Parameters
    ----------
    centerline : Centerline
        See :func:`sctflow.core.centerline.fit_centerline`.
    rotation : (m,) array, optional
        Degrees by which the cord is turned in each slice of the centreline, see `CordFrame`.
    slice_axes : (3, 3) array, optional
        Right, anterior and normal axis of the image's slices (rows): sections are cut along
        these; by default they are perpendicular to the cord.

    Raises
    ------
    LabelError
        If the slices do not cut the cord.
    """
    length = float(centerline.arc_length[-1])
    s = np.arange(0.0, length + STEP, STEP)
    points, tangents = _along(centerline, s)
    n = int(BEYOND_MM / STEP)
    near = max(1, round(_END_MM / STEP))
    first, last = tangents[:near].mean(axis=0), tangents[-near:].mean(axis=0)
    tangents = np.concatenate([np.tile(first, (n, 1)), tangents, np.tile(last, (n, 1))])
    tangents = gaussian_filter1d(tangents, _SMOOTH_MM / STEP, axis=0, mode="nearest")
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    steps = 0.5 * STEP * (tangents[1:] + tangents[:-1])
    below = points[0] - np.cumsum(steps[n - 1 :: -1], axis=0)[::-1]
    above = points[-1] + np.cumsum(steps[-n:], axis=0)
    curve = CordCurve(-n * STEP, np.concatenate([below, points, above]), tangents)
    if slice_axes is not None:
        try:
            curve = cut_by_slices(curve, slice_axes)
        except ValueError as error:
            raise LabelError(f"{error} Register with the template as reference.") from error
    angles = np.zeros(len(centerline)) if rotation is None else np.asarray(rotation, dtype=float)
    return CordFrame(
        curve=curve,
        rotation=np.interp(curve.s, centerline.arc_length, angles),
        slices=centerline.slices,
        slice_s=centerline.arc_length,
        measured=centerline.measured,
    )


def frame_from_discs(
    centerline: Centerline,
    discs: LabelPoints,
    *,
    name: str,
    elsewhere: bool = False,
    conus_level: float | None = None,
    rotation: np.ndarray | None = None,
    slice_axes: np.ndarray | None = None,
) -> tuple[CordFrame, list[str]]:
    """Build the frame of a centreline with levels from labelled discs.

    Parameters
    ----------
    centerline : Centerline
        Of the cord.
    discs : LabelPoints
        Discs; the junction (50) and the conus (60) are used too if they are there. Each stands
        for the place on the cord that is nearest to it.
    name : str
        What the messages call the labels, usually their file name.
    elsewhere : bool
        Whether the discs were labelled on another image, which may show more of the spine.
    conus_level : float, optional
        Continuous vertebral level to give to the conus, that of a template for instance; without
        it, the conus has no influence on vertebral levels.
    rotation, slice_axes : optional
        See :func:`make_frame`.

    Returns
    -------
    CordFrame
    warnings : list of str
        See :mod:`sctflow.core.cord_checks`.

    Raises
    ------
    LabelError
        Labels that cannot be right, or none that the levels can be told from.
    """
    frame = make_frame(centerline, rotation=rotation, slice_axes=slice_axes)
    uvs = frame.from_world(discs.world)
    used, warnings = check_discs(discs.values, uvs, frame.ends, name=name, elsewhere=elsewhere)
    places = dict(zip(discs.values[used].tolist(), uvs[used, 2].tolist(), strict=True))
    junction, conus = places.get(JUNCTION), places.get(CONUS)
    known = {float(value): s for value, s in places.items() if value <= LAST_DISC}
    if conus is not None and conus_level is not None:
        known[conus_level] = conus
    if not known:
        raise LabelError(
            f"{name}: no intervertebral disc is labelled, so that the vertebral levels are not "
            "known. Label one disc at least."
        )
    frame = with_levels(replace(frame, junction=junction, conus=conus), known)
    return frame, [*warnings, *check_frame(frame, name=name)]


def with_levels(
    frame: CordFrame, known: dict[float, float], *, spinal: np.ndarray | None = None
) -> CordFrame:
    """Add levels to a frame.

    Parameters
    ----------
    frame : CordFrame
    known : dict
        From continuous vertebral levels to mm along the cord.
    spinal : (31,) array, optional
        Vertebral levels of the boundaries of spinal levels; by default
        :func:`sctflow.core.cord_levels.spinal_boundaries` of the frame's conus, if it is known.

    Raises
    ------
    LabelError
        If the places do not follow each other as their levels do.
    """
    level, s = np.array(list(known), dtype=float), np.array(list(known.values()), dtype=float)
    try:
        levels = fit_levels(s, level, spinal=spinal)
    except ValueError as error:
        raise LabelError(f"The levels cannot be laid along the cord: {error}") from error
    if spinal is None and frame.conus is not None:
        spinal = spinal_boundaries(float(levels.vertebral(np.array(frame.conus))))
        levels = replace(levels, spinal=spinal)
    return replace(frame, levels=levels)


def project_points(frame: CordFrame, points: LabelPoints, affine: np.ndarray) -> LabelPoints:
    """Move points to the places on the centreline that are nearest to them.

    Parameters
    ----------
    frame : CordFrame
    points : LabelPoints
    affine : (4, 4) array
        Voxel to world (RAS mm) of the image that the points are for.
    """
    return points_at(points.values, frame.foot(points.world), affine)


def level_image(
    frame: CordFrame, mask: np.ndarray, affine: np.ndarray, *, kind: str = "vertebral"
) -> np.ndarray:
    """Label the voxels of a mask with their level.

    Parameters
    ----------
    frame : CordFrame
        With levels.
    mask : (i, j, k) array
        Binary or soft; voxels with half of its largest weight are labelled.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    kind : {"vertebral", "spinal"}
        Which level.

    Returns
    -------
    (i, j, k) array of uint8
        0 outside the mask, above C1 and below the sacrum (vertebral) or the conus (spinal).

    Raises
    ------
    LabelError
        If the frame has no levels.
    ValueError
        If `kind` is unknown.
    """
    if kind not in ("vertebral", "spinal"):
        raise ValueError(f"Level kind {kind!r} is not one of vertebral, spinal.")
    if frame.levels is None:
        raise LabelError("There is no label to tell the levels from. Label one disc at least.")
    voxels = np.argwhere(core_of(mask_weights(mask)))
    affine = np.asarray(affine, dtype=float)
    s = frame.from_world(voxels @ affine[:3, :3].T + affine[:3, 3])[:, 2]
    level = frame.levels.vertebral(s) if kind == "vertebral" else frame.levels.spinal_level(s)
    highest = 25 if kind == "vertebral" else 30
    number = np.floor(np.nan_to_num(level, nan=0.0))
    image = np.zeros(mask.shape, np.uint8)
    image[tuple(voxels.T)] = np.where((number >= 1) & (number <= highest), number, 0)
    return image


def _along(centerline: Centerline, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and unit tangents (n, 3) at s; the last may lie a step beyond the line."""
    if len(centerline) == 1:
        tangents = np.repeat(centerline.tangents, len(s), axis=0)
        return centerline.points + s[:, None] * tangents, tangents
    curve = CubicHermiteSpline(centerline.arc_length, centerline.points, centerline.tangents)
    tangents = curve(s, 1)
    return curve(s), tangents / np.linalg.norm(tangents, axis=1, keepdims=True)
