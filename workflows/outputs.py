"""Sinks of the cord: which result goes out under which name, with which sidecar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput
from sctflow.interfaces.centerline import COLUMNS as CENTERLINE_COLUMNS
from sctflow.workflows.find_cord import RESULTS
from sctflow.workflows.literate import Workflow
from sctflow.workflows.reports import CORD_FIGURES
from sctflow.workflows.sinks import figure_sink, name_of, sink, space_of, uri_of

FIGURE_EXTENSIONS = {"summary": ".html", "levels": ".html", "details": ".html"}
"""All others are ``.svg``."""


def init_cord_outputs_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    segmentation: str,
    name: str = "cord_outputs_wf",
) -> Workflow:
    """Place what was found of the cord in one image in the output dataset.

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
    name : str
        Name of the workflow.

    Inputs
    ------
    mask, probseg, centerline_mask, centerline, morphometry, method
        See :func:`sctflow.workflows.find_cord.init_cord_wf`.
    summary, axial, area
        Figures of the report.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=[*RESULTS, *CORD_FIGURES]), name="inputnode")
    names = cord_names(image)
    columns = _columns(segmentation)
    for result, sidecar in _sidecars(image, names, segmentation=segmentation).items():
        placed = sink(f"ds_{result}", output_dir, names[result], sidecar, columns.get(result, {}))
        workflow.connect([(inputnode, placed, [(result, "in_file"), ("method", "method")])])
    # The table of the centreline shares its name, and so its sidecar, with the image.
    ds_centerline = sink("ds_centerline", output_dir, names["centerline"])
    workflow.connect(inputnode, "centerline", ds_centerline, "in_file")
    add_figure_sinks(workflow, image, output_dir, CORD_FIGURES)
    return workflow


def cord_names(image: ImageInput) -> dict[str, Path]:
    """Names of what is found of the cord in an image, by result."""
    cord = {"space": space_of(image), "label": "SC"}
    return {
        "mask": name_of(image, suffix="mask", extension=".nii.gz", **cord),
        "probseg": name_of(image, suffix="probseg", extension=".nii.gz", **cord),
        "centerline_mask": name_of(
            image, suffix="mask", extension=".nii.gz", desc="centerline", **cord
        ),
        "centerline": name_of(image, suffix="mask", extension=".tsv", desc="centerline", **cord),
        "morphometry": name_of(image, suffix="morph", extension=".tsv", desc="perslice", **cord),
    }


def add_figure_sinks(
    workflow: Workflow, image: ImageInput, output_dir: Path, figures: Sequence[str]
) -> None:
    """Add sinks of figures that the workflow's ``inputnode`` has."""
    inputnode = workflow.get_node("inputnode")
    for figure in figures:
        placed = figure_sink(
            image, output_dir, figure, extension=FIGURE_EXTENSIONS.get(figure, ".svg")
        )
        workflow.connect(inputnode, figure, placed, "in_file")


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
    ds_summary = figure_sink(image, output_dir, "summary", extension=FIGURE_EXTENSIONS["summary"])
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
