"""From the images of a magnetisation transfer protocol to maps and their values in an atlas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.core.registration.around_cord import REGION_MM
from sctflow.interfaces.align import AlignAroundCord
from sctflow.interfaces.b1 import PrepareB1
from sctflow.interfaces.map_reports import Details, MapMosaic, RegionValues
from sctflow.interfaces.mt import ComputeMTR, ComputeMtsat
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb
from sctflow.workflows.values import ATLAS, init_values_wf

ROLES = ("on", "off", "t1")
INPUTS = (*(f"{role}_file" for role in ROLES), "b1_file", "b1_uri")


@dataclass(frozen=True)
class Map:
    """How a map is shown.

    Attributes
    ----------
    title, unit
        What it shows, and the unit of its values.
    limits
        Values of the first and the last colour: those of tissue and of what is beside it.
    figure
        Name of its figure; that of its values has ``values`` behind it.
    """

    title: str
    unit: str
    limits: tuple[float, float]
    figure: str


MAPS = {
    "MTRmap": Map("MTR", "%", (0.0, 70.0), "mtr"),
    "MTsat": Map("MTsat", "p.u.", (0.0, 6.0), "mtsat"),
    "T1map": Map("T1", "s", (0.0, 2.5), "t1map"),
}
"""Maps by the suffix of their names."""

BROUGHT = ("off", "t1")
"""Images that are brought onto the one with MT pulse."""

METHODS = tuple(f"{role}_method" for role in BROUGHT)
"""How each of them was brought there, for its sidecar."""

B1_METHOD = "b1_method"
"""Whether the map of the transmit field was used, for the sidecars of :data:`CORRECTED`."""

CORRECTED = ("MTsat", "T1map")
"""Maps that a map of the transmit field corrects."""

DESCRIPTIONS = {
    "MTRmap": f"""\
Images without magnetisation transfer pulse were brought onto the one with it around the cord, by
shifts of the slices that follow a parabola along the cord, by mutual information within a cylinder
of {REGION_MM:g} mm [@sct], and interpolated once. The magnetisation transfer ratio was computed.
""",
    "MTsat": """\
Magnetisation transfer saturation and T1 were computed from the three images [@mtsat].
""",
    "b1": """\
