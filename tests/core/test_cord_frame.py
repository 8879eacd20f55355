"""Frames of cords whose course and levels are known."""

from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.cord_checks import check_frame, check_mask
from sctflow.core.cord_frame import (
    frame_from_discs,
    level_image,
    make_frame,
    project_points,
    with_levels,
)
from sctflow.core.cord_levels import fit_levels, spinal_boundaries, spinal_middles
from sctflow.core.labels import LabelError, points_at, read_points
from sctflow.core.phantom.anatomy import draw_anatomy, make_anatomy
from sctflow.core.phantom.grids import axial_grid, sagittal_grid
from sctflow.core.phantom.levels import make_levels
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.spine import points as spine_points
from sctflow.core.phantom.truth import make_fractions, slice_table
from sctflow.io import load_image

NECK = range(2, 9)


@cache
def scan(seed=None, thick=False, upper=1.4, lower=8.6):
    """A person's neck with the true mask; seed None is an average adult."""
    person = make_anatomy() if seed is None else draw_anatomy(seed)
    if thick:
        shape, affine = axial_grid(person, 2.0, 8.0, zoom=(1, 1), matrix=(40, 70))
    else:
        shape, affine = sagittal_grid(person, upper, lower, width=30, depth=70)
    sampled = sample(person, shape, affine, surroundings=False, across=0.5, along=0.5)
    cord = make_fractions(person, sampled, ["SC"])["SC"]
    return SimpleNamespace(
        person=person,
        affine=affine,
        cord=cord,
        slices=slice_table(person, shape, affine),
        line=fit_centerline(cord, affine),
    )


def discs_of(scan, values=NECK):
    """Points exactly on the tips of discs, as spine_points has them, and other marks."""
    table = spine_points(scan.person)
    table = table[table["kind"].isin(["disc_posterior", "PMJ", "conus"])]
    table = table[table["value"].isin(values)]
    world = scan.person.curve.to_world(table[["u", "v", "s"]].to_numpy())
    return points_at(table["value"].to_numpy(), world, scan.affine)


def moved(points, value, world_mm):
    world = points.world + np.where(points.values == value, 1, 0)[:, None] * np.array(world_mm)
    return points_at(points.values, world, np.eye(4))


def named(points, values):
    return points_at(values, points.world, np.eye(4))


def agreement(scan, frame, kind="vertebral"):
    """Part of the cord's voxels that get their true level."""
    voxels = np.argwhere(scan.cord >= 0.5)
    world = voxels @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    s = scan.person.curve.from_world(world)[0][:, 2]
    levels = scan.person.levels
    truth = levels.vertebral(s) if kind == "vertebral" else levels.spinal_level(s)
    found = level_image(frame, scan.cord, scan.affine, kind=kind)
    assert np.count_nonzero(found) <= len(voxels)
    return np.mean(found[tuple(voxels.T)] == np.floor(truth))


