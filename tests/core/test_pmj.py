"""Windows at distances below the junction, on cords whose course and size are known."""

import numpy as np
import pandas as pd
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.labels import LabelError, points_at
from sctflow.core.morphometry import COLUMNS, measure_slices
from sctflow.core.pmj import distance_below, measure_by_distance


def table(count, spacing=1.0):
    """Slices `spacing` mm apart from 100 mm below the junction up, with area = distance."""
    distance = 100 - spacing * np.arange(count)
    frame = pd.DataFrame({name: np.full(count, spacing) for name in COLUMNS})
    return frame.assign(slice=np.arange(count), area=distance), distance


@pytest.fixture
def column():
    """A vertical cord of 40 slices, 2 mm apart, from z = 0 up: (centreline, affine, table)."""
    x, y = np.meshgrid(np.arange(21), np.arange(21), indexing="ij")
    disc = np.hypot(x - 10, y - 10) <= 5
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    mask = np.repeat(disc[:, :, None], 40, axis=2)
    return fit_centerline(mask, affine), affine, measure_slices(mask, affine)


@pytest.mark.parametrize("spacing", [0.5, 1.0, 5.0])
def test_a_window_about_a_distance_has_the_mean_and_spread_of_what_lies_there(spacing):
    frame, distance = table(round(80 / spacing), spacing)
    found = measure_by_distance(frame, distance, extent=20, every=4)
    for _, row in found.iterrows():
        inside = distance[np.abs(distance - row["pmj_distance"]) <= 10]
        assert row["area_mean"] == pytest.approx(inside.mean())
        assert row["area_sd"] == pytest.approx(inside.std(ddof=1))
        assert row["n_slices"] == len(inside)
        assert row["length"] == pytest.approx(spacing * len(inside))


def test_windows_lie_on_the_multiples_that_the_cord_fills():
    frame, distance = table(80)  # from 20.5 to 100.5 mm
    found = measure_by_distance(frame, distance, extent=20, every=4)
    assert found["pmj_distance"].tolist() == list(range(32, 91, 4))
    found = measure_by_distance(frame, distance, extent=80, every=0.5)
    assert found["pmj_distance"].tolist() == [60.5]


def test_no_window_reaches_above_the_junction():
    frame, distance = table(120)  # up to 19 mm above it
    found = measure_by_distance(frame, distance, extent=20, every=5)
    assert found["pmj_distance"].min() == 10


def test_a_slice_without_cord_spoils_the_windows_that_hold_it_and_no_others():
    frame, distance = table(80)
    gap = int(np.flatnonzero(distance == 60)[0])
    frame.loc[gap, frame.columns.drop("slice")] = np.nan
    found = measure_by_distance(frame, distance, extent=10, every=1)["pmj_distance"]
    whole = set(range(26, 96))
    # The slice at 60 mm reaches from 59.5 to 60.5.
    assert set(found) == {middle for middle in whole if abs(middle - 60) > 5}
    rows = frame.drop(index=gap), np.delete(distance, gap)
    assert measure_by_distance(*rows, extent=10, every=1)["pmj_distance"].tolist() == list(found)


def test_a_distance_that_was_asked_for_and_is_not_covered_gets_missing_values():
    frame, distance = table(80)
    found = measure_by_distance(frame, distance, at=[64, 10])
    assert found["pmj_distance"].tolist() == [64, 10]
    assert found["n_slices"].tolist() == [20 + 1, 0]
    assert found["area_mean"][0] == pytest.approx(64)
    assert np.isnan(found["area_mean"][1])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_cord_that_fills_no_window_gives_no_rows_but_all_columns(count):
    frame, distance = table(count)
    found = measure_by_distance(frame, distance)
    assert len(found) == 0
    whole = measure_by_distance(*table(80))
    assert list(found) == list(whole)


def test_sizes_of_windows_must_be_positive():
    with pytest.raises(ValueError, match="must be over 0"):
        measure_by_distance(*table(80), every=0)
    with pytest.raises(ValueError, match="79 distances for 80 rows"):
        measure_by_distance(table(80)[0], np.arange(79.0))


@pytest.mark.parametrize("above", [0.0, 30.0])
def test_distance_runs_straight_on_above_the_mask(column, above):
    line, affine, _ = column
    points = points_at([3, 50], [[10, 0, 40], [10, 10, 78 + above]], affine)
    distance = distance_below(line, points, name="labels.nii.gz")
    np.testing.assert_allclose(distance, 78 + above - 2 * np.arange(40), atol=1e-6)


def test_distance_follows_a_bent_cord():
    """A quarter of a circle of 60 mm radius in the sagittal plane."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in (13, 75, 64)], indexing="ij"), axis=-1)
    radius = np.hypot(grid[..., 1] - 70, grid[..., 2])
    mask = (np.hypot(radius - 60, grid[..., 0] - 6) <= 4) & (grid[..., 2] <= 50)
    line = fit_centerline(mask, np.eye(4))
    junction = points_at([50], [[6, 70 - 60 * np.cos(np.arcsin(48 / 60)), 48]], np.eye(4))
    distance = distance_below(line, junction, name="labels")
    for z in (10, 20, 30, 40):
        expected = 60 * (np.arcsin(48 / 60) - np.arcsin(z / 60))
        assert distance[line.slices == z] == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ([10, 10, 125], "above the mask"),
        ([10, 60, 70], "beside the cord"),
        ([10, 10, -9], "below the cord"),
    ],
)
def test_a_junction_that_cannot_be_this_cords_is_refused(column, world, words):
    line, affine, _ = column
    with pytest.raises(LabelError, match=rf"labels\.nii\.gz: pontomedullary junction.*{words}"):
        distance_below(line, points_at([50], [world], affine), name="labels.nii.gz")


def test_labels_without_a_junction_are_refused(column):
    line, affine, _ = column
    with pytest.raises(LabelError, match="no pontomedullary junction"):
        distance_below(line, points_at([3], [[10, 10, 40]], affine), name="labels.nii.gz")


def test_windows_of_a_column_have_its_area(column):
    line, affine, frame = column
    points = points_at([50], [[10, 10, 90]], affine)
    found = measure_by_distance(frame, distance_below(line, points, name="labels"))
    # Faces from z = -1 to 79: 11 to 91 mm below the junction.
    assert found["pmj_distance"].tolist() == list(range(24, 81, 4))
    np.testing.assert_allclose(found["area_mean"], 81, atol=1e-9)  # pixels of the disc
