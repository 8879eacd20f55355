"""Nodes that apply and make transforms, against what is known of simple ones."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.labels import LabelError
from sctflow.core.transforms import Affine, DisplacementField, map_points
from sctflow.errors import ImageError
from sctflow.interfaces.transforms import (
    ApplyTransforms,
    ConcatenateTransforms,
    ConvertToFSL,
    InvertTransform,
)
from sctflow.xfm import load_field, load_transform, save_affine, save_field

SHAPE = (24, 20, 16)
AFFINE = np.array([[-1.0, 0, 0, 12], [0, 1.0, 0, -9], [0, 0, 2.0, -15], [0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def _work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def image(save, tmp_path):
    """A ramp to the front, stored left to right: value = y."""
    _, y, _ = nib.affines.apply_affine(AFFINE, np.moveaxis(np.indices(SHAPE), 0, -1)).T
    return str(save(y.T.astype(np.float32), AFFINE, tmp_path / "image.nii.gz"))


@pytest.fixture
def grid(save, tmp_path):
    """Another grid inside of the image's field of view."""
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -4, -3, -5
    return str(save(np.zeros((9, 8, 11), np.uint8), affine, tmp_path / "grid.nii.gz"))


def shift(tmp_path, name, mm):
    """ITK's text file: x in the fixed image is x + mm in the moving one."""
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return str(save_affine(Affine(matrix), tmp_path / name))


