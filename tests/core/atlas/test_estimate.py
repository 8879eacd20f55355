"""Estimates of all regions from one system agree with one system per region."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.atlas.estimate import maximum_a_posteriori, maximum_likelihood

MEMBERSHIP = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 1]], bool)
CLUSTERS = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], bool)


def partial_volumes(rng, voxels=60):
    parts = rng.dirichlet(np.full(6, 0.4), voxels)
    return np.round(parts, 3)


@pytest.fixture
def groups():
    """Three groups of voxels: well filled, without region 1, and with regions in one voxel."""
    rng = np.random.default_rng(3)
    full, lacking, shared = (partial_volumes(rng) for _ in range(3))
    lacking[:, 1] = 0
    shared[:, 3:5] = 0
    shared[7, 3:5] = 0.4, 0.2
    parts = [full, lacking, shared]
    maps = [x @ [3.0, 1, 4, 1, 5, 9] + rng.normal(size=len(x)) for x in parts]
    gram = np.stack([x.T @ x for x in parts])
    moment = np.stack([x.T @ y for x, y in zip(parts, maps, strict=True)])
    return parts, maps, gram, moment


def summed(x, members):
    return np.column_stack([x[:, members].sum(axis=1), x[:, ~members]])


def test_single_regions_have_the_least_squares_solution(groups):
    parts, maps, gram, moment = groups
    found = maximum_likelihood(gram, moment, MEMBERSHIP)
    for row, x, y in zip(found, parts, maps, strict=True):
        assert_allclose(row[:6], np.linalg.pinv(x) @ y, rtol=1e-7, atol=1e-9)


def test_a_combined_region_has_that_of_its_columns_summed_beside_the_others(groups):
    parts, maps, gram, moment = groups
    found = maximum_likelihood(gram, moment, MEMBERSHIP)
    for row, x, y in zip(found, parts, maps, strict=True):
        for value, members in zip(row[6:], MEMBERSHIP.T, strict=True):
            expected = np.linalg.pinv(summed(x, members)) @ y
            assert value == pytest.approx(expected[0], rel=1e-7)


def map_by_its_definition(x, y, clusters):
    """β₀ + (X'X + I)⁻¹ X'(y − X β₀), with one column per region and one of clusters each."""
    prior = clusters @ (np.linalg.pinv(x @ clusters) @ y)
    return prior + np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (y - x @ prior))


def test_map_is_its_definition(groups):
    parts, maps, gram, moment = groups
    found = maximum_a_posteriori(gram, moment, MEMBERSHIP, CLUSTERS)
    for row, x, y in zip(found, parts, maps, strict=True):
        assert_allclose(row[:6], map_by_its_definition(x, y, CLUSTERS.astype(float)), rtol=1e-9)


@pytest.mark.parametrize(
    ("region", "clusters"),
    [
        # Within the first cluster.
        (0, [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]),
        # Across the first two, and across the last two: they become one.
        (1, [[1, 0], [1, 0], [0, 1]]),
        (2, [[1, 0], [0, 1], [0, 1], [0, 1]]),
    ],
)
def test_map_of_a_combined_region_is_that_of_its_columns_summed(groups, region, clusters):
    parts, maps, gram, moment = groups
    members = MEMBERSHIP[:, region]
    found = maximum_a_posteriori(gram, moment, MEMBERSHIP, CLUSTERS)[:, 6 + region]
    for value, x, y in zip(found, parts, maps, strict=True):
        expected = map_by_its_definition(summed(x, members), y, np.array(clusters, float))
        assert value == pytest.approx(expected[0], rel=1e-9)


def test_without_noise_both_give_what_the_regions_have():
    rng = np.random.default_rng(0)
    x = partial_volumes(rng)
    truth = np.array([3.0, 3, 3, 7, 7, 11])
    gram, moment = (x.T @ x)[None], (x.T @ (x @ truth))[None]
    assert_allclose(maximum_likelihood(gram, moment, MEMBERSHIP)[0, :6], truth)
    # Regions of a cluster are alike here, so that nothing is drawn anywhere.
    assert_allclose(maximum_a_posteriori(gram, moment, MEMBERSHIP, CLUSTERS)[0, :6], truth)
