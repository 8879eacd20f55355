"""From one image alone to its cord and the levels of that."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.workflows.find_cord import RESULTS, VIEW
from sctflow.workflows.lay_levels import CORD, DISCS, LABEL_FIGURES, LEVELS
from sctflow.workflows.literate import Workflow
from sctflow.workflows.name_discs import NAMING
from sctflow.workflows.reports import CORD_FIGURES, LEVEL_FIGURES
from sctflow.workflows.template import TEMPLATE_FIGURES, TEMPLATE_RESULTS

FOUND = ("image", *RESULTS, *CORD_FIGURES)
"""Outputs of :func:`sctflow.workflows.find_cord.init_cord_wf`."""

TOLD = (
    *LEVELS,
    "bydistance",
    *DISCS,
    "probabilities",
    "naming",
    *TEMPLATE_RESULTS,
    "template",
    *LEVEL_FIGURES,
    *LABEL_FIGURES,
    *TEMPLATE_FIGURES,
)
"""Outputs of :func:`sctflow.workflows.lay_levels.init_levels_wf`."""

INPUTS = ("in_file", "warnings")
"""What other steps give; masks and labels made by hand are given to the parts themselves."""


def init_anat_wf(
    *,
    cord_wf: Workflow,
    levels_wf: Workflow,
    labels_wf: Workflow | None = None,
    name: str = "anat_wf",
) -> Workflow:
    """Find and measure the spinal cord in one image, and do what needs its levels.

    Workflow Graph
        cord_wf → labels_wf (where discs of no other image are named) → levels_wf

    Parameters
    ----------
    cord_wf : Workflow
        From :func:`sctflow.workflows.find_cord.init_cord_wf`, with the other inputs that it has.
    levels_wf : Workflow
        From :func:`sctflow.workflows.lay_levels.init_levels_wf`, with its labels.
    labels_wf : Workflow, optional
        From :func:`sctflow.workflows.name_discs.init_labels_wf`, for this image alone.
    name : str
        Name of the workflow.

    Inputs
    ------
    in_file, warnings
        See :func:`sctflow.workflows.find_cord.init_cord_wf`.

    Outputs
    -------
    image, mask, …
        Those of both.
    """
    workflow = Workflow(name=name)
    inputnode = pe.Node(niu.IdentityInterface(fields=list(INPUTS)), name="inputnode")
    outputnode = pe.Node(niu.IdentityInterface(fields=[*FOUND, *TOLD]), name="outputnode")
    workflow.connect([
        (inputnode, cord_wf, [(one, f"inputnode.{one}") for one in INPUTS]),
        (cord_wf, levels_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in CORD]),
        (cord_wf, outputnode, [(f"outputnode.{one}", one) for one in FOUND]),
        (levels_wf, outputnode, [(f"outputnode.{one}", one) for one in TOLD]),
    ])  # fmt: skip
    if labels_wf is not None:
        workflow.connect([
            (cord_wf, labels_wf, [(f"outputnode.{one}", f"inputnode.{one}1") for one in VIEW]),
            (labels_wf, levels_wf, [
                (f"outputnode.{one}", f"inputnode.{one}") for one in NAMING
            ]),
        ])  # fmt: skip
    return workflow
