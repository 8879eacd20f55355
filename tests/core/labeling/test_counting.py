"""Counting discs by their distances."""

from __future__ import annotations

import numpy as np
import pytest

from sctflow.core.labeling import usual
from sctflow.core.labeling.counting import Places, certainty, count
from sctflow.core.labeling.placing import Placing


def spine(*values: int, scale: float = 1.0) -> np.ndarray:
    return -scale * usual.depth_of(np.array(values, dtype=float))


def counted(s: np.ndarray, confidence: np.ndarray, given: dict[int, float]) -> list[float]:
    fixed = np.full(len(s), np.nan)
    for place, level in given.items():
        fixed[place] = level
    counts = count(Places(s, confidence, fixed, s))
    assert len(counts.paths) == 1
    return counts.paths[0].tolist()


def test_discs_that_were_not_seen_are_counted():
    s = spine(3, 4, 6, 7, 10, 11, scale=1.1)
    assert counted(s, np.full(6, 0.9), {0: 3}) == [3, 4, 6, 7, 10, 11]


def test_the_discs_of_a_child_are_counted():
    s = spine(19, 20, 21, 22, 24, scale=0.6)
    assert counted(s, np.full(5, 0.97), {1: 20}) == [19, 20, 21, 22, 24]


def test_what_lies_between_two_discs_is_none():
    s = np.sort(np.append(spine(9, 10, 11, 12), spine(9, 10).mean()))[::-1]
    assert counted(s, np.array([0.9, 0.5, 0.9, 0.9, 0.9]), {0: 9}) == [9, 0, 10, 11, 12]


def test_a_named_vertebra_lies_half_way():
    s = np.array([*spine(15, 16), spine(16, 17).mean(), *spine(17, 18)])
    assert counted(s, np.full(5, 0.9), {2: 16.5}) == [15, 16, 16.5, 17, 18]


def test_several_given_labels_are_all_kept():
    s = spine(5, 6, 7, 8, 9)
    path = counted(s, np.full(5, 0.95), {0: 5, 4: 8})
    assert path[0] == 5
    assert path[4] == 8
    assert path.count(0) >= 1


def test_each_value_of_a_disc_is_a_hypothesis():
    s = spine(12, 13, 14)
    counts = count(Places(s, np.full(3, 0.9), np.full(3, np.nan), s))
    anchor = counts.paths[:, 1]
    assert sorted(set(anchor)) == list(range(usual.FIRST, usual.LAST + 1))
    likeliest = counts.paths[counts.log_likelihood.argmax()]
    assert np.abs(likeliest - [12, 13, 14]).max() <= 3


def test_across_a_long_gap_the_count_is_uncertain():
    s = spine(3, 4, 5, 13, 14, 15, 16)
    fixed = np.array([3.0, *[np.nan] * 6])
    shown = np.array([30.0, 15.0, 0.0, 0.0, -25.0, -50.0, -75.0])
    places = Places(s, np.full(7, 0.9), fixed, shown)
    counts = count(places)
    assert (counts.paths > 0).all()
    sure = certainty(places, counts=counts, probability=np.ones(1), best=0)
    assert sure[:3].min() > 0.98
    assert sure[3:].max() < 0.9


def test_levels_follow_the_discs_and_go_on_as_usual():
    placing = Placing(spine(4, 5, 6, 7, scale=1.1), np.array([4.0, 5.0, 6.0, 7.0]))
    assert placing.level_at(placing.s) == pytest.approx(placing.levels)
    levels = np.array([1.0, 2.5, 4.5, 6.9, 12.0, 20.8])
    assert placing.level_at(placing.place_of(levels)) == pytest.approx(levels)
    assert 1.05 < placing.scale < 1.1
    assert placing.error_at(placing.place_of(12.0)) > 3 * placing.error_at(placing.s[0])
