"""The nodes that correct motion: files in, files out."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined
from numpy.testing import assert_allclose

from sctflow.errors import ImageError, SegmentationError
from sctflow.interfaces.motion import UNCORRECTED, CorrectDWIMotion, CorrectMotion


def draw(shifts, level=1.0):
    """A bright cord in dark fluid, moved by voxels: (x, y, slices, volumes)."""
    x, y = np.meshgrid(np.arange(48.0), np.arange(44.0), indexing="ij")
    out = np.zeros((48, 44, 4, len(shifts)), np.float32)
    for t, (dx, dy) in enumerate(shifts):
        u, v = x - 24 - dx, y - 22 - dy
        plane = 100 + 700 * np.exp(-((u / 6) ** 2) - (v / 4) ** 2)
        plane += 500 * np.exp(-((u / 9) ** 2) - ((v - 13) / 4) ** 2)
        out[..., t] = (level * plane)[..., None]
    return out + np.random.default_rng(0).normal(0, 5, out.shape).astype(np.float32)


SHIFTS = np.random.default_rng(1).normal(0, 1.5, (8, 2))
AFFINE = np.diag([-1, 1, 5, 1.0])


@pytest.fixture
def mask(tmp_path, save):
    x, y = np.meshgrid(np.arange(48), np.arange(44), indexing="ij")
    inside = ((x - 24) / 6) ** 2 + ((y - 22) / 4) ** 2 < 1
    return save(np.repeat(inside[..., None], 4, 2).astype(np.uint8), AFFINE, tmp_path / "m.nii.gz")


def write_series(data, path):
    img = nib.Nifti1Image(data.astype(np.int16), AFFINE)
    img.header.set_xyzt_units("mm", "sec")
    img.header["pixdim"][4] = 2.5
    img.to_filename(path)
    return path


def test_a_functional_series_is_corrected(tmp_path, mask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    series = write_series(draw(SHIFTS), tmp_path / "bold.nii.gz")
    found = CorrectMotion(in_file=series, mask_file=mask).run(cwd=tmp_path).outputs
    corrected = nib.load(found.out_file)
    assert corrected.shape == (48, 44, 4, 8)
    assert corrected.header["pixdim"][4] == 2.5
    assert_allclose(corrected.affine, AFFINE)
    before = nib.load(series).get_fdata().std(-1)[12:36, 12:32].mean()
    assert corrected.get_fdata().std(-1)[12:36, 12:32].mean() < 0.15 * before
    assert nib.load(found.mean_file).shape == (48, 44, 4)
    volumes = pd.read_csv(found.motion_file, sep="\t")
    # The first axis of the array runs to the left.
    expected = SHIFTS * [-1, 1] - (SHIFTS * [-1, 1]).mean(0)
    assert_allclose(volumes[["trans_x", "trans_y"]], expected, atol=0.05)
    assert np.isnan(volumes["framewise_displacement"][0])
    assert len(pd.read_csv(found.slice_motion_file, sep="\t")) == 32
    assert found.warnings == []


def test_a_reference_file_is_what_the_series_is_moved_onto(tmp_path, mask, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    series = write_series(draw(SHIFTS), tmp_path / "bold.nii.gz")
    reference = save(draw([(2.0, -1.0)])[..., 0], AFFINE, tmp_path / "ref.nii.gz")
    node = CorrectMotion(in_file=series, mask_file=mask, reference_file=reference)
    volumes = pd.read_csv(node.run(cwd=tmp_path).outputs.motion_file, sep="\t")
    expected = (SHIFTS - [2.0, -1.0]) * [-1, 1]
    assert_allclose(volumes[["trans_x", "trans_y"]], expected, atol=0.05)


def test_options_reach_the_core(tmp_path, mask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    series = write_series(draw(SHIFTS), tmp_path / "bold.nii.gz")
    node = CorrectMotion(
        in_file=series, mask_file=mask, kind="rigid", reference_volume=2, poly=1, groups=2
    )
    found = node.run(cwd=tmp_path).outputs
    volumes = pd.read_csv(found.motion_file, sep="\t")
    assert "rot_z" in volumes
    assert_allclose(volumes.loc[2:3, ["trans_x", "trans_y"]], 0, atol=1e-6)


def test_a_diffusion_series_is_corrected_with_its_directions(tmp_path, mask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weighted = np.array([False, True, True, True, False, True, True, True])
    data = np.where(weighted, 0.5, 1.0) * draw(SHIFTS)
    series = write_series(data, tmp_path / "dwi.nii.gz")
    bvecs = np.random.default_rng(2).normal(size=(3, 8))
    bvecs /= np.linalg.norm(bvecs, axis=0)
    (tmp_path / "dwi.bval").write_text(" ".join(str(800 * int(w)) for w in weighted))
    np.savetxt(tmp_path / "dwi.bvec", bvecs * weighted)
    node = CorrectDWIMotion(
        in_file=series,
        mask_file=mask,
        bval_file=tmp_path / "dwi.bval",
        bvec_file=tmp_path / "dwi.bvec",
    )
    found = node.run(cwd=tmp_path).outputs
    volumes = pd.read_csv(found.motion_file, sep="\t")
    expected = SHIFTS * [-1, 1] - (SHIFTS * [-1, 1])[weighted].mean(0)
    assert_allclose(volumes[["trans_x", "trans_y"]], expected, atol=0.1)
    assert_allclose(np.loadtxt(found.bvec_file), bvecs * weighted, atol=1e-5)
    assert_allclose(np.loadtxt(found.bval_file), 800 * weighted)
    bright, dark = (
        nib.load(f).get_fdata().max() for f in (found.b0_mean_file, found.dwi_mean_file)
    )
    assert bright == pytest.approx(2 * dark, rel=0.1)


@pytest.mark.parametrize("known_cord", [True, False])
def test_where_a_diffusion_series_has_no_numbers_none_are_made_up(
    tmp_path, mask, monkeypatch, save, known_cord
):
    monkeypatch.chdir(tmp_path)
    weighted = np.arange(8) > 1
    data = (np.where(weighted, 0.5, 1.0) * draw(SHIFTS)).astype(np.float32)
    data[20:22, 18, 1, 4] = np.nan
    data[:2] = np.nan
    series = save(data, AFFINE, tmp_path / "dwi.nii.gz")
    (tmp_path / "dwi.bval").write_text(" ".join(str(800 * int(w)) for w in weighted))
    np.savetxt(tmp_path / "dwi.bvec", np.random.default_rng(2).normal(size=(3, 8)) * weighted)
    empty = save(np.zeros((48, 44, 4), np.uint8), AFFINE, tmp_path / "empty.nii.gz")
    node = CorrectDWIMotion(
        in_file=series,
        mask_file=mask if known_cord else empty,
        bval_file=tmp_path / "dwi.bval",
        bvec_file=tmp_path / "dwi.bvec",
        skip_empty=True,
    )
    found = node.run(cwd=tmp_path).outputs
    unknown = np.isnan(nib.load(found.out_file).get_fdata())
    assert 2 <= unknown[10:, :, :, 4].sum() <= 12
    assert unknown[10:, :, :, 4].sum() == unknown[10:].sum()
    # Means are those of the volumes that have a number.
    mean = nib.load(found.dwi_mean_file).get_fdata()
    assert np.isfinite(mean[10:]).all()
    assert np.isnan(mean[:2]).any()
    assert any("no numbers" in text for text in found.warnings)


def test_without_a_cord_the_series_is_handed_on_as_it_is(tmp_path, mask, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    series = write_series(draw(SHIFTS), tmp_path / "bold.nii.gz")
    empty = save(np.zeros((48, 44, 4), np.uint8), AFFINE, tmp_path / "empty.nii.gz")
    with pytest.raises(SegmentationError):
        CorrectMotion(in_file=series, mask_file=empty).run(cwd=tmp_path)
    node = CorrectMotion(in_file=series, mask_file=empty, skip_empty=True)
    found = node.run(cwd=tmp_path).outputs
    original = nib.load(series).get_fdata()
    assert_allclose(nib.load(found.out_file).get_fdata(), original)
    assert_allclose(nib.load(found.mean_file).get_fdata(), original.mean(-1), rtol=1e-5)
    assert not isdefined(found.motion_file)
    assert found.warnings == [UNCORRECTED]


def test_messages_name_the_file(tmp_path, mask, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    still = save(draw(SHIFTS)[..., 0], AFFINE, tmp_path / "still.nii.gz")
    with pytest.raises(ImageError, match=r"still\.nii\.gz.*3 dimensions"):
        CorrectMotion(in_file=still, mask_file=mask).run(cwd=tmp_path)
    series = write_series(draw(SHIFTS), tmp_path / "bold.nii.gz")
    away = AFFINE.copy()
    away[0, 3] = 20
    elsewhere = save(np.ones((48, 44, 4), np.uint8), away, tmp_path / "elsewhere.nii.gz")
    with pytest.raises(ImageError, match=r"elsewhere\.nii\.gz"):
        CorrectMotion(in_file=series, mask_file=elsewhere).run(cwd=tmp_path)
