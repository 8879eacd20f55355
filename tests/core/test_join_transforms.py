"""Transforms that go the wrong way are turned round within a chain; points go against it."""

import numpy as np
import pytest
from scipy import ndimage

from sctflow.core.transforms import (
    Affine,
    DisplacementField,
    invert_points,
    join_chains,
    map_points,
    points_back,
)

SHAPE = (32, 28, 36)
GRID = np.diag([1.0, 1.0, 1.0, 1.0])
GRID[:3, 3] = -16, -14, -18


def wavy(seed, size=3.0):
    """A smooth field of a few millimetres that does not fold, larger than the grid in use."""
    rng = np.random.default_rng(seed)
    shape, affine = tuple(n + 40 for n in SHAPE), GRID.copy()
    affine[:3, 3] -= 20
    noise = ndimage.gaussian_filter(rng.normal(size=(*shape, 3)), (8, 8, 8, 0))
    return DisplacementField(noise * size / np.abs(noise).max(), affine)


def turned(degrees, shift):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:2, :2] = [[cos, -sin], [sin, cos]]
    matrix[:3, 3] = shift
    return Affine(matrix)


def inner_points(margin=6):
    voxels = np.moveaxis(np.indices(SHAPE), 0, -1)[(slice(margin, -margin),) * 3]
    return voxels.reshape(-1, 3) + GRID[:3, 3]


CASES = {
    "a field": [("f", True)],
    "an affine": [("a", True)],
    "a field after an affine": [("a", False), ("f", True)],
    "a field after a field": [("g", False), ("f", True)],
    "a composite": [("af", True)],
    "all": [("g", True), ("a", True), ("f", False)],
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_inverted_is_undone(case):
    known = {"a": [turned(10, (1, -2, 3))], "f": [wavy(0)], "g": [wavy(1)]}
    known["af"] = known["a"] + known["f"]
    parts = [(known[name], inverted) for name, inverted in CASES[case]]
    chain, folded = join_chains(parts, affine=GRID, shape=SHAPE)
    assert folded == [0] * len(parts)
    start = inner_points()
    end = map_points(start, chain)
    # Back through the parts the other way round, each the way that it is written.
    for part, inverted in reversed(parts):
        if inverted:
            end = map_points(end, part)
        else:
            end, found = points_back(end, part, affine=known["f"][0].affine, shape=(72, 68, 76))
            assert found.all()
    # A field that comes second, either here or on the way back, is interpolated between voxels.
    np.testing.assert_allclose(end, start, atol=2e-3 if len(parts) == 1 else 0.02)


def test_nothing_to_invert_changes_nothing():
    field, affine = wavy(0), turned(5, (0, 0, 1))
    chain, folded = join_chains([([field, affine], False)], affine=GRID, shape=SHAPE)
    assert chain == [field, affine]
    assert folded == [0]


def test_folds_are_counted():
    vectors = np.zeros((*SHAPE, 3))
    vectors[..., 0] = -2.5 * np.abs(np.arange(SHAPE[0]) - 16)[:, None, None]
    _, folded = join_chains(
        [([turned(0, (0, 0, 0))], False), ([DisplacementField(vectors, GRID)], True)],
        affine=GRID, shape=SHAPE,
    )  # fmt: skip
    assert folded[0] == 0
    # Points with x > 0 come from nowhere: all go to the left of the fold.
    assert folded[1] > np.prod(SHAPE) / 4


def test_points_go_back_to_where_a_field_takes_them_from():
    field = wavy(2)
    start = inner_points()[::50] + 0.3
    back, found = invert_points(field, field.map_points(start))
    assert found.all()
    np.testing.assert_allclose(back, start, atol=2e-3)
    _, found = invert_points(field, np.array([[300.0, 0.0, 0.0]]))
    assert not found.any()
