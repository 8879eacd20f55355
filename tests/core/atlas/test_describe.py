from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sctflow.core.atlas.describe import describe, weighted_median


def test_a_binary_region_has_the_usual_statistics():
    rng = np.random.default_rng(0)
    values, inside = rng.normal(5, 2, 101), np.zeros(101)
    inside[20:70] = 1
    found = {name: one[0] for name, one in describe(values, inside[:, None]).items()}
    chosen = values[20:70]
    assert found == {
        "size_vox": 50,
        "wa": pytest.approx(chosen.mean()),
        "bin": pytest.approx(chosen.mean()),
        "std": pytest.approx(chosen.std()),
        "median": pytest.approx(np.median(chosen)),
        "max": chosen.max(),
    }


@given(
    st.lists(
        st.tuples(st.integers(-9, 9), st.integers(0, 4)).filter(lambda pair: pair[1] > 0),
        min_size=1,
        max_size=12,
    )
)
def test_whole_weights_count_a_value_as_often(pairs):
    values, counts = (np.array(one, float) for one in zip(*pairs, strict=True))
    repeated = np.repeat(values, counts.astype(int))
    assert weighted_median(values, counts[:, None])[0] == np.median(repeated)
    found = describe(values, counts[:, None] / 4)
    assert found["wa"][0] == pytest.approx(repeated.mean(), abs=1e-12)
    assert found["std"][0] == pytest.approx(repeated.std(), abs=1e-7)


def test_only_voxels_half_filled_count_for_bin_and_max():
    found = describe(np.array([1.0, 2, 90]), np.array([[0.6], [0.5], [0.49]]))
    assert found["bin"][0] == 1.5
    assert found["max"][0] == 2


def test_a_half_that_lost_its_last_digit_is_a_half():
    half = np.float32(0.3) + np.float32(0.2) - np.float32(1e-7)
    assert describe(np.array([7.0]), np.array([[half]]))["bin"][0] == 7


def test_the_spread_of_large_values_is_not_lost():
    values = 1e8 + np.array([-1.0, 1, -1, 1])
    assert_allclose(describe(values, np.ones((4, 1)))["std"], 1)


@pytest.mark.parametrize("voxels", [0, 3])
def test_a_region_without_voxels_has_no_values(voxels):
    found = describe(np.ones(voxels), np.zeros((voxels, 1)))
    assert found.pop("size_vox")[0] == 0
    assert all(np.isnan(one[0]) for one in found.values())
