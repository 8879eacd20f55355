import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined
from scipy.ndimage import shift

from sctflow.core.gradients import GradientError
from sctflow.core.phantom.diffusion import dwi_table, fa_md, gradient_table
from sctflow.core.phantom.tissues import make_tissues
from sctflow.errors import SegmentationError
from sctflow.gradients import load_gradients, save_gradients
from sctflow.interfaces.diffusion import CheckGradients, FitDTI, SeparateB0
from sctflow.interfaces.diffusion_signal import DenoiseDWI, MeasureB0SNR

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


def test_means_may_be_all_that_is_wanted(series, tmp_path):
    found = SeparateB0(**series, means_only=True).run(cwd=tmp_path).outputs
    assert not isdefined(found.b0_file)
    assert not isdefined(found.dwi_file)
    np.testing.assert_allclose(read(found.b0_mean_file), 1000)


@pytest.fixture
def without_b0(series, save):
    """The same series without its volumes of b = 0."""
    save(read(series["in_file"])[..., BVALS > 0], AFFINE, series["in_file"])
    np.savetxt(series["bval_file"], BVALS[None, BVALS > 0])
    np.savetxt(series["bvec_file"], BVECS.T[:, BVALS > 0])
    return series


def test_without_b0_there_are_a_mean_and_a_warning_but_no_tensors(without_b0, tmp_path, save):
    with pytest.raises(GradientError, match="no volume has b = 0"):
        CheckGradients(**without_b0).run(cwd=tmp_path)
    checked = CheckGradients(**without_b0, b0_needed=False).run(cwd=tmp_path).outputs
    assert "no volume has b = 0" in checked.warnings[0]
    assert pd.read_csv(checked.shells_file, sep="\t")["bval"].tolist() == [800]
    means = SeparateB0(**without_b0).run(cwd=tmp_path).outputs
    assert not isdefined(means.b0_mean_file)
    assert read(means.dwi_mean_file).shape == (4, 3, 2)
    with pytest.raises(GradientError):
        FitDTI(**without_b0).run(cwd=tmp_path)
    fit = FitDTI(**without_b0, skip_impossible=True).run(cwd=tmp_path).outputs
    assert not isdefined(fit.fa_file)
    assert fit.warnings[0].startswith("No tensors were fitted. ")
    assert "dwi.bval: no volume has b = 0" in fit.warnings[0]
    mask = save(np.ones((4, 3, 2), np.uint8), AFFINE, tmp_path / "mask.nii.gz")
    snr = MeasureB0SNR(**without_b0, mask_file=mask).run(cwd=tmp_path).outputs
    assert not isdefined(snr.snr)
    assert snr.method == {}
    assert "the series has 0" in snr.warnings[0]


def test_tensors_are_fitted_in_a_margin_about_the_mask(series, tmp_path, save):
    mask = np.zeros((4, 3, 2), np.uint8)
    mask[1, 1, 0] = 1
    path = save(mask, AFFINE, tmp_path / "mask.nii.gz")
    found = FitDTI(**series, mask_file=path, margin=1.0).run(cwd=tmp_path).outputs
    cross = np.zeros((4, 3, 2), bool)
    cross[0:3, 1, 0] = cross[1, :, 0] = True
    np.testing.assert_array_equal(np.isfinite(read(found.fa_file)), cross)


def test_the_snr_is_that_of_the_noise_between_volumes_of_b0(series, tmp_path, save):
    rng = np.random.default_rng(0)
    data = np.full((30, 30, 4, len(BVALS)), 400.0) + rng.normal(0, 20, (30, 30, 4, len(BVALS)))
    save(data.astype(np.float32), AFFINE, series["in_file"])
    mask = save(np.ones((30, 30, 4), np.uint8), AFFINE, tmp_path / "mask.nii.gz")
    found = MeasureB0SNR(**series, mask_file=mask).run(cwd=tmp_path).outputs
    assert found.snr == pytest.approx(20, rel=0.02)
    assert found.method == {"SignalToNoiseRatio": round(found.snr, 2)}
    assert found.warnings == []


@pytest.mark.parametrize("interpolation", ["linear", "spline", "nearest"])
def test_noise_that_interpolation_took_away_counts_for_the_snr(
    series, tmp_path, save, interpolation
):
    rng = np.random.default_rng(0)
    data = np.full((32, 32, 4, len(BVALS)), 400.0) + rng.normal(0, 20, (32, 32, 4, len(BVALS)))
    steps = rng.uniform(-1, 1, (len(BVALS), 2))
    order = {"linear": 1, "spline": 3, "nearest": 0}[interpolation]
    for t, step in enumerate(steps):
        data[..., t] = shift(data[..., t], (*-step, 0), order=order, mode="wrap")
    save(data.astype(np.float32), AFFINE, series["in_file"])
    mask = save(np.ones((32, 32, 4), np.uint8), AFFINE, tmp_path / "mask.nii.gz")
    zooms = np.linalg.norm(AFFINE[:3, :3], axis=0)
    rows = [(t, k, *(steps[t] * zooms[:2])) for t in range(len(BVALS)) for k in range(4)]
    motion = pd.DataFrame(rows, columns=["volume", "slice", "trans_x", "trans_y"])
    table = tmp_path / "motion.tsv"
    motion.to_csv(table, sep="\t", index=False)
    found = MeasureB0SNR(
        **series, mask_file=mask, slice_motion_file=table, interpolation=interpolation
    )
    assert found.run(cwd=tmp_path).outputs.snr == pytest.approx(20, rel=0.03)


def test_a_series_is_denoised_or_handed_on_with_the_reason(series, tmp_path, save):
    rng = np.random.default_rng(0)
    clean = 1000 * dwi_table(TISSUES, BVALS, BVECS, np.array([0, 0, 1.0]))[0]
    data = np.broadcast_to(clean, (12, 12, 3, len(BVALS)))
    noisy = data + rng.normal(0, 20, data.shape)
    save(noisy.astype(np.float32), AFFINE, series["in_file"])
    mask = np.zeros((12, 12, 3), np.uint8)
    path = save(mask, AFFINE, tmp_path / "mask.nii.gz")
    with pytest.raises(SegmentationError, match="empty"):
        DenoiseDWI(**series, mask_file=path).run(cwd=tmp_path)
    found = DenoiseDWI(**series, mask_file=path, skip_impossible=True).run(cwd=tmp_path).outputs
    assert found.out_file == str(series["in_file"])
    assert found.warnings[0].startswith("The series was not denoised. ")
    mask[4:8, 4:8] = 1
    save(mask, AFFINE, path)
    found = DenoiseDWI(**series, mask_file=path).run(cwd=tmp_path).outputs
    assert (read(found.out_file) - data)[4:8, 4:8].std() < 10
    assert found.warnings == []


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


def test_directions_that_hardly_determine_a_tensor_are_told(series, tmp_path):
    flat = BVECS * [1, 1, 0.1]
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    np.savetxt(series["bvec_file"], flat.T)
    found = FitDTI(**series).run(cwd=tmp_path).outputs
    assert "hardly determine a tensor (condition number" in found.warnings[0]


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
