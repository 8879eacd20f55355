"""Which disc is which, from all images of a session."""

from __future__ import annotations

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.interfaces.labeling import NameLevels
from sctflow.models import landmark_model
from sctflow.workflows.find_cord import VIEW
from sctflow.workflows.levels import SessionLabels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.resources import memory_gb

NAMING = ("named_table", "probabilities", "naming", "reason", "naming_warnings")
"""What is known of the discs of a session, for each of its images."""

FIELDS = dict(
    zip(
        VIEW,
        ("landmark_files", "centerline_files", "morph_files", "names", "middles"),
        strict=True,
    )
)
"""Input of the node that names discs, by what an image tells of them."""

DESCRIPTION = """\
Tips of intervertebral discs were found with a convolutional network that is part of *sctflow*
[@unet], in slabs that follow the cord. It was trained on synthetic images only [@synthseg].
"""
NAMED = {
    True: """\
Labels made by hand said which disc is which; the others were counted from them.
""",
    False: """\
Which disc is which was told from what is usual in people: distances between discs, the area of
the cord along it [@cordmorphometry], and landmarks of the head, the sacrum and the end of the
cord.
Where no answer was likely enough, discs have no names.
""",
}


def init_labels_wf(*, labels: SessionLabels, name: str = "labels_wf") -> Workflow:
    """Name the discs that the images of a session show.

    Workflow Graph
        one list for each thing that images tell → name

    Parameters
    ----------
    labels : SessionLabels
        The images, and what a person says of their discs.
    name : str
        Name of the workflow.

    Inputs
    ------
    landmarks1, view_centerline1, …, landmarks2, …
        What each of the images tells, see :func:`sctflow.workflows.find_cord.init_cord_wf`.

    Outputs
    -------
    named_table
        Discs of the session with their names, if they have any.
    probabilities
        How likely each naming is, as a table.
    naming
        How discs were named, as a dictionary for the sidecars.
    reason
        The same as a sentence.
    naming_warnings
        What the reader of the report should know.
    """
    workflow = Workflow(name=name)
    by_hand = bool(labels.by_hand or labels.init)
    workflow.__desc__ = f"{DESCRIPTION}{NAMED[by_hand]}"
    numbers = range(1, len(labels.sources) + 1)
    inputnode = pe.Node(
        niu.IdentityInterface(fields=[f"{field}{n}" for field in VIEW for n in numbers]),
        name="inputnode",
    )
    outputnode = pe.Node(niu.IdentityInterface(fields=list(NAMING)), name="outputnode")
    given = {
        f"{kind}_files": [str(path) for path in labels.files(label)]
        for kind, label in (("discs", "discs"), ("vertebrae", "vertebrae"), ("junction", "PMJ"))
    }
    node = NameLevels(model=landmark_model(), **{key: some for key, some in given.items() if some})
    if labels.init:
        node.inputs.init_value, node.inputs.init_name = labels.init.value, labels.sources[0].name
        if labels.init.slice is not None:
            node.inputs.init_slice = labels.init.slice
    named = pe.Node(node, name="name", mem_gb=memory_gb(0, base=0.3))
    for field, there in FIELDS.items():
        every = pe.Node(
            niu.Merge(len(labels.sources)), name=f"every_{field}", run_without_submitting=True
        )
        workflow.connect([
            (inputnode, every, [(f"{field}{n}", f"in{n}") for n in numbers]),
            (every, named, [("out", there)]),
        ])  # fmt: skip
    workflow.connect([
        (named, outputnode, [
            ("out_table", "named_table"),
            ("probabilities_table", "probabilities"),
            ("method", "naming"),
            ("reason", "reason"),
            ("warnings", "naming_warnings"),
        ]),
    ])  # fmt: skip
    return workflow
