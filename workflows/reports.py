"""Figures of the report for one image."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.reports import AreaProfile, AxialMosaic, ImageSummary, SagittalView
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

FIGURES = ("summary", "axial", "sagittal", "area")
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
    "discs",
    "vertebrae",
    "level_warnings",
)


def init_anat_report_wf(*, voxels: int, name: str = "report_wf") -> Workflow:
    """Draw what was found in one anatomical image.

    Workflow Graph
        summary, axial, sagittal and area side by side

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
    discs, vertebrae, level_warnings
        Labelled discs, the vertebral levels of the cord's voxels, and what was noticed about
        them; not there without labels.

    Outputs
    -------
    summary
        HTML fragment: what was found and used.
    axial, sagittal, area
        Slices with the contour of the cord, the view from the side with the centreline, and the
        cross-sectional area along the cord.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(niu.IdentityInterface(fields=list(FIGURES)), name="outputnode")

    mem_gb = memory_gb(voxels, bytes_per_voxel=24)
    summary = pe.Node(ImageSummary(), name="summary", mem_gb=mem_gb)
    axial = pe.Node(AxialMosaic(), name="axial", mem_gb=mem_gb)
    sagittal = pe.Node(SagittalView(), name="sagittal", mem_gb=mem_gb)
    area = pe.Node(AreaProfile(), name="area", mem_gb=memory_gb(0))

    in_file, mask = ("in_file", "in_file"), ("mask", "mask_file")
    centerline, morphometry = ("centerline", "centerline_file"), ("morphometry", "morph_file")
    workflow.connect([
        (inputnode, summary, [
            in_file, morphometry,
            ("source_file", "source_file"), ("manual_mask", "manual_mask"),
            ("method", "method"), ("earlier_warnings", "earlier_warnings"),
            ("warnings", "warnings"), ("discs", "discs_file"),
            ("vertebrae", "vertebrae_file"), ("level_warnings", "level_warnings"),
        ]),
        (inputnode, axial, [in_file, mask, centerline, morphometry]),
        (inputnode, sagittal, [in_file, mask, centerline, ("vertebrae", "vertebrae_file")]),
        (inputnode, area, [morphometry]),
        (summary, outputnode, [("out_report", "summary")]),
        (axial, outputnode, [("out_report", "axial")]),
        (sagittal, outputnode, [("out_report", "sagittal")]),
        (area, outputnode, [("out_report", "area")]),
    ])  # fmt: skip
    return workflow
