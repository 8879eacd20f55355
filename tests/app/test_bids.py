from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sctflow.bids import (
    LABEL_NAMES,
    build_derivative_name,
    collect_inputs,
    find_manual_labels,
    parse_name,
    write_bidsignore,
    write_dataset_description,
)
from sctflow.dataset import bids_uri, check_folders, dataset_links
from sctflow.errors import DatasetError, SettingsError

T2W = "sub-01/anat/sub-01_T2w.nii.gz"

LABEL = st.text("abcXYZ0189", min_size=1, max_size=6)
INDEX = st.from_regex(r"[0-9]{1,3}", fullmatch=True)
SOURCES = st.fixed_dictionaries(
    {"subject": LABEL},
    optional={
        "session": LABEL,
        "task": LABEL,
        "acquisition": LABEL,
        "ceagent": LABEL,
        "reconstruction": LABEL,
        "run": INDEX,
        "echo": INDEX,
        "part": st.sampled_from(["mag", "phase"]),
        "chunk": INDEX,
    },
)
PRODUCTS = (
    {"suffix": "mask", "label": "SC", "extension": ".nii.gz"},
    {"suffix": "mask", "label": "SC", "extension": ".json"},
    {"suffix": "probseg", "label": "SC", "extension": ".nii.gz"},
    {"suffix": "mask", "label": "SC", "desc": "centerline", "extension": ".nii.gz"},
    {"suffix": "mask", "label": "SC", "desc": "centerline", "extension": ".tsv"},
    {"suffix": "morph", "label": "SC", "desc": "perslice", "extension": ".tsv"},
    {"suffix": "T2w", "desc": "axial", "extension": ".svg", "datatype": "figures"},
)


def paths(inputs):
    return [image.path.name for item in inputs for image in item.anat]


# The first name that is built imports pybids, which takes longer than hypothesis allows.
@settings(deadline=None)
@given(source=SOURCES, product=st.sampled_from(PRODUCTS), space=st.sampled_from(["T2w", "T2star"]))
def test_a_derivatives_name_says_all_that_it_was_made_from(source, product, space):
    name = build_derivative_name({**source, "suffix": "T2w"}, space=space, **product)
    expected = {**source, **product, "space": space}
    assert parse_name(name) == {"datatype": "anat", **expected}


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (PRODUCTS[0], "sub-1/ses-a/anat/sub-1_ses-a_run-02_space-T2w_label-SC_mask.nii.gz"),
        (
            PRODUCTS[4],
            "sub-1/ses-a/anat/sub-1_ses-a_run-02_space-T2w_label-SC_desc-centerline_mask.tsv",
        ),
        (
            PRODUCTS[5],
            "sub-1/ses-a/anat/sub-1_ses-a_run-02_space-T2w_label-SC_desc-perslice_morph.tsv",
        ),
        (PRODUCTS[6], "sub-1/figures/sub-1_ses-a_run-02_space-T2w_desc-axial_T2w.svg"),
    ],
)
def test_names_are_those_of_the_conventions(product, expected):
    source = {"subject": "1", "session": "a", "run": "02", "suffix": "T2w", "datatype": "anat"}
    assert build_derivative_name(source, space="T2w", **product) == Path(expected)


def test_an_entity_that_no_pattern_has_is_refused():
    with pytest.raises(DatasetError, match="hemi"):
        build_derivative_name(
            {"subject": "1", "hemi": "L"}, space="T2w", suffix="mask", extension=".nii.gz"
        )


