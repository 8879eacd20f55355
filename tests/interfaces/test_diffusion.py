import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.gradients import GradientError
from sctflow.core.phantom.diffusion import dwi_table, fa_md, gradient_table
from sctflow.core.phantom.tissues import make_tissues
from sctflow.gradients import load_gradients, save_gradients
from sctflow.interfaces.diffusion import CheckGradients, FitDTI, SeparateB0

TISSUES = make_tissues()
BVALS, BVECS = gradient_table(4, {800: 20}, seed=0)
AFFINE = np.diag([-1.0, 1.0, 5.0, 1.0])


@pytest.fixture
def series(tmp_path, save):
    """White matter on the left, gray matter on the right."""
    signal = 1000 * dwi_table(TISSUES, BVALS, BVECS, np.array([0, 0, 1.0]))
    data = np.empty((4, 3, 2, len(BVALS)), np.float32)
    data[:2], data[2:] = signal[0], signal[30]
    np.savetxt(tmp_path / "dwi.bval", BVALS[None], fmt="%g")
    np.savetxt(tmp_path / "dwi.bvec", BVECS.T, fmt="%.7f")
    return {
        "in_file": save(data, AFFINE, tmp_path / "dwi.nii.gz"),
        "bval_file": tmp_path / "dwi.bval",
        "bvec_file": tmp_path / "dwi.bvec",
    }


def read(path):
    return np.asarray(nib.load(path).dataobj)


def test_a_transposed_table_comes_out_upright(series, tmp_path):
    np.savetxt(series["bvec_file"], 1.5 * BVECS, delimiter=",")
    found = CheckGradients(**series).run(cwd=tmp_path).outputs
    np.testing.assert_allclose(np.loadtxt(found.bvec_file), BVECS.T, atol=1e-6)
    np.testing.assert_array_equal(np.loadtxt(found.bval_file), BVALS)
    assert len(found.warnings) == 2
    assert "dwi.bvec is transposed" in found.warnings[0]
    shells = pd.read_csv(found.shells_file, sep="\t")
    assert shells.to_dict("list") == {"bval": [0, 800], "volumes": [4, 20]}


def test_volumes_are_separated_and_averaged(series, tmp_path):
    (tmp_path / "separated").mkdir()
    found = SeparateB0(**series).run(cwd=tmp_path / "separated").outputs
    data = read(series["in_file"])
    np.testing.assert_array_equal(read(found.b0_file), data[..., BVALS == 0])
    np.testing.assert_array_equal(read(found.dwi_file), data[..., BVALS > 0])
    np.testing.assert_allclose(read(found.b0_mean_file), 1000)
    expected = data[..., BVALS > 0].mean(-1)
    np.testing.assert_allclose(read(found.dwi_mean_file), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["wls", "restore"])
def test_maps_have_the_values_of_the_tissues(series, tmp_path, save, method):
    mask = np.ones((4, 3, 2), np.uint8)
    mask[0, 0, 0] = 0
    path = save(mask, AFFINE, tmp_path / "mask.nii.gz")
    found = FitDTI(**series, mask_file=path, method=method).run(cwd=tmp_path).outputs
    fa, md = fa_md(TISSUES.ad, TISSUES.rd)
    for file, expected in (
        (found.fa_file, fa),
        (found.md_file, 1e-3 * md),
        (found.ad_file, 1e-3 * TISSUES.ad),
        (found.rd_file, 1e-3 * TISSUES.rd),
    ):
        values = read(file)
        assert np.isnan(values[0, 0, 0])
        np.testing.assert_allclose(values[1], expected[0], rtol=1e-3)
        np.testing.assert_allclose(values[2:], expected[30], rtol=1e-3)
    assert read(found.direction_file).shape == (4, 3, 2, 3)
    assert found.warnings == []


def test_without_residuals_a_warning_says_why(series, tmp_path, save):
    chosen = np.r_[0, np.flatnonzero(BVALS)[:6]]
    save(read(series["in_file"])[..., chosen], AFFINE, series["in_file"])
    np.savetxt(series["bval_file"], BVALS[None, chosen])
    np.savetxt(series["bvec_file"], BVECS.T[:, chosen])
    found = FitDTI(**series).run(cwd=tmp_path).outputs
    assert np.isnan(read(found.residual_file)).all()
    assert "7 volumes are just enough" in found.warnings[0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bval", "0 800 x", "dwi.bval: this is not a table of numbers"),
        ("bval", "\n", "dwi.bval: the file is empty"),
        ("bvec", "1 0 0\n0 1\n0 0 1\n", r"rows have different numbers of values \(3, 2, 3\)"),
        ("bval", "0 800 800", "has 24 volumes, but .*dwi.bval has 3 b-values"),
    ],
)
def test_files_that_are_no_gradients_are_refused(series, tmp_path, name, text, message):
    series[f"{name}_file"].write_text(text)
    with pytest.raises(GradientError, match=message):
        CheckGradients(**series).run(cwd=tmp_path)


def test_gradients_come_back_as_they_were_written(series, tmp_path):
    gradients, _ = load_gradients(series["bval_file"], series["bvec_file"], len(BVALS))
    files = save_gradients(gradients, tmp_path / "a.bval", tmp_path / "a.bvec")
    again, warnings = load_gradients(*files, len(BVALS))
    assert warnings == []
    np.testing.assert_allclose(again.bvecs, gradients.bvecs, atol=1e-6)
    np.testing.assert_array_equal(again.bvals, gradients.bvals)
