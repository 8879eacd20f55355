"""From one image to the cord: mask, centreline and shape of every slice."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.centerline import FitCenterline
from sctflow.interfaces.image import CheckImage
from sctflow.interfaces.morphometry import MeasureSlices
from sctflow.interfaces.segmentation import ManualMask, SegmentCord
from sctflow.models import cord_model
from sctflow.workflows.literate import Workflow
from sctflow.workflows.reports import CORD_FIGURES, init_cord_report_wf
from sctflow.workflows.resources import memory_gb

RESULTS = ("mask", "probseg", "centerline_mask", "centerline", "morphometry", "method")
"""What goes into the output dataset."""

INPUTS = ("in_file", "source_file", "warnings", "manual_mask")

DESCRIPTIONS = {
    "network": """\
The spinal cord was segmented with the convolutional networks that are part of *sctflow* [@unet],
one to locate the cord and one to outline it. They were trained on synthetic images only, made
from the labels of the PAM50 template [@pam50] with contrasts and resolutions drawn at random
[@synthseg].
""",
    "manual": """\
The spinal cord was delineated by hand; the mask was taken as it was given.
""",
    "morphometry": """\
The centreline of the cord was found with a smoothing spline through the centres of mass of the
slices, and the cord was measured in every slice, perpendicular to the centreline
[@sct; @cordmorphometry].
""",
}


def init_cord_wf(
    *, segmentation: str, voxels: int, omp_nthreads: int = 1, name: str = "cord_wf"
) -> Workflow:
    """Find and measure the spinal cord in one image.

    Workflow Graph
        check → segment (a network, or the mask made by hand) → centerline → morphometry → report

    Parameters
    ----------
    segmentation : {"network", "manual"}
        Where the mask of the cord comes from.
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    omp_nthreads : int
        Threads of the network.
    name : str
        Name of the workflow.

    Inputs
    ------
    in_file
        Image, 3-D, any orientation and contrast.
    source_file
        Name of the image in the dataset, to be shown in the report.
    warnings
        What was noticed while the image was made from others, for the report.
    manual_mask
        Mask of the cord on the grid of the image (``segmentation="manual"`` only).

    Outputs
    -------
    image
        The image as it was used: 3-D, with finite values.
    mask
        Binary mask of the cord.
    probseg
        Soft mask of the cord; undefined for a manual mask that is binary.
    centerline_mask, centerline
        The centreline as an image with one voxel per slice, and as a table.
    morphometry
        Table of shape measures, one row per slice.
    method
        How the mask was made, as a dictionary for the sidecars.
    summary, axial, area
        Figures of the report.
    """
    workflow = Workflow(name=name)
    workflow.__desc__ = "\n".join(DESCRIPTIONS[step] for step in (segmentation, "morphometry"))
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=["image", *RESULTS, *CORD_FIGURES]), name="outputnode"
    )
    check = pe.Node(CheckImage(), name="check", mem_gb=memory_gb(voxels, bytes_per_voxel=16))
    if segmentation == "manual":
        segment = pe.Node(
            ManualMask(), name="segment", mem_gb=memory_gb(voxels, bytes_per_voxel=24)
        )
        workflow.connect(inputnode, "manual_mask", segment, "manual_mask")
    else:
        segment = pe.Node(
            SegmentCord(model=cord_model()),
            name="segment",
            mem_gb=memory_gb(voxels, base=0.6, bytes_per_voxel=48),
            n_procs=omp_nthreads,
        )
    centerline = pe.Node(
        FitCenterline(), name="centerline", mem_gb=memory_gb(voxels, bytes_per_voxel=8)
    )
    morphometry = pe.Node(
        MeasureSlices(), name="morphometry", mem_gb=memory_gb(voxels, bytes_per_voxel=8)
    )
    report_wf = init_cord_report_wf(voxels=voxels)
    workflow.connect([
        (inputnode, check, [("in_file", "in_file")]),
        (check, segment, [("out_file", "in_file"), ("warnings", "warnings")]),
        (segment, centerline, [("measured_file", "mask_file")]),
        (segment, morphometry, [("measured_file", "mask_file"), ("slices_file", "slices_file")]),
        (centerline, morphometry, [("out_table", "centerline_file")]),
        (check, outputnode, [("out_file", "image")]),
        (segment, outputnode, [
            ("mask_file", "mask"),
            ("prob_file", "probseg"),
            ("method", "method"),
        ]),
        (centerline, outputnode, [("out_mask", "centerline_mask"), ("out_table", "centerline")]),
        (morphometry, outputnode, [("out_table", "morphometry")]),
        (inputnode, report_wf, [
            ("source_file", "inputnode.source_file"),
            ("warnings", "inputnode.earlier_warnings"),
            ("manual_mask", "inputnode.manual_mask"),
        ]),
        (check, report_wf, [("out_file", "inputnode.in_file")]),
        (segment, report_wf, [
            ("mask_file", "inputnode.mask"),
            ("method", "inputnode.method"),
            ("warnings", "inputnode.warnings"),
        ]),
        (centerline, report_wf, [("out_table", "inputnode.centerline")]),
        (morphometry, report_wf, [("out_table", "inputnode.morphometry")]),
        (report_wf, outputnode, [(f"outputnode.{figure}", figure) for figure in CORD_FIGURES]),
    ])  # fmt: skip
    return workflow
