from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.gradients import GradientError, check_gradients, find_shells
from sctflow.core.phantom.diffusion import gradient_table

BVALS, BVECS = gradient_table(3, {800: 12, 2000: 10}, seed=1)
N = len(BVALS)


def check(bvals=BVALS, bvecs=BVECS.T, n=N, **more):
    return check_gradients(bvals, bvecs, n, bval_name="a.bval", bvec_name="a.bvec", **more)


def test_a_good_table_is_taken_as_it_is():
    gradients, warnings = check()
    assert warnings == []
    assert_array_equal(gradients.bvals, BVALS)
    assert_allclose(gradients.bvecs, BVECS, atol=1e-12)
    assert_array_equal(gradients.is_b0(), BVALS == 0)


def test_a_transposed_table_is_turned_and_that_is_told():
    gradients, warnings = check(bvals=BVALS[:, None], bvecs=BVECS)
    assert_allclose(gradients.bvecs, BVECS, atol=1e-12)
    assert len(warnings) == 1
    assert "a.bvec is transposed" in warnings[0]


def test_three_volumes_are_read_as_fsl_writes_them():
    bvals, bvecs = np.array([0.0, 700, 700]), np.array([[0, 0, 1], [0, 1, 0], [0, 0, 0.0]])
    gradients, _ = check(bvals, bvecs, 3)
    assert_array_equal(gradients.bvecs, bvecs.T)


def test_directions_are_brought_to_unit_length_and_that_is_told_beyond_rounding():
    rounded, warnings = check(bvecs=np.round(BVECS.T, 2))
    assert warnings == []
    long, told = check(bvecs=BVECS.T * np.where(np.arange(N) < 5, 1.3, 1.0))
    for gradients in (rounded, long):
        length = np.linalg.norm(gradients.bvecs, axis=1)
        assert_allclose(length[BVALS > 0], 1)
    assert_allclose(long.bvecs, BVECS, atol=1e-12)
    assert "4 directions had lengths from 1.3 to 1.3" in told[0]


def test_directions_of_b0_may_be_missing():
    bvecs = BVECS.T.copy()
    bvecs[:, 0] = np.nan
    gradients, warnings = check(bvecs=bvecs)
    assert_array_equal(gradients.bvecs[0], 0)
    assert "set to 0" in warnings[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": N + 1}, f"series has {N + 1} volumes, but a.bval has {N} b-values"),
        ({"bvals": BVALS[1:]}, f"a.bval has {N - 1} b-values and a.bvec {N} directions"),
        ({"bvecs": BVECS.T[:, 1:]}, f"a.bvec {N - 1} directions"),
        ({"bvecs": BVECS.T[:2]}, f"a.bvec: directions need three rows .* this is 2 x {N}"),
        ({"bvals": np.where(np.arange(N) == 4, np.nan, BVALS)}, "volume 4 has a b-value"),
        ({"bvals": BVALS - 1}, "negative or not a number"),
        ({"bvals": BVALS + 300}, "no volume has b = 0 .* lowest has 300"),
        ({"bvals": BVALS / 1000}, r"no volume has diffusion weighting .* Are the values in s/mm²"),
        ({"bvecs": np.where(np.arange(N) == 2, 0, BVECS.T)}, "volume 2 has .* no direction"),
        ({"bvecs": np.where(np.arange(N) > N - 3, np.nan, BVECS.T)}, "volumes .* no direction"),
    ],
)
def test_what_cannot_be_right_is_refused(change, message):
    assert BVALS[2] > 0
    with pytest.raises(GradientError, match=message):
        check(**change)


def test_shells_are_told_apart_where_b_values_scatter():
    scattered = BVALS + np.where(BVALS > 0, np.random.default_rng(0).uniform(-30, 30, N), 4)
    shells = find_shells(scattered)
    assert [round(shell.bval, -2) for shell in shells] == [800, 2000]
    for shell, b in zip(shells, (800, 2000), strict=True):
        assert_array_equal(shell.volumes, np.flatnonzero(b == BVALS))
    assert find_shells(np.zeros(4)) == []


def test_a_series_without_b0_may_be_taken_with_a_warning():
    weighted = BVALS > 0
    gradients, warnings = check(
        BVALS[weighted], BVECS.T[:, weighted], int(weighted.sum()), b0_needed=False
    )
    assert not gradients.is_b0().any()
    assert "no volume has b = 0" in warnings[0]