@pytest.mark.parametrize(("seed", "thick"), [(None, False), (0, False), (1, False), (0, True)])
def test_places_near_the_cord_are_those_of_the_true_frame(seed, thick):
    case = scan(seed, thick)
    frame, person = make_frame(case.line), case.person
    rng = np.random.default_rng(0)
    low, high = case.slices["arc_length"].min() + 3, case.slices["arc_length"].max() - 3
    true = rng.uniform([-12, -12, low], [12, 12, high], (2000, 3))
    world = person.curve.to_world(true)
    found = frame.from_world(world)
    # The centre of mass of a voxelised ellipse is good to a few hundredths of a millimetre.
    assert np.abs(found[:, :2] - true[:, :2]).max() < 0.3
    assert np.sqrt(np.mean((found[:, :2] - true[:, :2]) ** 2)) < 0.05
    assert np.ptp(found[:, 2] - true[:, 2]) < 0.005 * (high - low)
    np.testing.assert_allclose(frame.to_world(found), world, atol=1e-6)


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_levels_meet_all_labelled_discs(seed):
    case = scan(seed)
    frame, warnings = frame_from_discs(case.line, discs_of(case), name="discs")
    assert warnings == []
    centers = case.person.curve.at(np.array([case.person.levels.disc(v) for v in NECK]))[0]
    s = frame.from_world(centers)[:, 2]
    np.testing.assert_allclose(frame.levels.vertebral(s), NECK, atol=0.02)
    np.testing.assert_allclose(frame.levels.position(np.array(NECK)), s, atol=0.3)
    assert agreement(case, frame) >= 0.97


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_levels_go_on_from_two_discs(seed):
    case = scan(seed)
    frame, _ = frame_from_discs(case.line, discs_of(case, (4, 5)), name="discs")
    levels = case.person.levels
    s = frame.from_world(case.person.curve.at(np.array([levels.disc(v) for v in NECK]))[0])[:, 2]
    # Vertebrae of one person differ by 4 % from each other: under half a millimetre per vertebra
    # passed, and what two labels tell of the size of the others is off by about as much again.
    passed = np.maximum(np.abs(np.array(NECK) - 4.5) - 0.5, 0.0)
    assert np.all(np.abs(frame.levels.vertebral(s) - NECK) < 0.02 + 0.1 * passed)
    np.testing.assert_allclose(
        frame.levels.beyond_labels(s), np.maximum(np.maximum(s - s[2], s[3] - s), 0), atol=0.3
    )


def test_one_disc_is_enough():
    case = scan()
    frame, _ = frame_from_discs(case.line, discs_of(case, (5,)), name="discs")
    assert agreement(case, frame) >= 0.97  # the person is of average size


def test_spinal_levels_follow_from_discs_and_conus():
    case = scan(1)
    frame, _ = frame_from_discs(case.line, discs_of(case), name="discs")
    rough = agreement(case, frame, "spinal")
    conus = float(case.person.levels.vertebral(np.array(case.person.levels.conus)))
    boundaries = spinal_boundaries(conus)
    assert conus < 20.6  # higher than usual
    assert boundaries[-1] == pytest.approx(conus)
    known = {
        float(level): s
        for level, s in zip(frame.levels.known_level, frame.levels.known_s, strict=True)
    }
    frame = with_levels(frame, known, spinal=boundaries)
    assert agreement(case, frame, "spinal") > max(rough, 0.9)


def test_the_frame_turns_with_the_cord():
    case = scan()
    flat = make_frame(case.line)
    turned = make_frame(case.line, rotation=np.full(len(case.line), 15.0))
    s = np.array([20.0, 60.0])
    left = turned.to_world(np.column_stack([[-5.0, -5.0], [0.0, 0.0], s]))
    # The left side comes to the front.
    np.testing.assert_allclose(
        flat.from_world(left)[:, :2],
        np.tile([-5 * np.cos(np.deg2rad(15)), 5 * np.sin(np.deg2rad(15))], (2, 1)),
        atol=1e-6,
    )
    np.testing.assert_allclose(turned.from_world(left)[:, :2], [[-5, 0]] * 2, atol=1e-6)
    axes = turned.axes(s)
    np.testing.assert_allclose(
        axes @ axes.swapaxes(1, 2), np.tile(np.eye(3), (2, 1, 1)), atol=1e-9
    )
    np.testing.assert_allclose(left, flat.curve.at(s)[0] - 5 * axes[:, 0], atol=1e-6)


def test_distances_from_the_junction_are_along_the_cord():
    case = scan()
    frame, warnings = frame_from_discs(case.line, discs_of(case, (*NECK, 50)), name="discs")
    assert warnings == []
    junction = discs_of(case, (50,)).world[0]
    rows = case.slices.set_index("slice").loc[frame.slices]
    # Over 49 mm from the mask's end to the junction the cord is taken to be straight.
    np.testing.assert_allclose(frame.distance_from(junction), -rows["arc_length"], atol=1.5)
    assert frame.distance_from(junction)[0] == pytest.approx(frame.junction - frame.slice_s[0])


