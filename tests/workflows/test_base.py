from dataclasses import replace
from pathlib import Path

import pytest
from nipype.interfaces.base import Undefined

from sctflow.bids import ImageInput, MTInput, SeriesInput
from sctflow.workflows.base import add_image, init_sctflow_wf
from sctflow.workflows.cord import NO_MANUAL_MASK, workflow_name
from sctflow.workflows.levels import LevelLabels, choose_labels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options


def _nodes(workflow):
    return {name: workflow.get_node(name) for name in workflow.list_node_names()}


def _plan(participants, tmp_path, **options):
    options = Options(output_dir=tmp_path / "out", **options)
    return init_sctflow_wf(participants=participants, options=options)


@pytest.mark.parametrize("suffix", ["T2w", "T1w", "T2star", "acq-top_run-02_T2w"])
@pytest.mark.parametrize("method", ["network", "manual"])
def test_each_image_gets_a_workflow_of_its_own(make_participant, tmp_path, suffix, method):
    participant = make_participant(images=[suffix], masks=[suffix])
    nodes = _nodes(_plan([participant], tmp_path, segmentation_method=method))
    name = f"sub_01_wf.sub_01_{suffix.replace('-', '_')}_wf.cord_wf"
    assert {f"{name}.{step}" for step in ("check", "segment", "centerline", "morphometry")} <= set(
        nodes
    )


@pytest.mark.parametrize(("masks", "interface"), [((), "SegmentCord"), (("T2w",), "ManualMask")])
def test_a_manual_mask_replaces_the_network(make_participant, tmp_path, masks, interface):
    nodes = _nodes(_plan([make_participant(masks=masks)], tmp_path))
    segment = nodes["sub_01_wf.sub_01_T2w_wf.cord_wf.segment"]
    assert type(segment.interface).__name__ == interface


def test_without_a_mask_the_manual_method_says_what_was_not_computed(make_participant, tmp_path):
    participant = make_participant(images=["T2w", "T1w"], masks=["T1w"])
    nodes = _nodes(_plan([participant], tmp_path, segmentation_method="manual"))
    left_out = {name for name in nodes if "sub_01_T2w_wf" in name}
    prefix = "sub_01_wf.sub_01_T2w_wf"
    assert left_out == {f"{prefix}.summary", f"{prefix}.ds_summary"}
    assert nodes[f"{prefix}.summary"].inputs.not_computed == NO_MANUAL_MASK
    assert "sub_01_wf.sub_01_T1w_wf.cord_wf.morphometry" in nodes


def test_participants_are_not_connected(make_participant, tmp_path):
    import networkx as nx

    participants = [make_participant("01", images=["T2w", "T1w"]), make_participant("02")]
    workflow = _plan(participants, tmp_path)
    parts = list(nx.weakly_connected_components(workflow._create_flat_graph()))
    people = [{node.fullname.split(".")[1] for node in part} for part in parts]
    assert sorted(people, key=str) == [{"sub_01_wf"}, {"sub_02_wf"}]


def test_a_participant_without_images_adds_nothing(make_participant, tmp_path):
    workflow = _plan([make_participant("01", images=[]), make_participant("02")], tmp_path)
    assert {name.split(".")[0] for name in _nodes(workflow)} == {"sub_02_wf"}


@pytest.mark.parametrize("threads", [1, 4])
def test_the_network_is_given_its_threads(make_participant, tmp_path, threads):
    nodes = _nodes(_plan([make_participant()], tmp_path, omp_nthreads=threads))
    segment = nodes["sub_01_wf.sub_01_T2w_wf.cord_wf.segment"]
    assert (segment.n_procs, segment.inputs.num_threads) == (threads, threads)


def test_methods_tell_of_the_steps_that_are_run_and_of_no_others(make_participant, tmp_path):
    def text(participant, label_method="manual"):
        return _plan([participant], tmp_path, label_method=label_method).visit_desc()

    by_hand = text(make_participant(masks=["T2w"]))
    assert "by hand" in by_hand
    assert "network" not in by_hand
    assert "in slabs that follow the cord" in text(make_participant(masks=["T2w"]), "auto")
    both = text(make_participant(images=["T2w", "T1w"], masks=["T2w"]))
    assert "by hand" in both
    assert "network" in both
    assert both.count("perpendicular to the centreline") == 1


@pytest.mark.parametrize("masks", [(), ("T2w",)])
def test_what_the_methods_cite_is_in_the_bibliography(make_participant, tmp_path, masks):
    from sctflow.reports.boilerplate import cited_keys, read_bibliography

    keys = cited_keys(_plan([make_participant(masks=masks)], tmp_path).visit_desc())
    assert len(keys) > 3
    assert set(keys) <= set(read_bibliography())


def _image(suffix, *, session="a", discs=False):
    path = Path(f"/bids/sub-01/ses-{session}/anat/sub-01_ses-{session}_{suffix}.nii.gz")
    manual = {"discs": path.with_name(f"{suffix}_discs.nii.gz")} if discs else {}
    entities = {"subject": "01", "session": session, "suffix": suffix}
    return ImageInput(path=path, entities=entities, manual=manual)


