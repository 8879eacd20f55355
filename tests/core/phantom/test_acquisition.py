from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.phantom.acquisition import (
    coil_bias,
    dropouts,
    make_motion,
    rician,
    shift_slices,
    sigma_for_snr,
    texture,
)

ZOOMS, FACTOR = (0.9, 1.1), 4


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fine_grid(nx: int = 40, ny: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the fine points, mm from the middle of the slice."""
    x, y = (
        (np.arange(n * FACTOR) - (n * FACTOR - 1) / 2) * zoom / FACTOR
        for n, zoom in zip((nx, ny), ZOOMS, strict=True)
    )
    return np.meshgrid(x, y, indexing="ij")


def blob(center: tuple[float, float], widths: tuple[float, float] = (2.5, 1.8)) -> np.ndarray:
    x, y = fine_grid()
    return np.exp(-0.5 * (((x - center[0]) / widths[0]) ** 2 + ((y - center[1]) / widths[1]) ** 2))


def center_of(image: np.ndarray) -> np.ndarray:
    """Centre of mass, mm from the middle of the slice."""
    axes = (
        (np.arange(n) - (n - 1) / 2) * zoom for n, zoom in zip(image.shape, ZOOMS, strict=True)
    )
    x, y = np.meshgrid(*axes, indexing="ij")
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


SHIFTS = np.array([[[0.0, 0.0], [0.13, -0.4], [2.345, 1.0]], [[-1.5, 0.07], [0.5, 0.5], [3, -3]]])


def test_slices_move_by_what_is_asked_to_a_hundredth_of_a_voxel():
    fine = np.stack([blob((1.0, -2.0)), blob((-0.5, 0.3))], axis=2)
    moved = shift_slices(fine, SHIFTS, ZOOMS, factor=FACTOR)
    assert moved.shape == (40, 36, 2, 3)
    for k, start in enumerate(((1.0, -2.0), (-0.5, 0.3))):
        for t in range(3):
            error = (center_of(moved[:, :, k, t]) - start - SHIFTS[k, t]) / ZOOMS
            assert np.abs(error).max() < 0.002


def test_a_moved_blob_is_the_blob_drawn_elsewhere():
    shift = np.array([[[0.37, -1.21]]])
    moved = shift_slices(blob((0.0, 0.0))[:, :, None], shift, ZOOMS, factor=FACTOR)
    drawn = shift_slices(blob((0.37, -1.21))[:, :, None], 0 * shift, ZOOMS, factor=FACTOR)
    assert_allclose(moved, drawn, atol=2e-4)


def test_an_edge_moves_by_what_is_asked():
    # The place of a sharp edge is where the area says it is.
    x, _ = fine_grid()
    edge = (x < 0).astype(float)[:, :, None]
    shifts = np.array([[[0.0, 0.0], [0.31, 0.0], [-0.62, 0.0]]])
    moved = shift_slices(edge, shifts, ZOOMS, factor=FACTOR)
    places = moved[:, 18, 0].sum(axis=0) * ZOOMS[0]
    assert_allclose(places - places[0], shifts[0, :, 0], atol=0.01 * ZOOMS[0])


def test_slices_turn_about_their_middle_from_right_to_front():
    fine = blob((5.0, 0.0))[:, :, None]
    turns = np.array([[0.0, 30.0, -90.0]])
    moved = shift_slices(fine, np.zeros((1, 3, 2)), ZOOMS, factor=FACTOR, rotation=turns)
    for t, degrees in enumerate(turns[0]):
        expected = 5.0 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        assert_allclose(center_of(moved[:, :, 0, t]), expected, atol=0.01)


def test_volumes_of_their_own_keep_their_signal():
    fine = blob((0.0, 0.0))[:, :, None, None] * np.array([1.0, 2.0, 0.5])
    moved = shift_slices(fine, np.zeros((1, 3, 2)), ZOOMS, factor=FACTOR)
    assert_allclose(moved[..., 1:], moved[..., :1] * [2.0, 0.5], rtol=1e-6)


def test_what_does_not_move_is_only_averaged():
    fine = rng().random((8, 12, 1))
    still = shift_slices(fine, np.zeros((1, 1, 2)), (1.0, 1.0), factor=4)
    assert_allclose(still[1, 2, 0, 0], fine[4:8, 8:12].mean(), rtol=1e-6)


def points(shape: tuple[int, int, int] = (30, 30, 60), spacing: float = 6.0) -> np.ndarray:
    axes = ((np.arange(n) - (n - 1) / 2) * spacing for n in shape)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def test_the_coil_is_smooth_brighter_at_the_back_and_fades_at_the_ends():
    places = points()
    field = coil_bias(places, rng(), posterior=-90.0, lower=-150.0, upper=150.0, ripple=0.0)
    assert (field > 0).all()
    middle = field[15, :, 30]
    assert (np.diff(middle) < 0).all()
    assert field[15, 15, 0] < 0.5 * field[15, 15, 30]
    # From one point to the next, 6 mm away, no more than fading ends can do: exp(4 * 6 / 25).
    assert np.abs(np.diff(np.log(field), axis=2)).max() < 4 * 6 / 25
    assert np.abs(np.diff(np.log(field), axis=0)).max() < 1e-12


def test_the_coil_is_1_at_the_depth_that_is_asked_for_and_half_at_the_ends():
    def at(z: float) -> float:
        place = np.array([[0.0, -30.0, z]])
        options = {"posterior": -90.0, "lower": -150.0, "upper": 150.0, "depth": 60.0}
        return float(coil_bias(place, rng(), ripple=0.0, **options)[0])

    assert at(0.0) == pytest.approx(1.0, abs=1e-6)
    assert at(150.0) == pytest.approx(0.5, abs=1e-3)


def test_coils_differ_between_participants_by_the_ripple():
    options = {"posterior": -90.0, "lower": -1e4, "upper": 1e4}
    plain = coil_bias(points(), rng(), ripple=0.0, **options)
    logs = [
        np.log(coil_bias(points(), rng(seed), ripple=0.1, **options) / plain) for seed in range(40)
    ]
    assert np.std(logs) == pytest.approx(0.1, rel=0.2)
    assert np.abs(np.diff(logs, axis=1)).max() < 0.1 * np.sqrt(12) * 2 * np.pi * 6 / 150


def test_texture_has_the_amount_and_the_grain_that_is_asked_for():
    grain = texture(rng(), (60, 50, 20), (0.5, 0.5, 2.0), amount=0.05, scale_mm=2.0)
    assert grain.mean() == pytest.approx(1, abs=1e-3)
    assert grain.std() == pytest.approx(0.05, rel=0.01)
    centered = grain - grain.mean()
    # White noise smoothed with sd s has the correlation exp(-d² / 4 s²) at the distance d.
    near = (centered[4:] * centered[:-4]).mean() / centered.var()
    assert near == pytest.approx(np.exp(-(2.0**2) / (4 * 2.0**2)), abs=0.08)


def test_noise_is_rician():
    silent = rician(np.zeros(200_000), 2.0, rng())
    assert silent.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.01)
    assert (silent**2).mean() == pytest.approx(2 * 2.0**2, rel=0.01)
    sigma = sigma_for_snr(100.0, 25.0)
    bright = rician(np.full(200_000, 100.0), sigma, rng())
    assert bright.mean() / bright.std() == pytest.approx(25.0, rel=0.01)


def test_motion_starts_at_rest_and_contains_only_what_is_asked_for():
    none = {"drift_mm": 0.0, "jitter_mm": 0.0, "breathing_mm": 0.0}
    assert_array_equal(make_motion(rng(), 10, 30, **none), 0)
    drift = make_motion(rng(), 10, 30, **{**none, "drift_mm": 0.7})
    assert_array_equal(drift[:, 0], 0)
    assert_allclose(np.linalg.norm(drift[:, -1], axis=1), 0.7)
    assert_allclose(drift, np.broadcast_to(drift[:1], drift.shape))


def test_breathing_moves_the_lower_slices_more_and_only_from_front_to_back():
    motion = make_motion(rng(), 12, 200, drift_mm=0, jitter_mm=0, breathing_mm=0.4, tr=0.7)
    assert_array_equal(motion[..., 0], 0)
    swing = np.ptp(motion[..., 1], axis=1) / 2
    assert (np.diff(swing) < 0).all()
    assert swing[0] == pytest.approx(0.4, rel=0.02)
    assert swing[-1] == pytest.approx(0.1, rel=0.02)


def test_jitter_has_its_size_and_is_smooth_along_the_cord():
    motion = make_motion(
        rng(), 18, 2000, drift_mm=0, jitter_mm=0.2, breathing_mm=0, reference="mean"
    )
    assert_allclose(motion.std(axis=1), 0.2, rtol=0.08)
    assert np.diff(motion, axis=0).std() < 0.1
    # It has no memory of the volume before.
    assert np.abs((motion[:, 1:] * motion[:, :-1]).mean()) < 0.05 * 0.2**2


def test_jumps_are_sudden_and_last():
    motion = make_motion(
        rng(3), 5, 60, drift_mm=0, jitter_mm=0, breathing_mm=0, jumps=2, jump_mm=1.5
    )
    steps = np.linalg.norm(np.diff(motion, axis=1), axis=2)
    assert np.count_nonzero(steps[0]) == 2
    assert_allclose(steps[steps > 0], 1.5)


@pytest.mark.parametrize("reference", ["first", "mean"])
def test_the_reference_is_where_motion_is_0(reference: str):
    motion = make_motion(rng(), 6, 40, jumps=1, reference=reference)
    at = motion[:, 0] if reference == "first" else motion.mean(axis=1)
    assert_allclose(at, 0, atol=1e-12)


def test_drop_outs_are_as_many_as_asked_and_spare_the_first_volume():
    gain = dropouts(rng(), 8, 30, 12)
    assert gain.shape == (8, 30)
    assert np.count_nonzero(gain < 1) == 12
    assert (gain[:, 0] == 1).all()
    assert gain.min() >= 0.1


def test_the_same_seed_gives_the_same_motion():
    assert_array_equal(make_motion(rng(4), 5, 20, jumps=2), make_motion(rng(4), 5, 20, jumps=2))
