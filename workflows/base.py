"""The whole run: participants, their images, and what each of them goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from sctflow import __version__
from sctflow.bids import ImageInput, ParticipantInputs
from sctflow.workflows.cord import (
    hand_on,
    init_cord,
    init_without_mask_wf,
    sanitise,
    workflow_name,
)
from sctflow.workflows.levels import LABEL_KINDS, LevelLabels, choose_labels, in_session
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options
from sctflow.workflows.resources import count_voxels

MODALITIES: dict[str, str] = {
    "mt": "sctflow.workflows.mt_set:init_mt_set_wf",
    "dwi": "sctflow.workflows.dwi_series:init_dwi_series_wf",
    "func": "sctflow.workflows.func_series:init_func_series_wf",
}
"""Where the factory of each modality other than ``anat`` is, as ``module:function``; imported
when there is something for it. It is called with

- ``item``: one of ``ParticipantInputs.mt``, ``.dwi`` or ``.func``;
- ``labels``: :class:`sctflow.workflows.levels.LevelLabels` or None;
- ``options``: :class:`sctflow.workflows.options.Options`;

and gives a workflow named :func:`sctflow.workflows.cord.workflow_name` of the image that stands
for the item. Where its ``inputnode`` has a field ``anat_mask``, it is handed the mask of the cord
that was drawn on an anatomical image of the session, if there is one. A mask that is yet to be
found is not waited for: an image that fails must not stop another one."""


def init_sctflow_wf(*, participants: Sequence[ParticipantInputs], options: Options) -> Workflow:
    """Process all participants; each of them on its own.

    The name has the version of the program, so that a work folder never passes results of one
    version on to another.

    Workflow Graph
        one workflow per participant, not connected to each other

    Parameters
    ----------
    participants : sequence of ParticipantInputs
        What to process. A participant without images adds nothing to the graph.
    options : Options
        How the images are processed.
    """
    workflow = Workflow(name=f"sctflow_{sanitise(__version__)}_wf")
    for participant in participants:
        if participant.images:
            workflow.add_nodes([
                init_single_participant_wf(participant=participant, options=options)
            ])  # fmt: skip
    return workflow


def init_single_participant_wf(*, participant: ParticipantInputs, options: Options) -> Workflow:
    """Process the images of one participant; an image that fails does not stop the others.

    Workflow Graph
        two workflows per anatomical image, one per magnetisation transfer protocol, diffusion
        and functional series

    Parameters
    ----------
    participant : ParticipantInputs
        Images of all sessions, with their manual labels.
    options : Options
        How they are processed.
    """
    workflow = Workflow(name=f"sub_{sanitise(participant.participant)}_wf")
    workflow.__desc__ = f"""\
Results were obtained with *sctflow* {__version__}, which is based on *Nipype*
[@nipype]. Images were read and written with *NiBabel* [@nibabel].
"""
    # What rootlets and spinal levels stand for is known from a template only.
    kinds = LABEL_KINDS if options.template else LABEL_KINDS[:1]
    for image in participant.anat:
        labels = choose_labels(image, participant.anatomy, kinds=kinds)
        add_image(workflow, image=image, labels=labels, options=options)
    items = [
        *(("mt", protocol, protocol.reference) for protocol in participant.mt),
        *(("dwi", series, series.image) for series in participant.dwi),
        *(("func", series, series.image) for series in participant.func),
    ]
    for modality, item, image in items:
        labels = choose_labels(image, participant.anatomy, kinds=kinds)
        item_wf = _factory(modality)(item=item, labels=labels, options=options)
        workflow.add_nodes([item_wf])
        beside = in_session(image, participant.anatomy)
        drawn = [one.manual["SC"] for one in beside if "SC" in one.manual]
        if drawn and _takes(item_wf, "anat_mask"):
            item_wf.inputs.inputnode.anat_mask = str(drawn[0])
    return workflow


def add_image(
    workflow: Workflow, *, image: ImageInput, options: Options, labels: LevelLabels | None = None
) -> None:
    """Process one anatomical image and place its results in the output dataset.

    Parameters
    ----------
    workflow : Workflow
        It gets two workflows: what needs no levels, named after the image, and what needs them.
    image : ImageInput
        The image and its manual labels. A manual mask is used wherever there is one.
    options : Options
        How it is processed.
    labels : LevelLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.levels.choose_labels`.
    """
    cord = init_cord(image=image, labels=labels, options=options, voxels=count_voxels(image.path))
    if cord is None:
        workflow.add_nodes([init_without_mask_wf(image=image, options=options)])
        return
    cord.cord_wf.inputs.inputnode.in_file = str(image.path)
    first, second = cord.apart(workflow_name(image))
    hand_on(workflow, first, second)


def _factory(modality: str) -> Callable[..., Workflow]:
    """The function that builds the workflow of a modality."""
    module, _, name = MODALITIES[modality].partition(":")
    return getattr(import_module(module), name)


def _takes(workflow, field):
    """Whether a workflow has an input of a name."""
    node = workflow.get_node("inputnode")
    return node is not None and field in node.interface._fields
