"""A functional series and a template: temporal SNR in its atlas, and images on its grid."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.map_reports import RegionValues
from sctflow.interfaces.series_template import SeriesToTemplate
from sctflow.interfaces.template import ImageToTemplate
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb
from sctflow.workflows.template import TEMPLATE_GB
from sctflow.workflows.values import ATLAS, init_values_wf

REGISTERED_RESULTS = ("tsnr_values", "tsnr_in_template")
VALUE_FIGURES = ("tsnrvalues",)

SHOWN = 1_400_000
"""Voxels of PAM50 about 130 mm of its cord, which is what a functional series shows."""


def init_func_template_wf(
    *, voxels: int, volumes: int, bring_series: bool = False, name: str = "func_template_wf"
) -> Workflow:
    """Measure temporal SNR in the regions of an atlas and bring it to the template.

    Where the series could not be registered, nothing is made.

    Workflow Graph
        values_wf → figure; bring the map, and the series if it is wanted

    Parameters
    ----------
    voxels, volumes : int
        Voxels of one volume, and volumes of the series, for the memory that the nodes ask for.
    bring_series : bool
        Whether the series is wanted on the template's grid.
    name : str
        Name of the workflow.

    Inputs
    ------
    tsnr, series
        Map of temporal SNR, and the series at rest.
    atlas, atlas_table, combined_table, vertebrae
        See :func:`sctflow.workflows.values.init_values_wf`.
    to_template, template
        Displacement field onto the template's grid, and the packed template.

    Outputs
    -------
    tsnr_values, tsnr_in_template
        Values of temporal SNR in the atlas, and its map on the template's grid.
    preproc_in_template
        Series on the part of the grid that it shows; with `bring_series` only.
    tsnrvalues
        Figure of the values.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(fields=["tsnr", "series", *ATLAS, "to_template", "template"]),
        name="inputnode",
    )
    outputs = [*REGISTERED_RESULTS, "preproc_in_template", *VALUE_FIGURES]
    outputnode = pe.Node(niu.IdentityInterface(fields=outputs), name="outputnode")
    values_wf = init_values_wf(maps=["tsnr"], voxels=voxels)
    drawn = pe.Node(RegionValues(title="Temporal SNR"), name="drawn", mem_gb=memory_gb(0))
    transforms = pe.Node(niu.Merge(1), name="transforms", run_without_submitting=True)
    bring = pe.Node(
        ImageToTemplate(),
        name="bring",
        mem_gb=memory_gb(voxels, base=TEMPLATE_GB, bytes_per_voxel=8),
    )
    workflow.connect([
        (inputnode, values_wf, [(one, f"inputnode.{one}") for one in ("tsnr", *ATLAS)]),
        (inputnode, transforms, [("to_template", "in1")]),
        (inputnode, bring, [("tsnr", "in_file"), ("template", "template")]),
        (transforms, bring, [("out", "transforms")]),
        (values_wf, drawn, [("outputnode.tsnr_values", "in_file")]),
        (values_wf, outputnode, [("outputnode.tsnr_values", "tsnr_values")]),
        (bring, outputnode, [("out_file", "tsnr_in_template")]),
        (drawn, outputnode, [("out_report", "tsnrvalues")]),
    ])  # fmt: skip
    if bring_series:
        series = pe.Node(
            SeriesToTemplate(),
            name="series",
            mem_gb=memory_gb(SHOWN * volumes, base=TEMPLATE_GB, bytes_per_voxel=12),
        )
        workflow.connect([
            (inputnode, series, [("series", "in_file"), ("template", "template")]),
            (transforms, series, [("out", "transforms")]),
            (series, outputnode, [("out_file", "preproc_in_template")]),
        ])  # fmt: skip
    return workflow
