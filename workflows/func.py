"""From one functional series to a series at rest, its temporal SNR and its confounds."""

from __future__ import annotations

from typing import Literal

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.confounds import CollectConfounds
from sctflow.interfaces.functional import (
    AverageVolumes,
    CheckSeries,
    CorrectSliceTiming,
    FindMotionMask,
)
from sctflow.interfaces.functional_maps import ComputeTSNR
from sctflow.interfaces.motion import CorrectMotion
from sctflow.interfaces.straighten import SmoothAlongCord
from sctflow.workflows.func_reports import FUNC_FIGURES, init_func_report_wf
from sctflow.workflows.func_template import (
    REGISTERED_RESULTS,
    VALUE_FIGURES,
    init_func_template_wf,
)
from sctflow.workflows.func_timing import SliceTiming
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb
from sctflow.workflows.values import ATLAS

FUNC_RESULTS = (
    "preproc",
    "boldref",
    "tsnr",
    "confounds",
    "confounds_columns",
    "motion",
    "slice_motion",
)
INTERPOLATION = {"translation": "sinc", "rigid": "spline"}
"""The least blur that there is for each kind of motion."""

DESCRIPTIONS = {
    "translation": """\
Motion of the functional series was estimated as shifts of every slice of every volume in its
plane, about the cord, and undone by one interpolation (windowed sinc). The cord was found in the
mean of the corrected volumes.
""",
    "rigid": """\
Motion of the functional series was estimated as shifts and turns of every slice of every volume in
its plane, about the cord, and undone by one interpolation (cubic splines). The cord was found in
the mean of the corrected volumes.
""",
    "timing": """\
Slices were brought to the middle of the time in which a volume is acquired, by shifting the phases
of frequencies in time.
""",
    "smooth": """\
A copy of the series was smoothed along the centreline of the cord with a Gaussian of {sigma:g} mm
standard deviation, and not across it.
""",
    "confounds": """\
Temporal signal-to-noise ratio is the mean over the standard deviation in time after removing the
linear drift; that before motion correction was taken from the series interpolated as much, without
correcting it. Confounds are the motion of each volume, mean signals, the first five principal
components of tissue far from the cord{fluid} [@compcor], cosines with periods over 128 s, and
flags of slices and volumes that differ from the others.
""",
}


