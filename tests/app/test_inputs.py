"""Which images belong together, and which files apply to them."""

import json
from pathlib import Path

import pytest

from sctflow.bids import build_derivative_name, collect_inputs, parse_name

ANAT, DWI, FUNC = ("sub-01/anat/sub-01_", "sub-01/dwi/sub-01_", "sub-01/func/sub-01_")
MTS = ("flip-1_mt-on_MTS", "flip-1_mt-off_MTS", "flip-2_mt-off_MTS")


def collect(make_dataset, *names, **options):
    root = make_dataset(*names)
    (item,) = collect_inputs(root, validate=False, **options)
    return item


def roles(protocol):
    return {role: image.path.name for role, image in protocol.images.items()}


def test_three_images_make_a_protocol_whatever_their_flip_indices(make_dataset):
    names = ("flip-2_mt-on_MTS", "flip-1_mt-off_MTS", "flip-2_mt-off_MTS")
    item = collect(make_dataset, *(f"{ANAT}{name}.nii.gz" for name in names))
    (protocol,) = item.mt
    assert roles(protocol) == {
        "on": "sub-01_flip-2_mt-on_MTS.nii.gz",
        "off": "sub-01_flip-2_mt-off_MTS.nii.gz",
        "t1": "sub-01_flip-1_mt-off_MTS.nii.gz",
    }
    assert protocol.kind == "MTS"
    assert not item.warnings


def test_results_are_named_by_what_all_images_of_a_protocol_share(make_dataset):
    names = (f"{ANAT}acq-a_run-2_{name}.nii.gz" for name in MTS)
    (protocol,) = collect(make_dataset, *names).mt
    reference = protocol.reference
    assert reference.path.name == "sub-01_acq-a_run-2_flip-1_mt-on_MTS.nii.gz"
    assert not {"flip", "mt"} & set(reference.entities)
    name = build_derivative_name(
        reference.entities, suffix="MTsat", space="MTS", extension=".nii.gz"
    )
    assert name == Path(f"{ANAT}acq-a_run-2_space-MTS_MTsat.nii.gz")


def test_pairs_are_apart_by_run_and_suffix(make_dataset):
    stems = ("run-1_", "run-2_")
    names = [f"{ANAT}{stem}mt-{state}_MTR.nii.gz" for stem in stems for state in ("on", "off")]
    item = collect(make_dataset, *names, *(f"{ANAT}{name}.nii.gz" for name in MTS))
    kinds = [(one.kind, one.reference.entities.get("run")) for one in item.mt]
    assert sorted(kinds, key=str) == [("MTR", "1"), ("MTR", "2"), ("MTS", None)]
    assert all(set(one.images) == {"on", "off"} for one in item.mt if one.kind == "MTR")


@pytest.mark.parametrize(
    ("names", "made", "said"),
    [
        (MTS[:1], 0, "no image with mt-off and flip-1"),
        (MTS[1:], 0, "no image with mt-on"),
        ((MTS[0], MTS[2]), 0, "no image with mt-off and flip-1"),
        (MTS[:2], 1, "MTR alone"),
        (("mt-off_MTR",), 0, "no image with mt-on"),
    ],
)
def test_what_a_protocol_lacks_is_told_with_the_names_of_what_there_is(
    make_dataset, names, made, said
):
    item = collect(make_dataset, *(f"{ANAT}{name}.nii.gz" for name in names))
    assert len(item.mt) == made
    (warning,) = item.warnings
    assert said in warning
    assert all(f"sub-01_{name}.nii.gz" in warning for name in names)


FIELD = "sub-01/fmap/sub-01_{}TB1map.nii.gz"


@pytest.mark.parametrize(
    ("fields", "taken", "said"),
    [
        ([""], "", 0),
        (["acq-x_"], "acq-x_", 0),
        (["run-1_", "run-2_"], "run-2_", 0),
        (["acq-x_run-1_", "acq-x_run-2_"], None, 1),
        ([], None, 0),
    ],
)
def test_the_map_of_the_field_is_that_of_the_session_if_it_is_clear_which(
    make_dataset, fields, taken, said
):
    names = [f"{ANAT}run-2_{name}.nii.gz" for name in MTS]
    item = collect(make_dataset, *names, *(FIELD.format(field) for field in fields))
    (protocol,) = item.mt
    name = None if taken is None else f"sub-01_{taken}TB1map.nii.gz"
    assert (protocol.b1 and protocol.b1.path.name) == name
    assert len(item.warnings) == said
    assert len(item.images) == 1


def test_a_pair_has_no_use_for_the_field(make_dataset):
    names = [f"{ANAT}mt-{state}_MTR.nii.gz" for state in ("on", "off")]
    (protocol,) = collect(make_dataset, *names, FIELD.format("")).mt
    assert protocol.b1 is None


def test_gradients_apply_by_inheritance_the_closest_first(make_dataset):
    item = collect(
        make_dataset,
        *("dwi.bval", "dwi.bvec", f"{DWI}run-1_dwi.bvec"),
        *(f"{DWI}run-1_dwi.nii.gz", f"{DWI}run-2_dwi.nii.gz"),
    )
    found = {
        series.image.entities["run"]: (series.bval.name, series.bvec.name) for series in item.dwi
    }
    assert found == {"1": ("dwi.bval", "sub-01_run-1_dwi.bvec"), "2": ("dwi.bval", "dwi.bvec")}


