"""Between an image and a template: registration, the warped template, normalised morphometry."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.normalized import NormalizeMorphometry
from sctflow.interfaces.template import ImageToTemplate, RegisterToTemplate, WarpTemplate
from sctflow.interfaces.template_reports import (
    Checkerboard,
    NormalizedArea,
    SubjectInTemplate,
    TemplateOverlay,
)
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

TEMPLATE_RESULTS = (
    "to_template",
    "from_template",
    "in_template",
    "template_image",
    "template_cord",
    "template_gray",
    "template_white",
    "template_csf",
    "atlas",
    "atlas_table",
    "combined_table",
    "normalized",
    "registration",
)
TEMPLATE_FIGURES = ("overlay", "intemplate", "checkerboard", "normalizedarea")
TEMPLATE_GB = 0.7
"""Memory of a node that holds an image on the template's whole grid."""

DESCRIPTION = """\
Images were registered with the {template} template{cite}. Both cords were described in frames of
their own: length along the centreline, and millimetres to the right and to the front of it.
Lengths were matched by {labels}; cross-sections by their centres, turns, second moments and the
rest of their outlines, so that the map between the two is written down in both directions without
iterating{slices}.{steps} Measures of the cord were interpolated onto the slices of the template
[@cordmorphometry].
"""
CITE = {"PAM50": " [@pam50]"}
LABELS = {
    "discs": "the labelled intervertebral discs",
    "rootlets": "the labelled rootlets",
    "spinal": "the labelled spinal levels",
}
IN_SLICES = ", within the slices of the image"
REFINED = " The result was refined by the registration steps ``{steps}``."


def init_template_wf(
    *,
    template: str,
    contrast: str,
    title: str = "image",
    voxels: int,
    label_kind: str = "discs",
    elsewhere: bool = False,
    reference: str = "template",
    steps: str | None = None,
    name: str = "template_wf",
) -> Workflow:
    """Register one image with a template and bring each to the other.

    Where the labels cannot be right nothing is made, and a warning says why.

    Workflow Graph
        register → warp the template, bring the image, normalise the morphometry → figures

    Parameters
    ----------
    template : str
        Name of the template, for texts.
    contrast : {"T2w", "T1w", "T2star"}
        Which image of the template to compare with.
    title : str
        What figures call the image.
    voxels : int
        Number of voxels of the image, for the memory that the nodes ask for.
    label_kind : {"discs", "spinal", "rootlets"}
        What the labels mark.
    elsewhere : bool
        Whether the labels were placed on another image of the session.
    reference : {"template", "subject"}
        Whether the cord is straightened, or matched within the image's own slices.
    steps : str, optional
        Registration steps that refine the result.
    name : str
        Name of the workflow.

    Inputs
    ------
    in_file, mask, centerline, morphometry
        The image, the mask of its cord, and the tables made from it.
    labels
        Label image in the world space of the image.
    vertebrae
        Vertebral levels of the cord's voxels, for a figure.
    template, template_image, template_cord, template_levels
        The packed template, and those of its images that are drawn.

    Outputs
    -------
    to_template, from_template
        Displacement fields that bring the image to the template's grid, and the template to the
        image's.
    in_template
        The image on the template's grid.
    template_image, template_cord, template_gray, template_white, template_csf
        The template's image and tissues on the image's grid.
    atlas, atlas_table, combined_table
        The regions of its atlas on that grid, one volume each, their names, and those that are
        taken together.
    normalized
        Morphometry on the slices of the template.
    registration
        How it was registered, as a dictionary for the sidecars.
    warnings
        What the reader of the report should know.
    overlay, intemplate, checkerboard, normalizedarea
        Figures of the report.
    """
    workflow = Workflow(name=name)
    workflow.__desc__ = DESCRIPTION.format(
        template=template,
        cite=CITE.get(template, ""),
        labels=LABELS[label_kind],
        slices=IN_SLICES if reference == "subject" else "",
        steps=REFINED.format(steps=steps) if steps else "",
    )
    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                "in_file", "mask", "centerline", "morphometry", "labels", "vertebrae",
                "template", "template_image", "template_cord", "template_levels",
            ]
        ),
        name="inputnode",
    )  # fmt: skip
    outputnode = pe.Node(
        niu.IdentityInterface(fields=[*TEMPLATE_RESULTS, "warnings", *TEMPLATE_FIGURES]),
        name="outputnode",
    )
    register = pe.Node(
        RegisterToTemplate(
            label_kind=label_kind, elsewhere=elsewhere, reference=reference, contrast=contrast
        ),
        name="register",
        mem_gb=memory_gb(voxels, base=TEMPLATE_GB, bytes_per_voxel=48),
    )
    if steps:
        register.inputs.steps = steps
    from_template = pe.Node(niu.Merge(1), name="from_template", run_without_submitting=True)
    to_template = pe.Node(niu.Merge(1), name="to_template", run_without_submitting=True)
    warp = pe.Node(
        WarpTemplate(contrast=contrast),
        name="warp",
        mem_gb=memory_gb(voxels, base=TEMPLATE_GB, bytes_per_voxel=96),
    )
    bring = pe.Node(
        ImageToTemplate(),
        name="bring",
        mem_gb=memory_gb(voxels, base=TEMPLATE_GB, bytes_per_voxel=8),
    )
    normalize = pe.Node(NormalizeMorphometry(), name="normalize", mem_gb=memory_gb(0))
    workflow.connect([
        (inputnode, register, [
            ("mask", "mask_file"),
            ("labels", "labels_file"),
            ("centerline", "centerline_file"),
            ("template", "template"),
            ("in_file", "in_file"),
        ]),
        (register, from_template, [("from_template_file", "in1")]),
        (register, to_template, [("to_template_file", "in1")]),
        (inputnode, warp, [("in_file", "reference_file"), ("template", "template")]),
        (from_template, warp, [("out", "transforms")]),
        (inputnode, bring, [("in_file", "in_file"), ("template", "template")]),
        (to_template, bring, [("out", "transforms")]),
        (inputnode, normalize, [("morphometry", "morph_file")]),
        (register, normalize, [
            ("slices_file", "slice_map_file"),
            ("template_slices_file", "template_slices_file"),
        ]),
        (register, outputnode, [
            ("to_template_file", "to_template"),
            ("from_template_file", "from_template"),
            ("method", "registration"),
            ("warnings", "warnings"),
        ]),
        (bring, outputnode, [("out_file", "in_template")]),
        (warp, outputnode, [
            ("image_file", "template_image"),
            ("cord_file", "template_cord"),
            ("gray_matter_file", "template_gray"),
            ("white_matter_file", "template_white"),
            ("csf_file", "template_csf"),
            ("atlas_file", "atlas"),
            ("atlas_table", "atlas_table"),
            ("combined_table", "combined_table"),
        ]),
        (normalize, outputnode, [("out_table", "normalized")]),
    ])  # fmt: skip
    _add_figures(workflow, template=template, title=title, voxels=voxels)
    return workflow


