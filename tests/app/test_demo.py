"""The demo dataset: reproducible, valid BIDS, images that agree with the truth beside them."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.bids import find_manual_labels
from sctflow.cli.data import main
from sctflow.core.phantom.contrast import PROTOCOLS
from sctflow.demo import IMAGES, write_demo
from sctflow.demo.people import KINDS, make_person
from sctflow.errors import DatasetError


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Every image of a small field of view, of the two participants of `make demo`."""
    return write_demo(tmp_path_factory.mktemp("whole") / "bids", view="short")


def load(path: Path) -> np.ndarray:
    return nib.load(path).get_fdata()


def truth_of(root: Path, name: str, datatype: str = "anat", sub: str = "sub-01") -> Path:
    return root / "derivatives/truth" / sub / datatype / f"{sub}_{name}"


def test_every_image_is_there_with_its_sidecar(whole):
    for suffix in IMAGES:
        expected = [one for one in PROTOCOLS.values() if one.suffix == suffix]
        found = list(whole.glob(f"sub-01/{expected[0].datatype}/*_{suffix}.nii.gz"))
        assert len(found) == len(expected)
        for path in found:
            metadata = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
            assert metadata["EchoTime"] < 1 < 1000 * metadata["FlipAngle"]


def test_dataset_and_truth_are_bids(whole):
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.exists():
        pytest.skip("needs the BIDS validator: pip install bids-validator-deno")
    command = [str(validator), str(whole), "--format", "json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    issues = json.loads(run.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []


@pytest.mark.parametrize("suffix", ["T2w", "T2star", "MTS"])
def test_the_cord_is_where_the_truth_says(whole, suffix):
    """Healthy cord and CSF differ by what the signal equations say, in the made images."""
    path = next(whole.glob(f"sub-01/anat/*_{suffix}.nii.gz"))
    image = nib.load(path)
    data = image.get_fdata()
    cord, csf = (
        load(truth_of(whole, f"space-{suffix}_label-{label}_probseg.nii.gz")) > 0.999
        for label in ("SC", "CSF")
    )
    assert cord.shape == data.shape
    ratio = np.median(data[csf]) / np.median(data[cord])
    low, high = {"T2w": (1.8, 3.5), "T2star": (1.2, 1.9), "MTS": (0.5, 1.6)}[suffix]
    assert low < ratio < high


def test_truth_holds_masks_labels_and_the_atlas_on_the_grid_of_the_image(whole):
    image = nib.load(next(whole.glob("sub-01/anat/*T2star.nii.gz")))
    atlas = nib.load(truth_of(whole, "space-T2star_seg-SCTPhantom_probseg.nii.gz"))
    assert atlas.shape == (*image.shape, 37)
    np.testing.assert_allclose(atlas.affine, image.affine, atol=1e-5)
    cord = load(truth_of(whole, "space-T2star_label-SC_probseg.nii.gz"))
    np.testing.assert_allclose(atlas.get_fdata()[..., :36].sum(-1), cord, atol=1e-5)
    discs = load(truth_of(whole, "space-T2w_seg-discs_dseg.nii.gz"))
    # The short field of view reaches from C3 to C6; its edges cut the discs above and below.
    assert set(np.unique(discs)) >= {0, 4, 5, 6}
    table = pd.read_csv(truth_of(whole, "space-T2w_label-SC_desc-perslice_morph.tsv"), sep="\t")
    area = (load(truth_of(whole, "space-T2w_label-SC_probseg.nii.gz"))).sum()
    length = 1.0 / table["tangent_z"]
    assert area == pytest.approx((table["area"] * length).sum(), rel=0.05)


def test_the_second_participant_has_a_lesion_and_its_volume_is_told(whole):
    mask = truth_of(whole, "space-T2w_label-lesion_probseg.nii.gz", sub="sub-02")
    placed = truth_of(whole, "label-lesion_desc-placed.tsv", sub="sub-02")
    assert len(pd.read_csv(placed, sep="\t")) == 2
    told = pd.read_csv(
        truth_of(whole, "space-T2w_label-lesion_desc-lesions_morph.tsv", sub="sub-02"), sep="\t"
    )
    assert told["volume"][0] == pytest.approx(load(mask).sum(), rel=1e-4, abs=1e-6)
    assert not truth_of(whole, "space-T2w_label-lesion_mask.nii.gz").exists()


def test_diffusion_and_bold_come_with_their_motion(whole):
    for datatype, name in (("dwi", "dwi"), ("func", "task-hand_bold")):
        series = nib.load(whole / "sub-01" / datatype / f"sub-01_{name}.nii.gz")
        n_slices, n_volumes = series.shape[2:]
        each = pd.read_csv(truth_of(whole, "desc-motionslice_timeseries.tsv", datatype), sep="\t")
        assert len(each) == n_slices * n_volumes
        mean = pd.read_csv(truth_of(whole, "desc-motion_timeseries.tsv", datatype), sep="\t")
        assert np.abs(mean[["trans_x", "trans_y"]]).to_numpy().max() > 0.2
        first = each[each["volume"] == 0]
        assert np.abs(first[["trans_x", "trans_y"]]).to_numpy().max() == 0


def test_motion_in_the_file_is_the_motion_in_the_table(whole):
    """The cord in CSF moves by what the table says: centre of mass of a window about it."""
    series = nib.load(whole / "sub-01/func/sub-01_task-hand_bold.nii.gz")
    data, affine = canonical4d(series)
    cord, _ = canonical4d(nib.load(truth_of(whole, "label-canal_probseg.nii.gz", "func")))
    each = pd.read_csv(truth_of(whole, "desc-motionslice_timeseries.tsv", "func"), sep="\t")
    k = data.shape[2] // 2
    moved = each[each["slice"] == k].sort_values("volume")[["trans_x", "trans_y"]].to_numpy()
    still = np.argmax(np.abs(moved).sum(1))
    x, y = np.argwhere(cord[:, :, k, 0] > 0.5).mean(0).astype(int)
    box = np.s_[x - 14 : x + 15, y - 14 : y + 15, k]
    shift = correlate(data[box][..., 0], data[box][..., still])
    zooms = np.linalg.norm(affine[:3, :2], axis=0)
    # Whole-pixel correlation of one noisy pair: half a pixel, and a little for the noise.
    np.testing.assert_allclose(shift * zooms, moved[still], atol=0.7)


def canonical4d(image):
    from sctflow.core.grid import canonicalize

    data = image.get_fdata()
    data = data if data.ndim == 4 else data[..., None]
    volumes = [canonicalize(volume, image.affine) for volume in np.moveaxis(data, -1, 0)]
    return np.stack([volume for volume, _ in volumes], -1), volumes[0][1]


def correlate(fixed, moving):
    """Whole-pixel shift of `moving` against `fixed` that correlates best."""
    best = max(
        ((dx, dy) for dx in range(-4, 5) for dy in range(-4, 5)),
        key=lambda d: np.corrcoef(
            fixed[5:-5, 5:-5].ravel(), np.roll(moving, (-d[0], -d[1]), (0, 1))[5:-5, 5:-5].ravel()
        )[0, 1],
    )
    return np.array(best, float)


def test_true_mtr_is_what_the_images_give(whole):
    """MTR from the two images, in voxels that are all cord, against the truth; SNR 28."""
    on, off = (
        load(whole / f"sub-01/anat/sub-01_mt-{state}_MTR.nii.gz") for state in ("on", "off")
    )
    cord = load(truth_of(whole, "space-MTR_label-SC_probseg.nii.gz")) > 0.999
    told = load(truth_of(whole, "space-MTR_MTRmap.nii.gz"))[cord]
    measured = 100 * (1 - on[cord].mean() / off[cord].mean())
    assert measured == pytest.approx(told.mean(), abs=1.0)


def test_diffusion_gradients_are_along_the_axes_of_the_image(whole):
    """DIPY finds the cord's direction, and a mean diffusivity near the truth."""
    from dipy.core.gradients import gradient_table
    from dipy.reconst.dti import TensorModel

    stem = whole / "sub-01/dwi/sub-01_dwi"
    image = nib.load(f"{stem}.nii.gz")
    gradients = gradient_table(
        np.loadtxt(f"{stem}.bval"), bvecs=np.loadtxt(f"{stem}.bvec").T, b0_threshold=10
    )
    cord = load(truth_of(whole, "label-SC_probseg.nii.gz", "dwi")) > 0.99
    k = image.shape[2] // 2
    cord = np.argwhere(cord & (np.arange(image.shape[2]) == k))
    signals = image.get_fdata()[tuple(cord.T)]
    fit = TensorModel(gradients).fit(signals.mean(0))
    # FSL's convention: directions are along the stored axes, the first reversed where the grid
    # is right-handed, which this one is not.
    along = image.affine[:3, :3] @ (fit.evecs[:, 0] / image.header.get_zooms()[:3])
    world = along / np.linalg.norm(along)
    table = pd.read_csv(truth_of(whole, "label-SC_desc-perslice_morph.tsv", "dwi"), sep="\t")
    up = table[["tangent_x", "tangent_y", "tangent_z"]].to_numpy()[len(table) // 2]
    assert abs(world @ up) > np.cos(np.deg2rad(8))
    told = load(truth_of(whole, "model-tensor_param-md_dwimap.nii.gz", "dwi"))[tuple(cord.T)]
    assert 1000 * fit.md == pytest.approx(told.mean(), rel=0.1)


def test_same_seed_same_bytes_and_another_seed_other_people(tmp_path):
    options = {"participants": 1, "images": ("T2star", "bold"), "view": "short", "labels": ("SC",)}
    one, again, other = (
        write_demo(tmp_path / name, seed=seed, **options)
        for name, seed in (("one", 0), ("again", 0), ("other", 1))
    )
    files = _files(one)
    assert len(files) > 40
    assert files == _files(again)
    for file in files:
        assert (one / file).read_bytes() == (again / file).read_bytes(), file
    images = [root / "sub-01/anat/sub-01_T2star.nii.gz" for root in (one, other)]
    assert not np.array_equal(*(load(path)[90:100, 90:100, 0] for path in images))


def test_participants_have_what_their_number_says():
    healthy, lesion, compression, scoliosis = (make_person(number) for number in range(1, 5))
    assert KINDS == ("healthy", "lesion", "compression", "scoliosis")
    assert len(lesion.lesions) == 2
    assert len(compression.compressions) == 1
    lean = np.abs(np.rad2deg(np.arcsin(scoliosis.curve.tangents[:, 0]))).max()
    assert lean > 10
    assert not healthy.lesions
    assert not healthy.compressions


def test_labels_are_found_as_manual_masks(demo_dataset):
    for image in demo_dataset.glob("sub-*/anat/*.nii.gz"):
        mask = find_manual_labels(image, demo_dataset, ())["SC"]
        np.testing.assert_allclose(nib.load(mask).affine, nib.load(image).affine, atol=1e-6)
        assert nib.load(mask).shape == nib.load(image).shape


def test_command_writes_what_was_asked_for(tmp_path, capsys):
    out = tmp_path / "demo"
    options = ["--participants", "1", "--seed", "3", "--images", "T2star", "--view", "short"]
    assert main(["demo", str(out), *options]) == 0
    assert str(out) in capsys.readouterr().out
    assert [path.name for path in out.glob("sub-*")] == ["sub-01"]
    assert [path.name for path in out.glob("sub-01/*/*.nii.gz")] == ["sub-01_T2star.nii.gz"]
    assert [path.name for path in (out / "derivatives").iterdir()] == ["truth"]
    assert "--seed 3" in (out / "README.md").read_text()


def test_full_folder_is_refused_and_left_as_it_was(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("precious")
    assert main(["demo", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("sctflow.demo.save_image", _full_disk)
    with pytest.raises(OSError, match="disk"):
        write_demo(tmp_path / "demo", images=("T2star",), view="short")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"participants": 0}, "at least one"),
        ({"images": ("T3w",)}, "T3w"),
        ({"view": "skull"}, "skull"),
        ({"labels": ("GM",)}, "GM"),
    ],
)
def test_what_cannot_be_made_is_said(tmp_path, options, message):
    with pytest.raises(DatasetError, match=message):
        write_demo(tmp_path / "demo", **options)


def _files(root):
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


def _full_disk(*args, **kwargs):
    raise OSError("the disk is full")
