"""Metrics on a template's slices: exact answers for cords whose metrics are known functions."""

import numpy as np
import pandas as pd
import pytest

from sctflow.core.morphometry import COLUMNS as PER_SLICE
from sctflow.core.normalized import COLUMNS, normalize_morphometry

TEMPLATE = 8.0 - 0.03 * np.arange(260)
"""Levels of a template's slices, C7 to above C1: about 33 slices per vertebra."""


def cord(level, **columns):
    """Table of slices at these levels, lowest first; the area is 100 minus 5 per level."""
    count = len(level)
    frame = pd.DataFrame({name: np.full(count, 1.0) for name in PER_SLICE})
    return frame.assign(
        **{"slice": 20 + np.arange(count), "area": 100 - 5 * np.asarray(level), **columns}
    )


def test_a_metric_that_is_linear_in_the_level_is_the_same_at_the_same_level():
    level = np.linspace(6.9, 2.1, 81)
    table = normalize_morphometry(cord(level), level, TEMPLATE)
    np.testing.assert_allclose(table["area"], 100 - 5 * TEMPLATE[table["slice"]], atol=0.031 * 5)
    within = (TEMPLATE[table["slice"]] <= 6.9) & (TEMPLATE[table["slice"]] >= 2.1)
    np.testing.assert_allclose(
        table["area"][within], 100 - 5 * TEMPLATE[table["slice"]][within], atol=1e-12
    )


@pytest.mark.parametrize("count", [5, 17, 400], ids=["thick", "usual", "thin"])
def test_the_slices_of_a_vertebra_go_to_the_slices_of_the_same_vertebra(count):
    """C4 of this person is twice as high as C5, and has a cord twice as large."""
    level = np.concatenate([np.linspace(6, 5, count, endpoint=False),
                            np.linspace(5, 4, 2 * count, endpoint=False)])  # fmt: skip
    frame = cord(level, area=np.where(level <= 5, 80.0, 40.0))
    table = normalize_morphometry(frame, level, TEMPLATE)
    assert table["level_name"].isin(["C3", "C4", "C5", "C6"]).all()
    apart = np.abs(TEMPLATE[table["slice"]] - 5) > 1 / count
    c4, c5 = table[apart & (table["level"] == 4)], table[apart & (table["level"] == 5)]
    assert set(c4["area"]) == {80.0}
    assert set(c5["area"]) == {40.0}
    assert len(c4) == pytest.approx(len(c5), abs=2)


def test_nothing_is_told_beyond_the_faces_of_the_outermost_slices():
    level = np.array([5.75, 5.25, 4.75, 4.25])  # slices that are half a vertebra thick
    table = normalize_morphometry(cord(level), level, TEMPLATE)
    covered = TEMPLATE[table["slice"]]
    assert covered.max() == pytest.approx(6.0, abs=0.03)
    assert covered.max() <= 6.0
    assert covered.min() == pytest.approx(4.0, abs=0.03)
    assert covered.min() >= 4.0
    # Within the outermost half slice the measure is that of the slice.
    assert (table["area"][covered > 5.75] == 100 - 5 * 5.75).all()


def test_a_slice_without_measurement_leaves_its_place_on_the_template_empty():
    level = np.linspace(6, 4, 21)  # faces at 5.05 and 4.95 about the slice at 5
    frame = cord(level)
    frame.loc[10, frame.columns.drop("slice")] = np.nan
    table = normalize_morphometry(frame, level, TEMPLATE)
    at = TEMPLATE[table["slice"]]
    missing = (at < 5.05) & (at > 4.95)
    assert missing.sum() >= 3
    assert table.loc[missing, ["area", "orientation", "length"]].isna().all(axis=None)
    assert table.loc[~missing, ["area", "orientation", "length"]].notna().all(axis=None)
    np.testing.assert_allclose(table["area"][~missing], (100 - 5 * at)[~missing], atol=0.26)


def test_rows_that_are_missing_are_as_rows_without_measurement():
    level = np.linspace(6, 4, 21)
    frame = cord(level)
    without = frame.drop(index=range(8, 12))
    table = normalize_morphometry(without, np.delete(level, range(8, 12)), TEMPLATE)
    frame.loc[8:11, frame.columns.drop("slice")] = np.nan
    pd.testing.assert_frame_equal(table, normalize_morphometry(frame, level, TEMPLATE))


