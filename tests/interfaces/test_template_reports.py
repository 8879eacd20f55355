"""Nodes that draw the template registration."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined

from sctflow.interfaces.template_reports import (
    Checkerboard,
    NormalizedArea,
    SubjectInTemplate,
    TemplateOverlay,
)
from sctflow.io import save_table


@pytest.fixture
def files(cylinder, save, tmp_path, monkeypatch):
    """The cord of 8 slices, with levels and a template whose cord is a little larger."""
    monkeypatch.chdir(tmp_path)
    x, y = np.meshgrid(np.arange(40), np.arange(36), indexing="ij")
    larger = np.repeat((np.hypot(x - 20, y - 18) <= 6)[:, :, None], 8, axis=2).astype(np.uint8)
    affine = np.diag([1, 1, 4, 1.0])
    affine[:3, 3] = -20, -18, 100
    levels = larger * np.where(np.arange(8) < 4, 5, 4).astype(np.uint8)
    images = {"cord": larger, "levels": levels, "template": 900 - 100.0 * larger}
    images["gray"] = (0.8 * (np.hypot(x - 20, y - 18) <= 2)[:, :, None] * np.ones(8)).astype("f4")
    return {
        "image": str(cylinder[0]),
        "mask": str(cylinder[1]),
        **{
            name: str(save(data, affine, tmp_path / f"{name}.nii.gz"))
            for name, data in images.items()
        },
    }


def nodes(files):
    on_template = {
        "in_file": files["image"],
        "template_file": files["template"],
        "template_cord_file": files["cord"],
        "template_levels_file": files["levels"],
        "title": "sub-01 T1w",
        "template_title": "PAM50 T2w",
    }
    slices = np.arange(800, 840)
    table = pd.DataFrame({"slice": slices, "level": 4, "area": 80.0, "diameter_AP": np.nan})
    morph = save_table(table, Path.cwd() / "normalized.tsv")
    return {
        "overlay": TemplateOverlay(
            in_file=files["image"],
            mask_file=files["mask"],
            template_cord_file=files["cord"],
            template_gray_file=files["gray"],
            levels_file=files["levels"],
            template="PAM50",
        ),
        "intemplate": SubjectInTemplate(**on_template),
        "checkerboard": Checkerboard(**on_template),
        "normalizedarea": NormalizedArea(morph_file=str(morph), template="PAM50"),
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("overlay", ["cord of PAM50", "gray matter (thin)", "C4 · 7", "C5 · 0"]),
        ("intemplate", ["left, above: sub-01 T1w", "right, below: PAM50 T2w", "C4 · 7"]),
        ("checkerboard", ["upper left square: sub-01 T1w", "next to it: PAM50 T2w", "C4"]),
        ("normalizedarea", ["healthy adults", "Vertebral level of PAM50"]),
    ],
)
def test_figures_are_svg_that_say_what_is_shown_and_the_same_every_time(files, name, words):
    found = nodes(files)[name].run()
    path = Path(found.outputs.out_report)
    assert path == Path.cwd() / f"{name}.svg"
    text = path.read_text("utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    for word in words:
        assert word in text
    nodes(files)[name].run()
    assert path.read_text("utf-8") == text


def test_levels_and_gray_matter_may_be_absent(files):
    node = TemplateOverlay(
        in_file=files["image"], mask_file=files["mask"], template_cord_file=files["cord"]
    )
    text = Path(node.run().outputs.out_report).read_text("utf-8")
    assert "cord of template" in text
    assert "gray" not in text.split("</style>")[1]
    assert ">7<" in text


def test_a_table_without_rows_is_drawn_as_nothing_measured(files):
    empty = save_table(pd.DataFrame(columns=["slice", "level", "area"]), Path("empty.tsv"))
    text = Path(NormalizedArea(morph_file=str(empty)).run().outputs.out_report).read_text("utf-8")
    assert "Nothing was measured along template" in text


def test_what_could_not_be_registered_has_no_figures(files):
    template = {"template_file": files["template"], "template_cord_file": files["cord"]}
    for node in (
        TemplateOverlay(in_file=files["image"], mask_file=files["mask"]),
        SubjectInTemplate(**template),
        Checkerboard(**template),
        NormalizedArea(),
    ):
        assert not isdefined(node.run().outputs.out_report)
