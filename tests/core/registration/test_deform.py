"""Deformations by ANTs: they help, stay in the slices, and come out the same twice."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from sctflow.core.registration import ALGORITHMS, register
from sctflow.core.transforms import compose, jacobian_determinant, map_points, resample_through

SMALL = {"zooms": (1.0, 1.0, 5.0), "shape": (34, 30, 4)}


def agreement(scene, chain):
    """Correlation of the images in and about the cord, slice by slice."""
    warped, near = (
        resample_through(
            data, affine, chain_, to_affine=scene.fixed.affine, to_shape=scene.fixed.image.shape
        )
        for data, affine, chain_ in (
            (scene.moving.image, scene.moving.affine, chain),
            (scene.fixed.seg, scene.fixed.affine, ()),
        )
    )
    near = ndimage.gaussian_filter(near, (3, 3, 0))
    return min(
        abs(np.corrcoef(warped[..., s][near[..., s] > 0.1], i[near[..., s] > 0.1])[0, 1])
        for s, i in enumerate(np.moveaxis(scene.fixed.image, 2, 0))
    )


@pytest.mark.parametrize("slicewise", [0, 1])
@pytest.mark.parametrize("algo", ["syn", "bsplinesyn"])
def test_a_compressed_cord_is_matched_within_its_slices(scene, algo, slicewise):
    moved = scene(scale=(1.1, 0.75), **SMALL)
    steps = f"step=1,type=seg,algo={algo},slicewise={slicewise}"
    found = register(moved.fixed, moved.moving, steps=steps)
    before, after = moved.errors(()), moved.errors(found.forward)
    assert np.sqrt((after**2).mean()) < 0.7 * np.sqrt((before**2).mean())
    moves = map_points(moved.cord, found.forward) - moved.cord
    assert np.abs(moves[:, 2]).max() < 1e-9
    field = compose(found.forward, affine=moved.fixed.affine, shape=moved.fixed.image.shape)
    assert jacobian_determinant(field).min() > 0.1
    back = map_points(map_points(moved.cord, found.forward), found.backward)
    assert np.linalg.norm(back - moved.cord, axis=1).max() < 0.2


def test_the_outermost_slices_are_matched_as_well_as_the_others(scene):
    moved = scene(scale=(1.1, 0.75), **SMALL)
    errors = moved.errors(
        register(moved.fixed, moved.moving, steps="step=1,type=seg,algo=syn").forward
    )
    height = np.abs(moved.cord[:, 2])
    assert errors[height == height.max()].mean() < 1.3 * errors[height < 6].mean()


def test_a_deformation_ends_with_the_region_that_counts(scene):
    moved = scene(scale=(1.1, 0.75), **SMALL)
    region = np.zeros(moved.fixed.image.shape)
    region[17:] = 1
    steps = "step=1,type=im,algo=syn,slicewise=1"
    moves = {}
    for name, mask in {"everywhere": None, "right": region}.items():
        found = register(moved.fixed, moved.moving, steps=steps, mask=mask)
        places = map_points(moved.cord, found.forward)
        moves[name] = np.linalg.norm(places - moved.cord, axis=1)
    left = moved.cord[:, 0] < -3
    # It fades over some voxels.
    assert moves["right"][left].mean() < 0.5 * moves["everywhere"][left].mean()
    assert moves["right"][~left].mean() > 0.6 * moves["everywhere"][~left].mean()


@pytest.mark.parametrize("metric", ["CC", "MI"])
def test_images_of_another_contrast_are_matched_by(scene, metric):
    moved = scene(scale=(1.1, 0.85), kind="reversed", **SMALL)
    steps = f"step=1,type=im,algo=syn,metric={metric},iter=20,smooth=0,slicewise=1"
    found = register(moved.fixed, moved.moving, steps=steps)
    assert agreement(moved, found.forward) > agreement(moved, ()) + 0.02


def test_images_and_masks_together_do_better_than_masks_inside_the_cord(scene):
    moved = scene(scale=(1.1, 0.8), **SMALL)
    with_image = register(moved.fixed, moved.moving, steps="step=1,type=imseg,algo=syn")
    without = register(moved.fixed, moved.moving, steps="step=1,type=seg,algo=syn")
    assert agreement(moved, with_image.forward) > agreement(moved, without.forward)


def test_what_is_missing_from_one_image_does_not_pull(scene):
    moved = scene(scale=(1.1, 0.8), **SMALL)
    seg, image = moved.moving.seg.copy(), moved.moving.image.copy()
    seg[..., -2:], image[..., -2:] = 0, np.nan
    moving = replace(moved.moving, seg=seg, image=image)
    for kind in ("seg", "imseg"):
        found = register(moved.fixed, moving, steps=f"step=1,type={kind},algo=syn")
        errors, before = moved.errors(found.forward), moved.errors(())
        top = moved.cord[:, 2] > 3
        assert errors[top].mean() < 0.8 * before[top].mean()


def test_the_same_twice_and_no_file_left(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    moved = scene(scale=(1.1, 0.8), **SMALL)
    steps = "step=1,type=imseg,algo=bsplinesyn,metric=MI,iter=3"
    first, second = (register(moved.fixed, moved.moving, steps=steps) for _ in range(2))
    np.testing.assert_array_equal(first.forward[0].vectors, second.forward[0].vectors)
    assert list(Path(tmp_path).iterdir()) == []


OTHER = {
    "slicewise": "1",
    "metric": "MI",
    "iter": "3",
    "shrink": "2",
    "smooth": "2",
    "gradStep": "0.1",
}


def test_every_key_has_an_effect(scene):
    moved = scene(scale=(1.1, 0.85), wave=0.5, **SMALL)
    base = "step=1,type=seg,algo=syn"
    assert ALGORITHMS["syn"] == ALGORITHMS["bsplinesyn"]
    places = map_points(moved.cord, register(moved.fixed, moved.moving, steps=base).forward)
    for key in ALGORITHMS["syn"].defaults:
        found = register(moved.fixed, moved.moving, steps=f"{base},{key}={OTHER[key]}")
        assert np.abs(map_points(moved.cord, found.forward) - places).max() > 1e-3, key
