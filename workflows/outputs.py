"""Sinks: which result goes out under which name, with which sidecar."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput
from sctflow.interfaces.centerline import COLUMNS as CENTERLINE_COLUMNS
from sctflow.workflows.anatomical import LEVELS, RESULTS
from sctflow.workflows.literate import Workflow
from sctflow.workflows.reports import FIGURES
from sctflow.workflows.sinks import figure_sink, name_of, sink, space_of, uri_of
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS
from sctflow.workflows.template_outputs import add_template_sinks

FIGURE_EXTENSIONS = {"summary": ".html"}
"""All others are ``.svg``."""


def init_anat_outputs_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    segmentation: str,
    labels_uri: str | None = None,
    junction_uri: str | None = None,
    template: str | None = None,
    name: str = "anat_outputs_wf",
) -> Workflow:
    """Place the results of one anatomical image in the output dataset.

    Workflow Graph
        one sink for every result

    Parameters
    ----------
    image : ImageInput
        The image that the results come from.
    output_dir : pathlib.Path
        Root of the output dataset.
    segmentation : {"network", "manual"}
        Where the mask came from; a mask made by hand is named among the sources.
    labels_uri : str, optional
        BIDS URI of the labels that tell the levels; without it there are no levels to place.
    junction_uri : str, optional
        BIDS URI of the labels among which the pontomedullary junction may be.
    template : str, optional
        Name of the template that the image was registered with, if it was.
    name : str
        Name of the workflow.

    Inputs
    ------
    mask, probseg, centerline_mask, centerline, morphometry, method
        See :func:`sctflow.workflows.anatomical.init_anat_wf`.
    vertebrae, vertebrae_table, spinal, spinal_table, perlevel
        See there; with ``labels_uri`` only.
    bydistance
        See there; with ``junction_uri`` only.
    to_template, …
        See :func:`sctflow.workflows.template.init_template_wf`; with ``template`` only.
    summary, axial, sagittal, area
        Figures of the report.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                *RESULTS, *LEVELS, "bydistance", *TEMPLATE_RESULTS, *FIGURES, *TEMPLATE_FIGURES
            ]
        ),
        name="inputnode",
    )  # fmt: skip

    cord = {"space": space_of(image), "label": "SC"}
    names = {
        "mask": name_of(image, suffix="mask", extension=".nii.gz", **cord),
        "probseg": name_of(image, suffix="probseg", extension=".nii.gz", **cord),
        "centerline_mask": name_of(
            image, suffix="mask", extension=".nii.gz", desc="centerline", **cord
        ),
        "centerline": name_of(image, suffix="mask", extension=".tsv", desc="centerline", **cord),
        "morphometry": name_of(image, suffix="morph", extension=".tsv", desc="perslice", **cord),
    }
    columns = _columns(segmentation)
    for result, sidecar in _sidecars(image, names, segmentation=segmentation).items():
        placed = sink(f"ds_{result}", output_dir, names[result], sidecar, columns.get(result, {}))
        workflow.connect([(inputnode, placed, [(result, "in_file"), ("method", "method")])])
    # The table of the centreline shares its name, and so its sidecar, with the image.
    ds_centerline = sink("ds_centerline", output_dir, names["centerline"])
    workflow.connect(inputnode, "centerline", ds_centerline, "in_file")

    if labels_uri:
        _add_levels(workflow, image, output_dir, names, labels_uri)
    if junction_uri:
        _add_distances(workflow, image, output_dir, names, junction_uri)
    if template:
        add_template_sinks(
            workflow,
            image,
            output_dir,
            template=template,
            labels_uri=labels_uri,
            mask=names["mask"],
            morphometry=names["morphometry"],
        )

    drawn = (*FIGURES, *TEMPLATE_FIGURES) if template else FIGURES
    workflow.add_nodes(figures := _figure_sinks(image, output_dir, drawn))
    for figure, placed in zip(drawn, figures, strict=True):
        workflow.connect(inputnode, figure, placed, "in_file")
    return workflow


def _add_levels(workflow, image, output_dir, names, labels_uri):
    """Sinks of the levels, their names, and the measures by level."""
    inputnode = workflow.get_node("inputnode")
    space, mask = space_of(image), uri_of(names["mask"])
    for result, seg, what in (
        ("vertebrae", "vertebrae", "Vertebral levels"),
        ("spinal", "spinallevels", "Spinal levels"),
    ):
        kind = {"space": space, "seg": seg, "suffix": "dseg"}
        sidecar = {
            "Description": f"{what} of the spinal cord",
            "SpatialReference": image.uri,
            "Sources": [mask, labels_uri],
        }
        image_name = name_of(image, extension=".nii.gz", **kind)
        table_name = name_of(image, extension=".tsv", **kind)
        ds_image = sink(f"ds_{result}", output_dir, image_name, sidecar)
        ds_table = sink(f"ds_{result}_table", output_dir, table_name)
        workflow.connect([
            (inputnode, ds_image, [(result, "in_file")]),
            (inputnode, ds_table, [(f"{result}_table", "in_file")]),
        ])  # fmt: skip
    sidecar = {
        "Description": "Shape of the spinal cord, means of the slices of each vertebral level",
        "Sources": [mask, uri_of(names["morphometry"]), labels_uri],
    }
    name = name_of(
        image, suffix="morph", extension=".tsv", desc="perlevel", space=space, label="SC"
    )
    ds_perlevel = sink("ds_perlevel", output_dir, name, sidecar, _level_columns())
    workflow.connect(inputnode, "perlevel", ds_perlevel, "in_file")


