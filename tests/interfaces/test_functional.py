"""Nodes of functional series: what they refuse, what they warn of, what they pass on."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.segmentation import CordSegmentation
from sctflow.core.slice_timing import correct_slice_timing
from sctflow.errors import ImageError
from sctflow.interfaces.confounds import CollectConfounds
from sctflow.interfaces.functional import (
    AverageVolumes,
    CheckSeries,
    CorrectSliceTiming,
    FindMotionMask,
)

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
AFFINE[:3, 3] = -40, -40, 10
SHAPE = (40, 40, 4)


@pytest.fixture
def scene(tmp_path, save):
    """Series of a cord and of tissue about it, whose first two volumes are bright."""
    x, y = np.meshgrid(np.arange(40), np.arange(40), indexing="ij")
    cord = np.repeat((np.hypot(x - 20, y - 22) <= 3)[:, :, None], 4, axis=2).astype(np.uint8)
    rng = np.random.default_rng(0)
    data = rng.normal(400, 10, (*SHAPE, 40)).astype(np.float32)
    data[..., :2] *= 1.5
    return SimpleNamespace(
        data=data,
        cord=cord,
        series=save(data, AFFINE, tmp_path / "bold.nii.gz"),
        mean=save(data[..., 2:].mean(3), AFFINE, tmp_path / "mean.nii.gz"),
        mask=save(cord, AFFINE, tmp_path / "cord.nii.gz"),
    )


def _array(path):
    return np.asarray(nib.load(path).dataobj)


def test_dummies_are_counted_told_and_left_out_of_the_mean(scene, tmp_path):
    found = CheckSeries(in_file=scene.series).run(cwd=tmp_path).outputs
    assert found.dummies == 2
    assert found.out_file == str(scene.series)
    assert "the first 2 of 40 volumes are brighter" in found.warnings[0]
    np.testing.assert_allclose(_array(found.mean_file), scene.data[..., 2:].mean(3), rtol=1e-5)


def test_values_that_are_not_numbers_are_replaced_in_a_copy(scene, tmp_path, save):
    scene.data[3, 3, 1, 20] = np.nan
    path = save(scene.data, AFFINE, tmp_path / "holes.nii.gz")
    found = CheckSeries(in_file=path).run(cwd=tmp_path).outputs
    assert found.out_file != str(path)
    assert _array(found.out_file)[3, 3, 1, 20] == 0
    assert "values that are not numbers are taken as 0" in found.warnings


@pytest.mark.parametrize(
    ("volumes", "message"), [(None, "has 3 dimensions"), (2, "the series has 2 volumes")]
)
def test_what_is_no_series_is_refused_by_name(scene, tmp_path, save, volumes, message):
    data = scene.data[..., 0] if volumes is None else scene.data[..., :volumes]
    path = save(data, AFFINE, tmp_path / "short.nii.gz")
    with pytest.raises(ImageError, match=rf"short.nii.gz: .*{message}"):
        CheckSeries(in_file=path).run(cwd=tmp_path)


def test_the_mask_of_another_image_lies_where_its_header_says(scene, tmp_path, save):
    # The same cord in voxels half as large, stored from left to right.
    fine = np.repeat(np.repeat(scene.cord, 2, axis=0), 2, axis=1)[::-1]
    affine = AFFINE @ nib.affines.from_matvec(np.diag([-0.5, 0.5, 1]), [39.25, -0.25, 0])
    other = save(fine, affine, tmp_path / "T2w_cord.nii.gz")
    found = FindMotionMask(in_file=scene.mean, cord_file=other).run(cwd=tmp_path).outputs
    np.testing.assert_array_equal(_array(found.out_file) >= 0.5, scene.cord)
    assert found.warnings == []


def _pretend(monkeypatch, mask):
    """Stand in for the networks: what they find is given."""
    seg = CordSegmentation(
        mask=mask, probability=mask.astype(np.float32), slices=pd.DataFrame(), warnings=()
    )
    monkeypatch.setattr("sctflow.core.segmentation.segment_cord", lambda *a, **k: seg)
    monkeypatch.setattr("sctflow.models.load_cord_nets", lambda: (None, {}))


def test_without_another_mask_the_networks_look_for_the_cord(scene, tmp_path, monkeypatch):
    _pretend(monkeypatch, scene.cord)
    found = FindMotionMask(in_file=scene.mean).run(cwd=tmp_path).outputs
    np.testing.assert_array_equal(_array(found.out_file), scene.cord)
    assert found.warnings == []


def test_a_mask_that_lies_elsewhere_is_told_and_replaced(scene, tmp_path, save, monkeypatch):
    _pretend(monkeypatch, scene.cord)
    far = AFFINE.copy()
    far[2, 3] = 900
    other = save(scene.cord, far, tmp_path / "far.nii.gz")
    found = FindMotionMask(in_file=scene.mean, cord_file=other).run(cwd=tmp_path).outputs
    np.testing.assert_array_equal(_array(found.out_file), scene.cord)
    assert "lies outside of the series" in found.warnings[0]


def test_where_there_is_no_cord_motion_is_measured_about_the_middle(scene, tmp_path, monkeypatch):
    _pretend(monkeypatch, 0 * scene.cord)
    found = FindMotionMask(in_file=scene.mean).run(cwd=tmp_path).outputs
    mask = _array(found.out_file)
    assert mask.any(axis=(0, 1)).all()
    assert np.argwhere(mask).mean(0)[:2] == pytest.approx([19.5, 19.5])
    assert "no cord was found" in found.warnings[0]


@pytest.mark.parametrize(("encoding", "flip"), [("k", 1), ("k-", -1)])
def test_slice_times_are_in_the_order_of_the_encoding(scene, tmp_path, encoding, flip):
    times = [0.0, 0.5, 1.0, 1.5]
    node = CorrectSliceTiming(
        in_file=scene.series, slice_times=times, repetition_time=2.0, slice_encoding=encoding
    )
    expected = correct_slice_timing(scene.data, times[::flip], 2.0)
    np.testing.assert_allclose(_array(node.run(cwd=tmp_path).outputs.out_file), expected)


def test_slice_times_that_cannot_be_are_refused_by_name(scene, tmp_path):
    node = CorrectSliceTiming(in_file=scene.series, slice_times=[0.0, 1.0], repetition_time=2.0)
    with pytest.raises(ImageError, match=r"bold.nii.gz: There are 2 slice times for 4 slices"):
        node.run(cwd=tmp_path)


def test_volumes_are_averaged(scene, tmp_path):
    found = AverageVolumes(in_file=scene.series, skip=5).run(cwd=tmp_path).outputs
    np.testing.assert_allclose(_array(found.out_file), scene.data[..., 5:].mean(3), rtol=1e-5)
    with pytest.raises(ImageError, match=r"bold.nii.gz: 40 of 40 volumes"):
        AverageVolumes(in_file=scene.series, skip=40).run(cwd=tmp_path)


def test_confounds_are_taken_where_their_image_says(scene, tmp_path, save):
    fluid = np.zeros(SHAPE)
    fluid[17:24, 10:17] = 0.9
    node = CollectConfounds(
        in_file=scene.series,
        mask_file=scene.mask,
        csf_file=save(fluid, AFFINE, tmp_path / "csf.nii.gz"),
        repetition_time=2.0,
        skip=2,
    )
    found = node.run(cwd=tmp_path).outputs
    table = pd.read_csv(found.out_table, sep="\t")
    regions = _array(found.regions_file)
    np.testing.assert_array_equal(regions == 1, scene.cord)
    for value, name in ((1, "cord"), (2, "csf"), (3, "not_cord")):
        np.testing.assert_allclose(table[name], scene.data[regions == value].mean(0), rtol=1e-4)
    assert list(table.columns) == list(found.columns)
    assert found.warnings == []


def test_what_is_missing_from_the_confounds_is_said(scene, tmp_path, save):
    empty = save(0 * scene.cord, AFFINE, tmp_path / "empty.nii.gz")
    node = CollectConfounds(in_file=scene.series, mask_file=empty)
    found = node.run(cwd=tmp_path).outputs
    assert [text.split(",")[0] for text in found.warnings] == [
        f"confounds: only 0 voxels in the mask {name}" for name in ("cord", "not_cord")
    ]
    assert list(pd.read_csv(found.out_table, sep="\t").columns) == ["cosine_00"]
