"""Whether a cord's course and its labelled discs can be true."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sctflow.core.cord_curve import STEP
from sctflow.core.grid import SliceGrid, canonicalize
from sctflow.core.label_values import CONUS, GROOVE, JUNCTION, LAST_DISC, disc_name
from sctflow.core.labels import LabelError
from sctflow.core.mask import bounding_box, core_of, mask_weights
from sctflow.core.phantom.levels import make_levels
from sctflow.core.pieces import centers_of_slices

if TYPE_CHECKING:
    from sctflow.core.cord_frame import CordFrame

FAR_MM = 40.0
"""No disc's tip is farther from the middle of the cord."""

SIDE_MM = 10.0
"""Discs are labelled in the midline; one this far beside the cord is worth a warning."""

BESIDE_MM = 1.2
"""A mask with its middle this far beside the centreline lacks a part of the cord: a line as stiff
as a cord follows the middle of a whole one more closely."""

OUTSIDE_MM = 20.0
"""Labels this far beyond the ends of the mask do not tell where the cord's levels are."""

# What is usual of the distance between labels, given a person's size: mm by which two labels miss
# their discs, and the part by which people's proportions differ.
_MISSED_MM, _PROPORTIONS = 4.0, 0.1
_POSSIBLE_RATIO = (0.35, 2.9)  # of a distance to the usual one
_PEOPLE, _ADULTS = (0.6, 1.3), (0.85, 1.15)  # sizes, children to tall adults
_CONUS = (18.0, 24.0)  # T11 to L4
_SAID = 3  # places that one warning names
_IN_PLANE = np.zeros((3, 3, 3), dtype=bool)  # pixels of a slice touch by their sides
_IN_PLANE[1, :, 1] = _IN_PLANE[:, 1, 1] = True
_SHARP_MM = 25.0  # a bend this tight folds the frame within the canal's surroundings


def check_discs(
    values: np.ndarray,
    uvs: np.ndarray,
    ends: tuple[float, float],
    *,
    name: str,
    elsewhere: bool = False,
) -> tuple[np.ndarray, list[str]]:
    """Compare labelled discs with the cord, with each other and with most people's.

    Parameters
    ----------
    values : (n,) array of int
        Ascending, see :func:`sctflow.core.label_values.disc_name`.
    uvs : (n, 3) array
        Their places in the cord's frame: mm to the right, to the front, and along it upwards.
    ends : tuple of 2 float
        Lowest and highest place along the cord that the mask covers, mm.
    name : str
        What the messages call the labels, usually their file name.
    elsewhere : bool
        Whether they were placed on another image, which may show more of the spine: that labels
        lie beyond the mask is then nothing to warn about.

    Returns
    -------
    used : (n,) array of bool
        False for discs more than :data:`OUTSIDE_MM` beyond the mask.
    warnings : list of str
        Discs left out, outside the mask, beside the cord or at unusual distances. Each starts
        with `name`.

    Raises
    ------
    LabelError
        Unknown values, points too far from the cord to be of it, an order along the cord that is
        not that of the values, or distances that no spine has.
    """
    unknown = values[
        ((values < 1) | (values > LAST_DISC)) & ~np.isin(values, [GROOVE, JUNCTION, CONUS])
    ]
    if len(unknown):
        raise LabelError(
            f"{name}: no disc has the value {', '.join(map(str, unknown))}. Discs are numbered by "
            "the vertebra below: 2 is C1/C2, 3 is C2/C3, 8 is C7/T1, 21 is L1/L2; 50 is the "
            "pontomedullary junction, 60 the conus."
        )
    used, texts = _outside(values, uvs[:, 2], ends)
    far = np.hypot(uvs[:, 0], uvs[:, 1]) > FAR_MM
    if elsewhere:
        texts, far = [], far & used
    if far.any():
        which = "; ".join(
            f"{disc_name(value)}, {np.hypot(u, v):.0f} mm away"
            for value, (u, v, _) in zip(values[far], uvs[far], strict=True)
        )
        raise LabelError(
            f"{name}: too far from the cord: {which}. Labels belong on the tips of the discs, "
            "next to the cord."
        )
    beside = used & (np.abs(uvs[:, 0]) > SIDE_MM)
    texts += [
        f"{disc_name(value)} lies {abs(u):.0f} mm to the {'right' if u > 0 else 'left'} of the "
        "cord. Check that it is in the midline"
        for value, u in zip(values[beside], uvs[beside, 0], strict=True)
    ]
    column = np.isin(values, np.arange(1, LAST_DISC + 1))
    if column.any() and not (column & used).any():
        raise LabelError(
            f"{name}: every disc is more than {OUTSIDE_MM:.0f} mm beyond the cord's mask: "
            f"{', '.join(map(disc_name, values[column]))}. Label discs beside the mask."
        )
    places = dict(zip(values[used].tolist(), uvs[used, 2].tolist(), strict=True))
    _check_order(places, name)
    texts += _check_distances(places, name)
    return used, [f"{name}: {text}" for text in texts]


