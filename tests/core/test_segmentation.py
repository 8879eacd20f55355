"""The cord segmentation around its networks: path, patches, pieces, with nets that are exact."""

import itertools

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel import orientations

from sctflow.core.segmentation import CordNets, segment_cord
from sctflow.core.segmentation.locate import best_path
from sctflow.core.segmentation.pieces import keep_cord


class BrightIsCord(torch.nn.Module):
    """A net that is right by construction on images where only the cord is bright."""

    def forward(self, images):
        middle = images[:, 1:2]
        low, high = middle.amin((2, 3), keepdim=True), middle.amax((2, 3), keepdim=True)
        there = (high - low) > 0.5
        return torch.where(there, 40 * ((middle - low) / (high - low).clamp(min=1e-6) - 0.5), -20)


class NothingIsCord(torch.nn.Module):
    """A net that sees no cord anywhere, unless it is given numbers that are none."""

    def forward(self, images):
        assert torch.isfinite(images).all()
        return torch.full_like(images[:, :1], -20)


DARK_NETS = CordNets(locate=NothingIsCord(), outline=[NothingIsCord()])
NETS = CordNets(locate=BrightIsCord(), outline=[BrightIsCord()])


def bright_cord(shape=(64, 60, 40), zooms=(0.8, 0.8, 1.0), *, slope=(0.2, -0.3), radii=(6.5, 4.0)):
    """An elliptic cord of intensity 100 on 0, slanted, with partial volume by supersampling."""
    fine = 4
    x, y = (
        (np.arange(n * fine) + 0.5) / fine * z - n * z / 2
        for n, z in zip(shape[:2], zooms[:2], strict=True)
    )
    height = (np.arange(shape[2]) - shape[2] / 2) * zooms[2]
    cx, cy = slope[0] * height, slope[1] * height
    inside = ((x[:, None, None] - cx) / radii[0]) ** 2 + ((y[None, :, None] - cy) / radii[1]) ** 2
    fraction = (inside < 1).reshape(shape[0], fine, shape[1], fine, shape[2]).mean((1, 3))
    return fraction * 100, np.diag([*zooms, 1.0])


def test_a_bright_ellipse_comes_back_with_its_area_and_place():
    data, affine = bright_cord()
    found = segment_cord(data, affine, nets=NETS)
    area = np.pi * 6.5 * 4.0
    assert found.slices.status.eq("cord").all()
    # One slice: pixels of 0.64 mm2 on a boundary of 34 mm, seven of them make 6 %. Their mean:
    # two interpolations between 0.8 and 0.6 mm, and smoothing along the cord, blur a convex
    # shape inwards by 1 %.
    areas = found.mask.sum((0, 1)) * 0.64
    assert areas == pytest.approx(area, rel=0.06)
    assert areas.mean() == pytest.approx(area, rel=0.02)
    truth = data > 50
    dice = 2 * (truth & (found.mask > 0)).sum() / (truth.sum() + found.mask.sum())
    assert dice > 0.98


@pytest.mark.parametrize(
    "codes",
    [
        "".join(flip[axis] for axis, flip in zip(order, signs, strict=True))
        for order in itertools.permutations(range(3))
        for signs in itertools.product(*(((a, b)) for a, b in [("RAS", "LPI")] * 3))
    ],
)
def test_the_answer_does_not_depend_on_how_the_image_is_stored(codes):
    data, affine = bright_cord(shape=(48, 44, 12), zooms=(0.9, 0.8, 2.0))
    expected = segment_cord(data, affine, nets=NETS)
    to_codes = orientations.ornt_transform(
        nib.io_orientation(affine), orientations.axcodes2ornt(tuple(codes))
    )
    stored = nib.Nifti1Image(data, affine).as_reoriented(to_codes)
    found = segment_cord(stored.get_fdata(), stored.affine, nets=NETS)
    back = nib.as_closest_canonical(nib.Nifti1Image(found.mask, stored.affine)).get_fdata()
    np.testing.assert_array_equal(back, expected.mask)
    np.testing.assert_array_equal(found.slices.slice, expected.slices.slice)


def test_a_volume_without_cord_gives_an_empty_mask_and_says_so():
    found = segment_cord(np.zeros((40, 40, 20)), np.diag([1.0, 1, 1, 1]), nets=NETS)
    assert not found.mask.any()
    assert not found.probability.any()
    assert found.slices.status.eq("none").all()
    assert "No spinal cord was found" in found.warnings[0]


def test_a_slice_with_an_area_out_of_line_is_named():
    data, affine = bright_cord(slope=(0, 0))
    wider = bright_cord(slope=(0, 0), radii=(11.0, 7.0))[0]
    data[..., 20] = wider[..., 20]
    affine[2, 2] = 5.0  # thick slices: no smoothing along the cord
    (warning,) = segment_cord(data, affine, nets=NETS).warnings
    assert "slices 20 is far" in warning


