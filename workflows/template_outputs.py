"""Sinks of what lies between an image and a template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sctflow.bids import ImageInput
from sctflow.workflows.literate import Workflow
from sctflow.workflows.sinks import name_of, reference_suffix, sink, space_of, uri_of

TISSUES = {
    "template_cord": ("SC", "Spinal cord"),
    "template_gray": ("GM", "Gray matter"),
    "template_white": ("WM", "White matter"),
    "template_csf": ("CSF", "Cerebrospinal fluid"),
}


def add_template_sinks(
    workflow: Workflow,
    image: ImageInput,
    output_dir: Path,
    *,
    template: str,
    labels_uris: Sequence[str],
    mask: Path,
    morphometry: Path,
) -> None:
    """Add sinks of the transforms, of what was warped, and of the normalised morphometry.

    Parameters
    ----------
    workflow : Workflow
        With an ``inputnode`` that has the fields
        :data:`sctflow.workflows.template.TEMPLATE_RESULTS`.
    image : ImageInput
        The image that was registered.
    output_dir : pathlib.Path
        Root of the output dataset.
    template : str
        Name of the template.
    labels_uris : sequence of str
        BIDS URIs of what the labels come from that the registration went by.
    mask, morphometry : pathlib.Path
        Names of the results that these come from.
    """
    suffix = image.entities["suffix"]
    sources = [image.uri, uri_of(mask), *labels_uris]
    to_name = name_of(image, suffix="xfm", extension=".nii.gz", source=suffix, target=template)
    from_name = name_of(image, suffix="xfm", extension=".nii.gz", source=template, target=suffix)
    own = {"space": space_of(image), "suffix": "probseg"}
    shown = reference_suffix(image)
    on_image = {
        "SpatialReference": image.uri,
        "Sources": [uri_of(from_name), f"bids:{template}:"],
    }
    atlas = {"seg": template, **own}
    placed = {
        "to_template": (to_name, _field(suffix, template, sources)),
        "from_template": (from_name, _field(template, suffix, sources)),
        "in_template": (
            name_of(image, suffix=shown, extension=".nii.gz", space=template, desc="preproc"),
            {
                "Description": f"The image on the grid of {template}, interpolated once",
                "SkullStripped": False,
                "SpatialReference": template,
                "Sources": [image.uri, uri_of(to_name)],
            },
        ),
        "template_image": (
            name_of(
                image, suffix=shown, extension=".nii.gz", space=space_of(image), desc=template
            ),
            {
                "Description": f"The image of {template} on the grid of this one",
                "SkullStripped": False,
                **on_image,
            },
        ),
        **{
            result: (
                name_of(image, extension=".nii.gz", label=label, desc=template, **own),
                {"Description": f"{what} of {template}, weights from 0 to 1", **on_image},
            )
            for result, (label, what) in TISSUES.items()
        },
        "atlas": (
            name_of(image, extension=".nii.gz", **atlas),
            {
                "Description": f"Regions of the atlas of {template}, one volume each, in the "
                "order of the table: partial volumes from 0 to 1",
                **on_image,
            },
        ),
        "atlas_table": (name_of(image, extension=".tsv", **atlas), None),
    }
    inputnode = workflow.get_node("inputnode")
    for result, (name, sidecar) in placed.items():
        ds_result = sink(f"ds_{result}", output_dir, name, sidecar)
        workflow.connect(inputnode, result, ds_result, "in_file")
        if sidecar:
            workflow.connect(inputnode, "registration", ds_result, "method")
    ds_normalized = _normalized(image, output_dir, template, morphometry, labels_uris)
    workflow.connect([
        (inputnode, ds_normalized, [("normalized", "in_file"), ("registration", "method")]),
    ])  # fmt: skip


def _normalized(image, output_dir, template, morphometry, labels_uris):
    from sctflow.core.normalized import COLUMNS

    name = name_of(
        image,
        suffix="morph",
        extension=".tsv",
        space=space_of(image),
        label="SC",
        desc=template,
    )
    sidecar = {
        "Description": f"Shape of the spinal cord on the slices of {template}",
        "Sources": [uri_of(morphometry), *labels_uris],
    }
    return sink("ds_normalized", output_dir, name, sidecar, COLUMNS)


def _field(source, target, sources):
    return {
        "Description": f"Displacement field (ITK, LPS mm) that resamples images of {source} onto "
        f"{target}",
        "From": source,
        "To": target,
        "Sources": sources,
    }
