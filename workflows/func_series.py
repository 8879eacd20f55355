"""A functional series of the dataset: from its sidecar to results in the output dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import SeriesInput
from sctflow.errors import ImageError, SctflowError
from sctflow.workflows.cord import init_cord, init_without_mask_wf, workflow_name
from sctflow.workflows.func import (
    FUNC_FIGURES,
    FUNC_RESULTS,
    REGISTERED_RESULTS,
    SliceTiming,
    init_func_wf,
)
from sctflow.workflows.func_outputs import init_func_outputs_wf
from sctflow.workflows.levels import LevelLabels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options
from sctflow.workflows.resources import count_volumes, count_voxels, read_shape

ENCODINGS = ("i", "i-", "j", "j-", "k", "k-")


def init_func_series_wf(
    *, item: SeriesInput, options: Options, labels: LevelLabels | None = None
) -> Workflow:
    """Process one functional series and place its results in the output dataset.

    Workflow Graph
        func_wf (with anat_wf in it) → func_outputs_wf, anat_outputs_wf

    Parameters
    ----------
    item : SeriesInput
        The series, with its manual labels. A mask drawn on it is used for motion, too.
    options : Options
        How the run processes its images.
    labels : LevelLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.levels.choose_labels`.

    Inputs
    ------
    anat_mask
        Mask of the cord of an anatomical image of the session, about which motion is measured.
    """
    image = item.image
    volumes = count_volumes(image.path)
    voxels = count_voxels(image.path) // volumes
    cord = init_cord(image=image, labels=labels, options=options, voxels=voxels)
    if cord is None:
        return init_without_mask_wf(image=image, options=options)
    repetition_time, slice_timing, warnings = read_timing(
        image.metadata,
        name=image.path.name,
        shape=read_shape(image.path),
        wanted=options.func_slice_timing,
    )
    func_wf = init_func_wf(
        anat_wf=cord.anat_wf,
        voxels=voxels,
        volumes=volumes,
        repetition_time=repetition_time,
        slice_timing=slice_timing,
        smooth_mm=options.func_smooth,
        registered=cord.registered,
        omp_nthreads=options.omp_nthreads,
    )
    outputs_wf = init_func_outputs_wf(
        image=image,
        output_dir=options.output_dir,
        slice_timing=slice_timing,
        smooth_mm=options.func_smooth,
        template=options.template.name if cord.registered else None,
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
    results += REGISTERED_RESULTS if cord.registered else ()
    workflow.connect([
        (func_wf, outputs_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in results])
    ])  # fmt: skip
    cord.connect(workflow, func_wf, "anat_wf.")
    return workflow


def read_timing(
    metadata: Mapping, *, name: str, shape: Sequence[int], wanted: bool
) -> tuple[float | None, SliceTiming | None, list[str]]:
    """Read when volumes and slices are acquired from the sidecar of a series.

    Parameters
    ----------
    metadata : mapping
        Fields of the sidecar.
    name : str
        Of the series, for warnings.
    shape : sequence of int
        Its size.
    wanted : bool
        Whether slices are to be brought to one time.

    Returns
    -------
    repetition_time : float or None
        s.
    slice_timing : SliceTiming or None
        None where it is not wanted or cannot be had.
    warnings : list of str
        What is missing, and what that means.
    """
    tr = metadata.get("RepetitionTime")
    warnings = []
    if not (isinstance(tr, int | float) and isfinite(tr) and tr > 0):
        tr = None
        warnings.append(
            f"{name}: the sidecar has no RepetitionTime: one slow drift is among the confounds, "
            "however long the series"
        )
    if not wanted:
        return tr, None, warnings
    try:
        timing = _slice_timing(metadata, tr, shape)
    except SctflowError as error:
        warnings.append(f"{name}: slices were not brought to one time. {error}")
        return tr, None, warnings
    return tr, timing, warnings


def _slice_timing(metadata: Mapping, tr: float | None, shape: Sequence[int]) -> SliceTiming:
    from sctflow.core.slice_timing import check_slice_times

    times, encoding = metadata.get("SliceTiming"), metadata.get("SliceEncodingDirection", "k")
    if tr is None or not times:
        lacking = "SliceTiming" if tr else "RepetitionTime"
        raise ImageError(f"The sidecar has no {lacking}.")
    if encoding not in ENCODINGS:
        raise ImageError(
            f"SliceEncodingDirection is {encoding!r}, not one of {', '.join(ENCODINGS)}."
        )
    # What is wrong with a file that cannot be read is told by the node that reads it.
    if shape:
        check_slice_times(times, tr, shape["ijk".index(encoding[0])])
    return SliceTiming(tuple(float(time) for time in times), encoding)
