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


@pytest.mark.parametrize("region", ["neck", "chest", "loin"])
def test_names_are_right_or_not_given(region):
    for seed in range(100, 104):
        view, _, anatomy = draw_view(seed, region, 110.0)
        result = name_discs([view])
        right, wrong = verdict(result.discs, anatomy)
        assert wrong == 0
        assert (right > 0) == result.named


def test_a_neck_with_head_and_junction_is_named():
    view, _, anatomy = draw_view(11, "neck", 180.0, faults=NONE, middle=4.0)
    result = name_discs([view])
    assert result.named
    assert verdict(result.discs, anatomy)[1] == 0
    junction = result.discs[result.discs["value"] == 50]
    assert junction[["x", "y", "z"]].to_numpy() == pytest.approx(
        view.landmarks.loc[view.landmarks["kind"] == "PMJ", ["x", "y", "z"]].to_numpy()
    )


def test_a_lone_landmark_does_not_name():
    view, _, _ = draw_view(12, "neck", 80.0, faults=NONE, middle=4.0)
    marks = view.landmarks
    lone = marks[(marks["kind"] == "disc") | (marks["kind"] == "axis")]
    result = name_discs([View("T2w", lone, None, view.centerline)])
    assert result.probabilities["probability"].max() > 0.5
    assert not result.named


def test_two_images_of_one_neck_share_their_discs():
    first, _, anatomy = draw_view(13, "neck", 90.0, middle=4.5, name="T1w", faults=NONE)
    second, _, _ = draw_view(13, "neck", 90.0, middle=7.0, name="T2w", faults=NONE)
    both = name_discs([first, second])
    assert both.named
    assert verdict(both.discs, anatomy)[1] == 0
    values = both.discs["value"].tolist()
    assert len(set(values)) == len(values)
    assert {"T1w", "T2w"} <= set(both.discs["from"])


def test_a_second_copy_of_an_image_adds_little():
    view, _, _ = draw_view(14, "chest", 150.0, faults=NONE)
    plain = only_discs(view)
    copy = View("copy", plain.landmarks, plain.morphometry, plain.centerline)
    one, two = (name_discs(views).probabilities for views in ([plain], [plain, copy]))
    assert two["probability"].max() < one["probability"].max() + 0.1


def test_a_missing_disc_between_others_is_inferred():
    view, _, anatomy = draw_view(15, "chest", 150.0, faults=NONE)
    marks = view.landmarks.drop(index=discs_of(view).index[2])
    thinned = View("T2w", marks, view.morphometry, view.centerline)
    given = Given(true_value(view, 1, anatomy), place(view, 1))
    result = name_discs([thinned], given=[given])
    (inferred,) = result.discs[result.discs["inferred"] == 1].to_dict("records")
    assert inferred["value"] == true_value(view, 2, anatomy)
    assert inferred["confidence"] == 0
    off = np.array([inferred[axis] for axis in "xyz"]) - place(view, 2)
    # A vertebra of the phantom is 4 % higher or lower than its neighbours, and the cord turns.
    assert np.linalg.norm(off) < 3.0


def test_a_junction_below_c1_refuses_names():
    view, _, _ = draw_view(11, "neck", 180.0, faults=NONE, middle=4.0)
    marks = view.landmarks.copy()
    low = discs_of(view).iloc[1]
    chosen = marks["kind"] == "PMJ"
    marks.loc[chosen, ["x", "y", "z", "confidence"]] = [*low[["x", "y", "z"]], 0.95]
    result = name_discs([View("T2w", marks, view.morphometry, view.centerline)])
    assert not result.named
    assert 50 not in set(result.discs["value"])


def test_without_any_disc_nothing_is_named_but_a_given_one_is_kept():
    view, _, _ = draw_view(16, "neck", 80.0, faults=NONE)
    empty = View("T2w", view.landmarks.iloc[:0], view.morphometry, view.centerline)
    assert name_discs([empty]).discs.empty
    assert "No disc" in name_discs([empty]).reason
    result = name_discs([empty], given=[Given(5, place(view, 1))])
    assert result.named
    assert result.discs["value"].tolist() == [5]


def test_given_junction_and_conus_are_kept():
    view, _, anatomy = draw_view(17, "loin", 150.0, faults=NONE)
    tip = anatomy.curve.at(np.array([anatomy.levels.conus]))[0][0]
    value = true_value(view, 0, anatomy)
    result = name_discs([view], given=[Given(value, place(view, 0)), Given(60, tip)])
    kept = result.discs[result.discs["value"] == 60]
    assert kept[["x", "y", "z"]].to_numpy() == pytest.approx(tip[None])
    assert kept["manual"].tolist() == [1]


def test_a_label_far_from_the_cord_and_one_value_twice_are_errors():
    view, _, _ = draw_view(18, "neck", 110.0, faults=NONE)
    with pytest.raises(LabelError, match="beside the cord"):
        name_discs([view], given=[Given(5, place(view, 1) + np.array([60.0, 0.0, 0.0]))])
    with pytest.raises(LabelError, match="two places"):
        name_discs([view], given=[Given(5, place(view, 1)), Given(5, place(view, 2))])


def test_discs_beyond_a_long_gap_have_no_name_and_the_others_keep_theirs():
    neck, _, anatomy = draw_view(19, "neck", 150.0, faults=NONE, middle=4.0, name="neck")
    chest, _, _ = draw_view(19, "chest", 80.0, faults=NONE, middle=16.0, name="chest")
    result = name_discs([neck, only_discs(chest)])
    assert result.named
    assert verdict(result.discs, anatomy)[1] == 0
    assert set(result.discs.loc[result.discs["from"] == "chest", "value"]) == {0}
    assert any("without a name" in warning for warning in result.warnings)
