"""The graph for one diffusion series: on files alone, and with its place in the output dataset."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import shift as move

from sctflow.bids import ImageInput, SeriesInput
from sctflow.core.phantom.diffusion import dwi_table, fa_md, gradient_table
from sctflow.core.phantom.tissues import make_tissues
from sctflow.workflows.dwi import init_dwi_wf
from sctflow.workflows.dwi_outputs import init_dwi_outputs_wf
from sctflow.workflows.dwi_series import init_dwi_series_wf, why_not
from sctflow.workflows.options import Options

TISSUES = make_tissues()
BVALS, BVECS = gradient_table(3, {800: 16}, seed=4)
AFFINE = np.diag([1.0, 1.0, 5.0, 1.0])
SHAPE = (44, 40, 5)
SHIFTS = np.random.default_rng(1).normal(0, 1.0, (len(BVALS), 2))
WHITE = 0


@pytest.fixture
def scan(tmp_path):
    """A white cord in fluid that fades, and tissue around, moving by up to some millimetres."""
    x, y = np.meshgrid(np.arange(SHAPE[0]) - 22.0, np.arange(SHAPE[1]) - 20.0, indexing="ij")
    cord = np.hypot(x / 6, y / 5) <= 1
    fluid = np.hypot(x / 9, y / 8) <= 1
    left = dwi_table(TISSUES, BVALS, BVECS, np.array([0, 0, 1.0]))[WHITE]
    signal = np.full((*x.shape, len(BVALS)), 60.0)
    signal[fluid] = 1000 * np.exp(-3e-3 * BVALS) + 20
    signal[cord] = 600 * left
    moved = [move(signal[..., t], SHIFTS[t], order=1, mode="nearest") for t in range(len(BVALS))]
    data = np.repeat(np.stack(moved, -1)[:, :, None], SHAPE[2], axis=2)
    data += np.random.default_rng(0).normal(0, 4, data.shape)
    folder = tmp_path / "raw" / "sub-01" / "dwi"
    folder.mkdir(parents=True)
    stem = folder / "sub-01_dwi"
    _save(data.astype(np.float32), f"{stem}.nii.gz")
    np.savetxt(f"{stem}.bval", BVALS[None], fmt="%g")
    # FSL reverses the first axis of images that are stored right-handed.
    np.savetxt(f"{stem}.bvec", (BVECS * [-1, 1, 1]).T)
    mask = np.repeat(cord[:, :, None], SHAPE[2], axis=2).astype(np.uint8)
    _save(mask, tmp_path / "mask.nii.gz")
    return SimpleNamespace(stem=stem, mask=tmp_path / "mask.nii.gz", cord=mask > 0)


def _save(data, path):
    img = nib.Nifti1Image(data, AFFINE)
    img.set_qform(AFFINE, 1)
    img.set_sform(AFFINE, 1)
    img.to_filename(path)


def _run(scan, tmp_path, make_anat, **options):
    voxels = int(np.prod(SHAPE))
    anat_wf = make_anat(segmentation="manual", voxels=voxels)
    anat_wf.inputs.cord_wf.inputnode.manual_mask = str(scan.mask)
    anat_wf.inputs.cord_wf.inputnode.source_file = f"{scan.stem}.nii.gz"
    workflow = init_dwi_wf(
        anat_wf=anat_wf, voxels=voxels, volumes=len(BVALS), segmentation="manual", **options
    )
    workflow.base_dir = str(tmp_path / "work")
    workflow.config["execution"]["crashdump_dir"] = str(tmp_path)
    given = workflow.inputs.inputnode
    given.in_file, given.manual_mask = f"{scan.stem}.nii.gz", str(scan.mask)
    given.bval_file, given.bvec_file = f"{scan.stem}.bval", f"{scan.stem}.bvec"
    return {node.fullname: node.result.outputs for node in workflow.run().nodes()}


def _read(path):
    return np.asarray(nib.load(path).dataobj)


def test_a_moving_cord_is_found_where_it_was_and_has_its_tensor(scan, tmp_path, make_anat):
    outputs = _run(scan, tmp_path, make_anat)
    correct, fit = outputs["dwi_wf.motion"], outputs["dwi_wf.fit"]
    motion = pd.read_csv(correct.motion_file, sep="\t")
    rest = SHIFTS[BVALS > 0].mean(axis=0)
    error = motion[["trans_x", "trans_y"]].to_numpy() - (SHIFTS - rest)
    assert np.sqrt(np.square(error).mean()) < 0.1
    # Where it lies is the mean of its places: a pixel within its edge, nothing else is there.
    inside = move(scan.cord.astype(float), (*rest, 0), order=1) > 0.99
    inside &= np.roll(inside, 1, 0) & np.roll(inside, -1, 0)
    inside &= np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    fa, md = (one[WHITE] for one in fa_md(TISSUES.ad, TISSUES.rd))
    assert np.median(_read(fit.fa_file)[inside]) == pytest.approx(fa, abs=0.02)
    assert 1e3 * np.median(_read(fit.md_file)[inside]) == pytest.approx(md, rel=0.02)
    assert fit.warnings == []
    assert correct.method == {"MotionCorrection": "translation", "Interpolation": "spline"}
    for figure in ("motionplot", "motionanimation", "beforeafter", "anisotropy", "diffusivities"):
        assert Path(outputs[f"dwi_wf.report_wf.{figure}"].out_report).stat().st_size > 1000
    details = Path(outputs["dwi_wf.report_wf.details"].out_report).read_text("utf-8")
    assert "3 with b = 0 s/mm², 16 with b = 800 s/mm²" in details
    assert 'data-warnings="0"' in details


def test_without_b0_motion_and_mean_are_there_and_the_report_says_what_is_not(
    scan, tmp_path, make_anat
):
    weighted = BVALS > 0
    _save(_read(f"{scan.stem}.nii.gz")[..., weighted], f"{scan.stem}.nii.gz")
    np.savetxt(f"{scan.stem}.bval", BVALS[None, weighted], fmt="%g")
    np.savetxt(f"{scan.stem}.bvec", BVECS.T[:, weighted])
    outputs = _run(scan, tmp_path, make_anat)
    assert _read(outputs["dwi_wf.motion"].dwi_mean_file).shape == SHAPE
    assert _read(outputs["dwi_wf.anat_wf.cord_wf.segment"].mask_file).any()
    assert not isinstance(outputs["dwi_wf.fit"].fa_file, str)
    details = Path(outputs["dwi_wf.report_wf.details"].out_report).read_text("utf-8")
    assert "No tensors were fitted. sub-01_dwi.bval: no volume has b = 0" in details
    summary = Path(outputs["dwi_wf.anat_wf.cord_wf.report_wf.summary"].out_report).read_text(
        "utf-8"
    )
    assert summary.count("no volume has b = 0") == 1


def test_where_no_cord_is_found_the_series_is_handed_on(scan, tmp_path, make_anat, monkeypatch):
    from sctflow.core.segmentation import CordSegmentation

    nothing = CordSegmentation(
        mask=np.zeros(SHAPE, np.uint8),
        probability=np.zeros(SHAPE, np.float32),
        slices=pd.DataFrame(
            {"slice": range(5), "confidence": 0.0, "area_mm2": 0.0, "status": "none"}
        ),
        warnings=("No spinal cord was found in this image.",),
    )
    info = {"name": "pretender", "version": "3", "checksum": "abc"}
    monkeypatch.setattr("sctflow.core.segmentation.segment_cord", lambda *a, **k: nothing)
    monkeypatch.setattr("sctflow.models.load_cord_nets", lambda: (None, info))
    for module in ("find_cord", "dwi"):
        monkeypatch.setattr(f"sctflow.workflows.{module}.cord_model", lambda: info)
    voxels = int(np.prod(SHAPE))
    anat_wf = make_anat(segmentation="network", voxels=voxels)
    anat_wf.inputs.cord_wf.inputnode.source_file = "sub-01_dwi.nii.gz"
    workflow = init_dwi_wf(anat_wf=anat_wf, voxels=voxels, volumes=len(BVALS), denoise="mppca")
    workflow.base_dir = str(tmp_path / "work")
    given = workflow.inputs.inputnode
    given.in_file, given.bval_file, given.bvec_file = (
        f"{scan.stem}{extension}" for extension in (".nii.gz", ".bval", ".bvec")
    )
    outputs = {node.fullname: node.result.outputs for node in workflow.run().nodes()}
    corrected = _read(outputs["dwi_wf.motion"].out_file)
    np.testing.assert_array_equal(corrected, _read(f"{scan.stem}.nii.gz"))
    summary = Path(outputs["dwi_wf.anat_wf.cord_wf.report_wf.summary"].out_report).read_text(
        "utf-8"
    )
    for words in ("No cord was found", "motion was not corrected", "The series was not denoised"):
        assert words in summary
    told = {"Denoising": "none", "MotionCorrection": "none"}
    assert outputs["dwi_wf.motion"].method == told
    details = Path(outputs["dwi_wf.report_wf.details"].out_report).read_text("utf-8")
    assert "No tensors were fitted" in details


def test_options_reach_the_nodes_and_the_methods_tell_of_them(make_anat):
    def build(**options):
        anat_wf = make_anat(segmentation="manual", voxels=1000)
        return init_dwi_wf(anat_wf=anat_wf, voxels=1000, volumes=30, **options)

    plain = build()
    assert plain.get_node("denoise") is None
    assert plain.get_node("values_wf") is None
    assert plain.get_node("motion").inputs.kind == "translation"
    assert plain.get_node("fit").inputs.b0_max == 100
    assert "Noise was taken out" not in plain.visit_desc()
    other = build(
        denoise="patch2self", motion="rigid", fit="restore", registered=True, b0_max=40.0
    )
    for node in ("gradients", "raw_mean", "denoise", "motion", "fit", "snr"):
        assert other.get_node(node).inputs.b0_max == 40
    assert other.get_node("denoise").inputs.method == "patch2self"
    assert other.get_node("motion").inputs.kind == "rigid"
    assert other.get_node("fit").inputs.method == "restore"
    assert other.get_node("values_wf") is not None
    text = other.visit_desc()
    for words in ("[@patch2self]", "directions were turned", "[@restore]", "[@atlasvalues]"):
        assert words in text


@pytest.fixture
def item(scan):
    """The series as it was found in a dataset."""
    root = scan.stem.parents[2]
    image = ImageInput(
        path=Path(f"{scan.stem}.nii.gz"),
        entities={"subject": "01", "suffix": "dwi", "datatype": "dwi"},
        manual={"SC": scan.mask},
        bids_dir=root,
        uri="bids:raw:sub-01/dwi/sub-01_dwi.nii.gz",
        manual_uris={"SC": "bids:labels:sub-01/dwi/sub-01_dwi_label-SC_seg.nii.gz"},
    )
    return SeriesInput(image, Path(f"{scan.stem}.bval"), Path(f"{scan.stem}.bvec"))


def test_every_result_gets_its_name_and_its_unit(item, tmp_path):
    workflow = init_dwi_outputs_wf(image=item.image, output_dir=tmp_path, template="PAM50")
    sinks = {
        name.removeprefix("ds_"): workflow.get_node(name).inputs
        for name in workflow.list_node_names()
        if name.startswith("ds_")
    }
    named = {result: sink.name.removeprefix("sub-01/dwi/") for result, sink in sinks.items()}
    expected = {
        "series": "sub-01_desc-preproc_dwi.nii.gz",
        "bval": "sub-01_desc-preproc_dwi.bval",
        "bvec": "sub-01_desc-preproc_dwi.bvec",
        "dwiref": "sub-01_dwiref.nii.gz",
        "b0ref": "sub-01_b0ref.nii.gz",
        "motion": "sub-01_desc-motion_timeseries.tsv",
        "slice_motion": "sub-01_desc-motionslice_timeseries.tsv",
        "fa": "sub-01_model-tensor_param-fa_dwimap.nii.gz",
        "rd_values": "sub-01_model-tensor_param-rd_seg-PAM50_dwimap.tsv",
        "details": "sub-01/figures/sub-01_desc-details_dwi.html",
        "mdvalues": "sub-01/figures/sub-01_desc-mdvalues_dwi.svg",
    }
    assert {result: named[result] for result in expected} == expected
    assert "Units" not in sinks["fa"].sidecar
    for one in ("md", "ad", "rd"):
        assert sinks[one].sidecar["Units"] == "mm^2/s"
        assert sinks[f"{one}_values"].columns["value"]["Units"] == "mm^2/s"


def test_a_series_ends_in_the_output_dataset(item, tmp_path):
    out = tmp_path / "out"
    workflow = init_dwi_series_wf(item=item, options=Options(output_dir=out))
    assert workflow.name == "sub_01_dwi_wf"
    workflow.base_dir = str(tmp_path / "work")
    workflow.run()
    folder = out / "sub-01" / "dwi"
    sidecar = json.loads((folder / "sub-01_label-SC_mask.json").read_text())
    assert sidecar["SpatialReference"] == "bids::sub-01/dwi/sub-01_dwiref.nii.gz"
    assert sidecar["Manual"] is True
    snr = json.loads((folder / "sub-01_b0ref.json").read_text())["SignalToNoiseRatio"]
    assert snr > 20
    told = json.loads((folder / "sub-01_desc-preproc_dwi.json").read_text())
    assert (told["Denoising"], told["MotionCorrection"]) == ("none", "translation")
    bvecs = np.loadtxt(folder / "sub-01_desc-preproc_dwi.bvec")
    np.testing.assert_allclose(bvecs, (BVECS * [-1, 1, 1]).T, atol=1e-5)
    assert not list(folder.glob("*seg-PAM50*"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bval": None}, "no .bval file applies"),
        ({"bval": None, "bvec": None}, "no .bval and no .bvec file applies"),
    ],
)
def test_a_series_without_gradients_is_left_out_with_the_reason(item, tmp_path, change, reason):
    workflow = init_dwi_series_wf(
        item=replace(item, **change), options=Options(output_dir=tmp_path)
    )
    assert workflow.list_node_names() == ["ds_summary", "summary"]
    assert reason in workflow.get_node("summary").inputs.not_computed


def test_gradients_that_cannot_be_right_are_told_before_anything_runs(item):
    assert why_not(item, len(BVALS)) == ""
    assert "has 20 volumes, but sub-01_dwi.bval has 19" in why_not(item, 20)
    np.savetxt(item.bval, 0 * BVALS[None], fmt="%g")
    assert "no volume has diffusion weighting" in why_not(item, len(BVALS))
    np.savetxt(item.bval, BVALS[None], fmt="%g")
    assert "(more than 900 s/mm²" in why_not(item, len(BVALS), b0_max=900.0)
    # A series that cannot be read fails when its turn comes.
    assert why_not(item, None) == ""
