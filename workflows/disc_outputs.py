"""Sinks of discs that were named, or could not be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sctflow.bids import ImageInput
from sctflow.workflows.literate import Workflow
from sctflow.workflows.sinks import name_of, sink, space_of

COLUMNS = {
    "index": {
        "Description": "Value in the image: disc v lies above vertebra v (3 is C2/C3, 8 is C7/T1, "
        "21 is L1/L2), 50 is the pontomedullary junction, 60 the conus; discs without a name are "
        "numbered from the top, 101 and so on"
    },
    "name": {"Description": "Name of the disc or point"},
    "confidence": {"Description": "Confidence that it is there, from 0 to 1; 1 if given by hand"},
    "inferred": {"Description": "1 where it was not seen but placed between others, else 0"},
    "manual": {"Description": "1 where a person placed or named it, else 0"},
}

STANDARD = ("index", "name")
"""Columns that BIDS describes itself."""

EVIDENCE = {
    "spacing": "distances between discs",
    "cord": "area of the cord along it",
    "ends": "ends of the cord",
    "head": "top of C1, C1/C2 and C2/C3, where they were seen",
    "PMJ": "pontomedullary junction, where it was seen",
    "sacrum": "disc L5/S1, where it was seen",
}

PROBABILITIES = {
    "value": {"Description": "Value of the uppermost disc of this naming"},
    "probability": {"Description": "Probability of the naming"},
    **{
        name: {"Description": f"What speaks for it, as a log-probability: {what}"}
        for name, what in EVIDENCE.items()
    },
}


def add_disc_sinks(
    workflow: Workflow,
    image: ImageInput,
    output_dir: Path,
    labels_uris: Sequence[str],
    *,
    shown: bool,
) -> None:
    """Add sinks of the label images of discs, with their tables.

    Parameters
    ----------
    workflow : Workflow
        With an ``inputnode`` that has the fields :data:`sctflow.workflows.lay_levels.DISCS`,
        ``probabilities`` and ``naming``.
    image : ImageInput
        The image that the discs are drawn on.
    output_dir : pathlib.Path
        Root of the output dataset.
    labels_uris : sequence of str
        BIDS URIs of what the discs come from.
    shown : bool
        Whether the image is among those that discs were looked for in: with these goes the table
        of namings.
    """
    inputnode = workflow.get_node("inputnode")
    own = {"space": space_of(image), "seg": "discs", "suffix": "dseg"}
    about = {"SpatialReference": image.uri, "Sources": list(labels_uris)}
    for result, desc, what in (
        (
            "discs",
            None,
            "Posterior tips of intervertebral discs, one voxel each with the value of the "
            "vertebra below; 50 is the pontomedullary junction, 60 the conus",
        ),
        (
            "unnamed",
            "unnamed",
            "Posterior tips of discs that could not be named, numbered from the top from 101 on",
        ),
    ):
        entities = own if desc is None else {**own, "desc": desc}
        ds_image = sink(
            f"ds_{result}",
            output_dir,
            name_of(image, extension=".nii.gz", **entities),
            {"Description": what, **about},
            {name: column for name, column in COLUMNS.items() if name not in STANDARD},
        )
        ds_table = sink(
            f"ds_{result}_table", output_dir, name_of(image, extension=".tsv", **entities)
        )
        workflow.connect([
            (inputnode, ds_image, [(result, "in_file"), ("naming", "method")]),
            (inputnode, ds_table, [(f"{result}_table", "in_file")]),
        ])  # fmt: skip
    if not shown:
        return
    ds_probabilities = sink(
        "ds_probabilities",
        output_dir,
        name_of(image, extension=".tsv", **own, desc="namings"),
        {
            "Description": "How likely each naming of the discs is, and what speaks for it",
            "Sources": list(labels_uris),
        },
        PROBABILITIES,
    )
    workflow.connect([
        (inputnode, ds_probabilities, [("probabilities", "in_file"), ("naming", "method")]),
    ])  # fmt: skip
