"""Discs of a session are named together, and every image gets its levels from them."""

import json
from dataclasses import replace
from pathlib import Path

import networkx as nx
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nipype.pipeline.engine.utils import generate_expanded_graph

from sctflow.bids import ImageInput, ParticipantInputs, SeriesInput
from sctflow.core.labeling.usual import HEIGHTS
from sctflow.label_init import LabelInit
from sctflow.workflows.base import init_sctflow_wf
from sctflow.workflows.levels import LevelLabels, SessionLabels
from sctflow.workflows.options import Options
from sctflow.workflows.sessions import plan_labels

SHAPE, HEIGHT = (24, 44, 120), 160.0
AFFINE = np.eye(4)
AFFINE[:3, 3] = -12, -24, 50
VALUES = np.arange(3, 9)
PLACES = HEIGHT - np.concatenate([[0], np.cumsum(HEIGHTS[2:7])])
TIP = (0.0, 6.0)


def seen(data, affine, line, *, net):
    """Landmarks as a network would see them: the discs of the person, wherever they are."""
    return pd.DataFrame(
        {
            "kind": "disc",
            "x": TIP[0],
            "y": TIP[1],
            "z": PLACES,
            "s": PLACES - line.points[0, 2],
            "confidence": 0.95,
            "inferred": 0,
        }
    )


@pytest.fixture(autouse=True)
def pretend(monkeypatch):
    """Stand in for the network: what it sees is given."""
    info = {"name": "pretender", "version": "3", "checksum": "abc"}
    monkeypatch.setattr("sctflow.core.labeling.detect.find_landmarks", seen)
    monkeypatch.setattr("sctflow.models.load_landmark_net", lambda: (None, info))
    for module in ("find_cord", "name_discs"):
        monkeypatch.setattr(f"sctflow.workflows.{module}.landmark_model", lambda: info)


def _image(folder, name, *, labels=()):
    """An image of a dataset and its labels by hand; the files are empty."""
    *pairs, suffix = name.split("_")
    datatype = {"dwi": "dwi", "bold": "func"}.get(suffix, "anat")
    path = folder / "raw/sub-01" / datatype / f"sub-01_{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    keys = {"acq": "acquisition", "task": "task", "ses": "session"}
    entities = {keys[p.split("-")[0]]: p.split("-")[1] for p in pairs}
    manual = {}
    for label in labels:
        manual[label] = folder / "labels" / f"sub-01_{name}_label-{label}.nii.gz"
        manual[label].parent.mkdir(exist_ok=True)
        manual[label].touch()
    return ImageInput(
        path=path,
        entities={"subject": "01", **entities, "suffix": suffix, "datatype": datatype},
        manual=manual,
        bids_dir=folder / "raw",
        uri=f"bids:raw:{path.name}",
        manual_uris={label: f"bids:labels:{file.name}" for label, file in manual.items()},
    )


def _person(*anat, dwi=(), func=(), labelled=()):
    return ParticipantInputs(
        participant="01",
        anat=anat,
        dwi=tuple(map(SeriesInput, dwi)),
        func=tuple(map(SeriesInput, func)),
        labelled=labelled,
    )


def _options(folder, **options):
    return Options(output_dir=folder / "out", **{"label_method": "auto", **options})


def _plan(folder, person, **options):
    return plan_labels(person, _options(folder, **options))


def test_discs_are_looked_for_in_t2w_and_t1w_and_told_to_all_images_of_the_session(tmp_path):
    images = [_image(tmp_path, name) for name in ("T2star", "T1w", "T2w", "ses-b_T2star")]
    bold = _image(tmp_path, "task-rest_bold")
    planned = _plan(tmp_path, _person(*images, func=[bold]))
    t2star, t1w, t2w, later = images
    for image in (t2star, t1w, t2w, bold):
        assert planned[image.path] == SessionLabels((t2w, t1w))
    assert planned[later.path] == SessionLabels((later,))


def test_series_name_their_own_discs_only_where_there_is_nothing_else(tmp_path):
    dwi, bold = _image(tmp_path, "dwi"), _image(tmp_path, "task-rest_bold", labels=["discs"])
    planned = _plan(tmp_path, _person(dwi=[dwi], func=[bold]))
    assert planned[dwi.path] == SessionLabels((dwi,), inside=True)
    assert planned[bold.path] == SessionLabels((bold,), (bold,), inside=True)
    t2w = _image(tmp_path, "T2w")
    planned = _plan(tmp_path, _person(dwi=[dwi], labelled=(t2w,)))
    assert planned[dwi.path] == SessionLabels((t2w,))


