"""From one image to the cord: mask, centreline and shape of every slice."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.centerline import FitCenterline
from sctflow.interfaces.graph import PassCord
from sctflow.interfaces.image import CheckImage
from sctflow.interfaces.labeling import FindLandmarks
from sctflow.interfaces.morphometry import MeasureSlices
from sctflow.interfaces.segmentation import ManualMask, SegmentCord
from sctflow.models import cord_model, landmark_model
from sctflow.workflows.literate import Workflow
from sctflow.workflows.reports import CORD_FIGURES, init_cord_report_wf
from sctflow.workflows.resources import memory_gb

RESULTS = ("mask", "probseg", "centerline_mask", "centerline", "morphometry", "method")
"""What goes into the output dataset."""

INPUTS = ("in_file", "source_file", "warnings", "manual_mask")

VIEW = ("landmarks", "view_centerline", "view_morphometry", "view_name", "view_middle")
"""What an image tells of the discs of its session; undefined where the image was refused."""

LANDMARKS_GB = 0.8
"""Memory of the network that looks for discs."""

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
    *,
    segmentation: str,
    voxels: int,
    view: str | None = None,
    omp_nthreads: int = 1,
    name: str = "cord_wf",
) -> Workflow:
    """Find and measure the spinal cord in one image.

    An image or mask that is refused fails at the node ``found``, after what other images of the
    session wait for.

    Workflow Graph
        check → segment (a network, or the mask made by hand) → centerline → morphometry → found →
        report; landmarks (where discs are looked for)

    Parameters
    ----------
    segmentation : {"network", "manual"}
        Where the mask of the cord comes from.
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    view : str, optional
        What to call the image in messages about discs; without it, none are looked for.
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
    landmarks, view_centerline, view_morphometry, view_name, view_middle
        Landmarks of the spine, and what is needed to name them (``view`` only).
    summary, axial, area
        Figures of the report.
    """
    workflow = Workflow(name=name)
    workflow.__desc__ = "\n".join(DESCRIPTIONS[step] for step in (segmentation, "morphometry"))
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=["image", *RESULTS, *VIEW, *CORD_FIGURES]), name="outputnode"
    )
    check = pe.Node(
        CheckImage(forgive=True), name="check", mem_gb=memory_gb(voxels, bytes_per_voxel=16)
    )
    if segmentation == "manual":
        segment = pe.Node(
            ManualMask(forgive=True), name="segment", mem_gb=memory_gb(voxels, bytes_per_voxel=24)
        )
        workflow.connect(inputnode, "manual_mask", segment, "manual_mask")
    else:
        segment = pe.Node(
            SegmentCord(model=cord_model(), forgive=True),
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
    refusals = pe.Node(niu.Merge(2), name="refusals", run_without_submitting=True)
    found = pe.Node(PassCord(), name="found", run_without_submitting=True)
    workflow.connect([
        (inputnode, check, [("in_file", "in_file")]),
        (check, segment, [("out_file", "in_file"), ("warnings", "warnings")]),
        (segment, centerline, [("measured_file", "mask_file")]),
        (segment, morphometry, [("measured_file", "mask_file"), ("slices_file", "slices_file")]),
        (centerline, morphometry, [("out_table", "centerline_file")]),
        (check, refusals, [("refusal", "in1")]),
        (segment, refusals, [("refusal", "in2")]),
        (refusals, found, [("out", "refusals")]),
        (check, found, [("out_file", "image")]),
        (segment, found, [
            ("mask_file", "mask"),
            ("prob_file", "probseg"),
            ("method", "method"),
            ("warnings", "warnings"),
        ]),
        (centerline, found, [("out_mask", "centerline_mask"), ("out_table", "centerline")]),
        (morphometry, found, [("out_table", "morphometry")]),
        (found, outputnode, [(one, one) for one in ("image", *RESULTS)]),
    ])  # fmt: skip
    _add_report(workflow, voxels)
    if view:
        _add_landmarks(workflow, view, voxels)
    return workflow


def _add_report(workflow, voxels):
    """Draw what was found."""
    inputnode, found, outputnode = map(workflow.get_node, ("inputnode", "found", "outputnode"))
    report_wf = init_cord_report_wf(voxels=voxels)
    shown = ("mask", "centerline", "morphometry", "method", "warnings")
    workflow.connect([
        (inputnode, report_wf, [
            ("source_file", "inputnode.source_file"),
            ("warnings", "inputnode.earlier_warnings"),
            ("manual_mask", "inputnode.manual_mask"),
        ]),
        (found, report_wf, [
            ("image", "inputnode.in_file"), *((one, f"inputnode.{one}") for one in shown),
        ]),
        (report_wf, outputnode, [(f"outputnode.{figure}", figure) for figure in CORD_FIGURES]),
    ])  # fmt: skip


def _add_landmarks(workflow, view, voxels):
    """Look for discs; what is refused gives none, and does not stop the other images."""
    check, centerline, morphometry, outputnode = map(
        workflow.get_node, ("check", "centerline", "morphometry", "outputnode")
    )
    landmarks = pe.Node(
        FindLandmarks(name=view, model=landmark_model()),
        name="landmarks",
        mem_gb=memory_gb(voxels, base=LANDMARKS_GB, bytes_per_voxel=16),
    )
    workflow.connect([
        (check, landmarks, [("out_file", "in_file")]),
        (centerline, landmarks, [("out_table", "centerline_file")]),
        (landmarks, outputnode, [
            ("out_table", "landmarks"), ("name", "view_name"), ("middle", "view_middle"),
        ]),
        (centerline, outputnode, [("out_table", "view_centerline")]),
        (morphometry, outputnode, [("out_table", "view_morphometry")]),
    ])  # fmt: skip
