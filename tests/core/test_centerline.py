"""Centrelines of tubes whose axis is known, and of damaged masks."""

from __future__ import annotations

import numpy as np
import pytest

from sctflow.core.centerline import METHODS, Centerline, centerline_mask, fit_centerline
from sctflow.core.curve import smoothing_spline
from sctflow.errors import SegmentationError
from sctflow.io import load_image


def degrees_apart(line: Centerline, direction: np.ndarray) -> np.ndarray:
    unit = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return np.degrees(np.arccos(np.clip((line.tangents * unit).sum(axis=-1), -1, 1)))


def distance(line: Centerline, x, y) -> np.ndarray:
    return np.hypot(line.points[:, 0] - x, line.points[:, 1] - y)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("slope", [(0, 0), (0.3, 0), (-0.2, 0.35)])
def test_a_straight_cord_has_a_straight_line(tube, method, slope):
    mask, affine = tube(slope=slope, shape=(44, 40, 25))
    line = fit_centerline(mask, affine, method=method)
    z = np.arange(25) - 12.0
    assert np.abs(line.points[:, 2] - z).max() < 1e-9
    assert distance(line, slope[0] * z, slope[1] * z).max() < 0.02
    direction = np.array([*slope, 1.0])
    assert degrees_apart(line, direction).max() < (1.0 if method == "linear" else 0.3)
    assert line.arc_length[0] == 0
    assert line.arc_length[-1] == pytest.approx(24 * np.linalg.norm(direction), rel=2e-4)
    assert line.slices.tolist() == list(range(25))
    assert line.measured.all()


@pytest.mark.parametrize("thickness", [0.5, 1, 3, 6])
def test_a_curved_cord_keeps_its_curve_to_the_ends(tube, thickness):
    radius = 120.0  # a marked lordosis

    def bend(z):
        return np.column_stack([np.zeros_like(z), radius - np.sqrt(radius**2 - z**2)])

    n = int(80 / thickness)
    mask, affine = tube(bend=bend, zooms=(1, 1, thickness), shape=(24, 36, n), samples=4)
    line = fit_centerline(mask, affine)
    z = line.points[:, 2]
    assert distance(line, 0, bend(z)[:, 1]).max() < 0.1
    direction = np.column_stack([np.zeros_like(z), z, np.sqrt(radius**2 - z**2)])
    apart = degrees_apart(line, direction)
    assert np.sqrt((apart**2).mean()) < 0.5
    assert apart.max() < 1.5
    true_length = radius * (np.arcsin(z[-1] / radius) - np.arcsin(z[0] / radius))
    assert line.arc_length[-1] == pytest.approx(true_length, rel=2e-3)


def test_a_binary_mask_of_a_winding_cord_is_followed(tube):
    def bend(z):
        return np.column_stack([3 * np.sin(z / 25), 5 * np.cos(z / 25)])

    mask, affine = tube(bend=bend, shape=(34, 34, 90), samples=1)
    line = fit_centerline(mask, affine)
    z = line.points[:, 2]
    assert np.sqrt((distance(line, *bend(z).T) ** 2).mean()) < 0.1
    direction = np.column_stack([3 / 25 * np.cos(z / 25), -5 / 25 * np.sin(z / 25), z * 0 + 1])
    apart = degrees_apart(line, direction)
    assert np.sqrt((apart[8:-8] ** 2).mean()) < 0.5
    assert apart.max() < 3


def test_noisy_centres_do_not_bend_the_ends(tube):
    rng = np.random.default_rng(3)
    shifts = rng.normal(0, 0.3, (41, 2))
    mask, affine = tube(bend=lambda z: shifts, shape=(30, 26, 41), samples=4)
    line = fit_centerline(mask, affine)
    apart = degrees_apart(line, np.array([0, 0, 1.0]))
    # Single steps between slices point 23 degrees off.
    assert np.sqrt((apart**2).mean()) < 1.5
    assert apart.max() < 5


def test_missing_slices_are_bridged(tube):
    slope = (0.25, -0.1)
    mask, affine = tube(slope=slope, shape=(44, 36, 41))
    missing = [5, 6, *range(15, 27), 38]
    mask[:, :, missing] = 0
    line = fit_centerline(mask, affine)
    z = line.points[:, 2]
    assert line.slices.tolist() == list(range(41))
    assert np.flatnonzero(~line.measured).tolist() == missing
    assert distance(line, slope[0] * z, slope[1] * z).max() < 0.05


def test_the_line_starts_and_ends_with_the_mask(tube):
    mask, affine = tube(shape=(30, 26, 21))
    mask[:, :, :4] = mask[:, :, 18:] = 0
    assert fit_centerline(mask, affine).slices.tolist() == list(range(4, 18))


@pytest.mark.parametrize("where", [slice(0, 4), slice(10, 16), slice(19, 21)])
def test_a_second_blob_is_left_out(tube, where):
    mask, affine = tube(slope=(0.1, 0), shape=(60, 40, 21), samples=4)
    expected = fit_centerline(mask, affine)
    mask[46:58, 4:30, where] = 1  # larger than the cord
    line = fit_centerline(mask, affine)
    assert np.abs(line.points - expected.points).max() < 0.05
    assert line.measured.all()