def test_labels_by_hand_decide_and_rootlets_alone_do_as_before(tmp_path):
    t2w, t1w = _image(tmp_path, "T2w"), _image(tmp_path, "T1w", labels=["vertebrae"])
    planned = _plan(tmp_path, _person(t2w, t1w))
    assert planned[t2w.path].by_hand == (t1w,)
    assert planned[t2w.path].uris[2:] == ["bids:labels:sub-01_T1w_label-vertebrae.nii.gz"]
    rootlets = _image(tmp_path, "acq-a_T2w", labels=["rootlets"])
    template = object()
    planned = _plan(tmp_path, _person(rootlets), template=template)
    assert planned[rootlets.path] == LevelLabels(rootlets, "rootlets")
    both = _plan(tmp_path, _person(rootlets, t1w), template=template)
    assert isinstance(both[rootlets.path], SessionLabels)


def test_with_the_manual_method_nothing_is_looked_for(tmp_path):
    t2w, t1w = _image(tmp_path, "T2w"), _image(tmp_path, "T1w", labels=["discs"])
    planned = _plan(tmp_path, _person(t2w, t1w), label_method="manual")
    assert planned[t2w.path] == LevelLabels(t1w, "discs")
    assert _plan(tmp_path, _person(t2w), label_method="manual") == {t2w.path: None}


def test_images_without_a_mask_show_nothing_where_masks_are_drawn_by_hand(tmp_path):
    t2w, t1w = _image(tmp_path, "T2w"), _image(tmp_path, "T1w", labels=["SC"])
    planned = _plan(tmp_path, _person(t2w, t1w), segmentation_method="manual")
    assert planned[t1w.path].sources == (t1w,)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([LabelInit("01", 5)], {"a": 5, "b": None}),
        ([LabelInit("01", 5, session="b")], {"a": None, "b": 5}),
        ([LabelInit("01", 5), LabelInit("01", 6, session="a")], {"a": 6, "b": None}),
        ([LabelInit("02", 5)], {"a": None, "b": None}),
    ],
)
def test_a_value_is_of_the_session_that_it_names_or_of_the_first(tmp_path, said, found):
    images = {one: _image(tmp_path, f"ses-{one}_T2w") for one in "ba"}
    planned = _plan(tmp_path, _person(*images.values()), label_inits=tuple(said))
    inits = {one: planned[image.path].init for one, image in images.items()}
    assert {one: init and init.value for one, init in inits.items()} == found


def _flat(workflow):
    """Steps as they wait for each other when they are run."""
    return generate_expanded_graph(workflow._create_flat_graph())


def test_what_needs_no_levels_does_not_wait_for_them(tmp_path):
    images = [_image(tmp_path, name) for name in ("T2w", "T1w", "T2star")]
    bold = _image(tmp_path, "task-rest_bold")
    person = _person(*images, func=[bold])
    workflow = init_sctflow_wf(participants=[person], options=_options(tmp_path))
    graph = _flat(workflow)
    (name,) = [node for node in graph if node.fullname.endswith("labels_wf.name")]
    above, below = nx.ancestors(graph, name), nx.descendants(graph, name)
    assert {node.fullname.split(".")[2] for node in above} == {
        "sub_01_T2w_wf", "sub_01_T1w_wf", "labels_wf"
    }  # fmt: skip
    waiting = {node.fullname.split(".", 2)[2] for node in below}
    for image in ("T2w", "T1w", "T2star"):
        assert f"sub_01_{image}_levels_wf.levels_wf.levels" in waiting
        assert not any(node.startswith(f"sub_01_{image}_wf.") for node in waiting)
    assert "sub_01_task_rest_bold_wf.func_wf.anat_wf.levels_wf.levels" in waiting
    for step in ("motion", "tsnr", "confounds", "anat_wf.cord_wf.report_wf.summary"):
        assert f"sub_01_task_rest_bold_wf.func_wf.{step}" not in waiting


def test_a_refusal_does_not_reach_the_naming_but_the_image(tmp_path):
    workflow = init_sctflow_wf(
        participants=[_person(_image(tmp_path, "T2w"))], options=_options(tmp_path)
    )
    graph = _flat(workflow)
    nodes = {node.fullname.split(".", 2)[2]: node for node in graph}
    found = nodes["sub_01_T2w_wf.cord_wf.found"]
    assert nodes["labels_wf.name"] not in nx.descendants(graph, found)
    assert nodes["sub_01_T2w_levels_wf.levels_wf.draw"] in nx.descendants(graph, found)