def test_points_are_projected_onto_the_cord():
    case = scan()
    projected = project_points(make_frame(case.line), discs_of(case), case.affine)
    assert projected.values.tolist() == list(NECK)
    levels = case.person.levels
    true = case.person.curve.at(np.array([levels.disc(v) for v in NECK]))[0]
    np.testing.assert_allclose(projected.world, true, atol=0.3)


def test_a_straight_cord_keeps_its_coordinates(tube):
    mask, affine = tube(shift=(0.3, -0.2))
    frame = make_frame(fit_centerline(mask, affine))
    points = np.random.default_rng(1).uniform(-30, 30, (50, 3))
    expected = points - [0.3, -0.2, -10.0]
    np.testing.assert_allclose(frame.from_world(points), expected, atol=0.05)


def test_a_mask_of_one_slice_has_a_frame(tube):
    mask, affine = tube()
    mask[:, :, :10] = mask[:, :, 11:] = 0
    frame = make_frame(fit_centerline(mask, affine))
    np.testing.assert_allclose(frame.from_world([1.0, 2.0, 3.0]), [1, 2, 3], atol=0.02)


def test_between_sparse_discs_vertebrae_keep_their_proportions():
    usual = make_levels(scale=1.1)
    for labelled in ([3, 8], [1, 4, 12], [9, 21]):
        levels = fit_levels(usual.discs[np.array(labelled) - 1], labelled)
        inner = np.arange(labelled[0], labelled[-1] + 1)
        np.testing.assert_allclose(levels.position(inner), usual.discs[inner - 1], atol=0.02)


def test_levels_rise_steadily_and_have_an_inverse():
    rng = np.random.default_rng(2)
    s = make_levels(heights=rng.uniform(0.8, 1.2, 25)).discs[[2, 3, 5, 9]]
    levels = fit_levels(s, [3, 4, 6, 10])
    assert np.all(np.diff(levels.table_s) < 0)
    level = np.linspace(-1, 27, 500)
    np.testing.assert_allclose(levels.vertebral(levels.position(level)), level, atol=1e-9)


def test_few_labels_do_not_make_a_giant():
    usual = make_levels()
    # Disc C4/C5 is labelled 2 mm too low.
    levels = fit_levels([usual.disc(4), usual.disc(5) - 2.0], [4, 5])
    naive = (19.0 / 17.0 - 1) * (usual.disc(5) - usual.disc(9))
    error = np.abs(levels.position(9) - (usual.disc(9) - 2.0))
    assert error < 0.8 * naive


def test_a_conus_lays_the_lumbar_levels():
    person = make_levels(scale=0.9)
    levels = fit_levels([person.disc(17), person.conus], [17, 20.9])
    np.testing.assert_allclose(
        levels.position([18, 19, 20]), person.discs[[17, 18, 19]], atol=0.02
    )


def test_one_disc_and_the_conus_label_a_lumbar_scan():
    case = scan(0, upper=16.5, lower=22.0)
    points, tip = discs_of(case, (17, 60)), case.person.levels
    conus_level = float(tip.vertebral(np.array(tip.conus)))
    frame, warnings = frame_from_discs(case.line, points, name="discs", conus_level=conus_level)
    assert warnings == []
    # A template whose conus lies at the same level: both ends meet.
    np.testing.assert_allclose(
        frame.levels.position([17, conus_level]),
        frame.from_world(points.world)[:, 2],
        atol=1e-6,
    )
    assert agreement(case, frame) >= 0.93
    assert frame.levels.spinal[-1] == pytest.approx(conus_level)
    # Without a level for it, the conus ends the spinal levels where it is all the same.
    free, _ = frame_from_discs(case.line, points, name="discs")
    assert free.levels.known_level.tolist() == [17]
    assert free.levels.position(free.levels.spinal[-1]) == pytest.approx(free.conus, abs=0.01)