def check_frame(frame: CordFrame, *, name: str) -> list[str]:
    """Warn about stretches of cord where the frame cannot be relied on.

    Parameters
    ----------
    frame : CordFrame
    name : str
        What the messages start with.
    """
    warnings = [
        f"{name}: the cord's mask has no cord in {where} (counted from the lowest, 0); "
        "the centreline is interpolated there. Check the mask"
        for where in _runs(frame.slices[~frame.measured])
    ]
    bend = np.linalg.norm(np.gradient(frame.curve.tangents, STEP, axis=0), axis=1)
    sharpest = int(np.argmax(bend))
    if bend[sharpest] > 1 / _SHARP_MM:
        at = frame.slices[np.argmin(np.abs(frame.slice_s - frame.curve.s[sharpest]))]
        warnings.append(
            f"{name}: the centreline bends with a radius of {1 / bend[sharpest]:.0f} mm at slice "
            f"{at}, more than a cord does. Check the mask"
        )
    return warnings


def check_mask(frame: CordFrame, mask: np.ndarray, affine: np.ndarray, *, name: str) -> list[str]:
    """Warn about slices whose mask lacks a part of the cord: a side of it, or a hole in it.

    Parameters
    ----------
    frame : CordFrame
        Of the mask.
    mask : (i, j, k) array
        Binary or soft.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    name : str
        What the messages start with.
    """
    data, affine_ras = canonicalize(np.asarray(mask), affine)
    grid = SliceGrid.from_affine(affine_ras)
    _, slices, centers = centers_of_slices(data, grid)
    uvs = frame.from_world(grid.from_frame(centers))
    away = np.hypot(uvs[:, 0], uvs[:, 1])
    texts = []
    if holes := _runs(_with_holes(data)):
        more = f" and in {len(holes) - _SAID} more places" if len(holes) > _SAID else ""
        texts = [
            f"{name}: the cord's mask has a hole in {', '.join(holes[:_SAID])}{more} (counted "
            "from the lowest, 0). Fill it"
        ]
    return texts + [
        f"{name}: in {where} (counted from the lowest, 0) the middle of the cord's mask lies "
        f"over {BESIDE_MM:g} mm beside the line of the other slices, as if a part of the cord "
        "were missing. Check the mask"
        for where in _runs(slices[away > BESIDE_MM])
    ]


def _with_holes(data: np.ndarray) -> np.ndarray:
    """Slices (n,) of a canonical mask in which background is enclosed by cord."""
    box = bounding_box(data)
    if box is None:
        return np.empty(0, dtype=int)
    inside = core_of(mask_weights(data[box]))
    background, _ = ndimage.label(~np.pad(inside, ((1, 1), (1, 1), (0, 0))), _IN_PLANE)
    # What is joined to the outer rim of its slice is not enclosed.
    enclosed = ~np.isin(background, np.unique(background[0])) & (background > 0)
    return np.flatnonzero(enclosed.any(axis=(0, 1))) + box[2].start


