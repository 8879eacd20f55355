"""Labelled points brought together by the freedoms that are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sctflow.core.registration.plane import PlaneGrid
from sctflow.core.transforms import Affine

FIRM = 1e-3
"""Weight of staying put against bringing points together: decides only what they leave open,
such as the rotation about the line that discs lie on."""


def match_points(
    fixed: np.ndarray, moving: np.ndarray, *, dof: Sequence[str], grid: PlaneGrid
) -> Affine:
    """Find the transform that takes points to their partners with least squared distance.

    Parameters
    ----------
    fixed, moving : (n, 3) array
        World mm, partner by partner.
    dof : sequence of str
        Translations, rotations and scalings that are free, along and about the axes of the fixed
        image, through the middle of its points.
    grid : PlaneGrid
        Of the fixed image: its axes.
    """
    from scipy.optimize import least_squares

    middle = fixed.mean(axis=0)
    start, end = ((points - middle) @ grid.axes for points in (fixed, moving))
    size = np.sqrt((start**2).sum(axis=1).mean()) or 1.0

    def residual(values: np.ndarray) -> np.ndarray:
        linear, shift = _compose(values, dof, size)
        return np.concatenate([(start @ linear.T + shift - end).ravel(), FIRM * values])

    values = least_squares(residual, np.zeros(len(dof)), x_scale=1.0, xtol=1e-12, ftol=1e-12).x
    linear, shift = _compose(values, dof, size)
    matrix = np.eye(4)
    matrix[:3, :3] = grid.axes @ linear @ grid.axes.T
    matrix[:3, 3] = middle + grid.axes @ shift - matrix[:3, :3] @ middle
    return Affine(matrix)


def _compose(values: np.ndarray, dof: Sequence[str], size: float) -> tuple[np.ndarray, np.ndarray]:
    """Linear part (3, 3) and shift (3,) of freedoms given in mm at the distance `size`."""
    given = dict(zip(dof, values, strict=True))
    shift = np.array([given.get(f"T{axis}", 0.0) for axis in "xyz"])
    scale = np.exp([given.get(f"S{axis}", 0.0) / size for axis in "xyz"])
    linear = np.diag(scale)
    for axis, (i, j) in {"x": (1, 2), "y": (2, 0), "z": (0, 1)}.items():
        angle = given.get(f"R{axis}", 0.0) / size
        turn = np.eye(3)
        turn[[i, j, i, j], [i, j, j, i]] = (
            np.cos(angle),
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
        )
        linear = turn @ linear
    return linear, shift
