"""The nodes that straighten and smooth: files that fit together, and warnings."""

import nibabel as nib
import numpy as np
import pytest
from nipype.interfaces.base import isdefined

from sctflow.core.transforms import map_points
from sctflow.errors import SegmentationError
from sctflow.interfaces.centerline import FitCenterline, empty_centerline
from sctflow.interfaces.straighten import SmoothAlongCord, StraightenCord
from sctflow.interfaces.transforms import ApplyTransforms
from sctflow.io import save_table
from sctflow.xfm import load_field

TURN = np.deg2rad(25.0)


@pytest.fixture(autouse=True)
def _work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bent(save, tmp_path):
    """A cord that bends forwards and back, in an oblique image stored head first."""
    x, y, z = np.moveaxis(np.indices((40, 60, 50)), 0, 0)
    middle = 30 + 3 * np.sin(z / 12)
    radius = np.hypot((x - 20) / 6, (y - middle) / 4)
    mask = np.clip(5 * (1 - radius) + 0.5, 0, 1).astype(np.float32)
    image = (1000 * np.exp(-(((x - 20) / 9) ** 2) - ((y - middle) / 6) ** 2)).astype(np.int16)
    cos, sin = np.cos(TURN), np.sin(TURN)
    affine = np.array([[0.8, 0, 0, -16], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1.0]])
    affine = affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 49], [0, 0, 0, 1.0]])
    return (
        str(save(image[:, :, ::-1], affine, tmp_path / "image.nii.gz")),
        str(save(mask[:, :, ::-1], affine, tmp_path / "mask.nii.gz")),
    )


def test_the_straight_image_has_the_cord_in_its_middle(bent):
    image, mask = bent
    found = StraightenCord(in_file=image, mask_file=mask, spacing_mm=1.0).run().outputs
    assert found.warnings == []
    straight = nib.load(found.out_mask)
    assert straight.shape == nib.load(found.out_file).shape
    inner = np.asarray(straight.dataobj)[:, :, 10:-10].astype(float)
    x, y = (np.arange(n) - (n - 1) / 2 for n in inner.shape[:2])
    area = inner.sum(axis=(0, 1))
    assert np.abs(np.einsum("i,ijk->k", x, inner) / area).max() < 0.01
    # The line is smooth, and a section that is perpendicular to it cuts the ellipse at a slant.
    assert np.abs(np.einsum("j,ijk->k", y, inner) / area).max() < 0.15
    assert straight.header.get_zooms() == (1, 1, 1)


def test_written_fields_do_what_the_node_did_and_undo_it(bent):
    image, mask = bent
    found = StraightenCord(in_file=image, mask_file=mask, half_width_mm=15).run().outputs
    again = ApplyTransforms(
        in_file=image, reference_file=found.out_file, transforms=[found.warp_to_straight]
    ).run()
    np.testing.assert_allclose(
        np.asarray(nib.load(again.outputs.out_file).dataobj),
        np.asarray(nib.load(found.out_file).dataobj),
        atol=3.0,  # of 1000, on slopes of 100 per mm
    )
    cord = nib.load(mask)
    points = nib.affines.apply_affine(cord.affine, np.argwhere(np.asarray(cord.dataobj)))
    there = map_points(points, [load_field(found.warp_from_straight)])
    back = map_points(there, [load_field(found.warp_to_straight)])
    away = np.linalg.norm(back - points, axis=1)
    assert np.percentile(away, 95) < 0.06
    assert away.max() < 0.5


def test_voxels_are_as_large_as_the_images_unless_asked(bent):
    image, mask = bent
    found = StraightenCord(in_file=image, mask_file=mask).run().outputs
    np.testing.assert_allclose(nib.load(found.out_file).header.get_zooms(), (0.8, 1, 1))


def test_a_centreline_serves_as_well_as_its_mask(bent):
    image, mask = bent
    line = FitCenterline(mask_file=mask).run().outputs.out_table
    one = StraightenCord(in_file=image, mask_file=mask).run().outputs
    expected = np.asarray(nib.load(one.out_file).dataobj)
    other = StraightenCord(in_file=image, centerline_file=line).run().outputs
    assert not isdefined(other.out_mask)
    # The table has six digits.
    np.testing.assert_allclose(np.asarray(nib.load(other.out_file).dataobj), expected, atol=0.1)


def test_a_line_that_bends_too_much_is_warned_about(save, tmp_path):
    x, y, z = np.indices((20, 60, 40))
    mask = ((x - 10) ** 2 + (y - 30 - 9 * np.sin(z / 9)) ** 2 <= 16).astype(np.uint8)
    path = str(save(mask, np.eye(4), tmp_path / "bend_mask.nii.gz"))
    found = StraightenCord(in_file=path, mask_file=path).run().outputs
    assert any("repeats itself" in text for text in found.warnings)
    assert all(text.startswith("bend_mask.nii.gz: ") for text in found.warnings)


@pytest.mark.parametrize("node", [StraightenCord, SmoothAlongCord])
def test_a_cord_that_is_not_there_is_refused(node, bent, save, tmp_path):
    empty = str(save(np.zeros((4, 4, 4), np.uint8), np.eye(4), tmp_path / "none.nii.gz"))
    with pytest.raises(SegmentationError, match=r"none\.nii\.gz: the mask is empty"):
        node(in_file=bent[0], mask_file=empty).run()
    table = str(save_table(empty_centerline(), tmp_path / "none.tsv"))
    with pytest.raises(SegmentationError, match=r"none\.tsv: the centreline has no points"):
        node(in_file=bent[0], centerline_file=table).run()


def test_a_series_is_smoothed_along_the_cord(bent, tmp_path):
    image, mask = bent
    img = nib.load(image)
    noise = np.random.default_rng(0).normal(size=(*img.shape, 2))
    series = nib.Nifti1Image(noise, img.affine)
    series.header.set_zooms((0.8, 1, 1, 1.5))
    series.to_filename(tmp_path / "series.nii.gz")
    found = SmoothAlongCord(in_file=tmp_path / "series.nii.gz", mask_file=mask, sigma_mm=3.0)
    smooth = nib.load(found.run().outputs.out_file)
    assert smooth.header.get_zooms()[3] == 1.5
    np.testing.assert_allclose(smooth.affine, img.affine)
    cord = np.asarray(nib.load(mask).dataobj) > 0
    # White noise that is averaged over a Gaussian of 3 mm on slices of 1 mm.
    assert np.asarray(smooth.dataobj)[cord].std() == pytest.approx(
        1 / np.sqrt(2 * np.sqrt(np.pi) * 3.0), rel=0.15
    )


def test_in_a_graph_nothing_is_smoothed_where_there_is_no_cord(bent, tmp_path):
    table = save_table(empty_centerline(), tmp_path / "none.tsv")
    node = SmoothAlongCord(in_file=bent[0], centerline_file=str(table), skip_empty=True)
    assert not isdefined(node.run().outputs.out_file)
