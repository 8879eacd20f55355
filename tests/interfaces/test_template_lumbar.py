"""The lower end of the cord, found by the networks, with one disc and the conus labelled."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.interfaces.segmentation import SegmentCord
from sctflow.interfaces.template import RegisterToTemplate, WarpTemplate
from sctflow.io import load_image, save_image
from sctflow.templates.packed import read_packed
from sctflow.xfm import load_field

DISC, CONUS = (27, 76, 187), (27, 79, 80)  # voxels of T9/T10 and of the tip, as stored


@pytest.fixture(scope="module")
def lumbar(tutorial, pam50, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lumbar")
    image = tutorial / "sub-lumbar/anat/sub-lumbar_T2w.nii.gz"
    img = load_image(image)
    labels = np.zeros(img.shape, np.uint8)
    labels[DISC], labels[CONUS] = 17, 60
    labels_file = save_image(nib.Nifti1Image(labels, img.affine), folder / "labels.nii.gz")
    found = SegmentCord(in_file=str(image)).run(cwd=folder).outputs
    registered = (
        RegisterToTemplate(
            mask_file=found.mask_file, labels_file=str(labels_file), template=str(pam50)
        )
        .run(cwd=folder)
        .outputs
    )
    warped = (
        WarpTemplate(
            reference_file=str(image),
            transforms=[registered.from_template_file],
            template=str(pam50),
        )
        .run(cwd=folder)
        .outputs
    )
    return img, found, registered, warped


def _world(img, voxel):
    return img.affine[:3, :3] @ np.array(voxel) + img.affine[:3, 3]


@pytest.mark.parametrize(("voxel", "value"), [(DISC, 17), (CONUS, 60)])
def test_disc_and_conus_land_on_the_templates(lumbar, pam50, voxel, value):
    img, _, registered, _ = lumbar
    packed = read_packed(pam50)
    frame = packed.space.frame
    level = float(value) if value == 17 else packed.space.conus_level
    wanted = frame.curve.points[0, 2] + float(frame.levels.position(level))
    there = load_field(registered.from_template_file).map_points(_world(img, voxel)[None])
    # The field is interpolated between voxels of 1 mm.
    assert there[0, 2] == pytest.approx(wanted, abs=0.5)


def test_the_templates_cord_lies_on_the_mask_where_the_network_is_sure(lumbar):
    _, found, _, warped = lumbar
    mask = np.asarray(load_image(found.mask_file).dataobj) > 0
    cord = load_image(warped.cord_file).get_fdata() >= 0.5
    sure = slice(115, 195)  # above the last centimetre of the cord, where its mask is uncertain
    mask, cord = mask[..., sure], cord[..., sure]
    assert 2 * (mask & cord).sum() / (mask.sum() + cord.sum()) > 0.96


def test_the_end_of_the_cord_is_warned_about(lumbar):
    _, _, registered, _ = lumbar
    assert "unlike the template's cord" in " ".join(registered.warnings)
