"""Images to process, as the names in the dataset tell of them; none is opened."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from .errors import DatasetError
from .names import parse_name

ON, OFF, T1 = "on", "off", "t1"
"""Roles of the images of an MT set: with MT pulse; without, at the same flip angle; without, at
another one, so that its contrast is that of T1."""

FIELD = "TB1map"
"""Suffix of a map of the transmit field."""

TOLD_APART = ("flip", "mt")
"""Entities in which the images of an MT set differ."""


@dataclass(frozen=True)
class ImageInput:
    """One image to process.

    Attributes
    ----------
    path
        The image.
    entities
        BIDS entities as written in the name, by pybids' names (``subject``, ``run``, …,
        ``suffix``).
    manual
        Manual labels to use instead of automatic ones, by what they outline (``SC``, …).
    bids_dir
        Root of the dataset, for the sidecars that apply by inheritance.
    uri, manual_uris
        BIDS URIs of the image and of its labels, for ``Sources``.
    """

    path: Path
    entities: dict[str, str]
    manual: dict[str, Path] = field(default_factory=dict)
    bids_dir: Path | None = None
    uri: str = ""
    manual_uris: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name

    @cached_property
    def metadata(self) -> dict:
        """Sidecar fields by the inheritance principle; read when first asked for."""
        found: dict = {}
        for sidecar in self.beside(".json"):
            found.update(read_json(sidecar))
        return found

    def beside(self, extension: str) -> list[Path]:
        """Files of another extension that apply to the image, the closest one last."""
        root = self.bids_dir or self.path.parent
        folders = [root]
        for part in self.path.parent.relative_to(root).parts:
            folders.append(folders[-1] / part)
        own = parse_name(self.path.name) | {"extension": extension}
        found = []
        for folder in folders:
            candidates = []
            for file in folder.glob(f"*{own['suffix']}{extension}"):
                named = parse_name(file.name)
                if named.items() <= own.items():
                    candidates.append((len(named), file))
            found += [file for _, file in sorted(candidates)]
        return found


@dataclass(frozen=True)
class MTInput:
    """Images of one magnetisation transfer protocol.

    Attributes
    ----------
    images
        By role: ``on`` and ``off``, and ``t1`` where there is a third one.
    reference
        The image with MT pulse, on whose grid all results lie, with the entities that all images
        share: results carry them in their names.
    b1
        Map of the transmit field of the session, where there is one for MTsat.
    """

    images: dict[str, ImageInput]
    reference: ImageInput
    b1: ImageInput | None = None

    @property
    def kind(self) -> str:
        """``MTS`` where MTsat can be computed, ``MTR`` of a pair."""
        return "MTS" if T1 in self.images else "MTR"


@dataclass(frozen=True)
class SeriesInput:
    """One series of volumes.

    Attributes
    ----------
    image
        The series.
    bval, bvec
        Gradients of a diffusion series, by the inheritance principle; None where there are none.
    """

    image: ImageInput
    bval: Path | None = None
    bvec: Path | None = None


@dataclass(frozen=True)
class ParticipantInputs:
    """Everything to process for one participant, all sessions together.

    Attributes
    ----------
    participant
        Label without ``sub-``.
    anat
        Anatomical images.
    mt
        Magnetisation transfer protocols.
    dwi, func
        Diffusion and functional series.
    labelled
        Anatomical images that are not processed; their labels serve the others of the session.
    warnings
        Sentences for the report.
    """

    participant: str
    anat: tuple[ImageInput, ...] = ()
    mt: tuple[MTInput, ...] = ()
    dwi: tuple[SeriesInput, ...] = ()
    func: tuple[SeriesInput, ...] = ()
    labelled: tuple[ImageInput, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[ImageInput, ...]:
        """The image that stands for each thing to process; empty when there is nothing to do."""
        return (
            *self.anat,
            *(protocol.reference for protocol in self.mt),
            *(series.image for series in (*self.dwi, *self.func)),
        )

    @property
    def anatomy(self) -> tuple[ImageInput, ...]:
        """All anatomical images, processed or not."""
        return (*self.anat, *self.labelled)


def find_gradients(image: ImageInput) -> SeriesInput:
    """Put a diffusion series together with the gradients that apply to it."""
    found = {kind: image.beside(f".{kind}") for kind in ("bval", "bvec")}
    return SeriesInput(image, **{kind: files[-1] for kind, files in found.items() if files})


def group_mt(images: Sequence[ImageInput]) -> tuple[list[MTInput], list[str]]:
    """Put the images of each magnetisation transfer protocol together.

    Parameters
    ----------
    images
        With the suffixes ``MTS`` and ``MTR``, and ``TB1map``. Images belong together whose names
        differ in nothing but the entities ``flip`` and ``mt``.

    Returns
    -------
    protocols : list of MTInput
        Those that have an image with and one without MT pulse at the same flip angle.
    warnings : list of str
        What is missing of the others, and of those that are incomplete.
    """
    sets: dict[tuple, list[ImageInput]] = {}
    fields = [image for image in images if image.entities["suffix"] == FIELD]
    for image in images:
        if image in fields:
            continue
        differing = (*TOLD_APART, "extension")
        shared = {key: value for key, value in image.entities.items() if key not in differing}
        sets.setdefault(tuple(sorted(shared.items())), []).append(image)
    protocols, warnings = [], []
    for members in sets.values():
        roles, missing = _roles(members)
        if missing:
            names = ", ".join(member.path.name for member in members)
            warnings.append(f"{names}: {missing}")
        if ON in roles and OFF in roles:
            entities = {k: v for k, v in roles[ON].entities.items() if k not in TOLD_APART}
            protocol = MTInput(roles, replace(roles[ON], entities=entities))
            found, unclear = _field_of(protocol, fields)
            protocols.append(replace(protocol, b1=found))
            warnings += unclear
    return protocols, warnings


def _field_of(
    protocol: MTInput, fields: Sequence[ImageInput]
) -> tuple[ImageInput | None, list[str]]:
    """Map of the transmit field for a protocol, and what to say where it is not clear which."""
    if T1 not in protocol.images:
        return None, []
    own = protocol.reference.entities
    for wanted in (("session", "acquisition", "run"), ("session",)):
        found = [
            field
            for field in fields
            if all(field.entities.get(name) == own.get(name) for name in wanted)
        ]
        if len(found) == 1:
            return found[0], []
    if not found:
        return None, []
    names = ", ".join(field.path.name for field in found)
    return None, [f"{names}: not used, it is not clear which is that of the MTS images."]


def _roles(members: Sequence[ImageInput]) -> tuple[dict[str, ImageInput], str]:
    """Role of each image of a protocol, and a sentence on what is missing of it."""
    roles: dict[str, ImageInput] = {}
    for image in members:
        if image.entities.get("mt") == "on":
            roles.setdefault(ON, image)
    if ON not in roles:
        return roles, "no maps of magnetisation transfer, there is no image with mt-on."
    flip = roles[ON].entities.get("flip")
    for image in members:
        if image.entities.get("mt") == "off":
            roles.setdefault(OFF if image.entities.get("flip") == flip else T1, image)
    if OFF not in roles:
        at = f" and flip-{flip}" if flip else ""
        return roles, f"no maps of magnetisation transfer, there is no image with mt-off{at}."
    if T1 not in roles and roles[ON].entities["suffix"] == "MTS":
        return roles, "MTR alone, there is no image with mt-off and another flip for MTsat and T1."
    return roles, ""


def read_json(path: Path) -> dict:
    """Read a JSON object.

    Raises
    ------
    DatasetError
        The file cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: cannot be read as JSON ({error}); correct the file"
        ) from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: a JSON object is expected")
    return content
