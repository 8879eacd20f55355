"""Figures of the labels along the spine: where marks stand, what is in view, legibility."""

from itertools import permutations, product
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from nibabel.orientations import apply_orientation, inv_ornt_aff

from sctflow.core.label_values import short_name
from sctflow.reports import style
from sctflow.reports.label_views import (
    lateral_course,
    make_field,
    sample_sagittal,
    spread_apart,
)
from sctflow.reports.labels_figure import disc_figure
from sctflow.reports.naming_figure import probability_figure, range_name

TURNS = [
    np.column_stack([axes, flips])
    for axes in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]
CORNER = np.array([10.0, -60.0, 300.0])  # world mm of the first voxel


def bent_cord(aside=0.0, *, shape=(40, 100, 120), zooms=(1.0, 1.0, 1.0)):
    """Bright cord whose middle swings to both sides by `aside` mm: image, affine, centreline."""
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = CORNER
    height = np.arange(shape[2]) * zooms[2]
    right = (shape[0] - 1) // 2 * zooms[0] + aside * np.sin(2 * np.pi * height / height[-1])
    front = 45.0
    x, y = (np.arange(n)[:, None] * step for n, step in zip(shape[:2], zooms, strict=False))
    away = np.hypot((x - right)[:, None], (y - front + 0 * right)[None])
    line = np.column_stack([right, np.full_like(right, front), height]) + CORNER
    return 100.0 * (away <= 3), affine, pd.DataFrame(line, columns=list("xyz"))


def labels(values, heights, *, across=25.0, front=50.0, **given):
    """Labels at heights above the lowest voxel, mm, from the highest to the lowest."""
    frame = pd.DataFrame({"value": list(values), "z": np.asarray(heights, float) + CORNER[2]})
    frame["x"], frame["y"] = across + CORNER[0], front + CORNER[1]
    frame["confidence"], frame["inferred"], frame["manual"] = 0.9, 0, 0
    return frame.assign(**given)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def marks(figure, view=0):
    lines = figure.axes[0].lines
    return [line for line in lines if (line.get_gid() or "").startswith(f"overlay-label-{view}-")]


