"""The cord in one image of the dataset: what finds it, and what places the results."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nipype.pipeline import engine as pe

from sctflow.bids import ImageInput
from sctflow.templates.source import beside
from sctflow.workflows.anatomical import LEVELS, RESULTS, init_anat_wf
from sctflow.workflows.levels import LevelLabels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.options import Options
from sctflow.workflows.outputs import init_anat_outputs_wf, init_not_computed_wf
from sctflow.workflows.reports import FIGURES
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS

NO_MANUAL_MASK = (
    "Not computed: there is no manual mask of the cord for this image, and manual masks were "
    "asked for (--segmentation-method manual)."
)


@dataclass(frozen=True)
class Cord:
    """The workflows that find the cord in an image and place what they find.

    Attributes
    ----------
    anat_wf : Workflow
        From :func:`sctflow.workflows.anatomical.init_anat_wf`, with its labels as inputs; what is
        missing is the image, ``inputnode.in_file``.
    outputs_wf : Workflow
        From :func:`sctflow.workflows.outputs.init_anat_outputs_wf`.
    results : tuple of str
        What one hands to the other.
    registered : bool
        Whether the image is registered with a template, so that there is an atlas.
    """

    anat_wf: Workflow
    outputs_wf: Workflow
    results: tuple[str, ...]
    registered: bool

    def connect(self, workflow: Workflow, source: pe.Node | Workflow, prefix: str = "") -> None:
        """Hand the results to their sinks.

        Parameters
        ----------
        workflow : Workflow
            What both are connected in.
        source : Workflow
            The workflow that holds ``anat_wf``, or ``anat_wf`` itself.
        prefix : str
            ``"anat_wf."`` where the source holds it.
        """
        fields = [
            (f"{prefix}outputnode.{result}", f"inputnode.{result}") for result in self.results
        ]
        workflow.connect([(source, self.outputs_wf, fields)])


def init_cord(
    *, image: ImageInput, labels: LevelLabels | None, options: Options, voxels: int
) -> Cord | None:
    """Build the workflows for the cord in an image of the dataset, or in the mean of a series.

    Parameters
    ----------
    image : ImageInput
        The image that names results, with its manual labels. A manual mask is used wherever there
        is one.
    labels : LevelLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.levels.choose_labels`.
    options : Options
        How the run processes its images.
    voxels : int
        Number of voxels of the image in which the cord is found.

    Returns
    -------
    Cord or None
        None where a manual mask is asked for and there is none, see `init_without_mask_wf`.
    """
    manual_mask = image.manual.get("SC")
    if manual_mask is None and options.segmentation_method == "manual":
        return None
    segmentation = "manual" if manual_mask else options.segmentation_method
    template, junction = options.template, _junction(image)
    registered = bool(labels and template)
    anat_wf = init_anat_wf(
        segmentation=segmentation,
        voxels=voxels,
        levels=labels and ("own" if labels.image.path == image.path else "elsewhere"),
        label_kind=labels.kind if labels else "discs",
        junction=junction and ("own" if junction == "PMJ" else "among discs"),
        template=template,
        contrast=beside(image.entities["suffix"]),
        title=image.entities["suffix"],
        template_ref=options.template_ref,
        registration_steps=options.registration_steps,
        omp_nthreads=options.omp_nthreads,
    )
    given = anat_wf.inputs.inputnode
    given.source_file = str(image.path)
    if manual_mask:
        given.manual_mask = str(manual_mask)
    if labels:
        given.discs = str(labels.path)
    if junction:
        given.junction = str(image.manual[junction])
    outputs_wf = init_anat_outputs_wf(
        image=image,
        output_dir=options.output_dir,
        segmentation=segmentation,
        labels_uri=labels.uri if labels else None,
        junction_uri=image.manual_uris[junction] if junction else None,
        template=template.name if registered else None,
    )
    results = [*RESULTS, *FIGURES]
    results += LEVELS if labels else ()
    results += ("bydistance",) if junction else ()
    results += (*TEMPLATE_RESULTS, *TEMPLATE_FIGURES) if registered else ()
    return Cord(anat_wf, outputs_wf, tuple(results), registered)


def init_without_mask_wf(*, image: ImageInput, options: Options) -> Workflow:
    """Say in the report that an image has no manual mask although one is asked for."""
    return init_not_computed_wf(
        image=image,
        output_dir=options.output_dir,
        reason=NO_MANUAL_MASK,
        name=workflow_name(image),
    )


def workflow_name(image: ImageInput) -> str:
    """Name of the workflow of an image: failures are told by it."""
    return f"{sanitise(image.path.name.split('.', 1)[0])}_wf"


def sanitise(label: str) -> str:
    """Name that Nipype accepts for a node."""
    return re.sub(r"[^A-Za-z0-9]", "_", label)


def _junction(image: ImageInput) -> str | None:
    """Which label image of an image may mark the pontomedullary junction."""
    return next((label for label in ("PMJ", "discs") if label in image.manual), None)
