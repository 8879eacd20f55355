"""The cord in one image of the dataset: what finds it, and what places the results."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sctflow.bids import ImageInput
from sctflow.templates.source import beside
from sctflow.workflows.anatomical import init_anat_wf
from sctflow.workflows.find_cord import RESULTS, init_cord_wf
from sctflow.workflows.lay_levels import CORD, DISCS, LABEL_FIGURES, LEVELS, init_levels_wf
from sctflow.workflows.levels import LevelLabels, SessionLabels
from sctflow.workflows.levels_outputs import init_levels_outputs_wf
from sctflow.workflows.literate import Workflow
from sctflow.workflows.name_discs import init_labels_wf
from sctflow.workflows.options import Options
from sctflow.workflows.outputs import init_cord_outputs_wf, init_not_computed_wf
from sctflow.workflows.reports import CORD_FIGURES, LEVEL_FIGURES
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS

NO_MANUAL_MASK = (
    "Not computed: there is no manual mask of the cord for this image, and manual masks were "
    "asked for (--segmentation-method manual)."
)


JUNCTION_LABELS = {"own": "PMJ", "among discs": "discs"}
"""Labels by hand that may mark the pontomedullary junction."""

PLACED = (*RESULTS, *CORD_FIGURES)
"""What is placed of a cord, whatever its levels are."""


@dataclass(frozen=True)
class Cord:
    """The workflows that find the cord in an image and tell its levels, and place the results.

    Attributes
    ----------
    cord_wf : Workflow
        From :func:`sctflow.workflows.find_cord.init_cord_wf`; what is missing is the image,
        ``inputnode.in_file``.
    cord_outputs_wf : Workflow
        From :func:`sctflow.workflows.outputs.init_cord_outputs_wf`.
    levels_wf : Workflow
        From :func:`sctflow.workflows.lay_levels.init_levels_wf`, with its labels as inputs.
    levels_outputs_wf : Workflow
        From :func:`sctflow.workflows.levels_outputs.init_levels_outputs_wf`.
    told : tuple of str
        What the last one takes.
    registered : bool
        Whether the image is registered with a template, so that there is an atlas.
    labels_wf : Workflow, optional
        From :func:`sctflow.workflows.name_discs.init_labels_wf`, where the image names its discs
        without others.
    """

    cord_wf: Workflow
    cord_outputs_wf: Workflow
    levels_wf: Workflow
    levels_outputs_wf: Workflow
    told: tuple[str, ...]
    registered: bool
    labels_wf: Workflow | None = None

    def apart(self, name: str) -> tuple[Workflow, Workflow]:
        """Put what needs no levels and what needs them into two workflows with their sinks.

        Parameters
        ----------
        name : str
            Of the first; see :func:`levels_name` for that of the second. They are yet to be
            connected, see :meth:`hand_on`.
        """
        first, second = Workflow(name=name), Workflow(name=levels_name(name))
        first.connect([(self.cord_wf, self.cord_outputs_wf, _placed(PLACED))])
        second.connect([(self.levels_wf, self.levels_outputs_wf, _placed(self.told))])
        return first, second

    def joined(self) -> Workflow:
        """Put both into one workflow without their sinks; see :meth:`connect` for those."""
        return init_anat_wf(
            cord_wf=self.cord_wf, levels_wf=self.levels_wf, labels_wf=self.labels_wf
        )

    def connect(self, workflow: Workflow, source: Workflow) -> None:
        """Hand the results to their sinks.

        Parameters
        ----------
        workflow : Workflow
            What all are connected in.
        source : Workflow
            The workflow that holds what :meth:`joined` gave.
        """
        workflow.connect([
            (source, self.cord_outputs_wf, _placed(PLACED, "anat_wf.")),
            (source, self.levels_outputs_wf, _placed(self.told, "anat_wf.")),
        ])  # fmt: skip


def hand_on(workflow: Workflow, first: Workflow, second: Workflow) -> None:
    """Connect the two workflows of :meth:`Cord.apart` within another one."""
    handed = [(f"cord_wf.outputnode.{one}", f"levels_wf.inputnode.{one}") for one in CORD]
    workflow.connect([(first, second, handed)])


def init_cord(
    *,
    image: ImageInput,
    labels: LevelLabels | SessionLabels | None,
    options: Options,
    voxels: int,
) -> Cord | None:
    """Build the workflows for the cord in an image of the dataset, or in the mean of a series.

    Parameters
    ----------
    image : ImageInput
        The image that names results, with its manual labels. A manual mask is used wherever there
        is one.
    labels : LevelLabels or SessionLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.sessions.plan_labels`.
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
    naming = isinstance(labels, SessionLabels)
    seen = naming and image.path in [source.path for source in labels.sources]
    cord_wf = init_cord_wf(
        segmentation=segmentation,
        voxels=voxels,
        view=image.name if seen else None,
        omp_nthreads=options.omp_nthreads,
    )
    cord_wf.inputs.inputnode.source_file = str(image.path)
    if manual_mask:
        cord_wf.inputs.inputnode.manual_mask = str(manual_mask)
    cord_outputs_wf = init_cord_outputs_wf(
        image=image, output_dir=options.output_dir, segmentation=segmentation
    )
    junction = _junction(image, naming=naming)
    template = options.template if labels else None
    levels_outputs_wf = init_levels_outputs_wf(
        image=image,
        output_dir=options.output_dir,
        labels_uris=_label_uris(image, labels),
        junction_uris=_junction_uris(image, labels, junction),
        naming=("seen" if seen else "elsewhere") if naming else None,
        template=template.name if template else None,
    )
    told = [*LEVEL_FIGURES]
    told += LEVELS if labels else ()
    told += ("bydistance",) if junction else ()
    told += (*DISCS, "naming") if naming else ()
    told += ("probabilities", *LABEL_FIGURES) if seen else ()
    told += (*TEMPLATE_RESULTS, *TEMPLATE_FIGURES) if template else ()
    return Cord(
        cord_wf,
        cord_outputs_wf,
        _init_levels(image, labels, junction, options, voxels, shows_discs=seen),
        levels_outputs_wf,
        tuple(told),
        registered=template is not None,
        labels_wf=init_labels_wf(labels=labels) if naming and labels.inside else None,
    )


def _init_levels(image, labels, junction, options, voxels, *, shows_discs):
    """What is done with the levels of an image, with the labels by hand as inputs."""
    levels = None
    if isinstance(labels, SessionLabels):
        levels = "session"
    elif labels:
        levels = "own" if labels.image.path == image.path else "elsewhere"
    levels_wf = init_levels_wf(
        voxels=voxels,
        levels=levels,
        shows_discs=shows_discs,
        label_kind=labels.kind if labels else "discs",
        junction=junction,
        template=options.template,
        contrast=beside(image.entities["suffix"]),
        title=image.entities["suffix"],
        template_ref=options.template_ref,
        registration_steps=options.registration_steps,
    )
    given = levels_wf.inputs.inputnode
    if levels in ("own", "elsewhere"):
        given.discs = str(labels.path)
    elif levels and "discs" in image.manual:
        given.discs = str(image.manual["discs"])
    if junction in JUNCTION_LABELS:
        given.junction = str(image.manual[JUNCTION_LABELS[junction]])
    return levels_wf


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


def levels_name(name: str) -> str:
    """Name of the workflow of what needs levels, beside the workflow `name` of an image."""
    return f"{name.removesuffix('_wf')}_levels_wf"


def sanitise(label: str) -> str:
    """Name that Nipype accepts for a node."""
    return re.sub(r"[^A-Za-z0-9]", "_", label)


def _placed(results, prefix=""):
    return [(f"{prefix}outputnode.{one}", f"inputnode.{one}") for one in results]


def _junction(image: ImageInput, *, naming: bool) -> str | None:
    """Where the pontomedullary junction may be known from: what is placed by hand comes first."""
    if "PMJ" in image.manual:
        return "own"
    if naming:
        return "found"
    return "among discs" if "discs" in image.manual else None


def _label_uris(image, labels):
    """What tells the levels of an image; its own labels count first, whoever they are for."""
    if labels is None:
        return []
    own = image.manual_uris.get("discs")
    uris = labels.uris
    return [*uris, own] if own and isinstance(labels, SessionLabels) and own not in uris else uris


def _junction_uris(image, labels, junction):
    if junction == "found":
        return _label_uris(image, labels)
    return [image.manual_uris[JUNCTION_LABELS[junction]]] if junction else []
