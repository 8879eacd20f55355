import nibabel as nib
import numpy as np
import pytest
from nipype.interfaces.base import isdefined

from sctflow.errors import ImageError, SegmentationError
from sctflow.interfaces.segmentation import ManualMask


def _run(image, mask, tmp_path):
    node = ManualMask(in_file=image, manual_mask=mask, warnings=["seen before"])
    return node.run(cwd=tmp_path).outputs


def _voxels(path):
    return np.asarray(nib.load(path).dataobj)


def test_a_binary_mask_is_taken_as_it_is(cylinder, tmp_path):
    outputs = _run(*cylinder, tmp_path)
    np.testing.assert_array_equal(_voxels(outputs.mask_file), _voxels(cylinder[1]))
    assert outputs.method == {"Manual": True, "SegmentationMethod": "manual"}
    assert outputs.warnings == ["seen before"]
    assert outputs.measured_file == outputs.mask_file
    assert not isdefined(outputs.prob_file)


def test_a_soft_mask_is_measured_by_its_weights(cylinder, save, tmp_path):
    img = nib.load(cylinder[1])
    weights = np.asarray(img.dataobj, np.float32)
    weights[:, :18] *= np.float32(0.25)
    outputs = _run(cylinder[0], save(weights, img.affine, tmp_path / "soft.nii.gz"), tmp_path)
    np.testing.assert_array_equal(_voxels(outputs.mask_file), weights >= 0.5)
    np.testing.assert_array_equal(_voxels(outputs.prob_file), weights)
    assert outputs.measured_file == outputs.prob_file


@pytest.mark.parametrize("value", [2, 255])
def test_a_mask_may_use_another_value_than_one(cylinder, save, tmp_path, value):
    img = nib.load(cylinder[1])
    mask = save(_voxels(cylinder[1]) * np.uint8(value), img.affine, tmp_path / "mask.nii.gz")
    outputs = _run(cylinder[0], mask, tmp_path)
    np.testing.assert_array_equal(_voxels(outputs.mask_file), _voxels(cylinder[1]))


@pytest.mark.parametrize("axes", ["LPS", "PIR", "SAL"])
def test_a_mask_stored_in_another_orientation_is_turned(cylinder, tmp_path, axes):
    img = nib.load(cylinder[1])
    to = nib.orientations.axcodes2ornt(axes)
    turned = img.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(img.affine), to))
    turned.to_filename(tmp_path / "turned.nii.gz")
    outputs = _run(cylinder[0], tmp_path / "turned.nii.gz", tmp_path)
    np.testing.assert_array_equal(_voxels(outputs.mask_file), _voxels(cylinder[1]))
    np.testing.assert_allclose(nib.load(outputs.mask_file).affine, img.affine)


def test_a_mask_of_another_size_is_refused(cylinder, save, tmp_path):
    img = nib.load(cylinder[1])
    mask = save(_voxels(cylinder[1])[1:], img.affine, tmp_path / "smaller.nii.gz")
    with pytest.raises(ImageError, match=r"smaller\.nii\.gz"):
        _run(cylinder[0], mask, tmp_path)


def test_a_mask_that_lies_elsewhere_is_refused_with_the_distance(cylinder, save, tmp_path):
    affine = nib.load(cylinder[1]).affine
    affine[1, 3] += 3
    mask = save(_voxels(cylinder[1]), affine, tmp_path / "away.nii.gz")
    with pytest.raises(ImageError, match=r"away\.nii\.gz.* 3 mm away"):
        _run(cylinder[0], mask, tmp_path)


def test_a_rounded_affine_is_accepted(cylinder, save, tmp_path):
    affine = nib.load(cylinder[1]).affine
    affine[:3, 3] += 0.01
    mask = save(_voxels(cylinder[1]), affine, tmp_path / "rounded.nii.gz")
    outputs = _run(cylinder[0], mask, tmp_path)
    np.testing.assert_array_equal(nib.load(outputs.mask_file).affine, nib.load(cylinder[0]).affine)


def test_an_empty_mask_is_refused(cylinder, save, tmp_path):
    img = nib.load(cylinder[1])
    mask = save(np.zeros(img.shape, np.uint8), img.affine, tmp_path / "empty.nii.gz")
    with pytest.raises(SegmentationError, match="empty"):
        _run(cylinder[0], mask, tmp_path)


@pytest.mark.parametrize("extra", [-1, 3])
def test_values_that_are_no_weights_are_refused(cylinder, save, tmp_path, extra):
    img = nib.load(cylinder[1])
    values = _voxels(cylinder[1]).astype(np.int16)
    values[0, 0, 0] = extra
    mask = save(values, img.affine, tmp_path / "labels.nii.gz")
    with pytest.raises(SegmentationError, match=r"labels\.nii\.gz.*(negative|several)"):
        _run(cylinder[0], mask, tmp_path)
