"""Nodes that show maps: they draw what they are given, and nothing where there is nothing."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined

from sctflow.interfaces.map_reports import Details, MapMosaic, RegionValues


@pytest.fixture
def map_file(cylinder, tmp_path, save):
    image = nib.load(cylinder[1])
    data = np.where(np.asarray(image.dataobj) > 0, np.float32(0.042), np.float32(np.nan))
    return save(data, image.affine, tmp_path / "map.nii.gz")


def run(node, folder):
    return node.run(cwd=folder).outputs.out_report


def test_a_map_is_drawn_around_the_cord_with_what_its_colours_mean(cylinder, map_file, tmp_path):
    image, mask = cylinder
    node = MapMosaic(
        in_file=map_file, mask_file=mask, image_file=image, title="FA", limits=(0.0, 50.0),
        scale=1000.0, unit="1e-3",
    )  # fmt: skip
    text = Path(run(node, tmp_path)).read_text()
    for said in ("FA", "50", "1e-3"):
        assert f">{said}<" in text
    # Two rows, image and map, of the eight slices.
    assert text.count("<image") >= 16


def test_values_are_drawn_in_the_units_that_are_asked_for(tmp_path):
    row = {"by": "whole", "level": np.nan, "level_name": np.nan, "index": 51, "size_vox": 99}
    row |= {"name": "white matter", "method": "map", "value": 0.0011, "std": 0.0001}
    path = tmp_path / "values.tsv"
    pd.DataFrame([row]).to_csv(path, sep="\t", index=False, na_rep="n/a")
    node = RegionValues(in_file=path, title="MD", scale=1000.0, unit="µm²/ms")
    text = Path(run(node, tmp_path)).read_text()
    assert "MD (µm²/ms)" in text
    assert "white matter" in text
    assert ">1.0<" in text


def test_details_describe_each_map(cylinder, map_file, tmp_path):
    node = Details(
        facts=[("TR", "35 ms")], map_files=[map_file], titles=["FA in the cord"], scales=[1000.0],
        units=["1e-3"], mask_file=cylinder[1], warnings=["Look."],
    )  # fmt: skip
    text = Path(run(node, tmp_path)).read_text()
    assert "42 (42 to 42) 1e-3 in" in text
    assert "35 ms" in text
    assert 'data-warnings="1"' in text


@pytest.mark.parametrize("node", [RegionValues(), MapMosaic(limits=(0.0, 1.0))])
def test_where_nothing_was_made_nothing_is_drawn(node, tmp_path):
    assert not isdefined(run(node, tmp_path))
