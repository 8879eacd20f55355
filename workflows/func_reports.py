"""Figures of the report for one functional series."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.func_reports import CarpetPlot, MotionPlot, TSNRMosaic
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

FUNC_FIGURES = ("motionplot", "tsnrplot", "carpet")
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
)


def init_func_report_wf(
    *, voxels: int, repetition_time: float | None = None, name: str = "report_wf"
) -> Workflow:
    """Draw motion, temporal SNR and time courses of a functional series.

    Workflow Graph
        motionplot, tsnrplot and carpet side by side

    Parameters
    ----------
    voxels : int
        Number of voxels of the series, for the memory that the nodes ask for.
    repetition_time : float, optional
        s, for the axis of time.
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

    Outputs
    -------
    motionplot, tsnrplot, carpet
        Motion of slices and volumes, temporal SNR around the cord, time courses of voxels.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(niu.IdentityInterface(fields=list(FUNC_FIGURES)), name="outputnode")
    motionplot = pe.Node(MotionPlot(), name="motionplot", mem_gb=memory_gb(0))
    tsnrplot = pe.Node(TSNRMosaic(), name="tsnrplot", mem_gb=memory_gb(0, base=0.3))
    carpet = pe.Node(CarpetPlot(), name="carpet", mem_gb=memory_gb(voxels, bytes_per_voxel=12))
    if repetition_time:
        carpet.inputs.repetition_time = repetition_time
    workflow.connect([
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
