"""Figures of the report for one functional series."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.func_reports import CarpetPlot, MotionPlot, TSNRMosaic
from sctflow.interfaces.map_reports import Details
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

FUNC_FIGURES = ("details", "motionplot", "tsnrplot", "carpet")
NO_FLUID = (
    "Confounds",
    "without the cerebrospinal fluid: where it is would be known from a template, which needs "
    "labelled levels",
)
INPUTS = (
    "motion",
    "slice_motion",
    "before",
    "after",
    "mean",
    "mask",
    "vertebrae",
    "series",
    "regions",
    "confounds",
    "warnings",
)


def init_func_report_wf(
    *,
    voxels: int,
    volumes: int,
    repetition_time: float | None = None,
    fluid: bool = False,
    name: str = "report_wf",
) -> Workflow:
    """Draw motion, temporal SNR and time courses of a functional series.

    Workflow Graph
        details, motionplot, tsnrplot and carpet side by side

    Parameters
    ----------
    voxels, volumes : int
        Voxels of one volume, and volumes of the series.
    repetition_time : float, optional
        s.
    fluid : bool
        Whether a template tells where the cerebrospinal fluid is.
    name : str
        Name of the workflow.

    Inputs
    ------
    motion, slice_motion
        Tables of motion.
    before, after
        Temporal SNR of the series as it was, and at rest.
    mean, mask, vertebrae
        Mean of the series, mask of the cord, and its vertebral levels, if they are known.
    series, regions, confounds
        Series at rest, where confounds were taken, and their table.
    warnings
        What could not be computed of the confounds.

    Outputs
    -------
    details
        How long the series is, and its temporal SNR, in words.
    motionplot, tsnrplot, carpet
        Motion of slices and volumes, temporal SNR around the cord, time courses of voxels.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(niu.IdentityInterface(fields=list(FUNC_FIGURES)), name="outputnode")
    before_after = pe.Node(niu.Merge(2), name="before_after", run_without_submitting=True)
    details = pe.Node(
        Details(
            facts=[
                ("Volumes", _length(volumes, repetition_time)),
                *([] if fluid else [NO_FLUID]),
            ],
            titles=[f"Temporal SNR {when} motion correction" for when in ("before", "after")],
            scales=[1.0, 1.0],
            units=["", ""],
        ),
        name="details",
        mem_gb=memory_gb(voxels, bytes_per_voxel=24),
    )
    motionplot = pe.Node(MotionPlot(), name="motionplot", mem_gb=memory_gb(0))
    tsnrplot = pe.Node(TSNRMosaic(), name="tsnrplot", mem_gb=memory_gb(0, base=0.3))
    carpet = pe.Node(
        CarpetPlot(), name="carpet", mem_gb=memory_gb(voxels * volumes, bytes_per_voxel=12)
    )
    if repetition_time:
        carpet.inputs.repetition_time = repetition_time
    workflow.connect([
        (inputnode, before_after, [("before", "in1"), ("after", "in2")]),
        (before_after, details, [("out", "map_files")]),
        (inputnode, details, [("mask", "mask_file"), ("warnings", "warnings")]),
        (details, outputnode, [("out_report", "details")]),
        (inputnode, motionplot, [
            ("motion", "motion_file"), ("slice_motion", "slice_motion_file"),
        ]),
        (inputnode, tsnrplot, [
            ("before", "before_file"),
            ("after", "after_file"),
            ("mean", "mean_file"),
            ("mask", "mask_file"),
            ("vertebrae", "levels_file"),
        ]),
        (inputnode, carpet, [
            ("series", "in_file"),
            ("regions", "regions_file"),
            ("confounds", "confounds_file"),
        ]),
        (motionplot, outputnode, [("out_report", "motionplot")]),
        (tsnrplot, outputnode, [("out_report", "tsnrplot")]),
        (carpet, outputnode, [("out_report", "carpet")]),
    ])  # fmt: skip
    return workflow


def _length(volumes: int, repetition_time: float | None) -> str:
    if not repetition_time:
        return str(volumes)
    minutes, seconds = divmod(round(volumes * repetition_time), 60)
    total = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{volumes}, one every {repetition_time:g} s, {total} in all"
