"""A dataset without any manual label goes through the whole program, and a person corrects it."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

CORD = "anat/sub-01_space-{}_label-SC_desc-perslice_morph.tsv"
DISCS = "anat/sub-01_space-{}_seg-discs_dseg.nii.gz"


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    from sctflow.demo import write_demo

    folder = tmp_path_factory.mktemp("unlabelled") / "bids"
    return write_demo(folder, participants=1, images=("T2w", "T2star"))


@pytest.fixture(scope="module")
def run(unlabelled, new_runner, tmp_path_factory):
    runner = new_runner(tmp_path_factory.mktemp("unlabelled_run"))
    done = runner(unlabelled)
    assert done.returncode == 0, done.stdout + done.stderr
    return runner


def _points(path):
    """World mm by value."""
    img = nib.load(path)
    data = np.asarray(img.dataobj)
    return {int(data[tuple(v)]): (img.affine @ [*v, 1])[:3] for v in np.argwhere(data)}


@pytest.mark.parametrize("suffix", ["T2w", "T2star"])
def test_discs_have_their_true_names_and_places(unlabelled, run, suffix):
    found = _points(run.out / "sub-01" / DISCS.format(suffix))
    true = _points(unlabelled / "derivatives/truth/sub-01" / DISCS.format(suffix))
    discs = [value for value in found if value <= 26]
    assert len(discs) >= 4
    # The network's error, and half a voxel of each image on the T2star's 0.5 × 0.5 × 5 mm.
    away = [np.linalg.norm(found[value] - true[value]) for value in discs]
    assert max(away) <= {"T2w": 3.0, "T2star": 6.0}[suffix]
    sidecar = json.loads((run.out / "sub-01" / DISCS.format(suffix)).with_suffix("").with_suffix(
        ".json"
    ).read_text())  # fmt: skip
    assert sidecar["LabelMethod"] == "automatic"
    assert sidecar["LevelProbability"] >= 0.9


@pytest.mark.parametrize("suffix", ["T2w", "T2star"])
def test_levels_are_those_of_the_truth(unlabelled, run, suffix):
    name = f"anat/sub-01_space-{suffix}_seg-vertebrae_dseg.nii.gz"
    found = np.asarray(nib.load(run.out / "sub-01" / name).dataobj)
    true = np.asarray(nib.load(unlabelled / "derivatives/truth/sub-01" / name).dataobj)
    both = (found > 0) & (true > 0)
    assert both.sum() > 500
    # A disc that is missed by 1 mm puts a slice of 1 mm on the other side, one in 15 or so.
    assert (found[both] == true[both]).mean() >= 0.85
    assert np.abs(found[both].astype(int) - true[both]).max() <= 1


def test_a_corrected_label_image_decides_and_only_what_needs_it_is_computed_again(
    unlabelled, run, new_runner, tmp_path
):
    bids = Path(shutil.copytree(unlabelled, tmp_path / "bids"))
    runner = new_runner(tmp_path)
    assert runner(bids).returncode == 0
    before, made = runner.finished(), runner.results()
    img = nib.load(runner.out / "sub-01" / DISCS.format("T2w"))
    data = np.asarray(img.dataobj).copy()
    i, j, k = (int(n) for n in np.argwhere(data == 5)[0])
    up = nib.io_orientation(img.affine)[:, 0].tolist().index(2)
    there = [i, j, k]
    there[up] += 2
    data[data > 0] = 0
    data[tuple(there)] = 6
    place = bids / "derivatives/labels/sub-01/anat/sub-01_T2w_label-discs_dlabel.nii.gz"
    place.parent.mkdir(parents=True)
    nib.Nifti1Image(data, img.affine, img.header).to_filename(place)

    assert runner(bids).returncode == 0
    corrected = _points(runner.out / "sub-01" / DISCS.format("T2w"))
    np.testing.assert_allclose(corrected[6], (img.affine @ [*there, 1])[:3])
    again = {
        str(folder) for folder, when in runner.finished().items() if before.get(folder) != when
    }
    assert any("levels_wf/levels_wf/levels" in folder for folder in again)
    assert not [folder for folder in again if "/cord_wf/" in folder]
    kept = CORD.format("T2star")
    assert runner.results()[f"sub-01/{kept}"] == made[f"sub-01/{kept}"]
    table = pd.read_csv(
        runner.out / "sub-01/anat/sub-01_space-T2w_seg-discs_dseg.tsv", sep="\t"
    ).set_index("index")
    assert table.loc[6, "manual"] == 1
    assert table["manual"].sum() == 1
