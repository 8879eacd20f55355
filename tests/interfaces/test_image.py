import nibabel as nib
import numpy as np
import pytest
from nipype.interfaces.base import isdefined

from sctflow.errors import ImageError
from sctflow.interfaces.image import CheckImage


def test_a_sound_image_is_passed_on_without_a_copy(cylinder, tmp_path):
    outputs = CheckImage(in_file=cylinder[0]).run(cwd=tmp_path).outputs
    assert outputs.out_file == str(cylinder[0])
    assert outputs.warnings == []


def test_values_that_are_not_finite_become_zero_in_a_copy(save, tmp_path):
    data = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    data[2, 3, 4] = np.nan
    path = save(data, np.eye(4), tmp_path / "holes.nii.gz")
    outputs = CheckImage(in_file=path).run(cwd=tmp_path).outputs
    fixed = np.asarray(nib.load(outputs.out_file).dataobj)
    assert fixed[2, 3, 4] == 0
    np.testing.assert_array_equal(fixed, np.nan_to_num(data))
    (warning,) = outputs.warnings
    assert warning.startswith("1 voxel")


def test_a_fourth_axis_of_one_volume_is_dropped(save, tmp_path):
    path = save(np.ones((5, 6, 7, 1), np.float32), np.eye(4), tmp_path / "one.nii.gz")
    outputs = CheckImage(in_file=path).run(cwd=tmp_path).outputs
    assert nib.load(outputs.out_file).shape == (5, 6, 7)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 7, 2)])
def test_an_image_with_too_few_or_too_many_axes_is_refused_by_name(save, tmp_path, shape):
    path = save(np.ones(shape, np.float32), np.eye(4), tmp_path / "odd.nii.gz")
    with pytest.raises(ImageError, match=r"odd\.nii\.gz"):
        CheckImage(in_file=path).run(cwd=tmp_path)


def test_a_truncated_image_is_refused_by_name(cylinder, tmp_path):
    path = cylinder[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=path.name):
        CheckImage(in_file=path).run(cwd=tmp_path)


def test_a_refusal_can_be_handed_on_to_the_node_that_fails_for_it(save, tmp_path):
    from sctflow.errors import SctflowError
    from sctflow.interfaces.centerline import FitCenterline
    from sctflow.interfaces.graph import PassCord

    path = save(np.ones((5, 6), np.float32), np.eye(4), tmp_path / "odd.nii.gz")
    outputs = CheckImage(in_file=path, forgive=True).run(cwd=tmp_path).outputs
    assert not isdefined(outputs.out_file)
    assert "odd.nii.gz" in outputs.refusal
    # What comes after it has nothing to do, and says nothing.
    assert not isdefined(FitCenterline().run(cwd=tmp_path).outputs.out_table)
    with pytest.raises(SctflowError, match=r"odd\.nii\.gz"):
        PassCord(refusals=[outputs.refusal]).run(cwd=tmp_path)
    passed = PassCord(mask=str(path), method={"Manual": True}).run(cwd=tmp_path).outputs
    assert (passed.mask, passed.method) == (str(path), {"Manual": True})
    assert not isdefined(passed.image)
