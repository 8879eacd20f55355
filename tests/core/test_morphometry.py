"""Morphometry against shapes whose measures are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import convex_hull_image

from sctflow.core.centerline import fit_centerline
from sctflow.core.cross_section import Frame, extents, solidity
from sctflow.core.morphometry import COLUMNS, measure_slices, summarize
from sctflow.core.symmetry import symmetry
from sctflow.errors import SegmentationError
from sctflow.io import load_image

MIDDLE = 10
"""A slice halfway up the tubes, where no end is near."""


def chord(a: float, b: float, half_width: float = 1.5) -> float:
    """Mean front-to-back chord of an ellipse over its central width, integrated by hand."""
    c = half_width
    return b * (np.sqrt(1 - (c / a) ** 2) + a / c * np.arcsin(c / a))


@pytest.mark.parametrize(
    ("samples", "tolerance"),
    # Partial volume tells where the edge lies; deciding pixel by pixel leaves 1.5 % of noise
    # (one standard deviation) in one slice of this size.
    [(16, 0.002), (1, 0.03)],
    ids=["soft", "binary"],
)
@pytest.mark.parametrize("turned", [-70, -45.5, -30, 0, 12, 30, 60, 89])
def test_ellipse_has_its_axes_area_and_angle(tube, turned, samples, tolerance):
    a, b = 6.5, 4.0
    mask, affine = tube(semi_axes=(a, b), turned=turned, shift=(0.3, -0.2), samples=samples)
    row = measure_slices(mask, affine).iloc[MIDDLE]
    rl, ap = (2 * a, 2 * b) if abs(turned) <= 45 else (2 * b, 2 * a)
    assert row["area"] == pytest.approx(np.pi * a * b, rel=tolerance)
    assert row["diameter_RL"] == pytest.approx(rl, rel=tolerance)
    assert row["diameter_AP_ellipse"] == pytest.approx(ap, rel=tolerance)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - (b / a) ** 2), abs=tolerance)
    difference = (row["orientation"] - turned + 90) % 180 - 90
    assert abs(difference) < (0.2 if samples > 1 else 3.5)
    # Pixels blunt the tip of a narrow shape: 0.07 mm where the ellipse stands upright.
    expected = chord(rl / 2, ap / 2)
    assert row["diameter_AP"] == pytest.approx(expected, rel=tolerance, abs=0.08)
    assert row[["x", "y", "z"]].to_numpy() == pytest.approx([0.3, -0.2, 0], abs=5 * tolerance)


def test_left_end_in_front_is_a_positive_orientation():
    mask = np.zeros((15, 15, 1))
    for step in range(-4, 5):
        mask[7 - step, 7 + step] = 1
    # Smaller first index is further left, larger second index further to the front.
    assert measure_slices(mask, np.eye(4))["orientation"][0] == pytest.approx(45)


def test_orientation_of_a_front_back_ellipse_is_plus_ninety(tube):
    mask, affine = tube(semi_axes=(3.0, 6.0))
    assert measure_slices(mask, affine)["orientation"].to_numpy() == pytest.approx(90)


def test_moments_of_masks_are_unbiased(tube):
    # Over many positions, the ellipse neither grows by the pixel's own spread nor shrinks.
    rng = np.random.default_rng(1)
    for samples in (1, 8):
        rows = []
        for _ in range(40):
            mask, affine = tube(
                turned=rng.uniform(-40, 40),
                shift=tuple(rng.uniform(-0.5, 0.5, 2)),
                shape=(20, 18, 1),
                samples=samples,
            )
            rows.append(measure_slices(mask, affine).iloc[0])
        mean = {k: np.mean([row[k] for row in rows]) for k in ("diameter_RL", "area")}
        ap = np.mean([row["diameter_AP_ellipse"] for row in rows])
        # 1.6 % noise per slice over the square root of 40.
        tolerance = 0.008 if samples == 1 else 0.001
        assert mean["diameter_RL"] == pytest.approx(13, rel=tolerance)
        assert ap == pytest.approx(8, rel=tolerance)
        assert mean["area"] == pytest.approx(np.pi * 6.5 * 4, rel=tolerance)


def test_one_pixel_has_the_measures_of_a_square():
    mask = np.zeros((5, 5, 1))
    mask[2, 2] = 1
    row = measure_slices(mask, np.diag([2.0, 2.0, 3.0, 1.0])).iloc[0]
    assert row["area"] == pytest.approx(4)
    assert row["diameter_RL"] == pytest.approx(4 * 2 / np.sqrt(12))
    assert row["solidity"] == 1
    assert row["length"] == pytest.approx(3)


def test_a_half_disc_is_split_at_its_centre_of_mass(tube):
    radius = 7.0
    mask, affine = tube(
        semi_axes=(radius, radius), zooms=(0.25, 0.25, 1), shape=(80, 80, 3), samples=4
    )
    mask[:, 40:] = 0  # the back half is left; its flat side faces forwards
    row = measure_slices(mask, affine).iloc[1]
    to_front = 4 * radius / (3 * np.pi)
    assert row["y"] == pytest.approx(-to_front, abs=0.01)
    assert row["length_anterior"] == pytest.approx(to_front, abs=0.02)
    back = chord(radius, radius) / 2 - to_front
    assert row["length_posterior"] == pytest.approx(back, abs=0.02)
    assert row["diameter_AP"] == pytest.approx(chord(radius, radius) / 2, abs=0.02)


@pytest.mark.parametrize("zooms", [(0.5, 0.5, 5), (1, 0.5, 2), (0.4, 1.2, 1), (0.9, 0.9, 17)])
def test_pixel_sides_and_slice_thickness_do_not_matter(tube, zooms):
    shape = (int(30 / zooms[0]), int(26 / zooms[1]), 5)
    mask, affine = tube(turned=20, zooms=zooms, shape=shape, samples=12)
    row = measure_slices(mask, affine).iloc[2]
    assert row["area"] == pytest.approx(np.pi * 6.5 * 4, rel=2e-3)
    assert row["diameter_RL"] == pytest.approx(13, rel=4e-3)
    assert row["diameter_AP_ellipse"] == pytest.approx(8, rel=4e-3)
    assert row["diameter_AP"] == pytest.approx(chord(6.5, 4), rel=4e-3)
    assert row["orientation"] == pytest.approx(20, abs=0.5)
    assert row["length"] == pytest.approx(zooms[2])


def test_any_orientation_of_the_file_gives_the_same_numbers(tube, reorient, any_orientation):
    mask, affine = tube(
        turned=25, slope=(0.15, -0.2), zooms=(0.8, 1.1, 2), shape=(30, 26, 9), samples=4
    )
    expected = measure_slices(mask, affine)
    stored, stored_affine = reorient(mask, affine, any_orientation)
    measured = measure_slices(stored, stored_affine)
    np.testing.assert_allclose(measured, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "kind", [bool, np.int16, np.uint8, np.float32, np.float64], ids=lambda kind: kind.__name__
)
def test_data_type_and_label_value_of_a_binary_mask_do_not_matter(tube, kind):
    mask, affine = tube(samples=1, shape=(24, 20, 7))
    expected = measure_slices(mask, affine)
    value = 1 if kind is bool else 255
    measured = measure_slices(kind(1) * mask.astype(kind) * kind(value), affine)
    np.testing.assert_allclose(measured, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("axis", "leaning", "angle"),
    [
        ("angle_AP", (-1, 0), 20),  # to the left
        ("angle_AP", (1, 0), 35),
        ("angle_RL", (0, 1), 20),  # forwards
        ("angle_RL", (0, -1), 30),
    ],
)
def test_a_leaning_cord_is_measured_across_its_axis(tube, axis, leaning, angle):
    lean = np.tan(np.radians(angle)) * np.array(leaning)
    # An ellipse across the axis is stretched in the plane of the slice, along the lean.
    stretch = np.where(np.array(leaning) != 0, 1 / np.cos(np.radians(angle)), 1)
    mask, affine = tube(
        semi_axes=tuple(np.array([6.5, 4.0]) * stretch), slope=tuple(lean), shape=(50, 46, 15)
    )
    row = measure_slices(mask, affine).iloc[7]
    sign = leaning[1] - leaning[0]
    assert row[axis] == pytest.approx(sign * angle, abs=0.1)
    assert row["area"] == pytest.approx(np.pi * 6.5 * 4, rel=3e-3)
    assert row["diameter_RL"] == pytest.approx(13, rel=3e-3)
    assert row["diameter_AP_ellipse"] == pytest.approx(8, rel=5e-3)
    assert row["length"] == pytest.approx(1 / np.cos(np.radians(angle)), rel=2e-3)

    plain = measure_slices(mask, affine, angle_correction=False).iloc[7]
    assert plain["area"] == pytest.approx(np.pi * 26 * stretch.prod(), rel=3e-3)
    assert plain["length"] == pytest.approx(1)
    assert plain[axis] == pytest.approx(sign * angle, abs=0.1)


@pytest.mark.parametrize(("axis", "degrees"), [("x", 25), ("y", -30), ("z", 20)])
def test_an_oblique_acquisition_across_the_cord_is_not_corrected_again(
    tube, rotate, axis, degrees
):
    mask, affine = tube(turned=15)
    straight = measure_slices(mask, affine)
    oblique = measure_slices(mask, rotate(axis, degrees) @ affine)
    same = [name for name in COLUMNS if name not in ("x", "y", "z")]
    np.testing.assert_allclose(oblique[same], straight[same], rtol=1e-6, atol=1e-6)
    assert oblique["angle_RL"].to_numpy() == pytest.approx(0, abs=0.1)


def test_slices_that_are_shifted_against_each_other_keep_their_area(tube):
    # The slice direction of a tilted gantry is not the slice normal.
    mask, affine = tube(slope=(0.2, 0.0))
    affine[0, 2] = -0.2  # puts the leaning tube upright in the world
    row = measure_slices(mask, affine).iloc[MIDDLE]
    assert row["angle_AP"] == pytest.approx(0, abs=0.05)
    assert row["area"] == pytest.approx(np.pi * 6.5 * 4, rel=2e-3)
    assert row["length"] == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(
    a=st.floats(3, 9),
    b=st.floats(2.5, 7),
    turned=st.floats(-90, 90),
    shift=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    zooms=st.tuples(st.floats(0.4, 1.2), st.floats(0.4, 1.2)),
)
def test_every_ellipse_is_whole(a, b, turned, shift, zooms):
    n, fine = 64, 16
    grid = ((np.arange(n * fine) + 0.5) / fine - n / 2)[:, None] * np.array(zooms)
    dx, dy = grid[:, 0][:, None] - shift[0], grid[:, 1] - shift[1]
    cos, sin = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    inside = ((cos * dx - sin * dy) / a) ** 2 + ((sin * dx + cos * dy) / b) ** 2 <= 1
    mask = inside.reshape(n, fine, n, fine).mean(axis=(1, 3))[:, :, None]
    row = measure_slices(mask, np.diag([*zooms, 3, 1])).iloc[0]
    assert row["area"] == pytest.approx(np.pi * a * b, rel=0.005)
    quadrants = [
        row[f"area_quadrant_{ap}_{rl}"]
        for ap, rl in product(("anterior", "posterior"), ("left", "right"))
    ]
    assert sum(quadrants) == pytest.approx(row["area"])
    assert quadrants == pytest.approx([row["area"] / 4] * 4, rel=0.03)
    assert row["length_anterior"] + row["length_posterior"] == pytest.approx(row["diameter_AP"])
    assert sorted([row["diameter_RL"], row["diameter_AP_ellipse"]]) == pytest.approx(
        sorted([2 * a, 2 * b]), rel=0.02
    )
    assert row["solidity"] == 1
    assert min(row["symmetry_dice_RL"], row["symmetry_dice_AP"]) > 0.95


def test_partial_volume_counts_and_nothing_is_rescaled(tube):
    mask, affine = tube()
    whole, faint = measure_slices(mask, affine), measure_slices(0.3 * mask, affine)
    assert faint["area"].to_numpy() == pytest.approx(0.3 * whole["area"].to_numpy(), rel=1e-3)
    assert faint["diameter_RL"].to_numpy() == pytest.approx(whole["diameter_RL"].to_numpy(), 1e-3)


def test_the_faint_rest_of_a_network_output_is_no_cord(tube):
    mask, affine = tube()
    expected = measure_slices(mask, affine)
    measured = measure_slices(mask + 0.005 * (mask == 0), affine)
    np.testing.assert_allclose(measured, expected, rtol=1e-9)


def test_the_faint_ends_of_a_soft_mask_are_no_slices(tube):
    mask, affine = tube()
    mask *= np.concatenate([[0.1, 0.3, 0.6], np.ones(15), [0.7, 0.4, 0.2]])
    frame = measure_slices(mask, affine)
    assert frame["slice"].tolist() == list(range(2, 19))
    assert fit_centerline(mask, affine).slices.tolist() == list(range(2, 19))
    assert frame["area"][0] == pytest.approx(0.6 * np.pi * 26, rel=3e-3)


def test_slices_without_mask_have_no_values(tube):
    mask, affine = tube()
    mask[:, :, :3] = mask[:, :, 8:11] = mask[:, :, 19:] = 0
    frame = measure_slices(mask, affine)
    assert frame["slice"].tolist() == list(range(3, 19))
    gap = frame["slice"].between(8, 10)
    assert frame.loc[gap].drop(columns="slice").isna().all(axis=None)
    assert frame.loc[~gap].notna().all(axis=None)


def test_a_single_slice_is_measured_in_its_plane(tube):
    mask, affine = tube(shape=(40, 36, 1), zooms=(1, 1, 5))
    row = measure_slices(mask, affine).iloc[0]
    assert row["area"] == pytest.approx(np.pi * 26, rel=2e-3)
    assert row[["angle_AP", "angle_RL"]].tolist() == [0, 0]


def test_the_canal_can_be_measured_along_the_cord(tube):
    slope = (0.0, np.tan(np.radians(15)))
    cord, affine = tube(semi_axes=(6, 4), slope=slope)
    canal, _ = tube(semi_axes=(9, 8), slope=slope)
    canal[:, :, :5] = 0
    line = fit_centerline(cord, affine)
    row = measure_slices(canal, affine, centerline=line).iloc[0]
    assert row["slice"] == 5
    assert row["area"] == pytest.approx(np.pi * 72 * np.cos(np.radians(15)), rel=3e-3)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((4, 4, 4)), "empty"),
        (np.full((4, 4, 4), 0.001), "empty"),
        (np.full((4, 4, 4), np.nan), "empty"),
        (-np.ones((4, 4, 4)), "negative"),
        (np.arange(64).reshape(4, 4, 4), "several values"),
        (np.ones((4, 4, 4), dtype=complex), "complex"),
    ],
)
def test_masks_that_cannot_be_measured_are_refused(mask, words):
    with pytest.raises(SegmentationError, match=words):
        measure_slices(mask, np.eye(4))


def test_halves_of_two_discs_differ_as_computed_by_hand():
    n, step = 160, 0.1
    x = (np.arange(n) - n / 2 + 0.5) * step
    radius = np.where(x > 0, 6.0, 5.0)[:, None]
    image = (np.hypot(x[:, None], x) <= radius).astype(float)
    frame = Frame(np.diag([step, step])[None], np.full((1, 2), (n - 1) / 2))
    for axis, mask in (("RL", image), ("AP", image.T)):
        other = "AP" if axis == "RL" else "RL"
        result = symmetry(mask[None], frame)
        assert result[f"dice_{axis}"][0] == pytest.approx(2 * 25 / (25 + 36), abs=0.005)
        assert result[f"difference_{axis}"][0] == pytest.approx(np.pi / 2 * (36 - 25), rel=0.01)
        assert result[f"hausdorff_{axis}"][0] == pytest.approx(1, abs=0.1)
        assert result[f"dice_{other}"][0] == 1
        assert result[f"hausdorff_{other}"][0] == 0


def test_symmetry_is_judged_across_the_turned_axes(tube):
    mask, affine = tube(turned=30, zooms=(0.25, 0.25, 1), shape=(100, 90, 3), samples=4)
    row = measure_slices(mask, affine).iloc[1]
    assert row["symmetry_dice_RL"] > 0.99
    assert row["symmetry_dice_AP"] > 0.99
    assert row["symmetry_hausdorff_RL"] < 0.25


def test_a_dent_on_the_right_shows_in_symmetry_and_solidity(tube):
    mask, affine = tube(zooms=(0.5, 0.5, 1), shape=(60, 50, 3))
    whole = measure_slices(mask, affine).iloc[1]
    mask[36:42, 28:] = 0
    dented = measure_slices(mask, affine).iloc[1]
    assert dented["symmetry_dice_RL"] < whole["symmetry_dice_RL"] - 0.05
    assert dented["symmetry_hausdorff_RL"] > 0.9
    assert dented["solidity"] < 0.98 < whole["solidity"]


def test_quadrants_of_a_block_are_cut_where_its_axes_lie():
    block = np.zeros((1, 12, 8))
    block[0, 2:10, 2:6] = 1
    # The axes run through the middle of the column with index 4 and between rows 3 and 4.
    frame = Frame(np.diag([2.0, 1.0])[None], np.array([[4.0, 3.5]]))
    measured = extents(block, frame, np.array([16.0]))
    areas = {name: float(value[0]) for name, value in measured.quadrants.items()}
    assert areas == pytest.approx(
        {
            "anterior_left": 2.5 * 2 * 2,
            "anterior_right": 5.5 * 2 * 2,
            "posterior_left": 2.5 * 2 * 2,
            "posterior_right": 5.5 * 2 * 2,
        },
        rel=1e-3,
    )
    assert measured.anterior[0] == pytest.approx(2, rel=1e-3)
    assert measured.posterior[0] == pytest.approx(2, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 0.9))
def test_solidity_counts_the_pixels_of_the_hull(seed, nx, ny, density):
    image = np.random.default_rng(seed).random((nx, ny)) < density
    image[0, 0] = True
    expected = 1.0
    points = np.argwhere(image)
    if np.linalg.matrix_rank(points - points[0]) == 2:
        hull = convex_hull_image(image, offset_coordinates=False)
        expected = image.sum() / hull.sum()
    elif len(points) > 1:
        step = points[-1] - points[0]
        expected = len(points) / (np.gcd(*np.abs(step)) + 1)
    assert solidity(image[None])[0] == pytest.approx(expected)


def test_every_column_is_described(tube):
    mask, affine = tube(shape=(24, 20, 5))
    frame = measure_slices(mask, affine)
    assert list(frame.columns) == list(COLUMNS)
    assert all(text["Description"] for text in COLUMNS.values())
    assert all("Units" in text for name, text in COLUMNS.items() if name != "slice")


def test_summary_averages_and_adds_up(tube):
    mask, affine = tube(slope=(0.3, 0))
    frame = measure_slices(mask, affine)
    frame["level"] = np.where(frame["slice"] < 8, 3.0, np.where(frame["slice"] < 15, 4.0, np.nan))
    frame.loc[2, list(COLUMNS)[1:]] = np.nan
    both = summarize(frame, by="level")
    assert both["level"].tolist() == [3, 4]
    assert both["n_slices"].tolist() == [7, 7]
    assert both["slice_first"].tolist() == [0, 8]
    assert both["slice_last"].tolist() == [7, 14]
    upper = frame[frame["level"] == 4]
    assert both["area_mean"][1] == pytest.approx(upper["area"].mean())
    assert both["area_sd"][1] == pytest.approx(upper["area"].std(ddof=1))
    assert both["length"][1] == pytest.approx(upper["length"].sum())

    some = summarize(frame, slices=[4])
    assert some["n_slices"][0] == 1
    assert np.isnan(some["area_sd"][0])
    nothing = summarize(frame, slices=[2])
    assert nothing["n_slices"][0] == 0
    assert np.isnan(nothing["length"][0])
    with pytest.raises(ValueError, match="region"):
        summarize(frame, by="region")


def test_orientations_are_averaged_as_axes(tube):
    mask, affine = tube(semi_axes=(3.0, 6.0), shape=(30, 30, 2))
    frame = measure_slices(mask, affine)
    frame["orientation"] = [88.0, -88.0]
    summary = summarize(frame)
    assert abs(summary["orientation_mean"][0]) == pytest.approx(90)
    assert summary["orientation_sd"][0] == pytest.approx(np.sqrt(8))


@pytest.mark.parametrize(
    ("contrast", "area", "diameter_rl", "diameter_ap"),
    # The volunteer's C3-C5: healthy adults have 60-95 mm2, 10-15 mm and 6-9 mm there.
    [("T2w", 75, 12.4, 7.8), ("T1w", 71, 11.7, 7.8), ("T2star", 80, 13.2, 7.7)],
)
def test_real_manual_masks_have_plausible_measures(
    errsm30, contrast, area, diameter_rl, diameter_ap
):
    folder = errsm30 / "derivatives/labels/sub-errsm30/anat"
    img = load_image(folder / f"sub-errsm30_{contrast}_label-SC_seg.nii.gz")
    mask = np.asanyarray(img.dataobj)
    frame = measure_slices(mask, img.affine)
    assert frame.notna().all(axis=None)
    assert frame["area"].mean() == pytest.approx(area, abs=5)
    assert frame["diameter_RL"].mean() == pytest.approx(diameter_rl, abs=0.7)
    assert frame["diameter_AP"].mean() == pytest.approx(diameter_ap, abs=0.5)
    assert frame["solidity"].min() > 0.9
    assert frame["symmetry_dice_RL"].mean() > 0.9
    voxel = abs(np.linalg.det(img.affine[:3, :3]))
    volume = (frame["area"] * frame["length"]).sum()
    assert volume == pytest.approx(mask.sum() * voxel, rel=1e-6)
