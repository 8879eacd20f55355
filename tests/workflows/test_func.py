"""Functional series: the graph on files alone, and what it is in a dataset."""

import json
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from sctflow.bids import ImageInput, SeriesInput
from sctflow.core.tsnr import temporal_snr
from sctflow.templates.source import TemplateSource
from sctflow.workflows.func import init_func_wf
from sctflow.workflows.func_series import init_func_series_wf
from sctflow.workflows.func_timing import read_timing
from sctflow.workflows.levels import LevelLabels
from sctflow.workflows.options import Options

SHAPE, VOLUMES, TR = (44, 40, 5), 24, 1.5
AFFINE = nib.affines.from_matvec(np.diag([1.0, 1.0, 5.0]), [-22, -20, 0])


def _scene(shift):
    """Cord in bright fluid, moved by `shift` (slices, volumes, 2) mm, with noise."""
    x, y = np.meshgrid(np.arange(SHAPE[0]), np.arange(SHAPE[1]), indexing="ij")
    data = np.empty((*SHAPE, shift.shape[1]), np.float32)
    rng = np.random.default_rng(3)
    for k in range(SHAPE[2]):
        for t in range(shift.shape[1]):
            right, front = x - 22 - shift[k, t, 0], y - 20 - shift[k, t, 1]
            away = np.hypot(right, 1.3 * front)
            # As soft as what a scanner makes of an edge in voxels of 1 mm.
            soft = [0.5 * (1 - np.tanh((away - radius) / 1.2)) for radius in (11, 5.5)]
            muscle = 40 * np.sin(right / 3 + k)
            data[:, :, k, t] = 300 + muscle + 500 * soft[0] - 400 * soft[1]
    return data + rng.normal(0, 6, data.shape)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Files of a series with known motion, two dummies and a mask drawn on its mean."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(0)
    whole = rng.normal(0, 0.5, (1, VOLUMES, 2))
    shift = whole + rng.normal(0, 0.1, (SHAPE[2], VOLUMES, 2))
    data = _scene(shift)
    data[..., :2] *= 1.4
    still = ndimage.median_filter(_scene(0 * shift[:, :1])[..., 0], 3)
    mask = (still < 520) & (ndimage.distance_transform_cdt(np.ones(SHAPE)) >= 0)
    labels, _ = ndimage.label(mask)
    mask = (labels == labels[22, 20, 2]).astype(np.uint8)
    pieces = {"bold": data.astype(np.float32), "mask": mask}
    for name, array in pieces.items():
        img = nib.Nifti1Image(array, AFFINE)
        img.set_qform(AFFINE, 1)
        img.header.set_xyzt_units("mm", "sec")
        if array.ndim == 4:
            img.header["pixdim"][4] = TR
        img.to_filename(folder / f"{name}.nii.gz")
    return SimpleNamespace(
        data=data,
        shift=shift,
        mask=mask,
        bold=folder / "bold.nii.gz",
        mask_file=folder / "mask.nii.gz",
    )


def _run(scene, folder, make_anat, **options):
    voxels = int(np.prod(SHAPE))
    anat_wf = make_anat(segmentation="manual", voxels=voxels, contrast="T2star")
    anat_wf.inputs.cord_wf.inputnode.manual_mask = str(scene.mask_file)
    workflow = init_func_wf(anat_wf=anat_wf, voxels=voxels, volumes=VOLUMES, **options)
    workflow.base_dir = str(folder / "work")
    workflow.config["execution"]["crashdump_dir"] = str(folder)
    workflow.inputs.inputnode.in_file = str(scene.bold)
    workflow.inputs.inputnode.cord_mask = str(scene.mask_file)
    workflow.inputs.inputnode.warnings = ["noticed before"]
    found = {node.fullname: node.result.outputs for node in workflow.run().nodes()}
    return {name.removeprefix("func_wf."): outputs for name, outputs in found.items()}


@pytest.fixture(scope="module")
def outputs(scene, make_anat, tmp_path_factory):
    """What every node gave, by its name in the workflow."""
    folder = tmp_path_factory.mktemp("run")
    return _run(scene, folder, make_anat, repetition_time=TR, smooth_mm=4.0)


def _array(path):
    return np.asarray(nib.load(path).dataobj)


