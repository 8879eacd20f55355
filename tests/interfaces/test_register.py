"""The node that registers two images: files in, fields and images out."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.registration import parse_steps
from sctflow.core.transforms import Affine
from sctflow.errors import ImageError, RegistrationError
from sctflow.interfaces.register import RegisterImages
from sctflow.io import load_image
from sctflow.xfm import load_field, save_affine

AFFINE = np.diag([0.8, 0.8, 5.0, 1.0])
SHAPE = (44, 40, 7)


def drawn(at, turned=0.0):
    """An oval cord in a bright canal: image and mask."""
    x, y = np.meshgrid(*[np.arange(n) * 0.8 for n in SHAPE[:2]], indexing="ij")
    x, y = x - at[0], y - at[1]
    cos, sin = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    x, y = cos * x + sin * y, cos * y - sin * x
    seg = (x / 6.5) ** 2 + (y / 4.5) ** 2 < 1
    image = 300 * ((x / 10) ** 2 + (y / 8) ** 2 < 1) - 150.0 * seg + 20 * np.sin(x)
    return [np.repeat(a[:, :, None], SHAPE[2], axis=2) for a in (image, seg.astype(np.uint8))]


@pytest.fixture
def pair(tmp_path, save, monkeypatch):
    """Moving image and mask 6 mm to the right and 3 to the back, turned by 10 degrees."""
    monkeypatch.chdir(tmp_path)
    files = {}
    for name, (image, seg) in {
        "reference": drawn((16, 16)),
        "in": drawn((22, 13), turned=10),
    }.items():
        files[f"{name}_file"] = str(save(image.astype(np.float32), AFFINE, f"{name}.nii.gz"))
        files[f"{name}_mask"] = str(save(seg, AFFINE, f"{name}_seg.nii.gz"))
    return files


def without_masks(pair):
    return {name: path for name, path in pair.items() if name.endswith("_file")}


def test_masks_bring_images_together_both_ways(pair, tmp_path):
    found = RegisterImages(**pair).run(cwd=tmp_path).outputs
    assert found.warnings == []
    assert [step.algo for step in parse_steps(found.steps)] == ["centermassrot", "columnwise"]
    for image, onto, mask, start in (
        (found.out_file, pair["reference_file"], pair["reference_mask"], pair["in_file"]),
        (found.out_reference, pair["in_file"], pair["in_mask"], pair["reference_file"]),
    ):
        warped, wanted, began = (load_image(path) for path in (image, onto, start))
        assert warped.shape == wanted.shape
        np.testing.assert_allclose(warped.affine, wanted.affine)
        inside = load_image(mask).get_fdata() > 0
        missed, at_first = (
            np.abs(img.get_fdata() - wanted.get_fdata())[inside].mean() for img in (warped, began)
        )
        assert missed < 0.15 * at_first


def test_fields_lead_there_and_back_and_are_about_as_fine_as_a_millimetre(pair, tmp_path):
    found = RegisterImages(**pair).run(cwd=tmp_path).outputs
    forward, backward = load_field(found.warp_forward), load_field(found.warp_backward)
    for field in (forward, backward):
        assert np.linalg.norm(field.affine[:3, :3], axis=0).max() < 1.3
    inside = np.argwhere(load_image(pair["reference_mask"]).get_fdata() > 0) @ np.diag(
        [0.8, 0.8, 5]
    )
    there = forward.map_points(inside)
    np.testing.assert_allclose(there.mean(axis=0) - inside.mean(axis=0), [6, -3, 0], atol=0.1)
    assert np.linalg.norm(backward.map_points(there) - inside, axis=1).max() < 0.1


def test_antspy_applies_the_field_as_the_node_does(pair, tmp_path):
    import ants

    found = RegisterImages(**pair).run(cwd=tmp_path).outputs
    theirs = ants.apply_transforms(
        fixed=ants.image_read(pair["reference_file"]),
        moving=ants.image_read(pair["in_file"]),
        transformlist=[found.warp_forward],
    ).numpy()
    ours = load_image(found.out_file).get_fdata()
    # The field is interpolated from its millimetre grid; the node samples the transforms.
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(theirs - ours)[inner].mean() < 2


def test_without_masks_or_steps_only_headers_count_and_it_says_so(pair, tmp_path):
    found = RegisterImages(**without_masks(pair)).run(cwd=tmp_path).outputs
    assert found.steps == ""
    assert "No masks and no steps" in found.warnings[0]
    np.testing.assert_array_equal(
        load_image(found.out_file).get_fdata(), load_image(pair["in_file"]).get_fdata()
    )


def test_initial_transforms_are_taken_both_ways(pair, tmp_path):
    shift = np.eye(4)
    shift[:3, 3] = 6, -3, 0
    there = save_affine(Affine(shift), tmp_path / "there.txt")
    back = save_affine(Affine(np.linalg.inv(shift)), tmp_path / "back.txt")
    node = RegisterImages(
        **without_masks(pair),
        steps="",
        initial_transforms=[str(there)],
        initial_inverse_transforms=[str(back)],
    )
    found = node.run(cwd=tmp_path).outputs
    assert found.warnings == []
    np.testing.assert_allclose(
        load_field(found.warp_forward).vectors.reshape(-1, 3),
        np.broadcast_to([6, -3, 0], (load_field(found.warp_forward).vectors.size // 3, 3)),
        atol=1e-5,
    )
    assert load_field(found.warp_backward).vectors[..., 0].max() == pytest.approx(-6)


def test_labels_of_a_mask_stored_the_other_way_round_are_turned(pair, tmp_path, save):
    labels = {}
    for name, shift in (("reference", 0), ("in", 3)):
        label = np.zeros(SHAPE, np.uint8)
        label[20 + shift, 10, 1], label[20 + shift, 12, 5] = 3, 4
        img = nib.Nifti1Image(label, AFFINE).as_reoriented([[0, -1], [2, 1], [1, -1]])
        path = save(np.asanyarray(img.dataobj), img.affine, tmp_path / f"{name}_labels.nii.gz")
        labels[f"{name}_labels"] = str(path)
    node = RegisterImages(**without_masks(pair), **labels, steps="step=0,type=label,dof=Tx_Ty")
    field = load_field(node.run(cwd=tmp_path).outputs.warp_forward)
    np.testing.assert_allclose(field.vectors[5, 5, 1], [2.4, 0, 0], atol=1e-3)


def test_what_cannot_be_is_said_before_anything_is_written(pair, tmp_path, save):
    series = save(np.zeros((*SHAPE, 3)), AFFINE, tmp_path / "series.nii.gz")
    with pytest.raises(ImageError, match=r"series\.nii\.gz.*3-D"):
        RegisterImages(**{**pair, "in_file": str(series)}).run(cwd=tmp_path)
    with pytest.raises(RegistrationError, match="no key 'speed'"):
        RegisterImages(**pair, steps="step=1,type=im,algo=syn,speed=9").run(cwd=tmp_path)
    far = save(np.zeros(SHAPE, np.uint8), AFFINE + np.eye(4) * 0.5, tmp_path / "far.nii.gz")
    with pytest.raises(ImageError, match=r"far\.nii\.gz"):
        RegisterImages(**{**pair, "in_mask": str(far)}).run(cwd=tmp_path)
    assert not (tmp_path / "warp_forward.nii.gz").exists()