@pytest.fixture
def dataset(tmp_path):
    """A person with a straight cord: T2w and T2star with masks by hand, made to be read."""
    x, y = np.meshgrid(np.arange(SHAPE[0]) - 12, np.arange(SHAPE[1]) - 24, indexing="ij")
    cord = ((x / 5) ** 2 + ((y + 2) / 4) ** 2 <= 1).astype(np.uint8)
    mask = np.repeat(cord[:, :, None], SHAPE[2], axis=2)
    images = {}
    for name in ("T2w", "T2star"):
        image = images[name] = _image(tmp_path, name, labels=["SC"])
        _save(mask * np.int16(300) + np.int16(50), image.path)
        _save(mask, image.manual["SC"])
    return images


def _save(data, path):
    img = nib.Nifti1Image(data, AFFINE)
    img.set_qform(AFFINE, 1)
    img.set_sform(AFFINE, 1)
    img.to_filename(path)


def _label(folder, image, points):
    """The same image with discs labelled by hand at heights, by value."""
    data = np.zeros(SHAPE, np.uint8)
    for value, z in points.items():
        data[int(TIP[0] + 12), int(TIP[1] + 24), round(z - 50)] = value
    path = folder / "labels" / f"{image.path.name.split('.')[0]}_label-discs.nii.gz"
    _save(data, path)
    return replace(
        image,
        manual={**image.manual, "discs": path},
        manual_uris={**image.manual_uris, "discs": f"bids:labels:{path.name}"},
    )


def _run(folder, person, **options):
    """Run everything; failures are told by the names of the nodes."""
    workflow = init_sctflow_wf(participants=[person], options=_options(folder, **options))
    workflow.base_dir = str(folder / "work")
    workflow.config["execution"].update(
        crashdump_dir=str(folder / "crash"), hash_method="content", crashfile_format="txt"
    )
    try:
        workflow.run()
    except Exception:
        assert list((folder / "crash").glob("crash-*"))
    return folder / "out/sub-01"


def _points(path):
    img = nib.load(path)
    data = np.asarray(img.dataobj)
    return {int(data[tuple(v)]): (img.affine @ [*v, 1])[2] for v in np.argwhere(data)}


def _sidecar(path):
    return json.loads(Path(path).read_text())


def test_a_value_for_the_middle_disc_gives_levels_to_all_images(tmp_path, dataset):
    # The middle of the image is at 109 mm; C5/C6 is the disc nearest to it.
    middle = int(VALUES[np.argmin(np.abs(PLACES - 109))])
    person = _person(*dataset.values())
    anat = _run(tmp_path, person, label_inits=(LabelInit("01", middle),)) / "anat"
    for name in ("T2w", "T2star"):
        stem = f"sub-01_space-{name}_seg"
        drawn = _points(anat / f"{stem}-discs_dseg.nii.gz")
        assert set(drawn) == set(VALUES.tolist())
        assert np.abs(np.array([drawn[v] for v in VALUES.tolist()]) - PLACES).max() <= 0.5
        table = pd.read_csv(anat / f"{stem}-discs_dseg.tsv", sep="\t")
        assert table["name"].tolist()[:2] == ["C2/C3", "C3/C4"]
        sidecar = _sidecar(anat / f"{stem}-discs_dseg.json")
        assert sidecar["LabelMethod"] == "automatic and manual"
        assert sidecar["LabelModel"]["Name"] == "pretender"
        assert sidecar["Sources"] == ["bids:raw:sub-01_T2w.nii.gz"]
        levels = np.asarray(nib.load(anat / f"{stem}-vertebrae_dseg.nii.gz").dataobj)
        heights = 50 + np.arange(SHAPE[2])
        for value, upper, lower in zip(VALUES, PLACES, PLACES[1:], strict=False):
            inside = (heights < upper - 1) & (heights > lower + 1)
            assert set(np.unique(levels[:, :, inside])) == {0, value}
    assert (anat / "sub-01_space-T2w_seg-discs_desc-namings_dseg.tsv").is_file()
    assert not (anat / "sub-01_space-T2star_seg-discs_desc-namings_dseg.tsv").exists()
    figures = tmp_path / "out/sub-01/figures"
    assert (figures / "sub-01_space-T2w_desc-labels_T2w.svg").is_file()
    text = (figures / "sub-01_space-T2star_desc-levels_T2star.html").read_text("utf-8")
    assert "C2 to T2, from automatic and manual labels" in text