def test_a_slice_with_nothing_but_a_stray_blob_is_not_measured(tube):
    mask, affine = tube(shape=(60, 40, 21), samples=4)
    mask[:, :, [7, 20]] = 0
    mask[50:56, 4:10, [7, 20]] = 1
    line = fit_centerline(mask, affine)
    assert np.flatnonzero(~line.measured).tolist() == [7, 20]
    assert distance(line, 0, 0).max() < 0.05


def test_a_thin_end_still_belongs_to_the_line(tube):
    mask, affine = tube(shape=(30, 26, 21), samples=1)
    mask[:, :, :5] = 0
    mask[14:16, 12:14, :5] = 1  # 4 of 80 voxels
    assert fit_centerline(mask, affine).measured.all()


def test_a_cord_that_is_half_missing_does_not_drag_the_line(tube):
    mask, affine = tube(shape=(30, 26, 61), samples=4)
    mask[15:, :, 26:34] = 0
    line = fit_centerline(mask, affine)
    raw = fit_centerline(mask, affine, method="linear")
    assert distance(raw, 0, 0).max() > 2.5
    assert distance(line, 0, 0).max() < 0.4
    assert degrees_apart(line, np.array([0, 0, 1.0])).max() < 3


def test_one_slice_has_the_slice_normal_as_tangent(tube, rotate):
    mask, affine = tube(shape=(30, 26, 1))
    turn = rotate("x", 20)
    line = fit_centerline(mask, turn @ affine)
    assert line.tangents == pytest.approx(turn[None, :3, 2])
    assert line.points == pytest.approx(np.zeros((1, 3)), abs=1e-6)
    assert line.arc_length.tolist() == [0]


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("method", METHODS)
def test_few_slices_are_enough(tube, method, count):
    slope = (0.1, 0.2)
    mask, affine = tube(slope=slope, shape=(40, 40, count), zooms=(1, 1, 10))
    line = fit_centerline(mask, affine, method=method)
    z = line.points[:, 2]
    assert distance(line, slope[0] * z, slope[1] * z).max() < 0.05
    assert degrees_apart(line, np.array([*slope, 1])).max() < 0.3


def test_any_orientation_of_the_file_gives_the_same_line(tube, reorient, any_orientation):
    mask, affine = tube(slope=(0.2, -0.1), zooms=(0.8, 1.1, 2), shape=(30, 26, 9), samples=4)
    expected = fit_centerline(mask, affine)
    stored, stored_affine = reorient(mask, affine, any_orientation)
    line = fit_centerline(stored, stored_affine)
    for name in ("points", "tangents", "arc_length", "slices", "measured"):
        np.testing.assert_allclose(getattr(line, name), getattr(expected, name), atol=1e-6)
    drawn = centerline_mask(line, stored.shape, stored_affine)
    back, _ = reorient(drawn, stored_affine, "RAS")
    np.testing.assert_array_equal(back, centerline_mask(expected, mask.shape, affine))


def test_an_oblique_volume_moves_the_line_with_it(tube, rotate):
    mask, affine = tube(slope=(0.2, 0.1))
    turn = rotate("y", 25) @ rotate("x", -15)
    straight, oblique = fit_centerline(mask, affine), fit_centerline(mask, turn @ affine)
    np.testing.assert_allclose(oblique.points, straight.points @ turn[:3, :3].T, atol=1e-6)
    np.testing.assert_allclose(oblique.tangents, straight.tangents @ turn[:3, :3].T, atol=1e-6)


def test_the_table_has_the_documented_columns(tube):
    mask, affine = tube(shape=(30, 26, 5))
    frame = fit_centerline(mask, affine).to_frame()
    expected = "slice,x,y,z,tangent_x,tangent_y,tangent_z,arc_length,measured"
    assert ",".join(frame.columns) == expected
    assert len(frame) == 5


def test_a_centerline_is_drawn_once_per_slice(tube):
    mask, affine = tube(slope=(0.4, 0.3))
    mask[:, :, 6:9] = 0
    line = fit_centerline(mask, affine)
    drawn = centerline_mask(line, mask.shape, affine)
    assert drawn.dtype == np.uint8
    assert drawn.sum(axis=(0, 1)).tolist() == [1] * 21
    voxels = np.argwhere(drawn)
    voxels = voxels[np.argsort(voxels[:, 2])]
    gap = voxels @ affine[:3, :3].T + affine[:3, 3] - line.points
    assert np.abs(gap).max() <= 0.5 + 1e-9