def init_func_wf(
    *,
    anat_wf: Workflow,
    voxels: int,
    volumes: int,
    motion: Literal["translation", "rigid"] = "translation",
    repetition_time: float | None = None,
    slice_timing: SliceTiming | None = None,
    smooth_mm: float | None = None,
    registered: bool = False,
    in_template: bool = False,
    omp_nthreads: int = 1,
    name: str = "func_wf",
) -> Workflow:
    """Correct a functional series, find the cord in it, and collect what confounds it.

    Workflow Graph
        check → find a mask → motion → (slice timing) → mean → anat_wf → temporal SNR before and
        after, confounds, (smoothing along the cord), (values in the atlas) → figures

    Parameters
    ----------
    anat_wf : Workflow
        From :func:`sctflow.workflows.anatomical.init_anat_wf`: what finds the cord in the mean of
        the series. It becomes a part of the workflow.
    voxels, volumes : int
        Voxels of one volume, and volumes of the series, for the memory that the nodes ask for.
    motion : {"translation", "rigid"}
        What slices may do in their planes. Shifts are undone by a windowed sinc, turns by
        splines.
    repetition_time : float, optional
        s; the series is taken to have one slow drift without it.
    slice_timing : SliceTiming, optional
        Bring slices to one time; needs the repetition time.
    smooth_mm : float, optional
        Standard deviation of a Gaussian along the cord, for a smoothed copy of the series.
    registered : bool
        Whether `anat_wf` registers with a template, so that there is an atlas.
    in_template : bool
        Whether the series is wanted on the template's grid as well; with `registered` only.
    omp_nthreads : int
        Threads of the network that looks for the cord where there is no other mask.
    name : str
        Name of the workflow.

    Inputs
    ------
    in_file
        Series, 4-D.
    cord_mask
        Mask of the cord drawn on an image of the same session, or on the series, about which
        motion is measured; the networks look for the cord without it.
    warnings
        What was noticed before, for the report.

    Outputs
    -------
    preproc
        Series at rest, interpolated once in space.
    smoothed
        The same, smoothed along the cord; with `smooth_mm` only.
    boldref
        Mean of its steady volumes.
    tsnr
        Temporal SNR of `preproc`.
    tsnr_values
        Its values in the atlas; with `registered` only, as the next one.
    tsnr_in_template
        Its map on the template's grid.
    preproc_in_template
        `preproc` on the part of that grid which it shows; with `in_template` only.
    confounds, confounds_columns
        Table of confounds, and what its columns are.
    motion, slice_motion
        Tables of motion.
    details, motionplot, tsnrplot, carpet, tsnrvalues
        Figures of the report; the last one with `registered` only.
    """
    workflow = Workflow(name=name)
    workflow.__desc__ = DESCRIPTIONS[motion]
    if slice_timing:
        workflow.__desc__ += DESCRIPTIONS["timing"]
    fluid = " and of the cerebrospinal fluid of the template" if registered else ""
    workflow.__postdesc__ = DESCRIPTIONS["confounds"].format(fluid=fluid)
    if smooth_mm:
        workflow.__postdesc__ += DESCRIPTIONS["smooth"].format(sigma=smooth_mm)

    inputnode = pe.Node(
        niu.IdentityInterface(fields=["in_file", "cord_mask", "warnings"]), name="inputnode"
    )
    outputs = [
        *FUNC_RESULTS, "smoothed", *REGISTERED_RESULTS, "preproc_in_template", *FUNC_FIGURES,
        *VALUE_FIGURES,
    ]  # fmt: skip
    outputnode = pe.Node(niu.IdentityInterface(fields=outputs), name="outputnode")
    everything = voxels * volumes
    check = pe.Node(CheckSeries(), name="check", mem_gb=memory_gb(everything, bytes_per_voxel=16))
    mask = pe.Node(
        FindMotionMask(num_threads=omp_nthreads),
        name="mask",
        mem_gb=memory_gb(voxels, base=0.6, bytes_per_voxel=48),
        n_procs=omp_nthreads,
    )
    correct = pe.Node(
        CorrectMotion(kind=motion, interpolation=INTERPOLATION[motion]),
        name="motion",
        mem_gb=memory_gb(everything, bytes_per_voxel=24),
    )
    noticed = pe.Node(niu.Merge(4), name="noticed", run_without_submitting=True)
    mean = pe.Node(AverageVolumes(), name="mean", mem_gb=memory_gb(everything, bytes_per_voxel=12))
    preproc = _add_timing(workflow, check, correct, slice_timing, repetition_time, everything)
    workflow.connect([
        (inputnode, check, [("in_file", "in_file")]),
        (inputnode, mask, [("cord_mask", "cord_file")]),
        (check, mask, [("mean_file", "in_file")]),
        (check, correct, [("out_file", "in_file")]),
        (mask, correct, [("out_file", "mask_file")]),
        (inputnode, noticed, [("warnings", "in1")]),
        (check, noticed, [("warnings", "in2")]),
        (mask, noticed, [("warnings", "in3")]),
        (correct, noticed, [("warnings", "in4")]),
        (preproc, mean, [("out_file", "in_file")]),
        (check, mean, [("dummies", "skip")]),
        (mean, anat_wf, [("out_file", "inputnode.in_file")]),
        (noticed, anat_wf, [("out", "inputnode.warnings")]),
        (preproc, outputnode, [("out_file", "preproc")]),
        (mean, outputnode, [("out_file", "boldref")]),
        (correct, outputnode, [
            ("motion_file", "motion"), ("slice_motion_file", "slice_motion"),
        ]),
    ])  # fmt: skip
    _add_measures(
        workflow,
        anat_wf,
        preproc,
        everything,
        repetition_time=repetition_time,
        registered=registered,
    )
    _add_figures(workflow, anat_wf, preproc, voxels, volumes, repetition_time, registered)
    if smooth_mm:
        smooth = pe.Node(
            SmoothAlongCord(sigma_mm=smooth_mm, skip_empty=True),
            name="smooth",
            mem_gb=memory_gb(everything, bytes_per_voxel=24),
        )
        workflow.connect([
            (preproc, smooth, [("out_file", "in_file")]),
            (anat_wf, smooth, [("outputnode.centerline", "centerline_file")]),
            (smooth, outputnode, [("out_file", "smoothed")]),
        ])  # fmt: skip
    if registered:
        template_wf = init_func_template_wf(
            voxels=voxels, volumes=volumes, bring_series=in_template
        )
        _add_template(workflow, anat_wf, preproc, template_wf)
    return workflow


