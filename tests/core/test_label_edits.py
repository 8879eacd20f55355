"""Points are typed, added, carried through transforms, redrawn and listed."""

import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.cord_frame import make_frame
from sctflow.core.label_edits import (
    add_points,
    carry_points,
    common_values,
    draw_balls,
    list_labels,
    locate_points,
    parse_places,
    parse_points,
    points_on_slices,
    renumber,
)
from sctflow.core.labels import LabelError, draw_points, make_points, points_at
from sctflow.core.transforms import Affine, DisplacementField

SHAPE = (30, 30, 40)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def test_points_are_read_as_they_are_typed():
    values, coordinates = parse_points(["1,2,3,8", "-1.5, 0 ,2e1,60"])
    assert values.tolist() == [8, 60]
    assert coordinates.tolist() == [[1, 2, 3], [-1.5, 0, 20]]
    values, slices = parse_places(["0,3", "12,4"])
    assert (values.tolist(), slices.tolist()) == ([3, 4], [0, 12])


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "1,2,x,4", "1,2,nan,4", "", "1;2;3;4"])
def test_what_is_no_point_is_refused_by_name(text):
    with pytest.raises(LabelError, match=f"'{text}' is not a point. .* x,y,z,value"):
        parse_points(["1,2,3,4", text])


def test_values_and_slices_are_whole_numbers():
    with pytest.raises(LabelError, match=r"3\.5 must be a whole number"):
        parse_points(["1,2,3,3.5"])
    with pytest.raises(LabelError, match="'1,2,3,0': 0 must be a whole number, 1 or more"):
        parse_points(["1,2,3,0"])
    with pytest.raises(LabelError, match="-1 must be a whole number, 0 or more"):
        parse_places(["-1,3"])


def test_a_point_that_is_given_again_moves():
    old = make_points([3, 4], np.array([[1, 1, 1], [2, 2, 2]]), AFFINE)
    new = make_points([4, 5], np.array([[7, 7, 7], [9, 9, 9]]), AFFINE)
    both = add_points(old, new, AFFINE)
    assert both.values.tolist() == [3, 4, 5]
    assert both.voxels.tolist() == [[1, 1, 1], [7, 7, 7], [9, 9, 9]]


def test_the_cord_is_marked_in_given_slices(tube):
    mask, affine = tube(slope=(0.2, 0.1))
    line = fit_centerline(mask, affine)
    points = points_on_slices(line, np.array([5, 3]), np.array([4, 15]), affine)
    assert points.values.tolist() == [3, 5]
    np.testing.assert_allclose(points.world, line.points[[15, 4]])
    with pytest.raises(LabelError, match=r"slices 0 to 20 .* and not slice 21"):
        points_on_slices(line, np.array([5]), np.array([21]), affine)


def test_points_go_where_the_image_goes():
    # What lies at x in the moving image is seen at x - 4 on the fixed grid.
    points = make_points([3, 4], np.array([[10, 10, 10], [6, 20, 30]]), AFFINE)
    shift = np.eye(4)
    shift[0, 3] = 4.0
    grid = {"affine": AFFINE, "shape": SHAPE}
    vectors = np.broadcast_to([4.0, 0.0, 0.0], (*SHAPE, 3))
    for chain in ([Affine(shift)], [DisplacementField(vectors, AFFINE)]):
        moved, warnings = carry_points(points, chain, name="discs", **grid)
        assert warnings == []
        np.testing.assert_allclose(moved.voxels, [[6, 10, 10], [2, 20, 30]], atol=1e-3)


def test_points_that_leave_the_field_of_view_are_named():
    points = make_points([3, 4], np.array([[10, 10, 10], [6, 20, 30]]), AFFINE)
    shift = np.eye(4)
    shift[0, 3] = 8.0
    grid = {"affine": AFFINE, "shape": SHAPE}
    moved, (warning,) = carry_points(points, [Affine(shift)], name="discs", **grid)
    assert moved.values.tolist() == [3]
    assert warning == "discs: outside the field of view of the reference: disc C3/C4 (value 4)"
    shift[0, 3] = 50.0
    with pytest.raises(LabelError, match="no point lies in the field of view"):
        carry_points(points, [Affine(shift)], name="discs", **grid)


def test_balls_have_their_radius_in_millimetres():
    points = make_points([8], np.array([[15, 15, 20]]), AFFINE)
    ball = draw_balls(points, SHAPE, AFFINE, radius_mm=6.0, name="x")
    marked = np.argwhere(ball == 8) - [15, 15, 20]
    assert np.linalg.norm(marked * [1, 1, 2], axis=1).max() == 6.0
    assert len(marked) * 2 == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.05)
    np.testing.assert_array_equal(
        draw_balls(points, SHAPE, AFFINE, radius_mm=0.0, name="x"),
        draw_points(points, SHAPE, AFFINE, name="x"),
    )


def test_balls_that_meet_share_at_half_way():
    points = make_points([3, 4], np.array([[10, 15, 20], [16, 15, 20]]), AFFINE)
    image = draw_balls(points, SHAPE, AFFINE, radius_mm=5.0, name="x")
    assert image[5:13, 15, 20].tolist() == [3] * 8
    assert image[14:22, 15, 20].tolist() == [4] * 8
    assert image[13, 15, 20] in (3, 4)
    # At the edge of the image, and with points in neighbouring voxels, none vanishes.
    points = make_points([3, 4], np.array([[0.4, 0.4, 0.4], [1, 0, 0]]), np.eye(4))
    assert np.unique(draw_balls(points, (9, 9, 9), np.eye(4), radius_mm=0.5, name="x")).size == 3


def test_labels_are_renumbered():
    image = np.array([0, 3, 4], np.uint8)
    assert renumber(image, by=1).tolist() == [0, 4, 5]
    assert renumber(image, by=300).tolist() == [0, 303, 304]
    with pytest.raises(LabelError, match="label 3 would become 0"):
        renumber(image, by=-3)


def test_values_in_common():
    assert common_values(np.array([0, 3, 4, 4]), np.array([4, 5, 0, 3])) == [3, 4]
    with pytest.raises(LabelError, match="no value in common"):
        common_values(np.array([0, 3]), np.array([0, 4]))


def test_every_labelled_place_is_listed():
    image = np.zeros(SHAPE, np.uint8)
    image[3:5, 5, 6] = 4
    image[20, 21, 22] = 4
    image[1, 1, 1] = 60
    table = list_labels(image, AFFINE)
    assert table["value"].tolist() == [4, 4, 60]
    assert table["n_voxels"].tolist() == [2, 1, 1]
    assert table.loc[0, ["i", "j", "k"]].tolist() == [3.5, 5, 6]
    assert table.loc[0, ["x", "y", "z"]].tolist() == [3.5, 5, 12]
    assert table.loc[2, "name"] == "conus medullaris (value 60)"
    assert list_labels(np.zeros(SHAPE), AFFINE).empty


def test_places_are_told_with_respect_to_the_cord(tube):
    mask, affine = tube(shift=(2.0, -3.0))
    points = points_at([3, 4], np.array([[2.0, 7.0, 6.0], [-1.0, 7.0, -4.0]]), affine)
    table = locate_points(points, make_frame(fit_centerline(mask, affine)))
    np.testing.assert_allclose(
        table[["right", "front", "along"]], [[0, 10, 16], [-3, 10, 6]], atol=0.05
    )
    assert table["slice"].tolist() == [16, 6]
    assert table["name"].str.startswith("disc").all()
