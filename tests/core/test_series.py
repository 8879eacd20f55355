"""Times of slices, volumes before the steady state, and masks of noise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.noise_masks import far_mask, fluid_mask, slice_axis
from sctflow.core.slice_timing import correct_slice_timing
from sctflow.core.steady_state import count_dummies
from sctflow.errors import ImageError

TR = 2.0
TIMES = np.array([0.0, 1.0, 0.5, 1.5])


def _signal(time):
    """Slow enough for the repetition time, with a drift."""
    return 100 + 3 * np.sin(2 * np.pi * 0.06 * time + 0.4) + np.cos(0.5 * time) + 0.05 * time


def _sampled(axis):
    volumes = TR * np.arange(100)
    series = np.stack([_signal(volumes + time) for time in TIMES])
    data = np.broadcast_to(series[:, None, None], (4, 3, 3, 100))
    return np.moveaxis(data, 0, axis).copy()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_show_the_time_they_share(axis):
    found = np.moveaxis(
        correct_slice_timing(_sampled(axis), TIMES, TR, axis=axis, to=0.75), axis, 0
    )
    expected = _signal(TR * np.arange(100) + 0.75)
    # At the ends nothing is known of what was before and after.
    inner = slice(10, -10)
    assert np.abs(found - expected)[..., inner].max() < 0.06
    assert np.abs(_sampled(axis) - expected.mean()).max() > 3
    raw = np.moveaxis(_sampled(axis), axis, 0)
    assert np.abs(raw - expected)[..., inner].max() > 0.8


def test_a_slice_at_the_wanted_time_stays_as_it_is():
    data = _sampled(2)
    found = correct_slice_timing(data, TIMES, TR, to=0.5)
    assert_allclose(found[:, :, 2], data[:, :, 2], rtol=1e-6)


def test_the_middle_is_wanted_by_default():
    data = _sampled(2)
    assert_array_equal(
        correct_slice_timing(data, TIMES, TR), correct_slice_timing(data, TIMES, TR, to=0.75)
    )


def test_volumes_before_the_steady_state_do_not_reach_the_others():
    data = _sampled(2)
    bright = data.copy()
    bright[..., :2] += 300
    found = correct_slice_timing(bright, TIMES, TR, skip=2)
    assert_array_equal(found[..., 2:], correct_slice_timing(data[..., 2:], TIMES, TR))
    assert_allclose(found[..., :2], bright[..., :2], rtol=1e-6)


@pytest.mark.parametrize(
    ("times", "tr", "message"),
    [
        ([0.0, 1.0], TR, "2 slice times for 4 slices"),
        ([0, 500, 1000, 1500], TR, "milliseconds"),
        ([0.0, 0.5, 1.0, 1.5], 0.0, "must be over 0"),
        ([0.0, 0.5, np.nan, 1.5], TR, "between 0 and the repetition time"),
    ],
)
def test_times_that_cannot_be_are_refused(times, tr, message):
    with pytest.raises(ImageError, match=message):
        correct_slice_timing(_sampled(2), times, tr)


def _series(n, rise=()):
    data = np.random.default_rng(0).normal(500, 20, (8, 8, 4, n))
    for volume, part in enumerate(rise):
        data[..., volume] *= 1 + part
    return data


@pytest.mark.parametrize("rise", [(), (0.4,), (0.5, 0.1, 0.03)])
def test_bright_volumes_at_the_beginning_are_counted(rise):
    assert count_dummies(_series(60, rise)) == len(rise)


def test_a_bright_volume_later_on_is_no_dummy():
    assert count_dummies(_series(60, (0.0, 0.0, 0.5))) == 0


def test_nothing_is_counted_in_a_series_too_short_to_compare():
    assert count_dummies(_series(5, (0.5,))) == 0


def test_a_series_that_does_not_change_has_no_dummies():
    assert count_dummies(np.full((3, 3, 2, 40), 7)) == 0


@pytest.fixture
def cord():
    x, y = np.meshgrid(np.arange(60), np.arange(60), indexing="ij")
    mask = np.repeat((np.hypot(x - 30, y - 30) <= 5)[:, :, None], 4, axis=2)
    mask[:, :, 3] = False
    return mask


def test_far_tissue_is_in_slices_with_cord_and_beyond_the_canal(cord):
    mean = np.full(cord.shape, 100.0)
    mean[:10] = 0
    far = far_mask(mean, cord, np.diag([1.0, 1.0, 5.0, 1.0]))
    assert not far[..., 3].any()
    assert not far[:10].any()
    x, y, _ = np.nonzero(far)
    assert np.hypot(x - 30, y - 30).min() > 5 + 8 - 1
    assert far[30, 44, 0]


def test_nothing_is_far_from_a_cord_that_is_not_there(cord):
    assert not far_mask(np.ones(cord.shape), np.zeros_like(cord), np.eye(4)).any()


def test_fluid_does_not_touch_the_cord_in_its_plane(cord):
    fluid = np.where(cord, 0, 0.6)
    found = fluid_mask(fluid, cord, np.diag([1.0, 1.0, 5.0, 1.0]))
    touching = np.zeros_like(cord)
    for axis in (0, 1):
        for step in (-1, 1):
            touching |= np.roll(cord, step, axis)
    assert not (found & touching).any()
    assert found[30, 37, 0]
    # The slice above the last one of the cord is as it was: 5 mm are far.
    assert found[30, 30, 3]
    assert not fluid_mask(0.6 * fluid, cord, np.eye(4)).any()


def test_slices_run_across_the_axis_that_points_up():
    sagittal = np.array([[0, 0, 1.0, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    assert slice_axis(sagittal) == 1
