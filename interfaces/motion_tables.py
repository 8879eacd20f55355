"""What nodes read from tables of motion."""

from __future__ import annotations

from sctflow.io import load_table


def read_shifts(path):
    """Read shifts (slices, volumes, 2), mm, of a table of slices, and the axis across them."""
    import numpy as np

    table = load_table(path)
    axes = [axis for axis in "xyz" if f"trans_{axis}" in table]
    courses = [
        table.pivot(index="slice", columns="volume", values=f"trans_{axis}") for axis in axes
    ]
    (across,) = (index for index, axis in enumerate("xyz") if axis not in axes)
    return np.stack([course.to_numpy(float) for course in courses], axis=-1), across
