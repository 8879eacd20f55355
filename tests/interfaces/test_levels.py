"""The node that assigns levels: files in, files out, and labels that cannot be right."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nipype.interfaces.base import isdefined

from sctflow.demo import write_demo
from sctflow.interfaces.centerline import FitCenterline, empty_centerline
from sctflow.interfaces.levels import AssignLevels
from sctflow.interfaces.morphometry import MeasureSlices
from sctflow.io import save_image, save_table


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    root = write_demo(
        tmp_path_factory.mktemp("levels") / "bids",
        participants=1,
        images=("T2w",),
        view="short",
        labels=("SC", "discs"),
    )
    return root / "derivatives/labels/sub-01/anat"


@pytest.fixture
def inputs(labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = str(labels / "sub-01_T2w_label-SC_seg.nii.gz")
    line = FitCenterline(mask_file=mask).run(cwd=tmp_path).outputs.out_table
    table = MeasureSlices(mask_file=mask, centerline_file=line).run(cwd=tmp_path)
    return {
        "mask_file": mask,
        "centerline_file": line,
        "morph_file": table.outputs.out_table,
        "discs_file": str(labels / "sub-01_T2w_label-discs_dlabel.nii.gz"),
    }


def test_levels_are_written_on_the_grid_of_the_mask_with_their_names(inputs, tmp_path):
    found = AssignLevels(**inputs).run(cwd=tmp_path).outputs
    mask = nib.load(inputs["mask_file"])
    for kind in ("vertebrae", "spinal"):
        image = nib.load(getattr(found, f"{kind}_file"))
        assert image.shape == mask.shape
        np.testing.assert_allclose(image.affine, mask.affine)
        names = pd.read_csv(getattr(found, f"{kind}_table"), sep="\t")
        values = np.unique(image.dataobj)
        assert names["index"].tolist() == values[values > 0].tolist()
    assert pd.read_csv(found.vertebrae_table, sep="\t")["name"].str.match(r"C[3-7]$").all()
    per_level = pd.read_csv(found.perlevel_file, sep="\t")
    assert per_level["level"].is_monotonic_increasing
    assert per_level["n_slices"].sum() == mask.shape[1]  # stored posterior, superior, right


def test_labels_that_cannot_be_right_give_a_warning_and_no_levels(inputs, tmp_path):
    discs = nib.load(inputs["discs_file"])
    empty = nib.Nifti1Image(np.zeros(discs.shape, np.uint8), discs.affine)
    inputs["discs_file"] = str(save_image(empty, tmp_path / "none_dlabel.nii.gz"))
    found = AssignLevels(**inputs).run(cwd=tmp_path).outputs
    (warning,) = found.warnings
    assert "no vertebral levels" in warning
    assert "none_dlabel" in warning
    assert not isdefined(found.vertebrae_file)
    assert not isdefined(found.perlevel_file)


def test_a_cord_that_was_not_found_has_no_levels(inputs, tmp_path):
    inputs["centerline_file"] = str(save_table(empty_centerline(), tmp_path / "empty.tsv"))
    found = AssignLevels(**inputs).run(cwd=tmp_path).outputs
    assert found.warnings == []
    assert not isdefined(found.vertebrae_file)
