"""A sink: what places one result under its name."""

from __future__ import annotations

from pathlib import Path

from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput, build_derivative_name
from sctflow.interfaces.bids import DerivativesSink


def name_of(image: ImageInput, **entities: str) -> Path:
    """Path of a derivative of an image, below the root of the output dataset."""
    return build_derivative_name(image.entities, **entities)


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
