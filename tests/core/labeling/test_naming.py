"""Which disc is which, on phantom people whose discs are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sctflow.core.labeling.naming import Given, View, name_discs
from sctflow.core.labels import LabelError

from .people import NONE, draw_view, verdict


def discs_of(view: View) -> pd.DataFrame:
    marks = view.landmarks
    return marks[(marks["kind"] == "disc") & (marks["inferred"] == 0)]


def only_discs(view: View) -> View:
    return View(view.name, discs_of(view), view.morphometry, view.centerline)


def true_value(view: View, row: int, anatomy) -> int:
    true = anatomy.curve.at(np.array([anatomy.levels.disc(v) for v in range(1, 26)]))[0]
    at = discs_of(view).iloc[row][["x", "y", "z"]].to_numpy(float)
    return int(np.linalg.norm(true - at, axis=1).argmin()) + 1


def place(view: View, row: int) -> np.ndarray:
    return discs_of(view).iloc[row][["x", "y", "z"]].to_numpy(float)


@pytest.mark.parametrize("region", ["neck", "chest", "loin"])
@pytest.mark.parametrize("seed", range(3))
def test_one_given_disc_names_all(region, seed):
    view, _, anatomy = draw_view(seed, region, 150.0, faults=NONE)
    value = true_value(view, 1, anatomy)
    result = name_discs([view], given=[Given(value, place(view, 1))])
    assert result.named
    assert verdict(result.discs, anatomy)[1] == 0
    assert len(result.discs) >= len(discs_of(view))
    assert result.probabilities["probability"].to_numpy() == pytest.approx([1.0])


def test_a_given_vertebra_lies_between_its_discs():
    view, _, anatomy = draw_view(5, "chest", 110.0, faults=NONE)
    value = true_value(view, 1, anatomy)
    middle = 0.5 * (place(view, 1) + place(view, 2))
    result = name_discs([view], given=[Given(value, middle, kind="vertebra")])
    discs = result.discs[result.discs["value"] < 26]
    assert discs["value"].tolist() == list(range(discs["value"].min(), discs["value"].max() + 1))
    assert verdict(result.discs, anatomy) == (len(discs), 0)


def test_given_labels_stay_where_they_are_and_wrong_order_is_an_error():
    view, _, anatomy = draw_view(6, "neck", 110.0, faults=NONE)
    moved = place(view, 1) + np.array([0.0, 0.0, 2.0])
    value = true_value(view, 1, anatomy)
    result = name_discs([view], given=[Given(value, moved)])
    manual = result.discs[result.discs["manual"] == 1]
    assert manual[["x", "y", "z"]].to_numpy() == pytest.approx(moved[None])
    assert (result.discs["value"] == value).sum() == 1
    with pytest.raises(LabelError, match="wrong order"):
        name_discs([view], given=[Given(5, place(view, 2)), Given(6, place(view, 1))])


def test_without_evidence_nothing_is_named_and_help_is_offered():
    view, _, _ = draw_view(7, "chest", 80.0, faults=NONE)
    result = name_discs([only_discs(view)])
    assert not result.named
    assert set(result.discs["value"]) == {0}
    assert "One label is enough" in result.reason
    assert result.probabilities["probability"].sum() == pytest.approx(1.0)
