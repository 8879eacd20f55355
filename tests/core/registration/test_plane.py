"""Transforms that stay in the slices: inverses, continuation, folds."""

import numpy as np
import pytest

from sctflow.core.registration import PlaneAffine, PlaneField, PlaneGrid
from sctflow.core.transforms import jacobian_determinant

AFFINE = np.diag([0.5, 0.8, 4.0, 1.0])


@pytest.fixture
def grid(rotate):
    return PlaneGrid.of_image(rotate("x", 20) @ rotate("y", -35) @ AFFINE, (30, 20, 6))


@pytest.fixture
def maps(grid):
    random = np.random.default_rng(3)
    linear = np.eye(2) + random.normal(0, 0.15, (6, 2, 2))
    return PlaneAffine(grid, np.concatenate([linear, random.normal(0, 4, (6, 2, 1))], axis=2))


@pytest.fixture
def points():
    return np.random.default_rng(4).uniform(-60, 60, (500, 3))


def test_the_grid_is_the_images_own_in_canonical_order(any_orientation, reorient, rotate):
    stored, affine = reorient(np.zeros((30, 20, 6)), rotate("z", 10) @ AFFINE, any_orientation)
    grid = PlaneGrid.of_image(affine, stored.shape)
    assert grid.shape == (30, 20, 6)
    np.testing.assert_allclose(grid.affine, rotate("z", 10) @ AFFINE, atol=1e-12)


def test_the_grid_of_a_sheared_image_has_right_angles_and_holds_all_of_it():
    affine = AFFINE.copy()
    affine[1, 2] = 1.5  # a tilted gantry: every slice begins farther to the front
    grid = PlaneGrid.of_image(affine, (30, 20, 6))
    axes = grid.affine[:3, :3] / grid.spacing
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    ends = np.array([[0, 0, 0], [29, 19, 5]]) @ affine[:3, :3].T
    indices = grid.to_frame(ends) / grid.spacing
    assert indices.min() > -1e-9
    assert (indices <= np.array(grid.shape) - 1 + 1e-9).all()


def test_affine_maps_never_leave_the_slice_and_their_inverse_is_exact(grid, maps, points):
    there = maps.map_points(points)
    assert np.abs((there - points) @ grid.axes[:, 2]).max() < 1e-12
    assert np.linalg.norm(there - points, axis=1).max() > 3
    np.testing.assert_allclose(maps.inverse().map_points(there), points, atol=1e-9)


def test_maps_are_interpolated_between_slices_and_stay_the_same_beyond(grid, maps):
    at = grid.from_frame(np.array([[5, 5, h] for h in (4.0, 6.0, 8.0, 20.0, 50.0)]))
    moves = (maps.map_points(at) - at) @ grid.axes[:, :2]
    np.testing.assert_allclose(moves[1], (moves[0] + moves[2]) / 2, atol=1e-12)
    np.testing.assert_allclose(moves[4], moves[3], atol=1e-12)


def bump(grid, height):
    x, y = grid.positions()
    shape = np.exp(-((x[:, None] - 7) ** 2 + (y[None] - 8) ** 2) / 8)
    vectors = np.zeros((*grid.shape, 2))
    vectors[..., 0] = height * shape[..., None]
    return PlaneField(grid, vectors)


def test_a_field_there_and_back(grid):
    field = bump(grid, 1.5)
    spots = np.random.default_rng(5).uniform([3, 3, 0], [11, 12, 20], (300, 3))
    points = grid.from_frame(spots)
    back = field.inverse().map_points(field.map_points(points))
    # Both are interpolated between voxels of 0.5 x 0.8 mm.
    assert np.linalg.norm(back - points, axis=1).max() < 0.1


def test_a_field_without_folds_is_left_alone(grid):
    field = bump(grid, 1.5)
    same, folded = field.unfolded()
    assert folded == 0
    assert same is field


def test_a_field_that_folds_is_smoothed_until_it_does_not(grid):
    field = bump(grid, 6.0)
    assert jacobian_determinant(field.field()).min() < 0
    smooth, folded = field.unfolded()
    assert folded > 0
    assert jacobian_determinant(smooth.field()).min() > 0
    assert np.abs(smooth.vectors).max() > 1
