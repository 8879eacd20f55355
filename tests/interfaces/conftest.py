import nibabel as nib
import numpy as np
import pytest


@pytest.fixture
def cylinder(tmp_path):
    """A straight vertical cord of 5 mm radius in a 1 × 1 × 4 mm image: (image file, mask file)."""
    x, y = np.meshgrid(np.arange(40), np.arange(36), indexing="ij")
    disc = ((x - 20) ** 2 + (y - 18) ** 2 <= 25).astype(np.uint8)
    mask = np.repeat(disc[:, :, None], 8, axis=2)
    affine = np.diag([1, 1, 4, 1.0])
    affine[:3, 3] = -20, -18, 100
    return (
        write_image((mask * 500.0 + 100).astype(np.int16), affine, tmp_path / "sub-01_T2w.nii.gz"),
        write_image(mask, affine, tmp_path / "sub-01_T2w_label-SC_seg.nii.gz"),
    )


@pytest.fixture
def save():
    return write_image


def write_image(data, affine, path):
    img = nib.Nifti1Image(data, affine)
    img.set_qform(affine, 1)
    img.set_sform(affine, 1)
    img.to_filename(path)
    return path
