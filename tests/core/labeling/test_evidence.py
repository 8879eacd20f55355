"""What cord and landmarks say about levels, and how it is weighed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sctflow.core.centerline import Centerline
from sctflow.core.labeling import usual
from sctflow.core.labeling.cord_evidence import cord_evidence, end_evidence
from sctflow.core.labeling.fusing import FLOORS, by_value, fuse
from sctflow.core.labeling.gathering import View, gather
from sctflow.core.labeling.landmark_evidence import HEAD, JUNCTION, mark_evidence
from sctflow.core.labeling.line import join_centerlines
from sctflow.core.labeling.naming import THRESHOLD
from sctflow.core.labeling.placing import Placing

LENGTH = 160.0


def straight(low: float, high: float) -> Centerline:
    z = np.arange(low, high + 0.5, 1.0)
    points = np.column_stack([np.zeros_like(z), np.zeros_like(z), z])
    up = np.tile([0.0, 0.0, 1.0], (len(z), 1))
    return Centerline(points, up, z - z[0], np.arange(len(z)), np.ones(len(z), bool))


def marks(**places: float) -> pd.DataFrame:
    rows = [{"kind": kind, "s": s, "confidence": 0.9} for kind, s in places.items()]
    return pd.DataFrame(rows, columns=["kind", "s", "confidence"])


def average_view(top: float, *, factor: float = 1.0, name: str = "T2w") -> View:
    """An average person from the level `top` downwards; z = 0 is the lower end."""
    line = straight(0.0, LENGTH)
    level = usual.level_at(usual.depth_of(top) + LENGTH - line.points[:, 2])
    mean, sd = usual.log_area(level)
    area = factor * np.exp(mean + 0.5 * sd**2)
    table = pd.DataFrame({**dict(zip("xyz", line.points.T, strict=True)), "area": area})
    values = np.arange(max(np.ceil(top), usual.FIRST), np.floor(level[0]) + 1)
    z = LENGTH - usual.depth_of(values) + usual.depth_of(top)
    discs = pd.DataFrame({"kind": "disc", "x": 0.0, "y": 8.0, "z": z, "confidence": 0.9})
    return View(name, discs.assign(inferred=0), table, line)


def hypotheses(view: View) -> tuple[np.ndarray, list[Placing]]:
    s = gather([view], []).seen["s"].to_numpy(float)
    tops = np.arange(usual.FIRST, usual.LAST - len(s) + 2)
    return tops, [Placing(s, top + np.arange(len(s), dtype=float)) for top in tops]


@pytest.mark.parametrize("top", [3.5, 7.5, 12.5])
@pytest.mark.parametrize("factor", [0.85, 1.0, 1.15])
def test_area_tells_an_average_person_within_a_level_whatever_the_size(top, factor):
    view = average_view(top, factor=factor)
    tops, placings = hypotheses(view)
    log = cord_evidence(gather([view], []), placings)
    assert abs(tops[log.argmax()] - np.ceil(top)) <= 1


def test_a_second_image_of_one_cord_adds_little():
    view = average_view(6.5)
    _, placings = hypotheses(view)
    one, two = (
        np.ptp(np.sort(cord_evidence(gather(views, []), placings))[-4:])
        for views in ([view], [view, average_view(6.5, name="T1w")])
    )
    assert two < 1.5 * one


def test_discs_missing_above_the_highest_speak_for_the_top_of_the_spine():
    view = average_view(1.2)
    pool = gather([view], [])
    tops, placings = hypotheses(view)
    log = end_evidence(pool, placings)
    assert log[tops == 3] > log[tops == 6]


def test_landmarks_speak_for_where_they_are_and_never_forbid():
    s = -usual.depth_of(np.arange(3.0, 9.0))
    placings = [Placing(s, np.arange(top, top + 6.0)) for top in range(3, 12)]
    for kinds, found in (
        (HEAD, marks(axis=s[0])),
        (HEAD, marks(dens=-float(usual.depth_of(2.0)))),
        (JUNCTION, marks(PMJ=s[0] + usual.JUNCTION_MM)),
    ):
        log = mark_evidence(found, placings, kinds)
        assert log.argmax() == 0
        assert log[0] - log[1] > 1.0
        assert np.ptp(log) < 10.0
    assert not mark_evidence(marks(), placings, HEAD).any()


def test_no_kind_of_evidence_is_sure():
    values = np.arange(3, 26)
    nothing = np.zeros(len(values))
    for kind in FLOORS:
        evidence = dict.fromkeys(FLOORS, nothing) | {kind: np.where(values == 5, 100.0, 0.0)}
        table = fuse(values, evidence)
        assert table["probability"].sum() == pytest.approx(1.0)
        assert table["probability"].max() < 0.97
        assert table["value"][table["probability"].idxmax()] == 5


def test_hypotheses_of_one_value_are_joined():
    table = pd.DataFrame({"value": [4, 3, 4], "probability": [0.2, 0.5, 0.3], "cord": [1.0, 2, 3]})
    joined = by_value(table)
    assert joined["value"].tolist() == [3, 4]
    assert joined["probability"].tolist() == pytest.approx([0.5, 0.5])
    assert joined["cord"].tolist() == [2, 3]


def test_centrelines_are_joined_end_to_end():
    line = join_centerlines([straight(0, 50), straight(30, 120), straight(-40, 10)])
    world = np.array([[0.0, 5.0, -30.0], [0.0, 8.0, 110.0], [3.0, 4.0, 300.0]])
    s = line.along(world)
    assert np.diff(s) == pytest.approx([140.0, 190.0])
    assert line.beside(world) == pytest.approx([5.0, 8.0, 5.0])


def test_below_the_cord_the_line_follows_the_discs():
    angle = np.deg2rad(np.arange(0, 61, 5))
    # The canal turns forwards on a circle of 100 mm below the cord's end at z = 0.
    canal = np.column_stack([0 * angle, 100 * (1 - np.cos(angle)), -100 * np.sin(angle)])
    discs = canal[3::3] + np.array([0.0, 8.0, 0.0])
    line = join_centerlines([straight(0, 60)], np.vstack([[[0.0, 8.0, 20.0]], discs]))
    gaps = -np.diff(line.along(discs - [0.0, 8.0, 0.0]))
    # Chords of 15 degrees are 0.3 % shorter than the arcs.
    assert gaps == pytest.approx(100 * np.deg2rad(15) * np.ones(3), rel=0.02)
    assert line.beside(discs).max() < 8.5


def test_area_alone_does_not_tell_neighbours_apart():
    """However well one level fits: what is off by one may fit as well in another person."""
    values = np.arange(3, 12)
    certain = np.where(values == 6, 0.0, -50.0)
    nothing = np.zeros(len(values))
    evidence = dict.fromkeys(FLOORS, nothing) | {"cord": certain}
    table = fuse(values, evidence)
    best = table.set_index("value")["probability"]
    assert best.idxmax() == 6
    assert best.max() < THRESHOLD
    assert best[5] > 10 * best[3]
    both = fuse(values, evidence | {"head": certain}).set_index("value")["probability"]
    assert both[6] > THRESHOLD