def test_a_series_is_corrected_measured_and_drawn(scene, outputs):
    slices = pd.read_csv(outputs["motion"].slice_motion_file, sep="\t")
    for axis, name in enumerate(("trans_x", "trans_y")):
        found = slices.pivot(index="slice", columns="volume", values=name).to_numpy()
        away = found - scene.shift[..., axis]
        away -= away.mean(axis=1, keepdims=True)
        assert np.sqrt((away**2).mean()) < 0.03

    inside = scene.mask.astype(bool)
    raw = np.nanmedian(temporal_snr(scene.data[..., 2:])[inside])
    before, after = (
        np.nanmedian(_array(outputs[name].out_file)[inside]) for name in ("before", "tsnr")
    )
    assert raw < before < 1.15 * raw
    assert after > 1.3 * before

    mean = _array(outputs["mean"].out_file)
    preproc = _array(outputs["motion"].out_file)
    np.testing.assert_allclose(mean, preproc[..., 2:].mean(3), rtol=1e-5)
    for figure in ("motionplot", "tsnrplot", "carpet"):
        report = outputs[f"report_wf.{figure}"].out_report
        assert len(list(ElementTree.parse(report).iter())) > 20


def test_confounds_are_of_every_volume_with_dummies_flagged(outputs):
    table = pd.read_csv(outputs["confounds"].out_table, sep="\t", na_values="n/a")
    assert len(table) == VOLUMES
    assert table["non_steady_state_outlier_01"].tolist() == np.eye(VOLUMES)[1].tolist()
    assert {"framewise_displacement", "trans_x", "cord", "cosine_00"} <= set(table)
    assert table["framewise_displacement"][1:].mean() > 0.5


def test_what_was_noticed_is_in_the_summary(outputs):
    with open(outputs["anat_wf.cord_wf.report_wf.summary"].out_report) as stream:
        text = stream.read()
    assert "noticed before" in text
    assert "the first 2 of 24 volumes are brighter" in text
    with open(outputs["report_wf.details"].out_report) as stream:
        text = stream.read()
    assert "24, one every 1.5 s, 36 s in all" in text
    assert "without the cerebrospinal fluid" in text


def test_a_copy_is_smoothed_along_the_cord(scene, outputs):
    smooth, preproc = _array(outputs["smooth"].out_file), _array(outputs["motion"].out_file)
    assert smooth.shape == preproc.shape
    inner = ndimage.binary_erosion(scene.mask, np.ones((3, 3, 1)))
    inner[:, :, [0, 1, 3, 4]] = False
    noise, left = (one[..., 2:][inner].std(axis=-1).mean() for one in (preproc, smooth))
    # Squared weights of a Gaussian of 4 mm in slices every 5 mm sum to 0.35; what slices share,
    # such as what is left of motion, stays.
    assert np.sqrt(0.35) - 0.05 < left / noise < 0.85


def _series(tmp_path, **metadata):
    folder = tmp_path / "raw" / "sub-01" / "func"
    folder.mkdir(parents=True)
    path = folder / "sub-01_task-rest_bold.nii.gz"
    path.touch()
    (folder / "sub-01_task-rest_bold.json").write_text(json.dumps(metadata))
    image = ImageInput(
        path=path,
        entities={"subject": "01", "task": "rest", "suffix": "bold", "datatype": "func"},
        bids_dir=tmp_path / "raw",
        uri="bids:raw:sub-01/func/sub-01_task-rest_bold.nii.gz",
    )
    return SeriesInput(image)


def _sinks(workflow):
    nodes = map(workflow.get_node, workflow.list_node_names())
    return {node.name: node.inputs for node in nodes if node.name.startswith("ds_")}


def test_results_have_their_names(tmp_path):
    item = _series(tmp_path, RepetitionTime=2.0, TaskName="rest")
    workflow = init_func_series_wf(item=item, options=Options(output_dir=tmp_path, func_smooth=3))
    stem = "sub-01/func/sub-01_task-rest"
    expected = {
        "ds_preproc": f"{stem}_desc-preproc_bold.nii.gz",
        "ds_smoothed": f"{stem}_desc-smoothed_bold.nii.gz",
        "ds_boldref": f"{stem}_boldref.nii.gz",
        "ds_tsnr": f"{stem}_stat-tsnr_boldmap.nii.gz",
        "ds_confounds": f"{stem}_desc-confounds_timeseries.tsv",
        "ds_motion": f"{stem}_desc-motion_timeseries.tsv",
        "ds_slice_motion": f"{stem}_desc-motionslice_timeseries.tsv",
        "ds_mask": f"{stem}_label-SC_mask.nii.gz",
        "ds_carpet": "sub-01/figures/sub-01_task-rest_desc-carpet_bold.svg",
    }
    sinks = _sinks(workflow)
    assert {name: sinks[name].name for name in expected} == expected
    assert sinks["ds_preproc"].sidecar["RepetitionTime"] == 2.0
    assert sinks["ds_preproc"].sidecar["SliceTimingCorrected"] is False
    boldref = f"bids::{stem}_boldref.nii.gz"
    assert sinks["ds_mask"].sidecar["SpatialReference"] == boldref
    assert not {"ds_tsnr_values", "ds_tsnr_in_template"} & set(sinks)