def _add_distances(workflow, image, output_dir, names, junction_uri):
    """Sink of the measures at distances below the pontomedullary junction."""
    from sctflow.core.pmj import COLUMNS

    sidecar = {
        "Description": "Shape of the spinal cord in windows at distances below the "
        "pontomedullary junction",
        "Sources": [uri_of(names["mask"]), uri_of(names["morphometry"]), junction_uri],
    }
    name = name_of(
        image,
        suffix="morph",
        extension=".tsv",
        desc="pmj",
        space=space_of(image),
        label="SC",
    )
    ds_bydistance = sink("ds_bydistance", output_dir, name, sidecar, COLUMNS | _mean_columns())
    workflow.connect(workflow.get_node("inputnode"), "bydistance", ds_bydistance, "in_file")


def _level_columns():
    """Descriptions of the columns of the table by level."""

    columns = {
        "level": {"Description": "Vertebral level: 1 is C1, 8 is T1, 20 is L1"},
        "level_name": {"Description": "Name of the vertebral level"},
        "beyond_labels": {
            "Description": "Distance of the level's farthest slice from the labelled stretch of "
            "cord; 0 inside of it, where levels are known best",
            "Units": "mm",
        },
        "slice_first": {"Description": "Lowest slice of the level"},
        "slice_last": {"Description": "Highest slice of the level"},
        "n_slices": {"Description": "Slices with cord in the level"},
        "length": {"Description": "Length of cord in these slices", "Units": "mm"},
    }
    return columns | _mean_columns()


def _mean_columns():
    """Descriptions of means and standard deviations of the measures of slices."""
    from sctflow.core.morphometry import COLUMNS

    columns = {}
    for metric, described in COLUMNS.items():
        if metric in ("slice", "x", "y", "z", "length"):
            continue
        for part, words in (("mean", "mean of the slices"), ("sd", "standard deviation")):
            columns[f"{metric}_{part}"] = {
                **described,
                "Description": f"{described['Description']}: {words}",
            }
    return columns


def init_not_computed_wf(
    *, image: ImageInput, output_dir: Path, reason: str, name: str
) -> Workflow:
    """Say in the report why nothing was computed from an image.

    Workflow Graph
        summary → ds_summary

    Parameters
    ----------
    image : ImageInput
        The image that was left out.
    output_dir : pathlib.Path
        Root of the output dataset.
    reason : str
        A sentence for the reader of the report.
    name : str
        Name of the workflow.
    """
    from sctflow.interfaces.reports import ImageSummary

    workflow = Workflow(name=name)
    path = str(image.path)
    summary = pe.Node(
        ImageSummary(in_file=path, source_file=path, not_computed=reason), name="summary"
    )
    (ds_summary,) = _figure_sinks(image, output_dir, ("summary",))
    workflow.connect(summary, "out_report", ds_summary, "in_file")
    return workflow


def _sidecars(image, names, *, segmentation):
    """What is known beforehand about each result that has a sidecar of its own."""
    # Measures are made on the weights of a manual mask, so it is a source of theirs as well.
    by_hand = [image.manual_uris["SC"]] if segmentation == "manual" else []
    sources = [image.uri, *by_hand]
    spatial = {"SpatialReference": image.uri}
    mask, centerline = uri_of(names["mask"]), uri_of(names["centerline"])
    return {
        "mask": {
            "Description": "Spinal cord",
            "Type": "ROI",
            **spatial,
            "Sources": sources,
        },
        "probseg": {
            "Description": "Spinal cord, weights from 0 to 1",
            **spatial,
            "Sources": sources,
        },
        "centerline_mask": {
            "Description": "Centreline of the spinal cord: one voxel in each slice, and a table",
            "Type": "ROI",
            **spatial,
            "Sources": [mask, *by_hand],
        },
        "morphometry": {
            "Description": "Shape of the spinal cord, one row per slice, lowest first",
            "Sources": [mask, centerline, *by_hand],
        },
    }


def _columns(segmentation):
    """Descriptions of the columns of each table."""
    from sctflow.core.morphometry import COLUMNS

    morphometry = dict(COLUMNS)
    if segmentation == "network":
        morphometry["confidence"] = {
            "Description": "Confidence of the segmentation in this slice, from 0 to 1"
        }
    return {"centerline_mask": CENTERLINE_COLUMNS, "morphometry": morphometry}


def _figure_sinks(image, output_dir, figures):
    return [
        figure_sink(image, output_dir, figure, extension=FIGURE_EXTENSIONS.get(figure, ".svg"))
        for figure in figures
    ]
