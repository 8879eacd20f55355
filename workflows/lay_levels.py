"""What is known of a cord once its levels are: level by level, and in a template."""

from __future__ import annotations

from typing import Literal

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.levels import AssignLevels
from sctflow.interfaces.normalized import MeasureByDistance
from sctflow.interfaces.template import PrepareTemplate
from sctflow.templates.source import TemplateSource
from sctflow.workflows.draw_discs import DISCS, LABEL_FIGURES, add_discs, add_label_figures
from sctflow.workflows.literate import Workflow
from sctflow.workflows.name_discs import NAMING
from sctflow.workflows.reports import LEVEL_FIGURES, init_levels_report_wf
from sctflow.workflows.resources import memory_gb
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS, init_template_wf

LEVELS = ("vertebrae", "vertebrae_table", "spinal", "spinal_table", "perlevel")
CORD = ("image", "mask", "centerline", "morphometry")
"""What is handed on from where the cord was found."""

PACKING_GB = 1.0
"""Memory for reading a whole template once."""

DESCRIPTIONS = {
    "by hand": """\
Levels of the cord were labelled by hand.
""",
    "levels": """\
Vertebral levels were laid along the centreline through the labels, and spinal levels by the share
of the cord that each of them takes [@spinallevels]. Measures of the slices were averaged over
vertebral levels.
""",
    "template levels": """\
Vertebral levels were laid along the centreline through the labels, and spinal levels as the
template has them. Measures of the slices were averaged over vertebral levels.
""",
    "junction": """\
Measures of the slices were averaged in windows of 20 mm at distances below the pontomedullary
junction along the centreline [@pmjdistance].
""",
}


def init_levels_wf(
    *,
    voxels: int,
    levels: Literal["own", "elsewhere", "session"] | None = None,
    shows_discs: bool = False,
    label_kind: Literal["discs", "rootlets"] = "discs",
    junction: Literal["own", "among discs", "found"] | None = None,
    template: TemplateSource | None = None,
    contrast: str = "T2w",
    title: str = "image",
    template_ref: str = "template",
    registration_steps: str | None = None,
    name: str = "levels_wf",
) -> Workflow:
    """Give a cord its levels, and do what needs them.

    Workflow Graph
        draw (discs that were named) → levels, template_wf (where levels are known), bydistance
        (where the junction is) → report

    Parameters
    ----------
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    levels : {"own", "elsewhere", "session"}, optional
        Whether there are labelled discs, so that levels can be told, and where they come from:
        labelled on this image or on another one of its session by hand, or named from what
        images of the session show.
    shows_discs : bool
        Whether discs were looked for in this image, so that figures are to show them; with
        ``levels="session"`` only.
    label_kind : {"discs", "rootlets"}
        What the labels mark; rootlets need a template.
    junction : {"own", "among discs", "found"}, optional
        Whether the pontomedullary junction may be known: labelled by hand in an image of its own
        or with the discs, or found with them.
    template : TemplateSource, optional
        Template to register with, where there are labels.
    contrast : {"T2w", "T1w", "T2star"}
        Which image of the template to compare with.
    title : str
        What figures call the image.
    template_ref, registration_steps
        See :func:`sctflow.workflows.template.init_template_wf`.
    name : str
        Name of the workflow.

    Inputs
    ------
    image, mask, centerline, morphometry
        See :func:`sctflow.workflows.find_cord.init_cord_wf`.
    discs
        Labels by hand: discs, or rootlets, in the world space of the image; of this image, with
        ``levels="session"``.
    junction
        Label image by hand that may hold the pontomedullary junction.
    named_table, probabilities, naming, reason, naming_warnings
        See :func:`sctflow.workflows.name_discs.init_labels_wf` (``levels="session"`` only).

    Outputs
    -------
    vertebrae, vertebrae_table, spinal, spinal_table
        Vertebral and spinal levels of the cord's voxels, with the names of the values; undefined
        without labelled discs, or where they cannot be right.
    perlevel
        Table of shape measures, one row per vertebral level; undefined as the levels are.
    bydistance
        Table of shape measures at distances below the pontomedullary junction.
    discs, discs_table, unnamed, unnamed_table
        Discs on the image's grid, those with a name and those without, with tables of their
        names (``levels="session"`` only).
    probabilities, naming
        As the inputs.
    to_template, …
        See :func:`sctflow.workflows.template.init_template_wf`.
    template
        The template, packed; with ``levels`` and ``template`` only.
    levels, sagittal, labels, namings, overlay, …
        Figures of the report.
    """
    workflow = Workflow(name=name)
    steps = ["by hand"] if levels in ("own", "elsewhere") else []
    steps += ["template levels" if template else "levels"] if levels else []
    steps += ["junction"] if junction else []
    workflow.__desc__ = "\n".join(DESCRIPTIONS[step] for step in steps)
    inputnode = pe.Node(
        niu.IdentityInterface(fields=[*CORD, "discs", "junction", *NAMING]), name="inputnode"
    )
    outputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                *LEVELS, "bydistance", *DISCS, "probabilities", "naming", *TEMPLATE_RESULTS,
                "template", *LEVEL_FIGURES, *LABEL_FIGURES, *TEMPLATE_FIGURES,
            ]
        ),
        name="outputnode",
    )  # fmt: skip
    report_wf = init_levels_report_wf(voxels=voxels)
    labels = pe.Node(niu.IdentityInterface(fields=["file"]), name="labels")
    workflow.connect([
        (inputnode, report_wf, [
            (one, f"inputnode.{one}") for one in ("image", "mask", "centerline")
        ]),
        (report_wf, outputnode, [(f"outputnode.{figure}", figure) for figure in LEVEL_FIGURES]),
    ])  # fmt: skip
    if levels == "session":
        add_discs(workflow, labels, voxels)
        if shows_discs:
            add_label_figures(workflow, voxels)
    else:
        workflow.connect([
            (inputnode, labels, [("discs", "file")]),
            (inputnode, report_wf, [("discs", "inputnode.discs")]),
        ])  # fmt: skip
    if junction:
        _add_distances(workflow, junction)
    if levels:
        _add_levels(
            workflow,
            voxels=voxels,
            elsewhere=levels != "own",
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
            elsewhere=levels != "own",
            reference=template_ref,
            steps=registration_steps,
        )
        _add_template(workflow, template_wf, template, contrast)
    return workflow


