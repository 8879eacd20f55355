"""The registration of subjects that were made from the template by a known map."""

import numpy as np
import pytest

from sctflow.core.transforms import compose, field_grid, jacobian_determinant

BENT = {"bend": 1 / 60, "turn": 15, "squeeze": 0.3, "tilt": 10}
FINE, USUAL, THICK = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.7, 0.7, 5.0)

# A binary mask tells the outline of a straight cord to about a sixth of its voxel, in the same way
# in every slice: 0.16 mm for voxels of 1 mm, whatever is made of it.
TOLERANCE = {FINE: 0.11, USUAL: 0.18, THICK: 0.16}


@pytest.mark.parametrize(
    "how",
    [{"turn": 15}, {"squeeze": 0.3}, {"tilt": 15}, BENT],
    ids=["turn", "squeeze", "tilt", "all"],
)
@pytest.mark.parametrize("spacing", [FINE, USUAL, THICK], ids=["fine", "usual", "thick"])
def test_a_known_map_is_found(known, straight, how, spacing):
    space, mask, affine = straight
    truth = known.Known(**how)
    across, along, _ = known.errors(truth, space, *known.subject(truth, mask, affine, spacing))
    assert across < TOLERANCE[spacing]
    assert along < 0.1  # mm, with all discs; the aim is 0.3


def test_between_two_labels_levels_follow_the_usual_heights(known, straight):
    # The subject's vertebrae are up to 8 % higher or lower than the template's.
    space, mask, affine = straight
    truth = known.Known(**BENT, size=1.08)
    found = known.errors(truth, space, *known.subject(truth, mask, affine), values=[3, 6])
    assert found[1] < 0.8


def test_what_moves_inside_the_cord_leaves_a_small_error(known, straight):
    # Stirred by 0.6 mm, which a mask hardly shows: the map is wrong by no more than that stir.
    space, mask, affine = straight
    truth = known.Known(**BENT, inner=0.6)
    across, _, _ = known.errors(truth, space, *known.subject(truth, mask, affine))
    assert across < 0.40


def test_there_and_back_through_fields(known, straight):
    space, mask, affine = straight
    truth = known.Known(**BENT)
    cord, to_affine, discs = known.subject(truth, mask, affine)
    *_, found = known.errors(truth, space, cord, to_affine, discs)
    there = compose([found], **_grid(to_affine, cord.shape))
    back = compose([found.inverse()], **_grid(affine, mask.shape))
    points = np.argwhere(cord) @ to_affine[:3, :3].T + to_affine[:3, 3]
    away = np.linalg.norm(back.map_points(there.map_points(points)) - points, axis=1)
    assert np.percentile(away, 95) < 0.06
    assert away.max() < 0.5


def _grid(affine, shape):
    affine, shape = field_grid(affine, shape, spacing_mm=1.0)
    return {"affine": affine, "shape": shape}


def test_the_map_and_its_inverse_agree(known, straight):
    space, mask, affine = straight
    truth = known.Known(**BENT)
    *_, found = known.errors(truth, space, *known.subject(truth, mask, affine))
    points = np.random.default_rng(0).uniform([-15, -15, 5], [15, 15, 120], (4000, 3))
    there_and_back = found.map_points(found.inverse().map_points(points))
    # Three coordinates, each solved to 0.001 mm, where the map is at most twice as steep.
    assert np.abs(there_and_back - points).max() < 0.004


def test_nothing_folds_within_20_mm(known, straight):
    space, mask, affine = straight
    truth = known.Known(bend=1 / 60, turn=15, squeeze=0.3)
    cord, to_affine, discs = known.subject(truth, mask, affine)
    *_, found = known.errors(truth, space, cord, to_affine, discs)
    # A grid of 1 mm about the cord, wider than its image.
    start = to_affine.copy()
    start[:2, 3] -= 10
    shape = np.array(cord.shape) + np.array([20, 20, 0])
    field = compose([found], affine=start, shape=shape)
    points = np.moveaxis(np.indices(field.shape), 0, -1) @ start[:3, :3].T + start[:3, 3]
    uvs = found.subject.from_world(points)
    near = np.hypot(uvs[..., 0], uvs[..., 1]) < 20
    assert near.sum() > 100_000
    assert jacobian_determinant(field)[near].min() > 0


def test_far_from_the_cord_only_place_and_turn_are_left(known, straight):
    space, mask, affine = straight
    truth = known.Known(squeeze=0.3)
    *_, found = known.errors(truth, space, *known.subject(truth, mask, affine))
    # Beside the squeeze, 34 and 36 mm to the right: 2 mm apart in the template too, up to
    # what a Gaussian of 10 mm leaves there, a thousandth of the change by a third.
    pair = truth.curve.to_world(np.array([[34.0, 0.0, 70.0], [36.0, 0.0, 70.0]]))
    there = found.map_points(pair)
    assert np.linalg.norm(there[1] - there[0]) == pytest.approx(2.0, abs=0.02)
