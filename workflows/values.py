"""Values of maps in the regions of an atlas."""

from __future__ import annotations

from collections.abc import Sequence

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.atlas import MeasureRegions
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

ATLAS = ("atlas", "atlas_table", "combined_table", "vertebrae")
"""What the values need beside the maps, under the names of the anatomical workflow's outputs."""

EXTENTS = ["whole", "level", "slice"]

FLUID = "CSF"
"""Group of the atlas that maps do not mix linearly with: all of them are ratios of signals."""

DESCRIPTION = """\
Maps were measured in the regions of the template's atlas, single and combined, over the whole
cord, by vertebral level and by slice: means weighted by partial volume, medians, maxima, maximum
likelihood and maximum a posteriori estimates [@atlasvalues], the last two of the cord's regions
from voxels that are cord by at least half.
"""


def describe_values(
    *, what: str, template: str, sources: Sequence[str], unit: str | None = None
) -> tuple[dict, dict]:
    """Give the sidecar and the columns of a table of values, as the workflow makes it.

    Parameters
    ----------
    what : str
        What the map shows.
    template : str
        Name of the template whose atlas it was measured in.
    sources : sequence of str
        BIDS URIs of the map and of the atlas.
    unit : str, optional
        Of the map.
    """
    from sctflow.core.atlas import COLUMNS

    columns = dict(COLUMNS)
    if unit:
        columns |= {name: {**COLUMNS[name], "Units": unit} for name in ("value", "std")}
    sidecar = {
        "Description": f"{what} in the regions of the atlas of {template}",
        "EstimationVoxels": "ml and map: what no region fills of a voxel is a region of its own; "
        f"regions other than {FLUID} come from voxels of which these fill at least half",
        "Sources": list(sources),
    }
    return sidecar, columns


def init_values_wf(*, maps: Sequence[str], voxels: int, name: str = "values_wf") -> Workflow:
    """Measure maps of one grid in the regions of an atlas.

    Where a map or the atlas is not there, its table is not made.

    Workflow Graph
        one node for each map

    Parameters
    ----------
    maps : sequence of str
        Names of the maps.
    voxels : int
        Number of voxels of a map, for the memory that the nodes ask for.
    name : str
        Name of the workflow.

    Inputs
    ------
    <map>
        Each map.
    atlas, atlas_table, combined_table
        Regions on the grid of the maps, their names, and those that are taken together; see
        :func:`sctflow.workflows.template.init_template_wf`.
    vertebrae
        Vertebral levels on that grid.

    Outputs
    -------
    <map>_values
        Table of each map.
    """
    workflow = Workflow(name=name)
    workflow.__desc__ = DESCRIPTION
    inputnode = pe.Node(niu.IdentityInterface(fields=[*maps, *ATLAS]), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=[f"{one}_values" for one in maps]), name="outputnode"
    )
    for one in maps:
        # What lies between the regions and around them is of no region, and has a value of its
        # own: taken as 0, it would draw the regions beside it towards 0.
        measure = pe.Node(
            MeasureRegions(by=EXTENTS, remainder=True, fluid_group=FLUID),
            name=f"measure_{one}",
            mem_gb=memory_gb(voxels, bytes_per_voxel=800),
        )
        workflow.connect([
            (inputnode, measure, [
                (one, "in_file"),
                ("atlas", "region_files"),
                ("atlas_table", "regions_table"),
                ("combined_table", "combined_table"),
                ("vertebrae", "levels_file"),
            ]),
            (measure, outputnode, [("out_table", f"{one}_values")]),
        ])  # fmt: skip
    return workflow
