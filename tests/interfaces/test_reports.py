"""Nodes that draw the report."""

from pathlib import Path
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.interfaces.reports import (
    AreaProfile,
    AxialMosaic,
    ImageSummary,
    LevelsSummary,
    SagittalView,
)
from sctflow.reports.fragments import read_summary


@pytest.fixture
def files(tmp_path, monkeypatch):
    """An image with a square cord of 6 × 6 mm, its mask, and its tables."""
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((30, 30, 12), np.uint8)
    mask[12:18, 12:18, 1:11] = 1
    rng = np.random.default_rng(0)
    data = (mask * 100 + rng.normal(200, 10, mask.shape)).astype(np.int16)
    affine = np.diag([1, 1, 2, 1])
    nib.save(nib.Nifti1Image(data, affine), "image.nii.gz")
    nib.save(nib.Nifti1Image(mask, affine), "mask.nii.gz")
    slices = np.arange(1, 11)
    pd.DataFrame(
        {"slice": slices, "x": 14.5, "y": 14.5, "z": 2 * slices, "arc_length": 2 * slices - 2}
    ).to_csv("centerline.tsv", sep="\t", index=False)
    table = pd.DataFrame(
        {"slice": slices, "area": 36.0, "diameter_AP": 6.0, "diameter_RL": 6.0, "length": 2.0,
         "confidence": np.r_[0.4, np.full(9, 0.9)]}
    )  # fmt: skip
    table.to_csv("morph.tsv", sep="\t", index=False)
    table.iloc[:0].to_csv("empty.tsv", sep="\t", index=False)
    names = ("image.nii.gz", "mask.nii.gz", "centerline.tsv", "morph.tsv", "empty.tsv")
    return {name.split(".")[0]: str(tmp_path / name) for name in names}


def report(node):
    return Path(node.run().outputs.out_report).read_text("utf-8")


def figures(files):
    return {
        "axial": AxialMosaic(
            in_file=files["image"],
            mask_file=files["mask"],
            centerline_file=files["centerline"],
            morph_file=files["morph"],
        ),
        "sagittal": SagittalView(
            in_file=files["image"], mask_file=files["mask"], centerline_file=files["centerline"]
        ),
        "area": AreaProfile(morph_file=files["morph"]),
    }


@pytest.mark.parametrize("name", ["axial", "sagittal", "area"])
def test_figures_are_svg_in_the_folder_of_the_node_and_the_same_every_time(files, name):
    node = figures(files)[name]
    first = report(node)
    assert Path(node._results["out_report"]) == Path.cwd() / f"{name}.svg"
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert report(figures(files)[name]) == first


def test_the_mosaic_shows_the_confidence_of_the_table(files):
    text = report(figures(files)["axial"])
    assert "1 · 0.40" in text
    assert "10 · 0.90" in text


def test_the_mosaic_of_a_manual_mask_needs_no_tables(files):
    text = report(AxialMosaic(in_file=files["image"], mask_file=files["mask"]))
    assert ">10<" in text
    assert "·" not in text


def test_tables_without_rows_are_drawn_as_nothing_measured(files):
    assert "Nothing was measured" in report(AreaProfile(morph_file=files["empty"]))


def test_the_summary_says_what_was_found_and_used(files):
    method = {
        "Manual": False,
        "SegmentationMethod": "network",
        "Model": {"Name": "cord", "Version": "1.0", "Checksum": "sha256:abcdef123456"},
    }
    text = report(
        ImageSummary(
            in_file=files["image"],
            source_file="/data/sub-01/anat/sub-01_T2w.nii.gz",
            morph_file=files["morph"],
            method=method,
            warnings=["Voxels < 0 were found."],
        )
    )
    assert read_summary(text) == {
        "image": "sub-01_T2w.nii.gz", "status": "check", "mask": "network", "slices": "10",
        "length": "20.0", "area": "36.0", "confidence": "0.40", "warnings": "1",
    }  # fmt: skip
    assert "1 × 1 × 2 mm" in text
    assert "30 × 30 × 12" in text
    assert "cord 1.0" in text
    assert "abcdef12" in text
    assert "Voxels &lt; 0 were found." in text


def test_the_summary_names_the_manual_mask(files):
    text = report(
        ImageSummary(
            in_file=files["image"],
            morph_file=files["morph"],
            method={"Manual": True, "SegmentationMethod": "manual"},
            manual_mask="/labels/sub-01_T2w_label-SC_seg.nii.gz",
        )
    )
    assert "drawn by hand" in text
    assert "sub-01_T2w_label-SC_seg.nii.gz" in text
    assert read_summary(text)["mask"] == "by hand"


def test_the_summary_of_an_image_without_a_cord(files):
    method = {"Manual": False, "SegmentationMethod": "network", "Model": {"Name": "cord"}}
    text = report(ImageSummary(in_file=files["image"], morph_file=files["empty"], method=method))
    assert read_summary(text)["status"] == "no cord found"
    assert "No cord was found" in text


def test_the_summary_of_an_image_that_was_left_out(files):
    reason = "Not computed: there is no mask."
    text = report(ImageSummary(in_file=files["image"], not_computed=reason))
    assert read_summary(text)["status"] == "not computed"
    assert "<b>Not computed.</b> There is no mask.</p>" in text


AUTOMATIC = {"LabelMethod": "automatic", "LevelProbability": 0.97, "LevelNaming": "As usual."}


@pytest.mark.parametrize(
    ("given", "words", "warnings"),
    [
        ({}, "not known: no disc is labelled", 0),
        ({"labels_file": "a/discs.nii.gz"}, "C3 to C5, from discs.nii.gz", 0),
        (
            {"naming": AUTOMATIC | {"Named": True}},
            "C3 to C5, from automatic labels (probability 0.97)",
            0,
        ),
        (
            {"naming": AUTOMATIC | {"Named": False, "LevelNaming": "Give one label."}},
            "not known: the discs could not be named",
            1,
        ),
    ],
)
def test_the_report_says_where_levels_come_from_or_what_is_missing(files, given, words, warnings):
    levels = {}
    if "C3" in words:
        data = np.zeros((30, 30, 12), np.uint8)
        data[14, 14, 2:11] = np.repeat([5, 4, 3], 3)
        nib.save(nib.Nifti1Image(data, np.eye(4)), "levels.nii.gz")
        levels = {"vertebrae_file": str(Path("levels.nii.gz").absolute())}
    text = report(LevelsSummary(centerline_file=files["centerline"], **levels, **given))
    assert words in text
    assert read_summary(text)["warnings"] == str(warnings)
    assert ("Give one label." in text) == bool(warnings)


def test_without_a_cord_nothing_is_said_of_levels(files):
    node = LevelsSummary(centerline_file=files["empty"], naming=AUTOMATIC | {"Named": False})
    assert "level" not in report(node).lower().replace("image-details", "")
