"""Landmarks that the built-in network finds, on phantoms and on real images."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.labeling import find_landmarks
from sctflow.core.phantom import acquisition
from sctflow.core.phantom.anatomy import draw_anatomy
from sctflow.core.phantom.codes import IS_CORD
from sctflow.core.phantom.contrast import PROTOCOLS, signal
from sctflow.core.phantom.grids import axial_grid, sagittal_grid
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.tissues import make_tissues
from sctflow.models import load_cord_nets, load_landmark_net

pytest.importorskip("torch")

EDGE_MM = 3.0  # discs nearer to the edge than this may be seen or not


@pytest.fixture(scope="module")
def net():
    return load_landmark_net()[0]


def phantom(seed, grid, *, contrast="T2w", snr=25.0, **person):
    """Image, mask of the cord, and true points by value."""
    anatomy = draw_anatomy(seed, **person)
    shape, affine = grid(anatomy)
    sampled = sample(anatomy, shape, affine, across=0.5)
    values = signal(PROTOCOLS[contrast], make_tissues(seed=seed))
    sigma = acquisition.sigma_for_snr(float(values[IS_CORD].mean()), snr)
    data = acquisition.rician(sampled.mean(values), sigma, np.random.default_rng(seed))
    table = points(anatomy)
    table = table[table["kind"].isin(["disc_posterior", "PMJ", "conus"])]
    world = anatomy.curve.to_world(table[["u", "v", "s"]].to_numpy())
    truth = dict(zip(table["value"], world, strict=True))
    return data, affine, sampled.mean(IS_CORD) >= 0.5, truth


def depth(world, shape, affine):
    """How far inside the image a point lies, mm; negative outside."""
    voxel = np.linalg.inv(affine)[:3] @ [*world, 1]
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    return min(np.minimum(voxel + 0.5, np.array(shape[:3]) - 0.5 - voxel) * zooms)


def compare(landmarks, truth, shape, affine):
    """Distances of the discs that are there, and discs that are not."""
    seen = landmarks[(landmarks["kind"] == "disc") & (landmarks["inferred"] == 0)]
    found = seen[["x", "y", "z"]].to_numpy()
    discs = {v: p for v, p in truth.items() if 3 <= v <= 25}
    apart = {v: np.linalg.norm(found - p, axis=1).min() for v, p in discs.items()}
    missed = [v for v, p in discs.items() if depth(p, shape, affine) > EDGE_MM and apart[v] > 4]
    false = [p for p in found if min(np.linalg.norm(p - q) for q in discs.values()) > 6]
    return missed, false


CASES = {
    "neck, 110 mm, 1 mm": (1, lambda a: sagittal_grid(a, 2.0, 8.0), {}),
    "chest, T1w, sagittal slices of 4 mm, scoliosis": (
        2,
        lambda a: sagittal_grid(a, 10.0, 14.0, thickness=4.0),
        {"contrast": "T1w", "scoliosis": 15.0},
    ),
    "loin, axial slices of 3 mm": (
        3,
        lambda a: axial_grid(
            a, 20.0, 24.0, zoom=(1.0, 1.0), thickness=3.0, matrix=(100, 110), forward=5.0
        ),
        {},
    ),
    "neck, 50 mm, noise": (4, lambda a: sagittal_grid(a, 4.0, 7.0), {"snr": 8.0}),
}


@pytest.mark.parametrize("name", CASES)
def test_discs_in_view_are_found_and_none_is_false(net, name):
    """Within 4 mm of the truth: a landmark of another vertebra is 15 mm away or more."""
    seed, grid, options = CASES[name]
    data, affine, cord, truth = phantom(seed, grid, **options)
    landmarks = find_landmarks(data, affine, fit_centerline(cord, affine), net=net)
    assert compare(landmarks, truth, data.shape, affine) == ([], [])
    assert not ((landmarks["kind"] == "PMJ") & (landmarks["confidence"] > 0.5)).any()


def test_the_junction_is_found_where_it_is(net):
    """Within 3 mm; its truth is a point on the front of the brainstem."""
    data, affine, cord, truth = phantom(5, lambda a: sagittal_grid(a, -1.2, 5.0))
    landmarks = find_landmarks(data, affine, fit_centerline(cord, affine), net=net)
    (found,) = landmarks[landmarks["kind"] == "PMJ"][["x", "y", "z"]].to_numpy()
    assert np.linalg.norm(found - truth[50]) < 3
    assert list(landmarks["z"]) == sorted(landmarks["z"], reverse=True)


def test_the_way_an_image_is_stored_changes_nothing(net):
    """Axes in another order and direction: the same places to a hundredth of a mm."""
    data, affine, cord, _ = phantom(6, lambda a: sagittal_grid(a, 3.0, 6.5))
    turned = np.ascontiguousarray(data.transpose(2, 0, 1)[::-1])
    other = affine[:, [2, 0, 1, 3]].copy()
    other[:3, 3] += other[:3, 0] * (turned.shape[0] - 1)
    other[:3, 0] *= -1
    line = fit_centerline(cord, affine)
    one, two = (find_landmarks(d, a, line, net=net) for d, a in ((data, affine), (turned, other)))
    assert list(one["kind"]) == list(two["kind"])
    assert np.abs(one[["x", "y", "z"]] - two[["x", "y", "z"]]).to_numpy().max() < 0.01


def test_an_image_of_nothing_has_no_discs(net):
    """Zeros, and values that are not finite."""
    cord = np.zeros((40, 40, 60))
    cord[18:22, 18:22] = 1
    line = fit_centerline(cord, np.eye(4))
    for value in (0.0, np.nan):
        landmarks = find_landmarks(np.full(cord.shape, value), np.eye(4), line, net=net)
        assert not (landmarks["confidence"] > 0.5).any()


def real(image, mask, net):
    """Landmarks of an image file."""
    img = nib.load(image)
    data = np.asanyarray(img.dataobj)
    if mask is None:
        from sctflow.core.segmentation import segment_cord

        cord = segment_cord(data, img.affine, nets=load_cord_nets()[0]).mask
    else:
        cord = np.asanyarray(nib.load(mask).dataobj)
    return find_landmarks(data, img.affine, fit_centerline(cord, img.affine), net=net)


@pytest.mark.parametrize("suffix", ["T2w", "T1w"])
def test_discs_of_a_neck_are_found_where_people_put_them(errsm30, net, suffix):
    """All four, none false; along the cord within 1 mm on average, a voxel."""
    stem = f"sub-errsm30/anat/sub-errsm30_{suffix}"
    labels = errsm30 / "derivatives/labels"
    landmarks = real(errsm30 / f"{stem}.nii.gz", labels / f"{stem}_label-SC_seg.nii.gz", net)
    drawn = nib.load(labels / f"{stem}_label-discs_dlabel.nii.gz")
    voxels = np.argwhere(np.asanyarray(drawn.dataobj) > 0)
    z = np.sort((voxels @ drawn.affine[:3, :3].T + drawn.affine[:3, 3])[:, 2])
    found = np.sort(landmarks[landmarks["kind"] == "disc"]["z"])
    assert len(found) == 4
    assert np.abs(found - z).mean() < 1
    assert np.abs(found - z).max() < 2


@pytest.mark.parametrize(("name", "discs"), [("lesion", 4), ("lumbar", 7)])
def test_discs_of_other_people_are_counted(tutorial, net, name, discs):
    """As many as the eye sees; the lowest of the loin is half in view."""
    image = tutorial / f"sub-{name}/anat/sub-{name}_T2w.nii.gz"
    drawn = tutorial / f"derivatives/labels/sub-{name}/anat/sub-{name}_T2w_label-SC_seg.nii.gz"
    landmarks = real(image, drawn if drawn.exists() else None, net)
    seen = landmarks[(landmarks["kind"] == "disc") & (landmarks["inferred"] == 0)]
    assert len(seen) == discs
    assert (seen["confidence"] > 0.5).all()


def test_nineteen_discs_of_a_whole_spine(data_dir, net):
    """C2/C3 to L1/L2 of a template at 1 x 1 x 2 mm; within 1 mm on average."""
    small = data_dir / "PAM50_small"
    landmarks = real(small / "PAM50_small_t2.nii.gz", small / "PAM50_small_cord.nii.gz", net)
    drawn = nib.load(small / "PAM50_small_label_discPosterior.nii.gz")
    values = np.asanyarray(drawn.dataobj).round().astype(int)
    voxels = np.argwhere(values >= 3)
    z = np.sort((voxels @ drawn.affine[:3, :3].T + drawn.affine[:3, 3])[:, 2])
    found = np.sort(landmarks[landmarks["kind"] == "disc"]["z"])
    assert len(found) == 19
    assert np.abs(found - z).mean() < 1
