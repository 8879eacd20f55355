"""From a diffusion series to the cord, tensors, and their values in the regions of an atlas."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.core.gradients import B0_MAX
from sctflow.interfaces.diffusion import CheckGradients, FitDTI, SeparateB0
from sctflow.interfaces.diffusion_signal import DenoiseDWI, MeasureB0SNR
from sctflow.interfaces.motion import CorrectDWIMotion
from sctflow.interfaces.segmentation import ManualMask, SegmentCord
from sctflow.models import cord_model
from sctflow.workflows.dwi_reports import FIGURES, VALUE_FIGURES, init_dwi_report_wf
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb
from sctflow.workflows.values import ATLAS, init_values_wf

MAPS = ("fa", "md", "ad", "rd")
VALUES = tuple(f"{one}_values" for one in MAPS)
RESULTS = (
    "series",
    "method",
    "bval",
    "bvec",
    "dwiref",
    "b0ref",
    "snr",
    "motion",
    "slice_motion",
    *MAPS,
    "residual",
)
INPUTS = ("in_file", "bval_file", "bvec_file", "manual_mask")

MARGIN_MM = 4.0
"""About the cord, where tensors are fitted: the atlas's fluid ends 2 mm from the cord, and its
edge may lie a voxel off."""

DESCRIPTIONS = {
    "mppca": """\
Noise was taken out of diffusion series about the cord by principal components of patches [@mppca],
with *DIPY* [@dipy].
""",
    "patch2self": """\
Noise was taken out of diffusion series about the cord by predicting each volume from the others
[@patch2self].
""",
    "motion": """\
Motion of the cord in diffusion series was estimated within the plane of each slice, for all slices
and volumes together: by Gauss-Newton steps [@bakermatthews] onto what the other volumes, by their
diffusion weighting, tell about each one, and smoothly along the cord. Volumes with and without
diffusion weighting were followed apart and joined by the direction of edges
[@gradientfields]{turns}. The series was interpolated once. The cord was found in the mean of the
corrected volumes with diffusion weighting.
""",
    "wls": """\
Diffusion tensors [@dti] were fitted in and about the cord by weighted least squares, with *DIPY*
[@dipy].
""",
    "restore": """\
