import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.atlas import COLUMNS, AtlasError
from sctflow.errors import ImageError
from sctflow.interfaces.atlas import MeasureRegions

AFFINE = np.diag([1.0, 1.0, 5.0, 1.0])
ATLAS = "index\tname\tgroup\n0\tWM left\tWM\n1\tWM right\tWM\n36\tCSF\tCSF\n"


@pytest.fixture
def scan(tmp_path, save):
    """A cord of 40 (left) and 60 (right) in CSF of 0, and its atlas."""
    parts = np.zeros((10, 8, 4, 3), np.float32)
    parts[2:5, 2:6, :, 0], parts[5:8, 2:6, :, 1] = 1, 1
    parts[..., 2] = 1 - parts.sum(-1)
    levels = np.zeros((10, 8, 4), np.uint8)
    levels[2:8, 2:6] = [5, 5, 4, 4]
    (tmp_path / "atlas.tsv").write_text(ATLAS)
    (tmp_path / "combined.tsv").write_text("index\tname\tmembers\n51\twhite matter\t0:1\n")
    return {
        "in_file": save(parts @ np.float32([40, 60, 0]), AFFINE, tmp_path / "mtr.nii.gz"),
        "region_files": [save(parts, AFFINE, tmp_path / "atlas.nii.gz")],
        "regions_table": tmp_path / "atlas.tsv",
        "combined_table": tmp_path / "combined.tsv",
        "levels_file": save(levels, AFFINE, tmp_path / "levels.nii.gz"),
    }


def run(tmp_path, **inputs):
    out = MeasureRegions(**inputs).run(cwd=tmp_path).outputs.out_table
    return pd.read_csv(out, sep="\t", keep_default_na=False, na_values=["n/a"])


def test_regions_and_levels_are_named(scan, tmp_path):
    table = run(tmp_path, **scan, by=["level", "slice"], methods=["ml"])
    assert list(table) == list(COLUMNS)
    by_level = table[(table["by"] == "level") & (table["name"] == "WM right")]
    assert by_level["level_name"].tolist() == ["C4", "C5"]
    np.testing.assert_allclose(by_level["value"], 60)
    assert table[table["by"] == "slice"]["slice_first"].unique().tolist() == [0, 1, 2, 3]
    both = table[table["index"] == 51]
    np.testing.assert_allclose(both["value"], 50, rtol=1e-5)
    assert set(both["size_mm3"] / both["size_vox"]) == {5.0}


def test_levels_and_slices_can_be_chosen(scan, tmp_path):
    table = run(tmp_path, **scan, levels=[4], level_kind="spinal")
    assert (table["slice_first"].unique(), table["slice_last"].unique()) == ([2], [3])
    table = run(tmp_path, **scan, slices=[1, 2], methods=["wa"])
    assert table.set_index("name")["size_vox"]["WM left"] == 24


def test_own_combinations_are_added(scan, tmp_path):
    (tmp_path / "own.tsv").write_text("index\tname\tmembers\n70\teverything\t0,1,36\n")
    table = run(tmp_path, **scan, custom_table=tmp_path / "own.tsv", methods=["wa"])
    assert table["name"].tolist()[-2:] == ["white matter", "everything"]
    assert table["size_vox"].iloc[-1] == 320


def test_single_images_and_other_orientations_do(scan, tmp_path):
    expected = run(tmp_path, **scan)
    atlas = nib.load(scan["region_files"][0])
    turn = nib.orientations.axcodes2ornt("PIL")
    files = []
    for number, part in enumerate(nib.four_to_three(atlas)):
        files.append(tmp_path / f"part{number}.nii.gz")
        part.as_reoriented(turn).to_filename(files[-1])
    pd.testing.assert_frame_equal(run(tmp_path, **scan | {"region_files": files}), expected)


def test_masks_are_regions_by_the_names_of_their_files(scan, tmp_path, save):
    mask = np.zeros((10, 8, 4))
    mask[2:5, 2:6] = 255
    binary = save(mask.astype(np.uint8), AFFINE, tmp_path / "sub-01_label-left_mask.nii.gz")
    soft = save(np.float32(mask / 510), AFFINE, tmp_path / "soft.nii.gz")
    table = run(tmp_path, in_file=scan["in_file"], region_files=[binary, soft], methods=["wa"])
    assert table["name"].tolist() == ["sub-01_label-left_mask", "soft"]
    assert table["value"].tolist() == [40, 40]
    assert table["size_vox"].tolist() == [48, 24]


def test_a_region_without_voxels_is_missing_in_the_file(scan, tmp_path, save):
    parts = np.asarray(nib.load(scan["region_files"][0]).dataobj).copy()
    parts[..., 0] = 0
    atlas = save(parts, AFFINE, tmp_path / "less.nii.gz")
    table = run(tmp_path, **scan | {"region_files": [atlas]})
    assert table[table["index"] == 0]["value"].isna().all()
    text = (tmp_path / "regions.tsv").read_text().splitlines()[1]
    assert text.split("\t")[-4:-2] == ["n/a", "n/a"]


@pytest.mark.parametrize(
    ("trait", "content", "message"),
    [
        ("combined_table", "index\tname\n51\twm\n", "combined_table.tsv: there is no column memb"),
        ("combined_table", "index\tname\tmembers\n51\twm\tall\n", "members of wm are 'all'"),
        ("combined_table", "index\tname\tmembers\n51\twm\t0:2\n", "has the members 2"),
        ("regions_table", "index\tname\n0\tleft\n1\tright\n", "do not fit a map .* 2 regions"),
    ],
)
def test_tables_that_do_not_fit_are_refused(scan, tmp_path, trait, content, message):
    path = tmp_path / f"{trait}.tsv"
    path.write_text(content)
    with pytest.raises(AtlasError, match=message):
        run(tmp_path, **scan | {trait: path})


def test_an_atlas_of_another_image_is_refused(scan, tmp_path, save):
    moved = AFFINE.copy()
    moved[0, 3] = 20
    data = np.asarray(nib.load(scan["region_files"][0]).dataobj)
    atlas = save(data, moved, tmp_path / "elsewhere.nii.gz")
    with pytest.raises(ImageError, match=r"elsewhere.nii.gz: it lies up to 20 mm away from mtr"):
        run(tmp_path, **scan | {"region_files": [atlas]})
    atlas = save(data[1:], AFFINE, tmp_path / "smaller.nii.gz")
    with pytest.raises(ImageError, match=r"smaller.nii.gz: it has 9 x 8 x 4 voxels"):
        run(tmp_path, **scan | {"region_files": [atlas]})
    with pytest.raises(AtlasError, match="needs a table that names them"):
        run(tmp_path, in_file=scan["in_file"], region_files=scan["region_files"])