def test_anatomical_magnitude_images_are_taken_with_sessions_runs_and_acquisitions(make_dataset):
    taken = (
        "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_acq-sag_run-01_T1w.nii",
        "sub-01/ses-b/anat/sub-01_ses-b_part-mag_T2star.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_T2starw.nii.gz",
    )
    left = (
        "sub-01/ses-a/anat/sub-01_ses-a_T2w.json",
        "sub-01/ses-a/anat/sub-01_ses-a_flip-1_mt-on_MTS.nii.gz",
        "sub-01/ses-a/dwi/sub-01_ses-a_dwi.nii.gz",
        "sub-01/ses-b/anat/sub-01_ses-b_part-phase_T2star.nii.gz",
        "derivatives/other/sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz",
        "sourcedata/sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
    )
    root = make_dataset(*taken, *left)
    (item,) = collect_inputs(root, validate=False)
    assert {str(image.path.relative_to(root)) for image in item.anat} == set(taken)
    (run,) = [image for image in item.anat if "run" in image.entities]
    assert run.entities == {
        "subject": "01",
        "session": "b",
        "acquisition": "sag",
        "run": "01",
        "datatype": "anat",
        "suffix": "T1w",
        "extension": ".nii",
    }
    assert run.uri == "bids:raw:sub-01/ses-b/anat/sub-01_ses-b_acq-sag_run-01_T1w.nii"


def test_participants_and_sessions_are_selected_with_and_without_prefix(make_dataset):
    root = make_dataset(
        *(f"sub-{s}/ses-{k}/anat/sub-{s}_ses-{k}_T2w.nii.gz" for s in "123" for k in "ab")
    )
    inputs = collect_inputs(root, participant_label=["sub-3", "1"], session_label=["ses-b"])
    assert [item.participant for item in inputs] == ["3", "1"]
    assert paths(inputs) == ["sub-3_ses-b_T2w.nii.gz", "sub-1_ses-b_T2w.nii.gz"]


def test_a_participant_with_nothing_to_do_is_kept_and_says_so(make_dataset):
    root = make_dataset(T2W, "sub-02/perf/sub-02_asl.nii.gz")
    _, nothing = collect_inputs(root)
    assert nothing.anat == ()
    assert "Nothing to do" in nothing.warnings[0]
    (none_in_session,) = collect_inputs(root, participant_label=["01"], session_label=["x"])
    assert "session x" in none_in_session.warnings[0]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"t2w": {"run": 2}}, ["sub-01_run-02_T2w.nii.gz", "sub-01_T1w.nii.gz"]),
        ({"t2w": {"run": None}}, ["sub-01_T1w.nii.gz", "sub-01_T2w.nii.gz"]),
        ({"t2w": {"run": "*"}}, ["sub-01_run-02_T2w.nii.gz", "sub-01_T1w.nii.gz"]),
        ({"t1w": {"acquisition": "x"}}, ["sub-01_run-02_T2w.nii.gz", "sub-01_T2w.nii.gz"]),
    ],
)
def test_filters_are_those_of_fmriprep(make_dataset, tmp_path, filters, expected):
    root = make_dataset(
        T2W, "sub-01/anat/sub-01_run-02_T2w.nii.gz", "sub-01/anat/sub-01_T1w.nii.gz"
    )
    path = tmp_path / "filters.json"
    path.write_text(json.dumps(filters))
    assert sorted(paths(collect_inputs(root, bids_filter_file=path))) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "said"), [('{"flair": {}}', "t2star"), ("{", "JSON"), ('{"t2w": 1}', "object")]
)
def test_a_wrong_filter_file_is_explained(make_dataset, tmp_path, text, said):
    path = tmp_path / "filters.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=said):
        collect_inputs(make_dataset(T2W), bids_filter_file=path)


@pytest.mark.parametrize(("label", "names"), LABEL_NAMES.items())
@pytest.mark.parametrize("extension", [".nii.gz", ".nii"])
def test_manual_labels_are_found_under_every_name_in_use(make_dataset, label, names, extension):
    for name in names:
        file = f"sub-01/ses-a/anat/sub-01_ses-a_T2w_{name}{extension}"
        root = make_dataset(root=name, labels=(file,))
        image = root / "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz"
        assert find_manual_labels(image, root) == {label: root / "derivatives/labels" / file}