def test_spinal_midpoints_as_vertebral_levels():
    person = make_levels()
    middles = 0.5 * (person.spinal[1:] + person.spinal[:-1])
    np.testing.assert_allclose(spinal_middles(np.arange(1, 31)), person.vertebral(middles))


def test_swapped_discs_are_refused():
    case = scan()
    points = named(discs_of(case, (3, 4, 5, 6)), [3, 5, 4, 6])
    with pytest.raises(LabelError, match=r"disc C3/C4 \(value 4\) lies 17 mm below .*value 5"):
        frame_from_discs(case.line, points, name="discs")


def test_discs_over_the_junction_are_refused():
    case = scan()
    points = named(discs_of(case, (3, 4, 5)), [50, 4, 3])
    with pytest.raises(LabelError, match="below"):
        frame_from_discs(case.line, points, name="discs")


@pytest.mark.parametrize("values", [(3, 4, 5, 7), (3, 5, 6, 7), (3, 4, 6, 7)])
def test_a_skipped_value_is_warned_about(values):
    case = scan(0)
    points = named(discs_of(case, (3, 4, 5, 6)), values)
    _, (warning,) = frame_from_discs(case.line, points, name="discs")
    upper, lower = next(pair for pair in pairwise(values) if np.diff(pair) > 1)
    assert f"(value {upper}) and" in warning
    assert f"(value {lower}) are" in warning


def test_discs_that_are_all_one_too_low_are_noticed_with_the_junction():
    case = scan()
    points = named(discs_of(case, (50, 3, 4, 5)), [4, 5, 6, 50])
    _, (warning,) = frame_from_discs(case.line, points, name="discs")
    assert "(value 50) and disc C3/C4 (value 4) are" in warning


def test_discs_in_one_place_are_refused():
    case = scan()
    points = moved(discs_of(case, (3, 4, 5)), 4, [0, 0, -14])
    with pytest.raises(LabelError, match="3 mm apart"):
        frame_from_discs(case.line, points, name="discs")


def test_unknown_values_are_refused():
    case = scan()
    points = named(discs_of(case, (3, 4)), [3, 37])
    with pytest.raises(LabelError, match="no disc has the value 37"):
        frame_from_discs(case.line, points, name="discs")


def test_points_far_from_the_cord_are_refused():
    case = scan()
    points = moved(discs_of(case), 5, [0, 45, 0])
    with pytest.raises(LabelError, match=r"too far from the cord: disc C4/C5 \(value 5\), 5\d mm"):
        frame_from_discs(case.line, points, name="discs")


def test_points_beside_the_cord_are_warned_about():
    case = scan()
    points = moved(discs_of(case), 5, [-14, 0, 0])
    _, (warning,) = frame_from_discs(case.line, points, name="discs")
    assert "(value 5) lies 14 mm to the left" in warning


def test_discs_beyond_the_mask_are_used_or_left_out_with_a_warning():
    case = scan()
    cord = case.cord.copy()
    # Axis 1 goes up: the mask ends under C4/C5.
    s = make_frame(case.line).from_world(discs_of(case, (5,)).world)[0, 2]
    top = np.searchsorted(case.line.arc_length, s)
    cord[:, top - 8 :] = 0
    line = fit_centerline(cord, case.affine)
    frame, warnings = frame_from_discs(line, discs_of(case, (4, 5, 6, 7)), name="discs")
    used, left_out = sorted(warnings, reverse=True)
    assert "(value 5)" in used
    assert "used all the same" in used
    assert "(value 4)" in left_out
    assert "left out" in left_out
    assert frame.levels.known_level.tolist() == [5, 6, 7]
    with pytest.raises(LabelError, match="every disc is more than"):
        frame_from_discs(line, discs_of(case, (3, 4)), name="discs")


