"""Diffusion series: two contrasts that are followed apart and joined."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.gradients import GradientError
from sctflow.core.motion import estimate_dwi_motion, rotate_bvecs
from sctflow.core.phantom.diffusion import gradient_table
from sctflow.errors import SettingsError

from .conftest import anatomy, draw, ellipse, errors, wander

B = 800.0


@pytest.fixture(scope="module")
def scan():
    """Series of 3 + 16 volumes of a cord along z, its directions and its motion."""
    bvals, bvecs = gradient_table(3, {B: 16}, seed=2)
    shift = wander(5, len(bvals), own=0.02)
    data = []
    for t, (b, g) in enumerate(zip(bvals, bvecs, strict=True)):
        cord = 600 * np.exp(-b * 1e-3 * (1.6 * g[2] ** 2 + 0.4 * (1 - g[2] ** 2)))
        fluid, rest = 1000 * np.exp(-b * 3e-3), np.exp(-b * 1e-3)

        def paint(u, v, k, cord=cord, fluid=fluid, rest=rest):
            within = ellipse(u, v, (0, 0.5), (9.0 * (1 + 0.05 * np.sin(k)), 6.5))
            outside = anatomy(u, v, k) * (1 - within)
            return rest * outside + within * anatomy(u, v, k, cord=cord, fluid=fluid)

        data.append(draw(shift[:, t : t + 1], noise=25.0, paint=paint, seed=t))
    scene = data[0]
    series = np.concatenate([one.data for one in data], axis=3)
    return series, scene.affine, scene.mask, bvals, bvecs, shift


def follow(scan, chosen=slice(None), **options):
    data, affine, mask, bvals, bvecs, _ = scan
    return estimate_dwi_motion(
        data[..., chosen], affine, mask, bvals[chosen], bvecs[chosen], **options
    )


def test_volumes_with_and_without_weighting_are_found_on_one_scale(scan):
    *_, bvals, _, shift = scan
    found = follow(scan)
    weighted = bvals > 0
    away = found.shift - shift
    away -= away[:, weighted].mean(axis=1, keepdims=True)
    assert np.sqrt((away[:, weighted] ** 2).sum(-1).mean()) < 0.08
    assert errors(found.shift, shift, ~weighted).max() < 0.08
    # What is left of one contrast against the other is a sixth of a voxel at most.
    assert np.abs(away[:, ~weighted].mean((0, 1))).max() < 0.15
    assert not found.outlier.any()


def test_a_dark_direction_is_no_drop_out_but_a_dark_volume_is(scan):
    data, affine, mask, bvals, bvecs, shift = scan
    spoilt = int(np.flatnonzero(bvals > 0)[5])
    dark = data.copy()
    dark[..., spoilt] = 0.3 * data[..., spoilt]
    found = estimate_dwi_motion(dark, affine, mask, bvals, bvecs)
    assert found.outlier[:, spoilt].all()
    assert found.outlier.sum() == 5
    assert errors(found.shift, shift, bvals > 0)[:, 5].max() < 0.3


def test_weighted_volumes_or_the_others_may_be_missing(scan):
    *_, bvals, _, shift = scan
    for chosen in (np.flatnonzero(bvals > 0), np.flatnonzero(bvals == 0)):
        found = follow(scan, chosen)
        assert np.sqrt((errors(found.shift, shift[:, chosen]) ** 2).mean()) < 0.08
    one_of_each = [0, int(np.flatnonzero(bvals > 0)[0])]
    assert errors(follow(scan, one_of_each).shift, shift[:, one_of_each]).max() < 0.3


def test_the_mean_place_of_weighted_volumes_is_at_rest_unless_a_volume_is(scan):
    bvals = scan[3]
    assert_allclose(follow(scan).shift[:, bvals > 0].mean(axis=1), 0, atol=1e-5)
    assert_allclose(follow(scan, reference=0).shift[:, 0], 0, atol=1e-12)


def test_groups_hold_successive_volumes_of_either_kind(scan):
    bvals = scan[3]
    found = follow(scan, groups=2)
    weighted = found.shift[:, bvals > 0]
    assert_allclose(weighted[:, ::2], weighted[:, 1::2])
    assert np.ptp(found.shift, axis=1).min() > 0.3


def test_directions_and_volumes_have_to_fit(scan):
    data, affine, mask, bvals, bvecs, _ = scan
    with pytest.raises(GradientError, match="19 volumes"):
        estimate_dwi_motion(data, affine, mask, bvals[1:], bvecs[1:])
    without = bvecs.copy()
    without[4] = 0
    with pytest.raises(GradientError, match="Volume 4"):
        estimate_dwi_motion(data, affine, mask, bvals, without)
    with pytest.raises(SettingsError, match="reference"):
        follow(scan, reference=50)


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PIR"])
def test_directions_turn_back_with_the_volumes_in_any_orientation(scan, reorient, codes):
    _, affine, mask, bvals, _, _ = scan
    angle = np.radians(np.linspace(-20, 20, len(bvals)))
    turn = np.tile(np.degrees(angle), (5, 1))
    motion = replace(follow(scan), rotation=turn, turns=True)
    world = np.tile([1.0, 0.0, 0.0], (len(bvals), 1))
    # A direction that was to the right in the scanner, seen from the participant.
    expected = np.stack([np.cos(angle), -np.sin(angle), 0 * angle], -1)
    _, stored = reorient(mask, affine, codes)
    axes = stored[:3, :3] / np.linalg.norm(stored[:3, :3], axis=0)
    flip = np.diag([-1.0 if np.linalg.det(axes) > 0 else 1.0, 1, 1])
    turned = rotate_bvecs(world @ axes @ flip, stored, motion)
    assert_allclose(turned @ flip @ axes.T, expected, atol=1e-12)


def test_directions_stay_where_nothing_turned(scan):
    assert_allclose(rotate_bvecs(scan[4], scan[1], follow(scan)), scan[4])
