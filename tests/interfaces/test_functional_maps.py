import nibabel as nib
import numpy as np
import pytest

from sctflow.core.tsnr import pooled_snr, temporal_snr
from sctflow.errors import ImageError
from sctflow.interfaces.functional_maps import ComputeSNR, ComputeTSNR

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


@pytest.fixture
def series(tmp_path, save):
    data = np.random.default_rng(0).normal(400, 10, (6, 5, 3, 20)).astype(np.float32)
    data[..., :2] += 500
    mask = np.zeros((6, 5, 3), np.uint8)
    mask[2:4, 2:4] = 1
    return (
        save(data, AFFINE, tmp_path / "bold.nii.gz"),
        save(mask, AFFINE, tmp_path / "mask.nii.gz"),
    )


def test_tsnr_leaves_out_dummies_and_tells_the_median_in_the_mask(series, tmp_path):
    found = ComputeTSNR(in_file=series[0], mask_file=series[1], skip=2).run(cwd=tmp_path).outputs
    expected = temporal_snr(np.asarray(nib.load(series[0]).dataobj)[..., 2:])
    np.testing.assert_allclose(nib.load(found.out_file).dataobj, expected)
    assert found.median == pytest.approx(np.median(expected[2:4, 2:4]))


def test_without_a_mask_no_median_is_told(series, tmp_path):
    found = ComputeTSNR(in_file=series[0]).run(cwd=tmp_path).outputs
    assert not isinstance(found.median, float)


def test_snr_of_repeated_volumes(series, tmp_path):
    found = ComputeSNR(in_file=series[0], mask_file=series[1]).run(cwd=tmp_path).outputs
    data, mask = (np.asarray(nib.load(path).dataobj) for path in series)
    assert found.snr == pytest.approx(pooled_snr(data, mask))
    image = np.asarray(nib.load(found.out_file).dataobj)
    np.testing.assert_allclose(image, data.mean(-1) / data.std(-1, ddof=1), rtol=1e-4)


def test_a_single_volume_is_refused_by_name(series, tmp_path):
    with pytest.raises(ImageError, match=r"mask.nii.gz: the image has 3 dimensions"):
        ComputeTSNR(in_file=series[1]).run(cwd=tmp_path)