def _add_timing(workflow, check, motion, slice_timing, repetition_time, everything):
    """Give the node whose ``out_file`` is the series at rest."""
    if not slice_timing:
        return motion
    # Slices move in their own planes, so that what is moved back is of the same time.
    timing = pe.Node(
        CorrectSliceTiming(
            slice_times=list(slice_timing.times),
            slice_encoding=slice_timing.encoding,
            reference_time=slice_timing.reference,
            repetition_time=repetition_time,
        ),
        name="timing",
        mem_gb=memory_gb(everything, bytes_per_voxel=24),
    )
    workflow.connect([
        (motion, timing, [("out_file", "in_file")]),
        (check, timing, [("dummies", "skip")]),
    ])  # fmt: skip
    return timing


def _add_measures(workflow, anat_wf, preproc, everything, *, repetition_time, registered):
    """Temporal SNR before and after, and confounds."""
    check, motion, outputnode = map(workflow.get_node, ("check", "motion", "outputnode"))
    before = pe.Node(
        ComputeTSNR(interpolation=motion.interface.inputs.interpolation),
        name="before",
        mem_gb=memory_gb(everything, bytes_per_voxel=20),
    )
    tsnr = pe.Node(ComputeTSNR(), name="tsnr", mem_gb=memory_gb(everything, bytes_per_voxel=12))
    confounds = pe.Node(
        CollectConfounds(),
        name="confounds",
        mem_gb=memory_gb(everything, bytes_per_voxel=16),
    )
    if repetition_time:
        confounds.inputs.repetition_time = repetition_time
    workflow.connect([
        (check, before, [("out_file", "in_file"), ("dummies", "skip")]),
        (motion, before, [("slice_motion_file", "slice_motion_file")]),
        (preproc, tsnr, [("out_file", "in_file")]),
        (check, tsnr, [("dummies", "skip")]),
        (preproc, confounds, [("out_file", "in_file")]),
        (check, confounds, [("dummies", "skip")]),
        (anat_wf, confounds, [("outputnode.mask", "mask_file")]),
        (motion, confounds, [
            ("motion_file", "motion_file"), ("slice_motion_file", "slice_motion_file"),
        ]),
        (tsnr, outputnode, [("out_file", "tsnr")]),
        (confounds, outputnode, [
            ("out_table", "confounds"),
            ("columns", "confounds_columns"),
        ]),
    ])  # fmt: skip
    if registered:
        workflow.connect(anat_wf, "outputnode.template_csf", confounds, "csf_file")


def _add_figures(workflow, anat_wf, preproc, voxels, volumes, repetition_time, registered):
    """Figures of the report."""
    before, tsnr, confounds, mean, motion, outputnode = map(
        workflow.get_node, ("before", "tsnr", "confounds", "mean", "motion", "outputnode")
    )
    report_wf = init_func_report_wf(
        voxels=voxels, volumes=volumes, repetition_time=repetition_time, fluid=registered
    )
    workflow.connect([
        (motion, report_wf, [
            ("motion_file", "inputnode.motion"), ("slice_motion_file", "inputnode.slice_motion"),
        ]),
        (before, report_wf, [("out_file", "inputnode.before")]),
        (tsnr, report_wf, [("out_file", "inputnode.after")]),
        (mean, report_wf, [("out_file", "inputnode.mean")]),
        (anat_wf, report_wf, [
            ("outputnode.mask", "inputnode.mask"), ("outputnode.vertebrae", "inputnode.vertebrae"),
        ]),
        (preproc, report_wf, [("out_file", "inputnode.series")]),
        (confounds, report_wf, [
            ("out_table", "inputnode.confounds"),
            ("regions_file", "inputnode.regions"),
            ("warnings", "inputnode.warnings"),
        ]),
        (report_wf, outputnode, [(f"outputnode.{figure}", figure) for figure in FUNC_FIGURES]),
    ])  # fmt: skip


def _add_template(workflow, anat_wf, preproc, template_wf):
    """Temporal SNR in the regions of the atlas, and what is wanted on the template's grid."""
    tsnr, outputnode = map(workflow.get_node, ("tsnr", "outputnode"))
    results = (*REGISTERED_RESULTS, "preproc_in_template", *VALUE_FIGURES)
    workflow.connect([
        (tsnr, template_wf, [("out_file", "inputnode.tsnr")]),
        (preproc, template_wf, [("out_file", "inputnode.series")]),
        (anat_wf, template_wf, [
            *((f"outputnode.{one}", f"inputnode.{one}") for one in (*ATLAS, "to_template")),
            ("outputnode.template", "inputnode.template"),
        ]),
        (template_wf, outputnode, [(f"outputnode.{one}", one) for one in results]),
    ])  # fmt: skip
