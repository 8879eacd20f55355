"""Maps of the transmit field are brought onto an image as a factor, or refused."""

import numpy as np
import pytest

from sctflow.core.b1 import relative_field

FINE, COARSE = np.diag([1.0, 1.0, 5.0, 1.0]), np.diag([4.0, 4.0, 5.0, 1.0])
CORD = np.zeros((40, 40, 4), bool)
CORD[15:25, 15:25] = True


def ramp(scale=1.0):
    """0.8 at the left end, rising by 0.01 a mm, on voxels of 4 mm."""
    x = 4.0 * np.arange(11)
    return scale * np.broadcast_to((0.8 + 0.01 * x)[:, None, None], (11, 11, 4)).copy()


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "as a factor"), (100.0, "in percent")])
def test_the_unit_is_told_by_the_median_in_the_cord(scale, unit):
    found, told = relative_field(ramp(scale), COARSE, to_affine=FINE, cord=CORD)
    expected = np.broadcast_to((0.8 + 0.01 * np.arange(40))[:, None, None], CORD.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert told == unit


def test_what_was_not_measured_draws_its_neighbours_nowhere():
    field = ramp()
    field[:3] = 0
    field[3, 0, 0] = np.nan
    found, _ = relative_field(field, COARSE, to_affine=FINE, cord=CORD)
    known = np.isfinite(found)
    assert not known[:10].any()
    # Between what is measured and what is not, the nearest measured value counts.
    assert found[known].min() > 0.9


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (ramp(10.0), "neither a factor"),
        (ramp(1000.0), "neither a factor"),
        (np.zeros((11, 11, 4)), "less than half"),
    ],
)
def test_what_is_no_such_field_is_refused(field, said):
    with pytest.raises(ValueError, match=said):
        relative_field(field, COARSE, to_affine=FINE, cord=CORD)


def test_a_map_of_another_place_is_refused():
    elsewhere = COARSE.copy()
    elsewhere[2, 3] = 100
    with pytest.raises(ValueError, match="less than half"):
        relative_field(ramp(), elsewhere, to_affine=FINE, cord=CORD)
