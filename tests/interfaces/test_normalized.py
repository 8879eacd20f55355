"""Nodes that bring morphometry onto a template's slices and to distances from the junction."""

import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined

from sctflow.core.labels import LabelError
from sctflow.interfaces.centerline import FitCenterline, empty_centerline
from sctflow.interfaces.morphometry import MeasureSlices
from sctflow.interfaces.normalized import MeasureByDistance, NormalizeMorphometry
from sctflow.io import load_table, save_table


@pytest.fixture
def measured(cylinder, tmp_path, monkeypatch):
    """Centreline and per-slice table of a cord of 8 slices, 4 mm apart, from z = 100 up."""
    monkeypatch.chdir(tmp_path)
    mask = str(cylinder[1])
    line = FitCenterline(mask_file=mask).run(cwd=tmp_path).outputs.out_table
    table = MeasureSlices(mask_file=mask, centerline_file=line).run(cwd=tmp_path)
    return {"centerline_file": line, "morph_file": table.outputs.out_table}


@pytest.fixture
def junction(save, tmp_path):
    """Label 50 at 40 mm above the lowest slice's middle, and a disc, on a grid of its own."""
    labels = np.zeros((10, 10, 30), np.uint8)
    labels[5, 5, 20], labels[5, 4, 10] = 50, 3
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -10, -10, 100
    return str(save(labels, affine, tmp_path / "labels.nii.gz"))


def write_map(path, level, **columns):
    frame = pd.DataFrame({"slice": np.arange(len(level)), "level": level, **columns})
    return str(save_table(frame, path))


def test_the_table_on_the_template_has_the_area_of_the_cord_at_its_levels(measured, tmp_path):
    level = 5.9 - 0.2 * np.arange(8)
    template = write_map(tmp_path / "template.tsv", np.r_[np.nan, 7.0 - 0.05 * np.arange(120)])
    slice_map = write_map(tmp_path / "map.tsv", level, template_slice=np.arange(8.0))
    node = NormalizeMorphometry(
        morph_file=measured["morph_file"],
        slice_map_file=slice_map,
        template_slices_file=template,
    )
    table = load_table(node.run(cwd=tmp_path).outputs.out_table)
    assert table["area"].to_numpy() == pytest.approx(load_table(measured["morph_file"])["area"][0])
    # Faces at 6.0 and 4.4; the lowest slice of the template has no level.
    assert table["slice"].tolist() == list(range(21, 54))
    assert table["level_name"].tolist() == ["C6"] + ["C5"] * 20 + ["C4"] * 12
    assert table["length"].sum() == pytest.approx(32, abs=1)


def test_a_cord_that_was_not_found_gives_a_table_without_rows(measured, junction, tmp_path):
    empty = load_table(measured["morph_file"]).iloc[:0]
    morph = str(save_table(empty, tmp_path / "empty.tsv"))
    template = write_map(tmp_path / "template.tsv", [7.0, 6.0])
    node = NormalizeMorphometry(
        morph_file=morph, slice_map_file=template, template_slices_file=template
    )
    table = load_table(node.run(cwd=tmp_path).outputs.out_table)
    assert len(table) == 0
    assert "area" in table
    line = str(save_table(empty_centerline(), tmp_path / "line.tsv"))
    node = MeasureByDistance(morph_file=morph, centerline_file=line, pmj_file=junction)
    table = load_table(node.run(cwd=tmp_path).outputs.out_table)
    assert len(table) == 0
    assert "pmj_distance" in table


def test_windows_are_measured_below_the_junction(measured, junction, tmp_path):
    node = MeasureByDistance(**measured, pmj_file=junction, extent=10.0, every=5.0)
    table = load_table(node.run(cwd=tmp_path).outputs.out_table)
    # The cord's faces are 10 and 42 mm below the junction.
    assert table["pmj_distance"].tolist() == [15, 20, 25, 30, 35]
    area = load_table(measured["morph_file"])["area"][0]
    assert table["area_mean"].to_numpy() == pytest.approx(area)
    node = MeasureByDistance(**measured, pmj_file=junction, extent=10.0, distances=[64.0, 20.0])
    table = load_table(node.run(cwd=tmp_path).outputs.out_table)
    assert table["pmj_distance"].tolist() == [64, 20]
    assert table["area_mean"].isna().tolist() == [True, False]


def test_labels_without_a_junction_are_an_error_unless_they_are_to_be_skipped(
    measured, save, tmp_path
):
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[2, 2, 2] = 4
    path = str(save(labels, np.eye(4), tmp_path / "discs.nii.gz"))
    with pytest.raises(LabelError, match=r"discs\.nii\.gz: there is no pontomedullary junction"):
        MeasureByDistance(**measured, pmj_file=path).run(cwd=tmp_path)
    node = MeasureByDistance(**measured, pmj_file=path, skip_absent=True)
    assert not isdefined(node.run(cwd=tmp_path).outputs.out_table)


def test_a_junction_too_far_from_the_cord_is_an_error_or_a_warning(measured, save, tmp_path):
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[2, 2, 2] = 50
    affine = np.eye(4)
    affine[:3, 3] = 300, 0, 0
    path = str(save(labels, affine, tmp_path / "discs.nii.gz"))
    with pytest.raises(LabelError, match="mm"):
        MeasureByDistance(**measured, pmj_file=path).run(cwd=tmp_path)
    node = MeasureByDistance(**measured, pmj_file=path, skip_absent=True)
    outputs = node.run(cwd=tmp_path).outputs
    assert not isdefined(outputs.out_table)
    assert outputs.warnings[0].startswith("Nothing is measured by distance: discs.nii.gz")


def test_a_cord_that_could_not_be_registered_is_left_out(measured, tmp_path):
    for node in (
        NormalizeMorphometry(morph_file=measured["morph_file"]),
        MeasureByDistance(**measured),
    ):
        assert not isdefined(node.run(cwd=tmp_path).outputs.out_table)
