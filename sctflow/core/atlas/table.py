"""The table that values in regions are told in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sctflow.core.atlas.regions import Regions

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, dict[str, str]] = {
    "by": {"Description": "Voxels that were taken together: whole, level or slice"},
    "level": {"Description": "Number of the level; 1 is C1"},
    "level_name": {"Description": "Name of the level"},
    "slice_first": {
        "Description": "Lowest slice, counted from the bottom in closest RAS orientation"
    },
    "slice_last": {"Description": "Highest slice"},
    "index": {"Description": "Number of the region in the atlas"},
    "name": {"Description": "Name of the region"},
    "method": {
        "Description": "How the value was found: bin, mean of voxels at least half filled; wa, "
        "weighted average; median, weighted median; max, largest value of voxels at least half "
        "filled; ml, maximum likelihood; map, maximum a posteriori"
    },
    "value": {"Description": "Value of the map in the region, in the units of the map"},
    "std": {
        "Description": "Weighted standard deviation about the weighted average, whichever the "
        "method, in the units of the map"
    },
    "size_vox": {"Description": "Sum of the region's weights over voxels with a finite value"},
    "size_mm3": {"Description": "The same, as a volume", "Units": "mm^3"},
}
"""Description and units of each column of the table, for a BIDS sidecar."""


class Group(NamedTuple):
    """Slices that are taken together."""

    by: str
    level: int | None
    slices: tuple[int, ...]


def build_table(
    groups: Sequence[Group],
    found: Mapping[str, np.ndarray],
    regions: Regions,
    methods: Sequence[str],
    level_names: Sequence[str],
) -> pd.DataFrame:
    """Put groups, in them regions, in them methods below each other.

    Parameters
    ----------
    groups : sequence of Group
    found : mapping
        (groups, regions) arrays by the name of what they are: the methods, ``std``, ``size_vox``
        and ``size_mm3``.
    regions : Regions
    methods : sequence of str
    level_names : sequence of str
        Name of level 1, 2 and so on.

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`.
    """
    import pandas as pd

    n, m = len(regions.indices), len(methods)

    def each(values: Iterable) -> np.ndarray:
        return np.repeat(np.array(list(values), dtype=object), n * m)

    def region(values: Iterable) -> np.ndarray:
        return np.tile(np.repeat(np.array(list(values), dtype=object), m), len(groups))

    names = [level_names[group.level - 1] if group.level else None for group in groups]
    columns = {
        "by": each(group.by for group in groups),
        "level": pd.array(each(group.level for group in groups), dtype="Int64"),
        "level_name": each(names),
        "slice_first": each(group.slices[0] for group in groups).astype(int),
        "slice_last": each(group.slices[-1] for group in groups).astype(int),
        "index": region(regions.indices).astype(int),
        "name": region(regions.names),
        "method": np.tile(np.array(methods, dtype=object), len(groups) * n),
        "value": np.stack([found[name] for name in methods], axis=-1).ravel(),
        **{name: np.repeat(found[name].ravel(), m) for name in ("std", "size_vox", "size_mm3")},
    }
    return pd.DataFrame(columns)[list(COLUMNS)]
