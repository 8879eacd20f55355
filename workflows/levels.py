"""Which labels tell the levels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sctflow.bids import ImageInput

LABEL_KINDS = ("discs", "rootlets")
"""Labels that tell levels, the most wanted first."""


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
        All anatomical images of the participant. Those of the same session lie in the same world
        space; of these a T2w comes first, then a T1w.
    kinds : sequence of str
        What may be labelled, the most wanted first.

    Returns
    -------
    LevelLabels or None
        None where nobody labelled levels.
    """
    others = in_session(image, images)
    for kind in kinds:
        for candidate in (image, *others):
            if kind in candidate.manual:
                return LevelLabels(candidate, kind)
    return None


def in_session(image: ImageInput, images: Sequence[ImageInput]) -> list[ImageInput]:
    """Images of the session of an image: T2w first, then T1w, then the others."""
    order = {"T2w": 0, "T1w": 1}
    session = image.entities.get("session")
    found = [other for other in images if other.entities.get("session") == session]
    return sorted(found, key=lambda one: order.get(one.entities["suffix"], 2))
