"""Time of the centreline and of all metrics for a 1 mm T2w of 55 slices."""

from __future__ import annotations

import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.morphometry import measure_slices


@pytest.fixture(scope="module")
def cord() -> tuple[np.ndarray, np.ndarray]:
    """A leaning, turned cord of 13 x 8 mm in a volume of 60 x 52 x 55 voxels of 1 mm."""
    i, j, k = np.indices((60, 52, 55))
    x, y = i - 30 - 0.1 * (k - 27), j - 26 + 0.2 * (k - 27)
    turned = (0.98 * x - 0.2 * y) / 6.5, (0.2 * x + 0.98 * y) / 4
    return (np.hypot(*turned) <= 1).astype(np.uint8), np.eye(4)


def test_centerline(benchmark, cord):
    assert len(benchmark(fit_centerline, *cord)) == 55


def test_all_metrics_of_55_slices(benchmark, cord):
    assert benchmark(measure_slices, *cord).notna().all(axis=None)


def test_all_metrics_of_385_slices(benchmark, cord):
    mask, affine = cord
    long = np.repeat(np.repeat(np.repeat(mask, 2, 0), 2, 1), 7, 2)[:, :, :385]
    fine = affine @ np.diag([0.5, 0.5, 1 / 7, 1])
    assert benchmark(measure_slices, long, fine).notna().all(axis=None)
