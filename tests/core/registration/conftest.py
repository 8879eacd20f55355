"""Scenes with known maps between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from sctflow.core.registration import ImageData, PlaneAffine, PlaneGrid
from sctflow.core.transforms.field import centers


def rotation(degrees):
    """2 x 2, anticlockwise seen from above."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@dataclass
class Scene:
    """A fixed image, the same scene after a known map, and the map."""

    fixed: ImageData
    moving: ImageData
    truth: PlaneAffine
    cord: np.ndarray

    def errors(self, chain):
        """Distance in the cord between where a chain and the truth send points."""
        points = self.cord
        for transform in chain:
            points = transform.map_points(points)
        return np.linalg.norm(points - self.truth.map_points(self.cord), axis=1)


def paint(x, y, *, kind):
    """Value at mm from the cord's centre: an oval cord, dark gray matter, bright fluid."""
    radius = np.hypot(x / 6.5, y / 4.5)

    def inside(r, width):
        return 1 / (1 + np.exp((r - 1) / width))

    if kind == "seg":
        return inside(radius, 0.03)
    gray = np.exp(-(((np.abs(x) - 2) / 1.2) ** 2) - ((y - 0.4 * np.abs(x) + 1) / 1.6) ** 2)
    root = np.exp(-(((x - 7.5) / 2) ** 2) - ((y + 4) / 1.5) ** 2)
    canal = inside(np.hypot(x / 11, (y + 0.7) / 8), 0.05)
    image = 100 + 150 * canal - 100 * inside(radius, 0.06) - 50 * gray - 80 * root
    return 500 - 1.5 * image if kind == "reversed" else image


def make_scene(
    *,
    shift=(0.0, 0.0),
    degrees=0.0,
    scale=(1.0, 1.0),
    wave=0.0,
    zooms=(0.75, 0.75, 5.0),
    shape=(60, 56, 7),
    world=None,
    kind="image",
    binary=False,
):
    """Draw a scene twice, with a map in each slice that takes one to the other.

    The cord leans, so that slices differ. `wave` lets the map change from slice to slice, by that
    share of itself.
    """
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * zooms
    if world is not None:
        affine = world @ affine
    grid = PlaneGrid.of_image(affine, shape)
    heights = grid.heights
    middle = np.array([(n - 1) / 2 * s for n, s in zip(grid.shape, grid.spacing, strict=True)])
    home = middle[:2] + np.outer(heights - middle[2], [0.05, 0.1])
    share = 1 - wave * (1 - np.cos(1.3 * np.arange(len(heights)))) / 2
    linear = np.array(
        [rotation(degrees * s) @ np.diag(1 + s * (np.array(scale) - 1)) for s in share]
    )
    offset = home + share[:, None] * np.array(shift)
    offset = offset - np.einsum("sij,sj->si", linear, home)
    truth = PlaneAffine(grid, np.concatenate([linear, offset[:, :, None]], axis=2))

    def drawn(points, what):
        frame = grid.to_frame(points)
        origin = np.stack([np.interp(frame[:, 2], heights, home[:, a]) for a in (0, 1)], axis=1)
        values = paint(*(frame[:, :2] - origin).T, kind=what).reshape(shape)
        return (values > 0.5).astype(np.uint8) if binary and what == "seg" else values

    points = centers(affine, shape, slice(0, shape[0]))
    before = truth.inverse().map_points(points)
    seg = drawn(points, "seg")
    return Scene(
        ImageData(affine, image=drawn(points, "image"), seg=seg),
        ImageData(affine, image=drawn(before, kind), seg=drawn(before, "seg")),
        truth,
        points.reshape(*shape, 3)[seg > 0.5],
    )


@pytest.fixture(scope="session")
def scene():
    return make_scene
