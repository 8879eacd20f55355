"""Which labels tell the levels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sctflow.bids import ImageInput
from sctflow.label_init import LabelInit

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
    def uris(self) -> list[str]:
        """Its BIDS URI."""
        return [self.image.manual_uris[self.kind]]


DISC_LABELS = ("discs", "vertebrae", "PMJ")
"""Labels by hand that names of discs go by."""

SHOWING = ("T2w", "T1w")
"""Contrasts in which discs are looked for first; thick slices of others show them less well."""


@dataclass(frozen=True)
class SessionLabels:
    """Labels of a session: discs that are found in its images, and those placed by hand.

    Attributes
    ----------
    sources : tuple of ImageInput
        The images in which discs are looked for.
    by_hand : tuple of ImageInput
        Images with labels by hand, the most wanted first.
    init : LabelInit, optional
        What else a person says of one disc, that of the first source.
    inside : bool
        Whether the only source is the image that the labels are for, so that no other one of the
        session is waited for.
    """

    sources: tuple[ImageInput, ...]
    by_hand: tuple[ImageInput, ...] = ()
    init: LabelInit | None = None
    inside: bool = False

    kind = "discs"

    def files(self, label: str) -> list[Path]:
        """Label images of one kind."""
        return [image.manual[label] for image in self.by_hand if label in image.manual]

    @property
    def uris(self) -> list[str]:
        """BIDS URIs of what the labels come from."""
        by_hand = [
            image.manual_uris[label]
            for image in self.by_hand
            for label in DISC_LABELS
            if label in image.manual
        ]
        return [*(image.uri for image in self.sources), *by_hand]


def choose_sources(
    images: Sequence[ImageInput], *, masks_needed: bool = False
) -> tuple[ImageInput, ...]:
    """Choose the images of a session in which discs are looked for.

    Parameters
    ----------
    images : sequence of ImageInput
        Anatomical images of the session.
    masks_needed : bool
        Whether the cord is known only where it was drawn by hand.

    Returns
    -------
    tuple of ImageInput
        T2w and T1w images; where there are none, all others.
    """
    usable = [image for image in images if "SC" in image.manual or not masks_needed]
    showing = [image for image in usable if image.entities["suffix"] in SHOWING]
    return tuple(showing or usable)


def with_labels(images: Sequence[ImageInput]) -> tuple[ImageInput, ...]:
    """Images with labels by hand that names of discs go by."""
    return tuple(image for image in images if set(DISC_LABELS) & set(image.manual))


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
