"""Images of one session are brought together around the cord, and where there is none, left."""

import numpy as np
import pytest

from sctflow.core.registration import ImageData
from sctflow.core.registration.around_cord import NOT_MOVED, register_around_cord

SHAPE, ZOOM = (52, 48, 12), 0.9
AFFINE = np.diag([ZOOM, ZOOM, 5.0, 1.0])
MIDDLE = (23.0, 21.0)


def bend(k):
    """Shift of the slices in mm: a parabola along the cord."""
    z = (np.asarray(k) - 5.5) / 5.5
    return np.stack([0.8 + 0.4 * z - 0.5 * z**2, -0.6 + 0.7 * z + 0.3 * z**2], axis=-1)


def scene(shift, *, cord, fluid, rng):
    """A cord in fluid, of known brightness, in slices that are shifted."""
    i, j, k = np.indices(SHAPE)
    x, y = ((axis * ZOOM - middle) for axis, middle in zip((i, j), MIDDLE, strict=True))
    x, y = x - shift[k, 0], y - shift[k, 1]

    def inside(width, depth):
        return 1 / (1 + np.exp((np.hypot(x / width, y / depth) - 1) / 0.08))

    image = 120 + (fluid - 120) * inside(11, 8) + (cord - fluid) * inside(6.5, 4.5)
    return image + rng.normal(0, 3, SHAPE)


@pytest.fixture(params=[(190, 260), (260, 180)], ids=["alike", "turned round"])
def pair(request):
    """With pulse: dark cord in bright fluid. Without: another contrast, and all is bent."""
    cord, fluid = request.param
    rng, still = np.random.default_rng(0), np.zeros((SHAPE[2], 2))
    fixed = scene(still, cord=100, fluid=250, rng=rng)
    moving = scene(bend(np.arange(SHAPE[2])), cord=cord, fluid=fluid, rng=rng)
    x, y = (np.arange(n) * ZOOM - m for n, m in zip(SHAPE[:2], MIDDLE, strict=True))
    cord = np.hypot(x[:, None] / 6.5, y / 4.5) < 1
    return fixed, moving, np.repeat(cord[..., None], SHAPE[2], axis=2)


def errors(found):
    """How far the middle of each slice is from where it belongs, mm."""
    centers = np.array([(*MIDDLE, 5.0 * k) for k in range(SHAPE[2])])
    moved = centers
    for transform in found.forward:
        moved = transform.map_points(moved)
    wanted = centers[:, :2] + bend(np.arange(SHAPE[2]))
    return np.linalg.norm(moved[:, :2] - wanted, axis=1)


def test_a_bend_of_a_millimetre_is_undone(pair):
    fixed, moving, cord = pair
    found, shift = register_around_cord(ImageData(AFFINE, fixed), ImageData(AFFINE, moving), cord)
    # A tenth of a voxel: the noise is a fiftieth of the contrast.
    assert errors(found).max() < 0.1
    expected = np.sqrt((bend(np.arange(SHAPE[2])) ** 2).sum(1).mean())
    assert shift == pytest.approx(expected, abs=0.1)


def test_what_moves_far_from_the_cord_does_not_count(pair):
    fixed, moving, cord = pair
    rng = np.random.default_rng(1)
    far = np.hypot(*(np.indices(SHAPE)[:2] * ZOOM - np.reshape(MIDDLE, (2, 1, 1, 1)))) > 20
    spoilt = np.where(far, rng.normal(0, 500, SHAPE), moving)
    found, _ = register_around_cord(ImageData(AFFINE, fixed), ImageData(AFFINE, spoilt), cord)
    # What is beyond the 17.5 mm reaches in through the smoothing of the first level, 4 mm.
    assert errors(found).max() < 0.15


def test_without_a_cord_images_stay_where_their_headers_place_them(pair):
    fixed, moving, cord = pair
    found, shift = register_around_cord(
        ImageData(AFFINE, fixed), ImageData(AFFINE, moving), np.zeros_like(cord)
    )
    assert found.forward == ()
    assert found.warnings == [NOT_MOVED]
    assert shift == 0
