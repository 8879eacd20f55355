"""Magnetisation transfer: maps of images whose values are known, file to file."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from sctflow.bids import ImageInput, MTInput
from sctflow.io import load_table
from sctflow.templates.source import TemplateSource
from sctflow.workflows.levels import LevelLabels
from sctflow.workflows.mt import init_mt_wf
from sctflow.workflows.mt_set import NO_ATLAS, NO_TEMPLATE, init_mt_set_wf, read_protocol
from sctflow.workflows.options import Options

SHAPE, ZOOMS = (52, 48, 6), (0.9, 0.9, 5.0)
AFFINE = np.diag([*ZOOMS, 1.0])
MIDDLE = (23.0, 21.0)
PROTOCOL = {"on": (0.035, 9.0), "off": (0.035, 9.0), "t1": (0.015, 15.0)}
STEMS = {"on": "flip-1_mt-on_MTS", "off": "flip-1_mt-off_MTS", "t1": "flip-2_mt-off_MTS"}
SHIFT_MM = {"on": (0.0, 0.0), "off": (0.8, -0.5), "t1": (-0.6, 0.7)}
TISSUES = {
    # amplitude, T1 (s), MTsat (percent)
    "cord": (700.0, 0.9, 4.0),
    "fluid": (1000.0, 4.0, 0.1),
    "around": (600.0, 1.2, 2.0),
}


def signal(tissue, role):
    """Of a spoiled gradient echo, by the small-angle approximation that the maps rest on."""
    amplitude, t1, mtsat = TISSUES[tissue]
    tr, flip = PROTOCOL[role]
    angle, relaxed = np.radians(flip), tr / t1
    saturated = mtsat / 100 if role == "on" else 0
    return amplitude * angle * relaxed / (angle**2 / 2 + saturated + relaxed)


def paint(role):
    """A cord in fluid, shifted as a whole between the images."""
    x, y = (
        np.arange(n) * zoom - middle - shift
        for n, zoom, middle, shift in zip(SHAPE, ZOOMS, MIDDLE, SHIFT_MM[role], strict=False)
    )
    cord, canal = (
        1 / (1 + np.exp((np.hypot(x[:, None] / a, y / b) - 1) / 0.06))
        for a, b in ((6.5, 5.0), (11.0, 8.5))
    )
    values = [signal(tissue, role) for tissue in ("around", "fluid", "cord")]
    image = values[0] + (values[1] - values[0]) * canal + (values[2] - values[1]) * cord
    return np.repeat(image[..., None], SHAPE[2], axis=2).astype(np.float32), cord > 0.5


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mt")
    found = {}
    for role, stem in STEMS.items():
        image, cord = paint(role)
        found[role] = folder / f"sub-01_{stem}.nii.gz"
        nib.Nifti1Image(image, AFFINE).to_filename(found[role])
        if role == "on":
            found["mask"] = folder / "mask.nii.gz"
            mask = np.repeat(cord[..., None], SHAPE[2], axis=2).astype(np.uint8)
            nib.Nifti1Image(mask, AFFINE).to_filename(found["mask"])
    return found


@pytest.fixture(scope="module")
def run(files, make_anat, tmp_path_factory):
    """Run the graph, without a dataset: outputs of each node by name."""

    def start(*, third=True, b1_file=None, **options):
        folder = tmp_path_factory.mktemp("run")
        anat_wf = make_anat(segmentation="manual", voxels=int(np.prod(SHAPE)))
        workflow = init_mt_wf(
            anat_wf=anat_wf,
            voxels=int(np.prod(SHAPE)),
            third=third,
            protocol=list(PROTOCOL.values()) if third else None,
            b1=b1_file is not None,
            **options,
        )
        workflow.base_dir = str(folder)
        workflow.config["execution"]["crashdump_dir"] = str(folder)
        anat_wf.inputs.cord_wf.inputnode.manual_mask = str(files["mask"])
        for role in PROTOCOL if third else ("on", "off"):
            setattr(workflow.inputs.inputnode, f"{role}_file", str(files[role]))
        if b1_file:
            workflow.inputs.inputnode.b1_file = str(b1_file)
        return {node.fullname: node.result.outputs for node in workflow.run().nodes()}

    return start


@pytest.fixture(scope="module")
def outputs(run):
    return run(warnings=["Look here."], facts=[("Protocol", "of a test")])


def within_the_cord(path):
    """Values at least a voxel inside of the cord."""
    x, y = (
        np.arange(n) * zoom - middle for n, zoom, middle in zip(SHAPE, ZOOMS, MIDDLE, strict=False)
    )
    inside = np.hypot(x[:, None] / 5.0, y / 3.5) < 1
    return np.asarray(nib.load(path).dataobj)[inside]


def test_maps_are_those_of_the_tissue_although_the_cord_moved_between_the_images(outputs):
    expected = 100 * (1 - signal("cord", "on") / signal("cord", "off"))
    found = within_the_cord(outputs["mt_wf.mtr"].out_file)
    # At its edge the cord is 3 percent fluid; apart from that nothing but interpolation errs.
    np.testing.assert_allclose(np.median(found), expected, atol=0.1)
    assert np.abs(found - expected).max() < 2
    _, t1, mtsat = TISSUES["cord"]
    mtsat_found = within_the_cord(outputs["mt_wf.mtsat"].mtsat_file)
    t1_found = within_the_cord(outputs["mt_wf.mtsat"].t1_file)
    np.testing.assert_allclose(np.median(mtsat_found), mtsat, rtol=0.01)
    np.testing.assert_allclose(np.median(t1_found), t1, rtol=0.01)


def test_how_far_the_cord_moved_is_told(outputs):
    for role in ("off", "t1"):
        moved = outputs[f"mt_wf.bring_{role}"].method["CordShift"]
        assert moved == pytest.approx(np.hypot(*SHIFT_MM[role]), abs=0.1)


def test_the_report_has_the_maps_and_the_warnings(outputs):
    for figure in ("mtr", "mtsat", "t1map"):
        assert "<image" in Path(outputs[f"mt_wf.{figure}_mosaic"].out_report).read_text()
    text = Path(outputs["mt_wf.details"].out_report).read_text()
    assert 'data-warnings="1"' in text
    for said in ("Look here.", "of a test", "MTR in the cord", "T1 in the cord"):
        assert said in text


@pytest.mark.parametrize("factor", [1.0, 100.0])
def test_a_measured_field_corrects_both_maps_whichever_its_unit(run, outputs, files, factor):
    # Of other voxels than the images, as such maps are.
    field, affine = np.full((20, 18, 8), 0.9 * factor, np.float32), np.diag([3.0, 3.0, 5.0, 1.0])
    path = files["on"].with_name(f"field{factor:g}.nii.gz")
    nib.Nifti1Image(field, affine).to_filename(path)
    corrected = run(b1_file=path)
    assert corrected["mt_wf.field"].warnings == []
    plain, found = (within_the_cord(one["mt_wf.mtsat"].mtsat_file) for one in (outputs, corrected))
    np.testing.assert_allclose(found, plain * 0.6 / (1 - 0.4 * 0.9), rtol=1e-4)
    plain, found = (within_the_cord(one["mt_wf.mtsat"].t1_file) for one in (outputs, corrected))
    np.testing.assert_allclose(found, plain / 0.81, rtol=1e-4)


def test_a_field_that_cannot_be_right_is_not_used_and_the_report_says_so(run, outputs, files):
    path = files["on"].with_name("field.nii.gz")
    nib.Nifti1Image(np.full((20, 18, 8), 800, np.float32), np.diag([3, 3, 5, 1.0])).to_filename(
        path
    )
    found = run(b1_file=path)
    np.testing.assert_array_equal(
        within_the_cord(found["mt_wf.mtsat"].t1_file),
        within_the_cord(outputs["mt_wf.mtsat"].t1_file),
    )
    text = Path(found["mt_wf.details"].out_report).read_text()
    assert "field.nii.gz: not used for MTsat and T1, its median in the cord is 800" in text
    assert found["mt_wf.field"].method == {"TransmitField": "not used"}


def test_a_pair_has_a_ratio_and_nothing_else(run):
    outputs = run(third=False)
    assert "mt_wf.mtsat" not in outputs
    assert "mt_wf.bring_t1" not in outputs
    assert Path(outputs["mt_wf.mtr"].out_file).is_file()


@pytest.fixture
def protocol(files, tmp_path):
    """The images in a dataset, with sidecars."""
    folder = tmp_path / "bids" / "sub-01" / "anat"
    folder.mkdir(parents=True)
    images = {}
    for role, stem in STEMS.items():
        path = folder / f"sub-01_{stem}.nii.gz"
        path.symlink_to(files[role])
        flip, mt, suffix = stem.split("_")
        entities = {
            "subject": "01",
            "flip": flip[-1],
            "mt": mt[3:],
            "suffix": suffix,
            "datatype": "anat",
        }
        images[role] = ImageInput(
            path, entities, bids_dir=tmp_path / "bids", uri=f"bids:raw:sub-01/anat/{path.name}"
        )
        write_sidecar(images[role], *PROTOCOL[role])
    shared = {"subject": "01", "suffix": "MTS", "datatype": "anat"}
    reference = replace(
        images["on"],
        entities=shared,
        manual={"SC": files["mask"]},
        manual_uris={"SC": "bids:labels:mask"},
    )
    return MTInput(images, reference)


def write_sidecar(image, tr=None, flip=None):
    fields = {"RepetitionTimeExcitation": tr, "FlipAngle": flip}
    content = {name: value for name, value in fields.items() if value is not None}
    image.path.with_name(image.path.name.replace(".nii.gz", ".json")).write_text(
        json.dumps(content)
    )


def test_the_protocol_is_read_from_the_sidecars(protocol):
    found, facts, warnings = read_protocol(protocol)
    assert found == list(PROTOCOL.values())
    assert [text.split(" (")[0] for _, text in facts] == [
        "TR 35 ms, flip angle 9°",
        "TR 35 ms, flip angle 9°",
        "TR 15 ms, flip angle 15°",
    ]
    assert warnings == []


def test_a_missing_field_is_named_with_its_image_and_the_ratio_is_computed(protocol, tmp_path):
    write_sidecar(protocol.images["t1"], tr=0.015)
    found, _, (warning,) = read_protocol(protocol)
    assert found is None
    assert warning.startswith("MTsat and T1 are not computed.")
    assert "sub-01_flip-2_mt-off_MTS.nii.gz: FlipAngle is missing" in warning
    nodes = init_mt_set_wf(
        item=protocol, options=Options(output_dir=tmp_path / "out")
    ).list_node_names()
    assert "mt_wf.mtr" in nodes
    assert "mt_wf.mtsat" not in nodes
    assert "mt_outputs_wf.ds_MTsat" not in nodes
    # The third image is brought along all the same.
    assert "mt_outputs_wf.ds_t1" in nodes


def test_a_sidecar_that_cannot_be_read_stops_no_ratio(protocol):
    sidecar = protocol.images["t1"].path.with_name("sub-01_flip-2_mt-off_MTS.json")
    sidecar.write_text("{")
    found, _, (warning,) = read_protocol(protocol)
    assert found is None
    assert sidecar.name in warning


def test_images_that_weight_t1_alike_give_no_t1(protocol):
    write_sidecar(protocol.images["t1"], *PROTOCOL["off"])
    found, _, (warning,) = read_protocol(protocol)
    assert found is None
    assert "T1 cannot be told" in warning


def test_a_ratio_of_images_that_differ_in_more_than_the_pulse_is_told(protocol):
    write_sidecar(protocol.images["off"], 0.035, 5.0)
    _, _, (warning,) = read_protocol(protocol)
    assert "differ in repetition time or flip angle" in warning


def _nodes(protocol, tmp_path, **options):
    labels = options.pop("labels", None)
    workflow = init_mt_set_wf(
        item=protocol,
        labels=labels,
        options=Options(output_dir=tmp_path / "out", **options),
    )
    return {name: workflow.get_node(name) for name in workflow.list_node_names()}


def test_results_carry_the_names_of_the_conventions(protocol, tmp_path):
    template = TemplateSource("PAM50", "PAM50")
    discs = replace(protocol.reference, manual={"discs": tmp_path}, manual_uris={"discs": "x"})
    nodes = _nodes(protocol, tmp_path, template=template, labels=LevelLabels(discs, "discs"))
    named = {
        name.split(".")[1][3:]: node.inputs.name for name, node in nodes.items() if "ds_" in name
    }
    stem = "sub-01/anat/sub-01"
    expected = {
        "MTRmap": f"{stem}_space-MTS_MTRmap.nii.gz",
        "MTsat": f"{stem}_space-MTS_MTsat.nii.gz",
        "T1map": f"{stem}_space-MTS_T1map.nii.gz",
        "MTRmap_values": f"{stem}_space-MTS_seg-PAM50_MTRmap.tsv",
        "off": f"{stem}_flip-1_mt-off_space-MTS_desc-preproc_MTS.nii.gz",
        "t1": f"{stem}_flip-2_mt-off_space-MTS_desc-preproc_MTS.nii.gz",
        "mask": f"{stem}_space-MTS_label-SC_mask.nii.gz",
        "to_template": f"{stem}_from-MTS_to-PAM50_mode-image_xfm.nii.gz",
        "in_template": f"{stem}_flip-1_mt-on_space-PAM50_desc-preproc_MTS.nii.gz",
        "mtr": "sub-01/figures/sub-01_space-MTS_desc-mtr_MTS.svg",
        "mtrvalues": "sub-01/figures/sub-01_space-MTS_desc-mtrvalues_MTS.svg",
        "details": "sub-01/figures/sub-01_space-MTS_desc-details_MTS.html",
    }
    assert {key: named[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("template", "said"), [(None, NO_TEMPLATE), (TemplateSource("PAM50", "PAM50"), NO_ATLAS)]
)
def test_why_there_are_no_values_is_told(protocol, tmp_path, template, said):
    nodes = _nodes(protocol, tmp_path, template=template)
    assert ("Values in regions", said) in nodes["mt_wf.details"].inputs.facts
    assert not [name for name in nodes if "values" in name]


def test_without_a_mask_the_manual_method_says_what_was_not_computed(protocol, tmp_path):
    bare = replace(protocol, reference=replace(protocol.reference, manual={}, manual_uris={}))
    assert set(_nodes(bare, tmp_path, segmentation_method="manual")) == {"summary", "ds_summary"}


def test_a_run_places_maps_whose_sidecars_lead_back_to_the_images(protocol, tmp_path):
    path = tmp_path / "sub-01_TB1map.nii.gz"
    field = np.full((20, 18, 8), 90, np.float32)
    nib.Nifti1Image(field, np.diag([3.0, 3.0, 5.0, 1.0])).to_filename(path)
    field = replace(protocol.reference, path=path, uri="bids:raw:sub-01/fmap/sub-01_TB1map.nii.gz")
    item = replace(protocol, b1=field)
    workflow = init_mt_set_wf(item=item, options=Options(output_dir=tmp_path / "out"))
    workflow.base_dir = str(tmp_path / "work")
    workflow.config["execution"]["crashdump_dir"] = str(tmp_path)
    workflow.run()
    stem = tmp_path / "out" / "sub-01" / "anat" / "sub-01_space-MTS"
    sidecar = json.loads(Path(f"{stem}_MTsat.json").read_text())
    assert sidecar["Sources"] == [*(image.uri for image in protocol.images.values()), field.uri]
    assert sidecar["TransmitField"] == "measured, in percent"
    assert "TransmitField" not in json.loads(Path(f"{stem}_MTRmap.json").read_text())
    assert sidecar["SpatialReference"] == protocol.images["on"].uri
    assert sidecar["Protocol"][protocol.images["t1"].uri] == {
        "RepetitionTimeExcitation": 0.015,
        "FlipAngle": 15.0,
    }
    brought = stem.with_name("sub-01_flip-1_mt-off_space-MTS_desc-preproc_MTS.json")
    assert json.loads(brought.read_text())["CordShift"] > 0.5
    assert len(load_table(Path(f"{stem}_label-SC_desc-perslice_morph.tsv"))) == SHAPE[2]
