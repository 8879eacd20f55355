"""Figures of the report for one image."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.reports import (
    AreaProfile,
    AxialMosaic,
    ImageSummary,
    LevelsSummary,
    SagittalView,
)
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

CORD_FIGURES = ("summary", "axial", "area")
"""Figures that need no levels."""

LEVEL_FIGURES = ("levels", "sagittal")
"""Figures that show levels, if there are any."""

INPUTS = (
    "source_file",
    "in_file",
    "manual_mask",
    "mask",
    "centerline",
    "morphometry",
    "method",
    "earlier_warnings",
    "warnings",
)


def init_cord_report_wf(*, voxels: int, name: str = "report_wf") -> Workflow:
    """Draw what was found in one image, whatever the levels of the cord are.

    Workflow Graph
        summary, axial and area side by side

    Parameters
    ----------
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    name : str
        Name of the workflow.

    Inputs
    ------
    source_file, manual_mask
        The image in the dataset and the mask made by hand, if any: their names are shown.
    in_file, mask, centerline, morphometry
        The image as it was used, the mask of the cord, and the tables made from it.
    method, warnings
        How the mask was made, and what was noticed on the way.
    earlier_warnings
        What was noticed while the image was made from others.

    Outputs
    -------
    summary
        HTML fragment: what was found and used.
    axial, area
        Slices with the contour of the cord, and the cross-sectional area along the cord.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(niu.IdentityInterface(fields=list(CORD_FIGURES)), name="outputnode")

    mem_gb = memory_gb(voxels, bytes_per_voxel=24)
    summary = pe.Node(ImageSummary(), name="summary", mem_gb=mem_gb)
    axial = pe.Node(AxialMosaic(), name="axial", mem_gb=mem_gb)
    area = pe.Node(AreaProfile(), name="area", mem_gb=memory_gb(0))

    in_file, morphometry = ("in_file", "in_file"), ("morphometry", "morph_file")
    workflow.connect([
        (inputnode, summary, [
            in_file, morphometry,
            ("source_file", "source_file"), ("manual_mask", "manual_mask"),
            ("method", "method"), ("earlier_warnings", "earlier_warnings"),
            ("warnings", "warnings"),
        ]),
        (inputnode, axial, [
            in_file, morphometry, ("mask", "mask_file"), ("centerline", "centerline_file"),
        ]),
        (inputnode, area, [morphometry]),
        (summary, outputnode, [("out_report", "summary")]),
        (axial, outputnode, [("out_report", "axial")]),
        (area, outputnode, [("out_report", "area")]),
    ])  # fmt: skip
    return workflow


def init_levels_report_wf(*, voxels: int, name: str = "report_wf") -> Workflow:
    """Tell the levels of the cord in one image, and draw them.

    Workflow Graph
        levels and sagittal side by side

    Parameters
    ----------
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    name : str
        Name of the workflow.

    Inputs
    ------
    image, mask, centerline
        The image as it was used, the mask of the cord and its centreline.
    discs, naming
        Labels by hand that tell the levels, or how discs were named that do; not there without.
    vertebrae
        Vertebral levels of the cord's voxels.
    warnings, naming_warnings, junction_warnings
        What was noticed about levels, the naming of discs and the junction.

    Outputs
    -------
    levels
        HTML fragment: which levels there are and where they come from.
    sagittal
        View from the side with the outline of the cord, its centreline and its levels.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                "image", "mask", "centerline", "discs", "naming", "vertebrae", "warnings",
                "naming_warnings", "junction_warnings",
            ]
        ),
        name="inputnode",
    )  # fmt: skip
    outputnode = pe.Node(niu.IdentityInterface(fields=list(LEVEL_FIGURES)), name="outputnode")
    mem_gb = memory_gb(voxels, bytes_per_voxel=24)
    told = pe.Node(niu.Merge(3), name="told", run_without_submitting=True)
    levels = pe.Node(LevelsSummary(), name="levels", mem_gb=memory_gb(voxels, bytes_per_voxel=4))
    sagittal = pe.Node(SagittalView(), name="sagittal", mem_gb=mem_gb)
    workflow.connect([
        (inputnode, levels, [
            ("centerline", "centerline_file"),
            ("discs", "labels_file"),
            ("naming", "naming"),
            ("vertebrae", "vertebrae_file"),
        ]),
        (inputnode, told, [
            ("naming_warnings", "in1"), ("warnings", "in2"), ("junction_warnings", "in3"),
        ]),
        (told, levels, [("out", "warnings")]),
        (inputnode, sagittal, [
            ("image", "in_file"),
            ("mask", "mask_file"),
            ("centerline", "centerline_file"),
            ("vertebrae", "vertebrae_file"),
        ]),
        (levels, outputnode, [("out_report", "levels")]),
        (sagittal, outputnode, [("out_report", "sagittal")]),
    ])  # fmt: skip
    return workflow
