"""Noise taken out of diffusion series."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.denoise import NEAR_MM, denoise_series, patch_radius
from sctflow.core.gradients import GradientError
from sctflow.core.phantom.diffusion import dwi_table, gradient_table
from sctflow.core.phantom.tissues import make_tissues
from sctflow.errors import ImageError, SegmentationError

AFFINE = np.diag([-1.0, 1.0, 5.0, 1.0])
SHAPE = (36, 36, 5)
SIGMA = 20.0


@pytest.fixture(scope="module")
def scene():
    """White matter about gray matter, in a neighbourhood of fluid: truth, noisy series, mask."""
    bvals, bvecs = gradient_table(4, {800: 24}, seed=3)
    x, y = np.meshgrid(np.arange(36) - 18, np.arange(36) - 18, indexing="ij")
    radius = np.repeat(np.hypot(x, y)[:, :, None], SHAPE[2], axis=2)
    kinds = np.select([radius < 3, radius < 6], [30, 0], 36)
    table = 1000 * dwi_table(make_tissues(), bvals, bvecs, np.array([0, 0.2, 1]))
    truth = table[kinds]
    noise = np.random.default_rng(0).normal(0, SIGMA, truth.shape)
    return truth, (truth + noise).astype(np.float32), (radius < 6).astype(np.uint8), bvals


def rms(values):
    return np.sqrt(np.square(values).mean())


@pytest.mark.parametrize(("method", "least"), [("mppca", 0.5), ("patch2self", 0.5)])
def test_noise_becomes_less_and_the_signal_stays(scene, method, least):
    truth, noisy, mask, bvals = scene
    denoised = denoise_series(noisy, AFFINE, bvals, mask, method=method)
    error = (denoised - truth)[mask > 0]
    assert rms(error) < least * SIGMA
    # What a bias of each volume would do to maps: under a hundredth of the signal.
    assert np.abs(error.mean(axis=0)).max() < 0.01 * truth[mask > 0].mean()


def test_nothing_is_done_far_from_the_cord_and_orientation_does_not_matter(scene):
    _, noisy, mask, bvals = scene
    denoised = denoise_series(noisy, AFFINE, bvals, mask, method="patch2self")
    x, y = np.meshgrid(np.arange(36) - 18, np.arange(36) - 18, indexing="ij")
    far = np.hypot(x, y) > 6 + NEAR_MM
    assert_array_equal(denoised[far], noisy[far])
    turned = AFFINE[:, [2, 0, 1, 3]]
    again = denoise_series(
        noisy.transpose(2, 0, 1, 3), turned, bvals, mask.transpose(2, 0, 1), method="patch2self"
    )
    assert_allclose(again.transpose(1, 2, 0, 3), denoised, rtol=1e-4)


def test_values_that_are_not_numbers_are_0_and_edges_stay(scene):
    _, noisy, mask, bvals = scene
    spoilt = noisy.copy()
    spoilt[0, 0, 0, 3] = np.nan
    # A mask up to the edge of the image, in the first slice only: no patch lies about it.
    edge = np.zeros_like(mask)
    edge[:3, :3, 0] = 1
    denoised = denoise_series(spoilt, AFFINE, bvals, edge, method="mppca", near=0)
    assert np.isfinite(denoised).all()
    assert_array_equal(denoised[:3, :3, 0], np.nan_to_num(spoilt)[:3, :3, 0])


def test_patches_hold_more_voxels_than_there_are_volumes():
    assert patch_radius((96, 36, 15, 35), AFFINE) == (2, 2, 1)
    assert patch_radius((96, 36, 15, 200), AFFINE) == (4, 4, 1)
    assert patch_radius((96, 36, 1, 20), AFFINE) == (2, 2, 0)
    # Thick slices may lie along any axis.
    assert patch_radius((15, 96, 36, 35), AFFINE[:, [2, 0, 1, 3]]) == (1, 2, 2)
    with pytest.raises(ImageError, match="4 x 36 voxels are too small"):
        patch_radius((4, 36, 15, 35), AFFINE)


def test_what_cannot_be_denoised_is_told(scene):
    _, noisy, mask, bvals = scene
    few = np.r_[0, np.flatnonzero(bvals)[:6]]
    with pytest.raises(GradientError, match=r"at least 10 with .*; there are 6. Use mppca"):
        denoise_series(noisy[..., few], AFFINE, bvals[few], mask, method="patch2self")
    speck = np.zeros_like(mask)
    speck[18, 18, 2] = 1
    with pytest.raises(ImageError, match="there are 1 about the cord"):
        denoise_series(noisy, AFFINE, bvals, speck, method="patch2self", near=0)
    with pytest.raises(SegmentationError, match="mask of the cord is empty"):
        denoise_series(noisy, AFFINE, bvals, 0 * mask, method="mppca")