def test_a_registered_series_has_values_in_the_atlas(tmp_path):
    item = _series(tmp_path, RepetitionTime=2.0)
    labels = LevelLabels(replace(item.image, path=tmp_path / "T2w.nii.gz"), "discs")
    labels.image.manual["discs"] = tmp_path / "discs.nii.gz"
    labels.image.manual_uris["discs"] = "bids:labels:discs.nii.gz"
    (tmp_path / "discs.nii.gz").touch()
    template = TemplateSource(name="Small", source="Small")
    options = Options(output_dir=tmp_path, template=template, func_in_template=True)
    workflow = init_func_series_wf(item=item, options=options, labels=labels)
    sinks = _sinks(workflow)
    name = "sub-01/func/sub-01_task-rest_stat-tsnr_seg-Small_boldmap.tsv"
    assert sinks["ds_tsnr_values"].name == name
    name = "sub-01/func/sub-01_task-rest_space-Small_stat-tsnr_boldmap.nii.gz"
    assert sinks["ds_tsnr_in_template"].name == name
    name = "sub-01/func/sub-01_task-rest_space-Small_desc-preproc_bold.nii.gz"
    assert sinks["ds_preproc_in_template"].name == name
    assert "template_csf" in str(workflow.get_node("func_wf")._graph.edges(data=True))


def test_a_mask_drawn_on_the_series_is_used_for_motion_too(tmp_path):
    item = _series(tmp_path, RepetitionTime=2.0)
    options = Options(output_dir=tmp_path)
    assert init_func_series_wf(item=item, options=options).get_node("inputnode") is not None
    drawn = tmp_path / "drawn.nii.gz"
    drawn.touch()
    image = replace(item.image, manual={"SC": drawn}, manual_uris={"SC": "bids:labels:drawn"})
    workflow = init_func_series_wf(item=SeriesInput(image), options=options)
    assert workflow.get_node("inputnode") is None
    assert workflow.inputs.func_wf.inputnode.cord_mask == str(drawn)


def test_turns_are_undone_by_splines(tmp_path):
    item = _series(tmp_path, RepetitionTime=2.0)
    for motion, kernel in (("translation", "sinc"), ("rigid", "spline")):
        options = Options(output_dir=tmp_path, motion=motion)
        func_wf = init_func_series_wf(item=item, options=options).get_node("func_wf")
        for node in ("motion", "before"):
            assert func_wf.get_node(node).inputs.interpolation == kernel


TIMES = [0.0, 0.4, 0.8, 1.2, 1.6]


def test_dummies_have_no_part_in_slice_timing(tmp_path):
    item = _series(tmp_path, RepetitionTime=2.0, SliceTiming=TIMES)
    options = Options(output_dir=tmp_path, func_slice_timing=True)
    workflow = init_func_series_wf(item=item, options=options)
    func_wf = workflow.get_node("func_wf")
    handed = func_wf._graph.get_edge_data(func_wf.get_node("check"), func_wf.get_node("timing"))
    assert handed["connect"] == [("dummies", "skip")]
    assert _sinks(workflow)["ds_preproc"].sidecar["StartTime"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("metadata", "warning"),
    [
        ({"SliceTiming": TIMES}, "no RepetitionTime"),
        ({"RepetitionTime": 2000, "SliceTiming": TIMES}, "is it in milliseconds?"),
        ({"RepetitionTime": 2.0}, "slices were not brought to one time. The sidecar has no Slice"),
        ({"RepetitionTime": 1.0, "SliceTiming": TIMES}, "between 0 and the repetition time"),
        ({"RepetitionTime": 2.0, "SliceTiming": TIMES[:3]}, "3 slice times for 5 slices"),
        ({"RepetitionTime": 2.0, "SliceTiming": ["n/a"] * 5}, "not brought to one time"),
        (
            {"RepetitionTime": 2.0, "SliceTiming": TIMES, "SliceEncodingDirection": "z"},
            "SliceEncodingDirection is 'z'",
        ),
    ],
)
def test_slices_keep_their_times_where_the_sidecar_does_not_tell(metadata, warning):
    _, timing, warnings = read_timing(
        metadata, name="bold.nii.gz", shape=(44, 40, 5, 24), wanted=True
    )
    assert timing is None
    assert warning in warnings[-1] or warning in warnings[0]
    assert all(text.startswith("bold.nii.gz: ") for text in warnings)


def test_slices_are_brought_to_one_time_where_the_sidecar_tells():
    metadata = {"RepetitionTime": 2.0, "SliceTiming": TIMES, "SliceEncodingDirection": "k-"}
    tr, timing, warnings = read_timing(metadata, name="bold", shape=(44, 40, 5, 24), wanted=True)
    assert (tr, list(timing.times), timing.encoding, warnings) == (2.0, TIMES, "k-", [])
    assert read_timing(metadata, name="bold", shape=(), wanted=False)[1] is None
