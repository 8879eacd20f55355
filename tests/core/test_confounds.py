"""What is told apart from the cord's activity, on series whose parts are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sctflow.core.confounds import collect_confounds, drift_basis, principal_courses

N, TR = 120, 2.0
PULSE = np.sin(2 * np.pi * 0.17 * np.arange(N))
BREATH = np.sign(np.sin(2 * np.pi * 0.04 * np.arange(N) + 1.0))


@pytest.fixture
def scene():
    """Cord, fluid that follows the pulse, far tissue that follows breathing, all drifting."""
    rng = np.random.default_rng(1)
    data = rng.normal(100, 1.0, (12, 12, 3, N))
    masks = {name: np.zeros((12, 12, 3), bool) for name in ("cord", "csf", "not_cord")}
    masks["cord"][5:8, 5:8] = True
    masks["csf"][3:9, 3:5] = True
    masks["not_cord"][:, 9:] = True
    data[masks["csf"]] += 8 * PULSE
    data[masks["not_cord"]] += 8 * BREATH
    data += np.linspace(0, 30, N)
    return data, masks


def test_components_follow_what_moves_each_mask(scene):
    found = collect_confounds(*scene, tr=TR)
    table = found.table
    drifts = drift_basis(N, TR)
    for name, course in (("a_comp_cor_00", PULSE), ("a_comp_cor_05", BREATH)):
        course = course - course.mean()
        course = course - drifts @ (drifts.T @ course)
        assert abs(np.corrcoef(table[name], course)[0, 1]) > 0.99
    assert found.columns["a_comp_cor_00"]["Mask"] == "csf"
    assert found.columns["a_comp_cor_05"]["Mask"] == "not_cord"
    assert found.columns["a_comp_cor_00"]["VarianceExplained"] > 0.9
    assert found.warnings == []


def test_components_hold_no_drift_and_no_mean(scene):
    data, masks = scene
    drifts = drift_basis(N, TR)
    courses, share = principal_courses(data[masks["csf"]], drifts)
    assert_allclose(drifts.T @ courses, 0, atol=1e-9)
    assert_allclose(courses.sum(0), 0, atol=1e-9)
    assert_allclose(courses.T @ courses, np.eye(5), atol=1e-9)
    assert (np.diff(share) <= 0).all()
    assert share.sum() < 1


def test_means_are_those_of_the_masks(scene):
    data, masks = scene
    table = collect_confounds(data, masks, tr=TR).table
    for name, mask in masks.items():
        assert_allclose(table[name], data[mask].mean(0), rtol=1e-5)


def test_dummies_are_flagged_and_left_out_of_components(scene):
    data, masks = scene
    data[..., :2] *= 3
    table = collect_confounds(data, masks, tr=TR, dummies=2).table
    assert_allclose(table["non_steady_state_outlier_01"], np.eye(N)[1])
    assert_allclose(table.loc[:1, "a_comp_cor_00"], 0)
    later = PULSE[2:] - PULSE[2:].mean()
    assert abs(np.corrcoef(table["a_comp_cor_00"][2:], later)[0, 1]) > 0.98


def test_a_mask_of_few_voxels_has_no_columns_and_a_warning(scene):
    data, masks = scene
    masks["csf"] = masks["csf"] & (np.indices(masks["csf"].shape).sum(0) < 7)
    found = collect_confounds(data, masks, tr=TR)
    assert "csf" not in found.table
    assert found.columns["a_comp_cor_00"]["Mask"] == "not_cord"
    assert "in the mask csf" in found.warnings[0]


def test_slices_are_flagged_where_they_are_outliers(scene):
    flags = pd.DataFrame(
        [(v, k, (v, k) == (7, 2)) for v in range(N) for k in range(3)],
        columns=["volume", "slice", "outlier"],
    )
    motion = pd.DataFrame({"trans_x": np.arange(N) / N})
    table = collect_confounds(*scene, motion=motion, slice_motion=flags).table
    assert [name for name in table if name.startswith("outlier")] == ["outlier_slice_02"]
    assert np.flatnonzero(table["outlier_slice_02"]).tolist() == [7]
    assert_allclose(table["trans_x"], motion["trans_x"])


def test_every_column_is_described_and_has_a_value_for_each_volume(scene):
    found = collect_confounds(*scene, tr=TR, dummies=1)
    assert list(found.columns) == list(found.table.columns)
    assert len(found.table) == N
    assert not found.table.isna().any(axis=None)


@pytest.mark.parametrize(("n", "tr", "count"), [(120, 2.0, 3), (300, 2.0, 9), (30, 1.1, 1)])
def test_drifts_are_the_cosines_with_periods_over_128_s(n, tr, count):
    basis = drift_basis(n, tr)
    assert basis.shape == (n, count)
    assert_allclose(basis.T @ basis, np.eye(count), atol=1e-12)
    assert 2 * n * tr / count >= 128 or count == 1
    assert 2 * n * tr / (count + 1) < 128


def test_a_series_that_never_changes_has_no_components():
    courses, share = principal_courses(np.full((30, 20), 5.0), drift_basis(20))
    assert courses.shape == (20, 0)
    assert share.shape == (0,)
