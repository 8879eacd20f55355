"""Files: damaged ones are refused, written ones are whole and always the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow import io
from sctflow.errors import ImageError


@pytest.fixture
def img() -> nib.Nifti1Image:
    data = np.random.default_rng(0).integers(-500, 500, (20, 21, 22)).astype(np.int16)
    return nib.Nifti1Image(data, np.diag([1, 2, 3, 1.0]))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.int64])
def test_an_image_comes_back_as_it_was(tmp_path, img, name, kind, dtype):
    path = tmp_path / name
    data = np.abs(np.asanyarray(img.dataobj) // 4).astype(dtype)
    io.save_image(kind(data, img.affine, dtype=dtype), path)
    back = io.load_image(path)
    np.testing.assert_array_equal(np.asanyarray(back.dataobj), data)
    np.testing.assert_array_equal(back.affine, img.affine)
    assert back.get_data_dtype() == dtype
    assert back.get_filename() == str(path)


def test_counts_are_stored_as_they_are_and_read_as_parts(tmp_path):
    counts = np.random.default_rng(0).integers(0, 65, (5, 6, 7)).astype(np.uint8)
    affine = np.diag([-0.5, 0.5, 0.5, 1.0])
    path = io.save_scaled(counts, affine, tmp_path / "a.nii.gz", scale=1 / 64)
    back = io.load_image(path)
    np.testing.assert_array_equal(back.get_fdata(), counts / 64)
    np.testing.assert_array_equal(back.affine, affine)
    assert back.get_data_dtype() == np.uint8


def test_the_scaling_of_the_header_is_applied(tmp_path, img):
    path = io.save_image(img, tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, 10], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(content)
    expected = np.asanyarray(img.dataobj) * 0.5 + 10
    back = io.load_image(path)
    np.testing.assert_allclose(back.get_fdata(), expected)
    again = io.load_image(io.save_image(back, tmp_path / "b.nii.gz"))
    np.testing.assert_allclose(again.get_fdata(), expected, atol=0.01)


def damaged(how: str, folder: Path, img: nib.Nifti1Image) -> Path:
    path = folder / ("a.nii" if "plain" in how else "a.nii.gz")
    io.save_image(img, path)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[:middle],
            "truncated by its checksum": content[:-8],
            "one bit flipped": content[:middle]
            + bytes([content[middle] ^ 1])
            + content[middle + 1 :],
            "text": b"this is a text file",
            "text, compressed": gzip.compress(b"this is a text file"),
            "plain, truncated": content[:middle],
            "plain, header only": content[:100],
        }[how]
    )
    return path


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "truncated",
        "truncated by its checksum",
        "one bit flipped",
        "text",
        "text, compressed",
        "plain, truncated",
        "plain, header only",
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, img, how):
    path = damaged(how, tmp_path, img)
    with pytest.raises(ImageError) as error:
        io.load_image(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "again" in str(error.value) or "Convert" in str(error.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "no.nii.gz", tmp_path):
        with pytest.raises(ImageError, match="no such file"):
            io.load_image(path)


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "a.mgz"
    nib.save(nib.MGHImage(np.ones((3, 3, 3), np.float32), np.eye(4)), path)
    with pytest.raises(ImageError, match="not a NIfTI"):
        io.load_image(path)


def test_a_header_with_an_impossible_size_is_refused(tmp_path, img):
    path = io.save_image(img, tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    path.write_bytes(content)
    with pytest.raises(ImageError, match="cannot be read in full"):
        io.load_image(path)


@pytest.mark.parametrize(
    ("offset", "values", "words"),
    [
        (280, [np.nan], "not numbers"),  # srow_x
        (280, [0, 0, 0], "must be positive"),
        (280, [1, 1, 0, 0, 2, 2, 0, 0], "singular"),
        (84, [0], "contradicts its affine"),  # pixdim, which nibabel sets to 1
    ],
)
def test_a_broken_geometry_on_disk_is_told_in_words(tmp_path, img, offset, values, words):
    from sctflow.core.image import check_image

    img.set_sform(img.affine, 1)
    path = io.save_image(img, tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[offset : offset + 4 * len(values)] = np.array(values, "<f4").tobytes()
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"a\.nii: .*{words}"):
        check_image(io.load_image(path), name=str(path))


def test_the_same_image_makes_the_same_bytes(tmp_path, img):
    one = io.save_image(img, tmp_path / "one.nii.gz").read_bytes()
    two = io.save_image(img, tmp_path / "two.nii.gz").read_bytes()
    assert one == two
    assert one[3] == 0, "no name in the gzip header"
    assert one[4:8] == b"\0\0\0\0", "no time in the gzip header"


def test_nothing_is_left_under_the_final_name_if_writing_fails(tmp_path, img, monkeypatch):
    def fail(_):
        raise OSError("disk full")

    path = io.save_text("old", tmp_path / "a.txt")
    monkeypatch.setattr(io.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        io.save_text("new", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    usual = (tmp_path / "plain").stat().st_mode
    assert io.save_text("", tmp_path / "ours").stat().st_mode == usual


def test_folders_are_made(tmp_path):
    assert io.save_text("a", tmp_path / "sub-01" / "anat" / "a.txt").read_text() == "a"


def test_tables_are_bids_tables(tmp_path):
    frame = pd.DataFrame(
        {
            "slice": [0, 1],
            "area": [np.nan, 71.123456789],
            "tiny": [1e-9, 123456789.0],
            "measured": [True, False],
            "name": ["NA", None],
        }
    )
    path = io.save_table(frame, tmp_path / "a.tsv")
    assert path.read_text() == (
        "slice\tarea\ttiny\tmeasured\tname\n"
        "0\tn/a\t1e-09\ttrue\tNA\n"
        "1\t71.1235\t1.23457e+08\tfalse\tn/a\n"
    )
    back = io.load_table(path)
    assert back["slice"].dtype.kind == "i"
    assert back["measured"].tolist() == [True, False]
    assert back["name"][0] == "NA"
    assert back.isna().sum().sum() == 2
    assert frame["measured"].dtype == bool, "the given table is left as it was"


def test_json_is_readable_and_strict(tmp_path):
    content = {"b": np.float32(0.5), "a": np.arange(2), "path": Path("x"), "name": "Müller"}
    path = io.save_json(content, tmp_path / "a.json")
    assert json.loads(path.read_text()) == {"b": 0.5, "a": [0, 1], "path": "x", "name": "Müller"}
    assert list(json.loads(path.read_text())) == ["b", "a", "path", "name"]
    assert "Müller" in path.read_text(encoding="utf-8")
    assert path.read_text().endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        io.save_json({"a": float("nan")}, path)
    with pytest.raises(TypeError, match="set"):
        io.save_json({"a": {1}}, path)


def test_a_copy_has_the_same_bytes(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(256)))
    assert io.copy_file(tmp_path / "a", tmp_path / "b").read_bytes() == bytes(range(256))
