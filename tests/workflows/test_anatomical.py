"""The graph for one image runs on files alone, without a dataset."""

from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.segmentation import CordSegmentation
from sctflow.workflows.find_cord import init_cord_wf

SHAPE = (40, 36, 30)


@pytest.fixture
def cord(tmp_path):
    """Image of a straight cord of 5 mm radius and its mask, 1 mm voxels."""
    x, y = np.meshgrid(np.arange(SHAPE[0]), np.arange(SHAPE[1]), indexing="ij")
    disc = (x - 20) ** 2 + (y - 18) ** 2 <= 25
    mask = np.repeat(disc[:, :, None], SHAPE[2], axis=2)
    noise = np.random.default_rng(0).normal(100, 10, SHAPE)
    for name, data in (("image", noise + 300 * mask), ("mask", mask)):
        img = nib.Nifti1Image(data.astype(np.int16), np.eye(4))
        img.set_qform(np.eye(4), 1)
        img.to_filename(tmp_path / f"{name}.nii.gz")
    return SimpleNamespace(
        image=tmp_path / "image.nii.gz", mask_file=tmp_path / "mask.nii.gz", mask=mask
    )


def _run(cord, tmp_path, **options):
    workflow = init_cord_wf(voxels=int(np.prod(SHAPE)), **options)
    workflow.base_dir = str(tmp_path / "work")
    workflow.config["execution"]["crashdump_dir"] = str(tmp_path)
    workflow.inputs.inputnode.in_file = str(cord.image)
    if options["segmentation"] == "manual":
        workflow.inputs.inputnode.manual_mask = str(cord.mask_file)
    return {node.fullname: node.result.outputs for node in workflow.run().nodes()}


def _table(path):
    return pd.read_csv(path, sep="\t", na_values="n/a")


def _pretend(monkeypatch, *, mask, warnings=()):
    """Stand in for the networks: what they find is given."""
    found = mask.any(axis=(0, 1))
    seg = CordSegmentation(
        mask=mask.astype(np.uint8),
        probability=mask.astype(np.float32) * np.float32(0.75),
        slices=pd.DataFrame(
            {
                "slice": np.arange(mask.shape[2]),
                "confidence": np.where(found, 0.875, 0),
                "area_mm2": mask.sum(axis=(0, 1)).astype(float),
                "status": np.where(found, "cord", "none"),
            }
        ),
        warnings=tuple(warnings),
    )
    info = {"name": "pretender", "version": "3", "checksum": "abc"}
    monkeypatch.setattr("sctflow.core.segmentation.segment_cord", lambda *a, **k: seg)
    monkeypatch.setattr("sctflow.models.load_cord_nets", lambda: (None, info))
    monkeypatch.setattr("sctflow.workflows.find_cord.cord_model", lambda: info)


def test_a_cylinder_delineated_by_hand_is_measured(cord, tmp_path):
    outputs = _run(cord, tmp_path, segmentation="manual")
    table = _table(outputs["cord_wf.morphometry"].out_table)
    np.testing.assert_allclose(table["area"], cord.mask[:, :, 0].sum(), rtol=1e-5)
    np.testing.assert_array_equal(table["slice"], np.arange(SHAPE[2]))
    for figure in ("summary", "axial", "area"):
        report = outputs[f"cord_wf.report_wf.{figure}"].out_report
        assert len(list(ElementTree.parse(report).iter())) > 10


def test_what_the_network_found_is_measured_with_its_confidence(cord, tmp_path, monkeypatch):
    _pretend(monkeypatch, mask=cord.mask, warnings=["Look at slice 3."])
    outputs = _run(cord, tmp_path, segmentation="network")
    table = _table(outputs["cord_wf.morphometry"].out_table)
    # The binary mask is measured: with the soft one, areas would be three quarters of it.
    np.testing.assert_allclose(table["area"], cord.mask[:, :, 0].sum(), rtol=1e-5)
    assert set(table["confidence"]) == {0.875}
    assert outputs["cord_wf.segment"].method == {
        "Manual": False,
        "SegmentationMethod": "network",
        "Model": {"Name": "pretender", "Version": "3", "Checksum": "abc"},
    }
    summary = Path(outputs["cord_wf.report_wf.summary"].out_report).read_text("utf-8")
    assert "Look at slice 3." in summary


def test_an_image_without_a_cord_gives_empty_results_and_the_warning(cord, tmp_path, monkeypatch):
    nothing = "No spinal cord was found in this image."
    _pretend(monkeypatch, mask=np.zeros(SHAPE, bool), warnings=[nothing])
    outputs = _run(cord, tmp_path, segmentation="network")
    assert not np.asarray(nib.load(outputs["cord_wf.segment"].mask_file).dataobj).any()
    table = _table(outputs["cord_wf.morphometry"].out_table)
    assert len(table) == 0
    assert "confidence" in table
    summary = Path(outputs["cord_wf.report_wf.summary"].out_report).read_text("utf-8")
    assert nothing in summary
