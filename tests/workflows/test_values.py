"""Values of maps in the regions of an atlas, as a graph."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.io import load_table
from sctflow.workflows.values import init_values_wf

AFFINE = np.diag([1.0, 1.0, 5.0, 1.0])


@pytest.fixture
def atlas(tmp_path):
    """Two regions of 40 and 60 with a background of 500 that no region fills."""
    parts = np.zeros((10, 8, 4, 2), np.float32)
    # Of each voxel another part, so that regions and background can be told apart.
    part = np.linspace(0.3, 1, 12).reshape(3, 4, 1)
    parts[2:5, 2:6, :, 0], parts[5:8, 2:6, :, 1] = part, part
    levels = (parts.sum(-1) > 0) * np.array([5, 5, 4, 4], np.uint8)
    data = parts @ np.float32([40, 60]) + 500 * (1 - parts.sum(-1))
    (tmp_path / "atlas.tsv").write_text("index\tname\tgroup\n0\tleft\tWM\n1\tright\tWM\n")
    (tmp_path / "combined.tsv").write_text("index\tname\tmembers\n51\tboth\t0,1\n")
    files = {"atlas_table": "atlas.tsv", "combined_table": "combined.tsv"}
    for name, values in {"atlas": parts, "vertebrae": levels, "fa": data}.items():
        files[name] = f"{name}.nii.gz"
        nib.Nifti1Image(values, AFFINE).to_filename(tmp_path / files[name])
    return {name: str(tmp_path / file) for name, file in files.items()}


def measure(tmp_path, maps, **inputs):
    workflow = init_values_wf(maps=maps, voxels=320)
    workflow.base_dir = str(tmp_path / "work")
    for name, file in inputs.items():
        setattr(workflow.inputs.inputnode, name, file)
    return {node.name: node.result.outputs for node in workflow.run().nodes()}


def test_each_map_is_measured_by_level_and_by_slice(atlas, tmp_path):
    table = load_table(measure(tmp_path, ["fa"], **atlas)["measure_fa"].out_table)
    assert set(table["name"]) == {"left", "right", "both"}
    assert set(table[table["by"] == "level"]["level_name"]) == {"C4", "C5"}
    # What no region fills is told apart: otherwise it would draw the regions up.
    found = table[(table["method"] == "ml") & (table["name"] == "left")]["value"]
    assert len(found) == 1 + 2 + 4
    np.testing.assert_allclose(found, 40, rtol=1e-4)


def test_without_an_atlas_or_without_a_map_there_is_no_table(atlas, tmp_path):
    only_maps = {"fa": atlas["fa"]}
    found = measure(tmp_path / "a", ["fa"], **only_maps)
    assert not isinstance(found["measure_fa"].out_table, str)
    atlas.pop("fa")
    found = measure(tmp_path / "b", ["fa"], **atlas)
    assert not isinstance(found["measure_fa"].out_table, str)
