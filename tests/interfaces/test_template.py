"""Registration with a small template, file to file."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.interfaces.template import (
    ImageToTemplate,
    PrepareTemplate,
    RegisterToTemplate,
    WarpTemplate,
)
from sctflow.io import load_image, load_table, save_image
from sctflow.xfm import load_field


@pytest.fixture
def small(make_small_template, monkeypatch, tmp_path):
    """The template, packed where nobody else looks."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_small_template()


def _oblique():
    """A grid of 1 mm, turned by 20 degrees about the right-left axis."""
    angle = np.radians(20)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return affine


@pytest.fixture(params=["straight", "oblique", "thick"])
def subject(request, tmp_path):
    """A cord of half-axes 5 and 3.5 mm, 50 mm long, with two discs 22 mm apart; its files."""
    affine = _oblique() if request.param == "oblique" else np.eye(4)
    step = 5.0 if request.param == "thick" else 1.0
    affine = affine @ np.diag([1, 1, step, 1])
    n = int(50 / step)
    x, y = np.meshgrid(np.arange(36) - 18, np.arange(36) - 18, indexing="ij")
    mask = np.repeat((np.hypot(x / 5, y / 3.5) <= 1)[:, :, None], n, axis=2).astype(np.uint8)
    discs = np.zeros_like(mask)
    discs[18, 18, round(40 / step)], discs[18, 18, round(18 / step)] = 3, 4
    files = {}
    for name, data in (("mask", mask), ("discs", discs), ("image", 100 * mask + 10)):
        img = nib.Nifti1Image(data.astype(np.uint8), affine)
        files[name] = str(save_image(img, tmp_path / f"{name}.nii.gz"))
    return files


def _register(subject, template, tmp_path, **options):
    folder = tmp_path / "register"
    folder.mkdir(exist_ok=True)
    return (
        RegisterToTemplate(
            mask_file=subject["mask"],
            labels_file=subject["discs"],
            template=str(template),
            **options,
        )
        .run(cwd=folder)
        .outputs
    )


@pytest.mark.parametrize("reference", ["template", "subject"])
def test_the_template_falls_onto_the_cord(subject, small, tmp_path, reference):
    found = _register(subject, small, tmp_path, reference=reference)
    warped = WarpTemplate(
        reference_file=subject["image"],
        transforms=[found.from_template_file],
        template=str(small),
    ).run(cwd=tmp_path)
    cord = load_image(warped.outputs.cord_file).get_fdata() >= 0.5
    mask = load_image(subject["mask"]).get_fdata() > 0
    dice = 2 * (cord & mask).sum() / (cord.sum() + mask.sum())
    # Voxels of 1 mm about a cord of 7 by 10 mm: a few of the outline's are undecided.
    assert dice > 0.94
    atlas = load_image(warped.outputs.atlas_file).get_fdata()
    assert atlas.sum(axis=-1)[mask & cord].mean() == pytest.approx(1, abs=0.05)
    table = load_table(warped.outputs.atlas_table)
    assert list(table["name"]) == ["white", "gray"]


def test_slices_know_their_place_in_the_template(subject, small, tmp_path):
    found = _register(subject, small, tmp_path)
    table = load_table(found.slices_file)
    # The discs lie in the template's slices 65 and 45: a level is 20 of them.
    at = table["template_slice"].to_numpy()
    assert np.interp(3.0, table["level"][::-1], at[::-1]) == pytest.approx(65, abs=0.5)
    assert np.interp(4.0, table["level"][::-1], at[::-1]) == pytest.approx(45, abs=0.5)
    assert found.method["Template"] == {"Name": "Small", "Version": "1"}


def test_an_image_comes_to_lie_on_the_templates_cord(subject, small, tmp_path):
    found = _register(subject, small, tmp_path)
    moved = ImageToTemplate(
        in_file=subject["image"], transforms=[found.to_template_file], template=str(small)
    ).run(cwd=tmp_path)
    img = load_image(moved.outputs.out_file)
    template = load_image(small / "tpl-Small_label-SC_mask.nii.gz")
    np.testing.assert_allclose(img.affine, template.affine)
    bright = np.asarray(img.dataobj)[:, :, 40:60] > 60
    cord = np.asarray(template.dataobj)[:, :, 40:60] > 0
    assert 2 * (bright & cord).sum() / (bright.sum() + cord.sum()) > 0.9


def test_steps_refine_the_registration(subject, small, tmp_path):
    steps = "step=1,type=seg,algo=centermass"
    found = _register(subject, small, tmp_path, steps=steps, in_file=subject["image"])
    assert found.method["RegistrationSteps"] == steps
    field = load_field(found.from_template_file)
    assert np.isfinite(field.vectors).all()


def test_labels_that_cannot_be_right_give_a_warning_and_no_transform(subject, small, tmp_path):
    img = load_image(subject["discs"])
    data = np.asarray(img.dataobj).copy()
    three, four = data == 3, data == 4
    data[three], data[four] = 4, 3
    subject["discs"] = str(save_image(nib.Nifti1Image(data, img.affine), tmp_path / "bad.nii.gz"))
    found = _register(subject, small, tmp_path)
    (warning,) = found.warnings
    assert "bad.nii.gz" in warning
    assert not (tmp_path / "register" / "to_template_xfm.nii.gz").exists()
    # In a graph the next nodes then do nothing.
    warped = WarpTemplate(reference_file=subject["image"], template=str(small)).run(cwd=tmp_path)
    assert not (tmp_path / "atlas.nii.gz").exists()
    assert warped.outputs.get_traitsfree() == {}


def test_a_template_is_prepared_with_the_images_that_are_drawn(small, tmp_path):
    found = PrepareTemplate(template=str(small), contrast="T2star").run(cwd=tmp_path).outputs
    assert found.image_file == str(small / "tpl-Small_T2w.nii.gz")  # it has no T2star
    assert found.cord_file == str(small / "tpl-Small_label-SC_mask.nii.gz")
    again = PrepareTemplate(template=found.out_file).run(cwd=tmp_path).outputs
    assert again.image_file == found.image_file


@pytest.mark.parametrize(
    ("node", "image"), [(WarpTemplate, "reference_file"), (ImageToTemplate, "in_file")]
)
def test_no_transform_is_not_the_identity(subject, small, tmp_path, node, image):
    """What a merge of transforms that could not be made gives is an empty list."""
    done = node(**{image: subject["image"]}, transforms=[], template=str(small)).run(cwd=tmp_path)
    assert done.outputs.get_traitsfree() == {}
    assert not list(tmp_path.glob("*template.nii.gz"))
