"""Points are found, drawn, edited and refused as a person who placed them would expect."""

import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.label_values import disc_name
from sctflow.core.labels import (
    LabelError,
    bodies_from_discs,
    draw_points,
    keep_values,
    make_points,
    middle_point,
    points_at,
    read_points,
    remove_values,
)

SHAPE = (20, 30, 40)
# Stored as scanners do, oblique by 20 degrees, with voxels of 0.8 x 1 x 2 mm.
TURN = np.deg2rad(20.0)
AFFINE = np.array(
    [
        [0, 0, 2.0, -15.0],
        [-0.8 * np.cos(TURN), -np.sin(TURN), 0, 40.0],
        [-0.8 * np.sin(TURN), np.cos(TURN), 0, -10.0],
        [0, 0, 0, 1.0],
    ]
)
PLACES = {3: (5, 26, 20), 4: (6, 15, 21), 5: (7, 3, 20)}


def drawn(places=PLACES):
    image = np.zeros(SHAPE, np.uint8)
    for value, voxel in places.items():
        image[voxel] = value
    return image


def test_points_are_read_where_they_were_drawn():
    points, warnings = read_points(drawn(), AFFINE, name="discs")
    assert warnings == []
    assert points.values.tolist() == [3, 4, 5]
    np.testing.assert_array_equal(points.voxels, list(PLACES.values()))
    homogeneous = np.column_stack([points.voxels, np.ones(3)])
    np.testing.assert_allclose(points.world, (homogeneous @ AFFINE.T)[:, :3])
    np.testing.assert_array_equal(draw_points(points, SHAPE, AFFINE, name="discs"), drawn())


def test_points_go_over_to_another_grid_through_the_world():
    points = points_at([4], np.array([[1.0, 2.0, 3.0]]), AFFINE)
    finer = np.diag([0.5, 0.5, 0.5, 1.0])
    image = draw_points(points, (9, 9, 9), finer, name="discs")
    assert np.argwhere(image).tolist() == [[2, 4, 6]]


def test_several_voxels_mark_their_centre():
    image = drawn()
    image[4:7, 26, 20] = 3
    points, warnings = read_points(image, AFFINE, name="discs")
    assert warnings == []
    assert points.voxels[0].tolist() == [5, 26, 20]


def test_a_disc_drawn_as_an_area_is_warned_about():
    image = drawn()
    image[2:18, 26, 20] = 3
    points, (warning,) = read_points(image, AFFINE, name="discs")
    assert points.voxels[0].tolist() == [9.5, 26, 20]
    assert warning.startswith("discs: disc C2/C3 (value 3) fills 16 voxels")


def test_one_value_in_two_places_is_refused_by_name():
    image = drawn()
    image[5, 4, 20] = 3
    with pytest.raises(LabelError, match=r"disc C2/C3 \(value 3\) marks 2 places"):
        read_points(image, AFFINE, name="discs")


@pytest.mark.parametrize("value", [0.5, 3.4, -3.0])
def test_values_that_are_no_labels_are_refused(value):
    image = drawn().astype(float)
    image[0, 0, 0] = value
    with pytest.raises(LabelError, match="not a whole number"):
        read_points(image, AFFINE, name="discs")


def test_an_empty_image_is_refused():
    with pytest.raises(LabelError, match="no label in it"):
        read_points(drawn({}), AFFINE, name="discs")


def test_points_given_twice_are_refused():
    with pytest.raises(LabelError, match="C3/C4"):
        make_points([4, 4, 5], np.zeros((3, 3)), AFFINE)


def test_points_are_put_in_order():
    points = make_points([5, 3], np.array([[1, 2, 3], [4, 5, 6]]), AFFINE)
    assert points.values.tolist() == [3, 5]
    assert points.voxels.tolist() == [[4, 5, 6], [1, 2, 3]]


def test_points_outside_the_image_are_refused_with_their_voxel():
    points = make_points([4, 5], np.array([[1, 2, 3], [1, 30, 3]]), AFFINE)
    with pytest.raises(LabelError, match=r"disc C4/C5 \(value 5\) at voxel 1, 30, 3"):
        draw_points(points, SHAPE, AFFINE, name="discs")


def test_points_that_share_a_voxel_are_refused():
    points = make_points([4, 5, 6], np.array([[1, 2, 3], [1, 2.3, 3], [9, 9, 9]]), AFFINE)
    with pytest.raises(LabelError, match=r"in one voxel: disc C3/C4 .*, disc C4/C5 \(value 5\)\."):
        draw_points(points, SHAPE, AFFINE, name="discs")


def test_large_values_fit_into_the_image():
    points = make_points([300], np.array([[1, 2, 3]]), AFFINE)
    assert draw_points(points, SHAPE, AFFINE, name="x").max() == 300


def test_values_are_kept_and_removed():
    assert np.unique(keep_values(drawn(), [3, 5])).tolist() == [0, 3, 5]
    assert np.unique(remove_values(drawn(), [3, 5])).tolist() == [0, 4]
    assert keep_values(drawn(), [3]).dtype == np.uint8


@pytest.mark.parametrize("edit", [keep_values, remove_values])
def test_a_value_that_is_not_there_is_refused(edit):
    with pytest.raises(LabelError, match=r"Not among the labels: 7. Values there: 3, 4, 5"):
        edit(drawn(), [3, 7])


def test_bodies_lie_between_their_discs():
    voxels = np.array([[0, 0, 40], [0, 2, 20], [0, 0, 2], [5, 5, 5]])
    bodies = bodies_from_discs(make_points([3, 4, 6, 50], voxels, np.eye(4)))
    assert bodies.values.tolist() == [3]  # C4 and C5 lack a disc
    assert bodies.world.tolist() == [[0, 1, 30]]


def test_the_middle_of_the_view_is_marked_on_the_cord(tube):
    mask, affine = tube(slope=(0.2, 0.1), shape=(40, 36, 21))
    line = fit_centerline(mask, affine)
    point = middle_point(line, mask.shape, affine, value=6)
    assert point.values.tolist() == [6]
    assert point.voxels[0, 2] == pytest.approx(10)
    np.testing.assert_allclose(point.world, line.points[[10]])
    mask[:, :, 8:] = 0
    with pytest.raises(LabelError, match="slices 0 to 7 and not the middle"):
        middle_point(fit_centerline(mask, affine), mask.shape, affine, value=6)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "top of C1 (value 1)"),
        (2, "disc C1/C2 (value 2)"),
        (8, "disc C7/T1 (value 8)"),
        (9, "disc T1/T2 (value 9)"),
        (21, "disc L1/L2 (value 21)"),
        (25, "disc L5/S1 (value 25)"),
        (50, "pontomedullary junction (value 50)"),
        (60, "conus medullaris (value 60)"),
        (77, "label with value 77"),
    ],
)
def test_values_are_called_by_their_names(value, name):
    assert disc_name(value) == name
