"""Grids as an operator would place them: upright sagittal slabs, axial stacks across the cord."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy

Grid = tuple[tuple[int, int, int], np.ndarray]
"""Shape, and affine from voxel indices to RAS mm."""


def sagittal_grid(
    anatomy: Anatomy,
    upper: float,
    lower: float,
    *,
    zoom: float = 1.0,
    thickness: float = 1.0,
    width: float = 56.0,
    depth: float = 160.0,
    forward: float = 10.0,
) -> Grid:
    """An upright slab of sagittal slices.

    Parameters
    ----------
    anatomy
        The person; the slab is centred on the cord's mean place between the two levels.
    upper, lower
        Continuous vertebral levels at the upper and lower edge of the field of view.
    zoom, thickness
        Voxel size in the slice and slice spacing, mm.
    width, depth
        Extent right to left and front to back, mm.
    forward
        Distance in mm by which the middle of the field of view lies in front of the cord.

    Returns
    -------
    Grid
        Stored as scanners do: first axis to the back, second up, third to the right.
    """
    points = _cord_between(anatomy, upper, lower)
    middle = 0.5 * (points.min(0) + points.max(0)) + np.array([0.0, forward, 0.0])
    height = np.ptp(points[:, 2])
    shape = tuple(
        int(np.ceil(mm / step)) for mm, step in ((depth, zoom), (height, zoom), (width, thickness))
    )
    columns = np.array([[0, 0, thickness], [-zoom, 0, 0], [0, zoom, 0]], float)
    return shape, _centred(columns, shape, middle)


def axial_grid(
    anatomy: Anatomy,
    upper: float,
    lower: float,
    *,
    zoom: tuple[float, float] = (0.5, 0.5),
    thickness: float = 5.0,
    matrix: tuple[int, int] = (192, 192),
    forward: float = 0.0,
    perpendicular: bool = True,
) -> Grid:
    """A stack of axial slices.

    Parameters
    ----------
    anatomy
        The person; the stack is centred on the cord half-way between the two levels.
    upper, lower
        Continuous vertebral levels between which the slices lie.
    zoom
        Voxel size right to left and front to back, mm.
    thickness
        Slice spacing, mm.
    matrix
        Voxels right to left and front to back.
    forward
        Distance in mm by which the middle of the field of view lies in front of the cord.
    perpendicular
        Whether the stack is tilted to cross the cord at a right angle in its middle.

    Returns
    -------
    Grid
        First axis to the left, second to the front, third up.
    """
    points = _cord_between(anatomy, upper, lower)
    axes = np.eye(3)
    if perpendicular:
        chord = points[-1] - points[0]
        tilt = np.arctan2(chord[1], chord[2])
        axes[1, 1:] = np.cos(tilt), -np.sin(tilt)
        axes[2, 1:] = np.sin(tilt), np.cos(tilt)
    along = points @ axes[2]
    n = max(1, int(np.ceil(np.ptp(along) / thickness)))
    nearest = points[np.argmin(np.abs(along - 0.5 * (along.min() + along.max())))]
    shape = (*matrix, n)
    columns = (axes * np.array([-zoom[0], zoom[1], thickness])[:, None]).T
    return shape, _centred(columns, shape, nearest + forward * axes[1])


def _cord_between(anatomy: Anatomy, upper: float, lower: float) -> np.ndarray:
    """Points of the cord from the lower to the upper level, (n, 3) world mm."""
    low, high = anatomy.levels.position(lower), anatomy.levels.position(upper)
    return anatomy.curve.at(np.linspace(low, high, 101))[0]


def _centred(columns: np.ndarray, shape: tuple[int, ...], middle: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = middle - columns @ ((np.array(shape) - 1) / 2)
    return affine