def test_a_conus_in_the_neck_is_warned_about():
    case = scan()
    points = named(discs_of(case, (3, 4, 5, 8)), [3, 4, 5, 60])
    _, (warning,) = frame_from_discs(case.line, points, name="discs")
    assert "conus medullaris (value 60)" in warning


def test_without_discs_there_are_no_levels():
    case = scan()
    with pytest.raises(LabelError, match="no intervertebral disc"):
        frame_from_discs(case.line, discs_of(case, (50,)), name="discs")
    with pytest.raises(LabelError, match="Label one disc"):
        level_image(make_frame(case.line), case.cord, case.affine)


def test_a_gap_in_the_mask_is_warned_about_and_bridged():
    case = scan()
    cord = case.cord.copy()
    cord[:, 50:52] = 0
    frame, (warning,) = frame_from_discs(
        fit_centerline(cord, case.affine), discs_of(case), name="discs"
    )
    assert "slices 50 to 51" in warning
    assert agreement(case, frame) >= 0.97


def test_half_a_cord_that_is_missing_is_warned_about():
    case = scan(0)
    whole = case.cord >= 0.5
    frame = make_frame(case.line)
    assert check_mask(frame, whole, case.affine, name="sub-01") == []
    half = whole.copy()
    middle = int(np.rint(np.argwhere(whole[:, 50:58])[:, 2].mean()))
    half[:, 50:58, middle:] = False
    damaged = make_frame(fit_centerline(half, case.affine))
    (warning,) = check_mask(damaged, half, case.affine, name="sub-01")
    assert warning.startswith("sub-01: in slices 50 to 57")
    # The line itself stays where the cord is.
    world = case.line.points
    assert np.abs((damaged.from_world(world) - frame.from_world(world))[:, :2]).max() < 0.3


def test_the_masks_of_a_volunteer_are_centred_on_the_cord(errsm30):
    masks = sorted((errsm30 / "derivatives" / "labels").rglob("*_label-SC_seg.nii.gz"))
    assert len(masks) == 5
    for path in masks:
        image = load_image(path)
        mask = np.asanyarray(image.dataobj) > 0
        frame = make_frame(fit_centerline(mask, image.affine))
        assert check_mask(frame, mask, image.affine, name=path.name) == []
        assert check_frame(frame, name=path.name) == []


def test_a_kinked_centreline_is_warned_about(tube):
    mask, affine = tube(bend=lambda z: np.column_stack([0 * z, 6 * np.tanh(z / 3)]))
    frame = make_frame(fit_centerline(mask, affine, smooth_mm=1.0))
    (warning,) = check_frame(frame, name="sub-01")
    assert "bends with a radius of" in warning


def test_levels_of_a_volunteer_are_those_of_the_reference(errsm30):
    folder = errsm30 / "derivatives" / "labels" / "sub-errsm30" / "anat"
    reference = errsm30.parent / "reference-errsm30" / "t2" / "levels_from_discs.nii.gz"
    if not reference.is_file():
        pytest.skip(f"needs {reference}")
    cord = load_image(folder / "sub-errsm30_T2w_label-SC_seg.nii.gz")
    discs = load_image(folder / "sub-errsm30_T2w_label-discs_dlabel.nii.gz")
    points, _ = read_points(np.asanyarray(discs.dataobj), discs.affine, name="discs")
    mask = np.asanyarray(cord.dataobj) > 0
    frame, warnings = frame_from_discs(fit_centerline(mask, cord.affine), points, name="discs")
    assert warnings == []
    expected = np.asanyarray(load_image(reference).dataobj)
    same = level_image(frame, mask, cord.affine) == expected
    # The reference gives whole image slices to a vertebra, that of a disc to the one above. Here
    # the boundary lies across the cord, through the middle of that slice.
    unsure = np.zeros(mask.shape, dtype=bool)
    unsure[:, np.rint(points.voxels[:, 1]).astype(int)] = True
    assert same[mask & ~unsure].mean() >= 0.98
    assert same[mask].mean() >= 0.93
