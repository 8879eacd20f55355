import pytest

from sctflow.workflows.base import add_image
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options


@pytest.fixture
def sinks(make_participant, tmp_path):
    def find(name, *, masks=()):
        (image,) = make_participant(images=[name], masks=masks).anat
        workflow = Workflow(name="images_wf")
        add_image(workflow, image=image, options=Options(output_dir=tmp_path / "out"))
        return {
            node.name: node.inputs
            for node in workflow._get_all_nodes()
            if node.name.startswith("ds_")
        }

    return find


def test_results_carry_the_names_of_the_conventions(sinks):
    folder, stem = "sub-01/anat", "sub-01_acq-top_run-02_space-T2w_label-SC"
    names = {node: inputs.name for node, inputs in sinks("acq-top_run-02_T2w").items()}
    assert names == {
        "ds_mask": f"{folder}/{stem}_mask.nii.gz",
        "ds_probseg": f"{folder}/{stem}_probseg.nii.gz",
        "ds_centerline_mask": f"{folder}/{stem}_desc-centerline_mask.nii.gz",
        "ds_centerline": f"{folder}/{stem}_desc-centerline_mask.tsv",
        "ds_morphometry": f"{folder}/{stem}_desc-perslice_morph.tsv",
        "ds_summary": "sub-01/figures/sub-01_acq-top_run-02_space-T2w_desc-summary_T2w.html",
        "ds_axial": "sub-01/figures/sub-01_acq-top_run-02_space-T2w_desc-axial_T2w.svg",
        "ds_levels": "sub-01/figures/sub-01_acq-top_run-02_space-T2w_desc-levels_T2w.html",
        "ds_sagittal": "sub-01/figures/sub-01_acq-top_run-02_space-T2w_desc-sagittal_T2w.svg",
        "ds_area": "sub-01/figures/sub-01_acq-top_run-02_space-T2w_desc-area_T2w.svg",
    }


def test_sources_lead_from_the_measures_back_to_the_image(sinks):
    found = sinks("T2w", masks=["T2w"])
    raw = "bids:raw:sub-01/anat/sub-01_T2w.nii.gz"
    assert found["ds_mask"].sidecar["Sources"] == [
        raw,
        "bids:labels:sub-01/anat/sub-01_T2w_label-SC_seg.nii.gz",
    ]
    mask = f"bids::{found['ds_mask'].name}"
    assert found["ds_centerline_mask"].sidecar["Sources"][0] == mask
    assert found["ds_morphometry"].sidecar["Sources"][0] == mask
    assert found["ds_mask"].sidecar["SpatialReference"] == raw


def test_confidence_is_described_where_a_network_gives_one(sinks):
    assert "confidence" in sinks("T2w")["ds_morphometry"].columns
    assert "confidence" not in sinks("T2w", masks=["T2w"])["ds_morphometry"].columns


def test_columns_of_lengths_have_units(sinks):
    columns = sinks("T2w")["ds_morphometry"].columns
    assert {columns[name]["Units"] for name in ("diameter_AP", "diameter_RL", "length")} == {"mm"}
