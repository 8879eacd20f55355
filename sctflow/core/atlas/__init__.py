"""Values of a map in the regions of an atlas, or in masks."""

from sctflow.core.atlas.regions import AtlasError, Combination, Region, Regions
from sctflow.core.atlas.table import COLUMNS
from sctflow.core.atlas.values import EXTENTS, METHODS, levels_of_slices, measure_regions

__all__ = [
    "COLUMNS",
    "EXTENTS",
    "METHODS",
    "AtlasError",
    "Combination",
    "Region",
    "Regions",
    "levels_of_slices",
    "measure_regions",
]
