"""Values of the phantom's regions against the truth, and of a real atlas against plain algebra."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.atlas import Combination, Region, Regions, measure_regions
from sctflow.core.phantom.codes import REGION_NAMES
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.phantom.truth import region_fractions
from sctflow.demo.people import make_person, place_grids

TISSUES = make_tissues(seed=1, spread=0.04)
GROUPS = [*["WM"] * 30, *["GM"] * 6, "CSF"]
MEMBERS = {50: range(36), 51: range(30), 52: range(30, 36), 53: range(4)}
REGIONS = Regions(
    tuple(Region(i, name, GROUPS[i]) for i, name in enumerate(REGION_NAMES)),
    tuple(Combination(index, str(index), tuple(members)) for index, members in MEMBERS.items()),
)


@pytest.fixture(scope="module")
def phantom():
    """Six slices of 0.9 x 0.9 x 5 mm with MTsat that differs by 8 % and more between tracts."""
    anatomy = make_person(1)
    grid = place_grids(anatomy, "short")["MTS"]
    sampled = sample(anatomy, *grid, surroundings=False, across=0.3)
    return sampled.mean(TISSUES.mtsat), sampled.affine, region_fractions(sampled)


def errors(data, affine, weights, method):
    """Relative errors of the cord's regions, and their sizes."""
    table = measure_regions(data, affine, weights, REGIONS, methods=[method], remainder=True)
    table = table[table["index"] < 36]
    return (table["value"] / TISSUES.mtsat[table["index"]] - 1).to_numpy(), table["size_vox"]


def test_partial_volume_is_undone(phantom):
    """Roots and dura are one region to the estimate: that costs 2.3 % in the worst small tract."""
    error, _ = errors(*phantom, "ml")
    assert np.abs(error).max() < 0.03
    biased, _ = errors(*phantom, "wa")
    assert np.sqrt((biased**2).mean()) > 0.08


def test_noise_of_a_twentieth_leaves_the_regions_as_good_as_their_size_lets_them(phantom):
    """Map on six slices: tracts of 4 to 50 voxels. Prior and noise are about as wide."""
    data, *atlas = phantom
    sigma = TISSUES.mtsat[:36].mean() / 20
    found = []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, sigma, data.shape)
        error, size = errors(data + noise, *atlas, "map")
        found.append(error)
    rms = np.sqrt(np.mean(np.square(found), axis=0))
    assert np.sqrt((rms[size >= 30] ** 2).mean()) < 0.015
    assert np.sqrt((rms[size < 30] ** 2).mean()) < 0.04


def test_a_real_atlas_gives_what_least_squares_with_its_columns_gives(data_dir):
    folder = data_dir / "reference-errsm30" / "mt"
    if not folder.is_dir():
        pytest.skip(f"needs a real atlas: no {folder}")
    files = sorted((folder / "label" / "atlas").glob("*.nii.gz"))
    weights = np.stack([np.asarray(nib.load(path).dataobj) for path in files], axis=-1)
    image = nib.load(folder / "mtr.nii.gz")
    data = np.asarray(image.dataobj, float)
    table = measure_regions(data, image.affine, weights, REGIONS, by="slice", methods=["ml"])
    # The image is stored from below upwards, so that its slices are those of the table.
    assert sorted(table["slice_first"].unique()) == [1, 2]
    for k in (1, 2):
        values = table[table["slice_first"] == k].set_index("index")["value"]
        y, x = data[:, :, k].ravel(), weights[:, :, k].reshape(-1, 37)
        x, y = x[np.isfinite(y)], y[np.isfinite(y)]
        np.testing.assert_allclose(values[:37], np.linalg.pinv(x) @ y, rtol=1e-6)
        for index, members in MEMBERS.items():
            rest = np.setdiff1d(np.arange(37), members)
            summed = np.column_stack([x[:, members].sum(axis=1), x[:, rest]])
            expected = (np.linalg.pinv(summed) @ y)[0]
            assert values[index] == pytest.approx(expected, rel=1e-6)
