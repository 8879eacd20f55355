from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.diffusion import (
    dwi_table,
    fa_md,
    gradient_table,
    spread_directions,
    tensor,
)
from sctflow.core.phantom.tissues import make_tissues

TISSUES = make_tissues()
TILTED = np.array([0.1, 0.4, 0.9])
TILTED = TILTED / np.linalg.norm(TILTED)


def test_white_matter_diffuses_along_the_cord_however_it_tilts():
    for code in (0, 17, 150):
        values, axes = np.linalg.eigh(tensor(TISSUES, TILTED)[code])
        assert_allclose(values, [TISSUES.rd[code]] * 2 + [TISSUES.ad[code]])
        assert abs(axes[:, 2] @ TILTED) == pytest.approx(1)


def test_neither_length_nor_sign_of_the_tangent_matters():
    assert_allclose(tensor(TISSUES, -3 * TILTED), tensor(TISSUES, TILTED), atol=1e-12)


def test_the_tensor_is_found_again_from_the_signal():
    bvals, bvecs = gradient_table(3, {800: 30}, seed=4)
    left = dwi_table(TISSUES, bvals, bvecs, TILTED)
    weighted = bvals > 0
    x, y, z = bvecs[weighted].T
    design = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
    found = np.linalg.lstsq(design, -np.log(left[:, weighted].T) / 0.8, rcond=None)[0]
    d = tensor(TISSUES, TILTED)
    expected = np.stack([d[:, i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))])
    assert_allclose(found, expected, atol=1e-9)
    assert_array_equal(left[:, ~weighted], 1)


def test_fluid_loses_its_signal_alike_in_all_directions_and_fat_hardly_any():
    bvals, bvecs = gradient_table(0, {1000: 20})
    left = dwi_table(TISSUES, bvals, bvecs, TILTED)
    assert_allclose(left[Tissue.CSF], np.exp(-3.0))
    assert (left[Tissue.FAT] > 0.85).all()


def test_anisotropy_of_known_tensors():
    fa, md = fa_md(np.array([1.0, 2.0, 1.7]), np.array([1.0, 0.0, 0.2]))
    assert_allclose(fa[:2], [0, 1])
    assert_allclose(md, [1, 2 / 3, 0.7])
    # By the definition over three eigenvalues.
    values = np.array([1.7, 0.2, 0.2])
    spread = np.sqrt(1.5 * ((values - 0.7) ** 2).sum() / (values**2).sum())
    assert fa[2] == pytest.approx(spread)


@pytest.mark.parametrize(("n", "expected"), [(3, 90.0), (6, 63.43)])
def test_few_directions_spread_as_far_as_they_can(n: int, expected: float):
    # Three axes are perpendicular, six are those of the icosahedron.
    axes = spread_directions(n, np.random.default_rng(0))
    angles = np.degrees(np.arccos(np.clip(np.abs(axes @ axes.T), 0, 1)))
    assert_allclose(angles[~np.eye(n, dtype=bool)], expected, atol=0.5)


@pytest.mark.parametrize("seed", range(3))
def test_thirty_directions_leave_no_gap(seed: int):
    axes = spread_directions(30, np.random.default_rng(seed))
    assert_allclose(np.linalg.norm(axes, axis=1), 1)
    angles = np.degrees(np.arccos(np.clip(np.abs(axes @ axes.T) - 2 * np.eye(30), -1, 1)))
    # 24 to 26 degrees is what the repulsion reaches for 30 axes; random ones come within 5.
    assert angles.min() > 22


def test_shells_are_complete_and_volumes_without_weighting_are_spread_over_time():
    bvals, bvecs = gradient_table(4, {500: 12, 1000: 24}, seed=1)
    assert {b: int((bvals == b).sum()) for b in (0, 500, 1000)} == {0: 4, 500: 12, 1000: 24}
    plain = np.flatnonzero(bvals == 0)
    assert plain[0] == 0
    assert_array_equal(np.diff(plain), 10)
    assert_array_equal(bvecs[plain], 0)
    assert_allclose(np.linalg.norm(bvecs[bvals > 0], axis=1), 1)
    assert len(np.unique(bvals[1:12])) > 1


def test_the_same_seed_gives_the_same_directions():
    first, second, other = (gradient_table(1, {800: 12}, seed=s)[1] for s in (5, 5, 6))
    assert_array_equal(first, second)
    assert not np.allclose(first, other)
