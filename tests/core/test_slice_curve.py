import numpy as np
import pytest

from sctflow.core.cord_curve import STEP, CordCurve
from sctflow.core.slice_curve import cut_by_slices


def _leaning(degrees):
    """A straight line that leans forwards."""
    t = np.array([0.0, np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    s = STEP * np.arange(201)
    return CordCurve(0.0, s[:, None] * t, np.tile(t, (201, 1)))


def test_points_of_a_slice_belong_to_one_place_along_the_cord():
    curve = cut_by_slices(_leaning(20), np.eye(3))
    points = np.array([[0.0, 0.0, 30.0], [8.0, -5.0, 30.0], [-3.0, 12.0, 30.0]])
    uvs, _ = curve.from_world(points)
    assert uvs[:, 2] == pytest.approx(np.full(3, 30 / np.cos(np.radians(20))))
    # In-plane distances are the image's, not foreshortened.
    assert uvs[1, :2] - uvs[0, :2] == pytest.approx([8.0, -5.0])


@pytest.mark.parametrize("z", [-20.0, 40.0, 120.0])
def test_there_and_back_also_beyond_the_ends(z):
    curve = cut_by_slices(_leaning(20), np.eye(3))
    point = np.array([[4.0, 7.0, z]])
    assert curve.to_world(curve.from_world(point)[0]) == pytest.approx(point, abs=1e-9)


def test_a_cord_along_the_slices_is_refused():
    with pytest.raises(ValueError, match="along the slices"):
        cut_by_slices(_leaning(85), np.eye(3))