def _add_distances(workflow, junction):
    """Measure the cord at distances below the pontomedullary junction."""
    inputnode, outputnode, report_wf = map(
        workflow.get_node, ("inputnode", "outputnode", "report_wf")
    )
    bydistance = pe.Node(
        MeasureByDistance(skip_absent=junction != "own"), name="bydistance", mem_gb=memory_gb(0)
    )
    if junction == "found":
        workflow.connect(workflow.get_node("draw"), "discs_file", bydistance, "pmj_file")
    else:
        workflow.connect(inputnode, "junction", bydistance, "pmj_file")
    workflow.connect([
        (inputnode, bydistance, [
            ("centerline", "centerline_file"),
            ("morphometry", "morph_file"),
        ]),
        (bydistance, report_wf, [("warnings", "inputnode.junction_warnings")]),
        (bydistance, outputnode, [("out_table", "bydistance")]),
    ])  # fmt: skip


def _add_levels(workflow, *, voxels, elsewhere, kind, reference):
    """Give the cord its levels, in the results and in the report."""
    inputnode, outputnode, report_wf, labels = map(
        workflow.get_node, ("inputnode", "outputnode", "report_wf", "labels")
    )
    levels = pe.Node(
        AssignLevels(elsewhere=elsewhere, label_kind=kind, reference=reference),
        name="levels",
        mem_gb=memory_gb(voxels, bytes_per_voxel=16),
    )
    warnings = pe.Node(niu.Merge(2), name="warnings", run_without_submitting=True)
    workflow.connect([
        (labels, levels, [("file", "discs_file")]),
        (inputnode, levels, [
            ("mask", "mask_file"),
            ("centerline", "centerline_file"),
            ("morphometry", "morph_file"),
        ]),
        (levels, report_wf, [("vertebrae_file", "inputnode.vertebrae")]),
        (levels, warnings, [("warnings", "in1")]),
        (warnings, report_wf, [("out", "inputnode.warnings")]),
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
    inputnode, outputnode, levels, warnings, labels = map(
        workflow.get_node, ("inputnode", "outputnode", "levels", "warnings", "labels")
    )
    template = pe.Node(
        PrepareTemplate(template=source.source, digest=source.digest, contrast=contrast),
        name="template",
        mem_gb=memory_gb(0, base=PACKING_GB),
    )
    results = [*TEMPLATE_RESULTS, *TEMPLATE_FIGURES]
    workflow.connect([
        (template, levels, [("out_file", "template")]),
        (template, outputnode, [("out_file", "template")]),
        (template, template_wf, [
            ("out_file", "inputnode.template"),
            ("image_file", "inputnode.template_image"),
            ("cord_file", "inputnode.template_cord"),
            ("levels_file", "inputnode.template_levels"),
        ]),
        (labels, template_wf, [("file", "inputnode.labels")]),
        (inputnode, template_wf, [
            ("image", "inputnode.in_file"),
            *((one, f"inputnode.{one}") for one in ("mask", "centerline", "morphometry")),
        ]),
        (levels, template_wf, [("vertebrae_file", "inputnode.vertebrae")]),
        (template_wf, warnings, [("outputnode.warnings", "in2")]),
        (template_wf, outputnode, [(f"outputnode.{result}", result) for result in results]),
    ])  # fmt: skip
