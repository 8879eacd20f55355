"""The whole run: participants, their images, and what each of them goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from sctflow import __version__
from sctflow.bids import ImageInput, ParticipantInputs
from sctflow.workflows.cord import (
    hand_on,
    init_cord,
    init_without_mask_wf,
    sanitise,
    workflow_name,
)
from sctflow.workflows.levels import SessionLabels, in_session
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options
from sctflow.workflows.resources import count_voxels
from sctflow.workflows.sessions import Labels, connect_labels, plan_labels

MODALITIES: dict[str, str] = {
    "mt": "sctflow.workflows.mt_set:init_mt_set_wf",
    "dwi": "sctflow.workflows.dwi_series:init_dwi_series_wf",
    "func": "sctflow.workflows.func_series:init_func_series_wf",
}
"""Where the factory of each modality other than ``anat`` is, as ``module:function``; imported
when there is something for it. It is called with

- ``item``: one of ``ParticipantInputs.mt``, ``.dwi`` or ``.func``;
- ``labels``: :class:`sctflow.workflows.levels.LevelLabels` or
  :class:`sctflow.workflows.levels.SessionLabels`, or None;
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

    What needs levels waits for the images of the session that show discs. One of these that is
    refused, for what it is or for its mask, shows no discs and stops nothing; if a step fails for
    another reason, the session has no levels, and what needs none is computed all the same.

    Workflow Graph
        two workflows per anatomical image, one per magnetisation transfer protocol, diffusion
        and functional series; where discs are looked for, one per session names them, after the
        first and before the second of its images

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
    labels = plan_labels(participant, options)
    firsts: dict[Path, Workflow] = {}
    takers: dict[str | None, list[Workflow]] = {}
    for image in participant.anat:
        parts = add_image(workflow, image=image, labels=labels[image.path], options=options)
        if parts:
            firsts[image.path] = parts[0]
            takers.setdefault(image.entities.get("session"), []).append(parts[1])
    items = [
        *(("mt", protocol, protocol.reference) for protocol in participant.mt),
        *(("dwi", series, series.image) for series in participant.dwi),
        *(("func", series, series.image) for series in participant.func),
    ]
    for modality, item, image in items:
        item_wf = _factory(modality)(item=item, labels=labels[image.path], options=options)
        workflow.add_nodes([item_wf])
        if isinstance(labels[image.path], SessionLabels) and not labels[image.path].inside:
            takers.setdefault(image.entities.get("session"), []).append(item_wf)
        beside = in_session(image, participant.anatomy)
        drawn = [one.manual["SC"] for one in beside if "SC" in one.manual]
        if drawn and _takes(item_wf, "anat_mask"):
            item_wf.inputs.inputnode.anat_mask = str(drawn[0])
    _add_labels(workflow, participant, labels, firsts, takers, options)
    return workflow


def _add_labels(workflow, participant, labels, firsts, takers, options):
    """Name the discs of every session that has images to look for them in."""
    for session, theirs in takers.items():
        shown = [
            labels[image.path]
            for image in participant.anatomy
            if image.entities.get("session") == session
        ]
        named = [one for one in shown if isinstance(one, SessionLabels) and not one.inside]
        if not named:
            continue
        for source in named[0].sources:
            if source.path not in firsts:
                firsts[source.path] = _init_source_wf(source, named[0], options)
        connect_labels(workflow, named[0], session=session, sources=firsts, takers=theirs)


def _init_source_wf(image, labels, options):
    """Look for discs in an image of which nothing else is wanted."""
    cord = init_cord(image=image, labels=labels, options=options, voxels=count_voxels(image.path))
    cord.cord_wf.inputs.inputnode.in_file = str(image.path)
    workflow = Workflow(name=workflow_name(image))
    workflow.add_nodes([cord.cord_wf])
    return workflow


def add_image(
    workflow: Workflow, *, image: ImageInput, options: Options, labels: Labels = None
) -> tuple[Workflow, Workflow] | None:
    """Process one anatomical image and place its results in the output dataset.

    Parameters
    ----------
    workflow : Workflow
        It gets two workflows: what needs no levels, named after the image, and what needs them.
    image : ImageInput
        The image and its manual labels. A manual mask is used wherever there is one.
    options : Options
        How it is processed.
    labels : LevelLabels or SessionLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.sessions.plan_labels`.

    Returns
    -------
    tuple of 2 Workflow, or None
        The two workflows; None where nothing is computed.
    """
    cord = init_cord(image=image, labels=labels, options=options, voxels=count_voxels(image.path))
    if cord is None:
        workflow.add_nodes([init_without_mask_wf(image=image, options=options)])
        return None
    cord.cord_wf.inputs.inputnode.in_file = str(image.path)
    first, second = cord.apart(workflow_name(image))
    hand_on(workflow, first, second)
    return first, second


def _factory(modality: str) -> Callable[..., Workflow]:
    """The function that builds the workflow of a modality."""
    module, _, name = MODALITIES[modality].partition(":")
    return getattr(import_module(module), name)


def _takes(workflow, field):
    """Whether a workflow has an input of a name."""
    node = workflow.get_node("inputnode")
    return node is not None and field in node.interface._fields
