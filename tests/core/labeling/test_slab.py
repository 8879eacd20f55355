"""The slab along the cord: where its pixels lie, and what they hold."""

import numpy as np
import pytest

from sctflow.core.centerline import Centerline, fit_centerline
from sctflow.core.labeling.slab import (
    BACK_MM,
    bend_path,
    forward_mm,
    path_along,
    sample_slab,
)

torch = pytest.importorskip("torch")


def turned(angle: float) -> np.ndarray:
    """Affine of 1.25 mm voxels turned about the x axis, and flipped as scanners store them."""
    c, s = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1], [-c, -s, 0], [-s, c, 0]]) * 1.25
    affine[:3, 3] = -20.0, 40.0, -30.0
    return affine


def curved_line() -> Centerline:
    """A cord that leans to the front and to the side as it goes up."""
    z = np.arange(-20.0, 21.0)
    points = np.stack([0.002 * (z + 20) ** 2, 0.004 * (z + 20) ** 2, z], -1)
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1)[:, None]
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return Centerline(points, tangents, length, np.arange(41), np.ones(41, bool))


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_a_linear_image_is_sampled_where_the_pixels_say_they_are(angle):
    """Linear interpolation is exact for it; the two sides average to the middle."""
    affine, shape = turned(angle), (80, 70, 40)
    world = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    image = world @ np.array([0.3, -0.7, 1.1])
    slab = sample_slab(image, affine, path_along(curved_line(), shape, affine))
    rows, columns = np.nonzero(slab.seen)
    expected = slab.to_world(rows, columns) @ np.array([0.3, -0.7, 1.1])
    # A pixel straddling the edge of the view is half made of what continues the last voxel.
    inner = (rows > rows.min() + 2) & (rows < rows.max() - 2)
    inner &= (columns > columns.min() + 2) & (columns < columns.max() - 2)
    difference = np.abs(slab.planes[1][rows, columns] - expected)[inner]
    assert np.quantile(difference, 0.95) < 1e-3
    sides = 0.5 * (slab.planes[0] + slab.planes[2])[rows, columns]
    assert np.quantile(np.abs(sides - expected)[inner], 0.95) < 0.05


def test_the_middle_column_is_the_cord_and_columns_go_forward():
    """Arc length and place are the centreline's."""
    line = curved_line()
    shape, affine = (80, 70, 40), turned(0.0)
    slab = sample_slab(np.zeros(shape), affine, path_along(line, shape, affine))
    middle = -BACK_MM - 0.5
    rows = np.interp(line.arc_length[5:-5], slab.path.s, np.arange(len(slab.path.s)))
    found = slab.to_world(rows, np.full(len(rows), middle))
    assert np.abs(found - line.points[5:-5]).max() < 0.02
    ahead = slab.to_world(rows, np.full(len(rows), middle + 10)) - found
    assert np.allclose(np.linalg.norm(ahead, axis=1), 10, atol=0.01)
    assert (ahead[:, 1] > 9).all()
    assert forward_mm(middle) == 0


def test_beyond_the_ends_the_path_goes_straight_on():
    """Rows above and below the cord lie on one line each, 1 mm apart."""
    line = curved_line()
    shape, affine = (160, 160, 60), turned(0.0)
    path = path_along(line, shape, affine)
    below = path.points[path.s < -1]
    steps = np.diff(below, axis=0)
    assert len(below) > 5
    assert np.allclose(steps, steps[0], atol=1e-6)
    assert np.allclose(np.linalg.norm(steps, axis=1), 1, atol=1e-6)


def test_a_cord_of_one_slice_gives_a_path():
    """It goes straight up and down."""
    mask = np.zeros((20, 20, 9))
    mask[10, 10, 4] = 1
    path = path_along(fit_centerline(mask, np.eye(4)), mask.shape, np.eye(4))
    assert np.ptp(path.points[:, :2]) == pytest.approx(0, abs=1e-9)
    assert len(path.points) > 9


def test_a_bent_path_passes_through_its_guides_and_leaves_the_cord_alone():
    """Points below the cord, 20 mm to the back at the end."""
    line = curved_line()
    shape, affine = (160, 160, 60), turned(0.0)
    path = path_along(line, shape, affine)
    guides = np.array([[0.0, -4.0, -45.0], [0.0, -20.0, -75.0]])
    bent = bend_path(path, guides, 0.0, shape, affine)
    for guide in guides:
        assert np.linalg.norm(bent.points - guide, axis=1).min() < 0.75
    old, new = path.s >= 0, bent.s >= 0
    both = min(old.sum(), new.sum())
    assert np.allclose(path.points[old][:both], bent.points[new][:both], atol=0.51)
    assert np.allclose(np.linalg.norm(np.diff(bent.points, axis=0), axis=1), 1, atol=0.25)
