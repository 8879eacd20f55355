"""Labels of each session: where they come from, and how they reach the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sctflow.bids import ParticipantInputs
from sctflow.label_init import LabelInit
from sctflow.workflows.cord import sanitise
from sctflow.workflows.find_cord import VIEW
from sctflow.workflows.levels import (
    LABEL_KINDS,
    LevelLabels,
    SessionLabels,
    choose_labels,
    choose_sources,
    in_session,
    with_labels,
)
from sctflow.workflows.literate import Workflow
from sctflow.workflows.name_discs import NAMING, init_labels_wf
from sctflow.workflows.options import Options

LEVELS_INPUT = "levels_wf.inputnode"
"""Where a workflow takes the names of discs."""

Labels = LevelLabels | SessionLabels | None


def plan_labels(participant: ParticipantInputs, options: Options) -> dict[Path, Labels]:
    """Say for each image of a participant where its levels come from.

    Labels by hand decide. Where discs are to be found as well, those of a session are named
    together, from its T2w and T1w images or, where it has none, from its other anatomical images;
    an image in a session without any names its own.

    Parameters
    ----------
    participant : ParticipantInputs
        All images, with their manual labels.
    options : Options
        How they are processed.

    Returns
    -------
    dict
        By path of the image that stands for each thing to process, and of those that are not
        processed but show discs.
    """
    # What rootlets and spinal levels stand for is known from a template only.
    kinds = LABEL_KINDS if options.template else LABEL_KINDS[:1]
    masks_needed = options.segmentation_method == "manual"
    inits = _inits_by_session(participant, options.label_inits)
    planned: dict[Path, Labels] = {}
    for image in (*participant.images, *participant.labelled):
        beside = in_session(image, participant.anatomy)
        by_hand = choose_labels(image, participant.anatomy, kinds=kinds)
        rootlets = by_hand is not None and by_hand.kind != "discs"
        if any("vertebrae" in one.manual for one in (image, *beside)):
            rootlets = False
        if options.label_method == "manual" or rootlets:
            planned[image.path] = by_hand
            continue
        session = image.entities.get("session")
        if sources := choose_sources(beside, masks_needed=masks_needed):
            labels = SessionLabels(sources, with_labels(beside), inits.get(session))
        else:
            # What a person says of one disc is said of the first image that can show it.
            own = with_labels([image, *beside])
            labels = SessionLabels((image,), own, inits.pop(session, None), inside=True)
        planned[image.path] = labels
    return planned


def _inits_by_session(
    participant: ParticipantInputs, inits: Sequence[LabelInit]
) -> dict[str | None, LabelInit]:
    """What a person says of discs, by session; without a session it is said of the first."""
    sessions = dict.fromkeys(
        image.entities.get("session") for image in (*participant.anatomy, *participant.images)
    )
    first = min(sessions, key=lambda session: session or "", default=None)
    # What is said of a session wins over what is said of the first one.
    own = sorted(
        (one for one in inits if one.participant == participant.participant),
        key=lambda one: one.session is not None,
    )
    return {first if one.session is None else one.session: one for one in own}


def connect_labels(
    workflow: Workflow,
    labels: SessionLabels,
    *,
    session: str | None,
    sources: Mapping[Path, Workflow],
    takers: Sequence[Workflow],
) -> None:
    """Name the discs of a session, and hand the names to its images.

    Parameters
    ----------
    workflow : Workflow
        What everything is connected in.
    labels : SessionLabels
        Of the session.
    session : str, optional
        Its label.
    sources : mapping
        The workflows that hold ``cord_wf``, by path of the image.
    takers : sequence of Workflow
        The workflows that hold ``levels_wf``, at whatever depth; others are left alone.
    """
    name = f"ses_{sanitise(session)}_labels_wf" if session else "labels_wf"
    labels_wf = init_labels_wf(labels=labels, name=name)
    for number, source in enumerate(labels.sources, start=1):
        told = [(f"cord_wf.outputnode.{one}", f"inputnode.{one}{number}") for one in VIEW]
        workflow.connect([(sources[source.path], labels_wf, told)])
    for taker in takers:
        places = [name for name in taker.list_node_names() if name.endswith(LEVELS_INPUT)]
        for place in places:
            named = [(f"outputnode.{one}", f"{place}.{one}") for one in NAMING]
            workflow.connect([(labels_wf, taker, named)])