def test_values_that_are_not_finite_do_not_spread():
    data, affine = bright_cord()
    expected = segment_cord(data, affine, nets=NETS).mask
    data[2, 2, :] = np.nan
    data[3, 3, :] = np.inf
    np.testing.assert_array_equal(segment_cord(data, affine, nets=NETS).mask, expected)


@pytest.mark.parametrize(
    ("shape", "zooms"),
    [((2, 2, 2), (1, 1, 1)), ((1, 40, 40), (4, 1, 1)), ((10, 10, 10), (20, 20, 20))],
)
def test_a_field_of_view_too_small_for_a_cord_is_answered_with_an_empty_mask(shape, zooms):
    data = np.random.default_rng(0).random(shape)
    found = segment_cord(data, np.diag([*zooms, 1.0]), nets=DARK_NETS)
    assert found.mask.shape == shape
    assert not found.mask.any()


def test_one_slice_is_enough():
    data, affine = bright_cord(shape=(50, 50, 1), zooms=(1.0, 1.0, 5.0))
    found = segment_cord(data, affine, nets=NETS)
    assert found.mask.sum() == pytest.approx(np.pi * 26, rel=0.05)


def test_the_path_is_not_bent_by_one_bad_slice():
    heat = np.full((20, 40, 40), 0.01, np.float32)
    heat[:, 20, 20] = 0.9
    heat[10] = 0.01
    heat[10, 3, 35] = 0.99
    path = best_path(heat, np.array([1.6, 1.6]), spacing_mm=2.0)
    np.testing.assert_array_equal(path, 20)


def test_the_path_follows_a_slanted_cord():
    heat = np.full((20, 40, 40), 0.01, np.float32)
    course = 10 + np.arange(20)
    heat[np.arange(20), course, 20] = 0.9
    path = best_path(heat, np.array([1.6, 1.6]), spacing_mm=4.0)
    np.testing.assert_array_equal(path[:, 0], course)


def cylinder(present, value=0.95):
    """Probability of a cord 9 mm wide in the slices named, 1 mm voxels."""
    x, y = np.mgrid[:30, :30] - 14.5
    disc = (np.hypot(x, y) < 4.5).astype(np.float32) * value
    return disc[None] * np.asarray(present, np.float32)[:, None, None]


CENTRES = np.full((40, 2), 14.5)
SURE = np.ones(40)
ONE_MM = (1.0, 1.0, 1.0)


def test_a_short_piece_on_its_own_is_not_cord():
    present = np.zeros(40)
    present[5:10] = 1
    mask, soft, slices = keep_cord(cylinder(present), CENTRES, SURE, ONE_MM)
    assert not mask.any()
    assert not soft.any()
    assert slices.status.eq("none").all()


def test_weak_slices_within_the_cord_are_bridged_and_named():
    probability = cylinder(np.ones(40))
    probability[15:20] *= 0.4 / 0.95
    mask, _, slices = keep_cord(probability, CENTRES, SURE, ONE_MM)
    assert mask.any((1, 2)).all()
    assert slices.status[15:20].eq("bridged").all()
    assert slices.status.drop(range(15, 20)).eq("cord").all()


def test_an_empty_stretch_within_the_cord_is_a_gap_and_not_filled():
    present = np.ones(40)
    present[15:20] = 0
    mask, _, slices = keep_cord(cylinder(present), CENTRES, SURE, ONE_MM)
    assert slices.status[15:20].eq("gap").all()
    assert not mask[15:20].any()
    assert slices.confidence[15:20].eq(0).all()


def test_two_long_pieces_far_apart_are_both_kept():
    present = np.ones(40)
    present[14:26] = 0
    _, _, slices = keep_cord(cylinder(present), CENTRES, SURE, ONE_MM)
    assert slices.status.eq("cord").sum() == 28
    assert slices.status.eq("none").sum() == 12


def test_a_doubtful_piece_is_dropped():
    mask, _, _ = keep_cord(cylinder(np.ones(40), value=0.55), CENTRES, SURE, ONE_MM)
    assert not mask.any()


def test_a_piece_that_the_localiser_does_not_see_is_dropped():
    mask, _, _ = keep_cord(cylinder(np.ones(40)), CENTRES, 0.1 * SURE, ONE_MM)
    assert not mask.any()


def test_of_two_blobs_the_one_on_the_path_is_cord_and_holes_are_filled():
    probability = cylinder(np.ones(40))
    probability[:, 14:16, 14:16] = 0
    probability[:, 2:6, 24:28] = 0.9
    mask, soft, _ = keep_cord(probability, CENTRES, SURE, ONE_MM)
    assert mask[:, 14, 14].all()
    assert not mask[:, 2:6, 24:28].any()
    assert not soft[:, 2:6, 24:28].any()
