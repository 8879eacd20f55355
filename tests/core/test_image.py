"""Images that are refused, and operations that must not move or change anything."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sctflow.core.grid import SliceGrid, canonical_axes
from sctflow.core.image import (
    cast,
    check_image,
    crop,
    finite,
    new_like,
    resample,
    resample_to_zooms,
    squeeze,
    to_canonical,
    to_grid_of,
)
from sctflow.errors import ImageError


def image(shape=(6, 7, 8), dtype=np.int16, affine=None, seed=0) -> nib.Nifti1Image:
    data = np.random.default_rng(seed).integers(1, 100, shape).astype(dtype)
    img = nib.Nifti1Image(data, np.diag([1, 2, 3, 1.0]) if affine is None else affine)
    img.set_qform(img.affine, 1)
    img.set_sform(img.affine, 1)
    return img


def smooth(world: np.ndarray) -> np.ndarray:
    return world @ [2.0, -1.0, 0.5] + 3


def field(shape, affine) -> np.ndarray:
    indices = np.moveaxis(np.indices(shape), 0, -1)
    return smooth(nib.affines.apply_affine(affine, indices))


class TestCheckImage:
    def test_an_ordinary_image_gives_no_warning(self):
        assert check_image(image(), name="a.nii") == []

    @pytest.mark.parametrize(
        ("shape", "words"),
        [
            ((6, 7), "2-D"),
            ((6, 7, 8, 3), "4 dimensions"),
            ((6, 7, 8, 1, 3), "5 dimensions"),
            ((6, 0, 8), "no voxels"),
        ],
    )
    def test_other_than_three_dimensions_are_refused(self, shape, words):
        img = nib.Nifti1Image(np.ones(shape, np.int16), np.eye(4))
        with pytest.raises(ImageError, match=rf"^a\.nii: .*{words}"):
            check_image(img, name="a.nii")

    def test_one_volume_counts_as_three_dimensions(self):
        img = nib.Nifti1Image(np.ones((6, 7, 8, 1), np.int16), np.eye(4))
        img.dataobj[0] = 2
        assert check_image(img, name="a.nii") == []
        assert squeeze(img).shape == (6, 7, 8)
        np.testing.assert_array_equal(squeeze(img).affine, img.affine)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (np.zeros((3, 3, 3)), "all voxels are zero"),
            (np.full((3, 3, 3), np.nan), "no voxel has a finite value"),
            (np.where(np.arange(27).reshape(3, 3, 3) < 3, np.inf, 0.0), "all voxels are zero"),
            (np.ones((3, 3, 3), np.complex64), "complex"),
        ],
    )
    def test_values_without_content_are_refused(self, data, words):
        with pytest.raises(ImageError, match=rf"^a\.nii: .*{words}"):
            check_image(nib.Nifti1Image(data, np.eye(4)), name="a.nii")

    def test_values_that_are_not_finite_are_counted(self):
        data = np.ones((3, 3, 3), np.float32)
        data[0, 0, :2] = np.nan, np.inf
        data[1] = 2
        (warning,) = check_image(nib.Nifti1Image(data, np.eye(4)), name="a.nii")
        assert warning.startswith("a.nii: 2 voxels are not finite")

    @pytest.mark.parametrize(
        ("affine", "words"),
        [
            (np.diag([1, np.nan, 1, 1]), "not numbers"),
            (np.diag([1, 0, 1, 1.0]), "must be positive"),
            (np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "singular"),
        ],
    )
    def test_a_broken_affine_is_refused(self, affine, words):
        img = image()
        img._affine = affine
        with pytest.raises(ImageError, match=rf"^a\.nii: .*{words}"):
            check_image(img, name="a.nii")

    def test_voxel_sizes_that_contradict_the_affine_are_refused(self):
        img = image()
        img.set_qform(None, 0)
        img.header["pixdim"][1:4] = 1
        with pytest.raises(ImageError, match="contradicts its affine"):
            check_image(img, name="a.nii")

    @pytest.mark.parametrize(("shift", "fine"), [(0.05, True), (0.2, False)])
    def test_qform_and_sform_must_agree(self, shift, fine):
        img = image()
        other = img.affine.copy()
        other[1, 3] += shift
        img.set_qform(other, 1)
        if fine:
            assert check_image(img, name="a.nii") == []
        else:
            with pytest.raises(ImageError, match=r"qform and sform disagree by 0\.2 mm"):
                check_image(img, name="a.nii")

    def test_a_rotation_counts_at_the_corners(self):
        img = image(shape=(200, 200, 5))
        angle = np.radians(0.1)
        turn = np.eye(4)
        turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        img.set_qform(turn @ img.affine, 1)
        with pytest.raises(ImageError, match="disagree"):
            check_image(img, name="a.nii")

    def test_an_unset_form_is_not_compared(self):
        img = image()
        img.set_qform(np.eye(4), 0)
        img.header["pixdim"][1:4] = [1, 2, 3]
        assert check_image(img, name="a.nii") == []

    def test_no_orientation_at_all_is_a_warning(self):
        img = image()
        img.set_qform(None, 0)
        img.set_sform(None, 0)
        (warning,) = check_image(img, name="a.nii")
        assert "neither qform nor sform" in warning

    def test_strong_obliquity_and_constant_images_are_warnings(self, rotate):
        img = nib.Nifti1Image(np.ones((4, 4, 4), np.uint8), rotate("x", 40))
        warnings = check_image(img, name="a.nii")
        assert any("oblique by 40 degrees" in text for text in warnings)
        assert any("same value" in text for text in warnings)

    def test_real_images_pass(self, errsm30, tutorial):
        images = [*errsm30.glob("sub-*/anat/*.nii.gz"), *tutorial.glob("sub-*/anat/*.nii.gz")]
        assert len(images) > 8
        for path in images:
            assert check_image(nib.load(path), name=path.name) == []


def test_canonical_and_back_is_exact(tube, reorient, any_orientation):
    data, affine = reorient(*tube(shape=(5, 6, 7), samples=2), any_orientation)
    img = nib.Nifti1Image(data, affine)
    canonical = to_canonical(img)
    assert nib.aff2axcodes(canonical.affine) == ("R", "A", "S")
    np.testing.assert_array_equal(to_grid_of(canonical.get_fdata(), img), data)
    axes = canonical_axes(affine)
    assert ["RAS"[axis] if sign > 0 else "LPI"[axis] for axis, sign in axes] == [*any_orientation]


def test_an_array_of_another_size_does_not_fit_a_grid():
    with pytest.raises(ImageError, match="does not lie on"):
        to_grid_of(np.ones((7, 6, 8)), image())


@pytest.mark.parametrize("degrees", [0, 20])
def test_slice_grid_of_an_oblique_image(rotate, degrees):
    affine = rotate("z", degrees) @ rotate("x", degrees) @ np.diag([0.5, 2, 3, 1])
    affine[:3, 3] = 10, 20, -30
    grid = SliceGrid.from_affine(affine)
    np.testing.assert_allclose(grid.axes, affine[:3, :3] / [0.5, 2, 3], atol=1e-12)
    np.testing.assert_allclose(grid.pixel, np.diag([0.5, 2]), atol=1e-12)
    assert grid.spacing == pytest.approx(3)
    point = grid.to_world(np.array([1.0, 2, 3]))
    assert point == pytest.approx(nib.affines.apply_affine(affine, [1, 2, 3]))
    assert grid.to_frame(point) == pytest.approx([0.5, 4, 9])
    assert grid.from_frame(grid.to_frame(point)) == pytest.approx(point)


class TestResample:
    def test_onto_its_own_grid_changes_nothing(self, rotate):
        affine = rotate("y", 33) @ np.diag([0.7, 1.3, 5, 1])
        data = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
        for order in (0, 1):
            same = resample(data, affine, to_affine=affine, to_shape=data.shape, order=order)
            np.testing.assert_array_equal(same, data)

    def test_a_linear_field_stays_where_it_is_in_the_world(self, rotate):
        affine = rotate("x", 10) @ np.diag([1, 1, 2, 1.0])
        affine[:3, 3] = 5, -3, 8
        to_affine = affine @ rotate("z", 5) @ np.diag([0.8, 0.9, 0.4, 1])
        to_affine[:3, 3] = nib.affines.apply_affine(affine, [6, 6, 4])
        to_shape = (6, 5, 9)
        got = resample(field((20, 20, 10), affine), affine, to_affine=to_affine, to_shape=to_shape)
        np.testing.assert_allclose(got, field(to_shape, to_affine), rtol=1e-6)

    def test_labels_and_types_are_kept_by_the_nearest_voxel(self):
        labels = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
        fine = np.diag([0.5, 0.5, 0.5, 1])
        fine[:3, 3] = -0.25
        got = resample(labels, np.eye(4), to_affine=fine, to_shape=(6, 6, 6), order=0)
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, labels.repeat(2, 0).repeat(2, 1).repeat(2, 2))
        mask = resample(labels > 4, np.eye(4), to_affine=fine, to_shape=(6, 6, 6), order=0)
        assert mask.dtype == bool
        linear = resample(labels, np.eye(4), to_affine=fine, to_shape=(6, 6, 6))
        assert linear.dtype == np.float32

    def test_outside_is_cval_and_the_rim_is_inside(self):
        ones = np.ones((3, 3, 3))
        wide = np.eye(4)
        wide[:3, 3] = -0.4, -1, -1
        got = resample(ones, np.eye(4), to_affine=wide, to_shape=(4, 5, 5), cval=-7)
        # Positions -0.4 and 2.6: the first is within half a voxel of the outermost centre.
        np.testing.assert_array_equal(got[:, 2, 2], [1, 1, 1, -7])
        np.testing.assert_array_equal(got[0, :, 2], [-7, 1, 1, 1, -7])


@pytest.mark.parametrize("zooms", [(0.5, 0.5, 0.5), (1, 1, 1), (2, 3, 1.5), (0.7, 1.1, 6)])
def test_resampling_keeps_the_corner_of_the_field_of_view(rotate, zooms):
    affine = rotate("x", 20) @ np.diag([1, 2, 3, 1.0])
    img = image(shape=(12, 9, 8), affine=affine)
    new = resample_to_zooms(img, zooms)
    assert np.linalg.norm(new.affine[:3, :3], axis=0) == pytest.approx(zooms)
    assert new.header.get_zooms() == pytest.approx(zooms)
    corner = [-0.5, -0.5, -0.5]
    before = nib.affines.apply_affine(img.affine, corner)
    assert nib.affines.apply_affine(new.affine, corner) == pytest.approx(before, abs=1e-5)
    field_of_view = np.array(img.shape) * [1, 2, 3]
    assert np.all(np.abs(np.array(new.shape) * zooms - field_of_view) <= np.array(zooms) / 2)
    assert int(new.header["sform_code"]) == int(new.header["qform_code"]) == 1
    check_image(new, name="resampled")


def test_resampling_to_its_own_zooms_changes_nothing():
    img = image(dtype=np.float32)
    new = resample_to_zooms(img, (1, 2, 3))
    np.testing.assert_array_equal(new.get_fdata(), img.get_fdata())
    np.testing.assert_array_equal(new.affine, img.affine)


def test_a_voxel_size_must_be_positive():
    with pytest.raises(ImageError, match="positive"):
        resample_to_zooms(image(), (1, 0, 1))


class TestCrop:
    def test_voxels_keep_their_place_in_the_world(self):
        img = image()
        part = crop(img, (1, 2, 3), (4, 99, 5))
        assert part.shape == (3, 5, 2)
        np.testing.assert_array_equal(part.get_fdata(), img.get_fdata()[1:4, 2:, 3:5])
        corner = nib.affines.apply_affine(img.affine, [1, 2, 3])
        assert nib.affines.apply_affine(part.affine, [0, 0, 0]) == pytest.approx(corner)

    def test_nothing_left_is_an_error(self):
        with pytest.raises(ImageError, match="leaves nothing"):
            crop(image(), (3, 0, 0), (3, 7, 8))


class TestCast:
    @settings(max_examples=50, deadline=None)
    @given(hnp.arrays(np.float64, 5, elements=st.floats(-300, 300)))
    def test_no_value_changes_by_more_than_rounding(self, values):
        for dtype in (np.uint8, np.int8, np.int16):
            limits = np.iinfo(dtype)
            rounded = np.rint(values)
            if rounded.min() < limits.min or rounded.max() > limits.max:
                with pytest.raises(ImageError, match="do not fit"):
                    cast(values, dtype)
            else:
                assert np.abs(cast(values, dtype) - values).max() <= 0.5

    def test_values_that_are_not_numbers_do_not_become_integers(self):
        with pytest.raises(ImageError, match="not finite"):
            cast(np.array([1.0, np.nan]), np.int16)

    def test_large_integers_do_not_wrap_around(self):
        with pytest.raises(ImageError, match="do not fit"):
            cast(np.array([70000]), np.uint16)

    def test_truth_values_become_ones(self):
        assert cast(np.array([True, False]), np.uint8).tolist() == [1, 0]


def test_finite_replaces_what_is_not():
    assert finite(np.array([1, np.nan, np.inf, -np.inf])).tolist() == [1, 0, 0, 0]
    whole = np.arange(3)
    assert finite(whole) is whole


class TestNewLike:
    def test_geometry_and_codes_are_kept_and_the_rest_is_not(self, rotate):
        affine = rotate("x", 12.3) @ np.diag([0.8984375, 0.9, 5, 1])
        img = image(affine=affine)
        img.set_qform(affine, 2)
        img.set_sform(affine, 4)
        img.header.set_xyzt_units("mm", "sec")
        img.header["cal_max"] = 99
        img.header["descrip"] = b"scanned yesterday"
        new = new_like(np.full(img.shape, 0.6), img, np.uint8)
        assert new.get_data_dtype() == np.uint8
        assert np.all(new.get_fdata() == 1)
        for form in ("qform", "sform"):
            old_form, old_code = getattr(img, f"get_{form}")(coded=True)
            new_form, new_code = getattr(new, f"get_{form}")(coded=True)
            np.testing.assert_array_equal(new_form, old_form)
            assert new_code == old_code
        np.testing.assert_array_equal(new.affine, img.affine)
        assert new.header.get_zooms() == img.header.get_zooms()
        assert new.header.get_xyzt_units() == ("mm", "sec")
        assert new.header["cal_max"] == 0
        assert new.header["descrip"] == b""
        back = nib.Nifti1Image.from_bytes(new.to_bytes())
        np.testing.assert_array_equal(
            back.affine, nib.Nifti1Image.from_bytes(img.to_bytes()).affine
        )

    def test_another_size_is_refused(self):
        with pytest.raises(ImageError, match="does not lie on the grid"):
            new_like(np.zeros((6, 7, 9)), image(), np.uint8)
