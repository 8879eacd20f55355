"""A straight cord keeps lengths along and across; both maps undo each other and do not fold."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.centerline import Centerline, fit_centerline
from sctflow.core.cord_frame import make_frame
from sctflow.core.phantom.anatomy import draw_anatomy
from sctflow.core.phantom.grids import sagittal_grid
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.truth import make_fractions
from sctflow.core.straighten import (
    FromStraight,
    ToStraight,
    check_folding,
    sharpest_bend,
    straight_fields,
    straight_grid,
    visible_ends,
)
from sctflow.core.transforms import jacobian_determinant, map_points, resample_through

RADIUS = 60.0
LENGTH = 70.0


def arc_frame(radius=RADIUS, length=LENGTH):
    """Frame of a cord that bends forwards along a circle, from the origin."""
    angle = np.arange(0.0, length + 1, 1.0) / radius
    zero = np.zeros_like(angle)
    return make_frame(
        Centerline(
            points=radius * np.column_stack([zero, 1 - np.cos(angle), np.sin(angle)]),
            tangents=np.column_stack([zero, np.sin(angle), np.cos(angle)]),
            arc_length=radius * angle,
            slices=np.arange(len(angle)),
            measured=np.ones(len(angle), dtype=bool),
        )
    )


def on_arc(uvs, radius=RADIUS):
    """World mm of points given as right, front and along the circle."""
    angle = uvs[:, 2] / radius
    reach = radius - uvs[:, 1]
    return np.column_stack([uvs[:, 0], radius - reach * np.cos(angle), reach * np.sin(angle)])


def points_around(count=2000, across=25.0, margin=6.0):
    low, high = [-across, -across, margin], [across, across, LENGTH - margin]
    return np.random.default_rng(0).uniform(low, high, (count, 3))


@pytest.fixture(scope="module", params=[0, 1, 2])
def phantom(request):
    """A person, the true mask of the neck, and the grid it lies on."""
    person = draw_anatomy(request.param)
    shape, affine = sagittal_grid(person, 1.4, 8.6, width=30, depth=70)
    sampled = sample(person, shape, affine, surroundings=False, across=0.5, along=0.5)
    return person, make_fractions(person, sampled, ["SC"])["SC"], affine


def voxels_in(mask, affine):
    return nib.affines.apply_affine(affine, np.argwhere(mask > 0.5 * mask.max()))


def check_fields(mask, affine):
    """Both fields lead back to where a point came from, and none folds within 20 mm."""
    frame = make_frame(fit_centerline(mask, affine))
    forward, backward = straight_fields(frame, affine=affine, shape=mask.shape)
    cord = voxels_in(mask, affine)
    away = np.linalg.norm(map_points(cord, [backward, forward]) - cord, axis=1)
    assert np.percentile(away, 95) < 0.01
    assert away.max() < 0.05

    assert jacobian_determinant(forward).min() > 0.2
    centers = nib.affines.apply_affine(
        backward.affine, np.moveaxis(np.indices(backward.shape), 0, -1)
    )
    near = np.linalg.norm(frame.from_world(centers)[..., :2], axis=-1) <= 20.0
    assert jacobian_determinant(backward)[near].min() > 0.2


def test_millimetres_are_those_to_the_right_in_front_and_along_the_cord():
    frame, uvs = arc_frame(), points_around()
    # The line is drawn with straight steps of 0.5 mm.
    np.testing.assert_allclose(ToStraight(frame).map_points(on_arc(uvs)), uvs, atol=5e-3)
    np.testing.assert_allclose(FromStraight(frame).map_points(uvs), on_arc(uvs), atol=5e-3)


def test_maps_undo_each_other():
    forward = FromStraight(arc_frame())
    points = points_around().reshape(20, 100, 3)
    there = forward.inverse().map_points(forward.map_points(points))
    np.testing.assert_allclose(there, points, atol=1e-6)
    assert forward.inverse().inverse() == forward


def test_beyond_the_mask_the_cord_is_straight():
    # The world, but for the few millimetres in which the bend comes to its end, moves rigidly.
    frame = arc_frame()
    s = np.array([-120.0, -30.0, -15.0])
    points = np.column_stack([np.full(3, 4.0), np.full(3, -7.0), s])
    world = FromStraight(frame).map_points(points)
    np.testing.assert_allclose(np.linalg.norm(np.diff(world, axis=0), axis=1), np.diff(s))
    np.testing.assert_allclose(np.cross(world[1] - world[0], world[2] - world[1]), 0, atol=1e-6)


def test_volume_changes_as_the_inner_side_of_a_bend_demands():
    # Slices that are shifted, and not turned, would keep volumes.
    frame = arc_frame()
    image = np.diag([1.0, 1.0, 1.0, 1.0])
    image[:3, 3] = -30, -30, 0
    forward, _ = straight_fields(frame, affine=image, shape=(61, 100, 60))
    x, y, z = nib.affines.apply_affine(
        forward.affine, np.moveaxis(np.indices(forward.shape), 0, -1)
    ).transpose(3, 0, 1, 2)
    inner = (z > 8) & (z < LENGTH - 8) & (np.abs(y) < 18) & (np.abs(x) < 18)
    found = jacobian_determinant(forward)
    np.testing.assert_allclose(found[inner], (1 - y / RADIUS)[inner], atol=0.01)


def test_a_straightened_image_is_the_same_in_every_slice():
    frame = arc_frame()
    grid = np.moveaxis(np.indices((51, 90, 70)), 0, -1) + np.array([-25.0, -25.0, -5.0])
    affine = np.eye(4)
    affine[:3, 3] = -25, -25, -5
    across = frame.from_world(grid)[..., :2]
    image = np.cos(across[..., 0] / 3) + np.sin(across[..., 1] / 2)
    to_affine, shape = straight_grid(frame, spacing=0.5, half_width=10, ends=(5.0, 50.0))
    straight = resample_through(
        image, affine, [FromStraight(frame)],
        to_affine=to_affine, to_shape=shape, interpolation="spline",
    )  # fmt: skip
    x = to_affine[0, 3] + 0.5 * np.arange(shape[0])
    expected = np.cos(x / 3)[:, None] + np.sin(x / 2)
    # What the cubic spline loses of a wave of 12 mm on voxels of 1 mm.
    np.testing.assert_allclose(straight, np.broadcast_to(expected[..., None], shape), atol=0.01)


def test_lengths_along_the_cord_are_kept(phantom):
    person, mask, affine = phantom
    places = np.array([person.levels.disc(value) for value in range(2, 9)])
    frame = make_frame(fit_centerline(mask, affine))
    straight = ToStraight(frame).map_points(person.curve.at(places)[0])
    assert np.ptp(straight[:, 2]) == pytest.approx(np.ptp(places), rel=0.005)
    # Between neighbours, the centres of the phantom's voxels count as well.
    np.testing.assert_allclose(np.diff(straight[:, 2]), np.diff(places), rtol=0.005, atol=0.1)
    np.testing.assert_allclose(straight[:, :2], 0, atol=0.3)


def test_fields_of_people_lead_back_and_do_not_fold(phantom):
    _, mask, affine = phantom
    check_fields(mask, affine)


@pytest.mark.parametrize("codes", ["PIR", "LPS"])
def test_fields_of_oblique_images_lead_back_and_do_not_fold(phantom, rotate, reorient, codes):
    _, mask, affine = phantom
    turn = rotate("x", 20.0) @ rotate("y", 10.0)
    check_fields(*reorient(mask, turn @ affine, codes))


@pytest.mark.parametrize("image", ["T2w", "T1w", "T2star", "flip-1_mt-on_MTS"])
def test_fields_of_real_masks_lead_back_and_do_not_fold(errsm30, image):
    name = f"sub-errsm30_{image}_label-SC_seg.nii.gz"
    img = nib.load(errsm30 / "derivatives/labels/sub-errsm30/anat" / name)
    check_fields(np.asarray(img.dataobj), img.affine)


def test_fields_of_a_cord_with_a_lesion_lead_back_and_do_not_fold(tutorial):
    name = "sub-lesion_T2w_label-SC_seg.nii.gz"
    img = nib.load(tutorial / "derivatives/labels/sub-lesion/anat" / name)
    check_fields(np.asarray(img.dataobj), img.affine)


def test_a_grid_has_the_centreline_in_the_middle_of_its_voxels():
    frame = arc_frame()
    affine, shape = straight_grid(frame, spacing=(0.7, 0.7, 3.0), half_width=20.0)
    middle = (np.array(shape[:2]) - 1) / 2
    np.testing.assert_allclose(affine[:2, :2] @ middle + affine[:2, 3], 0, atol=1e-12)
    assert shape[0] * 0.7 >= 40.0
    low, high = frame.ends
    below, above = affine[2, 3] - 1.5, affine[2, 3] + 3.0 * (shape[2] - 0.5)
    assert below <= low < below + 3
    assert above - 3 < high <= above + 1e-9
    with pytest.raises(ValueError, match="over 0 mm"):
        straight_grid(frame, spacing=0.0)
    with pytest.raises(ValueError, match="not above"):
        straight_grid(frame, ends=(3.0, 3.0))


def test_the_line_ends_where_the_image_ends(tube):
    mask, affine = tube(slope=(0.0, 0.75), shape=(40, 90, 41))
    mask[:, :, :15] = mask[:, :, 26:] = 0
    frame = make_frame(fit_centerline(mask, affine))
    steep = np.hypot(1, 0.75)
    low, high = visible_ends(frame, affine, mask.shape)
    assert low == pytest.approx(-15.5 * steep, abs=0.6)
    assert high == pytest.approx((10 + 15.5) * steep, abs=0.6)


def test_the_line_goes_no_farther_than_40_mm_beyond_the_mask(tube):
    mask, affine = tube(shape=(40, 36, 121))
    mask[:, :, :30] = mask[:, :, 100:] = 0
    frame = make_frame(fit_centerline(mask, affine))
    # 30 slices below the mask, 21 above it, and half a slice.
    assert visible_ends(frame, affine, mask.shape) == pytest.approx((-30.5, 90.5), abs=0.6)
    mask[:, :, :60] = 0
    frame = make_frame(fit_centerline(mask, affine))
    assert visible_ends(frame, affine, mask.shape)[0] == pytest.approx(-40.5)


def test_bends_that_fold_the_image_are_warned_about():
    for radius in (15.0, 60.0):
        found, s = sharpest_bend(arc_frame(radius, 60.0))
        assert found == pytest.approx(radius, rel=0.01)
        assert 0 <= s <= 60
    assert check_folding(arc_frame(), name="mask") == []
    (warning,) = check_folding(arc_frame(15.0, 60.0), name="mask")
    assert warning.startswith("mask: the centreline bends with a radius of 15 mm at slice")
    assert check_folding(arc_frame(15.0, 60.0), name="mask", half_width=10.0) == []
    mask_is_straight = make_frame(
        Centerline(
            np.array([[0.0, 0, 0], [0, 0, 5]]), np.array([[0.0, 0, 1]] * 2), np.array([0.0, 5]),
            np.array([0, 1]), np.ones(2, dtype=bool),
        )
    )  # fmt: skip
    assert sharpest_bend(mask_is_straight)[0] == np.inf