def test_a_series_without_gradients_is_kept(make_dataset):
    (series,) = collect(make_dataset, f"{DWI}dwi.nii.gz").dwi
    assert (series.bval, series.bvec) == (None, None)


def test_each_image_of_a_protocol_has_its_own_metadata(make_dataset):
    root = make_dataset(*(f"{ANAT}{name}.nii.gz" for name in MTS))
    contents = {"MTS": {"RepetitionTime": 0.03}} | {name: {"FlipAngle": 9} for name in MTS[:2]}
    contents["flip-2_mt-off_MTS"] = {"FlipAngle": 15, "RepetitionTime": 0.015}
    for name, content in contents.items():
        (root / f"{ANAT}{name}.json").write_text(json.dumps(content))
    (item,) = collect_inputs(root, validate=False)
    (protocol,) = item.mt
    expected = {"on": (9, 0.03), "off": (9, 0.03), "t1": (15, 0.015)}
    for role, image in protocol.images.items():
        found = image.metadata
        assert (found["FlipAngle"], found["RepetitionTime"]) == expected[role]
    assert protocol.reference.metadata == protocol.images["on"].metadata


def test_labels_of_the_image_with_the_pulse_are_those_of_the_protocol(make_dataset):
    root = make_dataset(
        *(f"{ANAT}{name}.nii.gz" for name in MTS),
        labels=tuple(f"{ANAT}{name}_label-SC_seg.nii.gz" for name in MTS[:2]),
    )
    (item,) = collect_inputs(root, validate=False)
    assert item.mt[0].reference.manual["SC"].name.startswith("sub-01_flip-1_mt-on_MTS")


def test_each_thing_to_process_has_one_image_that_stands_for_it(make_dataset):
    names = [f"{ANAT}{name}.nii.gz" for name in (*MTS, "T2w")]
    item = collect(make_dataset, *names, f"{DWI}dwi.nii.gz", f"{FUNC}task-rest_bold.nii.gz")
    assert [image.path.name.split("_", 1)[1] for image in item.images] == [
        "T2w.nii.gz",
        "flip-1_mt-on_MTS.nii.gz",
        "dwi.nii.gz",
        "task-rest_bold.nii.gz",
    ]


@pytest.mark.parametrize("modality", ["anat", "mt", "dwi", "func"])
def test_modalities_are_selected(make_dataset, modality):
    names = [f"{ANAT}{name}.nii.gz" for name in (*MTS, "T2w")]
    names += [f"{DWI}dwi.nii.gz", f"{FUNC}task-rest_bold.nii.gz"]
    item = collect(make_dataset, *names, modality=[modality])
    assert len(item.images) == len(getattr(item, modality)) == 1
    # Its labels serve the others all the same.
    assert [image.path.name for image in item.anatomy] == ["sub-01_T2w.nii.gz"]


SERIES = {"subject": "1", "session": "a", "run": "02", "extension": ".nii.gz"}
DWI_SERIES = {**SERIES, "datatype": "dwi", "suffix": "dwi"}
BOLD = {**SERIES, "task": "rest", "datatype": "func", "suffix": "bold"}
NII, TSV = {"extension": ".nii.gz"}, {"extension": ".tsv"}


@pytest.mark.parametrize(
    ("source", "product", "expected"),
    [
        (DWI_SERIES, {"suffix": "dwi", "desc": "preproc", "extension": ".bvec"},
         "dwi/sub-1_ses-a_run-02_desc-preproc_dwi.bvec"),
        (DWI_SERIES, {"suffix": "dwimap", "model": "tensor", "param": "fa", **NII},
         "dwi/sub-1_ses-a_run-02_model-tensor_param-fa_dwimap.nii.gz"),
        (DWI_SERIES, {"suffix": "dwimap", "model": "tensor", "param": "fa", "seg": "PAM50", **TSV},
         "dwi/sub-1_ses-a_run-02_model-tensor_param-fa_seg-PAM50_dwimap.tsv"),
        (DWI_SERIES, {"suffix": "mask", "label": "SC", **NII},
         "dwi/sub-1_ses-a_run-02_label-SC_mask.nii.gz"),
        (DWI_SERIES, {"suffix": "xfm", "source": "dwi", "target": "PAM50", **NII},
         "dwi/sub-1_ses-a_run-02_from-dwi_to-PAM50_mode-image_xfm.nii.gz"),
        (BOLD, {"suffix": "boldref", **NII}, "func/sub-1_ses-a_task-rest_run-02_boldref.nii.gz"),
        (BOLD, {"suffix": "boldmap", "stat": "tsnr", **NII},
         "func/sub-1_ses-a_task-rest_run-02_stat-tsnr_boldmap.nii.gz"),
        (BOLD, {"suffix": "timeseries", "desc": "confounds", **TSV},
         "func/sub-1_ses-a_task-rest_run-02_desc-confounds_timeseries.tsv"),
        (BOLD, {"suffix": "bold", "space": "PAM50", "desc": "preproc", **NII},
         "func/sub-1_ses-a_task-rest_run-02_space-PAM50_desc-preproc_bold.nii.gz"),
    ],
)  # fmt: skip
def test_names_of_series_are_written_and_read_back(source, product, expected):
    name = build_derivative_name(source, **product)
    assert name == Path("sub-1/ses-a") / expected
    keys = {"seg": "segmentation", "source": "from", "target": "to"}
    written = {keys.get(key, key): value for key, value in product.items()}
    assert (source | written).items() <= parse_name(name).items()
