"""The node that draws the figures of the labels."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined

from sctflow.interfaces.label_reports import LabelFigures
from sctflow.io import save_table

COLUMNS = ["x", "y", "z", "confidence", "inferred", "value", "from", "manual"]


@pytest.fixture
def files(cylinder, tmp_path, monkeypatch):
    """The cord of 8 slices with two discs before it, its centreline and two ways to name them."""
    monkeypatch.chdir(tmp_path)
    z = 100.0 + 4 * np.arange(8)
    discs = [[0, 7, 124, 0.9, 0, 4, "T2w", 0], [0, 7, 108, 0.4, 1, 5, "T2w", 0]]
    tables = {
        "line": pd.DataFrame({"slice": range(8), "x": 0.0, "y": 0.0, "z": z}),
        "named": pd.DataFrame(discs, columns=COLUMNS),
        "empty": pd.DataFrame(columns=COLUMNS),
        "namings": pd.DataFrame({"value": [3, 4], "probability": [0.04, 0.96], "spacing": -1.0}),
        "none": pd.DataFrame(columns=["value", "probability"]),
    }
    return {
        "image": str(cylinder[0]),
        **{name: str(save_table(table, Path(f"{name}.tsv"))) for name, table in tables.items()},
    }


def text_of(path):
    text = Path(path).read_text("utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    return text


def test_both_figures_are_svg_with_names_and_probabilities(files):
    found = LabelFigures(
        in_file=files["image"],
        named_table=files["named"],
        centerline_file=files["line"],
        probabilities_table=files["namings"],
        threshold=0.9,
    ).run()
    assert Path(found.outputs.discs) == Path.cwd() / "discs.svg"
    assert Path(found.outputs.probability) == Path.cwd() / "probability.svg"
    shown = text_of(found.outputs.discs)
    for word in ("C3/C4 0.90", "C4/C5 0.40", "inferred from spacing", "centreline"):
        assert word in shown
    assert ">Named C3/C4<" in text_of(found.outputs.probability)


def test_without_centreline_labels_and_probabilities_the_image_is_drawn(files):
    found = LabelFigures(in_file=files["image"], named_table=files["empty"], threshold=0.9).run()
    assert "No label lies in the field of view" in text_of(found.outputs.discs)
    assert not isdefined(found.outputs.probability)


def test_a_table_without_namings_gives_no_second_figure(files):
    found = LabelFigures(
        in_file=files["image"],
        named_table=files["named"],
        probabilities_table=files["none"],
        threshold=0.9,
    ).run()
    assert "C3/C4 0.90" in text_of(found.outputs.discs)
    assert not isdefined(found.outputs.probability)


def test_where_nothing_was_looked_for_nothing_is_drawn(files):
    found = LabelFigures(in_file=files["image"], threshold=0.9).run()
    assert not isdefined(found.outputs.discs)
    assert not isdefined(found.outputs.probability)