def test_one_metric_may_be_missing_alone():
    level = np.linspace(6, 4, 21)
    frame = cord(level)
    frame.loc[10, "diameter_RL"] = np.nan
    table = normalize_morphometry(frame, level, TEMPLATE)
    assert table["area"].notna().all()
    assert table["diameter_RL"].isna().sum() >= 3


def test_directions_are_interpolated_as_axes():
    level = np.array([5.5, 4.5])
    template = np.array([5.5, 5.25, 5.0, 4.75, 4.5])
    frame = cord(level, orientation=[80.0, -80.0])
    table = normalize_morphometry(frame, level, template)
    np.testing.assert_allclose(table["orientation"], [80, 85, 90, -85, -80])


def test_angles_of_the_centreline_are_not_axes():
    level = np.array([5.5, 4.5])
    table = normalize_morphometry(
        cord(level, angle_RL=[-60.0, 60.0]), level, np.array([5.5, 5.0, 4.5])
    )
    np.testing.assert_allclose(table["angle_RL"], [-60, 0, 60], atol=1e-12)


@pytest.mark.parametrize("count", [7, 64, 500])
def test_lengths_add_up_to_that_of_the_cord(count):
    """All of the cord lies within the template, whose slices all lie on it or beyond it."""
    rng = np.random.default_rng(0)
    edges = 6.5 - 4 * np.linspace(0, 1, count + 1)
    length = rng.uniform(0.5, 1.5, count)
    level = 0.5 * (edges[1:] + edges[:-1])
    table = normalize_morphometry(cord(level, length=length), level, TEMPLATE)
    # A slice of the template whose middle lies beyond the cord may hold half a slice of it.
    longest = length.max() * max(1, 0.03 / (4 / count))
    assert table["length"].sum() == pytest.approx(length.sum(), abs=longest)
    assert table["length"].sum() <= length.sum() + 1e-9


def test_a_single_slice_covers_the_slice_of_the_template_that_it_lies_in():
    table = normalize_morphometry(cord([4.5]), np.array([4.5]), TEMPLATE)
    (at,) = TEMPLATE[table["slice"]]
    assert at == pytest.approx(4.5, abs=0.015)
    assert table["area"].tolist() == [77.5]


def test_slices_without_a_level_or_a_name_are_left_out():
    level = np.array([np.nan, 1.2, 0.9, 0.6, np.nan])
    table = normalize_morphometry(cord(level), level, np.array([1.1, 1.0, 0.95, 0.9, -2.0, -2.0]))
    assert table["slice"].tolist() == [0, 1]
    assert table["level_name"].tolist() == ["C1", "C1"]
    np.testing.assert_allclose(table["area"], [94.5, 95.0])


@pytest.mark.parametrize(
    ("level", "template"),
    [([4.5, 4.0], [20.0, 19.0]), ([], TEMPLATE), ([np.nan, np.nan], TEMPLATE)],
    ids=["elsewhere", "no cord", "no levels"],
)
def test_a_cord_that_the_template_does_not_show_gives_no_rows(level, template):
    level = np.array(level, dtype=float)
    table = normalize_morphometry(cord(level), level, np.array(template))
    assert len(table) == 0
    assert list(table) == list(COLUMNS)


def test_every_column_is_described():
    level = np.linspace(6, 4, 21)
    assert list(normalize_morphometry(cord(level), level, TEMPLATE)) == list(COLUMNS)
    assert all(column["Description"] for column in COLUMNS.values())


@pytest.mark.parametrize(
    ("level", "template"),
    [([4.0, 4.5], TEMPLATE), ([4.5, 4.5], TEMPLATE), ([5.0, 4.0], TEMPLATE[::-1])],
)
def test_levels_must_fall_as_slices_rise(level, template):
    with pytest.raises(ValueError, match="must fall"):
        normalize_morphometry(cord(level), np.array(level), template)


def test_there_must_be_one_level_for_each_row():
    with pytest.raises(ValueError, match="3 levels for 2 rows"):
        normalize_morphometry(cord([5, 4]), np.array([5.0, 4.5, 4.0]), TEMPLATE)
