"""Shapes with known answers, drawn on voxels."""

from __future__ import annotations

from collections.abc import Callable

import nibabel as nib
import numpy as np
import pytest

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]


def draw_tube(
    *,
    semi_axes: tuple[float, float] = (6.5, 4.0),
    turned: float = 0.0,
    slope: tuple[float, float] = (0.0, 0.0),
    shift: tuple[float, float] = (0.0, 0.0),
    bend: Callable[[np.ndarray], np.ndarray] | None = None,
    zooms: tuple[float, float, float] = (1.0, 1.0, 1.0),
    shape: tuple[int, int, int] = (40, 36, 21),
    samples: int = 8,
    to_world: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a tube that is an ellipse in every plane z = const.

    Parameters
    ----------
    semi_axes : (right-left, front-back) in mm before turning
    turned : degrees, positive when the left end goes to the front
    slope : steps to the right and to the front per mm upwards
    shift : mm
    bend : takes heights to an (n, 2) displacement in mm
    samples : per voxel side in the plane; 1 draws a binary mask, more give partial volume
    to_world : (4, 4) takes the tube's own mm (origin at the volume's centre) to world mm

    Returns
    -------
    mask, affine
    """
    step = np.arange(samples) / samples + 0.5 / samples - 0.5
    x, y = (
        (((np.arange(n) - (n - 1) / 2)[:, None] + step).ravel() * zoom)
        for n, zoom in zip(shape[:2], zooms[:2], strict=True)
    )
    z = (np.arange(shape[2]) - (shape[2] - 1) / 2) * zooms[2]
    center = np.array(shift) + z[:, None] * np.array(slope)
    if bend is not None:
        center = center + bend(z)
    dx = x[:, None, None] - center[:, 0]
    dy = y[None, :, None] - center[:, 1]
    cos, sin = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    inside = (
        ((cos * dx - sin * dy) / semi_axes[0]) ** 2 + ((sin * dx + cos * dy) / semi_axes[1]) ** 2
    ) <= 1
    mask = inside.reshape(shape[0], samples, shape[1], samples, shape[2]).mean(axis=(1, 3))
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * zooms
    if to_world is not None:
        affine = to_world @ affine
    return (mask > 0.5).astype(np.uint8) if samples == 1 else mask, affine


@pytest.fixture(scope="session")
def tube() -> Draw:
    return draw_tube


def rotation(axis: str, degrees: float) -> np.ndarray:
    """4 x 4 rotation about a world axis."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[[i, j, i, j], [i, j, j, i]] = cos, cos, -sin, sin
    return matrix


@pytest.fixture(scope="session")
def rotate() -> Callable[[str, float], np.ndarray]:
    return rotation


def reoriented(data: np.ndarray, affine: np.ndarray, codes: str) -> tuple[np.ndarray, np.ndarray]:
    """Store the same image with its voxel axes running along `codes`, such as ``PIR``."""
    img = nib.Nifti1Image(data, affine)
    change = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(codes)
    )
    img = img.as_reoriented(change)
    return np.asanyarray(img.dataobj), img.affine


@pytest.fixture(scope="session")
def reorient() -> Callable[[np.ndarray, np.ndarray, str], tuple[np.ndarray, np.ndarray]]:
    return reoriented


def all_orientations() -> list[str]:
    """The 48 ways to store a volume."""
    from itertools import permutations, product

    pairs = ("RL", "AP", "SI")
    return [
        "".join(pair[flip] for pair, flip in zip(order, flips, strict=True))
        for order in permutations(pairs)
        for flips in product((0, 1), repeat=3)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "any_orientation" in metafunc.fixturenames:
        metafunc.parametrize("any_orientation", all_orientations())