def test_labels_of_one_image_are_not_those_of_another(make_dataset):
    root = make_dataset(
        T2W,
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_acq-sag_T2w.nii.gz",
        labels=("sub-01/anat/sub-01_acq-sag_T2w_label-SC_seg.nii.gz",),
    )
    (item,) = collect_inputs(root)
    found = {image.path.name: set(image.manual) for image in item.anat}
    assert found == {
        "sub-01_T1w.nii.gz": set(),
        "sub-01_T2w.nii.gz": set(),
        "sub-01_acq-sag_T2w.nii.gz": {"SC"},
    }


def test_given_datasets_win_over_the_raw_one_and_current_names_over_older_ones(make_dataset):
    old, new = (f"sub-01/anat/sub-01_T2w_{n}.nii.gz" for n in ("seg-manual", "label-SC_seg"))
    raw = make_dataset(T2W, labels=(old, new))
    (own,) = collect_inputs(raw)
    assert own.anat[0].manual["SC"].name.endswith("label-SC_seg.nii.gz")
    assert own.anat[0].manual_uris["SC"] == f"bids:labels:{new}"

    first, second = make_dataset(old, root="first"), make_dataset(new, root="second")
    (given_,) = collect_inputs(raw, derivatives=[first, second])
    assert given_.anat[0].manual["SC"] == first / old
    assert given_.anat[0].manual_uris["SC"] == f"bids:first:{old}"


def test_ignored_labels_are_as_if_they_were_not_there(make_dataset):
    stem = "sub-01/anat/sub-01_T2w_label-"
    root = make_dataset(T2W, labels=(f"{stem}SC_seg.nii.gz", f"{stem}discs_dlabel.nii.gz"))
    (item,) = collect_inputs(root, ignore_labels=["SC"])
    assert set(item.anat[0].manual) == {"discs"}
    assert set(item.anat[0].manual_uris) == {"discs"}


def test_sidecars_apply_by_inheritance_the_closest_one_last(make_dataset):
    root = make_dataset("sub-01/ses-a/anat/sub-01_ses-a_acq-x_T2w.nii.gz")
    sidecars = {
        "T2w.json": {"EchoTime": 1, "Manufacturer": "all"},
        "T1w.json": {"EchoTime": 99},
        "sub-01/sub-01_T2w.json": {"EchoTime": 2, "FlipAngle": 2},
        "sub-01/ses-a/anat/sub-01_ses-a_acq-x_T2w.json": {"FlipAngle": 3},
        "sub-01/ses-a/anat/sub-01_ses-a_acq-y_T2w.json": {"FlipAngle": 99},
    }
    for name, content in sidecars.items():
        (root / name).write_text(json.dumps(content))
    (item,) = collect_inputs(root, validate=False)
    assert item.anat[0].metadata == {"EchoTime": 2, "Manufacturer": "all", "FlipAngle": 3}


def test_a_large_dataset_is_selected_without_opening_an_image(make_dataset, tmp_path, monkeypatch):
    root = make_dataset(*(f"sub-{i:03}/anat/sub-{i:03}_T2w.nii.gz" for i in range(267)))

    def no_image(*args, **kwargs):
        raise AssertionError("an image was opened")

    monkeypatch.setattr("nibabel.load", no_image)
    assert len(paths(collect_inputs(root))) == 267


def test_the_database_is_written_and_then_used(make_dataset, tmp_path, monkeypatch):
    root = make_dataset(T2W)
    database = tmp_path / "database"
    first = collect_inputs(root, bids_database_dir=database)

    def no_indexing(*args, **kwargs):
        raise AssertionError("the dataset was indexed again")

    monkeypatch.setattr("bids.layout.index.BIDSLayoutIndexer.__call__", no_indexing)
    assert paths(collect_inputs(root, bids_database_dir=database)) == paths(first)

    other = make_dataset(T2W, root="other")
    with pytest.raises(DatasetError, match=re.escape(str(root))):
        collect_inputs(other, bids_database_dir=database)
    (root / T2W).unlink()
    with pytest.raises(DatasetError, match="indexed again"):
        collect_inputs(root, bids_database_dir=database)


