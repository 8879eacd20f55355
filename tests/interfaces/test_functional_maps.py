import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.tsnr import pooled_snr, temporal_snr
from sctflow.errors import ImageError
from sctflow.interfaces.functional_maps import ComputeSNR, ComputeTSNR
from sctflow.io import save_table

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


def test_a_series_is_interpolated_as_its_table_of_motion_says(series, tmp_path):
    from sctflow.core.motion import match_interpolation

    rows = [(v, k, 0.4 * k, -0.3 * v) for v in range(20) for k in range(3)]
    table = pd.DataFrame(rows, columns=["volume", "slice", "trans_x", "trans_y"])
    path = save_table(table, tmp_path / "slices.tsv")
    node = ComputeTSNR(in_file=series[0], slice_motion_file=path, interpolation="sinc", skip=2)
    found = np.asarray(nib.load(node.run(cwd=tmp_path).outputs.out_file).dataobj)
    shift = table[["trans_x", "trans_y"]].to_numpy().reshape(20, 3, 2).swapaxes(0, 1)
    data = np.asarray(nib.load(series[0]).dataobj)
    options = {"slice_axis": 2, "interpolation": "sinc"}
    matched = match_interpolation(data, AFFINE, shift, **options)
    np.testing.assert_allclose(found, temporal_snr(matched[..., 2:]), rtol=1e-3)
    assert np.nanmedian(found) > np.nanmedian(temporal_snr(data[..., 2:]))


def test_sagittal_slices_move_to_the_front_and_upwards(series, tmp_path):
    rows = [(v, k, 0.0, 0.5) for v in range(20) for k in range(6)]
    table = pd.DataFrame(rows, columns=["volume", "slice", "trans_y", "trans_z"])
    path = save_table(table, tmp_path / "slices.tsv")
    node = ComputeTSNR(in_file=series[0], slice_motion_file=path, interpolation="linear")
    found = np.asarray(nib.load(node.run(cwd=tmp_path).outputs.out_file).dataobj)
    data = np.asarray(nib.load(series[0]).dataobj)
    # 0.5 of 5 mm upwards: a tenth of the next slice.
    expected = temporal_snr(0.9 * data[:, :, 0] + 0.1 * data[:, :, 1])
    np.testing.assert_allclose(found[:, :, 0], expected, rtol=2e-2)
