"""Discs of a session on one of its images: label images, levels, figures."""

from __future__ import annotations

from nipype.pipeline import engine as pe

from sctflow.core.labeling.naming import THRESHOLD
from sctflow.interfaces.graph import PassFile
from sctflow.interfaces.label_discs import DrawLabels
from sctflow.interfaces.label_reports import LabelFigures
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

DISCS = ("discs", "discs_table", "unnamed", "unnamed_table")
LABEL_FIGURES = ("labels", "namings")


def add_discs(workflow: Workflow, labels: pe.Node, voxels: int) -> None:
    """Draw the discs of the session, and tell levels from them.

    Parameters
    ----------
    workflow : Workflow
        That of :func:`sctflow.workflows.lay_levels.init_levels_wf`, with its ``inputnode``,
        ``outputnode`` and ``report_wf``.
    labels : Node
        Takes the label image that tells levels, as ``file``.
    voxels : int
        Number of voxels of the image.
    """
    inputnode, report_wf, outputnode = map(
        workflow.get_node, ("inputnode", "report_wf", "outputnode")
    )
    draw = pe.Node(DrawLabels(), name="draw", mem_gb=memory_gb(voxels, bytes_per_voxel=8))
    workflow.connect([
        (inputnode, draw, [
            ("image", "in_file"), ("named_table", "named_table"), ("discs", "own_file"),
        ]),
        (inputnode, report_wf, [
            ("naming", "inputnode.naming"),
            ("naming_warnings", "inputnode.naming_warnings"),
        ]),
        (inputnode, outputnode, [("naming", "naming")]),
        (draw, labels, [("labels_file", "file")]),
        (draw, outputnode, [
            ("discs_file", "discs"),
            ("discs_table", "discs_table"),
            ("unnamed_file", "unnamed"),
            ("unnamed_table", "unnamed_table"),
        ]),
    ])  # fmt: skip


def add_label_figures(workflow: Workflow, voxels: int) -> None:
    """Draw the discs on the image that shows them, and say how likely their names are.

    Parameters
    ----------
    workflow, voxels
        As those of :func:`add_discs`.
    """
    inputnode, outputnode = map(workflow.get_node, ("inputnode", "outputnode"))
    figures = pe.Node(
        LabelFigures(threshold=THRESHOLD),
        name="labelfigures",
        mem_gb=memory_gb(voxels, bytes_per_voxel=24),
    )
    namings = pe.Node(PassFile(), name="namings", run_without_submitting=True)
    workflow.connect([
        (inputnode, figures, [
            ("image", "in_file"),
            ("centerline", "centerline_file"),
            ("named_table", "named_table"),
            ("probabilities", "probabilities_table"),
        ]),
        (inputnode, namings, [("probabilities", "in_file"), ("image", "beside")]),
        (namings, outputnode, [("out_file", "probabilities")]),
        (figures, outputnode, [("discs", "labels"), ("probability", "namings")]),
    ])  # fmt: skip
