"""What nodes that draw figures have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import SimpleInterface, isdefined

from sctflow.io import load_image, save_text


def read_voxels(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of an image as they are stored, and its affine."""
    img = load_image(path)
    return np.asanyarray(img.dataobj), img.affine


def read_optional(path: str) -> np.ndarray | None:
    """Voxels of an image, or None where the file is not given."""
    return read_voxels(path)[0] if isdefined(path) else None


def save_figure(
    interface: SimpleInterface,
    folder: Path,
    figure: object,
    label: str,
    name: str = "figure",
    output: str = "out_report",
) -> None:
    """Save a figure in the node's folder as SVG and hand it on as an output.

    Parameters
    ----------
    interface : SimpleInterface
        The node.
    folder : pathlib.Path
        Where it works.
    figure : matplotlib.figure.Figure
    label : str
        What the figure is, for those who cannot see it.
    name : str
        Of the file.
    output : str
        Of the node.
    """
    from sctflow.reports.style import to_svg

    path = save_text(to_svg(figure, label=label), folder / f"{name}.svg")
    interface._results[output] = str(path)
