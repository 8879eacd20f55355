"""The parts that motion is estimated with, against exact answers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import fft

from sctflow.core.motion import shift as shifting
from sctflow.core.motion.along import gaussian_process, polynomial
from sctflow.core.motion.join import shift_between
from sctflow.core.motion.targets import diffusion_likeness, left_out, likeness
from sctflow.core.motion.windows import arrange, choose_slice_axis, place_windows, window
from sctflow.core.phantom.diffusion import spread_directions

from .conftest import anatomy, draw

PIXEL = np.array([0.9, 1.2])
SIZE = (48, 40)


def blob(du=0.0, dv=0.0, turn=0.0):
    """A smooth oval, exact wherever it lies."""
    u, v = ((np.arange(n) - n // 2) * p for n, p in zip(SIZE, PIXEL, strict=True))
    u, v = u[:, None] - du, v[None] - dv
    cos, sin = np.cos(turn), np.sin(turn)
    a, b = cos * u + sin * v, cos * v - sin * u
    return np.exp(-0.5 * ((a / 5) ** 2 + (b / 3) ** 2)).astype(np.float32)[None]


@pytest.mark.parametrize("turn", [0.0, 0.2, -0.35])
def test_windows_are_sampled_where_the_content_has_moved(turn):
    spectrum = fft.rfft2(blob(1.3, -0.7, turn))
    back = shifting.moved(
        spectrum, SIZE, PIXEL, np.array([[1.3, -0.7]]), np.array([turn]) if turn else None
    )
    assert_allclose(back, blob(), atol=5e-4)


def test_derivatives_are_per_millimetre():
    du, dv = shifting.gradients(blob(), PIXEL)
    step = 1e-2
    assert_allclose(du, (blob(-step) - blob(step)) / (2 * step), atol=2e-3)
    assert_allclose(dv, (blob(0, -step) - blob(0, step)) / (2 * step), atol=2e-3)


def test_volumes_that_look_alike_tell_their_mean():
    weights, variance = left_out(likeness(6), 0.0, np.ones(6))
    assert_allclose(np.diag(weights), 0)
    assert_allclose(weights[0, 1:], 0.2, atol=1e-4)
    assert_allclose(variance, 1.2, atol=1e-3)


def test_a_spoilt_volume_tells_nothing():
    noise = np.array([1.0, 1, 1, 1, 1e6])
    weights, _ = left_out(likeness(5), 0.0, noise)
    assert_allclose(weights[0], [0, 1 / 3, 1 / 3, 1 / 3, 0], atol=1e-3)


def test_directions_are_told_from_the_others_where_the_signal_is_of_second_degree():
    g = spread_directions(20, np.random.default_rng(0))
    b = np.full(20, 800.0)
    signal = 1.0 + 0.8 * g[:, 2] ** 2 - 0.3 * g[:, 0] * g[:, 1]
    weights, _ = left_out(diffusion_likeness(b, g), 1e3, np.full(20, 1e-3))
    assert_allclose(weights @ signal, signal, atol=1e-3)
    apart = np.where(np.arange(20) < 10, 800.0, 3000.0)
    shells, _ = left_out(diffusion_likeness(apart, g), 0.0, np.ones(20))
    assert np.abs(shells[:10, 10:]).max() < 1e-3


def smooth_truth(n=12, nt=40, seed=0):
    rng = np.random.default_rng(seed)
    heights = 5.0 * np.arange(n)
    root = np.linalg.cholesky(
        np.exp(-0.5 * ((heights[:, None] - heights) / 30) ** 2) + 1e-9 * np.eye(n)
    )
    true = rng.standard_normal((1, nt, 2)) + 0.3 * np.einsum(
        "ij,jtc->itc", root, rng.standard_normal((n, nt, 2))
    )
    sd = rng.uniform(0.05, 0.4, (n, nt, 1))
    found = true + sd * rng.standard_normal(true.shape)
    return heights, true, found, sd[..., None] ** 2 * np.eye(2)


def test_smoothing_along_the_cord_halves_the_error_and_knows_it():
    heights, true, found, covariance = smooth_truth()
    mean, sd = gaussian_process(found, covariance, heights)
    before, after = (np.sqrt(((one - true) ** 2).mean()) for one in (found, mean))
    assert after < 0.5 * before
    assert np.sqrt((sd**2).mean()) == pytest.approx(after, rel=0.15)


def test_slices_that_really_move_on_their_own_are_left_alone():
    rng = np.random.default_rng(2)
    true = rng.standard_normal((10, 30, 2))
    found = true + 0.02 * rng.standard_normal(true.shape)
    covariance = np.broadcast_to(0.02**2 * np.eye(2), (*true.shape, 2))
    mean, _ = gaussian_process(found, covariance, 5.0 * np.arange(10))
    assert np.sqrt(((mean - true) ** 2).mean()) < 0.025


def test_errors_that_go_together_are_corrected_together():
    # Slice 1 is unsure along the diagonal only; its neighbours say where on it.
    found = np.zeros((3, 5, 2))
    found[1] = [1.0, 1.0]
    covariance = np.tile(1e-4 * np.eye(2), (3, 5, 1, 1))
    covariance[1] = 4.0 * np.array([[1, 0.9999], [0.9999, 1]])
    mean, _ = gaussian_process(found, covariance, np.arange(3.0), length=50.0)
    assert np.abs(mean[1]).max() < 0.1
    covariance[1] = 4.0 * np.array([[1, -0.9999], [-0.9999, 1]])
    mean, _ = gaussian_process(found, covariance, np.arange(3.0), length=50.0)
    assert mean[1].min() > 0.1


def test_a_polynomial_weighs_by_certainty():
    heights = np.arange(6.0)
    true = np.stack([0.2 * heights - 1, 0.1 * heights**2], -1)[:, None]
    found = true.copy()
    found[3] += 5.0
    covariance = np.tile(1e-2 * np.eye(2), (6, 1, 1, 1))
    covariance[3] *= 1e8
    mean, sd = polynomial(found, covariance, heights, 2)
    assert_allclose(mean, true, atol=1e-5)
    assert (sd[0] > sd[2]).all()


def test_edges_join_images_of_opposite_contrast():
    def other(u, v, k):
        return anatomy(u, v, k, cord=500.0, fluid=30.0)

    moved = draw(np.tile([1.0, -1.6], (4, 1, 1)), noise=5.0, paint=other)
    still = draw(np.zeros((4, 1, 2)), noise=5.0, seed=1)
    weights = np.ones((4, 48, 44), np.float32)
    first, second = (np.moveaxis(one.data[4:-4, 4:-4, :, 0], 2, 0) for one in (moved, still))
    found = shift_between(first, second, weights, np.array([0.9, 0.9]))
    # The sac's edge is in one of the two only, and blurred into the cord's: a sixth of a voxel.
    assert_allclose(found, [1.0, -1.6], atol=0.15)


def test_a_shift_that_slices_do_not_agree_on_is_not_believed():
    still = draw(np.zeros((5, 1, 2)), noise=5.0, seed=1)
    image = np.moveaxis(still.data[4:-4, 4:-4, :, 0], 2, 0)
    weights, pixel = np.ones(image.shape, np.float32), np.array([0.9, 0.9])
    # Every slice by itself shows a shift; two of them the same one, the others do not.
    astray = np.stack(
        [
            np.roll(plane, steps, axis=(0, 1))
            for plane, steps in zip(
                image, ((4, 0), (4, 0), (-4, 2), (0, -4), (-3, -4)), strict=True
            )
        ]
    )
    assert np.abs(shift_between(astray, image, weights, pixel)).max() < 0.75
    together = np.roll(image, (3, 0), axis=(1, 2))
    assert_allclose(shift_between(together, image, weights, pixel), [2.7, 0], atol=0.1)


def test_slices_lie_across_the_longest_side_of_the_voxels():
    for sides, axis in (((1, 1, 5), 2), ((3, 1, 1), 0), ((1, 4, 1), 1), ((1, 1, 1), 2)):
        assert choose_slice_axis(np.diag([*map(float, sides), 1.0])) == axis


def test_windows_are_centred_on_the_cord_and_weigh_what_is_near(series):
    slices = arrange(series.data, series.affine)
    mask = np.roll(series.mask, (6, -4), axis=(0, 1))
    mask[:, :, 1] = 0
    windows = place_windows(mask, slices)
    assert_allclose(windows.center, np.tile([34, 22], (5, 1)), atol=4)
    for k in (0, 1, 4):
        total = windows.weights[k].sum()
        inside = window(mask[:, :, :1], windows.center[k], windows.size)[0]
        assert (windows.weights[k] * inside).sum() > 0.2 * total
        assert windows.weights[k][inside > 0.5].min() > 0.5


def test_windows_go_on_beyond_the_field_of_view():
    plane = np.arange(12.0).reshape(3, 4, 1)
    cut = window(plane, np.array([0, 3]), (4, 4))[0]
    assert_allclose(cut[:, 0], [1, 1, 1, 5])
    assert_allclose(cut[2], [1, 2, 3, 3])
    assert window(plane, np.array([0, 3]), (4, 4), outside=-1)[0][0, 0] == -1