def test_nearest_names_are_told_when_a_participant_does_not_exist(make_dataset):
    root = make_dataset("sub-lumbar/anat/sub-lumbar_T2w.nii.gz", T2W)
    with pytest.raises(DatasetError, match=r"lumber \(nearest: lumbar\)"):
        collect_inputs(root, participant_label=["lumber"])
    with pytest.raises(DatasetError, match=r"zzzz \(the dataset has 01, lumbar\)"):
        collect_inputs(root, participant_label=["zzzz"])


def test_what_is_not_a_dataset_is_told_with_what_to_do(make_dataset, tmp_path):
    root = make_dataset(T2W)
    with pytest.raises(DatasetError, match="does not exist"):
        collect_inputs(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=f"did you mean {re.escape(str(root))}"):
        collect_inputs(root / "sub-01")
    with pytest.raises(DatasetError, match=f"did you mean {re.escape(str(root))}"):
        collect_inputs(tmp_path)
    with pytest.raises(DatasetError, match="is a file"):
        collect_inputs(root / T2W)
    with pytest.raises(DatasetError, match="sub-<label>"):
        collect_inputs(make_dataset(root="empty"))
    (root / "dataset_description.json").write_text('{"Name": "x"}')
    with pytest.raises(DatasetError, match="BIDSVersion missing"):
        collect_inputs(root)
    (root / "dataset_description.json").unlink()
    with pytest.raises(DatasetError, match='"BIDSVersion"'):
        collect_inputs(root)


def test_outputs_do_not_land_among_the_raw_data(make_dataset, tmp_path):
    raw, out, work = make_dataset(T2W), tmp_path / "out", tmp_path / "work"
    check_folders(raw, out, work)
    check_folders(raw, raw / "derivatives" / "sctflow", work)
    for output_dir, work_dir in [
        (raw, work),
        (raw / "sub-01", work),
        (raw / "derivatives", work),
        (out, raw / "work"),
        (out, out / "work"),
    ]:
        with pytest.raises(SettingsError):
            check_folders(raw, output_dir, work_dir)
    (tmp_path / "link").symlink_to(raw)
    with pytest.raises(SettingsError, match="is the input dataset"):
        check_folders(raw, tmp_path / "link", work)


def test_results_of_different_settings_are_not_mixed(make_dataset, tmp_path):
    raw, out = make_dataset(T2W), tmp_path / "out"
    out.mkdir()
    write_dataset_description(out, raw, "one")
    write_dataset_description(out, raw, "two")
    (out / "sub-01").mkdir()
    write_dataset_description(out, raw, "two")
    before = (out / "dataset_description.json").read_bytes()
    with pytest.raises(SettingsError, match="other settings"):
        write_dataset_description(out, raw, "one")
    assert (out / "dataset_description.json").read_bytes() == before
    (out / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    with pytest.raises(SettingsError, match="another program"):
        write_dataset_description(out, raw, "two")


def test_the_output_dataset_names_its_sources(make_dataset, tmp_path):
    raw = make_dataset(T2W, labels=("sub-01/anat/x",))
    links = dataset_links(raw, [make_dataset(root="labels"), make_dataset(root="b")])
    assert list(links) == ["labels2", "b", "labels", "raw"]
    assert bids_uri(raw / T2W, links) == f"bids:raw:{T2W}"
    content = json.loads(write_dataset_description(tmp_path, raw, "x", links=links).read_text())
    assert content["DatasetType"] == "derivative"
    assert content["DatasetLinks"]["raw"] == raw.as_uri()
    assert content["GeneratedBy"][0]["Name"] == "sctflow"
    assert "figures" in write_bidsignore(tmp_path).read_text().splitlines()