Diffusion tensors [@dti] were fitted in and about the cord, robustly against outliers [@restore],
with *DIPY* [@dipy].
""",
}
TURNS = "; directions were turned with the volumes"


def init_dwi_wf(
    *,
    anat_wf: Workflow,
    voxels: int,
    volumes: int,
    segmentation: str = "network",
    registered: bool = False,
    b0_max: float = B0_MAX,
    denoise: str = "none",
    motion: str = "translation",
    fit: str = "wls",
    omp_nthreads: int = 1,
    name: str = "dwi_wf",
) -> Workflow:
    """Correct a diffusion series, find the cord in it, and fit tensors.

    What cannot be computed is told in warnings, and the rest goes on: a series without b = 0 has
    no tensors, and one in which no cord is found is not corrected.

    Workflow Graph
        gradients → raw_mean → first_mask (→ denoise) → motion → anat_wf on the mean → fit, snr
        → values_wf (where there is an atlas) → report_wf

    Parameters
    ----------
    anat_wf : Workflow
        What is done with the mean of the corrected volumes with diffusion weighting, from
        :func:`sctflow.workflows.anatomical.init_anat_wf`. It becomes part of this workflow.
    voxels, volumes : int
        Voxels of a volume and number of volumes, for the memory that the nodes ask for.
    segmentation : {"network", "manual"}
        Where the mask comes from, about which motion is followed.
    registered : bool
        Whether `anat_wf` brings an atlas.
    b0_max : float
        s/mm² up to which a volume counts as one without weighting.
    denoise : {"none", "mppca", "patch2self"}
        Whether and how noise is taken out first.
    motion : {"translation", "rigid"}
        What slices may do within their plane.
    fit : {"wls", "restore"}
        How tensors are fitted.
    omp_nthreads : int
        Threads of the network.
    name : str
        Name of the workflow.

    Inputs
    ------
    in_file, bval_file, bvec_file
        The series, its b-values and directions.
    manual_mask
        Mask of the cord on the grid of the series (``segmentation="manual"`` only).

    Outputs
    -------
    series, bval, bvec
        The series corrected for motion, with its gradients checked and turned as it was.
    method
        What was done with it, as a dictionary for the sidecar.
    dwiref, b0ref
        Means of its volumes with and without diffusion weighting.
    snr
        Signal-to-noise ratio at b = 0 in the cord, as a dictionary for the sidecar.
    motion, slice_motion
        Motion of each volume, and of each slice of each volume, as tables.
    fa, md, ad, rd, residual
        Maps of the tensors, in mm²/s but for the anisotropy, and what tensors leave unexplained.
    fa_values, md_values, ad_values, rd_values
        Their values in the regions of the atlas (``registered`` only).
    details, motionplot, …
        Figures of the report, see :func:`sctflow.workflows.dwi_reports.init_dwi_report_wf`.
    """
    workflow = Workflow(name=name)
    steps = [DESCRIPTIONS[denoise]] if denoise != "none" else []
    steps.append(DESCRIPTIONS["motion"].format(turns=TURNS if motion == "rigid" else ""))
    workflow.__desc__ = "\n".join([*steps, DESCRIPTIONS[fit]])
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(
        niu.IdentityInterface(fields=[*RESULTS, *VALUES, *FIGURES, *VALUE_FIGURES]),
        name="outputnode",
    )
    series_gb = memory_gb(voxels * volumes, base=0.3, bytes_per_voxel=16)

    gradients = pe.Node(CheckGradients(b0_needed=False), name="gradients", mem_gb=series_gb)
    correct = pe.Node(
        CorrectDWIMotion(kind=motion, skip_empty=True), name="motion", mem_gb=series_gb
    )
    noticed = pe.Node(niu.Merge(3), name="noticed", run_without_submitting=True)
    tensors = pe.Node(
        FitDTI(method=fit, margin=MARGIN_MM, skip_impossible=True),
        name="fit",
        mem_gb=series_gb,
    )
    snr = pe.Node(
        MeasureB0SNR(interpolation=correct.interface.inputs.interpolation),
        name="snr",
        mem_gb=series_gb,
    )
    told = pe.Node(niu.Merge(2), name="told", run_without_submitting=True)

    table = [("bval_file", "bval_file"), ("bvec_file", "bvec_file")]
    corrected = [("out_file", "in_file"), *table]
    workflow.connect([
        (inputnode, gradients, [("in_file", "in_file"), *table]),
        (gradients, correct, table),
        (gradients, noticed, [("warnings", "in1")]),
        (correct, noticed, [("warnings", "in3")]),
        (noticed, anat_wf, [("out", "inputnode.warnings")]),
        (correct, anat_wf, [("dwi_mean_file", "inputnode.in_file")]),
        (correct, tensors, corrected),
        (correct, snr, [*corrected, ("slice_motion_file", "slice_motion_file")]),
        (anat_wf, tensors, [("outputnode.mask", "mask_file")]),
        (anat_wf, snr, [("outputnode.mask", "mask_file")]),
        (snr, told, [("warnings", "in1")]),
        (tensors, told, [("warnings", "in2")]),
        (correct, outputnode, [
            ("out_file", "series"),
            ("method", "method"),
            ("bval_file", "bval"),
            ("bvec_file", "bvec"),
            ("dwi_mean_file", "dwiref"),
            ("b0_mean_file", "b0ref"),
            ("motion_file", "motion"),
            ("slice_motion_file", "slice_motion"),
        ]),
        (snr, outputnode, [("method", "snr")]),
        (tensors, outputnode, [(f"{one}_file", one) for one in (*MAPS, "residual")]),
    ])  # fmt: skip
    _add_first_mask(workflow, segmentation, voxels, series_gb, omp_nthreads)
    if denoise != "none":
        _add_denoising(workflow, denoise, series_gb)
    else:
        workflow.connect(inputnode, "in_file", correct, "in_file")
    for node in ("gradients", "raw_mean", "denoise", "motion", "fit", "snr"):
        if node in workflow.list_node_names():
            workflow.get_node(node).inputs.b0_max = b0_max
    if registered:
        values_wf = init_values_wf(maps=MAPS, voxels=voxels)
        workflow.connect([
            (tensors, values_wf, [(f"{one}_file", f"inputnode.{one}") for one in MAPS]),
            (anat_wf, values_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in ATLAS]),
            (values_wf, outputnode, [(f"outputnode.{one}", one) for one in VALUES]),
        ])  # fmt: skip
    _add_figures(workflow, voxels=voxels, volumes=volumes, fit=fit, registered=registered)
    return workflow


def _add_figures(workflow, *, voxels, volumes, fit, registered):
    """Draw what was done and found."""
    inputnode, gradients, raw_mean, correct, anat_wf, tensors, snr, told, outputnode = (
        workflow.get_node(name)
        for name in (
            "inputnode", "gradients", "raw_mean", "motion", "anat_wf", "fit", "snr", "told",
            "outputnode",
        )
    )  # fmt: skip
    report_wf = init_dwi_report_wf(voxels=voxels, volumes=volumes, fit=fit, registered=registered)
    figures = [*FIGURES, *(VALUE_FIGURES if registered else ())]
    workflow.connect([
        (inputnode, report_wf, [("in_file", "inputnode.before")]),
        (gradients, report_wf, [("shells_file", "inputnode.shells")]),
        (raw_mean, report_wf, [("dwi_mean_file", "inputnode.before_mean")]),
        (correct, report_wf, [
            ("out_file", "inputnode.after"),
            ("dwi_mean_file", "inputnode.after_mean"),
            ("bval_file", "inputnode.bval"),
            ("motion_file", "inputnode.motion"),
            ("slice_motion_file", "inputnode.slice_motion"),
        ]),
        (anat_wf, report_wf, [
            ("outputnode.mask", "inputnode.mask"),
            ("outputnode.template_gray", "inputnode.gray"),
            ("outputnode.vertebrae", "inputnode.vertebrae"),
        ]),
        (snr, report_wf, [("snr", "inputnode.snr")]),
        (tensors, report_wf, [(f"{one}_file", f"inputnode.{one}") for one in MAPS]),
        (told, report_wf, [("out", "inputnode.warnings")]),
        (report_wf, outputnode, [(f"outputnode.{one}", one) for one in figures]),
    ])  # fmt: skip
    if registered:
        values_wf = workflow.get_node("values_wf")
        drawn = ("fa_values", "md_values")
        workflow.connect([
            (values_wf, report_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in drawn]),
        ])  # fmt: skip


def _add_first_mask(workflow, segmentation, voxels, series_gb, omp_nthreads):
    """Find the cord in the mean of the series as it is, to follow it by."""
    inputnode, gradients, correct = (
        workflow.get_node(name) for name in ("inputnode", "gradients", "motion")
    )
    raw_mean = pe.Node(SeparateB0(means_only=True), name="raw_mean", mem_gb=series_gb)
    if segmentation == "manual":
        first_mask = pe.Node(ManualMask(), name="first_mask", mem_gb=memory_gb(voxels))
        workflow.connect(inputnode, "manual_mask", first_mask, "manual_mask")
    else:
        first_mask = pe.Node(
            SegmentCord(model=cord_model()),
            name="first_mask",
            mem_gb=memory_gb(voxels, base=0.6, bytes_per_voxel=48),
            n_procs=omp_nthreads,
        )
    workflow.connect([
        (inputnode, raw_mean, [("in_file", "in_file")]),
        (gradients, raw_mean, [("bval_file", "bval_file"), ("bvec_file", "bvec_file")]),
        (raw_mean, first_mask, [("dwi_mean_file", "in_file")]),
        (first_mask, correct, [("mask_file", "mask_file")]),
    ])  # fmt: skip


def _add_denoising(workflow, method, series_gb):
    """Take noise out of the series before its motion is corrected."""
    inputnode, gradients, first_mask, correct, noticed = (
        workflow.get_node(name)
        for name in ("inputnode", "gradients", "first_mask", "motion", "noticed")
    )
    denoise = pe.Node(
        DenoiseDWI(method=method, skip_impossible=True), name="denoise", mem_gb=series_gb
    )
    workflow.connect([
        (inputnode, denoise, [("in_file", "in_file")]),
        (gradients, denoise, [("bval_file", "bval_file"), ("bvec_file", "bvec_file")]),
        (first_mask, denoise, [("mask_file", "mask_file")]),
        (denoise, correct, [("out_file", "in_file"), ("method", "done")]),
        (denoise, noticed, [("warnings", "in2")]),
    ])  # fmt: skip
