"""Masks grown within their slices."""

import numpy as np
from numpy.testing import assert_array_equal

from sctflow.core.mask import grow_in_slices


def test_a_mask_grows_by_millimetres_in_its_slices_only():
    mask = np.zeros((21, 21, 3), np.uint8)
    mask[10, 10, 1] = 1
    affine = np.diag([-0.5, 1.0, 5.0, 1.0])
    grown = grow_in_slices(mask, affine, 3.0)
    x, y = np.meshgrid(0.5 * (np.arange(21) - 10), np.arange(21) - 10.0, indexing="ij")
    assert_array_equal(grown[:, :, 1], np.hypot(x, y) <= 3.0)
    assert not grown[:, :, [0, 2]].any()
    # Whatever the order of the axes.
    turned = grow_in_slices(mask.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]], 3.0)
    assert_array_equal(turned.transpose(1, 2, 0), grown)


def test_an_empty_mask_stays_empty():
    assert not grow_in_slices(np.zeros((4, 4, 2)), np.eye(4), 2.0).any()
