"""Sinks of what is known of a cord once its levels are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput
from sctflow.workflows.disc_outputs import add_disc_sinks
from sctflow.workflows.lay_levels import DISCS, LABEL_FIGURES, LEVELS
from sctflow.workflows.literate import Workflow
from sctflow.workflows.outputs import add_figure_sinks, cord_names
from sctflow.workflows.reports import LEVEL_FIGURES
from sctflow.workflows.sinks import name_of, sink, space_of, uri_of
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS
from sctflow.workflows.template_outputs import add_template_sinks


def init_levels_outputs_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    labels_uris: Sequence[str] = (),
    junction_uris: Sequence[str] = (),
    naming: Literal["seen", "elsewhere"] | None = None,
    template: str | None = None,
    name: str = "levels_outputs_wf",
) -> Workflow:
    """Place in the output dataset what is known of a cord once its levels are.

    Workflow Graph
        one sink for every result

    Parameters
    ----------
    image : ImageInput
        The image that the results come from.
    output_dir : pathlib.Path
        Root of the output dataset.
    labels_uris : sequence of str
        BIDS URIs of what tells the levels; without any there are no levels to place.
    junction_uris : sequence of str
        BIDS URIs of that among which the pontomedullary junction may be.
    naming : {"seen", "elsewhere"}, optional
        Whether discs were named, in this image among others or in other ones of the session;
        None where labels by hand alone tell the levels.
    template : str, optional
        Name of the template that the image was registered with, if it was.
    name : str
        Name of the workflow.

    Inputs
    ------
    vertebrae, vertebrae_table, spinal, spinal_table, perlevel
        See :func:`sctflow.workflows.lay_levels.init_levels_wf`; with ``labels_uris`` only.
    bydistance
        See there; with ``junction_uris`` only.
    discs, discs_table, unnamed, unnamed_table, probabilities, naming
        See there; with ``naming`` only.
    to_template, …
        See :func:`sctflow.workflows.template.init_template_wf`; with ``template`` only.
    levels, sagittal, overlay, …
        Figures of the report.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                *LEVELS, "bydistance", *DISCS, "probabilities", "naming", *TEMPLATE_RESULTS,
                *LEVEL_FIGURES, *LABEL_FIGURES, *TEMPLATE_FIGURES,
            ]
        ),
        name="inputnode",
    )  # fmt: skip
    workflow.add_nodes([inputnode])
    names = cord_names(image)
    if labels_uris:
        _add_levels(workflow, image, output_dir, names, labels_uris, naming)
    if junction_uris:
        _add_distances(workflow, image, output_dir, names, junction_uris)
    if naming:
        add_disc_sinks(workflow, image, output_dir, labels_uris, shown=naming == "seen")
    if template:
        add_template_sinks(
            workflow,
            image,
            output_dir,
            template=template,
            labels_uris=labels_uris,
            mask=names["mask"],
            morphometry=names["morphometry"],
        )
    drawn = [*LEVEL_FIGURES, *(LABEL_FIGURES if naming == "seen" else ())]
    drawn += TEMPLATE_FIGURES if template else ()
    add_figure_sinks(workflow, image, output_dir, drawn)
    return workflow


def _add_levels(workflow, image, output_dir, names, labels_uris, naming):
    """Sinks of the levels, their names, and the measures by level."""
    inputnode = workflow.get_node("inputnode")
    space, mask = space_of(image), uri_of(names["mask"])
    by_hand = {} if naming else {"LabelMethod": "manual"}
    for result, seg, what in (
        ("vertebrae", "vertebrae", "Vertebral levels"),
        ("spinal", "spinallevels", "Spinal levels"),
    ):
        kind = {"space": space, "seg": seg, "suffix": "dseg"}
        sidecar = {
            "Description": f"{what} of the spinal cord",
            "SpatialReference": image.uri,
            "Sources": [mask, *labels_uris],
            **by_hand,
        }
        image_name = name_of(image, extension=".nii.gz", **kind)
        table_name = name_of(image, extension=".tsv", **kind)
        ds_image = sink(f"ds_{result}", output_dir, image_name, sidecar)
        ds_table = sink(f"ds_{result}_table", output_dir, table_name)
        workflow.connect([
            (inputnode, ds_image, [(result, "in_file")]),
            (inputnode, ds_table, [(f"{result}_table", "in_file")]),
        ])  # fmt: skip
        if naming:
            workflow.connect(inputnode, "naming", ds_image, "method")
    sidecar = {
        "Description": "Shape of the spinal cord, means of the slices of each vertebral level",
        "Sources": [mask, uri_of(names["morphometry"]), *labels_uris],
        **by_hand,
    }
    name = name_of(
        image, suffix="morph", extension=".tsv", desc="perlevel", space=space, label="SC"
    )
    ds_perlevel = sink("ds_perlevel", output_dir, name, sidecar, _level_columns())
    workflow.connect(inputnode, "perlevel", ds_perlevel, "in_file")
    if naming:
        workflow.connect(inputnode, "naming", ds_perlevel, "method")


def _add_distances(workflow, image, output_dir, names, junction_uris):
    """Sink of the measures at distances below the pontomedullary junction."""
    from sctflow.core.pmj import COLUMNS

    sidecar = {
        "Description": "Shape of the spinal cord in windows at distances below the "
        "pontomedullary junction",
        "Sources": [uri_of(names["mask"]), uri_of(names["morphometry"]), *junction_uris],
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