def _add_figures(workflow, *, template, title, voxels):
    """Draw the template on the image, the image in the template, and the area along it."""
    inputnode, outputnode, warp, bring, normalize = (
        workflow.get_node(name)
        for name in ("inputnode", "outputnode", "warp", "bring", "normalize")
    )
    overlay = pe.Node(
        TemplateOverlay(template=template),
        name="overlay",
        mem_gb=memory_gb(voxels, bytes_per_voxel=32),
    )
    titles = {"title": title, "template_title": template}
    intemplate, checkerboard = (
        pe.Node(node(**titles), name=name, mem_gb=TEMPLATE_GB)
        for name, node in (("intemplate", SubjectInTemplate), ("checkerboard", Checkerboard))
    )
    normalizedarea = pe.Node(
        NormalizedArea(template=template), name="normalizedarea", mem_gb=memory_gb(0)
    )
    drawn = [
        ("template_image", "template_file"),
        ("template_cord", "template_cord_file"),
        ("template_levels", "template_levels_file"),
    ]
    workflow.connect([
        (inputnode, overlay, [
            ("in_file", "in_file"), ("mask", "mask_file"), ("vertebrae", "levels_file"),
        ]),
        (warp, overlay, [
            ("cord_file", "template_cord_file"), ("gray_matter_file", "template_gray_file"),
        ]),
        (inputnode, intemplate, drawn),
        (bring, intemplate, [("out_file", "in_file")]),
        (inputnode, checkerboard, drawn),
        (bring, checkerboard, [("out_file", "in_file")]),
        (normalize, normalizedarea, [("out_table", "morph_file")]),
        (overlay, outputnode, [("out_report", "overlay")]),
        (intemplate, outputnode, [("out_report", "intemplate")]),
        (checkerboard, outputnode, [("out_report", "checkerboard")]),
        (normalizedarea, outputnode, [("out_report", "normalizedarea")]),
    ])  # fmt: skip
