import json
import os
from pathlib import Path

import pytest

from sctflow import __version__
from sctflow.interfaces.bids import DerivativesSink


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "result.nii.gz"
    path.write_bytes(b"voxels")
    return path


def _place(result, tmp_path, **inputs):
    sink = DerivativesSink(
        base_directory=tmp_path / "out", name="sub-01/anat/sub-01_mask.nii.gz", **inputs
    )
    sink.inputs.in_file = result
    return sink.run(cwd=tmp_path).outputs


def test_a_result_gets_its_name_and_its_sidecar(result, tmp_path):
    outputs = _place(
        result, tmp_path, sidecar={"Type": "ROI"}, method={"Manual": True}, columns={"x": {}}
    )
    folder = tmp_path / "out" / "sub-01" / "anat"
    assert {item.name for item in folder.iterdir()} == {"sub-01_mask.nii.gz", "sub-01_mask.json"}
    assert (folder / "sub-01_mask.nii.gz").read_bytes() == b"voxels"
    assert outputs.out_sidecar == str(folder / "sub-01_mask.json")
    assert json.loads((folder / "sub-01_mask.json").read_text()) == {
        "Type": "ROI",
        "Manual": True,
        "GeneratedBy": [{"Name": "sctflow", "Version": __version__}],
        "x": {},
    }


def test_sources_that_a_node_used_are_added(result, tmp_path):
    given = {"sidecar": {"Sources": ["bids::a"]}, "method": {"Sources": ["bids::b"]}}
    sidecar = Path(_place(result, tmp_path, **given).out_sidecar)
    assert json.loads(sidecar.read_text())["Sources"] == ["bids::a", "bids::b"]


def test_a_figure_has_no_sidecar(result, tmp_path):
    _place(result, tmp_path)
    assert [item.name for item in (tmp_path / "out/sub-01/anat").iterdir()] == [
        "sub-01_mask.nii.gz"
    ]


def test_a_result_that_was_not_made_leaves_nothing(tmp_path):
    sink = DerivativesSink(base_directory=tmp_path / "out", name="x.nii.gz", sidecar={"a": 1})
    sink.run(cwd=tmp_path)
    assert not (tmp_path / "out").exists()


def test_what_is_there_unchanged_is_left_alone(result, tmp_path):
    def placed():
        outputs = _place(result, tmp_path, sidecar={"Type": "ROI"})
        return [os.stat(path).st_mtime_ns for path in (outputs.out_file, outputs.out_sidecar)]

    assert placed() == placed()


def test_a_partial_or_older_result_is_replaced(result, tmp_path):
    _place(result, tmp_path)
    target = tmp_path / "out/sub-01/anat/sub-01_mask.nii.gz"
    target.write_bytes(b"vox")
    _place(result, tmp_path)
    assert target.read_bytes() == b"voxels"


def test_what_a_killed_run_left_beside_the_name_is_removed(result, tmp_path):
    folder = tmp_path / "out/sub-01/anat"
    folder.mkdir(parents=True)
    (folder / ".sub-01_mask.nii.gz.0a1b2c3d.part").write_bytes(b"vo")
    (folder / ".sub-01_mask.json.0a1b2c3d.part").write_bytes(b"{")
    _place(result, tmp_path, sidecar={"Type": "ROI"})
    assert not list(folder.glob(".*"))
