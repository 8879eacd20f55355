"""Every modality of a real volunteer."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def whole_run(errsm30, template_options, new_runner, tmp_path_factory):
    """All modalities of the volunteer, with PAM50."""
    folder = tmp_path_factory.mktemp("modalities")
    runner = new_runner(folder, cache=folder / "cache")
    done = runner(errsm30, *template_options, "mt", "dwi", "func")
    assert done.returncode == 0, done.stdout + done.stderr
    return runner


@pytest.fixture
def validator_errors(errsm30, whole_run):
    """Ask the BIDS validator about the outputs, those of the group level included."""
    beside = Path(sys.executable).with_name("bids-validator-deno")
    program = beside if beside.exists() else shutil.which("bids-validator-deno")
    if not program:
        pytest.skip("needs bids-validator-deno: pip install bids-validator-deno")
    group = whole_run(errsm30, level="group")
    assert group.returncode == 0, group.stdout + group.stderr

    def ask():
        command = [program, "--json", whole_run.out]
        found = subprocess.run(command, capture_output=True, text=True, timeout=120)
        issues = json.loads(found.stdout)["issues"]["issues"]
        return [issue for issue in issues if issue["severity"] == "error"]

    return ask


def test_the_validator_finds_no_error_in_the_outputs(validator_errors):
    assert validator_errors() == []


def test_the_validator_is_told_to_ignore_no_more_than_it_must(whole_run, validator_errors):
    ignored = whole_run.out / ".bidsignore"
    patterns = ignored.read_text().splitlines()
    try:
        for needed in patterns:
            ignored.write_text("\n".join(p for p in patterns if p != needed) + "\n")
            assert validator_errors(), needed
    finally:
        ignored.write_text("\n".join(patterns) + "\n")


@pytest.fixture
def anat(whole_run):
    return whole_run.out / "sub-errsm30" / "anat"


def test_the_ratio_is_that_of_the_reference(errsm30, anat):
    """SCT's, with its own registration, kept with the volunteer's reference results."""
    path = errsm30.parent / "reference-errsm30" / "mt" / "mtr.nii.gz"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    found, reference, mask = (
        nib.as_closest_canonical(nib.load(one)).get_fdata()
        for one in (
            anat / "sub-errsm30_space-MTS_MTRmap.nii.gz",
            path,
            anat / "sub-errsm30_space-MTS_label-SC_mask.nii.gz",
        )
    )
    inside = mask > 0
    # Points of percent. A tenth of a millimetre between the two registrations changes the rim.
    assert abs(found[inside].mean() - reference[inside].mean()) < 0.5
    assert np.abs(found - reference)[inside].mean() < 1


@pytest.mark.parametrize("suffix", ["MTRmap", "MTsat", "T1map"])
def test_each_map_of_magnetisation_transfer_has_its_values(anat, suffix):
    table = pd.read_csv(anat / f"sub-errsm30_space-MTS_seg-PAM50_{suffix}.tsv", sep="\t")
    sidecar = json.loads((anat / f"sub-errsm30_space-MTS_seg-PAM50_{suffix}.json").read_text())
    assert set(table["by"]) == {"whole", "level", "slice"}
    assert {"white matter", "gray matter", "CSF contour"} <= set(table["name"])
    assert [column for column in table if not sidecar[column]["Description"]] == []
    assert sidecar["value"]["Units"] == ("s" if suffix == "T1map" else "percent")


def test_one_report_has_all_modalities(whole_run):
    page = (whole_run.out / "sub-errsm30.html").read_text()
    order = [page.index(f'id="image-{one}') for one in ("T2w", "MTS", "dwi", "bold")]
    assert order == sorted(order)
    for path in (whole_run.out / "sub-errsm30" / "figures").iterdir():
        assert path.stat().st_size > 100, path.name
