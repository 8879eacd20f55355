"""The built-in template: the same files as PAM50, and an average cord in them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.phantom.anatomy import make_anatomy
from sctflow.phantom_template import write_phantom_template

AVERAGE = make_anatomy(straight=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_phantom_template(tmp_path_factory.mktemp("home") / "tpl-SCTPhantom")


@pytest.fixture
def load(folder):
    def read(name: str) -> np.ndarray:
        image = nib.load(folder / f"tpl-SCTPhantom_{name}.nii.gz")
        data = np.asanyarray(image.dataobj)
        return data if data.dtype == np.uint8 else image.get_fdata(dtype=np.float32)

    return read


@pytest.fixture
def heights(folder):
    """Arc length along the cord of each slice, mm."""
    image = nib.load(folder / "tpl-SCTPhantom_T2w.nii.gz")
    middle = AVERAGE.curve.at(np.array(0.0))[0]
    return image.affine[2, 3] + 0.5 * np.arange(image.shape[2]) - middle[2]


def test_the_files_are_those_of_pam50(folder, data_dir):
    published = data_dir.parent / "templateflow/tpl-PAM50"
    if not published.is_dir():
        pytest.skip(f"needs PAM50 in {published}")
    expected = {path.name.replace("PAM50", "SCTPhantom") for path in published.iterdir()}
    own = {path.name for path in folder.iterdir()}
    extra = {f"tpl-SCTPhantom_{contrast}.nii.gz" for contrast in ("T1w", "T2star")}
    assert own == expected | extra
    for table in ("atlas-PAM50_probseg.tsv", "atlas-PAM50_desc-combined_probseg.tsv"):
        ours = folder / f"tpl-SCTPhantom_{table.replace('PAM50', 'SCTPhantom')}"
        theirs = published / f"tpl-PAM50_{table}"
        pd.testing.assert_frame_equal(
            pd.read_csv(ours, sep="\t"), pd.read_csv(theirs, sep="\t"), check_dtype=False
        )


def test_all_images_lie_on_one_grid_of_half_a_millimetre(folder):
    images = [nib.load(path) for path in folder.glob("*.nii.gz")]
    assert len(images) == 54
    for image in images:
        assert image.shape == images[0].shape
        np.testing.assert_array_equal(image.affine, images[0].affine)
    np.testing.assert_allclose(images[0].header.get_zooms(), 0.5)
    assert nib.aff2axcodes(images[0].affine) == ("R", "A", "S")


def test_the_atlas_fills_the_cord_and_is_symmetric(load):
    total = 0.0
    for region in range(0, 36, 2):
        left, right = (
            load(f"atlas-SCTPhantom_label-{r:02d}_probseg") for r in (region, region + 1)
        )
        # A point on the edge of a region may fall to either of its sides.
        assert np.mean(np.abs(left[::-1] - right)[right > 0]) < 1e-3
        assert left[:70].sum() > left[71:].sum()  # the first axis runs to the right
        total = total + left + right
    np.testing.assert_allclose(
        total, load("label-GM_probseg") + load("label-WM_probseg"), atol=1e-5
    )
    cord = load("label-SC_mask") > 0
    np.testing.assert_array_equal(total >= 0.5, cord)
    area = 0.25 * total.sum((0, 1))
    assert area.max() < 80


def test_the_cord_has_the_normative_area_by_level(load, heights):
    parts = load("label-GM_probseg") + load("label-WM_probseg")
    area = 0.25 * parts.sum((0, 1))
    for level, expected in ((3.5, 72.5), (4.5, 77.4), (9.5, 41.8), (15.5, 37.5), (18.5, 49.1)):
        k = np.argmin(np.abs(heights - AVERAGE.levels.position(level)))
        assert area[k] == pytest.approx(expected, rel=0.01)


def test_labels_lie_on_the_straight_cord_at_their_levels(load, heights):
    line = np.argwhere(load("label-centerline_mask"))
    assert np.all(line[:, :2] == 70)
    discs, bodies = load("desc-discs_dseg"), load("desc-bodies_dseg")
    for value in range(1, 22):
        ((x, y, k),) = np.argwhere(discs == value)
        assert (x, y) == (70, 70)
        assert heights[k] == pytest.approx(AVERAGE.levels.disc(value), abs=0.26)
    assert (bodies == 5).sum() == 1
    conus = np.argwhere(discs == 60)
    assert heights[conus[0, 2]] == pytest.approx(AVERAGE.levels.conus, abs=0.26)
    tips = np.argwhere(load("desc-discsposterior_dseg") == 6)
    assert len(tips) == 1
    assert tips[0, 1] > 75
    vertebrae = load("desc-vertebrae_dseg")
    assert sorted(np.unique(vertebrae)) == list(range(21))
    spinal = load("desc-spinallevels_dseg")
    assert set(np.unique(spinal)) >= set(range(1, 30))
    rootlets = load("desc-rootlets_dseg")
    assert set(np.unique(rootlets)) >= set(range(2, 9))
    assert not np.any((rootlets > 0) & (load("label-SC_mask") > 0) & (load("label-CSF_mask") > 0))


def test_csf_is_bright_in_t2w_and_dark_in_t1w(load):
    cord, csf = load("label-SC_mask") > 0, load("label-CSF_mask") > 0
    middle = np.s_[:, :, 700:800]
    ratio = {
        contrast: np.median(image[csf[middle]]) / np.median(image[cord[middle]])
        for contrast in ("T2w", "T1w", "T2star")
        for image in [load(contrast)[middle]]
    }
    assert ratio["T2w"] > 1.8
    assert ratio["T1w"] < 0.6
    assert ratio["T2star"] > 1.2
