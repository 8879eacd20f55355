"""The node that brings images of one session together."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.errors import SctflowError
from sctflow.interfaces.align import AlignAroundCord
from sctflow.xfm import load_transform

AFFINE = np.diag([1.0, 1.0, 4.0, 1.0])


@pytest.fixture
def files(tmp_path, save):
    """A cord in fluid, the same stored the other way round and 2 voxels further right."""
    x, y = np.meshgrid(np.arange(40) - 19.5, np.arange(36) - 17.5, indexing="ij")
    cord, canal = (1 / (1 + np.exp(np.hypot(x / a, y / b) * 8 - 8)) for a, b in ((6, 4), (11, 8)))
    image = np.repeat((300 * canal - 150 * cord + 100)[..., None], 8, axis=2)
    mask = np.repeat((cord > 0.5)[..., None], 8, axis=2).astype(np.uint8)
    flipped = AFFINE @ np.diag([-1.0, 1.0, 1.0, 1.0])
    flipped[0, 3] = 39.0
    moved = np.roll(image, 2, axis=0)[::-1] + 50
    return {
        "reference_file": save(image.astype(np.float32), AFFINE, tmp_path / "on.nii.gz"),
        "cord_file": save(mask, AFFINE, tmp_path / "cord.nii.gz"),
        "in_file": save(moved.astype(np.float32), flipped, tmp_path / "off.nii.gz"),
    }


def test_the_image_comes_to_lie_on_the_reference(files, tmp_path):
    found = AlignAroundCord(**files).run(cwd=tmp_path).outputs
    moved, reference = nib.load(found.out_file), nib.load(files["reference_file"])
    np.testing.assert_allclose(moved.affine, reference.affine)
    inside = np.asarray(nib.load(files["cord_file"]).dataobj) > 0
    difference = np.asarray(moved.dataobj) - np.asarray(reference.dataobj) - 50
    # The contrast is 150.
    assert np.abs(difference[inside]).max() < 3
    assert found.method["CordShift"] == pytest.approx(2, abs=0.05)
    assert found.method["RegistrationSteps"] == AlignAroundCord().inputs.steps


def test_the_field_resamples_the_image_as_the_node_did(files, tmp_path):
    from sctflow.core.transforms import resample_through

    found = AlignAroundCord(**files).run(cwd=tmp_path).outputs
    image, moved = nib.load(files["in_file"]), nib.load(found.out_file)
    again = resample_through(
        np.asarray(image.dataobj),
        image.affine,
        load_transform(found.warp_file),
        to_affine=moved.affine,
        to_shape=moved.shape,
        interpolation="spline",
    )
    np.testing.assert_allclose(again, moved.dataobj, atol=0.5)


def test_an_image_without_a_cord_is_taken_as_it_lies_with_a_warning(files, tmp_path, save):
    nothing = save(np.zeros((40, 36, 8), np.uint8), AFFINE, tmp_path / "none.nii.gz")
    found = AlignAroundCord(**{**files, "cord_file": nothing}).run(cwd=tmp_path).outputs
    image = np.asarray(nib.load(files["in_file"]).dataobj)[::-1]
    np.testing.assert_allclose(nib.load(found.out_file).dataobj, image, atol=0.1)
    (warning,) = found.warnings
    assert warning.startswith("off.nii.gz: No cord was found")


def test_a_mask_of_another_grid_and_a_series_are_refused_by_name(files, tmp_path, save):
    other = save(np.ones((40, 36, 7), np.uint8), AFFINE, tmp_path / "other.nii.gz")
    with pytest.raises(SctflowError, match=r"other\.nii\.gz"):
        AlignAroundCord(**{**files, "cord_file": other}).run(cwd=tmp_path)
    series = save(np.ones((40, 36, 8, 2), np.float32), AFFINE, tmp_path / "series.nii.gz")
    with pytest.raises(SctflowError, match=r"series\.nii\.gz"):
        AlignAroundCord(**{**files, "in_file": series}).run(cwd=tmp_path)
