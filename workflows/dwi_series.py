"""A diffusion series of the dataset: from its gradients to results in the output dataset."""

from __future__ import annotations

from dataclasses import replace

from sctflow.bids import SeriesInput
from sctflow.core.gradients import B0_MAX, GradientError
from sctflow.workflows.cord import init_cord, init_without_mask_wf, workflow_name
from sctflow.workflows.dwi import RESULTS, VALUES, init_dwi_wf
from sctflow.workflows.dwi_outputs import init_dwi_outputs_wf, reference_name
from sctflow.workflows.dwi_reports import FIGURES, VALUE_FIGURES
from sctflow.workflows.levels import LevelLabels, SessionLabels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options
from sctflow.workflows.outputs import init_not_computed_wf
from sctflow.workflows.resources import UNKNOWN_VOXELS, count_volumes, count_voxels
from sctflow.workflows.sinks import uri_of


def init_dwi_series_wf(
    *, item: SeriesInput, options: Options, labels: LevelLabels | SessionLabels | None = None
) -> Workflow:
    """Process one diffusion series and place its results in the output dataset.

    Workflow Graph
        dwi_wf (with anat_wf in it) → dwi_outputs_wf, cord_outputs_wf, levels_outputs_wf

    Parameters
    ----------
    item : SeriesInput
        The series with its gradients and manual labels. A mask drawn on it is used for motion,
        too.
    options : Options
        How the run processes its images.
    labels : LevelLabels or SessionLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.sessions.plan_labels`.
    """
    image = item.image
    volumes = count_volumes(image.path)
    voxels = count_voxels(image.path) // volumes
    readable = voxels != UNKNOWN_VOXELS
    if reason := why_not(item, volumes if readable else None, b0_max=options.b0_threshold):
        return init_not_computed_wf(
            image=image, output_dir=options.output_dir, reason=reason, name=workflow_name(image)
        )
    mean = replace(image, uri=uri_of(reference_name(image)))
    cord = init_cord(image=mean, labels=labels, options=options, voxels=voxels)
    if cord is None:
        return init_without_mask_wf(image=image, options=options)
    by_hand = "SC" in image.manual
    dwi_wf = init_dwi_wf(
        anat_wf=cord.joined(),
        voxels=voxels,
        volumes=volumes,
        segmentation="manual" if by_hand else "network",
        registered=cord.registered,
        b0_max=options.b0_threshold,
        denoise=options.dwi_denoise,
        motion=options.motion,
        fit=options.dwi_fit,
        omp_nthreads=options.omp_nthreads,
    )
    outputs_wf = init_dwi_outputs_wf(
        image=image,
        output_dir=options.output_dir,
        fit=options.dwi_fit,
        template=options.template.name if cord.registered else None,
    )
    given = dwi_wf.inputs.inputnode
    given.in_file, given.bval_file, given.bvec_file = map(str, (image.path, item.bval, item.bvec))
    if by_hand:
        given.manual_mask = str(image.manual["SC"])
    results = [*RESULTS, *FIGURES]
    results += (*VALUES, *VALUE_FIGURES) if cord.registered else ()
    workflow = Workflow(name=workflow_name(image))
    workflow.connect([
        (dwi_wf, outputs_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in results]),
    ])  # fmt: skip
    cord.connect(workflow, dwi_wf)
    return workflow


def why_not(item: SeriesInput, volumes: int | None, *, b0_max: float = B0_MAX) -> str:
    """Say why nothing can be computed from a series, from its header and its gradients alone.

    Parameters
    ----------
    item : SeriesInput
        The series.
    volumes : int, optional
        How many it has. A series that cannot be read has none: it fails when its turn comes.
    b0_max : float
        s/mm² up to which a volume counts as one without weighting.

    Returns
    -------
    str
        For the report; empty where everything is as it should be.
    """
    from sctflow.gradients import load_gradients

    absent = [f".{kind}" for kind in ("bval", "bvec") if getattr(item, kind) is None]
    if absent:
        return (
            f"Not computed: no {' and no '.join(absent)} file applies to this series. Without "
            "them it is not known which volumes are weighted, and in which direction."
        )
    if volumes is None:
        return ""
    try:
        load_gradients(item.bval, item.bvec, volumes, b0_max=b0_max, b0_needed=False)
    except GradientError as error:
        return f"Not computed: {error}"
    return ""
