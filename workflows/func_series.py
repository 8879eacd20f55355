"""A functional series of the dataset: from its sidecar to results in the output dataset."""

from __future__ import annotations

from dataclasses import replace

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import SeriesInput
from sctflow.workflows.cord import init_cord, init_without_mask_wf, workflow_name
from sctflow.workflows.func import FUNC_RESULTS, init_func_wf
from sctflow.workflows.func_outputs import init_func_outputs_wf, reference_name
from sctflow.workflows.func_reports import FUNC_FIGURES
from sctflow.workflows.func_template import REGISTERED_RESULTS, VALUE_FIGURES
from sctflow.workflows.func_timing import read_timing
from sctflow.workflows.levels import LevelLabels, SessionLabels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options
from sctflow.workflows.resources import count_volumes, count_voxels, read_shape
from sctflow.workflows.sinks import uri_of


def init_func_series_wf(
    *, item: SeriesInput, options: Options, labels: LevelLabels | SessionLabels | None = None
) -> Workflow:
    """Process one functional series and place its results in the output dataset.

    Workflow Graph
        func_wf (with anat_wf in it) → func_outputs_wf, cord_outputs_wf, levels_outputs_wf

    Parameters
    ----------
    item : SeriesInput
        The series, with its manual labels. A mask drawn on it is used for motion, too.
    options : Options
        How the run processes its images.
    labels : LevelLabels or SessionLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.sessions.plan_labels`.

    Inputs
    ------
    anat_mask
        Mask of the cord drawn on an anatomical image of the session, about which motion is
        measured.
    """
    image = item.image
    volumes = count_volumes(image.path)
    voxels = count_voxels(image.path) // volumes
    # What is found in the mean refers to the mean.
    mean = replace(image, uri=uri_of(reference_name(image)))
    cord = init_cord(image=mean, labels=labels, options=options, voxels=voxels)
    if cord is None:
        return init_without_mask_wf(image=image, options=options)
    repetition_time, slice_timing, warnings = read_timing(
        image.metadata,
        name=image.path.name,
        shape=read_shape(image.path),
        wanted=options.func_slice_timing,
    )
    func_wf = init_func_wf(
        anat_wf=cord.joined(),
        voxels=voxels,
        volumes=volumes,
        motion=options.motion,
        repetition_time=repetition_time,
        slice_timing=slice_timing,
        smooth_mm=options.func_smooth,
        registered=cord.registered,
        in_template=options.func_in_template,
        omp_nthreads=options.omp_nthreads,
    )
    in_template = cord.registered and options.func_in_template
    outputs_wf = init_func_outputs_wf(
        image=image,
        output_dir=options.output_dir,
        slice_timing=slice_timing,
        smooth_mm=options.func_smooth,
        template=options.template.name if cord.registered else None,
        in_template=in_template,
    )
    workflow = Workflow(name=workflow_name(image))
    func_wf.inputs.inputnode.in_file = str(image.path)
    func_wf.inputs.inputnode.warnings = warnings
    if "SC" in image.manual:
        func_wf.inputs.inputnode.cord_mask = str(image.manual["SC"])
    else:
        inputnode = pe.Node(niu.IdentityInterface(fields=["anat_mask"]), name="inputnode")
        workflow.connect(inputnode, "anat_mask", func_wf, "inputnode.cord_mask")
    results = [*FUNC_RESULTS, *FUNC_FIGURES]
    results += ["smoothed"] if options.func_smooth else []
    results += (*REGISTERED_RESULTS, *VALUE_FIGURES) if cord.registered else ()
    results += ["preproc_in_template"] if in_template else []
    workflow.connect([
        (func_wf, outputs_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in results])
    ])  # fmt: skip
    cord.connect(workflow, func_wf)
    return workflow
