"""Vertebral and spinal levels of a cord whose discs are labelled: images, and means by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.centerline import Centerline
from sctflow.core.cord_checks import check_mask
from sctflow.core.cord_frame import CordFrame, frame_from_discs, level_image
from sctflow.core.label_values import VERTEBRAE
from sctflow.core.labels import LabelPoints
from sctflow.core.morphometry import summarize

if TYPE_CHECKING:
    import pandas as pd

SPINAL_LEVELS = tuple(
    f"{letter}{number}"
    for letter, count in (("C", 8), ("T", 12), ("L", 5), ("S", 5))
    for number in range(1, count + 1)
)
"""Names of spinal levels 1 to 30."""

FAR_MM = 40.0
"""Two vertebrae of the neck: beyond labels, levels may be wrong by some mm there."""


@dataclass(frozen=True)
class SliceLevels:
    """Levels of one cord.

    Attributes
    ----------
    vertebrae, spinal : (i, j, k) arrays of uint8
        Level of each voxel of the mask, see :func:`sctflow.core.cord_frame.level_image`.
    per_level : DataFrame
        Means of the slices of each vertebral level, see :func:`measure_levels`.
    warnings : list of str
    """

    vertebrae: np.ndarray
    spinal: np.ndarray
    per_level: pd.DataFrame
    warnings: list[str]


def assign_levels(
    mask: np.ndarray,
    affine: np.ndarray,
    centerline: Centerline,
    discs: LabelPoints,
    morphometry: pd.DataFrame,
    *,
    name: str,
    elsewhere: bool = False,
) -> SliceLevels:
    """Give voxels and slices of a cord their levels.

    Parameters
    ----------
    mask : (i, j, k) array
        Cord, binary or soft.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    centerline : Centerline
        Of the cord.
    discs : LabelPoints
        Labelled discs in the same world space; of this image or of another one.
    morphometry : DataFrame
        From :func:`sctflow.core.morphometry.measure_slices`.
    name : str
        What the warnings call the labels.
    elsewhere : bool
        Whether the discs were labelled on another image, which may show more of the spine.

    Raises
    ------
    LabelError
        Labels that cannot be right, or none that levels can be told from.
    """
    frame, warnings = frame_from_discs(centerline, discs, name=name, elsewhere=elsewhere)
    return levels_of_frame(frame, mask, affine, morphometry, name=name, noticed=warnings)


def levels_of_frame(
    frame: CordFrame,
    mask: np.ndarray,
    affine: np.ndarray,
    morphometry: pd.DataFrame,
    *,
    name: str,
    noticed: Sequence[str] = (),
) -> SliceLevels:
    """Give voxels and slices of a cord the levels of its frame.

    Parameters
    ----------
    frame : CordFrame
        Of the mask, with levels.
    mask, affine, morphometry, name
        See :func:`assign_levels`.
    noticed : sequence of str
        Warnings about the frame; others are added to them.
    """
    warnings = [*noticed, *check_mask(frame, mask, affine, name="Mask of the cord")]
    level = frame.levels.vertebral(frame.slice_s)
    with_level = frame.slice_s[(level >= 1) & (level < len(VERTEBRAE) + 1)]
    beyond = float(frame.levels.beyond_labels(with_level).max(initial=0.0))
    if beyond > FAR_MM:
        warnings.append(
            f"{name}: the cord goes on for up to {beyond:.0f} mm beyond the labelled discs; "
            "levels there follow from usual heights of vertebrae. Label more discs to be sure of "
            "them"
        )
    return SliceLevels(
        vertebrae=level_image(frame, mask, affine),
        spinal=level_image(frame, mask, affine, kind="spinal"),
        per_level=measure_levels(frame, morphometry),
        warnings=warnings,
    )


def measure_levels(frame: CordFrame, morphometry: pd.DataFrame) -> pd.DataFrame:
    """Average the metrics of slices over vertebral levels.

    A slice belongs to the level in which the centreline crosses its middle plane. Levels of which
    the image shows only a part are averaged over that part.

    Parameters
    ----------
    frame : CordFrame
        With levels.
    morphometry : DataFrame
        One row per slice.

    Returns
    -------
    DataFrame
        `level` (1 is C1), `level_name`, `beyond_labels` (mm from the farthest slice of the level
        to the labelled stretch of cord, 0 inside of it), and the columns of
        :func:`sctflow.core.morphometry.summarize`; from the head down.
    """
    level = frame.levels.vertebral(frame.slice_s)
    inside = (level >= 1) & (level < len(VERTEBRAE) + 1)
    number = dict(zip(frame.slices[inside], np.floor(level[inside]).astype(int), strict=True))
    rows = morphometry.assign(level=morphometry["slice"].map(number))
    rows = rows[rows["level"].notna()].astype({"level": int})
    table = summarize(rows, by="level")
    table.insert(1, "level_name", [VERTEBRAE[value - 1] for value in table["level"]])
    beyond = dict(zip(frame.slices, frame.levels.beyond_labels(frame.slice_s), strict=True))
    farthest = rows["slice"].map(beyond).groupby(rows["level"]).max()
    table.insert(2, "beyond_labels", table["level"].map(farthest))
    return table