def boxes(figure):
    """Every text of a figure with its box in pixels, and the size of the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    axes = figure.axes[0]
    ticks = axes.get_yticklabels() if axes.axison else []
    written = [text for text in (*axes.texts, *figure.texts, *ticks) if text.get_text()]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in written], figure.bbox


def assert_legible(figure):
    found, page = boxes(figure)
    for index, (text, box) in enumerate(found):
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
        for other, another in found[:index]:
            assert not box.overlaps(another), (text, other)


@pytest.mark.parametrize(
    ("shape", "zooms", "values", "spacing", "aside"),
    [
        ((30, 110, 250), (2, 2, 2), [50, *range(1, 26)], 15.0, 0.0),
        ((30, 110, 250), (2, 2, 2), [50, *range(1, 26)], 15.0, 15.0),
        ((30, 60, 55), (1, 1, 1), [3, 4, 5, 6], 15.0, 0.0),
        ((30, 60, 55), (1, 1, 1), [3, 4, 5, 6], 15.0, 6.0),
        ((20, 250, 20), (1, 1, 1), [50, 1, 2, 3], 5.0, 0.0),
        ((12, 8, 250), (2, 2, 2), range(2, 26), 20.0, 0.0),
        ((96, 96, 4), (0.5, 0.5, 5.0), [0, 0], 14.0, 0.0),
        ((60, 60, 30), (1, 1, 1), range(3, 26), 1.2, 0.0),
    ],
    ids=[
        "whole",
        "whole and bent",
        "short",
        "short and bent",
        "flat",
        "narrow",
        "axial",
        "crowded",
    ],
)
def test_no_text_lies_on_another_or_beyond_the_figure(shape, zooms, values, spacing, aside):
    data, affine, line = bent_cord(aside, shape=shape, zooms=zooms)
    top = shape[2] * zooms[2] - 3
    front = min(40.0, shape[1] * zooms[1] / 2)
    found = labels(values, top - spacing * np.arange(len(values)), front=front)
    found.loc[1::3, "manual"] = 1
    figure = disc_figure(data, affine, found, centerline=line)
    assert len(marks(figure)) == len(values)
    assert_legible(figure)
    wide, high = figure.get_size_inches()
    assert wide == 7
    assert 1.2 < high < 9


@pytest.mark.parametrize("turn", TURNS[::5], ids=lambda t: "".join(map(str, t.ravel())))
def test_a_mark_stands_on_its_voxel_in_whatever_orientation_the_image_is_stored(turn):
    data, affine, line = bent_cord(shape=(20, 60, 50), zooms=(1.0, 1.5, 2.0))
    data = np.zeros_like(data)
    data[7:12, 38:43, 28:33] = 1000.0
    place = labels([5], [60.0], across=9.0, front=60.0)
    stored = apply_orientation(data, turn), affine @ inv_ornt_aff(turn, data.shape)
    figure = disc_figure(*stored, place, centerline=line)
    axes, (mark,) = figure.axes[0], marks(figure)
    left, right, bottom, top = axes.images[0].get_extent()
    pixels = np.asarray(axes.images[0].get_array())
    rows, columns = np.nonzero(pixels > 127)
    x = left + (columns.mean() + 0.5) / pixels.shape[1] * (right - left)
    y = top + (rows.mean() + 0.5) / pixels.shape[0] * (bottom - top)
    np.testing.assert_allclose([mark.get_xdata()[0], mark.get_ydata()[0]], [x, y], atol=0.3)


@pytest.mark.parametrize(
    ("aside", "thickness", "views"),
    [(0.0, 1.0, 1), (1.5, 1.0, 1), (3.5, 1.0, 2), (3.5, 8.0, 1), (7.0, 8.0, 2)],
)
def test_a_second_view_follows_the_cord_only_where_a_slice_would_lose_it(aside, thickness, views):
    data, affine, line = bent_cord(aside, shape=(40, 60, 100), zooms=(thickness, 1.0, 1.0))
    figure = disc_figure(data, affine, labels([4], [50]), centerline=line)
    assert len(figure.axes[0].images) == views
    assert ("sagittal slice" in texts(figure)) == (views == 2)


def test_the_second_view_shows_the_cord_all_along_and_the_first_does_not():
    data, affine, line = bent_cord(12.0)
    figure = disc_figure(data, affine, labels([4], [60]), centerline=line)
    seen = [(np.asarray(i.get_array()) > 127).any(axis=1) for i in figure.axes[0].images]
    assert seen[0].mean() < 0.4
    assert seen[1].all()
    # Heights and depths are the same, so that labels stand side by side.
    first, second = marks(figure)[0], marks(figure, 1)[0]
    assert first.get_ydata() == second.get_ydata()
    starts = [image.get_extent()[0] for image in figure.axes[0].images]
    shift = second.get_xdata()[0] - first.get_xdata()[0]
    assert shift == pytest.approx(starts[1] - starts[0])


def test_beyond_the_field_of_view_there_is_nothing():
    field = make_field(*bent_cord(shape=(20, 30, 40))[:2])
    course = np.array([[0.0, 10.0], [20.0, 10.0], [30.0, 40.0], [40.0, 40.0]])
    values = sample_sagittal(field, course, window=(-10, 40), step=1.0)
    assert values.shape == (40, 50)
    assert np.isnan(values[:, :10]).all()
    assert np.isnan(values[:, -10:]).all()
    assert np.isnan(values[:10]).all()
    assert np.isfinite(values[-20:, 10:40]).all()


def test_the_course_goes_on_through_labels_beyond_the_centreline():
    line = np.array([[5.0, 0, 50], [7.0, 0, 100]])
    found = np.array([[9.0, 0, 130], [30.0, 0, 75], [0.0, 0, 47], [1.0, 0, 20]])
    course = lateral_course(line, found)
    np.testing.assert_array_equal(course, [[20, 1], [50, 5], [100, 7], [130, 9]])
    assert lateral_course(np.empty((0, 3)), np.empty((0, 3))).shape == (0, 2)


def test_names_confidence_and_how_a_label_came_about_can_be_told():
    data, affine, line = bent_cord()
    found = labels([50, 3, 4, 5, 0, 60], [110, 90, 75, 60, 45, 20])
    found["confidence"] = [0.95, 0.9, 0.6, 1.0, 0.3, np.nan]
    found["inferred"], found["manual"] = [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]
    figure = disc_figure(data, affine, found, centerline=line)
    told = ["PMJ 0.95", "C2/C3 0.90", "C3/C4 0.60", "C4/C5 by hand", "? 0.30", "conus"]
    written = texts(figure)
    assert [text for text in written if text in told] == told
    drawn = marks(figure)
    assert [mark.get_marker() for mark in drawn] == ["^", "o", "o", "s", "o", "^"]
    assert [mark.get_markerfacecolor() == "none" for mark in drawn] == [n == 2 for n in range(6)]
    edges = [drawn[2].get_markeredgecolor(), drawn[4].get_markerfacecolor()]
    assert edges == [style.DOUBTFUL, style.LOW]
    assert {"disc", "inferred from spacing", "labelled by hand", "centreline"} <= set(written)
    plain = texts(disc_figure(data, affine, labels([3], [60])))
    assert not {"inferred from spacing", "labelled by hand", "centreline"} & set(plain)


def test_labels_that_the_image_does_not_show_are_left_out():
    data, affine, line = bent_cord()
    found = labels([2, 3, 4, 5], [125, 119, 60, -5])
    figure = disc_figure(data, affine, found, centerline=line)
    assert len(marks(figure)) == 2
    assert "C1/C2 0.90" not in texts(figure)


@pytest.mark.parametrize("with_line", [True, False])
def test_without_labels_the_image_is_shown_and_it_is_said(with_line):
    data, affine, line = bent_cord()
    for none in (labels([], []), labels([3], [500.0]), labels([3], [np.nan])):
        figure = disc_figure(data, affine, none, centerline=line if with_line else None)
        assert "No label lies in the field of view." in texts(figure)
        assert (np.asarray(figure.axes[0].images[0].get_array()) > 127).any()


def test_places_are_moved_apart_no_more_than_needed():
    np.testing.assert_allclose(
        spread_apart(np.array([0, 5, 10]), gap=4, low=-9, high=99), [0, 5, 10]
    )
    np.testing.assert_allclose(
        spread_apart(np.array([5, 5, 20]), gap=4, low=0, high=99), [3, 7, 20]
    )
    np.testing.assert_allclose(spread_apart(np.array([0, 1]), gap=4, low=0, high=99), [0, 4])
    np.testing.assert_allclose(spread_apart(np.array([8, 9]), gap=4, low=0, high=10), [6, 10])
    assert not len(spread_apart(np.array([]), gap=4, low=0, high=10))


def test_a_figure_is_svg_and_the_same_every_time():
    data, affine, line = bent_cord(6.0)
    made = [
        style.to_svg(
            disc_figure(data, affine, labels([3, 4], [80, 60]), centerline=line), label="x"
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert ElementTree.fromstring(made[0]).get("aria-label") == "x"


def namings(*probabilities, first=3):
    values = range(first, first + len(probabilities))
    return pd.DataFrame({"value": values, "probability": probabilities})


def bars(figure):
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(names, [bar.get_width() for bar in axes.patches], strict=True))


def test_the_likeliest_namings_have_bars_and_the_others_are_summed():
    chances = [0.05, 0.4, 0.2, 0.1, 0.1, 0.08, 0.07]
    figure = probability_figure(
        namings(*chances), labels([0] * 4, [60, 45, 30, 15]), threshold=0.8
    )
    found = bars(figure)
    assert next(iter(found)) == "C3/C4–C6/C7"
    assert len(found) == 6
    assert found["2 others"] == pytest.approx(0.07 + 0.05)
    assert sum(found.values()) == pytest.approx(1)
    (threshold,) = figure.axes[0].lines
    assert set(threshold.get_xdata()) == {0.8}
    assert "Not named: C3/C4–C6/C7 is the likeliest" in [t.get_text() for t in figure.texts]
    assert figure.axes[0].patches[0].get_facecolor()[:3] == pytest.approx(
        (0.780, 0.467, 0), abs=1e-3
    )
    assert_legible(figure)


def test_the_naming_that_was_used_stands_out_even_if_it_is_not_the_likeliest():
    # What was inferred above and below those that were seen does not count.
    given = labels([50, 2, 3, 4, 5, 6, 7], range(90, 20, -10), inferred=[0, 0, 1, 0, 1, 0, 1])
    figure = probability_figure(namings(0.7, 0.297, 0.003), given, threshold=0.9)
    assert list(bars(figure)) == ["C2/C3–C4/C5", "C3/C4–C5/C6", "1 other"]
    assert [t.get_text() for t in figure.texts] == ["Named C3/C4–C5/C6"]
    used = [bar.get_facecolor()[2] > 0.6 for bar in figure.axes[0].patches]
    assert used == [False, True, False]
    assert [t.get_text() for t in figure.axes[0].texts] == ["70 %", "30 %", "< 1 %"]
    assert_legible(figure)


def test_joints_of_c1_are_no_part_of_the_name_of_a_naming():
    given = labels([1, 2, 3, 4, 5], range(90, 40, -10), manual=[1] * 5)
    figure = probability_figure(namings(1.0, first=1), given, threshold=0.9)
    assert list(bars(figure)) == ["C2/C3–C4/C5"]
    assert [t.get_text() for t in figure.texts] == ["Named C2/C3–C4/C5"]
    assert figure.axes[0].patches[0].get_facecolor()[2] > 0.6


def test_a_disc_that_was_not_seen_is_counted_and_ways_to_count_are_summed():
    gap = labels([50, 0, 0, 0, 0], [190, 100, 82, 47, 30])
    figure = probability_figure(
        pd.concat([namings(0.2, 0.3), namings(0.5)]), gap, threshold=0.9, at_most=1
    )
    assert bars(figure) == pytest.approx({"C2/C3–C6/C7": 0.7, "1 other": 0.3})


def test_no_naming_at_all_is_said():
    figure = probability_figure(namings(np.nan), labels([0], [0]), threshold=0.9)
    assert figure.texts[0].get_text() == "No naming was considered"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "?"),
        (1, "top of C1"),
        (2, "C1/C2"),
        (8, "C7/T1"),
        (25, "L5/S1"),
        (50, "PMJ"),
        (60, "conus"),
    ],
)
def test_labels_have_short_names(value, name):
    assert short_name(value) == name


def test_rows_of_discs_are_named_by_their_ends():
    assert range_name(3, 4) == "C2/C3–C5/C6"
    assert range_name(8, 1) == "C7/T1"
    assert range_name(24, 9) == "L4/L5–S1/S2"
