"""The whole run: participants, their images, and what each of them goes through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow import __version__
from sctflow.bids import ImageInput, ParticipantInputs
from sctflow.templates.source import TemplateSource, beside
from sctflow.workflows.anatomical import LEVELS, RESULTS, init_anat_wf
from sctflow.workflows.literate import Workflow
from sctflow.workflows.outputs import init_anat_outputs_wf, init_not_computed_wf
from sctflow.workflows.reports import FIGURES
from sctflow.workflows.resources import count_voxels
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS

LABEL_KINDS = ("discs", "rootlets")
"""Labels that tell levels, the most wanted first."""

NO_MANUAL_MASK = (
    "Not computed: there is no manual mask of the cord for this image, and manual masks were "
    "asked for (--segmentation-method manual)."
)


def init_sctflow_wf(
    *,
    participants: Sequence[ParticipantInputs],
    output_dir: Path,
    segmentation_method: str = "network",
    template: TemplateSource | None = None,
    template_ref: str = "template",
    registration_steps: str | None = None,
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
    template : TemplateSource, optional
        Template to register images with whose levels are labelled.
    template_ref, registration_steps
        See :func:`sctflow.workflows.template.init_template_wf`.
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
                    template=template,
                    template_ref=template_ref,
                    registration_steps=registration_steps,
                    omp_nthreads=omp_nthreads,
                )
            ])  # fmt: skip
    return workflow


def init_single_participant_wf(
    *,
    participant: ParticipantInputs,
    output_dir: Path,
    segmentation_method: str = "network",
    template: TemplateSource | None = None,
    template_ref: str = "template",
    registration_steps: str | None = None,
    omp_nthreads: int = 1,
) -> Workflow:
    """Process the images of one participant; an image that fails does not stop the others.

    Workflow Graph
        one workflow per image

    Parameters
    ----------
    participant : ParticipantInputs
        Images of all sessions, with their manual labels.
    output_dir, segmentation_method, template, template_ref, registration_steps, omp_nthreads
        See :func:`init_sctflow_wf`.
    """
    workflow = Workflow(name=f"sub_{_sanitise(participant.participant)}_wf")
    workflow.__desc__ = f"""\
Results were obtained with *sctflow* {__version__}, which is based on *Nipype*
[@nipype]. Images were read and written with *NiBabel* [@nibabel].
"""
    # What rootlets and spinal levels stand for is known from a template only.
    kinds = LABEL_KINDS if template else LABEL_KINDS[:1]
    for image in participant.anat:
        image_wf = init_image_wf(
            image=image,
            labels=choose_labels(image, participant.anat, kinds=kinds),
            output_dir=output_dir,
            segmentation_method=segmentation_method,
            template=template,
            template_ref=template_ref,
            registration_steps=registration_steps,
            omp_nthreads=omp_nthreads,
        )
        workflow.add_nodes([image_wf])
    return workflow


def init_image_wf(
    *,
    image: ImageInput,
    output_dir: Path,
    labels: LevelLabels | None = None,
    segmentation_method: str = "network",
    template: TemplateSource | None = None,
    template_ref: str = "template",
    registration_steps: str | None = None,
    omp_nthreads: int = 1,
) -> Workflow:
    """Process one image from the dataset and place its results in the output dataset.

    Workflow Graph
        anat_wf → anat_outputs_wf

    Parameters
    ----------
    image : ImageInput
        The image and its manual labels. A manual mask is used wherever there is one.
    labels : LevelLabels, optional
        The labels that give the levels, see :func:`choose_labels`.
    output_dir, segmentation_method, template, template_ref, registration_steps, omp_nthreads
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
        niu.IdentityInterface(fields=["in_file", "manual_mask", "discs", "junction"]),
        name="inputnode",
    )
    inputnode.inputs.in_file = str(image.path)
    if manual_mask:
        inputnode.inputs.manual_mask = str(manual_mask)
    if labels:
        inputnode.inputs.discs = str(labels.path)
    junction = _junction(image)
    if junction:
        inputnode.inputs.junction = str(image.manual[junction])
    suffix = image.entities["suffix"]
    anat_wf = init_anat_wf(
        segmentation=segmentation,
        voxels=count_voxels(image.path),
        levels=labels and ("own" if labels.image is image else "elsewhere"),
        label_kind=labels.kind if labels else "discs",
        junction=junction and ("own" if junction == "PMJ" else "among discs"),
        template=template,
        contrast=beside(suffix),
        template_ref=template_ref,
        registration_steps=registration_steps,
        omp_nthreads=omp_nthreads,
    )
    registered = bool(labels and template)
    anat_outputs_wf = init_anat_outputs_wf(
        image=image,
        output_dir=output_dir,
        segmentation=segmentation,
        labels_uri=labels.uri if labels else None,
        junction_uri=image.manual_uris[junction] if junction else None,
        template=template.name if registered else None,
    )
    results = [*RESULTS, *FIGURES]
    results += LEVELS if labels else ()
    results += ("bydistance",) if junction else ()
    results += (*TEMPLATE_RESULTS, *TEMPLATE_FIGURES) if registered else ()
    workflow.connect([
        (inputnode, anat_wf, [
            ("in_file", "inputnode.in_file"),
            ("manual_mask", "inputnode.manual_mask"),
            ("discs", "inputnode.discs"),
            ("junction", "inputnode.junction"),
        ]),
        (anat_wf, anat_outputs_wf, [
            (f"outputnode.{result}", f"inputnode.{result}") for result in results
        ]),
    ])  # fmt: skip
    return workflow


@dataclass(frozen=True)
class LevelLabels:
    """Labels that tell the levels of an image.

    Attributes
    ----------
    image : ImageInput
        The image that they were placed on.
    kind : str
        What they mark, of :data:`LABEL_KINDS`.
    """

    image: ImageInput
    kind: str

    @property
    def path(self) -> Path:
        """The label image."""
        return self.image.manual[self.kind]

    @property
    def uri(self) -> str:
        """Its BIDS URI."""
        return self.image.manual_uris[self.kind]


def choose_labels(
    image: ImageInput, images: Sequence[ImageInput], *, kinds: Sequence[str] = LABEL_KINDS
) -> LevelLabels | None:
    """Find the labels that give an image its levels.

    Parameters
    ----------
    image : ImageInput
        Its own labels come first.
    images : sequence of ImageInput
        All images of the participant. Those of the same session lie in the same world space; of
        these a T2w comes first, then a T1w.
    kinds : sequence of str
        What may be labelled, the most wanted first.

    Returns
    -------
    LevelLabels or None
        None where nobody labelled levels.
    """
    order = {"T2w": 0, "T1w": 1}
    session = image.entities.get("session")
    others = [other for other in images if other.entities.get("session") == session]
    others.sort(key=lambda one: order.get(one.entities["suffix"], 2))
    for kind in kinds:
        for candidate in (image, *others):
            if kind in candidate.manual:
                return LevelLabels(candidate, kind)
    return None


def _junction(image: ImageInput) -> str | None:
    """Which label image of an image may mark the pontomedullary junction."""
    return next((label for label in ("PMJ", "discs") if label in image.manual), None)


def _sanitise(label):
    """Name that Nipype accepts for a node."""
    return re.sub(r"[^A-Za-z0-9]", "_", label)
