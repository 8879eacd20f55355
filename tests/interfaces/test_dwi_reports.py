"""Nodes that show diffusion series in the report."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined

from sctflow.interfaces.dwi_reports import (
    AnimateSeries,
    BeforeAfter,
    DiffusivityMosaic,
    DWIDetails,
)
from sctflow.io import save_table

AFFINE = np.diag([1, 1, 4, 1.0])


@pytest.fixture
def files(cylinder, save, tmp_path, monkeypatch):
    """A series of three volumes about the cord of the cylinder, and a map of it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    series = rng.normal(100, 10, (40, 36, 8, 3)).astype(np.float32)
    (tmp_path / "dwi.bval").write_text("0 800 800\n")
    shells = pd.DataFrame({"bval": [0.0, 800.0], "volumes": [1, 2]})
    return {
        "image": str(cylinder[0]),
        "mask": str(cylinder[1]),
        "series": str(save(series, AFFINE, tmp_path / "series.nii.gz")),
        "map": str(save(0.001 * series[..., 0] / 100, AFFINE, tmp_path / "map.nii.gz")),
        "bval": str(tmp_path / "dwi.bval"),
        "shells": str(save_table(shells, tmp_path / "shells.tsv")),
    }


def run(node):
    path = Path(node.run().outputs.out_report)
    text = path.read_text("utf-8")
    ElementTree.fromstring(text)
    return text


def test_the_animation_names_b_values(files):
    node = AnimateSeries(
        before_file=files["series"],
        after_file=files["series"],
        mask_file=files["mask"],
        bval_file=files["bval"],
    )
    assert "2 · b = 800" in run(node)


def test_figures_are_drawn_from_files(files):
    text = run(
        BeforeAfter(before_file=files["image"], after_file=files["image"], mask_file=files["mask"])
    )
    assert "before motion correction" in text
    maps = {f"{one}_file": files["map"] for one in ("md", "ad", "rd")}
    assert "Radial diffusivity" in run(DiffusivityMosaic(**maps, mask_file=files["mask"]))


def test_details_hold_facts_and_warnings(files):
    node = DWIDetails(
        shells_file=files["shells"],
        mask_file=files["mask"],
        md_file=files["map"],
        snr=8.0,
        warnings=["Look at volume 2."],
    )
    text = run(node)
    assert "1 with b = 0 s/mm², 2 with b = 800 s/mm²" in text
    assert "8.0 in the cord" in text
    assert "10⁻³ mm²/s" in text
    assert "Look at volume 2." in text
    assert 'data-warnings="1"' in text


@pytest.mark.parametrize(("plane", "slices"), [("xy", 8), ("yz", 40)])
def test_slices_are_counted_across_the_plane_of_the_acquisition(files, tmp_path, plane, slices):
    motion = pd.DataFrame({"framewise_displacement": [np.nan, 0.1, 0.2], "outlier_slices": 1})
    motion = motion.assign(**{f"trans_{axis}": 0.0 for axis in plane})
    table = save_table(motion, tmp_path / "motion.tsv")
    node = DWIDetails(shells_file=files["shells"], mask_file=files["mask"], motion_file=str(table))
    assert f"3 of {3 * slices} slices flagged" in run(node)


def test_what_was_not_computed_is_not_drawn(files):
    for node in (
        AnimateSeries(before_file=files["series"], mask_file=files["mask"]),
        BeforeAfter(before_file=files["image"], mask_file=files["mask"]),
        DiffusivityMosaic(md_file=files["map"], mask_file=files["mask"]),
    ):
        assert not isdefined(node.run().outputs.out_report)