def _runs(slices: np.ndarray) -> list[str]:
    """Say which slices follow each other; `slices` ascends."""
    runs = np.split(slices, np.flatnonzero(np.diff(slices) > 1) + 1)
    return [
        f"slice {run[0]}" if len(run) == 1 else f"slices {run[0]} to {run[-1]}"
        for run in runs
        if len(run)
    ]


def _outside(
    values: np.ndarray, s: np.ndarray, ends: tuple[float, float]
) -> tuple[np.ndarray, list[str]]:
    """Choose the discs near enough to the mask; junction and conus often lie beyond it."""
    beyond = np.maximum(np.maximum(s - ends[1], ends[0] - s), 0.0)
    beyond[values > LAST_DISC] = 0.0
    texts = []
    # Half a vertebra beyond the end, the straight prolongation of the cord still serves.
    for value, distance in zip(values[beyond > 2.0], beyond[beyond > 2.0], strict=True):
        fate = "is left out" if distance > OUTSIDE_MM else "is used all the same"
        texts.append(
            f"{disc_name(value)} lies {distance:.0f} mm beyond the cord's mask and {fate}"
        )
    return beyond <= OUTSIDE_MM, texts


def _check_order(places: dict[int, float], name: str) -> None:
    column = [value for value in (JUNCTION, *range(1, LAST_DISC + 1)) if value in places]
    for upper, lower in pairwise(column):
        if places[upper] <= places[lower]:
            raise LabelError(
                f"{name}: {disc_name(upper)} lies {places[lower] - places[upper]:.0f} mm below "
                f"{disc_name(lower)} along the cord, where it should be above. "
                "Correct their values or places."
            )


def _check_distances(places: dict[int, float], name: str) -> list[str]:
    """Compare the distances between neighbouring labels with most people's."""
    usual = make_levels()
    column = [value for value in (JUNCTION, *range(1, LAST_DISC + 1)) if value in places]
    height = {value: 0.0 if value == JUNCTION else usual.disc(value) for value in column}
    pairs = list(pairwise(column))
    apart = np.array([places[upper] - places[lower] for upper, lower in pairs])
    expected = np.array([height[upper] - height[lower] for upper, lower in pairs])
    if not pairs:
        return _check_conus(places)
    # Two distances or more tell the person's size from a label that is out of place.
    size = np.clip(np.median(apart / expected), *(_PEOPLE if len(pairs) > 1 else _ADULTS))
    texts = []
    for (upper, lower), mm, most in zip(pairs, apart, size * expected, strict=True):
        text = (
            f"{disc_name(upper)} and {disc_name(lower)} are {mm:.0f} mm apart along the cord, "
            f"where about {most:.0f} mm are usual. Check that no disc is skipped or counted twice"
        )
        if not _POSSIBLE_RATIO[0] < mm / most < _POSSIBLE_RATIO[1]:
            raise LabelError(f"{name}: {text}.")
        if abs(mm - most) > _MISSED_MM + _PROPORTIONS * most:
            texts.append(text)
    return [*texts, *_check_conus(places)]


def _check_conus(places: dict[int, float]) -> list[str]:
    discs = [value for value in places if value <= LAST_DISC]
    if CONUS not in places or not discs:
        return []
    nearest = max(discs)
    usual = make_levels()
    level = usual.vertebral(usual.disc(nearest) + places[CONUS] - places[nearest])
    if _CONUS[0] < level < _CONUS[1]:
        return []
    return [
        f"{disc_name(CONUS)} lies {places[nearest] - places[CONUS]:.0f} mm below "
        f"{disc_name(nearest)}, which no conus is likely to do. Check both"
    ]
