"""Sinks of what is made from a diffusion series."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput
from sctflow.workflows.dwi import MAPS, RESULTS, VALUES
from sctflow.workflows.dwi_reports import FIGURES, VALUE_FIGURES
from sctflow.workflows.literate import Workflow
from sctflow.workflows.outputs import add_figure_sinks
from sctflow.workflows.sinks import motion_tables, name_of, sink, uri_of
from sctflow.workflows.values import describe_values

WHAT = {
    "fa": ("Fractional anisotropy", None),
    "md": ("Mean diffusivity", "mm^2/s"),
    "ad": ("Axial diffusivity", "mm^2/s"),
    "rd": ("Radial diffusivity", "mm^2/s"),
    "residual": ("Root of the residual variance, in the units of the series,", "arbitrary"),
}
"""What each map shows of a diffusion tensor, and its unit; the anisotropy has none."""


def init_dwi_outputs_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    fit: str = "wls",
    template: str | None = None,
    name: str = "dwi_outputs_wf",
) -> Workflow:
    """Place what was made from one diffusion series in the output dataset.

    The cord in its mean is placed by :func:`sctflow.workflows.outputs.init_cord_outputs_wf`.

    Workflow Graph
        one sink for every result

    Parameters
    ----------
    image : ImageInput
        The series.
    output_dir : pathlib.Path
        Root of the output dataset.
    fit : str
        See :func:`sctflow.workflows.dwi.init_dwi_wf`.
    template : str, optional
        Name of the template that the series was registered with, if it was.
    name : str
        Name of the workflow.

    Inputs
    ------
    series, bval, bvec, …
        See :func:`sctflow.workflows.dwi.init_dwi_wf`.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(fields=[*RESULTS, *VALUES, *FIGURES, *VALUE_FIGURES]),
        name="inputnode",
    )
    names = {
        "series": name_of(image, suffix="dwi", desc="preproc", extension=".nii.gz"),
        "bval": name_of(image, suffix="dwi", desc="preproc", extension=".bval"),
        "bvec": name_of(image, suffix="dwi", desc="preproc", extension=".bvec"),
        "dwiref": reference_name(image),
        "b0ref": name_of(image, suffix="b0ref", extension=".nii.gz"),
        **{one: _map_name(image, one) for one in WHAT},
    }
    placed = {"bval": ({}, {}), "bvec": ({}, {}), **_series(image, names)}
    for result, (path, *told) in motion_tables(image).items():
        names[result], placed[result] = path, told
    placed |= _maps(names, fit)
    if template:
        names |= {f"{one}_values": _map_name(image, one, template) for one in MAPS}
        placed |= _values(image, names, template)
    for result, (sidecar, columns) in placed.items():
        node = sink(f"ds_{result}", output_dir, names[result], sidecar, columns)
        workflow.connect(inputnode, result, node, "in_file")
        if told := {"series": "method", "b0ref": "snr"}.get(result):
            workflow.connect(inputnode, told, node, "method")
    add_figure_sinks(workflow, image, output_dir, (*FIGURES, *(VALUE_FIGURES if template else ())))
    return workflow


def reference_name(image: ImageInput) -> Path:
    """Name of the mean of the weighted volumes, on whose grid everything lies."""
    return name_of(image, suffix="dwiref", extension=".nii.gz")


def _map_name(image, one, template=None):
    return name_of(
        image,
        suffix="dwimap",
        model="tensor",
        param=one,
        seg=template,
        extension=".tsv" if template else ".nii.gz",
    )


def _series(image, names):
    """Sidecars and columns of the series and its means."""
    series = uri_of(names["series"])
    mean = {"SkullStripped": False, "Sources": [series]}
    return {
        "series": (
            {
                "Description": "Diffusion series; what Denoising and MotionCorrection name was "
                "done with it, slices being moved back to their mean place",
                **image.metadata,
                "Denoising": "none",
                "SkullStripped": False,
                "Sources": [image.uri],
            },
            {},
        ),
        "dwiref": (
            {"Description": "Mean of the volumes with diffusion weighting", **mean},
            {},
        ),
        "b0ref": (
            {"Description": "Mean of the volumes without diffusion weighting", **mean},
            {},
        ),
    }


def _maps(names, fit):
    """Sidecars of the maps."""
    found = {}
    for one, (what, unit) in WHAT.items():
        sidecar = {
            "Description": f"{what} of a diffusion tensor, in and about the cord",
            "Model": {"Description": "Diffusion tensor", "Parameters": {"FitMethod": fit}},
            "SkullStripped": False,
            "Sources": [uri_of(names["series"])],
        }
        found[one] = (sidecar | ({"Units": unit} if unit else {}), {})
    return found


def _values(image, names, template):
    """Sidecars and columns of the values in the atlas."""
    atlas = uri_of(name_of(image, suffix="probseg", seg=template, extension=".nii.gz"))
    found = {}
    for one in MAPS:
        what, unit = WHAT[one]
        found[f"{one}_values"] = describe_values(
            what=what, template=template, sources=[uri_of(names[one]), atlas], unit=unit
        )
    return found
