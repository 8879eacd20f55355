"""Nodes on labelled points: files in, files out, and errors that name the file."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.labels import LabelError
from sctflow.errors import SegmentationError
from sctflow.interfaces.label_edits import ListLabels, RenumberLabels, ResizeLabels, SelectLabels
from sctflow.interfaces.labels import (
    CheckLabels,
    CreateLabels,
    LabelCord,
    LabelVertebralBodies,
    ProjectLabels,
)

DISCS = {3: (20, 10, 7), 4: (20, 10, 3)}


@pytest.fixture(autouse=True)
def _work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def discs(cylinder, save, tmp_path):
    """Two discs in front of the cord of `cylinder`, 16 mm apart."""
    img = nib.load(cylinder[1])
    image = np.zeros(img.shape, np.uint8)
    for value, voxel in DISCS.items():
        image[voxel] = value
    return str(save(image, img.affine, tmp_path / "sub-01_discs.nii.gz"))


def labelled(path):
    image = np.asarray(nib.load(path).dataobj)
    return {int(image[tuple(voxel)]): tuple(voxel.tolist()) for voxel in np.argwhere(image)}


def test_points_are_placed_by_voxel_and_in_the_world(cylinder):
    found = CreateLabels(reference_file=cylinder[0], points=["20,10,7,3", "20,10,3,4"]).run()
    assert labelled(found.outputs.out_file) == DISCS
    np.testing.assert_array_equal(
        nib.load(found.outputs.out_file).affine, nib.load(cylinder[0]).affine
    )
    # The first voxel lies at -20, -18, 100, and slices are 4 mm apart.
    found = CreateLabels(
        reference_file=cylinder[0], points=["0,-8,128,3", "0.3,-8,112,4"], space="world"
    ).run()
    assert labelled(found.outputs.out_file) == DISCS


def test_points_are_added_to_those_that_are_there(cylinder, discs):
    found = CreateLabels(reference_file=discs, points=["21,10,2,4", "20,9,0,5"], add=True).run()
    assert labelled(found.outputs.out_file) == {
        3: DISCS[3],
        4: (21, 10, 2),
        5: (20, 9, 0),
    }


def test_a_point_outside_the_image_is_refused(cylinder):
    with pytest.raises(LabelError, match=r"disc C2/C3 \(value 3\) at voxel 20, 10, 8"):
        CreateLabels(reference_file=cylinder[0], points=["20,10,8,3"]).run()


def test_the_cord_is_labelled_in_the_middle_or_in_given_slices(cylinder):
    found = LabelCord(mask_file=cylinder[1], middle=5).run()
    assert labelled(found.outputs.out_file) == {5: (20, 18, 3)}
    found = LabelCord(mask_file=cylinder[1], places=["1,5", "6,4"]).run()
    assert labelled(found.outputs.out_file) == {5: (20, 18, 1), 4: (20, 18, 6)}


def test_an_empty_mask_is_refused_by_name(cylinder, save, tmp_path):
    img = nib.load(cylinder[1])
    empty = save(np.zeros(img.shape, np.uint8), img.affine, tmp_path / "empty.nii.gz")
    with pytest.raises(SegmentationError, match=r"empty\.nii\.gz: the mask is empty"):
        LabelCord(mask_file=empty, middle=5).run()


def test_labels_are_selected_by_value(discs, save, tmp_path):
    kept = SelectLabels(labels_file=discs, keep=[3]).run().outputs.out_file
    assert labelled(kept) == {3: DISCS[3]}
    removed = SelectLabels(labels_file=discs, remove=[3]).run().outputs.out_file
    assert labelled(removed) == {4: DISCS[4]}
    other = save(np.full((2, 2, 2), 4, np.uint8), np.eye(4), tmp_path / "other.nii.gz")
    common = SelectLabels(labels_file=discs, like_file=other).run().outputs.out_file
    assert labelled(common) == {4: DISCS[4]}


def test_labels_are_renumbered(discs):
    found = RenumberLabels(labels_file=discs, by=-1).run().outputs.out_file
    assert labelled(found) == {2: DISCS[3], 3: DISCS[4]}


def test_labels_grow_and_shrink_to_points_again(discs):
    grown = ResizeLabels(labels_file=discs, radius_mm=3.0).run().outputs.out_file
    image = np.asarray(nib.load(grown).dataobj)
    # Slices of 4 mm are too far apart for a ball of 3 mm to reach the next; 29 voxels of 1 mm
    # have their centre within 3 mm of that of the middle one.
    assert np.count_nonzero(image == 3) == np.count_nonzero(image == 4) == 29
    points = ResizeLabels(labels_file=grown).run().outputs.out_file
    assert labelled(points) == DISCS


def test_labels_are_projected_onto_the_cord(cylinder, discs):
    found = ProjectLabels(labels_file=discs, mask_file=cylinder[1]).run().outputs.out_file
    assert labelled(found) == {3: (20, 18, 7), 4: (20, 18, 3)}


def test_vertebral_bodies_lie_between_the_discs(discs):
    found = LabelVertebralBodies(labels_file=discs).run().outputs.out_file
    assert labelled(found) == {3: (20, 10, 5)}
    alone = SelectLabels(labels_file=discs, keep=[3]).run().outputs.out_file
    with pytest.raises(LabelError, match="no vertebra has a labelled disc above and below"):
        LabelVertebralBodies(labels_file=alone).run()


def test_labels_are_listed(discs):
    table = pd.read_csv(ListLabels(labels_file=discs).run().outputs.out_table, sep="\t")
    assert table["value"].tolist() == [3, 4]
    assert table[["i", "j", "k"]].to_numpy().tolist() == [list(DISCS[3]), list(DISCS[4])]
    assert table[["x", "y", "z"]].to_numpy().tolist() == [[0, -8, 128], [0, -8, 112]]


def test_labels_are_checked_against_the_cord(cylinder, discs):
    found = CheckLabels(labels_file=discs, mask_file=cylinder[1]).run().outputs
    table = pd.read_csv(found.out_table, sep="\t")
    np.testing.assert_allclose(
        table[["right", "front", "along"]], [[0, -8, 28], [0, -8, 12]], atol=0.05
    )
    assert found.warnings == []
    swapped = {3: DISCS[4], 4: DISCS[3]}
    points = [f"{i},{j},{k},{value}" for value, (i, j, k) in swapped.items()]
    wrong = CreateLabels(reference_file=discs, points=points).run().outputs.out_file
    with pytest.raises(LabelError, match=r"labels\.nii\.gz: disc C2/C3 .* below disc C3/C4"):
        CheckLabels(labels_file=wrong, mask_file=cylinder[1]).run()
