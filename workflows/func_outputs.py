"""Sinks of what is made from a functional series."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput
from sctflow.workflows.func import FUNC_RESULTS
from sctflow.workflows.func_reports import FUNC_FIGURES
from sctflow.workflows.func_template import REGISTERED_RESULTS, VALUE_FIGURES
from sctflow.workflows.func_timing import SliceTiming
from sctflow.workflows.literate import Workflow
from sctflow.workflows.outputs import add_figure_sinks
from sctflow.workflows.sinks import motion_tables, name_of, reference_suffix, sink, uri_of
from sctflow.workflows.values import describe_values


def init_func_outputs_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    slice_timing: SliceTiming | None = None,
    smooth_mm: float | None = None,
    template: str | None = None,
    in_template: bool = False,
    name: str = "func_outputs_wf",
) -> Workflow:
    """Place what was made from one functional series in the output dataset.

    The cord in its mean is placed by :func:`sctflow.workflows.outputs.init_cord_outputs_wf`.

    Workflow Graph
        one sink for every result

    Parameters
    ----------
    image : ImageInput
        The series.
    output_dir : pathlib.Path
        Root of the output dataset.
    slice_timing, smooth_mm
        See :func:`sctflow.workflows.func.init_func_wf`.
    template : str, optional
        Name of the template that the series was registered with, if it was.
    in_template : bool
        Whether the series was brought to it.
    name : str
        Name of the workflow.

    Inputs
    ------
    preproc, boldref, …
        See :func:`sctflow.workflows.func.init_func_wf`.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=[
                *FUNC_RESULTS, "smoothed", *REGISTERED_RESULTS, "preproc_in_template",
                *FUNC_FIGURES, *VALUE_FIGURES,
            ]
        ),
        name="inputnode",
    )  # fmt: skip
    names = _names(image)
    placed = _native(image, names, slice_timing)
    if smooth_mm:
        placed["smoothed"] = _smoothed(image, names, smooth_mm)
    if template:
        placed |= _registered(image, names, template)
    if in_template:
        placed["preproc_in_template"] = _in_template(image, names, template)
    for result, (target, sidecar, columns) in placed.items():
        node = sink(f"ds_{result}", output_dir, target, sidecar, columns)
        workflow.connect(inputnode, result, node, "in_file")
        if result == "confounds":
            workflow.connect(inputnode, "confounds_columns", node, "columns")
    add_figure_sinks(
        workflow, image, output_dir, (*FUNC_FIGURES, *(VALUE_FIGURES if template else ()))
    )
    return workflow


def reference_name(image: ImageInput) -> Path:
    """Name of the mean of a functional series."""
    return name_of(image, suffix=reference_suffix(image), extension=".nii.gz")


def _names(image):
    """Names of the results in the space of the series."""
    nifti, table = ".nii.gz", ".tsv"
    return {
        "preproc": name_of(image, suffix="bold", desc="preproc", extension=nifti),
        "boldref": reference_name(image),
        "tsnr": name_of(image, suffix="boldmap", stat="tsnr", extension=nifti),
        "confounds": name_of(image, suffix="timeseries", desc="confounds", extension=table),
        **{result: path for result, (path, *_) in motion_tables(image).items()},
        "mask": name_of(image, suffix="mask", label="SC", extension=nifti),
    }


def _native(image, names, slice_timing):
    """Name, sidecar and columns of what lies in the space of the series, and of the tables."""
    series = _series_fields(image)
    motion, preproc = uri_of(names["slice_motion"]), uri_of(names["preproc"])
    sidecars = {
        "preproc": {
            "Description": "Functional series, every slice of every volume moved back to its mean "
            "place, interpolated once",
            **series,
            "SliceTimingCorrected": slice_timing is not None,
            **({"StartTime": slice_timing.reference} if slice_timing else {}),
            "SkullStripped": False,
            "Sources": [image.uri, motion],
        },
        "boldref": {
            "Description": "Mean of the steady volumes of the preprocessed series",
            "SkullStripped": False,
            "Sources": [preproc],
        },
        "tsnr": {
            "Description": "Temporal signal-to-noise ratio of the preprocessed series: mean over "
            "standard deviation after removing the linear drift",
            "SkullStripped": False,
            "Sources": [preproc],
        },
        "confounds": {
            "Description": "What changes in the series for reasons other than the cord's activity",
            "Sources": [preproc, uri_of(names["mask"]), uri_of(names["motion"]), motion],
        },
    }
    native = {result: (names[result], sidecar, {}) for result, sidecar in sidecars.items()}
    return native | motion_tables(image)


def _smoothed(image, names, smooth_mm):
    target = name_of(image, suffix="bold", desc="smoothed", extension=".nii.gz")
    sidecar = {
        "Description": "The preprocessed series, smoothed along the centreline of the cord and "
        f"not across it: Gaussian of {smooth_mm:g} mm standard deviation",
        **_series_fields(image),
        "SkullStripped": False,
        "Sources": [uri_of(names["preproc"]), uri_of(names["mask"])],
    }
    return target, sidecar, {}


def _registered(image, names, template):
    """Values of temporal SNR in the atlas, and its map on the template's grid."""
    tsnr = uri_of(names["tsnr"])
    atlas = name_of(image, suffix="probseg", seg=template, extension=".nii.gz")
    transform = name_of(image, suffix="xfm", source="bold", target=template, extension=".nii.gz")
    return {
        "tsnr_values": (
            name_of(image, suffix="boldmap", stat="tsnr", seg=template, extension=".tsv"),
            *describe_values(
                what="Temporal signal-to-noise ratio",
                template=template,
                sources=[tsnr, uri_of(atlas)],
            ),
        ),
        "tsnr_in_template": (
            name_of(image, suffix="boldmap", stat="tsnr", space=template, extension=".nii.gz"),
            {
                "Description": f"Temporal signal-to-noise ratio on the grid of {template}",
                "SpatialReference": template,
                "SkullStripped": False,
                "Sources": [tsnr, uri_of(transform)],
            },
            {},
        ),
    }


def _in_template(image, names, template):
    target = name_of(image, suffix="bold", desc="preproc", space=template, extension=".nii.gz")
    transform = name_of(image, suffix="xfm", source="bold", target=template, extension=".nii.gz")
    sidecar = {
        "Description": f"The preprocessed series on the part of the grid of {template} that it "
        "shows, about the cord",
        **_series_fields(image),
        "SpatialReference": template,
        "SkullStripped": False,
        "Sources": [uri_of(names["preproc"]), uri_of(transform)],
    }
    return target, sidecar, {}


def _series_fields(image):
    """Fields of the series' sidecar that hold for what is made from it."""
    metadata = image.metadata
    return {name: metadata[name] for name in ("TaskName", "RepetitionTime") if name in metadata}