def test_discs_are_those_of_the_image_then_of_the_t2w_of_its_session():
    t2w, t1w, t2star = _image("T2w", discs=True), _image("T1w", discs=True), _image("T2star")
    later = _image("T2star", session="b")
    images = [later, t1w, t2star, t2w]
    assert choose_labels(t1w, images).image is t1w
    assert choose_labels(t2star, images).image is t2w
    assert choose_labels(t2star, [t2star, t1w]).image is t1w
    assert choose_labels(later, images) is None


@pytest.mark.parametrize("labelled", [True, False])
def test_levels_are_assigned_where_discs_are_labelled(make_participant, tmp_path, labelled):
    (image,) = make_participant().anat
    discs = image.path.with_name("discs.nii.gz")
    discs.touch()
    source = replace(image, manual={"discs": discs}, manual_uris={"discs": "bids:labels:discs"})
    workflow = Workflow(name="images_wf")
    add_image(
        workflow,
        image=image,
        labels=LevelLabels(source, "discs") if labelled else None,
        options=Options(output_dir=tmp_path / "out"),
    )
    nodes = _nodes(workflow)
    assert ("sub_01_T2w_levels_wf.levels_wf.levels" in nodes) == labelled
    assert ("sub_01_T2w_levels_wf.levels_outputs_wf.ds_perlevel" in nodes) == labelled
    assert ("spinallevels" in workflow.visit_desc()) == labelled


def _with_series(participant):
    """The same participant with images of the other modalities, all of them empty files."""
    folder = participant.anat[0].path.parents[1]

    def image(datatype, stem, **entities):
        path = folder / datatype / f"sub-01_{stem}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        entities = {"subject": "01", "datatype": datatype, **entities}
        return ImageInput(path, entities, bids_dir=folder.parent, uri=f"bids:raw:{path.name}")

    pair = {role: image("anat", f"mt-{role}_MTR", suffix="MTR", mt=role) for role in ("on", "off")}
    gradients = {kind: folder / "dwi" / f"sub-01_dwi.{kind}" for kind in ("bval", "bvec")}
    dwi = SeriesInput(image("dwi", "dwi", suffix="dwi"), **gradients)
    gradients["bval"].write_text("0 800")
    gradients["bvec"].write_text("0 1\n0 0\n0 0")
    bold = SeriesInput(image("func", "task-rest_bold", suffix="bold", task="rest"))
    shared = {"subject": "01", "suffix": "MTR", "datatype": "anat"}
    protocol = MTInput(pair, replace(pair["on"], entities=shared))
    return replace(participant, mt=(protocol,), dwi=(dwi,), func=(bold,))


def test_every_modality_has_a_workflow_named_after_its_image(make_participant, tmp_path):
    participant = _with_series(make_participant())
    nodes = _nodes(_plan([participant], tmp_path))
    found = {name.split(".")[1] for name in nodes}
    assert found > {workflow_name(image) for image in participant.images}
    assert found == {
        "labels_wf",
        "sub_01_T2w_wf",
        "sub_01_T2w_levels_wf",
        "sub_01_mt_on_MTR_wf",
        "sub_01_dwi_wf",
        "sub_01_task_rest_bold_wf",
    }


@pytest.mark.parametrize("masks", [(), ("T2w",)])
def test_motion_of_functional_series_is_followed_about_the_cord_drawn_on_the_anatomy(
    make_participant, tmp_path, masks
):
    participant = _with_series(make_participant(masks=masks))
    workflow = _plan([participant], tmp_path).get_node("sub_01_wf")
    given = workflow.get_node("sub_01_task_rest_bold_wf.inputnode").inputs.anat_mask
    expected = str(participant.anat[0].manual["SC"]) if masks else Undefined
    assert given == expected
    # No mask is waited for, so that no series falls with an image: only labels come from others.
    names = {one.name for one, _ in workflow._graph.in_edges(workflow.get_node(
        "sub_01_task_rest_bold_wf"
    ))}  # fmt: skip
    assert names == {"labels_wf"}


@pytest.mark.parametrize("anatomy", [True, False])
def test_levels_of_series_come_from_the_anatomical_image_of_the_session(
    make_participant, tmp_path, anatomy
):
    participant = _with_series(make_participant())
    (t2w,) = participant.anat
    discs = t2w.path.with_name("discs.nii.gz")
    discs.touch()
    labelled = replace(t2w, manual={"discs": discs}, manual_uris={"discs": "bids:labels:discs"})
    processed = {"anat": (labelled,)} if anatomy else {"anat": (), "labelled": (labelled,)}
    person = replace(participant, **processed)
    nodes = _nodes(_plan([person], tmp_path, label_method="manual"))
    assert any("sub_01_T2w_wf" in name for name in nodes) == anatomy
    for name in ("sub_01_mt_on_MTR_wf.mt_wf", "sub_01_task_rest_bold_wf.func_wf"):
        assert nodes[f"sub_01_wf.{name}.anat_wf.levels_wf.levels"].inputs.elsewhere
