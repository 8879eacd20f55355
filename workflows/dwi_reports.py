"""Figures of the report for one diffusion series."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.dwi_reports import (
    AnimateSeries,
    BeforeAfter,
    DiffusivityMosaic,
    DWIDetails,
)
from sctflow.interfaces.func_reports import MotionPlot
from sctflow.interfaces.map_reports import MapMosaic, RegionValues
from sctflow.reports.dwi_figures import PER_1000, UNIT
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

FIGURES = (
    "details",
    "motionplot",
    "motionanimation",
    "beforeafter",
    "anisotropy",
    "diffusivities",
)
VALUE_FIGURES = ("favalues", "mdvalues")
INPUTS = (
    "before", "after", "before_mean", "after_mean", "bval", "shells", "motion", "slice_motion",
    "mask", "gray", "vertebrae", "snr", "fa", "md", "ad", "rd", "fa_values", "md_values",
    "warnings",
)  # fmt: skip


def init_dwi_report_wf(
    *,
    voxels: int,
    volumes: int,
    fit: str = "wls",
    registered: bool = False,
    name: str = "report_wf",
) -> Workflow:
    """Draw what was done with a diffusion series and what was found in it.

    Workflow Graph
        one node for each figure, side by side

    Parameters
    ----------
    voxels, volumes : int
        Voxels of a volume and number of volumes, for the memory that the nodes ask for.
    fit : {"wls", "restore"}
        How tensors were fitted.
    registered : bool
        Whether there are values in the regions of an atlas.
    name : str
        Name of the workflow.

    Inputs
    ------
    before, after, before_mean, after_mean
        The series and its weighted mean, as they were and after motion correction.
    bval, shells, motion, slice_motion
        B-values, the table of shells, and the tables of motion.
    mask, gray, vertebrae
        The cord, the template's gray matter and vertebral levels on the grid of the series.
    snr, fa, md, ad, rd, fa_values, md_values
        What was found.
    warnings
        What the reader should know about it.

    Outputs
    -------
    details
        HTML fragment: what the series is and what was found.
    motionplot, motionanimation, beforeafter
        Motion, the volumes one after the other, and the means, before and after.
    anisotropy, diffusivities
        Maps in colour.
    favalues, mdvalues
        Values by region and level (``registered`` only).
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=[*FIGURES, *VALUE_FIGURES]), name="outputnode"
    )
    mem_gb = memory_gb(voxels, bytes_per_voxel=64)
    details = pe.Node(DWIDetails(fit=fit), name="details", mem_gb=mem_gb)
    motionplot = pe.Node(MotionPlot(), name="motionplot", mem_gb=memory_gb(0))
    motionanimation = pe.Node(
        AnimateSeries(),
        name="motionanimation",
        mem_gb=memory_gb(voxels * volumes, bytes_per_voxel=16),
    )
    beforeafter = pe.Node(BeforeAfter(), name="beforeafter", mem_gb=mem_gb)
    anisotropy = pe.Node(
        MapMosaic(title="Fractional anisotropy", limits=(0.0, 1.0)),
        name="anisotropy",
        mem_gb=mem_gb,
    )
    diffusivities = pe.Node(DiffusivityMosaic(), name="diffusivities", mem_gb=mem_gb)

    mask, levels = ("mask", "mask_file"), ("vertebrae", "levels_file")
    maps = [(one, f"{one}_file") for one in ("md", "ad", "rd")]
    workflow.connect([
        (inputnode, details, [
            mask, *maps,
            ("fa", "fa_file"), ("shells", "shells_file"), ("motion", "motion_file"),
            ("snr", "snr"), ("warnings", "warnings"),
        ]),
        (inputnode, motionplot, [
            ("motion", "motion_file"), ("slice_motion", "slice_motion_file"),
        ]),
        (inputnode, motionanimation, [
            mask, ("before", "before_file"), ("after", "after_file"), ("bval", "bval_file"),
        ]),
        (inputnode, beforeafter, [
            mask, levels, ("before_mean", "before_file"), ("after_mean", "after_file"),
        ]),
        (inputnode, anisotropy, [
            mask, levels,
            ("fa", "in_file"), ("after_mean", "image_file"), ("gray", "gray_file"),
        ]),
        (inputnode, diffusivities, [mask, levels, *maps, ("gray", "gray_file")]),
        *(
            (figure, outputnode, [("out_report", figure.name)])
            for figure in (
                details, motionplot, motionanimation, beforeafter, anisotropy, diffusivities
            )
        ),
    ])  # fmt: skip
    if registered:
        favalues = pe.Node(
            RegionValues(title="Fractional anisotropy"), name="favalues", mem_gb=memory_gb(0)
        )
        mdvalues = pe.Node(
            RegionValues(title="Mean diffusivity", scale=PER_1000, unit=UNIT),
            name="mdvalues",
            mem_gb=memory_gb(0),
        )
        workflow.connect([
            (inputnode, favalues, [("fa_values", "in_file")]),
            (inputnode, mdvalues, [("md_values", "in_file")]),
            (favalues, outputnode, [("out_report", "favalues")]),
            (mdvalues, outputnode, [("out_report", "mdvalues")]),
        ])  # fmt: skip
    return workflow
