"""From one anatomical image to the cord: mask, centreline and shape of every slice."""

from __future__ import annotations

from typing import Literal

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.centerline import FitCenterline
from sctflow.interfaces.image import CheckImage
from sctflow.interfaces.levels import AssignLevels
from sctflow.interfaces.morphometry import MeasureSlices
from sctflow.interfaces.normalized import MeasureByDistance
from sctflow.interfaces.segmentation import ManualMask, SegmentCord
from sctflow.interfaces.template import PrepareTemplate
from sctflow.models import cord_model
from sctflow.templates.source import TemplateSource
from sctflow.workflows.literate import Workflow
from sctflow.workflows.reports import FIGURES, init_anat_report_wf
from sctflow.workflows.resources import memory_gb
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS, init_template_wf

RESULTS = ("mask", "probseg", "centerline_mask", "centerline", "morphometry", "method")
LEVELS = ("vertebrae", "vertebrae_table", "spinal", "spinal_table", "perlevel")
PACKING_GB = 1.0
"""Memory for reading a whole template once."""

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
    "levels": """\
Intervertebral discs were labelled by hand. Vertebral levels were laid along the centreline through
the labelled discs, and spinal levels by the share of the cord that each of them takes
[@spinallevels]. Measures of the slices were averaged over vertebral levels.
""",
    "template levels": """\
Levels of the cord were labelled by hand. Vertebral levels were laid along the centreline through
the labels, and spinal levels as the template has them. Measures of the slices were averaged over
vertebral levels.
""",
    "junction": """\
Measures of the slices were averaged in windows of 20 mm at distances below the pontomedullary
junction along the centreline [@pmjdistance].
""",
}


def init_anat_wf(
    *,
    segmentation: str,
    voxels: int,
    levels: Literal["own", "elsewhere"] | None = None,
    label_kind: Literal["discs", "rootlets"] = "discs",
    junction: Literal["own", "among discs"] | None = None,
    template: TemplateSource | None = None,
    contrast: str = "T2w",
    title: str = "image",
    template_ref: str = "template",
    registration_steps: str | None = None,
    omp_nthreads: int = 1,
    name: str = "anat_wf",
) -> Workflow:
    """Find and measure the spinal cord in one anatomical image.

    Workflow Graph
        check → segment (a network, or the mask made by hand) → centerline → morphometry →
        levels and template_wf (where levels are labelled) → report

    Parameters
    ----------
    segmentation : {"network", "manual"}
        Where the mask of the cord comes from.
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    levels : {"own", "elsewhere"}, optional
        Whether there are labelled discs, so that levels can be told, and on which image they were
        labelled: this one, or another one of its session.
    label_kind : {"discs", "rootlets"}
        What the labels mark; rootlets need a template.
    junction : {"own", "among discs"}, optional
        Whether the pontomedullary junction may be labelled, in an image of its own or with the
        discs.
    template : TemplateSource, optional
        Template to register with, where there are labels.
    contrast : {"T2w", "T1w", "T2star"}
        Which image of the template to compare with.
    title : str
        What figures call the image.
    template_ref, registration_steps
        See :func:`sctflow.workflows.template.init_template_wf`.
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
    discs
        Labelled discs, or rootlets, in the world space of the image (``levels`` only).
    junction
        Label image that may hold the pontomedullary junction (``junction`` only).

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
    vertebrae, vertebrae_table, spinal, spinal_table
        Vertebral and spinal levels of the cord's voxels, with the names of the values; undefined
        without labelled discs, or where they cannot be right.
    perlevel
        Table of shape measures, one row per vertebral level; undefined as the levels are.
    bydistance
        Table of shape measures at distances below the pontomedullary junction.
    to_template, …
        See :func:`sctflow.workflows.template.init_template_wf`.
    method
        How the mask was made, as a dictionary for the sidecars.
    summary, axial, sagittal, area, overlay, …
        Figures of the report.
    """
    workflow = Workflow(name=name)
    steps = [segmentation, "morphometry"]
    if levels:
        steps.append("template levels" if template else "levels")
    if junction:
        steps.append("junction")
    workflow.__desc__ = "\n".join(DESCRIPTIONS[step] for step in steps)

    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=["in_file", "source_file", "warnings", "manual_mask", "discs", "junction"]
        ),
        name="inputnode",
    )
    outputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                "image", *RESULTS, *LEVELS, "bydistance",
                *TEMPLATE_RESULTS, *FIGURES, *TEMPLATE_FIGURES,
            ]
        ),
        name="outputnode",
    )  # fmt: skip

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
    report_wf = init_anat_report_wf(voxels=voxels)

    workflow.connect([
        (inputnode, check, [("in_file", "in_file")]),
        (check, segment, [("out_file", "in_file"), ("warnings", "warnings")]),
        (segment, centerline, [("measured_file", "mask_file")]),
        (segment, morphometry, [("measured_file", "mask_file"), ("slices_file", "slices_file")]),
        (centerline, morphometry, [("out_table", "centerline_file")]),
        (inputnode, report_wf, [
            ("source_file", "inputnode.source_file"),
            ("warnings", "inputnode.earlier_warnings"),
            ("manual_mask", "inputnode.manual_mask"),
        ]),
        (check, report_wf, [("out_file", "inputnode.in_file")]),
        (check, outputnode, [("out_file", "image")]),
        (segment, report_wf, [
            ("mask_file", "inputnode.mask"),
            ("method", "inputnode.method"),
            ("warnings", "inputnode.warnings"),
        ]),
        (centerline, report_wf, [("out_table", "inputnode.centerline")]),
        (morphometry, report_wf, [("out_table", "inputnode.morphometry")]),
        (segment, outputnode, [
            ("mask_file", "mask"),
            ("prob_file", "probseg"),
            ("method", "method"),
        ]),
        (centerline, outputnode, [("out_mask", "centerline_mask"), ("out_table", "centerline")]),
        (morphometry, outputnode, [("out_table", "morphometry")]),
        (report_wf, outputnode, [(f"outputnode.{figure}", figure) for figure in FIGURES]),
    ])  # fmt: skip
    if junction:
        _add_distances(workflow, optional=junction == "among discs")
    if levels:
        _add_levels(
            workflow,
            voxels=voxels,
            elsewhere=levels == "elsewhere",
            kind=label_kind,
            reference=template_ref if template else "template",
        )
    if levels and template:
        template_wf = init_template_wf(
            template=template.name,
            contrast=contrast,
            title=title,
            voxels=voxels,
            label_kind=label_kind,
            elsewhere=levels == "elsewhere",
            reference=template_ref,
            steps=registration_steps,
        )
        _add_template(workflow, template_wf, template, contrast)
    return workflow


