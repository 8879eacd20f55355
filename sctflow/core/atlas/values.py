"""Values of a map in regions, by slice, by level, or over a whole range of slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.atlas.describe import HALF, describe
from sctflow.core.atlas.estimate import maximum_a_posteriori, maximum_likelihood
from sctflow.core.atlas.regions import AtlasError, Regions
from sctflow.core.atlas.table import Group, build_table
from sctflow.core.grid import canonicalize
from sctflow.core.label_values import VERTEBRAE
from sctflow.core.mask import OVERSHOOT

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("bin", "wa", "median", "max", "ml", "map")
"""Ways to give a region one value."""

EXTENTS = ("whole", "level", "slice")
"""Voxels that are taken together: all, those of a level, those of a slice."""


def measure_regions(
    data: np.ndarray,
    affine: np.ndarray,
    weights: np.ndarray,
    regions: Regions,
    *,
    by: str | Sequence[str] = "whole",
    slices: Iterable[int] | None = None,
    slice_levels: Mapping[int, int] | None = None,
    levels: Iterable[int] | None = None,
    methods: Sequence[str] = METHODS,
    remainder: bool = False,
    fluid: str | None = None,
    level_names: Sequence[str] = VERTEBRAE,
) -> pd.DataFrame:
    """Find the value of a map in every region, single and combined.

    Voxels where the map or a weight is not finite are left out. A region without voxels has
    missing values.

    Parameters
    ----------
    data : (i, j, k) array
        The map, in any orientation.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    weights : (i, j, k, n) array
        Part of each voxel that each single region fills, on the grid of the map. Values a little
        outside of 0 to 1, as interpolation makes them, are cut.
    regions : Regions
        What the n columns of `weights` are, and how they are combined.
    by : str or sequence of str
        Of :data:`EXTENTS`: whether there is one row for all slices, for each level, for each
        slice; several are put below each other.
    slices : iterable of int, optional
        Only these slices, counted from the bottom in closest RAS orientation; by default those
        that have any region.
    slice_levels : mapping, optional
        Level (1 is C1) of each slice that has one, see :func:`levels_of_slices`.
    levels : iterable of int, optional
        Only slices of these levels.
    methods : sequence of str
        Of :data:`METHODS`.
    remainder : bool
        Whether ``ml`` and ``map`` take what no region fills of a voxel as one more region, which
        is not reported. Otherwise they take it as having the value 0, which draws the regions
        beside it towards what it has.
    fluid : str, optional
        Group of regions that the map does not mix linearly with. ``ml`` and ``map`` of the
        regions of the other groups then come from voxels of which these fill at least half; where
        a region has no part in any, they are missing.
    level_names : sequence of str
        Name of level 1, 2 and so on.

    Returns
    -------
    DataFrame
        One row per region, group of slices and method, with the columns of
        :data:`sctflow.core.atlas.COLUMNS`.

    Raises
    ------
    AtlasError
        Grids that differ, values that are no partial volumes, regions that do not lie in the
        image or not in the chosen slices, levels asked for without `slice_levels`.
    ValueError
        An extent or a method that does not exist.

    Notes
    -----
    With X the partial volumes and y the map: ``ml`` is X⁺y over the region (the columns of a
    combined one summed) and all other single regions; ``map`` is Lévy et al. 2015, see
    :func:`sctflow.core.atlas.estimate.maximum_a_posteriori`.
    """
    extents = (by,) if isinstance(by, str) else tuple(by)
    _check_names(extents, EXTENTS, "extent")
    _check_names(methods, METHODS, "method")
    if slice_levels is None and (levels is not None or "level" in extents):
        raise AtlasError("Values by level need the level of each slice: give an image of levels.")
    _check_weights(weights, data.shape, regions)
    ras, affine_ras = canonicalize(np.asarray(data), affine)
    parts, _ = canonicalize(np.asarray(weights), affine)
    of_slice = dict(slice_levels or {})
    chosen = _choose(parts, slices, of_slice, levels)
    groups = [group for extent in extents for group in _groups(extent, chosen, of_slice)]
    found = _measure(ras, parts, groups, regions, methods, remainder=remainder, fluid=fluid)
    found["size_mm3"] = found["size_vox"] * abs(np.linalg.det(affine_ras[:3, :3]))
    return build_table(groups, found, regions, methods, level_names)


def levels_of_slices(levels: np.ndarray, affine: np.ndarray) -> dict[int, int]:
    """Find the level of each slice: the one that most of its labelled voxels have.

    Parameters
    ----------
    levels : (i, j, k) array of int
        Level of each voxel, 0 where there is none.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    dict
        From the slice, counted from the bottom, to its level; slices without level are left out.
        The higher up of two levels with as many voxels.
    """
    ras, _ = canonicalize(np.asarray(levels), affine)
    found = {}
    for k in np.flatnonzero(ras.any(axis=(0, 1))):
        values, counts = np.unique(ras[:, :, k][ras[:, :, k] > 0], return_counts=True)
        if len(values):
            found[int(k)] = int(values[counts.argmax()])
    return found


def _check_names(given: Sequence[str], known: Sequence[str], what: str) -> None:
    if not given or (unknown := sorted(set(given) - set(known))):
        named = ", ".join(unknown) if given else "none"
        raise ValueError(f"There is no {what} {named}; choose from {', '.join(known)}.")


def _check_weights(weights: np.ndarray, shape: tuple[int, ...], regions: Regions) -> None:
    if weights.shape != (*shape, len(regions.single)):
        raise AtlasError(
            f"Partial volumes of size {weights.shape} do not fit a map of size {shape} and "
            f"{len(regions.single)} regions. Bring the atlas into the space of the map first."
        )
    if weights.dtype.kind == "b" or not weights.size:
        return
    low, high = np.nanmin(weights), np.nanmax(weights)
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise AtlasError(
            f"Partial volumes must lie between 0 and 1, not {low:.4g} and {high:.4g}. "
            "Divide by what a full voxel has."
        )


def _choose(
    parts: np.ndarray,
    slices: Iterable[int] | None,
    of_slice: Mapping[int, int],
    levels: Iterable[int] | None,
) -> list[int]:
    """Slices to measure, from below."""
    filled = (parts > 0).any(axis=(0, 1, 3))
    if not filled.any():
        raise AtlasError(
            "No region has a voxel in the image. Does the atlas lie in the space of the map?"
        )
    if slices is None:
        chosen = np.flatnonzero(filled).tolist()
    else:
        chosen = sorted({int(k) for k in slices})
        if not chosen or chosen[0] < 0 or chosen[-1] >= len(filled):
            raise AtlasError(
                f"The image has the slices 0 to {len(filled) - 1}; asked for were {chosen}."
            )
    if levels is not None:
        wanted = {int(level) for level in levels}
        chosen = [k for k in chosen if of_slice.get(k) in wanted]
        if not chosen:
            raise AtlasError(
                f"None of the slices has a level of {sorted(wanted)}; "
                f"there are {sorted(set(of_slice.values()))}."
            )
    return chosen


def _groups(by: str, chosen: list[int], of_slice: Mapping[int, int]) -> list[Group]:
    if by == "whole":
        return [Group(by, None, tuple(chosen))]
    if by == "slice":
        return [Group(by, of_slice.get(k), (k,)) for k in chosen]
    present = sorted({of_slice[k] for k in chosen if k in of_slice})
    return [
        Group(by, level, tuple(k for k in chosen if of_slice.get(k) == level)) for level in present
    ]


def _measure(
    data: np.ndarray,
    parts: np.ndarray,
    groups: Sequence[Group],
    regions: Regions,
    methods: Sequence[str],
    *,
    remainder: bool,
    fluid: str | None,
) -> dict[str, np.ndarray]:
    """Everything that is known of each group's regions, (groups, regions) by name."""
    planes = {k: _plane(data, parts, k) for group in groups for k in group.slices}
    solid = np.array([region.group != fluid for region in regions.single])
    whole, inner, described = [], [], []
    for group in groups:
        values, weights = (
            np.concatenate(both) for both in zip(*(planes[k] for k in group.slices), strict=True)
        )
        described.append(describe(values, np.hstack([weights, weights @ regions.membership])))
        mostly_solid = weights @ solid >= HALF
        if remainder:
            rest = np.maximum(1 - weights.sum(axis=1, keepdims=True), 0.0)
            weights = np.hstack([weights, rest])
        whole.append(_system(values, weights))
        inner.append(_system(values[mostly_solid], weights[mostly_solid]))
    found = {name: np.stack([one[name] for one in described]) for name in described[0]}
    found |= _estimate(whole, regions, methods)
    if fluid is not None:
        within = _estimate(inner, regions, methods)
        chosen = np.append(solid, ~regions.membership[~solid].any(axis=0))
        found |= {name: np.where(chosen, within[name], found[name]) for name in within}
    empty = found["size_vox"] == 0
    return {
        name: values if name == "size_vox" else np.where(empty, np.nan, values)
        for name, values in found.items()
    }