@pytest.fixture
def stretch(tmp_path):
    """A field that takes y to 1.5 y."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -40, -40, -40
    places = nib.affines.apply_affine(affine, np.moveaxis(np.indices((21, 21, 21)), 0, -1))
    field = DisplacementField(places * [0.0, 0.5, 0.0], affine)
    return str(save_field(field, tmp_path / "stretch.nii.gz"))


def values(path):
    return np.asarray(nib.load(path).dataobj)


def test_without_transforms_an_image_is_resampled_as_it_lies(image, grid):
    found = ApplyTransforms(in_file=image, reference_file=grid).run().outputs.out_file
    expected = np.broadcast_to(np.arange(-3.0, 5.0)[:, None], (9, 8, 11))
    np.testing.assert_allclose(values(found), expected, atol=1e-5)
    np.testing.assert_array_equal(nib.load(found).affine, nib.load(grid).affine)


def test_points_go_through_transforms_in_the_order_given(image, grid, stretch, tmp_path):
    forward = shift(tmp_path, "shift.txt", (0, 1.0, 0))
    y = np.arange(-3.0, 5.0)[:, None]
    for transforms, expected in (
        ([forward, stretch], 1.5 * (y + 1)),
        ([stretch, forward], 1.5 * y + 1),
    ):
        found = ApplyTransforms(in_file=image, reference_file=grid, transforms=transforms).run()
        expected = np.broadcast_to(np.clip(expected, -9, 10), (9, 8, 11))
        np.testing.assert_allclose(values(found.outputs.out_file), expected, atol=1e-4)


def test_the_order_is_that_of_ants(image, grid, stretch, tmp_path):
    import ants

    transforms = [shift(tmp_path, "shift.txt", (0, 1.0, 0)), stretch]
    expected = ants.apply_transforms(
        fixed=ants.image_read(grid), moving=ants.image_read(image), transformlist=transforms
    )
    found = ApplyTransforms(in_file=image, reference_file=grid, transforms=transforms).run()
    np.testing.assert_allclose(values(found.outputs.out_file), expected.numpy(), atol=1e-3)


def test_chosen_transforms_are_inverted(image, grid, stretch, tmp_path):
    forward = shift(tmp_path, "shift.txt", (0, 1.0, 0))
    y = np.arange(-3.0, 5.0)[:, None]
    for turned, expected in (([1], 1.5 * (y - 1)), ([2], (y + 1) / 1.5), ([1, 2], (y - 1) / 1.5)):
        found = ApplyTransforms(
            in_file=image, reference_file=grid, transforms=[forward, stretch], invert=turned
        ).run()
        assert found.outputs.warnings == []
        expected = np.broadcast_to(expected, (9, 8, 11))
        np.testing.assert_allclose(values(found.outputs.out_file), expected, atol=2e-3)


def test_a_transform_that_is_not_there_cannot_be_inverted(image, grid, stretch):
    node = ApplyTransforms(in_file=image, reference_file=grid, transforms=[stretch], invert=[2])
    with pytest.raises(ImageError, match="no transform number 2; 1 are given"):
        node.run()


def test_a_series_keeps_its_time(save, grid, tmp_path):
    data = np.stack([np.full(SHAPE, 3.0), np.full(SHAPE, 5.0)], axis=-1)
    img = nib.Nifti1Image(data, AFFINE)
    img.header.set_xyzt_units("mm", "sec")
    img.header.set_zooms((1, 1, 2, 2.5))
    img.to_filename(tmp_path / "series.nii.gz")
    found = ApplyTransforms(in_file=tmp_path / "series.nii.gz", reference_file=grid).run()
    moved = nib.load(found.outputs.out_file)
    assert moved.shape == (9, 8, 11, 2)
    assert moved.header.get_zooms() == (1, 1, 1, 2.5)
    assert moved.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_array_equal(moved.get_fdata()[0, 0, 0], [3, 5])


def test_labels_stay_labels(save, grid, tmp_path):
    image = np.zeros(SHAPE, np.uint8)
    image[10:, :, :] = 7
    path = save(image, AFFINE, tmp_path / "labels.nii.gz")
    for interpolation in ("nearest", "label"):
        found = ApplyTransforms(
            in_file=path, reference_file=grid, interpolation=interpolation
        ).run()
        moved = values(found.outputs.out_file)
        assert moved.dtype == np.uint8
        # Voxel 10 lies at x = 2, and what has higher indices to the left of it.
        assert np.all(moved[:7] == 7)
        assert np.all(moved[7:] == 0)


def test_points_are_moved_and_none_is_lost(save, stretch, tmp_path):
    image = np.zeros(SHAPE, np.uint8)
    places = {3: (10, 12, 9), 4: (10, 15, 7), 5: (9, 6, 5)}
    for value, voxel in places.items():
        image[voxel] = value
    path = save(image, AFFINE, tmp_path / "discs.nii.gz")
    coarse = np.diag([3.0, 3.0, 3.0, 1.0])
    coarse[:3, 3] = -12, -12, -15
    reference = save(np.zeros((9, 9, 11), np.uint8), coarse, tmp_path / "coarse.nii.gz")
    found = ApplyTransforms(
        in_file=path, reference_file=reference, transforms=[stretch], interpolation="points"
    ).run()
    moved = values(found.outputs.out_file)
    for value, voxel in places.items():
        x, y, z = nib.affines.apply_affine(AFFINE, voxel)
        expected = nib.affines.apply_affine(np.linalg.inv(coarse), [x, y / 1.5, z])
        assert np.argwhere(moved == value).tolist() == [np.rint(expected).tolist()]


def test_points_outside_the_reference_are_named(save, grid, tmp_path):
    image = np.zeros(SHAPE, np.uint8)
    image[12, 9, 7], image[0, 0, 0] = 3, 4
    path = save(image, AFFINE, tmp_path / "discs.nii.gz")
    node = ApplyTransforms(in_file=path, reference_file=grid, interpolation="points")
    found = node.run().outputs
    assert np.unique(values(found.out_file)).tolist() == [0, 3]
    (warning,) = found.warnings
    assert warning.startswith("discs.nii.gz: outside")
    node.inputs.transforms = [shift(tmp_path, "far.txt", (0, 99.0, 0))]
    with pytest.raises(LabelError, match="no point lies in the field of view"):
        node.run()


def test_joined_transforms_do_what_the_chain_does(image, grid, stretch, tmp_path):
    transforms = [shift(tmp_path, "shift.txt", (0, 1.0, 0)), stretch]
    joined = ConcatenateTransforms(reference_file=grid, transforms=transforms, invert=[1]).run()
    assert joined.outputs.warnings == []
    field = load_field(joined.outputs.out_file)
    assert field.lies_on(nib.load(grid).affine, nib.load(grid).shape)
    points = np.random.default_rng(0).uniform([-4, -3, -5], [4, 4, 5], (50, 3))
    expected = points * [1, 1.5, 1] - [0, 1.5, 0]
    np.testing.assert_allclose(map_points(points, [field]), expected, atol=1e-4)


def test_an_inverse_undoes_its_transform(image, stretch, tmp_path):
    inverse = InvertTransform(in_file=stretch, reference_file=image).run().outputs
    assert inverse.warnings == []
    points = np.random.default_rng(0).uniform([-8, -8, -12], [8, 8, 12], (50, 3))
    field = load_field(inverse.out_file)
    np.testing.assert_allclose(map_points(points, [field]), points / [1, 1.5, 1], atol=2e-3)
    there = shift(tmp_path, "shift.txt", (3.0, 1.0, -2.0))
    (back,) = load_transform(InvertTransform(in_file=there).run().outputs.out_file)
    np.testing.assert_allclose(back.matrix[:3, 3], [-3, -1, 2])


def test_a_field_needs_a_grid_for_its_inverse(stretch):
    with pytest.raises(ImageError, match="Give the moving image"):
        InvertTransform(in_file=stretch).run()


def test_folds_are_warned_about(image, tmp_path):
    vectors = np.zeros((*SHAPE, 3))
    vectors[..., 1] = -2.5 * np.abs(np.arange(SHAPE[1]) - 10)[:, None]
    path = save_field(DisplacementField(vectors, AFFINE), tmp_path / "folded.nii.gz")
    found = InvertTransform(in_file=path, reference_file=image).run().outputs
    (warning,) = found.warnings
    assert warning.startswith("folded.nii.gz: the transform folds")


def test_a_warp_for_fsl_counts_from_the_first_voxel(image, grid, tmp_path):
    # The reference is stored right-handed, so that FSL counts its first axis from the other end;
    # the image is not.
    there = shift(tmp_path, "shift.txt", (2.0, 1.0, -3.0))
    found = ConvertToFSL(in_file=image, reference_file=grid, transforms=[there]).run().outputs
    warp = nib.load(found.out_file)
    assert warp.shape == (9, 8, 11, 3)
    voxel = np.array([2, 3, 4])
    here = [(9 - 1 - 2) * 1.0, 3.0, 4.0]
    moved = np.array([2.0, 1.0, -3.0])
    world = nib.affines.apply_affine(nib.load(grid).affine, voxel) + moved
    goal = nib.affines.apply_affine(np.linalg.inv(AFFINE), world) * [1.0, 1.0, 2.0]
    np.testing.assert_allclose(here + np.asarray(warp.dataobj)[2, 3, 4], goal, atol=1e-5)
