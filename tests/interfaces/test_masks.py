import nibabel as nib
import numpy as np
import pytest

from sctflow.core.labels import LabelError
from sctflow.errors import SegmentationError
from sctflow.interfaces.masks import CreateMask, CropImage, FlattenSagittal

AFFINE = nib.affines.from_matvec(np.diag([-1.0, 1.0, 4.0]), [20, -18, 100])


@pytest.fixture
def files(tmp_path, save):
    """Image of a cord that leans, its mask, and labelled points."""
    mask = np.zeros((40, 36, 8), np.uint8)
    for k in range(1, 7):
        mask[10 + 2 * k : 14 + 2 * k, 16:20, k] = 1
    points = np.zeros_like(mask)
    points[12, 20, 3] = 5
    two = points.copy()
    two[12, 20, 6] = 6
    pieces = {"image": mask * 100.0 + 7, "mask": mask, "point": points, "two": two}
    return {name: save(data, AFFINE, tmp_path / f"{name}.nii.gz") for name, data in pieces.items()}


def _centers(node, tmp_path):
    data = np.asarray(nib.load(node.run(cwd=tmp_path).outputs.out_file).dataobj)
    return [np.argwhere(plane).mean(0).tolist() if plane.any() else None for plane in data.T]


@pytest.mark.parametrize(
    ("around", "center"),
    [
        ({}, (19.5, 17.5)),
        ({"point": [12.0, 20.0, 3.0]}, (12, 20)),
        ({"point": [8.0, 2.0, 112.0], "space": "world"}, (12, 20)),
    ],
)
def test_a_mask_is_drawn_around_a_place_in_every_slice(files, tmp_path, around, center):
    node = CreateMask(in_file=files["image"], size_mm=8.0, **around)
    # Planes are transposed: front first.
    assert _centers(node, tmp_path) == [pytest.approx(center[::-1])] * 8


def test_a_mask_is_drawn_around_a_labelled_point(files, tmp_path):
    node = CreateMask(in_file=files["image"], label_file=files["point"], size_mm=8.0)
    assert _centers(node, tmp_path)[7] == pytest.approx((20, 12))
    with pytest.raises(LabelError, match=r"two.nii.gz: 2 points are labelled"):
        CreateMask(in_file=files["image"], label_file=files["two"]).run(cwd=tmp_path)


def test_a_mask_follows_the_cord(files, tmp_path):
    node = CreateMask(in_file=files["image"], cord_file=files["mask"], kind="box", size_mm=8.0)
    centers = _centers(node, tmp_path)
    assert centers[0] is centers[7] is None
    assert [x for _, x in centers[1:7]] == pytest.approx([13.5, 15.5, 17.5, 19.5, 21.5, 23.5])


def test_what_is_cropped_keeps_its_values_and_places(files, tmp_path):
    node = CropImage(in_file=files["image"], mask_file=files["mask"], margins_mm=[2, 3, 4])
    part, whole = nib.load(node.run(cwd=tmp_path).outputs.out_file), nib.load(files["image"])
    np.testing.assert_array_equal(part.dataobj, np.asarray(whole.dataobj)[10:28, 13:23])
    np.testing.assert_allclose(part.affine @ [0, 0, 0, 1], AFFINE @ [10, 13, 0, 1])


def test_the_cord_stands_upright_in_the_middle_plane(files, tmp_path):
    node = FlattenSagittal(in_file=files["image"], mask_file=files["mask"])
    flat = np.asarray(nib.load(node.run(cwd=tmp_path).outputs.out_file).dataobj)
    # The middle plane to the right is voxel 20 of an image stored from right to left.
    assert (flat[20, 17, 1:7] == 107).all()


@pytest.mark.parametrize("node", [CropImage, FlattenSagittal])
def test_an_empty_mask_is_refused_by_name(files, tmp_path, save, node):
    empty = save(np.zeros((40, 36, 8), np.uint8), AFFINE, tmp_path / "empty.nii.gz")
    with pytest.raises(SegmentationError, match=r"empty.nii.gz: the mask is empty"):
        node(in_file=files["image"], mask_file=empty).run(cwd=tmp_path)
