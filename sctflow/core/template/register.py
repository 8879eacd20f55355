"""Bring a cord to a template: frame, levels, shape, and what is to be said about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.cord_checks import check_frame, check_mask
from sctflow.core.cord_frame import CordFrame, frame_from_discs, make_frame, with_levels
from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.labels import LabelError, read_points
from sctflow.core.template.checks import check_shapes
from sctflow.core.template.cord_map import CordMap, map_cords
from sctflow.core.template.shape import measure_shape
from sctflow.core.template.space import TemplateSpace, places_along

Labels = Literal["discs", "spinal", "rootlets"]
"""What a label image marks: intervertebral discs (and 50, 60); the middles of spinal levels; the
rootlets of spinal levels."""

Reference = Literal["template", "subject"]
"""`template`: the cord is straightened, sections are perpendicular to it. `subject`: sections
are the image's own slices, and nothing is moved from one slice to another."""


@dataclass(frozen=True)
class Registration:
    """A cord brought to a template.

    Attributes
    ----------
    cord_map : CordMap
        From the subject to the template; `cord_map.inverse()` is the other way.
    warnings : list of str
    """

    cord_map: CordMap
    warnings: list[str]

    @property
    def frame(self) -> CordFrame:
        """The subject's frame, with levels."""
        return self.cord_map.subject


def register_cord(
    mask: np.ndarray,
    affine: np.ndarray,
    centerline: Centerline,
    labels: np.ndarray,
    labels_affine: np.ndarray,
    space: TemplateSpace,
    *,
    name: str,
    kind: Labels = "discs",
    elsewhere: bool = False,
    reference: Reference = "template",
) -> Registration:
    """Register a cord with a template.

    Parameters
    ----------
    mask : (i, j, k) array
        Cord, binary or soft.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    centerline : Centerline
        Of the cord.
    labels : (i, j, k) array
        Label image, of this image or of another one in the same world space.
    labels_affine : (4, 4) array
        Its voxel to world.
    space : TemplateSpace
    name : str
        What messages call the labels.
    kind : {"discs", "spinal", "rootlets"}
        See :data:`Labels`.
    elsewhere : bool
        Whether the labels were placed on another image, which may show more of the spine.
    reference : {"template", "subject"}
        See :data:`Reference`.

    Raises
    ------
    LabelError
        Labels that cannot be right, or none that the template has too.
    """
    frame, warnings = label_frame(
        mask,
        affine,
        centerline,
        labels,
        labels_affine,
        space,
        name=name,
        kind=kind,
        elsewhere=elsewhere,
        reference=reference,
    )
    shape = measure_shape(frame, mask, affine)
    cord_map = map_cords(frame, shape, space.frame, space.shape)
    noticed = [
        *check_mask(frame, mask, affine, name="Mask of the cord"),
        *check_shapes(cord_map, name="Mask of the cord"),
    ]
    return Registration(cord_map, [*warnings, *noticed])


def label_frame(
    mask: np.ndarray,
    affine: np.ndarray,
    centerline: Centerline,
    labels: np.ndarray,
    labels_affine: np.ndarray,
    space: TemplateSpace,
    *,
    name: str,
    kind: Labels = "discs",
    elsewhere: bool = False,
    reference: Reference = "template",
) -> tuple[CordFrame, list[str]]:
    """Build the frame of a cord with the levels that a template gives to its labels.

    Parameters and errors are those of :func:`register_cord`.

    Returns
    -------
    CordFrame
    warnings : list of str
    """
    axes = _slice_axes(mask, affine) if reference == "subject" else None
    if kind == "discs":
        points, noticed = read_points(labels, labels_affine, name=name)
        frame, warnings = frame_from_discs(
            centerline,
            points,
            name=name,
            elsewhere=elsewhere,
            conus_level=space.conus_level,
            slice_axes=axes,
        )
    else:
        frame = make_frame(centerline, slice_axes=axes)
        frame = _with_landmarks(frame, labels, labels_affine, space, kind=kind, name=name)
        noticed, warnings = [], check_frame(frame, name=name)
    # Spinal levels are the template's, so that they are where its other images have them.
    frame = replace(frame, levels=replace(frame.levels, spinal=space.frame.levels.spinal))
    return frame, [*noticed, *warnings]


def _slice_axes(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    _, affine_ras = canonicalize(mask, affine)
    return SliceGrid.from_affine(affine_ras).axes.T


def _with_landmarks(
    frame: CordFrame,
    labels: np.ndarray,
    affine: np.ndarray,
    space: TemplateSpace,
    *,
    kind: str,
    name: str,
) -> CordFrame:
    there = space.landmarks.get(kind)
    if not there:
        raise LabelError(f"{name}: the template has no {kind} to compare these labels with.")
    places = places_along(frame, np.asarray(labels), affine)
    known = {there[value]: s for value, s in places.items() if value in there}
    if not known:
        raise LabelError(
            f"{name}: none of its values ({', '.join(map(str, places)) or 'none'}) is one of the "
            f"template's {kind} ({', '.join(map(str, there))})."
        )
    try:
        return with_levels(frame, known)
    except LabelError as error:
        raise LabelError(f"{name}: {error} Check the values and places of the labels.") from error
