"""Fields of view are where an operator would put them."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.phantom.anatomy import make_anatomy
from sctflow.core.phantom.grids import axial_grid, sagittal_grid

PERSON = make_anatomy()


def test_a_sagittal_slab_reaches_from_level_to_level():
    shape, affine = sagittal_grid(PERSON, 2.0, 9.0, zoom=0.8, thickness=1.5)
    assert nib.aff2axcodes(affine) == ("P", "S", "R")
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), [0.8, 0.8, 1.5])
    ends = [affine[2, 3] + edge * affine[2, 1] for edge in (-0.5, shape[1] - 0.5)]
    levels = PERSON.levels
    expected = [PERSON.curve.at(levels.position(level))[0][2] for level in (9.0, 2.0)]
    np.testing.assert_allclose(ends, expected, atol=0.8)


@pytest.mark.parametrize("perpendicular", [True, False])
def test_an_axial_stack_holds_the_cord_and_crosses_it_squarely(perpendicular):
    shape, affine = axial_grid(PERSON, 6.0, 8.0, perpendicular=perpendicular)
    assert nib.aff2axcodes(affine) == ("L", "A", "S")
    s = PERSON.levels.position(7.0)
    middle = np.linalg.solve(affine[:3, :3], PERSON.curve.at(s)[0] - affine[:3, 3])
    np.testing.assert_allclose(middle, (np.array(shape) - 1) / 2, atol=1.5)
    cosine = PERSON.curve.axes(s)[2] @ affine[:3, 2] / 5.0
    assert (cosine > np.cos(np.deg2rad(3))) == perpendicular
