"""What failed, told in one sentence each, from the crash files that Nipype writes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..bids import ParticipantInputs

ERROR = re.compile(
    r"^\s*(?P<kind>[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit))(?:: (?P<text>.*))?$"
)
OWN = "sctflow.errors."
IMAGE_WORKFLOWS = ("_wf", "_levels_wf")
"""What the names of an image's workflows have behind the stem of its file."""


@dataclass(frozen=True)
class Crash:
    """One step that failed.

    Attributes
    ----------
    node
        The step's place in the graph, without the program's and the participant's workflow.
    participant
        Label, or None where the step belongs to no participant.
    image
        File name of the image, empty where the step belongs to no image.
    cause
        What was wrong, in a sentence.
    file
        The crash file.
    """

    node: str
    participant: str | None
    image: str
    cause: str
    file: Path


def node_name(label: str) -> str:
    """How a label or a file name's stem is written in the name of a workflow."""
    return re.sub(r"[^A-Za-z0-9]", "_", label)


def workflow_name(participant: str) -> str:
    """Name of a participant's workflow."""
    return f"sub_{node_name(participant)}_wf"


def read_crashes(folder: Path, inputs: Sequence[ParticipantInputs]) -> tuple[Crash, ...]:
    """Read all crash files of a run.

    Parameters
    ----------
    folder
        Where Nipype wrote them.
    inputs
        What was processed, to tell participants and images from the names of nodes.

    Returns
    -------
    tuple of Crash
        In the order in which they happened.
    """
    paths = sorted(
        folder.glob("crash-*.txt"), key=lambda path: (path.stat().st_mtime_ns, path.name)
    )
    return tuple(_read_crash(path, inputs) for path in paths)


def find_cause(lines: Iterable[str]) -> str:
    """Reduce a traceback to what its last error says.

    Errors of sctflow are sentences for people and stand for themselves; other errors keep the
    name of their kind.
    """
    lines = list(lines)
    starts = [index for index, line in enumerate(lines) if ERROR.match(line)]
    if not starts:
        return next((line.strip() for line in reversed(lines) if line.strip()), "unknown")
    match = ERROR.match(lines[starts[-1]])
    message = [match["text"] or ""]
    for line in lines[starts[-1] + 1 :]:
        if not line.strip():
            break
        message.append(line)
    text = " ".join(" ".join(message).split())
    if match["kind"].startswith(OWN):
        return text
    kind = match["kind"].rpartition(".")[2]
    return f"{kind}: {text}" if text else kind


def _read_crash(path: Path, inputs: Sequence[ParticipantInputs]) -> Crash:
    lines = path.read_text("utf-8", errors="replace").splitlines()
    fullname = lines[0].removeprefix("Node: ").strip() if lines else ""
    parts = fullname.split(".")[1:]
    participant, image = None, ""
    for item in inputs:
        if parts and parts[0] == workflow_name(item.participant):
            participant = item.participant
            parts = parts[1:]
            for found in item.images:
                stem = found.path.name.split(".", 1)[0]
                # What needs the levels of an image is beside what does not.
                if parts and parts[0] in (f"{node_name(stem)}{end}" for end in IMAGE_WORKFLOWS):
                    image = found.path.name
                    parts = parts[1:]
                    break
            break
    return Crash(
        node=".".join(parts) or fullname,
        participant=participant,
        image=image,
        cause=find_cause(lines),
        file=path,
    )
