"""Smoothing acts along the cord by the amount that the Gaussian says, and nowhere else."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from sctflow.core.centerline import Centerline
from sctflow.core.cord_frame import make_frame
from sctflow.core.smooth_along import _cubic_taps, smooth_along

RADIUS = 60.0
SHAPE = (30, 50, 60)


@pytest.fixture(scope="module")
def frame():
    """A cord that bends forwards along a circle, all through the image and beyond."""
    angle = np.arange(-40.0, 60.0) / RADIUS
    zero = np.zeros_like(angle)
    return make_frame(
        Centerline(
            points=RADIUS * np.column_stack([zero, 1 - np.cos(angle), np.sin(angle)]),
            tangents=np.column_stack([zero, np.sin(angle), np.cos(angle)]),
            arc_length=RADIUS * (angle - angle[0]),
            slices=np.arange(len(angle)),
            measured=np.ones(len(angle), dtype=bool),
        )
    )


@pytest.fixture(scope="module")
def affine():
    matrix = np.eye(4)
    matrix[:3, 3] = -15, -20, -30
    return matrix


@pytest.fixture(scope="module")
def places(frame, affine):
    """Millimetres to the right, in front and along the cord of every voxel."""
    voxels = np.moveaxis(np.indices(SHAPE), 0, -1)
    return frame.from_world(nib.affines.apply_affine(affine, voxels))


@pytest.fixture(scope="module")
def inner(places):
    """Voxels that are smoothed in full and whose lines stay in the image."""
    inside = np.linalg.norm(places[..., :2], axis=-1) < 12
    inside[:, :, :15] = inside[:, :, -15:] = False
    return inside


def test_what_does_not_change_along_the_cord_stays(frame, affine, places, inner):
    image = np.cos(places[..., 0] / 2) + np.cos(places[..., 1] / 2)
    smooth = smooth_along(image, affine, frame, sigma_mm=3.0)
    # What the cubic spline loses of a wave of 12.6 mm on voxels of 1 mm.
    np.testing.assert_allclose(smooth[inner], image[inner], atol=5e-3)


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_waves_along_the_cord_are_damped_as_by_a_gaussian(frame, affine, places, inner, sigma):
    # A bent line is as long as its distance from the centre of the bend makes it; parallel to
    # the cord, smoothing counts the cord's own millimetres.
    image = np.cos(2 * np.pi * places[..., 2] / 16.0)
    smooth = smooth_along(image, affine, frame, sigma_mm=sigma)
    damped = np.exp(-2 * (np.pi * sigma / 16.0) ** 2)
    # 0.3 % of the Gaussian is cut off.
    np.testing.assert_allclose(smooth[inner], damped * image[inner], atol=0.01)


def test_a_uniform_image_stays_uniform_to_its_edges(frame, affine):
    smooth = smooth_along(np.full(SHAPE, 7, np.int16), affine, frame, sigma_mm=4.0)
    assert smooth.dtype == np.float32
    np.testing.assert_allclose(smooth, 7.0, rtol=1e-5)


def test_far_from_the_cord_the_image_stays_as_it_is(frame, affine, places):
    noise = np.random.default_rng(0).normal(size=SHAPE)
    smooth = smooth_along(noise, affine, frame, sigma_mm=3.0, radius_mm=10.0)
    distance = np.linalg.norm(places[..., :2], axis=-1)
    np.testing.assert_array_equal(smooth[distance >= 10], noise[distance >= 10])
    assert smooth[distance < 5].std() < 0.5
    assert 0.5 < smooth[(distance > 7.5) & (distance < 10)].std() < 1.0


def test_volumes_of_a_series_are_smoothed_one_by_one(frame, affine):
    noise = np.random.default_rng(0).normal(size=(*SHAPE, 2))
    both = smooth_along(noise, affine, frame, sigma_mm=2.0, radius_mm=6.0)
    alone = smooth_along(noise[..., 1], affine, frame, sigma_mm=2.0, radius_mm=6.0)
    # The processor may add up in another order.
    np.testing.assert_allclose(both[..., 1], alone, atol=1e-12)
    assert not np.array_equal(both[..., 0], alone)


@pytest.mark.parametrize("shape", [(5, 6, 7), (4, 1, 2), (1, 3, 1)])
def test_weights_are_those_of_the_cubic_spline_up_to_the_edge_of_the_view(shape):
    rng = np.random.default_rng(1)
    image = rng.normal(size=shape)
    places = rng.uniform(-0.5, np.array(shape) - 0.5, (200, 3))
    columns, weights = _cubic_taps(places, shape, np.float64)
    spline = ndimage.spline_filter(image, order=3)
    expected = ndimage.map_coordinates(image, places.T, order=3, mode="mirror")
    np.testing.assert_allclose((spline.ravel()[columns] * weights).sum(0), expected, atol=1e-12)


@pytest.mark.parametrize("lengths", [{"sigma_mm": 0.0}, {"sigma_mm": 1.0, "radius_mm": -1.0}])
def test_lengths_that_are_none_are_refused(frame, affine, lengths):
    with pytest.raises(ValueError, match="over 0"):
        smooth_along(np.zeros(SHAPE), affine, frame, **lengths)
