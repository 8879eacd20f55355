"""Motion that was put in is found again, and what cannot be followed is said."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.motion import apply_motion, estimate_motion
from sctflow.errors import ImageError, SegmentationError, SettingsError

from .conftest import draw, ellipse, errors, wander


def follow(scene, **options):
    return estimate_motion(scene.data, scene.affine, scene.mask, **options)


def test_known_motion_is_found_within_a_fiftieth_of_a_voxel(series):
    found = follow(series)
    away = errors(found.shift, series.shift)
    assert np.sqrt((away**2).mean()) < 0.015
    assert away.max() < 0.05
    assert not found.outlier.any()
    assert found.reliability.min() > 0.97


def test_the_standard_deviation_is_that_of_the_errors(series):
    found = follow(series, poly=0)
    away = errors(found.shift, series.shift)
    told = np.sqrt((found.sd**2).sum(-1).mean())
    # The mean of ten volumes is taken off the errors.
    assert told == pytest.approx(np.sqrt((away**2).mean() / 0.9), rel=0.35)


def test_the_mean_place_is_at_rest_unless_a_volume_is(series):
    assert_allclose(follow(series).shift.mean(axis=1), 0, atol=1e-6)
    found = follow(series, reference=4)
    assert_allclose(found.shift[:, 4], 0, atol=1e-12)
    assert_allclose(found.shift, series.shift - series.shift[:, 4:5], atol=0.08)


@pytest.mark.parametrize("codes", ["LAS", "PIR", "SRA", "ILP"])
def test_the_orientation_of_the_array_does_not_matter(series, reorient, codes):
    expected = follow(series)
    data, affine = reorient(series.data, series.affine, codes)
    mask, _ = reorient(series.mask, series.affine, codes)
    found = estimate_motion(data, affine, mask)
    assert_allclose(found.shift, expected.shift, atol=1e-4)
    assert found.slice_axis == 2
    moved = apply_motion(data, affine, found)
    expected_moved = apply_motion(series.data, series.affine, expected)
    assert_allclose(moved, reorient(expected_moved, series.affine, codes)[0], atol=0.5)


def test_oblique_images_have_their_own_axes(series, rotate):
    turned = rotate("x", 25) @ series.affine
    found = estimate_motion(series.data, turned, series.mask)
    assert_allclose(found.shift, follow(series).shift, atol=1e-6)


def test_sagittal_slices_move_to_the_front_and_up():
    shift = wander(5, 8, own=0.05, seed=3)

    def paint(u, v, k):
        # A cord that runs along v, with discs beside it.
        discs = sum(ellipse(u, v, (11, 8 * i), (4, 2.5)) for i in range(-3, 4))
        return 600 * ellipse(u, 0 * v, (0.02 * k, 0), (4, 1)) + 500 * discs + 50

    scene = draw(shift, noise=20.0, paint=paint)
    affine = np.array([[0, 0, 4.0, 0], [0.9, 0, 0, 0], [0, 0.9, 0, 0], [0, 0, 0, 1]])
    u = (np.arange(56) - 28)[:, None, None] * 0.9
    mask = np.broadcast_to(np.abs(u) < 4, scene.mask.shape)
    found = estimate_motion(scene.data, affine, mask)
    assert found.slice_axis == 0
    assert errors(found.shift, shift).max() < 0.1
    assert {"trans_y", "trans_z"} <= set(found.per_volume())


def test_the_direction_of_slices_can_be_told(series):
    found = estimate_motion(series.data[:, :, :, :3], series.affine, series.mask, slice_axis=0)
    assert found.plane_axes == (1, 2)
    assert found.shift.shape == (56, 3, 2)


def test_turns_are_found_if_they_are_looked_for():
    rng = np.random.default_rng(1)
    turn = rng.normal(0, 2.0, (4, 8))
    scene = draw(wander(4, 8, size=0.7), turn, noise=20.0)
    found = follow(scene, kind="rigid")
    away = found.rotation - turn
    assert np.abs(away - away.mean(axis=1, keepdims=True)).max() < 0.5
    assert not follow(scene).rotation.any()
    corrected = apply_motion(scene.data, scene.affine, found, interpolation="spline")
    assert corrected.std(-1).mean() < 0.6 * scene.data.std(-1).mean()


def test_a_jump_of_eight_millimetres_of_half_of_the_volumes():
    shift = wander(5, 10, size=0.3)
    shift[:, 5:, 1] += 8.0
    assert errors(follow(draw(shift, noise=30.0)).shift, shift).max() < 0.06


def test_a_drop_out_is_flagged_and_followed():
    scale = np.ones((5, 12))
    scale[:, 7] = 0.25
    shift = wander(5, 12)
    found = follow(draw(shift, noise=30.0, scale=scale))
    assert found.outlier[:, 7].all()
    assert found.outlier.sum() == 5
    assert_allclose(found.signal[:, 7], 0.25, atol=0.03)
    away = errors(found.shift, shift)
    assert np.sqrt((away[:, 7] ** 2).mean()) < 0.15
    assert np.delete(away, 7, axis=1).max() < 0.06


@pytest.mark.parametrize("options", [{}, {"poly": 0}, {"poly": 1}, {"smooth": 30.0}])
def test_a_slice_that_shows_nothing_moves_as_its_neighbours_do(options):
    shift = wander(5, 10, own=0.0)
    scene = draw(shift, noise=30.0)
    scene.data[:, :, 2, 6] = 0
    scene.data[:, :, 4] = 0
    found = follow(scene, **options)
    assert found.outlier[4].all()
    assert found.outlier.sum() == 11
    assert errors(found.shift, shift).max() < 0.06


def test_a_volume_that_shows_nothing_lies_between_its_neighbours():
    shift = wander(4, 9, own=0.0)
    shift[:, 5] = 0.5 * (shift[:, 4] + shift[:, 6])
    scene = draw(shift, noise=30.0)
    scene.data[..., 5] = 0
    found = follow(scene)
    assert found.outlier[:, 5].all()
    assert errors(found.shift, shift).max() < 0.08


def test_values_that_are_not_numbers_count_as_nothing(series):
    data = series.data.copy()
    data[:3, :, 1, 4] = np.nan
    data[..., 3, 2] = np.inf
    found = estimate_motion(data, series.affine, series.mask)
    assert np.isfinite(found.shift).all()
    assert found.outlier[3, 2]
    assert errors(found.shift, series.shift)[:, 5:].max() < 0.06
    assert np.isfinite(apply_motion(data, series.affine, found)).all()


def test_one_volume_does_not_move(series):
    found = estimate_motion(series.data[..., :1], series.affine, series.mask)
    assert not found.shift.any()
    assert np.isnan(found.framewise_displacement()).all()
    assert "one volume" in found.warnings()[0]


@pytest.mark.parametrize("options", [{}, {"poly": 1}, {"kind": "rigid"}])
def test_copies_of_a_volume_do_not_move(series, options):
    data = np.repeat(series.data[..., :1], 4, axis=3)
    found = estimate_motion(data, series.affine, series.mask, **options)
    assert np.abs(found.shift).max() < 1e-3
    assert not found.outlier.any()


def test_noise_is_followed_nowhere(series):
    noise = np.random.default_rng(0).normal(100, 10, series.data.shape)
    found = estimate_motion(noise, series.affine, series.mask)
    assert found.outlier.all()
    assert np.isfinite(found.shift).all()
    assert len(found.warnings()) == 2


@pytest.mark.parametrize("n", [2, 3])
def test_two_volumes_are_enough(series, n):
    found = estimate_motion(series.data[..., :n], series.affine, series.mask)
    assert errors(found.shift, series.shift[:, :n]).max() < 0.05


def test_one_slice_is_enough(series):
    found = estimate_motion(series.data[:, :, 2:3], series.affine, series.mask[:, :, 2:3])
    assert errors(found.shift, series.shift[2:3]).max() < 0.06


def test_another_image_can_be_what_is_at_rest(series):
    other = draw(np.tile([1.5, -2.0], (5, 1, 1)), noise=30.0, seed=9).data[..., 0]
    found = follow(series, reference=other)
    assert_allclose(found.shift, series.shift - [1.5, -2.0], atol=0.1)


def test_another_contrast_is_compared_by_its_edges(series):
    def inverted(u, v, k):
        return 1200 - 0.8 * series_anatomy(u, v, k)

    from .conftest import anatomy as series_anatomy

    other = draw(np.tile([1.5, -2.0], (5, 1, 1)), noise=20.0, paint=inverted).data[..., 0]
    found = follow(series, reference=other, metric="edges")
    assert_allclose((found.shift - series.shift).mean((0, 1)), [-1.5, 2.0], atol=0.1)


def test_groups_move_together():
    shift = np.repeat(wander(4, 5), 2, axis=1)
    found = follow(draw(shift, noise=30.0), groups=2)
    assert_allclose(found.shift[:, ::2], found.shift[:, 1::2])
    assert errors(found.shift, shift).max() < 0.06


def test_a_polynomial_along_the_cord_is_a_polynomial(series):
    found = follow(series, poly=1)
    assert_allclose(np.diff(found.shift, n=2, axis=0), 0, atol=1e-6)
    own = follow(series, poly=0)
    assert np.abs(np.diff(own.shift, n=2, axis=0)).max() > 0.05


def test_over_a_length_of_smoothing_slices_move_alike(series):
    own, short, long = (
        np.abs(np.diff(follow(series, **options).shift, axis=0)).mean()
        for options in ({"poly": 0}, {"smooth": 10.0}, {"smooth": 200.0})
    )
    assert long < 0.5 * short
    assert short < own


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"kind": "affine"}, "kind"),
        ({"groups": 0}, "groups"),
        ({"rounds": 0}, "rounds"),
        ({"poly": -1}, "poly"),
        ({"smooth": 0.0}, "smooth"),
        ({"poly": 1, "smooth": 5.0}, "one of them"),
        ({"reference": 10}, "volume 10"),
        ({"reference": "first"}, "reference"),
        ({"metric": "mi"}, "metric"),
        ({"slice_axis": 3}, "slice_axis"),
    ],
)
def test_options_without_a_meaning_are_refused(series, options, word):
    with pytest.raises(SettingsError, match=word):
        follow(series, **options)


def test_series_that_show_no_motion_are_refused(series):
    mask, affine = series.mask, series.affine
    with pytest.raises(ImageError, match="4 axes"):
        estimate_motion(series.data[..., 0], affine, mask)
    with pytest.raises(ImageError, match="shows nothing"):
        estimate_motion(np.full_like(series.data, 7.0), affine, mask)
    with pytest.raises(ImageError, match="reference"):
        follow(series, reference=series.data[..., 1:, 0])
    with pytest.raises(SegmentationError, match="empty"):
        estimate_motion(series.data, affine, 0 * mask)
    with pytest.raises(SegmentationError, match="resample"):
        estimate_motion(series.data, affine, mask[:, :, :3])
