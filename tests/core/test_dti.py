from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.dti import POORLY_SPREAD, condition_number, fit_dti, noise_of_residuals
from sctflow.core.gradients import GradientError, Gradients
from sctflow.core.phantom.codes import IS_CORD, IS_WHITE
from sctflow.core.phantom.diffusion import dwi_table, fa_md, gradient_table
from sctflow.core.phantom.tissues import make_tissues
from sctflow.errors import ImageError

TISSUES = make_tissues()
TANGENT = np.array([0.1, 0.3, 0.95])
GRADIENTS = Gradients(*gradient_table(5, {800: 30}, seed=2))


def series(codes, gradients=GRADIENTS, *, snr=None, seed=0):
    """One voxel for each code, in a row."""
    signal = 1000 * dwi_table(TISSUES, *gradients, TANGENT)[codes]
    if snr:
        signal = signal + np.random.default_rng(seed).normal(0, 1000 / snr, signal.shape)
    return np.abs(signal)[:, None, None]


@pytest.mark.parametrize("method", ["wls", "restore"])
def test_tensors_are_found_again(method):
    codes = np.flatnonzero(IS_CORD)[:36]
    maps = fit_dti(series(codes), np.ones((36, 1, 1)), GRADIENTS, method=method)
    fa, md = fa_md(TISSUES.ad, TISSUES.rd)
    for found, expected in (
        (maps.fa, fa),
        (1e3 * maps.md, md),
        (1e3 * maps.ad, TISSUES.ad),
        (1e3 * maps.rd, TISSUES.rd),
    ):
        assert_allclose(found.ravel(), expected[codes], rtol=1e-3)
    assert_allclose(maps.residual, 0, atol=0.1)
    tangent = TANGENT / np.linalg.norm(TANGENT)
    assert_allclose(np.abs(maps.direction @ tangent), 1, atol=1e-4)


def test_small_b_values_count_where_they_have_a_direction():
    bvals, bvecs = gradient_table(2, {60: 6, 800: 30}, seed=2)
    aimless = np.append(bvals, 5.0), np.vstack([bvecs, np.zeros(3)])
    gradients = Gradients(*aimless)
    maps = fit_dti(series([0, 30], gradients), np.ones((2, 1, 1)), gradients)
    assert_allclose(1e3 * maps.ad.ravel(), TISSUES.ad[[0, 30]], rtol=1e-3)


def test_means_over_noisy_white_matter_are_close_to_the_truth():
    codes = np.repeat(np.flatnonzero(IS_WHITE)[:30], 40)
    maps = fit_dti(series(codes, snr=20), np.ones((len(codes), 1, 1)), GRADIENTS)
    fa, md = fa_md(TISSUES.ad, TISSUES.rd)
    assert maps.fa.mean() == pytest.approx(fa[codes].mean(), abs=0.02)
    assert 1e3 * maps.md.mean() == pytest.approx(md[codes].mean(), rel=0.02)
    assert maps.residual.mean() == pytest.approx(50, rel=0.05)


def test_restore_is_not_misled_by_outliers():
    codes = np.zeros(60, int)
    data = series(codes, snr=40)
    weighted = np.flatnonzero(GRADIENTS.bvals > 0)
    # Drop-outs: two volumes of each voxel have lost most of their signal.
    rng = np.random.default_rng(1)
    for row in data[:, 0, 0]:
        row[rng.choice(weighted, 2, replace=False)] *= 0.2
    truth = fa_md(TISSUES.ad, TISSUES.rd)[0][0]
    errors = {
        method: np.abs(fit_dti(data, np.ones((60, 1, 1)), GRADIENTS, method=method).fa - truth)
        for method in ("wls", "restore")
    }
    assert errors["restore"].mean() < 0.02
    assert errors["wls"].mean() > 2 * errors["restore"].mean()


def test_noise_is_estimated_through_outliers():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(35, 7))
    project = np.eye(35) - design @ np.linalg.pinv(design)
    noise = rng.normal(0, 3, (4000, 35)) @ project
    noise[:, 4] += 100 * (rng.uniform(size=4000) < 0.3)
    assert noise_of_residuals(noise) == pytest.approx(3, rel=0.03)


def test_only_voxels_of_the_mask_with_signal_have_a_tensor():
    data = series([0] * 5)
    data[1, 0, 0, 7], data[2] = np.nan, 0
    mask = np.array([1, 1, 1, 0, 1]).reshape(5, 1, 1)
    for found in fit_dti(data, mask, GRADIENTS):
        assert np.isfinite(found).reshape(5, -1).all(1).tolist() == [True, *[False] * 3, True]


def test_a_zero_among_the_volumes_is_a_weak_signal_not_an_infinite_diffusion():
    data = series([0])
    data[..., np.flatnonzero(GRADIENTS.bvals)[3]] = 0
    maps = fit_dti(data, np.ones((1, 1, 1)), GRADIENTS)
    assert maps.ad[0, 0, 0] < 3e-3


def test_seven_volumes_give_a_tensor_and_no_residual():
    gradients = Gradients(*gradient_table(1, {750: 6}, seed=0))
    maps = fit_dti(series([0], gradients), np.ones((1, 1, 1)), gradients)
    assert 1e3 * maps.ad[0, 0, 0] == pytest.approx(TISSUES.ad[0], rel=1e-3)
    assert np.isnan(maps.residual).all()
    with pytest.raises(GradientError, match="more than 7 volumes"):
        fit_dti(series([0], gradients), np.ones((1, 1, 1)), gradients, method="restore")


def test_directions_in_a_plane_are_refused():
    angles = np.linspace(0, np.pi, 12, endpoint=False)
    flat = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    gradients = Gradients(np.r_[0, np.full(12, 800.0)], np.r_[np.zeros((1, 3)), flat])
    with pytest.raises(GradientError, match="13 volumes do not determine a tensor"):
        fit_dti(series([0], gradients), np.ones((1, 1, 1)), gradients)


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ImageError, match="do not fit a series"):
        fit_dti(series([0]), np.ones((2, 1, 1)), GRADIENTS)
    with pytest.raises(ImageError, match="no voxel with signal"):
        fit_dti(series([0]), np.zeros((1, 1, 1)), GRADIENTS)


def test_directions_are_judged_by_how_evenly_they_lie():
    assert condition_number(GRADIENTS) == pytest.approx(np.sqrt(2.5), rel=0.02)
    # As a whole they may be turned.
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turned = GRADIENTS._replace(bvecs=GRADIENTS.bvecs @ turn)
    assert condition_number(turned) == pytest.approx(condition_number(GRADIENTS))
    # Squeezed towards one plane they tell little about what lies across it.
    flat = GRADIENTS.bvecs * [1, 1, 0.1]
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    assert condition_number(GRADIENTS._replace(bvecs=flat)) > POORLY_SPREAD
