import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.morphometry import COLUMNS, measure_slices
from sctflow.interfaces.centerline import COLUMNS as CENTERLINE_COLUMNS
from sctflow.interfaces.centerline import FitCenterline, read_centerline
from sctflow.interfaces.morphometry import MeasureSlices


@pytest.fixture
def line(cylinder, tmp_path):
    return FitCenterline(mask_file=cylinder[1]).run(cwd=tmp_path).outputs


def test_centerline_of_a_straight_cord_runs_up_its_middle(line):
    table = pd.read_csv(line.out_table, sep="\t")
    assert list(table) == list(CENTERLINE_COLUMNS)
    np.testing.assert_allclose(table[["x", "y"]], 0, atol=1e-4)
    np.testing.assert_allclose(table["arc_length"], 4 * np.arange(8), atol=1e-3)
    voxels = np.argwhere(np.asarray(nib.load(line.out_mask).dataobj))
    np.testing.assert_array_equal(voxels, [[20, 18, k] for k in range(8)])


def test_measures_with_a_centerline_from_its_table_are_those_of_the_core(cylinder, line, tmp_path):
    node = MeasureSlices(mask_file=cylinder[1], centerline_file=line.out_table)
    table = pd.read_csv(node.run(cwd=tmp_path).outputs.out_table, sep="\t")
    img = nib.load(cylinder[1])
    expected = measure_slices(
        np.asarray(img.dataobj), img.affine, centerline=read_centerline(line.out_table)
    )
    assert list(table) == list(expected) == list(COLUMNS)
    np.testing.assert_allclose(table["area"], expected["area"], rtol=1e-5)


def test_confidence_stands_beside_the_measures_of_its_slice(cylinder, line, tmp_path):
    slices = pd.DataFrame({"slice": [9, 3, 0], "confidence": [0.1, 0.8, 0.9]})
    slices.to_csv(tmp_path / "slices.tsv", sep="\t", index=False)
    node = MeasureSlices(
        mask_file=cylinder[1],
        centerline_file=line.out_table,
        slices_file=tmp_path / "slices.tsv",
    )
    table = pd.read_csv(node.run(cwd=tmp_path).outputs.out_table, sep="\t").set_index("slice")
    assert table["confidence"].dropna().to_dict() == {0: 0.9, 3: 0.8}


def test_an_empty_mask_gives_tables_without_rows(cylinder, save, tmp_path):
    img = nib.load(cylinder[1])
    empty = save(np.zeros(img.shape, np.uint8), img.affine, tmp_path / "none.nii.gz")
    line = FitCenterline(mask_file=empty).run(cwd=tmp_path).outputs
    node = MeasureSlices(mask_file=empty, centerline_file=line.out_table)
    table = pd.read_csv(node.run(cwd=tmp_path).outputs.out_table, sep="\t")
    assert list(table) == list(COLUMNS)
    assert len(table) == 0
    assert not np.asarray(nib.load(line.out_mask).dataobj).any()
