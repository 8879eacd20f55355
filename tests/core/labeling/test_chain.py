"""Which peaks make a spine."""

import numpy as np
import pytest

from sctflow.core.labeling.chain import best_chain
from sctflow.core.labeling.heat import Peaks, find_peaks

ROWS = np.array([150.0, 132.0, 115.0, 98.0, 81.0, 62.0])


def peaks(rows, heights=0.9, columns=60.0) -> Peaks:
    """Peaks in one column, in a shuffled order."""
    rows = np.asarray(rows, float)
    order = np.random.default_rng(0).permutation(len(rows))
    columns = np.broadcast_to(np.asarray(columns, float), rows.shape)
    heights = np.broadcast_to(np.asarray(heights, float), rows.shape)
    return Peaks(rows[order], columns[order], heights[order])


def test_all_discs_are_taken_from_the_top_to_the_bottom():
    """Nothing else is added."""
    chain = best_chain(peaks(ROWS))
    assert np.array_equal(chain.row, ROWS)
    assert not chain.inferred.any()


def test_a_weak_peak_between_discs_is_left_out():
    """Half-way in a vertebra, at a height that a disc would have in noise."""
    chain = best_chain(peaks([*ROWS, 90.0], [0.9] * 6 + [0.4]))
    assert np.array_equal(chain.row, ROWS)


def test_a_weak_peak_where_a_disc_is_due_is_taken():
    """The same height at the right place."""
    heights = np.array([0.9, 0.9, 0.35, 0.9, 0.9, 0.9])
    assert np.array_equal(best_chain(peaks(ROWS, heights)).row, ROWS)


def test_a_disc_that_is_missing_is_inferred_half_way():
    """And marked; its height is 0."""
    seen = np.delete(ROWS, 2)
    chain = best_chain(peaks(seen))
    assert len(chain) == 6
    assert chain.inferred.tolist() == [False, False, True, False, False, False]
    assert chain.row[2] == pytest.approx(115.0)
    assert chain.confidence[2] == 0


def test_growing_intervals_of_the_chest_and_loin_infer_nothing():
    """From 17 to 36 mm, as in PAM50."""
    rows = 500 - np.cumsum([0, 17, 17.5, 19, 21, 23, 25, 27, 29, 32, 34, 36])
    assert not best_chain(peaks(rows)).inferred.any()


def test_a_peak_off_the_line_of_the_tips_is_left_out():
    """As strong as the discs, at the back of the neck."""
    chain = best_chain(peaks([*ROWS, 107.0], columns=[60.0] * 6 + [20.0]))
    assert np.array_equal(chain.row, ROWS)


def test_nothing_gives_nothing():
    """No peak, or none that is more likely than not."""
    assert len(best_chain(peaks([]))) == 0
    assert len(best_chain(peaks([100.0], 0.15))) == 0
    assert best_chain(peaks([100.0], 0.8)).row.tolist() == [100.0]


def test_peaks_are_found_between_pixels():
    """Blobs of 2 mm, as the network is taught to draw them."""
    rows, columns = np.mgrid[0:80, 0:60]
    heat = np.zeros((80, 60))
    places = [(20.3, 30.7, 0.9), (50.6, 31.2, 0.5), (70.0, 2.0, 0.05)]
    for row, column, height in places:
        blob = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)
        heat = np.maximum(heat, height * blob)
    found = find_peaks(heat, 0.1)
    assert len(found) == 2
    assert found.row == pytest.approx([20.3, 50.6], abs=0.1)
    assert found.column == pytest.approx([30.7, 31.2], abs=0.1)
    assert found.height == pytest.approx([0.9, 0.5], abs=0.03)
