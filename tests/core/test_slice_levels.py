"""Levels of a phantom's cord from its discs, against what the phantom knows of itself."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.labels import LabelError, points_at, read_points
from sctflow.core.morphometry import measure_slices
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.truth import make_truth
from sctflow.core.slice_levels import assign_levels
from sctflow.demo import make_participant
from sctflow.demo.people import make_person


@pytest.fixture(scope="module")
def person():
    """Cord mask, affine and truth of a T2w image from C3 to C6."""
    anatomy, _, stacks = make_participant(1, images=("T2w",), view="short")
    (stack,) = stacks
    truth = make_truth(anatomy, stack.sampled)
    return truth.fractions["SC"] >= 0.5, stack.sampled.affine, truth


def levels_of(person, keep=lambda value: True):
    mask, affine, truth = person
    line = fit_centerline(mask, affine)
    discs = truth.labels["discs"].copy()
    discs[~np.vectorize(keep)(discs)] = 0
    points, _ = read_points(discs, affine, name="discs")
    table = measure_slices(mask, affine, centerline=line)
    return assign_levels(mask, affine, line, points, table, name="discs")


def test_levels_of_voxels_are_those_of_the_phantom(person):
    mask, _, truth = person
    levels = levels_of(person)
    same = levels.vertebrae[mask] == truth.labels["vertebrae"][mask]
    # A disc is labelled to a voxel of 1 mm, and vertebrae are 16 mm high.
    assert same.mean() > 0.95
    # Spinal levels depend on the conus, which is not in view: this person's lies where it may.
    off = levels.spinal[mask].astype(int) - truth.labels["spinallevels"][mask]
    assert np.abs(off).max() <= 1
    assert not levels.vertebrae[~mask].any()


def test_means_by_level_are_those_of_the_true_areas(person):
    _, _, truth = person
    table = levels_of(person).per_level.set_index("level")
    assert table["level_name"].to_dict() == {3: "C3", 4: "C4", 5: "C5", 6: "C6"}
    level = np.floor(truth.slices["vertebral_level"])
    for value in (4, 5):
        expected = truth.slices["area"][level == value].mean()
        # The edge of a binary mask: a per cent over 16 slices.
        assert table["area_mean"][value] == pytest.approx(expected, rel=0.02)
        assert table["beyond_labels"][value] == 0
        assert table["length"][value] == pytest.approx((level == value).sum(), abs=2)


def test_levels_beyond_the_labels_say_how_far(person):
    table = levels_of(person, keep=lambda value: value in (4, 5)).per_level.set_index("level")
    assert table["beyond_labels"][4] < 1
    assert table["beyond_labels"][6] > 10


def test_discs_in_the_wrong_order_are_refused(person):
    mask, affine, truth = person
    discs = truth.labels["discs"].copy()
    four, five = discs == 4, discs == 5
    discs[four], discs[five] = 5, 4
    line = fit_centerline(mask, affine)
    points, _ = read_points(discs, affine, name="discs")
    table = measure_slices(mask, affine, centerline=line)
    with pytest.raises(LabelError, match="discs"):
        assign_levels(mask, affine, line, points, table, name="discs")


def test_levels_of_the_volunteer_are_those_of_another_program(errsm30):
    reference = errsm30.parent / "reference-errsm30/t2/levels_from_discs.nii.gz"
    if not reference.is_file():
        pytest.skip(f"needs {reference}")
    labels = errsm30 / "derivatives/labels/sub-errsm30/anat"
    mask = nib.load(labels / "sub-errsm30_T2w_label-SC_seg.nii.gz")
    discs = nib.load(labels / "sub-errsm30_T2w_label-discs_dlabel.nii.gz")
    voxels = np.asarray(mask.dataobj) > 0
    line = fit_centerline(voxels, mask.affine)
    points, _ = read_points(np.asarray(discs.dataobj), discs.affine, name="discs")
    table = measure_slices(voxels, mask.affine, centerline=line)
    levels = assign_levels(voxels, mask.affine, line, points, table, name="discs")
    theirs = np.asarray(nib.load(reference).dataobj)
    same = levels.vertebrae == theirs
    # The other program gives the whole slice of a disc to the vertebra above; here the boundary
    # lies across the cord, through the middle of that slice.
    of_discs = np.zeros(voxels.shape, bool)
    of_discs[:, np.rint(points.voxels[:, 1]).astype(int)] = True
    assert same[voxels & ~of_discs].mean() >= 0.98
    assert same[voxels].mean() >= 0.93
    assert levels.per_level["level"].tolist() == [2, 3, 4, 5, 6]


def test_discs_of_an_image_that_shows_more_are_used_where_they_fit_without_a_word(person):
    """Far from this cord, discs of the whole spine lie beside its straight continuation."""
    mask, affine, truth = person
    line = fit_centerline(mask, affine)
    anatomy = make_person(1)
    tips = points(anatomy).query("kind == 'disc_posterior'")
    world = anatomy.curve.to_world(tips[["u", "v", "s"]].to_numpy())
    discs = points_at(tips["value"].to_numpy(), world, affine)
    table = measure_slices(mask, affine, centerline=line)
    whole = assign_levels(mask, affine, line, discs, table, name="discs", elsewhere=True)
    assert whole.warnings == []
    same = whole.vertebrae[mask] == truth.labels["vertebrae"][mask]
    assert same.mean() > 0.98
    with pytest.raises(LabelError, match="too far from the cord"):
        assign_levels(mask, affine, line, discs, table, name="discs")
