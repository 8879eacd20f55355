"""Which regions an atlas has, and which of them are taken together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sctflow.errors import SctflowError


class AtlasError(SctflowError):
    """Regions that do not fit together, or do not fit their images."""


class Region(NamedTuple):
    """A single region."""

    index: int
    name: str
    group: str = ""
    """Regions of a group (white matter, gray matter, CSF) are expected to have like values."""


class Combination(NamedTuple):
    """Several single regions taken as one."""

    index: int
    name: str
    members: tuple[int, ...]
    """Indices of single regions."""


@dataclass(frozen=True)
class Regions:
    """Regions of an atlas.

    Attributes
    ----------
    single : tuple of Region
        In the order of the columns of partial volumes.
    combined : tuple of Combination

    Raises
    ------
    AtlasError
        No region, an index that is used twice, or a combination without members or with members
        that are no single regions.
    """

    single: tuple[Region, ...]
    combined: tuple[Combination, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be right."""
        if not self.single:
            raise AtlasError("An atlas needs at least one region.")
        indices = Counter(region.index for region in (*self.single, *self.combined))
        if twice := [index for index, count in indices.items() if count > 1]:
            raise AtlasError(
                f"Index {', '.join(map(str, twice))} stands for several regions. "
                "Give each region, single or combined, a number of its own."
            )
        known = {region.index for region in self.single}
        for region in self.combined:
            if unknown := sorted(set(region.members) - known):
                raise AtlasError(
                    f"Combined region {region.index} ({region.name}) has the members "
                    f"{', '.join(map(str, unknown))}, which are no single regions of the atlas."
                )
            if not region.members:
                raise AtlasError(f"Combined region {region.index} ({region.name}) has no members.")

    @property
    def indices(self) -> tuple[int, ...]:
        """Indices of the single regions, then of the combined ones."""
        return tuple(region.index for region in (*self.single, *self.combined))

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of `indices`."""
        return tuple(region.name for region in (*self.single, *self.combined))

    @property
    def membership(self) -> np.ndarray:
        """Which single regions each combined one has, (single, combined) bool."""
        columns = [
            [region.index in combination.members for combination in self.combined]
            for region in self.single
        ]
        return np.array(columns, bool).reshape(len(self.single), len(self.combined))

    @property
    def clusters(self) -> np.ndarray:
        """Which group each single region is of, (single, groups) bool."""
        groups = list(dict.fromkeys(region.group for region in self.single))
        return np.array([[region.group == group for group in groups] for region in self.single])

    def combine(self, combined: Iterable[Combination]) -> Regions:
        """Add combinations."""
        return Regions(self.single, (*self.combined, *combined))