Both were corrected for the transmit field, which was measured [@mtsatb1].
""",
}


def map_names(protocol: Sequence[tuple[float, float]] | None) -> tuple[str, ...]:
    """Maps that can be computed: all with the protocol of three images, the ratio without."""
    return tuple(MAPS) if protocol else ("MTRmap",)


def value_names(maps: Sequence[str]) -> list[str]:
    """Outputs that hold the values of maps in the regions of an atlas."""
    return [f"{one}_values" for one in maps]


def figure_names(maps: Sequence[str], *, registered: bool) -> list[str]:
    """Outputs that hold the fragment and the figures of the report."""
    figures = [MAPS[one].figure for one in maps]
    return ["details", *figures, *(f"{one}values" for one in figures if registered)]


def init_mt_wf(
    *,
    anat_wf: Workflow,
    voxels: int,
    third: bool = False,
    protocol: Sequence[tuple[float, float]] | None = None,
    b1: bool = False,
    registered: bool = False,
    facts: Sequence[tuple[str, str]] = (),
    warnings: Sequence[str] = (),
    name: str = "mt_wf",
) -> Workflow:
    """Bring the images of a protocol together, find the cord, and compute maps.

    Workflow Graph
        anat_wf on the image with MT pulse → bring_off, bring_t1 → mtr, (field →) mtsat →
        values_wf (where there is an atlas) → figures

    Parameters
    ----------
    anat_wf : Workflow
        What is done with the image with MT pulse, from
        :func:`sctflow.workflows.anatomical.init_anat_wf`. It becomes part of this workflow.
    voxels : int
        Voxels of that image, for the memory that the nodes ask for.
    third : bool
        Whether there is an image whose contrast is that of T1.
    protocol : sequence of three (float, float), optional
        Repetition time (s) and flip angle (degrees) of the images with MT pulse, without it, and
        with the contrast of T1. Without it there is neither MTsat nor T1.
    b1 : bool
        Whether there is a map of the transmit field, for MTsat and T1.
    registered : bool
        Whether `anat_wf` brings an atlas.
    facts : sequence of (str, str)
        Terms and what to say of them in the report.
    warnings : sequence of str
        What is known beforehand that the reader of the report should know.
    name : str
        Name of the workflow.

    Inputs
    ------
    on_file, off_file, t1_file
        Images with MT pulse, without it, and with the contrast of T1 (``third`` only).
    b1_file, b1_uri
        Map of the transmit field, as a factor or in percent, and its BIDS URI (``b1`` only).

    Outputs
    -------
    off, t1
        The images without MT pulse on the grid of the one with it.
    off_method, t1_method
        How they were brought there, as dictionaries for the sidecars.
    b1_method
        Whether the map of the transmit field was used, and as what, for the sidecars (``b1``
        only).
    MTRmap, MTsat, T1map
        Maps; the last two with ``protocol`` only.
    MTRmap_values, MTsat_values, T1map_values
        Their values in the regions of the atlas (``registered`` only).
    details, mtr, mtsat, t1map, mtrvalues, mtsatvalues, t1mapvalues
        Fragment and figures of the report.
    """
    maps = map_names(protocol)
    workflow = Workflow(name=name)
    steps = [*maps, "b1"] if b1 and protocol else maps
    workflow.__desc__ = "\n".join(DESCRIPTIONS[one] for one in steps if one in DESCRIPTIONS)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    figures = figure_names(maps, registered=registered)
    outputnode = pe.Node(
        niu.IdentityInterface(
            fields=[*BROUGHT, *METHODS, B1_METHOD, *maps, *value_names(maps), *figures]
        ),
        name="outputnode",
    )
    told = pe.Node(niu.Merge(4), name="told", run_without_submitting=True)
    told.inputs.in4 = list(warnings)
    workflow.connect(inputnode, "on_file", anat_wf, "inputnode.in_file")
    for number, role in enumerate(BROUGHT if third else BROUGHT[:1], start=1):
        bring = pe.Node(
            AlignAroundCord(),
            name=f"bring_{role}",
            mem_gb=memory_gb(voxels, base=0.35, bytes_per_voxel=200),
        )
        workflow.connect([
            (inputnode, bring, [(f"{role}_file", "in_file")]),
            (anat_wf, bring, [
                ("outputnode.image", "reference_file"), ("outputnode.mask", "cord_file"),
            ]),
            (bring, told, [("warnings", f"in{number}")]),
            (bring, outputnode, [("out_file", role), ("method", f"{role}_method")]),
        ])  # fmt: skip
    _add_maps(workflow, anat_wf, protocol, voxels)
    if b1 and protocol:
        _add_field(workflow, anat_wf, voxels)
    if registered:
        _add_values(workflow, anat_wf, maps, voxels)
    _add_figures(workflow, anat_wf, maps, facts, voxels)
    return workflow


def _add_maps(workflow, anat_wf, protocol, voxels):
    """Compute the maps, and collect them."""
    maps = pe.Node(niu.IdentityInterface(fields=list(map_names(protocol))), name="maps")
    mem_gb = memory_gb(voxels, bytes_per_voxel=80)
    mtr = pe.Node(ComputeMTR(), name="mtr", mem_gb=mem_gb)
    bring_off = workflow.get_node("bring_off")
    workflow.connect([
        (anat_wf, mtr, [("outputnode.image", "on_file")]),
        (bring_off, mtr, [("out_file", "off_file")]),
        (mtr, maps, [("out_file", "MTRmap")]),
    ])  # fmt: skip
    if protocol:
        times, angles = zip(*protocol, strict=True)
        mtsat = pe.Node(
            ComputeMtsat(repetition_times=times, flip_angles=angles), name="mtsat", mem_gb=mem_gb
        )
        workflow.connect([
            (anat_wf, mtsat, [("outputnode.image", "mt_file")]),
            (bring_off, mtsat, [("out_file", "pd_file")]),
            (workflow.get_node("bring_t1"), mtsat, [("out_file", "t1_file")]),
            (mtsat, maps, [("mtsat_file", "MTsat"), ("t1_file", "T1map")]),
        ])  # fmt: skip
    workflow.connect([
        (maps, workflow.get_node("outputnode"), [(one, one) for one in map_names(protocol)]),
    ])  # fmt: skip


def _add_field(workflow, anat_wf, voxels):
    """Correct MTsat and T1 by a map of the transmit field, if it can be used."""
    inputnode, mtsat, told = (workflow.get_node(name) for name in ("inputnode", "mtsat", "told"))
    field = pe.Node(PrepareB1(), name="field", mem_gb=memory_gb(voxels, bytes_per_voxel=80))
    workflow.connect([
        (inputnode, field, [("b1_file", "in_file"), ("b1_uri", "uri")]),
        (anat_wf, field, [
            ("outputnode.image", "reference_file"), ("outputnode.mask", "mask_file"),
        ]),
        (field, mtsat, [("out_file", "b1_file")]),
        (field, told, [("warnings", "in3")]),
        (field, workflow.get_node("outputnode"), [("method", B1_METHOD)]),
    ])  # fmt: skip


def _add_values(workflow, anat_wf, names, voxels):
    """Measure the maps in the regions of the atlas, and draw the values."""
    outputnode, maps = (workflow.get_node(name) for name in ("outputnode", "maps"))
    values_wf = init_values_wf(maps=names, voxels=voxels)
    workflow.connect([
        (maps, values_wf, [(one, f"inputnode.{one}") for one in names]),
        (anat_wf, values_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in ATLAS]),
        (values_wf, outputnode, [(f"outputnode.{one}", one) for one in value_names(names)]),
    ])  # fmt: skip
    for one in names:
        shown = MAPS[one]
        drawn = pe.Node(
            RegionValues(title=shown.title, unit=shown.unit),
            name=f"{shown.figure}values",
            mem_gb=memory_gb(0, base=0.25),
        )
        workflow.connect([
            (values_wf, drawn, [(f"outputnode.{one}_values", "in_file")]),
            (drawn, outputnode, [("out_report", drawn.name)]),
        ])  # fmt: skip


def _add_figures(workflow, anat_wf, names, facts, voxels):
    """Draw the maps, and tell in a few words what they are and what is missing."""
    outputnode, maps, told = (workflow.get_node(name) for name in ("outputnode", "maps", "told"))
    every = pe.Node(niu.Merge(len(names)), name="every", run_without_submitting=True)
    details = pe.Node(
        Details(
            facts=list(facts),
            titles=[f"{MAPS[one].title} in the cord" for one in names],
            units=[MAPS[one].unit for one in names],
            scales=[1.0] * len(names),
        ),
        name="details",
        mem_gb=memory_gb(voxels, bytes_per_voxel=24),
    )
    workflow.connect([
        (every, details, [("out", "map_files")]),
        (anat_wf, details, [("outputnode.mask", "mask_file")]),
        (told, details, [("out", "warnings")]),
        (details, outputnode, [("out_report", "details")]),
    ])  # fmt: skip
    for number, one in enumerate(names, start=1):
        shown = MAPS[one]
        mosaic = pe.Node(
            MapMosaic(title=shown.title, unit=shown.unit, limits=shown.limits),
            name=f"{shown.figure}_mosaic",
            mem_gb=memory_gb(voxels, bytes_per_voxel=48),
        )
        workflow.connect([
            (maps, every, [(one, f"in{number}")]),
            (maps, mosaic, [(one, "in_file")]),
            (anat_wf, mosaic, [
                ("outputnode.image", "image_file"),
                ("outputnode.mask", "mask_file"),
                ("outputnode.template_gray", "gray_file"),
                ("outputnode.vertebrae", "levels_file"),
            ]),
            (mosaic, outputnode, [("out_report", shown.figure)]),
        ])  # fmt: skip