def test_a_centerline_is_drawn_on_another_grid(tube):
    mask, affine = tube(slope=(0.4, 0.3), zooms=(1, 1, 4), shape=(60, 50, 9))
    line = fit_centerline(mask, affine)
    fine = np.diag([0.5, 0.5, 1, 1.0])
    fine[:3, 3] = [-5, -10, -30]
    drawn = centerline_mask(line, (40, 60, 60), fine)
    world = np.argwhere(drawn) @ fine[:3, :3].T + fine[:3, 3]
    assert 0.4 * world[:, 2].min() >= -5.25
    assert 0.4 * world[:, 2].max() <= 14.75
    assert len(np.unique(world[:, 2])) == len(world) > 25
    assert np.abs(world[:, 0] - 0.4 * world[:, 2]).max() < 0.35


@pytest.mark.parametrize("mask", [np.zeros((5, 5, 5)), np.full((5, 5, 5), 0.005)])
def test_an_empty_mask_has_no_line(mask):
    with pytest.raises(SegmentationError, match="empty"):
        fit_centerline(mask, np.eye(4))


@pytest.mark.parametrize(
    "options",
    [
        {"method": "nurbs"},
        {"smooth_mm": -1},
        {"smooth_mm": 1e3},
        {"method": "polynomial", "degree": 0},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match=r"nurbs|smooth_mm|degree"):
        fit_centerline(np.ones((3, 3, 3)), np.eye(4), **options)


class TestSmoothingSpline:
    def test_it_passes_through_the_values_if_nothing_is_to_be_smoothed(self):
        x = np.cumsum([0, 1, 2, 0.5, 1, 3.0])
        values = np.random.default_rng(0).normal(size=(6, 2))
        smooth = smoothing_spline(x, values, np.ones(6), smooth_mm=0)
        assert smooth == pytest.approx(values, abs=1e-3)

    def test_it_leaves_straight_lines_alone(self):
        x = np.cumsum([0, 1, 2, 0.5, 1, 3.0])
        values = np.column_stack([2 * x - 1, -x])
        smooth = smoothing_spline(x, values, np.ones(6), smooth_mm=20)
        assert smooth == pytest.approx(values, abs=1e-5)

    @pytest.mark.parametrize("spacing", [0.5, 1, 3])
    @pytest.mark.parametrize(("times", "kept"), [(1, 1 / 2.0625), (2, 1 / 1.0195)])
    def test_it_weakens_waves_as_documented(self, spacing, times, kept):
        smooth_mm, x = 6.0, np.arange(-300, 300, spacing)
        wave = np.sin(x / smooth_mm / times)[:, None]
        smooth = smoothing_spline(x, wave, np.full(len(x), spacing), smooth_mm=smooth_mm)
        middle = np.abs(x) < 150
        gain = (smooth[middle] * wave[middle]).sum() / (wave[middle] ** 2).sum()
        assert gain == pytest.approx(kept, abs=0.02)

    def test_values_without_weight_do_not_matter(self):
        x = np.arange(12.0)
        values, weights = np.sin(x / 4)[:, None], np.ones(12)
        weights[5:7] = 0
        expected = smoothing_spline(x, values, weights, smooth_mm=3)
        values[5:7] = 1e3
        assert smoothing_spline(x, values, weights, smooth_mm=3) == pytest.approx(expected)


def test_polynomials_follow_their_degree(tube):
    def bend(z):
        return np.column_stack([(z / 20) ** 3 * 4, np.zeros_like(z)])

    mask, affine = tube(bend=bend, shape=(40, 26, 41), samples=4)
    z = np.arange(41) - 20.0
    cubic = fit_centerline(mask, affine, method="polynomial", degree=3)
    straight = fit_centerline(mask, affine, method="polynomial", degree=1)
    # A cubic of height is nearly one of arc length.
    assert distance(cubic, bend(z)[:, 0], 0).max() < 0.15
    assert distance(straight, bend(z)[:, 0], 0).max() > 1


def test_the_line_of_a_real_cord_agrees_with_the_one_drawn_by_hand(errsm30, data_dir):
    img = load_image(
        errsm30 / "derivatives/labels/sub-errsm30/anat/sub-errsm30_T2w_label-SC_seg.nii.gz"
    )
    table = data_dir / "reference-errsm30/t2/t2_centerline-manual.csv"
    if not table.is_file():
        pytest.skip(f"needs {table}")
    line = fit_centerline(np.asanyarray(img.dataobj), img.affine)
    # Whole voxels in LAS order; the mask's own grid is PSR.
    drawn = np.loadtxt(table, delimiter=",")
    assert len(drawn) == len(line)
    ahead, right = img.shape[0] - 1 - drawn[:, 1], img.shape[2] - 1 - drawn[:, 0]
    voxels = np.column_stack([ahead, drawn[:, 2], right])
    world = voxels @ img.affine[:3, :3].T + img.affine[:3, 3]
    apart = np.linalg.norm(line.points - world, axis=1)
    # Rounding to voxels alone makes 0.38 mm on average.
    assert apart.mean() < 0.5
    assert apart.max() < 1.1
    assert np.abs((line.points - world).mean(axis=0)).max() < 0.25
    assert line.arc_length[-1] == pytest.approx(54.1, abs=0.3)