def test_labels_by_hand_stay_and_a_corrected_one_recomputes_no_cord(tmp_path, dataset):
    t2w = _label(tmp_path, dataset["T2w"], {5: round(PLACES[2]) + 2})
    out = _run(tmp_path, _person(t2w, dataset["T2star"]))
    path = out / "anat/sub-01_space-T2w_seg-discs_dseg.nii.gz"
    assert _points(path)[5] == round(PLACES[2]) + 2
    made = _finished(tmp_path)
    # One value more for all.
    corrected = _label(tmp_path, dataset["T2w"], {6: round(PLACES[2]) + 2})
    _run(tmp_path, _person(corrected, dataset["T2star"]))
    assert set(_points(path)) == set((VALUES + 1).tolist())
    again = {name for name, at in _finished(tmp_path).items() if at != made.get(name)}
    assert any(name.endswith("levels_wf/levels") for name in again)
    assert not [name for name in again if "/cord_wf/" in name]


def _finished(folder):
    """When each step was finished that computes something."""
    work = folder / "work"
    return {
        str(path.parent.relative_to(work)): path.stat().st_mtime_ns
        for path in work.rglob("result_*.pklz")
        if not path.parent.name.startswith("ds_")
    }


def test_discs_that_cannot_be_named_are_drawn_without_names_and_the_rest_goes_on(
    tmp_path, dataset, monkeypatch
):
    def few(data, affine, line, *, net):
        return seen(data, affine, line, net=net).iloc[:3]

    monkeypatch.setattr("sctflow.core.labeling.detect.find_landmarks", few)
    monkeypatch.setattr("sctflow.core.labeling.naming.THRESHOLD", 1.0)
    monkeypatch.setattr("sctflow.interfaces.labeling.THRESHOLD", 1.0)
    out = _run(tmp_path, _person(*dataset.values()))
    stem = "anat/sub-01_space-T2w_seg"
    assert sorted(_points(out / f"{stem}-discs_desc-unnamed_dseg.nii.gz")) == [101, 102, 103]
    sidecar = _sidecar(out / f"{stem}-discs_desc-unnamed_dseg.json")
    assert "--label-init" in sidecar["LevelNaming"]
    assert not (out / f"{stem}-discs_dseg.nii.gz").exists()
    assert not (out / f"{stem}-vertebrae_dseg.nii.gz").exists()
    assert (out / "anat/sub-01_space-T2w_label-SC_desc-perslice_morph.tsv").is_file()
    text = (out / "figures/sub-01_space-T2w_desc-levels_T2w.html").read_text("utf-8")
    assert "could not be named" in text
    assert "--label-init SUB:VALUE" in text
    assert 'data-warnings="1"' in text


@pytest.mark.parametrize("labelled", [True, False])
def test_an_image_that_is_refused_stops_no_other(tmp_path, dataset, labelled):
    t2w = dataset["T2w"]
    t2w.path.write_bytes(t2w.path.read_bytes()[:2000])
    if labelled:
        t2w = _label(tmp_path, t2w, dict(zip(VALUES.tolist(), PLACES.tolist(), strict=True)))
    out = _run(tmp_path, _person(t2w, dataset["T2star"]))
    (crash,) = (tmp_path / "crash").glob("crash-*")
    assert "cord_wf.found" in crash.read_text()
    assert "truncated" in crash.read_text()
    assert not list(out.glob("anat/*space-T2w*"))
    assert (out / "anat/sub-01_space-T2star_label-SC_desc-perslice_morph.tsv").is_file()
    levels = out / "anat/sub-01_space-T2star_seg-vertebrae_dseg.nii.gz"
    assert levels.is_file() == labelled
    text = (out / "figures/sub-01_space-T2star_desc-levels_T2star.html").read_text("utf-8")
    assert ("C2 to" in text) == labelled


def test_every_column_of_the_tables_of_discs_is_described(tmp_path, dataset):
    from sctflow.workflows.disc_outputs import COLUMNS

    anat = _run(tmp_path, _person(dataset["T2w"])) / "anat"
    (namings,) = anat.glob("*desc-namings_dseg.tsv")
    sidecar = _sidecar(namings.with_suffix(".json"))
    for column in pd.read_csv(namings, sep="\t"):
        assert sidecar[column]["Description"]
    for table in anat.glob("*seg-discs*dseg.tsv"):
        if table != namings:
            assert list(pd.read_csv(table, sep="\t")) == list(COLUMNS)
