import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.cord_frame import make_frame
from sctflow.core.template.shape import measure_shape
from sctflow.errors import SegmentationError

SPACING = 0.4


def _ellipse(turn_degrees, *, a=6.0, b=4.0, height=40):
    """A straight elliptical cord, its left end turned to the front; soft edges."""
    n = 60
    x, y = np.meshgrid(*[SPACING * (np.arange(n) - n / 2)] * 2, indexing="ij")
    angle = -np.radians(turn_degrees)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    r = np.hypot(u / a, v / b)
    section = np.clip((1 - r) * np.sqrt(a * b) / SPACING + 0.5, 0, 1)
    mask = np.repeat(section[:, :, None], height, axis=2)
    return mask, np.diag([SPACING, SPACING, 1.0, 1.0])


def _shape(mask, affine):
    return measure_shape(make_frame(fit_centerline(mask, affine)), mask, affine)


@pytest.mark.parametrize("turn", [-20, 0, 15])
def test_an_ellipse_has_its_turn_its_axes_and_an_even_outline(turn):
    shape = _shape(*_ellipse(turn))
    middle = len(shape.s) // 2
    assert shape.turn[middle] == pytest.approx(turn, abs=1.0)  # damped a little: it is not flat
    # The standard deviation of an ellipse's area is half of its semi-axis.
    assert shape.axes[middle] == pytest.approx([3.0, 2.0], rel=0.03)
    assert shape.area[middle] == pytest.approx(np.pi * 24, rel=0.02)
    assert shape.outline[middle] == pytest.approx(np.full(64, 2.0), abs=0.06)


def test_a_round_cord_is_not_turned():
    mask, affine = _ellipse(30, a=5.0, b=5.0)
    rng = np.random.default_rng(1)
    noisy = np.clip(mask + 0.1 * (mask > 0) * rng.standard_normal(mask.shape), 0, 1)
    assert np.abs(_shape(noisy, affine).turn).max() < 5


def test_an_empty_mask_is_refused():
    mask, affine = _ellipse(0)
    frame = make_frame(fit_centerline(mask, affine))
    with pytest.raises(SegmentationError, match="empty"):
        measure_shape(frame, mask * 0, affine)
