import json

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.mt import Flash, compute_mtr, compute_mtsat
from sctflow.interfaces.mt import ComputeMTR, ComputeMtsat, MetadataError, read_flash_protocol

AFFINE = np.diag([-1.0, 1.0, 5.0, 1.0])
PROTOCOL = {"mt": (0.035, 9), "pd": (0.03, 9), "t1": (0.015, 15)}


@pytest.fixture
def scans(tmp_path, save):
    """Three images with their sidecars."""
    rng = np.random.default_rng(0)
    files = {}
    for (name, (tr, flip)), level in zip(PROTOCOL.items(), (300, 500, 350), strict=True):
        data = rng.normal(level, 5, (6, 5, 2)).astype(np.float32)
        data[0, 0, 0] = 0
        files[f"{name}_file"] = save(data, AFFINE, tmp_path / f"sub-01_{name}.nii.gz")
        metadata = {"FlipAngle": flip, "RepetitionTimeExcitation": tr, "RepetitionTime": 2}
        (tmp_path / f"sub-01_{name}.json").write_text(json.dumps(metadata))
    return files


def read(path):
    return np.asarray(nib.load(path).dataobj)


def test_mtr_of_two_files_is_that_of_the_core(scans, tmp_path):
    node = ComputeMTR(on_file=scans["mt_file"], off_file=scans["pd_file"])
    found = nib.load(node.run(cwd=tmp_path).outputs.out_file)
    expected = compute_mtr(read(scans["mt_file"]), read(scans["pd_file"]))
    np.testing.assert_allclose(found.dataobj, expected.astype(np.float32))
    assert np.isnan(found.dataobj[0, 0, 0])
    np.testing.assert_array_equal(found.affine, AFFINE)


def test_mtsat_takes_its_protocol_from_the_sidecars(scans, tmp_path):
    found = ComputeMtsat(**scans).run(cwd=tmp_path).outputs
    images = (Flash(read(scans[f"{name}_file"]), *one) for name, one in PROTOCOL.items())
    mtsat, t1 = compute_mtsat(*images)
    np.testing.assert_allclose(read(found.mtsat_file), mtsat, rtol=1e-5)
    np.testing.assert_allclose(read(found.t1_file), t1, rtol=1e-5)


def test_what_is_given_goes_before_the_sidecars(scans, tmp_path):
    expected = read(ComputeMtsat(**scans).run(cwd=tmp_path).outputs.t1_file)
    (tmp_path / "sub-01_t1.json").write_text(json.dumps({"FlipAngle": 15}))
    times = tuple(tr for tr, _ in PROTOCOL.values())
    node = ComputeMtsat(**scans, repetition_times=times)
    np.testing.assert_allclose(read(node.run(cwd=tmp_path).outputs.t1_file), expected)
    for name in PROTOCOL:
        (tmp_path / f"sub-01_{name}.json").unlink()
    node = ComputeMtsat(**scans, repetition_times=times, flip_angles=(9, 9, 15))
    np.testing.assert_allclose(read(node.run(cwd=tmp_path).outputs.t1_file), expected)


def test_a_map_of_the_field_corrects_both(scans, tmp_path, save):
    plain = ComputeMtsat(**scans).run(cwd=tmp_path).outputs
    mtsat, t1 = read(plain.mtsat_file), read(plain.t1_file)
    field = save(np.full((6, 5, 2), 1.1, np.float32), AFFINE, tmp_path / "b1.nii.gz")
    found = ComputeMtsat(**scans, b1_file=field).run(cwd=tmp_path).outputs
    np.testing.assert_allclose(read(found.mtsat_file), mtsat * 0.6 / (1 - 0.44), rtol=1e-5)
    np.testing.assert_allclose(read(found.t1_file), t1 / 1.21, rtol=1e-5)


def test_missing_metadata_are_named_with_their_file(scans, tmp_path):
    (tmp_path / "sub-01_pd.json").unlink()
    (tmp_path / "sub-01_t1.json").write_text(json.dumps({"RepetitionTime": 0.015}))
    with pytest.raises(MetadataError) as error:
        ComputeMtsat(**scans).run(cwd=tmp_path)
    first, second = str(error.value).splitlines()
    assert "sub-01_pd.json: RepetitionTimeExcitation (or RepetitionTime) is missing" in first
    assert "FlipAngle is missing" in first
    assert "sub-01_t1.json: FlipAngle is missing" in second
    assert "Repetition" not in second


def test_metadata_that_are_no_numbers_are_refused():
    assert read_flash_protocol({"FlipAngle": 9, "RepetitionTime": 0.03}, name="a") == (0.03, 9)
    for wrong in ("9", 0, None, True, [9]):
        with pytest.raises(MetadataError, match="a: FlipAngle must be a positive number"):
            read_flash_protocol({"FlipAngle": wrong, "RepetitionTime": 0.03}, name="a")


def test_protocols_from_which_nothing_follows_are_refused_by_name(scans, tmp_path):
    node = ComputeMtsat(**scans, repetition_times=(0.03,) * 3, flip_angles=(9.0,) * 3)
    with pytest.raises(MetadataError, match=r"sub-01_t1.nii.gz: .* T1 cannot be told"):
        node.run(cwd=tmp_path)
