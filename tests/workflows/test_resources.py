import nibabel as nib
import numpy as np
import pytest

from sctflow.workflows.resources import UNKNOWN_VOXELS, count_voxels, memory_gb


def test_voxels_are_counted_from_the_header_alone(tmp_path):
    path = tmp_path / "image.nii"
    nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_filename(path)
    path.write_bytes(path.read_bytes()[:352])
    assert count_voxels(path) == 120


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x1f\x8b\x08 broken"])
def test_an_unreadable_image_is_planned_generously(tmp_path, content):
    path = tmp_path / "image.nii.gz"
    path.write_bytes(content)
    assert count_voxels(path) == UNKNOWN_VOXELS


def test_memory_grows_with_the_image():
    assert memory_gb(2**27, base=0.5, bytes_per_voxel=8) == pytest.approx(1.5)
    assert memory_gb(1, base=0.5, bytes_per_voxel=8) == pytest.approx(0.51)
