"""Nodes that measure maps in the regions of an atlas or in masks."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    InputMultiPath,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.core.atlas.values import EXTENTS, METHODS
from sctflow.interfaces.base import StepOrNothing
from sctflow.io import load_image, load_table, save_table


class _MeasureRegionsInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="map")
    region_files = InputMultiPath(
        File(exists=True),
        needed=True,
        desc="regions on the grid of the map: one 4-D image with the part of each voxel that "
        "each region fills, or a 3-D image for each region, binary or soft",
    )
    regions_table = File(
        exists=True,
        desc="table of the regions in the order of their images, with the columns index, name "
        "and, for the groups that map draws regions towards, group; without it, regions are "
        "named after their files",
    )
    combined_table = File(
        exists=True,
        desc="table of regions that are taken together, with the columns index, name and "
        "members, such as 0:3,5",
    )
    custom_table = File(
        exists=True, desc="more regions that are taken together, in a table of the same kind"
    )
    levels_file = File(exists=True, desc="level of each voxel of the cord, on the grid of the map")
    level_kind = traits.Enum(
        "vertebral", "spinal", usedefault=True, desc="what the levels are, for their names"
    )
    by = traits.List(
        traits.Enum(*EXTENTS),
        value=["whole"],
        usedefault=True,
        desc="what is taken together: all slices, those of each level, or each by itself; "
        "several are put below each other",
    )
    slices = traits.List(
        traits.Range(low=0), desc="only these slices, counted from the bottom of the image"
    )
    levels = traits.List(
        traits.Range(low=1), desc="only slices of these levels; 1 is C1", requires=["levels_file"]
    )
    methods = traits.List(
        traits.Enum(*METHODS),
        value=list(METHODS),
        usedefault=True,
        desc="how a region gets its value: bin, mean of voxels at least half filled; wa, "
        "weighted average; median, weighted; max, of voxels at least half filled; ml, maximum "
        "likelihood; map, maximum a posteriori",
    )
    remainder = traits.Bool(
        False,
        usedefault=True,
        desc="in ml and map, what no region fills of a voxel is one more region, not 0",
    )
    fluid_group = traits.Str(
        desc="group of regions that the map does not mix linearly with, such as CSF: ml and map "
        "of the others come from voxels of which these fill at least half",
    )


class _MeasureRegionsOutputSpec(TraitedSpec):
    out_table = File(
        exists=True, desc="value, standard deviation and size by region, slices and method"
    )


class MeasureRegions(StepOrNothing):
    """Find the value of a map in every region of an atlas, or in masks.

    By slice, by level or over all slices, with and without correction for partial volume. Voxels
    of the map that are not numbers are left out.
    """

    input_spec = _MeasureRegionsInputSpec
    output_spec = _MeasureRegionsOutputSpec

    def _step(self, folder):
        import numpy as np

        from sctflow.core.atlas import measure_regions
        from sctflow.core.label_values import VERTEBRAE
        from sctflow.core.slice_levels import SPINAL_LEVELS

        given = self.inputs
        img = load_image(given.in_file)
        name = Path(given.in_file).name
        weights, regions = _read_regions(given, img, name)
        table = measure_regions(
            np.asanyarray(img.dataobj),
            img.affine,
            weights,
            regions,
            by=given.by,
            slices=given.slices if isdefined(given.slices) else None,
            slice_levels=_read_levels(given.levels_file, img, name),
            levels=given.levels if isdefined(given.levels) else None,
            methods=given.methods,
            remainder=given.remainder,
            fluid=given.fluid_group if isdefined(given.fluid_group) else None,
            level_names=VERTEBRAE if given.level_kind == "vertebral" else SPINAL_LEVELS,
        )
        self._results["out_table"] = str(save_table(table, folder / "regions.tsv"))


def _read_regions(given, img, name):
    """Partial volumes of all regions on the grid of the map, and what they are."""
    import numpy as np

    from sctflow.core.atlas import AtlasError, Region, Regions
    from sctflow.core.mask import mask_weights
    from sctflow.core.same_grid import data_on_grid

    columns = [
        data_on_grid(load_image(path), img, name=Path(path).name, reference_name=name)
        for path in given.region_files
    ]
    if isdefined(given.regions_table):
        single = _read_single(given.regions_table)
        weights = columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)
    else:
        single = [
            Region(number, Path(path).name.split(".")[0], Path(path).name)
            for number, path in enumerate(given.region_files, start=1)
        ]
        if any(column.ndim > 3 for column in columns):
            raise AtlasError(
                f"{given.region_files[0]}: a 4-D image of regions needs a table that names them "
                "(regions_table)."
            )
        weights = np.stack([mask_weights(column) for column in columns], axis=-1)
    weights = weights[..., None] if weights.ndim == 3 else weights
    combined = [
        combination
        for path in (given.combined_table, given.custom_table)
        if isdefined(path)
        for combination in _read_combined(path)
    ]
    return weights, Regions(tuple(single), tuple(combined))


def _read_single(path):
    """Single regions of a table."""
    from sctflow.core.atlas import Region

    table = _read_columns(path, ("index", "name"))
    groups = table["group"] if "group" in table else [""] * len(table)
    rows = zip(table["index"], table["name"], groups, strict=True)
    return [Region(int(index), str(name), str(group)) for index, name, group in rows]


def _read_combined(path):
    """Combined regions of a table."""
    from sctflow.core.atlas import AtlasError, Combination
    from sctflow.templates.layout import expand_members

    table = _read_columns(path, ("index", "name", "members"))
    found = []
    for index, name, members in zip(table["index"], table["name"], table["members"], strict=True):
        try:
            found.append(Combination(int(index), str(name), expand_members(str(members))))
        except ValueError as error:
            raise AtlasError(
                f"{path}: the members of {name} are {members!r}. Write numbers of regions, such "
                "as 0:3,5 for 0, 1, 2, 3 and 5."
            ) from error
    return found


def _read_columns(path, names):
    from sctflow.core.atlas import AtlasError

    table = load_table(path)
    if missing := [name for name in names if name not in table]:
        raise AtlasError(
            f"{path}: there is no column {' and no column '.join(missing)}. The table needs the "
            f"columns {', '.join(names)}, separated by tabs."
        )
    return table


def _read_levels(path, img, name):
    """Level of each slice; None without levels."""
    from sctflow.core.atlas import levels_of_slices
    from sctflow.core.same_grid import data_on_grid

    if not isdefined(path):
        return None
    levels = data_on_grid(load_image(path), img, name=Path(path).name, reference_name=name)
    return levels_of_slices(levels, img.affine)
