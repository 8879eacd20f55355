"""A sink: what places one result under its name."""

from __future__ import annotations

from pathlib import Path

from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput, build_derivative_name, parse_name
from sctflow.interfaces.bids import DerivativesSink

REFERENCES = {"dwi": "dwiref", "bold": "boldref"}
"""Suffix of the mean of a series, by the suffix of the series."""


def name_of(image: ImageInput, **entities: str) -> Path:
    """Path of a derivative of an image, below the root of the output dataset.

    The image itself, in another space or improved, keeps all entities of its file; what was made
    from several images has those that they share.
    """
    source = image.entities
    itself = entities["suffix"] == source["suffix"] and entities.get("datatype") != "figures"
    return build_derivative_name(
        {**parse_name(image.path.name), **source} if itself else source, **entities
    )


def space_of(image: ImageInput) -> str | None:
    """The entity ``space`` of what lies on an image: its suffix in ``anat/``, else none."""
    in_anat = image.entities.get("datatype", "anat") == "anat"
    return image.entities["suffix"] if in_anat else None


def reference_suffix(image: ImageInput) -> str:
    """Suffix of the image that the cord was found in: of a series, its mean."""
    return REFERENCES.get(image.entities["suffix"], image.entities["suffix"])


def uri_of(name: str | Path) -> str:
    """BIDS URI of a result."""
    return f"bids::{Path(name).as_posix()}"


def sink(
    node_name: str,
    output_dir: Path,
    name: str | Path,
    sidecar: dict | None = None,
    columns: dict | None = None,
) -> pe.Node:
    """Node that places a file, with its sidecar if it has one.

    Parameters
    ----------
    node_name : str
        Of the node.
    output_dir : pathlib.Path
        Root of the output dataset.
    name : path
        See :func:`name_of`.
    sidecar, columns : dict, optional
        See :class:`sctflow.interfaces.bids.DerivativesSink`.
    """
    return pe.Node(
        DerivativesSink(
            base_directory=str(output_dir),
            name=str(name),
            sidecar=sidecar or {},
            columns=columns or {},
        ),
        name=node_name,
        run_without_submitting=True,
        mem_gb=0.05,
    )


def motion_tables(image: ImageInput) -> dict[str, tuple[Path, dict, dict]]:
    """Name, sidecar and columns of the tables of motion of a series, by result."""
    from sctflow.core.motion import COLUMNS

    told = {
        "motion": ("motion", "Motion of the cord in each volume, means of the slices"),
        "slice_motion": ("motionslice", "Motion of the cord in each slice of each volume"),
    }
    return {
        result: (
            name_of(image, suffix="timeseries", desc=desc, extension=".tsv"),
            {"Description": what, "Sources": [image.uri]},
            COLUMNS,
        )
        for result, (desc, what) in told.items()
    }


def figure_sink(
    image: ImageInput, output_dir: Path, figure: str, *, extension: str = ".svg"
) -> pe.Node:
    """Node that places a figure of an image, named after what it shows.

    Parameters
    ----------
    image : ImageInput
        The image whose section of the report has the figure.
    output_dir : pathlib.Path
        Root of the output dataset.
    figure : str
        Its name, in the entity ``desc``; the node is ``ds_<figure>``.
    extension : str
        Of the file.
    """
    name = name_of(
        image,
        suffix=image.entities["suffix"],
        space=space_of(image),
        desc=figure,
        datatype="figures",
        extension=extension,
    )
    return sink(f"ds_{figure}", output_dir, name)
