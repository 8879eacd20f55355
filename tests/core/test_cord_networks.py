"""The networks that ship: exact shapes that anybody can draw, and real images they never saw."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.bids import find_manual_labels
from sctflow.core.grid import canonicalize
from sctflow.core.phantom.truth import make_truth
from sctflow.core.segmentation import segment_cord
from sctflow.demo import make_participant
from sctflow.models import cord_model, load_cord_nets

# Cord, CSF and everything else.
CONTRASTS = {
    "T2w": (0.40, 1.00, 0.30),
    "T1w": (0.80, 0.30, 0.50),
    "T2star": (0.55, 0.90, 0.40),
    "PD": (0.60, 0.80, 0.70),
}


@pytest.fixture(scope="module")
def nets():
    return load_cord_nets()[0]


def neck(cord, csf, rest, *, area=75.0, pixel=0.8, slices=16, noise=0.02, width=56.0):
    """An elliptic cord in a canal behind a vertebra, with partial volume and Rician noise."""
    n, fine = int(width / pixel), 6
    axis = ((np.arange(n * fine) + 0.5) / fine - n / 2) * pixel
    x, y = np.meshgrid(axis, axis, indexing="ij")
    half_width = np.sqrt(area / np.pi / 0.62)
    image = np.full(x.shape, rest)
    image[(x / 14) ** 2 + ((y - 22) / 11) ** 2 < 1] = 0.6 * rest
    image[(x / 13.2) ** 2 + (y / 9.2) ** 2 < 1] = 1.5 * rest
    image[(x / 12) ** 2 + (y / 8.2) ** 2 < 1] = csf
    image[(x / half_width) ** 2 + (y / (0.62 * half_width)) ** 2 < 1] = cord
    slice_ = image.reshape(n, fine, n, fine).mean((1, 3))
    rng = np.random.default_rng(0)
    noisy = [slice_[..., None] * part + rng.normal(0, noise, (n, n, slices)) for part in (1, 0)]
    return np.hypot(*noisy), np.diag([pixel, pixel, 1.0, 1.0])


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("area", [60.0, 80.0])
def test_a_drawn_cord_has_its_area_whatever_the_contrast(nets, contrast, area):
    data, affine = neck(*CONTRASTS[contrast], area=area)
    found = segment_cord(data, affine, nets=nets)
    areas = found.mask.sum((0, 1)) * 0.64
    # People draw the cord inside the middle of its edge, and so do the networks: by up to
    # 0.3 mm of the radius, 14 % of the area. Outside of it they must not draw.
    assert 0.86 * area < areas.mean() < 1.03 * area
    assert found.slices.status.eq("cord").all()


def test_the_soft_mask_has_the_area_too(nets):
    data, affine = neck(*CONTRASTS["T2w"])
    soft = segment_cord(data, affine, nets=nets).probability
    assert 0.86 * 75 < soft.sum((0, 1)).mean() * 0.64 < 1.03 * 75


def test_noise_alone_has_no_cord(nets):
    data = np.random.default_rng(1).rayleigh(1.0, (80, 80, 30))
    found = segment_cord(data, np.diag([1.0, 1.0, 1.0, 1.0]), nets=nets)
    assert not found.mask.any()
    assert found.warnings


def test_scaling_the_intensities_changes_nothing(nets):
    data, affine = neck(*CONTRASTS["T1w"])
    one = segment_cord(data, affine, nets=nets).mask
    other = segment_cord(data * 1000 + 500, affine, nets=nets).mask
    # Not bit for bit: float32 rounds the larger numbers differently.
    assert (one != other).sum() <= 0.002 * one.sum()


def test_the_same_image_gives_the_same_bytes(nets):
    data, affine = neck(*CONTRASTS["T2star"], noise=0.1)
    one, other = (segment_cord(data, affine, nets=nets) for _ in range(2))
    np.testing.assert_array_equal(one.probability, other.probability)


def test_the_model_is_named_with_a_checksum():
    _, info = load_cord_nets()
    assert info == cord_model()
    assert len(info["checksum"]) == 64


@pytest.mark.parametrize("participant", [1, 2])
def test_a_vertebral_body_is_not_taken_for_the_cord(nets, participant):
    anatomy, _, stacks = make_participant(participant, images=("T2w", "T2star"))
    for stack in stacks:
        (scan,) = stack.scans
        data, affine = canonicalize(np.asarray(scan.image.dataobj), scan.image.affine)
        found = segment_cord(data, affine, nets=nets).mask > 0
        made = make_truth(anatomy, stack.sampled)
        truth, _ = canonicalize(made.fractions["SC"] >= 0.5, scan.image.affine)
        slices = [dice(found[..., k], truth[..., k]) for k in made.slices["slice"]]
        # The outline is drawn inside the edge; a body in front of the canal would give 0.
        assert min(slices) > 0.8


def real_image(dataset, name):
    (path,) = dataset.glob(f"sub-*/anat/{name}.nii.gz")
    img = nib.load(path)
    manual = nib.load(find_manual_labels(path, dataset)["SC"])
    data, affine = canonicalize(np.asarray(img.dataobj, np.float32), img.affine)
    return data, affine, canonicalize(np.asarray(manual.dataobj) > 0.5, manual.affine)[0]


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


# Dice of the whole and of the worst slice: what was reached when the weights were made, less a
# little. The MTS miss the 0.93 and 0.80 that were aimed for (docs/methods/segmentation.md).
LEAST_DICE = {
    "sub-errsm30_T2w": (0.97, 0.90),
    "sub-errsm30_T1w": (0.93, 0.85),
    "sub-errsm30_T2star": (0.94, 0.88),
    "sub-errsm30_flip-1_mt-on_MTS": (0.92, 0.80),
    "sub-errsm30_flip-1_mt-off_MTS": (0.90, 0.73),
}


@pytest.mark.parametrize("name", LEAST_DICE)
def test_real_images_agree_with_the_hand(nets, errsm30, name):
    data, affine, truth = real_image(errsm30, name)
    found = segment_cord(data, affine, nets=nets).mask > 0
    least, least_of_slices = LEAST_DICE[name]
    assert dice(found, truth) >= least
    slices = [dice(found[..., k], truth[..., k]) for k in np.flatnonzero(truth.any((0, 1)))]
    assert min(slices) >= least_of_slices


@pytest.mark.parametrize("name", ["sub-errsm30_T2w", "sub-errsm30_T1w"])
def test_real_images_with_noise_of_a_tenth_of_their_range(nets, errsm30, name):
    data, affine, truth = real_image(errsm30, name)
    low, high = np.percentile(data, [1, 99])
    noise = np.random.default_rng(0).normal(0, 0.1 * (high - low), data.shape)
    found = segment_cord(data + noise, affine, nets=nets).mask > 0
    assert dice(found, truth) >= 0.90


def test_beside_the_cord_of_a_real_image_nothing_is_invented(nets, errsm30):
    data, affine, truth = real_image(errsm30, "sub-errsm30_T2w")
    first = np.flatnonzero(truth.any((1, 2)))[0]
    found = segment_cord(data[: first - 6], affine, nets=nets)
    assert found.slices.status.ne("none").mean() <= 0.05


def test_in_a_full_field_of_view_every_slice_has_its_cord_or_is_named(nets, tutorial):
    for path in sorted(tutorial.glob("sub-0*/anat/*_MTR.nii.gz")):
        img = nib.load(path)
        found = segment_cord(np.asarray(img.dataobj), img.affine, nets=nets)
        assert found.slices.status.isin(["cord", "bridged"]).all(), path.name
        # Healthy cervical cords have 45 to 110 mm2.
        odd = found.slices.slice[~found.slices.area_mm2.between(35, 120)]
        assert len(odd) <= 2, path.name
        assert not len(odd) or any("look at them" in text for text in found.warnings), path.name
