"""Series that are moved back."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.motion import (
    apply_motion,
    describe_columns,
    estimate_motion,
    match_interpolation,
)
from sctflow.core.motion.result import CORD_RADIUS_MM, Motion
from sctflow.errors import ImageError, SettingsError

from .conftest import draw, wander

METHODS = ("nearest", "linear", "spline", "sinc", "fourier")


def known(shift, rotation=None):
    """Motion as it was put in."""
    n, n_volumes = shift.shape[:2]
    return Motion(
        shift=shift,
        rotation=np.zeros((n, n_volumes)) if rotation is None else rotation,
        center=np.tile([28.0, 26.0], (n, 1)),
        slice_axis=2,
        sd=np.zeros_like(shift),
        reliability=np.ones((n, n_volumes)),
        signal=np.ones((n, n_volumes)),
        outlier=np.zeros((n, n_volumes), bool),
        turns=rotation is not None,
    )


@pytest.mark.parametrize("method", METHODS)
def test_no_motion_leaves_the_series_as_it_is(series, method):
    still = apply_motion(series.data, series.affine, known(0 * series.shift), interpolation=method)
    assert_allclose(still, series.data, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_whole_voxels_are_moved_exactly(series, method):
    shift = np.zeros_like(series.shift)
    shift[..., 0], shift[..., 1] = 0.9 * 3, -0.9 * 2
    moved = apply_motion(series.data, series.affine, known(shift), interpolation=method)
    inner = (slice(8, -8), slice(8, -8))
    expected = np.roll(series.data, (-3, 2), axis=(0, 1))
    assert_allclose(moved[inner], expected[inner], rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_even_stays_even(series, method):
    even = np.full(series.data.shape, 321.0, np.float32)
    moved = apply_motion(even, series.affine, known(series.shift), interpolation=method)
    assert_allclose(moved, 321.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("method", "limit"), [("linear", 40.0), ("spline", 6.0), ("sinc", 6.0), ("fourier", 6.0)]
)
def test_known_motion_is_undone(method, limit):
    shift = wander(3, 6)
    scene, rest = draw(shift), draw(0 * shift)
    moved = apply_motion(scene.data, scene.affine, known(shift), interpolation=method)
    inner = (slice(10, -10), slice(10, -10))
    assert np.sqrt(((moved - rest.data)[inner] ** 2).mean()) < limit
    assert np.sqrt(((scene.data - rest.data)[inner] ** 2).mean()) > 60


def test_phases_keep_the_variance_of_noise_and_weights_lower_it():
    noise = np.random.default_rng(5).normal(0, 10, (60, 60, 1, 20)).astype(np.float32)
    half = known(np.full((1, 20, 2), 0.5))
    kept, lowered = (
        apply_motion(noise, np.eye(4), half, interpolation=method).std()
        for method in ("fourier", "sinc")
    )
    # Only the highest frequency, one of 60, has no phase that can be shifted by half a voxel.
    assert kept == pytest.approx(noise.std(), rel=0.01)
    assert lowered < 0.95 * noise.std()


def test_turns_are_undone():
    rng = np.random.default_rng(3)
    shift, turn = wander(2, 5, size=0.5), rng.normal(0, 4, (2, 5))
    scene, rest = draw(shift, turn), draw(0 * shift)
    moved = apply_motion(scene.data, scene.affine, known(shift, turn), interpolation="spline")
    assert np.sqrt(((moved - rest.data)[10:-10, 10:-10] ** 2).mean()) < 6


def test_nearest_keeps_the_data_type(series):
    stored = series.data.astype(np.int16)
    motion = known(series.shift)
    assert apply_motion(stored, series.affine, motion, interpolation="nearest").dtype == np.int16
    assert apply_motion(stored, series.affine, motion).dtype == np.float32
    moved = apply_motion(stored, series.affine, motion, interpolation="nearest")
    assert set(np.unique(moved)) <= set(np.unique(stored))


def test_the_input_is_not_changed(series):
    before = series.data.copy()
    apply_motion(series.data, series.affine, known(series.shift), interpolation="spline")
    assert_array_equal(series.data, before)


def test_what_cannot_be_applied_is_refused(series):
    motion = known(series.shift)
    with pytest.raises(ImageError, match="volumes"):
        apply_motion(series.data[..., 1:], series.affine, motion)
    with pytest.raises(SettingsError, match="interpolation"):
        apply_motion(series.data, series.affine, motion, interpolation="cubic")
    turned = replace(motion, turns=True)
    for method in ("sinc", "fourier"):
        with pytest.raises(SettingsError, match=f"{method} interpolation: choose spline"):
            apply_motion(series.data, series.affine, turned, interpolation=method)


def test_displacement_is_measured_at_the_cord():
    shift = np.zeros((2, 3, 2))
    shift[:, 1] = [[3.0, 4.0], [0.0, 1.0]]
    turn = np.zeros((2, 3))
    turn[:, 2] = 90.0
    found = known(shift, turn).framewise_displacement()
    assert np.isnan(found[0])
    quarter = CORD_RADIUS_MM * np.pi / 2
    assert_allclose(found[1:], [3.0, (np.hypot(5, quarter) + np.hypot(1, quarter)) / 2])


def test_poses_go_one_after_the_other():
    shift, turn = wander(3, 4), np.random.default_rng(0).normal(0, 20, (3, 4))
    motion = known(shift, turn)
    origin = motion.shift[:, 1], motion.rotation[:, 1]
    seen = motion.relative_to(*origin)
    assert_allclose(seen.shift[:, 1], 0, atol=1e-12)
    back = seen.after(*origin)
    assert_allclose(back.shift, shift, atol=1e-12)
    assert_allclose(back.rotation, turn, atol=1e-12)


def test_tables_have_a_row_for_all_that_moved(series):
    motion = estimate_motion(series.data, series.affine, series.mask)
    volumes, slices = motion.per_volume(), motion.per_slice()
    assert len(volumes) == 10
    assert len(slices) == 50
    row = slices[(slices["volume"] == 7) & (slices["slice"] == 3)].iloc[0]
    assert [row["trans_x"], row["trans_y"]] == pytest.approx(motion.shift[3, 7].tolist())
    assert volumes["trans_y"][7] == pytest.approx(motion.shift[:, 7, 1].mean())
    for table in (volumes, slices):
        assert list(describe_columns(table)) == list(table.columns)


def test_warnings_name_what_is_spoilt():
    motion = known(np.zeros((3, 6, 2)))
    assert motion.warnings() == []
    motion.outlier[1, 4] = True
    assert motion.warnings() == [
        "1 of 18 slices show less than in the other volumes, or something else (volumes 4)"
    ]
    motion.outlier[2] = True
    assert "slices 2 show nothing" in motion.warnings()[1]


@pytest.mark.parametrize("method", METHODS)
def test_noise_loses_as_much_when_it_is_interpolated_and_not_corrected(method):
    noise = np.random.default_rng(7).normal(0, 10, (64, 64, 2, 30)).astype(np.float32)
    shift = np.random.default_rng(8).uniform(-2, 2, (2, 30, 2)) * [[[1.0, 0.1]], [[0.2, 0.0]]]
    corrected = apply_motion(noise, np.eye(4), known(shift), interpolation=method)
    matched = match_interpolation(noise, np.eye(4), shift, slice_axis=2, interpolation=method)
    for k in range(2):
        inner = (slice(8, -8), slice(8, -8), k)
        assert matched[inner].std() == pytest.approx(corrected[inner].std(), rel=0.01)


def test_what_is_interpolated_and_not_corrected_keeps_its_motion():
    shift = wander(2, 8, size=0.6)
    scene = draw(shift)
    for method in ("linear", "spline", "sinc"):
        matched = match_interpolation(
            scene.data, scene.affine, shift, slice_axis=2, interpolation=method
        )
        motion = estimate_motion(matched, scene.affine, scene.mask)
        found = motion.shift - motion.shift.mean(1, keepdims=True)
        assert_allclose(found, shift - shift.mean(1, keepdims=True), atol=0.05)
