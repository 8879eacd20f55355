"""Morphometry of the cord (or canal), slice by slice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.centerline import Centerline, fit_centerline
from sctflow.core.cross_section import Frame, ellipse, extents, moments, solidity
from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.mask import bounding_box, core_of, mask_weights
from sctflow.core.symmetry import symmetry
from sctflow.errors import SegmentationError

if TYPE_CHECKING:
    import pandas as pd

_MIRRORED = {"RL": "the right half and the left one mirrored", "AP": "the front and the back one"}

COLUMNS: dict[str, dict[str, str]] = {
    "slice": {"Description": "Index from the bottom of the image in closest RAS orientation"},
    "x": {"Description": "Centre of mass, world coordinate to the right", "Units": "mm"},
    "y": {"Description": "Centre of mass, world coordinate to the front", "Units": "mm"},
    "z": {"Description": "Centre of mass, world coordinate upwards", "Units": "mm"},
    "area": {
        "Description": "Area perpendicular to the centreline: sum of mask weights x pixel area x "
        "cos(angle_AP) x cos(angle_RL)",
        "Units": "mm^2",
    },
    "diameter_AP": {
        "Description": "Mean front-to-back extent over the central 3 mm of the width, after "
        "turning the slice by its orientation",
        "Units": "mm",
    },
    "diameter_RL": {
        "Description": "Right-left axis of the ellipse with the same second moments",
        "Units": "mm",
    },
    "diameter_AP_ellipse": {
        "Description": "Front-back axis of the ellipse with the same second moments",
        "Units": "mm",
    },
    "length_anterior": {
        "Description": "Part of diameter_AP in front of the centre of mass",
        "Units": "mm",
    },
    "length_posterior": {
        "Description": "Part of diameter_AP behind the centre of mass",
        "Units": "mm",
    },
    "eccentricity": {
        "Description": "Square root of 1 - (short axis / long axis)^2 of the ellipse; 0 is round",
        "Units": "arbitrary",
    },
    "orientation": {
        "Description": "Angle of the ellipse's long axis against right-left, in (-90, 90], "
        "positive when its left end is the more anterior",
        "Units": "degree",
    },
    "solidity": {"Description": "Area / area of the convex hull", "Units": "arbitrary"},
    "length": {
        "Description": "Length of cord in the slice: slice spacing / (cos(angle_AP) x "
        "cos(angle_RL))",
        "Units": "mm",
    },
    "angle_AP": {
        "Description": "Tilt of the centreline against the slice normal about the front-back "
        "axis, positive when it leans to the left going up",
        "Units": "degree",
    },
    "angle_RL": {
        "Description": "Tilt of the centreline against the slice normal about the right-left "
        "axis, positive when it leans forwards going up",
        "Units": "degree",
    },
    **{
        f"symmetry_{what}_{name}": {"Description": f"{text} of {halves}", "Units": units}
        for what, text, units in (
            ("dice", "Dice coefficient", "arbitrary"),
            ("difference", "Area of the symmetric difference", "mm^2"),
            ("hausdorff", "Hausdorff distance", "mm"),
        )
        for name, halves in _MIRRORED.items()
    },
    **{
        f"area_quadrant_{ap}_{rl}": {
            "Description": f"Area of the {ap} {rl} quadrant about the centre of mass",
            "Units": "mm^2",
        }
        for ap in ("anterior", "posterior")
        for rl in ("left", "right")
    },
}
"""Description and units of each column of :func:`measure_slices`, for a BIDS sidecar."""


def measure_slices(
    mask: np.ndarray,
    affine: np.ndarray,
    *,
    centerline: Centerline | None = None,
    angle_correction: bool = True,
) -> pd.DataFrame:
    """Measure every slice of a cord or canal mask.

    The mask is measured as it is given: every piece in a slice counts. A slice in which no
    weight reaches half of the mask's largest has no cord. The tilt is the angle
    between the centreline and the normal of the *image's* slices, about the image's own front-back
    and right-left axes; for an image that is not oblique these are the world's. In-plane lengths
    are multiplied by the cosine of the tilt in their direction before anything is measured.

    Parameters
    ----------
    mask : (i, j, k) array
        Binary or soft (see :func:`sctflow.core.mask.mask_weights`), in any orientation.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    centerline : Centerline, optional
        Gives the tilt; made from the mask with default settings if left out. May be that of
        another structure (the cord's for the canal).
    angle_correction : bool
        If False, slices are measured in the plane of the image; the angles are still reported.

    Returns
    -------
    DataFrame
        One row per slice from the lowest with mask to the highest, with the columns of
        :data:`COLUMNS`. Slices without mask in between have missing values.

    Raises
    ------
    SegmentationError
        If the mask is empty or its values are not weights.
    """
    import pandas as pd

    data, affine_ras = canonicalize(np.asarray(mask), affine)
    grid = SliceGrid.from_affine(affine_ras)
    box = bounding_box(data)
    weights = mask_weights(data[box]) if box else np.zeros((1, 1, 1))
    slices = np.flatnonzero(core_of(weights).any(axis=(0, 1)))
    if not len(slices):
        raise SegmentationError("The mask is empty: there is no cord to measure.")
    windows, corners = _windows(weights, slices)
    corners += [box[0].start, box[1].start]
    slices += box[2].start
    if centerline is None:
        centerline = fit_centerline(data, affine_ras)

    angles = _angles(centerline, grid, slices)
    metrics = _measure(windows, grid, angles, angle_correction)
    index = np.column_stack([metrics.pop("center") + corners, slices])
    metrics |= dict(zip("xyz", grid.to_world(index).T, strict=True))
    metrics |= {"angle_AP": np.degrees(angles[0]), "angle_RL": np.degrees(angles[1])}

    rows = np.arange(slices[0], slices[-1] + 1)
    columns = {name: np.full(len(rows), np.nan) for name in COLUMNS}
    for name, values in metrics.items():
        columns[name][slices - slices[0]] = values
    return pd.DataFrame(columns | {"slice": rows})


def _windows(weights: np.ndarray, slices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut windows of one size around what is in each slice, with an empty rim of one pixel.

    A cord that runs obliquely through a large box would otherwise be measured amid much nothing.

    Parameters
    ----------
    weights : (X, Y, Z) array
        Mask.
    slices : (S,) array of int
        Slices of it that are not empty.

    Returns
    -------
    windows : (S, x, y) array
    corners : (S, 2) array of int
        Index in `weights` of the first pixel of each window.
    """
    stack = np.moveaxis(weights, 2, 0)[slices]
    starts, sizes = [], []
    for axis in (2, 1):
        profile = stack.any(axis=axis)
        start = profile.argmax(axis=1)
        stop = profile.shape[1] - profile[:, ::-1].argmax(axis=1)
        starts.append(start - 1)
        sizes.append(int((stop - start).max()) + 2)
    padded = np.pad(stack, ((0, 0), (1, sizes[0]), (1, sizes[1])))
    i, j = (
        1 + start[:, None] + np.arange(size) for start, size in zip(starts, sizes, strict=True)
    )
    windows = padded[np.arange(len(slices))[:, None, None], i[:, :, None], j[:, None, :]]
    return windows, np.stack(starts, axis=1)


def _angles(
    centerline: Centerline, grid: SliceGrid, slices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the tilt of a centreline about the grid's front-back and right-left axes, radians.

    Slices beyond the ends of the line get the tilt of its ends.
    """
    height = grid.to_frame(centerline.points)[:, 2]
    order = np.argsort(height, kind="stable")
    tangents = (centerline.tangents @ grid.axes)[order]
    right, anterior, up = (
        np.interp(slices * grid.spacing, height[order], column) for column in tangents.T
    )
    return np.arctan2(-right, up), np.arctan2(anterior, up)


def _measure(
    weights: np.ndarray,
    grid: SliceGrid,
    angles: tuple[np.ndarray, np.ndarray],
    angle_correction: bool,
) -> dict[str, np.ndarray]:
    """Measure a stack (S, X, Y) without empty slices; ``center`` (S, 2) is an index."""
    cosines = np.cos(np.stack(angles, axis=1)) if angle_correction else np.ones((len(weights), 2))
    straight = cosines[:, :, None] * grid.pixel
    measured = moments(weights)
    shape = ellipse(straight @ measured.covariance @ np.swapaxes(straight, 1, 2))
    frame = Frame.turned(straight, measured.center, shape.turn)
    extent = extents(weights, frame, shape.diameter_rl)
    outline = weights >= 0.5 * weights.max(axis=(1, 2), keepdims=True)
    return {
        "center": measured.center,
        "area": measured.mass * frame.pixel_area,
        "diameter_AP": extent.anterior + extent.posterior,
        "diameter_RL": shape.diameter_rl,
        "diameter_AP_ellipse": shape.diameter_ap,
        "length_anterior": extent.anterior,
        "length_posterior": extent.posterior,
        "eccentricity": shape.eccentricity,
        "orientation": shape.orientation,
        "solidity": solidity(outline),
        "length": grid.spacing / cosines.prod(axis=1),
        **{f"symmetry_{key}": value for key, value in symmetry(weights, frame).items()},
        **{f"area_quadrant_{key}": value for key, value in extent.quadrants.items()},
    }


def summarize(
    frame: pd.DataFrame,
    *,
    by: str | list[str] | None = None,
    slices: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Average metrics over slices.

    Parameters
    ----------
    frame : DataFrame
        From :func:`measure_slices`, possibly with more columns (a vertebral level, say).
    by : str or list of str, optional
        Columns whose values make the groups; rows without a value are left out. One group if
        not given.
    slices : iterable of int, optional
        Only these slices.

    Returns
    -------
    DataFrame
        One row per group: the columns of `by`, ``slice_first`` and ``slice_last``, ``n_slices``
        (slices with mask), and for each metric ``<metric>_mean`` and ``<metric>_sd`` (sample
        standard deviation, missing for one slice); ``length`` is the sum. Orientations are
        averaged as axes: 89 and -89 degrees make 90, not 0.

    Raises
    ------
    ValueError
        If a column of `by` is not there.
    """
    import pandas as pd

    by = [by] if isinstance(by, str) else list(by or [])
    missing = [column for column in by if column not in frame.columns]
    if missing:
        raise ValueError(f"There is no column {', '.join(missing)} to group the slices by.")
    if slices is not None:
        frame = frame[frame["slice"].isin(list(slices))]
    measured = frame[frame["area"].notna()]
    groups = measured.groupby(by, sort=True, dropna=True) if by else [((), measured)]
    rows = []
    for key, rows_of_group in groups:
        rows.append({**dict(zip(by, key, strict=True)), **_summary(rows_of_group)})
    columns = [*by, *_summary(measured.iloc[:0])]
    return pd.DataFrame(rows, columns=columns)


def _summary(group: pd.DataFrame) -> dict[str, float]:
    empty = group.empty
    summary = {
        "slice_first": None if empty else int(group["slice"].min()),
        "slice_last": None if empty else int(group["slice"].max()),
        "n_slices": len(group),
        "length": np.nan if empty else float(group["length"].sum()),
    }
    for metric in COLUMNS:
        if metric in ("slice", "x", "y", "z", "length") or metric not in group:
            continue
        values = group[metric].dropna().to_numpy(dtype=float)
        mean = np.nan
        if len(values):
            mean = _axial_mean(values) if metric == "orientation" else values.mean()
        deviation = values - mean
        if metric == "orientation":
            deviation = (deviation + 90) % 180 - 90
        sd = np.sqrt((deviation**2).sum() / (len(values) - 1)) if len(values) > 1 else np.nan
        summary |= {f"{metric}_mean": float(mean), f"{metric}_sd": float(sd)}
    return summary


def _axial_mean(degrees: np.ndarray) -> float:
    """Mean of directions without a head, in (-90, 90]."""
    doubled = np.radians(2 * degrees)
    mean = np.degrees(np.arctan2(np.sin(doubled).sum(), np.cos(doubled).sum())) / 2
    return 90.0 if mean <= -90 else float(mean)
