"""The synthetic dataset: reproducible, valid BIDS, and a neck with a known cord."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from sctflow.cli.data import main
from sctflow.demo import make_participant, write_demo
from sctflow.demo.neck import SIGNAL, draw, make_anatomy
from sctflow.errors import DatasetError


@pytest.fixture(scope="module", params=[1, 2])
def participant(request):
    return request.param


@pytest.fixture(scope="module")
def images(participant):
    return {drawn.suffix: drawn for drawn in make_participant(participant)}


def test_storage_orders_differ_and_only_even_participants_are_oblique(participant, images):
    assert nib.aff2axcodes(images["T2w"].image.affine) == ("P", "S", "R")
    axial = images["T2star"].image
    assert nib.aff2axcodes(axial.affine) == ("L", "A", "S")
    tilt = np.rad2deg(np.max(nib.affines.obliquity(axial.affine)))
    assert tilt == pytest.approx(make_anatomy(participant).tilt, abs=1e-3)
    assert (tilt > 1) == (participant == 2)


@pytest.mark.parametrize("suffix", ["T2w", "T2star"])
def test_truth_has_the_area_of_the_ellipse_it_was_drawn_as(participant, images, suffix):
    cord = images[suffix].cord
    canonical = nib.as_closest_canonical(cord)
    area = np.asarray(canonical.dataobj).sum((0, 1)) * np.prod(canonical.header.get_zooms()[:2])
    middle = np.array(canonical.shape) / 2
    heights = (
        np.outer(np.arange(canonical.shape[2]), canonical.affine[:3, 2])
        + canonical.affine[:3, 3]
        + canonical.affine[:3, :2] @ middle[:2]
    )[:, 2]
    a, b = make_anatomy(participant).cord_axes(heights)
    assert area.min() > 0  # the cord runs through the whole volume
    # A slice that is not perpendicular to the cord shows more of it, up to a few percent here.
    assert np.mean(area) == pytest.approx(np.mean(np.pi * a * b), rel=0.03)


@pytest.mark.parametrize("suffix", ["T2w", "T2star"])
def test_cord_lies_in_brighter_csf(images, suffix):
    data = np.asarray(images[suffix].image.dataobj).astype(float)
    cord = np.asarray(images[suffix].cord.dataobj) > 0
    inner = ndimage.binary_erosion(cord, border_value=1)
    zooms = images[suffix].image.header.get_zooms()
    distance = ndimage.distance_transform_edt(~cord, sampling=zooms)
    ring = (distance > 0.5) & (distance <= 1.5)
    # Slice by slice, since the coil's sensitivity changes along the cord.
    along = int(np.argmax(np.abs(images[suffix].image.affine[2, :3])))
    for k in range(data.shape[along]):
        here = [np.take(x, k, along) for x in (data, inner, ring)]
        assert here[0][here[2]].mean() > 1.2 * here[0][here[1]].mean()


def test_tissues_are_where_anatomy_has_them():
    anatomy = make_anatomy(1)
    tissue = {name: float(i + 1) for i, name in enumerate(SIGNAL["T2star"])}
    z = anatomy.level_offset + 0.5 * anatomy.vertebra_height  # the middle of a vertebral body
    x, y = anatomy.center(np.float64(z))
    half_width, half_depth = anatomy.cord_axes(np.float64(z))
    horn, lateral = 0.32 * half_width, 0.75 * half_width
    places = {  # offsets in mm to the right and to the front of the cord's centre
        "gray": [(horn, 0.22 * half_depth), (-horn, 0.22 * half_depth), (0, 0.05 * half_depth)],
        "white": [(lateral, 0), (-lateral, 0), (0, -0.5 * half_depth)],
        "csf": [(0, half_depth + 1.2), (0, -half_depth - 1.2)],
        "marrow": [(0, 0.5 * anatomy.canal_depth + 8.6)],
    }
    for name, offsets in places.items():
        points = np.add(offsets, (x, y))
        signal, cord = draw(
            anatomy, tissue, *points.T[..., None], np.full((len(points), 1), z), edge=0.1
        )
        np.testing.assert_allclose(signal, tissue[name], atol=1e-3, err_msg=name)
        assert (cord == (name in ("gray", "white"))).all()


def test_same_seed_same_bytes(tmp_path, demo_dataset):
    again = write_demo(tmp_path / "again", labels=True)
    files = _files(demo_dataset)
    assert len(files) == 16
    assert files == _files(again)
    for file in files:
        assert (demo_dataset / file).read_bytes() == (again / file).read_bytes(), file


def test_another_seed_and_another_participant_are_other_people():
    first, other_seed, other_person = make_anatomy(1), make_anatomy(1, seed=1), make_anatomy(2)
    assert len({first.cord_width, other_seed.cord_width, other_person.cord_width}) == 3


def test_dataset_is_valid_bids(demo_dataset):
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.exists():
        pytest.skip("needs the BIDS validator: pip install bids-validator-deno")
    command = [str(validator), str(demo_dataset), "--format", "json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    issues = json.loads(run.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []


def test_labels_are_found_as_manual_masks(demo_dataset):
    from sctflow.bids import find_manual_labels

    for image in demo_dataset.glob("sub-*/anat/*.nii.gz"):
        mask = find_manual_labels(image, demo_dataset, ())["SC"]
        np.testing.assert_allclose(nib.load(mask).affine, nib.load(image).affine, atol=1e-6)
        assert nib.load(mask).shape == nib.load(image).shape


def test_command_writes_what_was_asked_for(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", str(out), "--participants", "1", "--seed", "3"]) == 0
    assert str(out) in capsys.readouterr().out
    assert [path.name for path in out.glob("sub-*")] == ["sub-01"]
    assert not (out / "derivatives").exists()
    assert "--seed 3" in (out / "README.md").read_text()


def test_full_folder_is_refused_and_left_as_it_was(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("precious")
    assert main(["demo", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("sctflow.demo.save_image", _full_disk)
    with pytest.raises(OSError, match="disk"):
        write_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_needs_participants(tmp_path):
    with pytest.raises(DatasetError, match="at least one"):
        write_demo(tmp_path / "demo", participants=0)


def _files(root):
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


def _full_disk(*args, **kwargs):
    raise OSError("the disk is full")
