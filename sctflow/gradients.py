"""Files of diffusion weighting: b-values and directions in FSL's format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sctflow.core.gradients import B0_MAX, GradientError, Gradients, check_gradients
from sctflow.io import save_text


def load_gradients(
    bval_file: str | os.PathLike,
    bvec_file: str | os.PathLike,
    n_volumes: int,
    *,
    b0_max: float = B0_MAX,
    b0_needed: bool = True,
) -> tuple[Gradients, list[str]]:
    """Read b-values and directions, and check them against the series.

    Parameters
    ----------
    bval_file, bvec_file : path
        Numbers separated by spaces, tabs or commas.
    n_volumes : int
        Of the series.
    b0_max : float
        s/mm²; volumes with at most this b-value count as b = 0.
    b0_needed : bool
        Whether a series without such a volume is refused; else that is a warning.

    Returns
    -------
    gradients, warnings
        See :func:`sctflow.core.gradients.check_gradients`.

    Raises
    ------
    GradientError
        A file that cannot be read, or a table that cannot be right.
    """
    bvals = [value for row in _read_rows(bval_file) for value in row]
    rows = _read_rows(bvec_file)
    if len({len(row) for row in rows}) > 1:
        counts = ", ".join(str(len(row)) for row in rows[:5]) + (" …" if len(rows) > 5 else "")
        raise GradientError(
            f"{bvec_file}: its rows have different numbers of values ({counts}). Each needs one "
            "per volume; export the file again."
        )
    return check_gradients(
        np.array(bvals),
        np.array(rows),
        n_volumes,
        b0_max=b0_max,
        b0_needed=b0_needed,
        bval_name=Path(bval_file).name,
        bvec_name=Path(bvec_file).name,
    )


def save_gradients(
    gradients: Gradients, bval_file: str | os.PathLike, bvec_file: str | os.PathLike
) -> tuple[Path, Path]:
    """Write b-values in a row, and directions in three."""
    bvals = " ".join(f"{value:g}" for value in gradients.bvals)
    rows = (" ".join(f"{value:.6f}" for value in axis) for axis in gradients.bvecs.T)
    return save_text(bvals + "\n", bval_file), save_text("\n".join(rows) + "\n", bvec_file)


def _read_rows(path: str | os.PathLike) -> list[list[float]]:
    """Numbers of each line that has any."""
    try:
        lines = Path(path).read_text("utf-8").replace(",", " ").splitlines()
        rows = [[float(word) for word in line.split()] for line in lines if line.strip()]
    except OSError as error:
        raise GradientError(f"{path}: cannot be read ({error}). Check the name.") from error
    except ValueError as error:
        raise GradientError(
            f"{path}: this is not a table of numbers ({error}). Export the file again."
        ) from error
    if not rows:
        raise GradientError(f"{path}: the file is empty. Export it again.")
    return rows
