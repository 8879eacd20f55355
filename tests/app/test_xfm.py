"""Transform files: what other programs make of ours, and we of theirs."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.transforms import Affine, DisplacementField, invert, map_points, resample_through
from sctflow.errors import ImageError
from sctflow.io import load_image, save_image
from sctflow.xfm import (
    load_field,
    load_transform,
    save_affine,
    save_field,
    save_fsl_warp,
)

SHAPE = (28, 24, 20)


def turned(zooms=(1.0, 1.0, 1.0), degrees=0.0, flip=False, shape=SHAPE) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) * zooms
    if flip:
        affine[:3, 0] *= -1
    affine[:3, 3] = [5, -3, 12] - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


FIXED = {
    "RAS": turned(),
    "LAS": turned(flip=True),
    "anisotropic": turned((0.8, 0.9, 1.7)),
    "oblique": turned((0.8, 1.1, 1.2), 25.0),
}
MOVING = turned((0.9, 1.2, 1.1), -15.0, flip=True)


def wavy(affine: np.ndarray, dtype=np.float32) -> DisplacementField:
    x, y, z = np.indices(SHAPE) / 5
    vectors = [2 * np.sin(y + z), 1.5 * np.cos(x) - 1, 1 + np.sin(x - y)]
    return DisplacementField(np.stack(vectors, axis=-1).astype(dtype), affine)


def tilt() -> Affine:
    matrix = turned(degrees=7.0)
    matrix[:3, 3] = [1.5, -0.5, 2.25]
    return Affine(matrix)


@pytest.fixture
def moving(tmp_path: Path) -> Path:
    img = nib.Nifti1Image(np.random.default_rng(0).random(SHAPE, np.float32) * 100, MOVING)
    img.set_qform(MOVING, 1)
    img.set_sform(MOVING, 1)
    return save_image(img, tmp_path / "moving.nii.gz")


@pytest.fixture(params=FIXED)
def fixed(request, tmp_path: Path) -> Path:
    affine = FIXED[request.param]
    img = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), affine)
    img.set_qform(affine, 1)
    img.set_sform(affine, 1)
    return save_image(img, tmp_path / "fixed.nii.gz")


class TestFields:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_field_comes_back_as_it_was(self, tmp_path, dtype):
        field = wavy(FIXED["oblique"], dtype)
        path = save_field(field, tmp_path / "a.nii.gz", dtype=dtype)
        back = load_field(path)
        assert back.vectors.dtype == dtype
        np.testing.assert_array_equal(back.vectors, field.vectors)
        assert_allclose(back.affine, field.affine, atol=1e-6)

    def test_the_file_is_what_itk_expects(self, tmp_path):
        field = wavy(FIXED["RAS"])
        img = nib.load(save_field(field, tmp_path / "a.nii.gz"))
        assert img.shape == (*SHAPE, 1, 3)
        assert img.header["intent_code"] == 1007
        assert img.get_data_dtype() == np.float32
        assert_allclose(img.get_fdata()[..., 0, :], field.vectors * [-1, -1, 1], atol=1e-6)

    def test_what_is_no_itk_field_is_refused(self, tmp_path):
        path = save_image(nib.Nifti1Image(np.zeros((3, 3, 3, 3)), np.eye(4)), tmp_path / "a.nii")
        with pytest.raises(ImageError, match=r"\(x, y, z, 1, 3\)"):
            load_transform(path)
        holed = np.zeros((3, 3, 3, 1, 3), np.float32)
        holed[0, 0, 0, 0, 0] = np.nan
        path = save_image(nib.Nifti1Image(holed, np.eye(4)), tmp_path / "b.nii")
        with pytest.raises(ImageError, match="not finite"):
            load_field(path)
        with pytest.raises(ImageError, match="not finite"):
            save_field(DisplacementField(holed[:, :, :, 0], np.eye(4)), tmp_path / "c.nii")
        sheared = np.eye(4)
        sheared[0, 1] = 0.1
        with pytest.raises(ImageError, match="sheared"):
            save_field(DisplacementField(np.zeros((3, 3, 3, 3)), sheared), tmp_path / "d.nii")

    def test_a_warp_for_fsl_says_so(self, tmp_path):
        warp = np.ones((*SHAPE, 3), np.float32)
        img = nib.load(save_fsl_warp(warp, FIXED["LAS"], tmp_path / "a.nii.gz"))
        assert img.shape == (*SHAPE, 3)
        assert img.header["intent_code"] == 2006


class TestMatrices:
    @pytest.mark.parametrize("name", ["a.txt", "a.tfm"])
    def test_an_affine_comes_back_to_the_last_digit(self, tmp_path, name):
        (back,) = load_transform(save_affine(tilt(), tmp_path / name))
        assert_allclose(back.matrix, tilt().matrix, rtol=0, atol=1e-15)

    @pytest.mark.parametrize("name", ["a.mat", "a.txt", "a.h5"])
    @pytest.mark.parametrize("kind", ["AffineTransform", "Euler3DTransform"])
    def test_points_go_where_itk_takes_them(self, tmp_path, name, kind):
        import ants

        transform = ants.create_ants_transform(transform_type=kind, center=(10, -20, 30))
        given = np.array(transform.parameters)
        transform.set_parameters(given + np.linspace(0.05, 0.3, len(given)))
        ants.write_transform(transform, str(tmp_path / name))
        points = np.random.default_rng(0).uniform(-50, 50, (20, 3))
        lps = [transform.apply_to_point(tuple(point * [-1, -1, 1])) for point in points]
        moved = map_points(points, load_transform(tmp_path / name))
        assert_allclose(moved, np.array(lps) * [-1, -1, 1], atol=1e-4)

    def test_a_composite_is_read_in_the_order_in_which_itk_applies_it(self, tmp_path):
        import ants

        stretch = ants.create_ants_transform(matrix=np.diag([2.0, 1.0, 1.0]))
        move = ants.create_ants_transform(translation=(5, 0, 0))
        both = ants.compose_ants_transforms([stretch, move])
        ants.write_transform(both, str(tmp_path / "both.h5"))
        chain = load_transform(tmp_path / "both.h5")
        assert len(chain) == 2
        expected = np.array(both.apply_to_point((-1.0, -2.0, 3.0))) * [-1, -1, 1]
        assert_allclose(map_points([1, 2, 3], chain), expected)

    def test_files_that_are_no_transforms_are_refused_by_name(self, tmp_path):
        (tmp_path / "a.txt").write_text("Transform: x\nTransform: y\n")
        (tmp_path / "a.mat").write_bytes(b"nothing")
        (tmp_path / "a.h5").write_bytes(b"nothing")
        (tmp_path / "a.csv").write_text("1")
        for name in ("a.txt", "a.mat", "a.h5", "a.csv", "missing.mat"):
            with pytest.raises(ImageError, match=name):
                load_transform(tmp_path / name)


class TestAnts:
    """antsApplyTransforms reads our files and gives our image."""

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [("linear", "linear"), ("nearest", "nearestNeighbor"), ("spline", "bSpline")],
    )
    def test_a_chain_gives_the_same_image(self, tmp_path, fixed, moving, ours, theirs):
        import ants

        field = wavy(load_image(fixed).affine)
        paths = [
            str(save_field(field, tmp_path / "field.nii.gz")),
            str(save_affine(tilt(), tmp_path / "affine.txt")),
        ]
        expected = ants.apply_transforms(
            fixed=ants.image_read(str(fixed)),
            moving=ants.image_read(str(moving)),
            transformlist=paths,
            interpolator=theirs,
        ).numpy()
        chain = [step for path in paths for step in load_transform(path)]
        image = load_image(moving)
        result = resample_through(
            np.asarray(image.dataobj),
            image.affine,
            chain,
            to_affine=load_image(fixed).affine,
            to_shape=SHAPE,
            interpolation=ours,
        )
        assert (expected != 0).mean() > 0.3
        differs = np.abs(result - expected) > 1e-3 * 100
        # A point on the border between two voxels, or of the image, may fall to either side.
        assert differs.mean() <= (2e-3 if ours == "nearest" else 2e-4)

    def test_labels_are_elected_as_by_generic_label(self, tmp_path, fixed):
        import ants

        blocks = np.random.default_rng(0).choice([0, 1, 7, 30], (7, 6, 5)).astype(np.uint8)
        labels = blocks.repeat(4, axis=0).repeat(4, axis=1).repeat(4, axis=2)
        moving = save_image(nib.Nifti1Image(labels, MOVING), tmp_path / "labels.nii.gz")
        field = wavy(load_image(fixed).affine)
        path = save_field(field, tmp_path / "field.nii.gz")
        expected = ants.apply_transforms(
            fixed=ants.image_read(str(fixed)),
            moving=ants.image_read(str(moving)),
            transformlist=[str(path)],
            interpolator="genericLabel",
        ).numpy()
        result = resample_through(
            labels,
            MOVING,
            [field],
            to_affine=load_image(fixed).affine,
            to_shape=SHAPE,
            interpolation="label",
        )
        assert (expected > 0).mean() > 0.3
        # Ties, and points on the image's border, may fall to either side.
        assert (result != expected).mean() <= 2e-4

    def test_outside_the_field_both_leave_points_alone(self, tmp_path, moving):
        import ants

        small = DisplacementField(np.full((8, 8, 8, 3), 3.0, np.float32), turned(shape=(8, 8, 8)))
        path = save_field(small, tmp_path / "small.nii.gz")
        image = ants.image_read(str(moving))
        expected = ants.apply_transforms(image, image, [str(path)]).numpy()
        image = load_image(moving)
        data = np.asarray(image.dataobj)
        result = resample_through(
            data, image.affine, load_transform(path), to_affine=image.affine, to_shape=SHAPE
        )
        assert (np.abs(expected - data) > 1).mean() > 0.01
        assert (np.abs(expected - data) < 1e-2).mean() > 0.5
        assert_allclose(result, expected, atol=0.1)


def test_a_published_warp_takes_the_template_cord_onto_the_cord(data_dir: Path):
    """SCT's warp of PAM50 onto a T2w, and the manual mask of that cord.

    Found: Dice 0.951, on every slice. The small template is half as fine as the one that the warp
    was made for (0.96 there), and the mask is in the plane as coarse as 1 mm.
    """
    warp = data_dir / "reference-errsm30" / "t2" / "warp_template2anat.nii.gz"
    template = data_dir / "PAM50_small" / "PAM50_small_cord.nii.gz"
    name = "sub-errsm30_T2w_label-SC_seg.nii.gz"
    manual = data_dir / "ds-errsm30/derivatives/labels/sub-errsm30/anat" / name
    for path in (warp, template, manual):
        if not path.is_file():
            pytest.skip(f"needs {path.name}")
    cord, mask = load_image(template), load_image(manual)
    target = {"to_affine": mask.affine, "to_shape": mask.shape}
    chain = load_transform(warp)
    warped = resample_through(np.asarray(cord.dataobj), cord.affine, chain, **target)
    inside, cord_there = warped > 0.5, np.asarray(mask.dataobj) > 0
    dice = 2 * (inside & cord_there).sum() / (inside.sum() + cord_there.sum())
    assert dice >= 0.94, dice


def test_a_published_warp_is_turned_round(data_dir: Path):
    """There and back in the cord, through SCT's warp and our inverse of it on a grid of 1 mm.

    The warp marks voxels without solution by absurd values, some of them in the cord's mask.
    """
    warp = data_dir / "reference-errsm30" / "t2" / "warp_template2anat.nii.gz"
    name = "sub-errsm30_T2w_label-SC_seg.nii.gz"
    manual = data_dir / "ds-errsm30/derivatives/labels/sub-errsm30/anat" / name
    for path in (warp, manual):
        if not path.is_file():
            pytest.skip(f"needs {path.name}")
    field, mask = load_field(warp), load_image(manual)
    cord = (np.asarray(mask.dataobj) > 0) & field.defined()
    points = nib.affines.apply_affine(mask.affine, np.argwhere(cord))
    there = map_points(points, [field])
    lower, upper = np.floor(there.min(axis=0)) - 2, np.ceil(there.max(axis=0)) + 2
    grid = nib.affines.from_matvec(np.eye(3), lower)
    back = invert(field, affine=grid, shape=(upper - lower).astype(int) + 1)
    assert back.residual[back.found].max() < 0.01
    missed = np.linalg.norm(map_points(there, [back.field]) - points, axis=1)
    # Linear interpolation of the inverse between its voxels is what is left.
    assert np.percentile(missed, 95) < 0.06
    assert missed.max() < 0.5
