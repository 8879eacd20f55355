"""Chains of steps: labels, initial transforms, what is missing, and real images."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.registration import DEFAULT_STEPS, ImageData, register
from sctflow.core.transforms import Affine, map_points, resample_through
from sctflow.errors import RegistrationError


def labelled(affine, voxels, shape=(40, 40, 60)):
    label = np.zeros(shape, np.uint8)
    for value, voxel in voxels.items():
        label[tuple(voxel)] = value
    return ImageData(affine, label=label)


DISCS = {3: (20, 12, 10), 4: (20, 14, 25), 5: (21, 15, 40), 6: (20, 17, 55)}


def moved_affine(rotate):
    """World of an image whose discs lie turned, scaled and shifted."""
    moved = np.eye(4)
    moved[:3, 3] = 5, -8, 12
    return moved @ rotate("x", 12) @ np.diag([1, 1, 1.1, 1])


@pytest.mark.parametrize(
    ("dof", "worst"),
    [("Tx_Ty_Tz_Rx_Ry_Rz_Sz", 0.02), ("Tx_Ty_Tz_Rx", 3.0), ("Tx_Ty_Tz", 8.0)],
)
def test_labels_are_brought_together_by_what_may_change(rotate, dof, worst):
    truth = moved_affine(rotate)
    fixed = labelled(np.eye(4), DISCS)
    moving = labelled(truth, {**DISCS, 60: (1, 1, 1)})
    found = register(fixed, moving, steps=f"step=1,type=label,dof={dof}")
    points = np.array(list(DISCS.values()), dtype=float)
    wanted = map_points(points, [Affine(truth)])
    missed = np.linalg.norm(map_points(points, found.forward) - wanted, axis=1).max()
    assert missed < worst
    if worst > 1:  # what may not change is needed
        assert missed > worst / 4
    back = map_points(map_points(points, found.forward), found.backward)
    np.testing.assert_allclose(back, points, atol=1e-9)


def test_what_labels_leave_open_stays_as_it_is():
    line = {value: (20, 20, 10 * value) for value in range(2, 6)}
    fixed, moving = labelled(np.eye(4), line), labelled(np.diag([1, 1, 1.2, 1.0]), line)
    found = register(fixed, moving, steps="step=1,type=label,dof=Tz_Rx_Ry_Rz_Sx_Sz")
    corner = map_points(np.array([30.0, 20, 30]), found.forward)
    np.testing.assert_allclose(corner, [30, 20, 36], atol=0.02)


def test_axes_of_the_freedoms_are_those_of_the_fixed_image(rotate):
    turn = rotate("y", 30)
    shift = np.eye(4)
    shift[:3, 3] = 7 * turn[:3, 2]
    fixed, moving = labelled(turn, DISCS), labelled(shift @ turn, DISCS)
    found = register(fixed, moving, steps="step=1,type=label,dof=Tz")
    np.testing.assert_allclose(map_points(np.zeros(3), found.forward), shift[:3, 3], atol=1e-3)


def test_a_later_step_starts_where_the_earlier_ended(scene):
    moved = scene(shift=(3, -2), degrees=12, scale=(1.1, 0.8))
    found = register(
        moved.fixed,
        moved.moving,
        steps="step=1,type=seg,algo=centermass:step=2,type=seg,algo=centermassrot:"
        "step=3,type=im,algo=affine,slicewise=1",
    )
    assert len(found.forward) == len(found.backward) == 3
    after = [np.mean(moved.errors(found.forward[n:])) for n in (3, 2, 1, 0)]
    assert after[0] > 3
    assert after[1] < 0.5 * after[0]
    assert after[2] < 0.8 * after[1]
    assert after[3] < 0.05
    back = map_points(map_points(moved.cord, found.forward), found.backward)
    assert np.linalg.norm(back - moved.cord, axis=1).max() < 0.1


@pytest.mark.parametrize("inverse", ["given", "of an affine", "of a field"])
def test_steps_go_on_from_initial_transforms(scene, rotate, inverse):
    moved = scene(shift=(2, -2), degrees=5)
    away = np.eye(4)
    away[:3, 3] = 40, 60, -25
    away = away @ rotate("z", 30)
    moving = replace(moved.moving, affine=away @ moved.moving.affine)
    initial = [Affine(away)]
    if inverse == "of a field":
        initial = [_Plain(Affine(away))]
    found = register(
        moved.fixed,
        moving,
        steps="step=1,type=seg,algo=centermassrot",
        initial=initial,
        initial_inverse=[Affine(np.linalg.inv(away))] if inverse == "given" else (),
    )
    assert len(found.forward) == 2
    there = map_points(moved.cord, found.forward)
    wanted = map_points(moved.truth.map_points(moved.cord), [Affine(away)])
    assert np.linalg.norm(there - wanted, axis=1).max() < 0.1
    back = map_points(there, found.backward)
    assert np.linalg.norm(back - moved.cord, axis=1).max() < 0.01


class _Plain:
    """A transform that is not known to be affine."""

    def __init__(self, affine):
        self.map_points = affine.map_points


def test_without_steps_the_initial_transforms_are_all(scene):
    moved = scene()
    initial = [Affine(np.diag([1, 1, 2.0, 1]))]
    found = register(moved.fixed, moved.moving, steps="", initial=initial)
    assert list(found.forward) == initial
    np.testing.assert_allclose(found.backward[0].matrix, np.diag([1, 1, 0.5, 1]))
    assert not register(moved.fixed, moved.moving, steps="").forward


def test_all_that_is_missing_is_named(scene):
    moved = scene()
    fixed, moving = replace(moved.fixed, seg=None), replace(moved.moving, image=None)
    with pytest.raises(RegistrationError) as caught:
        register(
            fixed,
            moving,
            steps="step=0,type=label:step=1,type=imseg,algo=syn",
            mask=np.ones((2, 2, 2)),
        )
    message = str(caught.value)
    for part in (
        "needs labels of the fixed image",
        "needs labels of the moving image",
        "needs a mask (seg) of the fixed image",
        "needs an image of the moving image",
        "The mask has the size (2, 2, 2), and the fixed image (60, 56, 7)",
    ):
        assert part in message
    assert "an image of the fixed" not in message


def test_masks_that_lie_apart_are_refused(scene):
    moved = scene()
    far = moved.moving.affine.copy()
    far[2, 3] += 500
    with pytest.raises(RegistrationError, match="no slice in common"):
        register(moved.fixed, replace(moved.moving, affine=far), steps=DEFAULT_STEPS)


def test_an_empty_mask_is_refused(scene):
    moved = scene()
    empty = replace(moved.fixed, seg=np.zeros_like(moved.fixed.seg))
    with pytest.raises(RegistrationError, match="empty"):
        register(empty, moved.moving, steps=DEFAULT_STEPS)


def test_labels_without_a_common_value_are_refused():
    sides = labelled(np.eye(4), {3: (1, 2, 3)}), labelled(np.eye(4), {4: (1, 2, 3)})
    with pytest.raises(RegistrationError, match="no value in common: 3 and 4"):
        register(*sides, steps="step=1,type=label")


def load(folder, name):
    stem = f"sub-errsm30_{name}"
    image = nib.load(folder / "sub-errsm30/anat" / f"{stem}.nii.gz")
    labels = folder / "derivatives/labels/sub-errsm30/anat"
    seg = nib.load(labels / f"{stem}_label-SC_seg.nii.gz")
    return ImageData(image.affine, image.get_fdata(dtype=np.float32), np.asanyarray(seg.dataobj))


def dice(fixed, moving, chain):
    """Overlap of the masks in the slices that both have."""
    warped = resample_through(
        moving.seg.astype(np.float32),
        moving.affine,
        chain,
        to_affine=fixed.affine,
        to_shape=fixed.seg.shape,
    )
    up = int(np.argmax(np.abs(fixed.affine[2, :3])))
    first, second = (np.moveaxis(mask > 0.5, up, 2) for mask in (fixed.seg, warped))
    both = first.any(axis=(0, 1)) & second.any(axis=(0, 1))
    first, second = first[..., both], second[..., both]
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.mark.parametrize(
    ("fixed", "moving"),
    [("T2w", "T2star"), ("T2star", "T2w"), ("T2w", "flip-1_mt-off_MTS"), ("T1w", "T2w")],
)
def test_real_pairs_overlap_by_the_default_steps(errsm30, fixed, moving):
    fixed, moving = load(errsm30, fixed), load(errsm30, moving)
    found = register(fixed, moving, steps=DEFAULT_STEPS)
    assert dice(fixed, moving, ()) < 0.9
    assert dice(fixed, moving, found.forward) > 0.95
    back = map_points(map_points(np.zeros((1, 3)), found.forward), found.backward)
    assert np.linalg.norm(back) < 0.5