def _add_distances(workflow, *, optional):
    """Measure the cord at distances below the pontomedullary junction."""
    inputnode, outputnode, centerline, morphometry = (
        workflow.get_node(name)
        for name in ("inputnode", "outputnode", "centerline", "morphometry")
    )
    bydistance = pe.Node(
        MeasureByDistance(skip_absent=optional), name="bydistance", mem_gb=memory_gb(0)
    )
    workflow.connect([
        (inputnode, bydistance, [("junction", "pmj_file")]),
        (centerline, bydistance, [("out_table", "centerline_file")]),
        (morphometry, bydistance, [("out_table", "morph_file")]),
        (bydistance, outputnode, [("out_table", "bydistance")]),
    ])  # fmt: skip


def _add_levels(workflow, *, voxels, elsewhere, kind, reference):
    """Give the cord its levels, in the results and in the report."""
    inputnode, outputnode, segment, centerline, morphometry, report_wf = (
        workflow.get_node(name)
        for name in (
            "inputnode", "outputnode", "segment", "centerline", "morphometry", "report_wf"
        )
    )  # fmt: skip
    levels = pe.Node(
        AssignLevels(elsewhere=elsewhere, label_kind=kind, reference=reference),
        name="levels",
        mem_gb=memory_gb(voxels, bytes_per_voxel=16),
    )
    warnings = pe.Node(niu.Merge(2), name="warnings", run_without_submitting=True)
    workflow.connect([
        (inputnode, levels, [("discs", "discs_file")]),
        (segment, levels, [("mask_file", "mask_file")]),
        (centerline, levels, [("out_table", "centerline_file")]),
        (morphometry, levels, [("out_table", "morph_file")]),
        (inputnode, report_wf, [("discs", "inputnode.discs")]),
        (levels, report_wf, [("vertebrae_file", "inputnode.vertebrae")]),
        (levels, warnings, [("warnings", "in1")]),
        (warnings, report_wf, [("out", "inputnode.level_warnings")]),
        (levels, outputnode, [
            ("vertebrae_file", "vertebrae"),
            ("vertebrae_table", "vertebrae_table"),
            ("spinal_file", "spinal"),
            ("spinal_table", "spinal_table"),
            ("perlevel_file", "perlevel"),
        ]),
    ])  # fmt: skip


def _add_template(workflow, template_wf, source, contrast):
    """Register the image with a template; its levels are then the template's."""
    inputnode, outputnode, check, segment, centerline, morphometry, levels, warnings = (
        workflow.get_node(name)
        for name in (
            "inputnode", "outputnode", "check", "segment", "centerline", "morphometry", "levels",
            "warnings",
        )
    )  # fmt: skip
    template = pe.Node(
        PrepareTemplate(template=source.source, digest=source.digest, contrast=contrast),
        name="template",
        mem_gb=memory_gb(0, base=PACKING_GB),
    )
    results = [*TEMPLATE_RESULTS, *TEMPLATE_FIGURES]
    workflow.connect([
        (template, levels, [("out_file", "template")]),
        (template, template_wf, [
            ("out_file", "inputnode.template"),
            ("image_file", "inputnode.template_image"),
            ("cord_file", "inputnode.template_cord"),
            ("levels_file", "inputnode.template_levels"),
        ]),
        (inputnode, template_wf, [("discs", "inputnode.labels")]),
        (check, template_wf, [("out_file", "inputnode.in_file")]),
        (segment, template_wf, [("mask_file", "inputnode.mask")]),
        (centerline, template_wf, [("out_table", "inputnode.centerline")]),
        (morphometry, template_wf, [("out_table", "inputnode.morphometry")]),
        (levels, template_wf, [("vertebrae_file", "inputnode.vertebrae")]),
        (template_wf, warnings, [("outputnode.warnings", "in2")]),
        (template_wf, outputnode, [(f"outputnode.{result}", result) for result in results]),
    ])  # fmt: skip