def _system(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X'y and X'X, all that the estimates need to know of some voxels."""
    return weights.T @ values, weights.T @ weights


def _estimate(
    systems: Sequence[tuple[np.ndarray, np.ndarray]], regions: Regions, methods: Sequence[str]
) -> dict[str, np.ndarray]:
    """Values by those methods that weigh all regions against each other.

    Missing where no voxel has any of the region.
    """
    moment, gram = (np.stack(one) for one in zip(*systems, strict=True))
    membership, clusters = regions.membership, regions.clusters
    n = len(membership)
    if gram.shape[1] > n:  # The remainder is no member of any region, and a cluster of its own.
        membership = np.pad(membership, ((0, 1), (0, 0)))
        clusters = np.pad(clusters, ((0, 1), (0, 1)))
        clusters[-1, -1] = True
    found = {}
    if "ml" in methods:
        found["ml"] = maximum_likelihood(gram, moment, membership)
    if "map" in methods:
        found["map"] = maximum_a_posteriori(gram, moment, membership, clusters)
    seen = np.diagonal(gram, axis1=1, axis2=2)[:, :n] > 0
    seen = np.hstack([seen, seen @ regions.membership])
    return {
        name: np.where(seen, np.delete(values, np.s_[n : gram.shape[1]], 1), np.nan)
        for name, values in found.items()
    }


def _plane(data: np.ndarray, parts: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (v,) and weights (v, n) of the voxels of slice k that count."""
    weights = np.asarray(parts[:, :, k], float).reshape(-1, parts.shape[3])
    values = np.asarray(data[:, :, k], float).ravel()
    counts = np.isfinite(values) & np.isfinite(weights).all(axis=1) & (weights > 0).any(axis=1)
    return values[counts], np.clip(weights[counts], 0.0, 1.0)
