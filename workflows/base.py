"""The whole run: participants, their images, and what each of them goes through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow import __version__
from sctflow.bids import ImageInput, ParticipantInputs
from sctflow.workflows.anatomical import LEVELS, RESULTS, init_anat_wf
from sctflow.workflows.literate import Workflow
from sctflow.workflows.outputs import init_anat_outputs_wf, init_not_computed_wf
from sctflow.workflows.reports import FIGURES
from sctflow.workflows.resources import count_voxels

NO_MANUAL_MASK = (
    "Not computed: there is no manual mask of the cord for this image, and manual masks were "
    "asked for (--segmentation-method manual)."
)


def init_sctflow_wf(
    *,
    participants: Sequence[ParticipantInputs],
    output_dir: Path,
    segmentation_method: str = "network",
    omp_nthreads: int = 1,
) -> Workflow:
    """Process all participants; each of them on its own.

    The name has the version of the program, so that a work folder never passes results of one
    version on to another.

    Workflow Graph
        one workflow per participant, not connected to each other

    Parameters
    ----------
    participants : sequence of ParticipantInputs
        What to process. A participant without images adds nothing to the graph.
    output_dir : pathlib.Path
        Root of the output dataset.
    segmentation_method : {"network", "manual"}
        How to segment the images that have no manual mask; with ``manual`` they are left out,
        and the report says so.
    omp_nthreads : int
        Threads that one node may use.
    """
    workflow = Workflow(name=f"sctflow_{_sanitise(__version__)}_wf")
    for participant in participants:
        if participant.anat:
            workflow.add_nodes([
                init_single_participant_wf(
                    participant=participant,
                    output_dir=output_dir,
                    segmentation_method=segmentation_method,
                    omp_nthreads=omp_nthreads,
                )
            ])  # fmt: skip
    return workflow


def init_single_participant_wf(
    *,
    participant: ParticipantInputs,
    output_dir: Path,
    segmentation_method: str = "network",
    omp_nthreads: int = 1,
) -> Workflow:
    """Process the images of one participant; an image that fails does not stop the others.

    Workflow Graph
        one workflow per image

    Parameters
    ----------
    participant : ParticipantInputs
        Images of all sessions, with their manual labels.
    output_dir, segmentation_method, omp_nthreads
        See :func:`init_sctflow_wf`.
    """
    workflow = Workflow(name=f"sub_{_sanitise(participant.participant)}_wf")
    workflow.__desc__ = f"""\
Results were obtained with *sctflow* {__version__}, which is based on *Nipype*
[@nipype]. Images were read and written with *NiBabel* [@nibabel].
"""
    for image in participant.anat:
        image_wf = init_image_wf(
            image=image,
            discs_from=choose_discs(image, participant.anat),
            output_dir=output_dir,
            segmentation_method=segmentation_method,
            omp_nthreads=omp_nthreads,
        )
        workflow.add_nodes([image_wf])
    return workflow


def init_image_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    discs_from: ImageInput | None = None,
    segmentation_method: str = "network",
    omp_nthreads: int = 1,
) -> Workflow:
    """Process one image from the dataset and place its results in the output dataset.

    Workflow Graph
        anat_wf → anat_outputs_wf

    Parameters
    ----------
    image : ImageInput
        The image and its manual labels. A manual mask is used wherever there is one.
    discs_from : ImageInput, optional
        The image whose labelled discs give the levels, see :func:`choose_discs`.
    output_dir, segmentation_method, omp_nthreads
        See :func:`init_sctflow_wf`.
    """
    stem = image.path.name.split(".", 1)[0]
    name = f"{_sanitise(stem)}_wf"
    manual_mask = image.manual.get("SC")
    if manual_mask is None and segmentation_method == "manual":
        return init_not_computed_wf(
            image=image, output_dir=output_dir, reason=NO_MANUAL_MASK, name=name
        )

    segmentation = "manual" if manual_mask else segmentation_method
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(fields=["in_file", "manual_mask", "discs"]), name="inputnode"
    )
    inputnode.inputs.in_file = str(image.path)
    if manual_mask:
        inputnode.inputs.manual_mask = str(manual_mask)
    if discs_from:
        inputnode.inputs.discs = str(discs_from.manual["discs"])
    anat_wf = init_anat_wf(
        segmentation=segmentation,
        voxels=count_voxels(image.path),
        levels=discs_from and ("own" if discs_from is image else "elsewhere"),
        omp_nthreads=omp_nthreads,
    )
    anat_outputs_wf = init_anat_outputs_wf(
        image=image,
        output_dir=output_dir,
        segmentation=segmentation,
        discs_uri=discs_from.manual_uris["discs"] if discs_from else None,
    )
    workflow.connect([
        (inputnode, anat_wf, [
            ("in_file", "inputnode.in_file"),
            ("manual_mask", "inputnode.manual_mask"),
            ("discs", "inputnode.discs"),
        ]),
        (anat_wf, anat_outputs_wf, [
            (f"outputnode.{result}", f"inputnode.{result}")
            for result in (*RESULTS, *(LEVELS if discs_from else ()), *FIGURES)
        ]),
    ])  # fmt: skip
    return workflow


def choose_discs(image: ImageInput, images: Sequence[ImageInput]) -> ImageInput | None:
    """Find the image whose labelled discs give an image its levels.

    Parameters
    ----------
    image : ImageInput
        Its own labels come first.
    images : sequence of ImageInput
        All images of the participant. Those of the same session lie in the same world space; of
        these a T2w comes first, then a T1w.

    Returns
    -------
    ImageInput or None
        None where nobody labelled discs.
    """
    if "discs" in image.manual:
        return image
    session = image.entities.get("session")
    labelled = [
        other
        for other in images
        if "discs" in other.manual and other.entities.get("session") == session
    ]
    order = {"T2w": 0, "T1w": 1}
    return min(labelled, key=lambda one: order.get(one.entities["suffix"], 2), default=None)


def _sanitise(label):
    """Name that Nipype accepts for a node."""
    return re.sub(r"[^A-Za-z0-9]", "_", label)
