"""A template as it lies on the disk: a folder ``tpl-<name>`` in TemplateFlow's layout.

TemplateFlow's own client is not used to read it, for three reasons: importing it fills an empty
``TEMPLATEFLOW_HOME`` with the names of all the world's templates, asking it for a file of such a
skeleton downloads that file, and it indexes every template of the home to answer for one. The
layout is simple enough to be read by names, and what is installed here can be asked for through
the client as well.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from sctflow.errors import TemplateError

PUBLISHED = "PAM50"
BUILTIN = "SCTPhantom"
DESCRIPTION = "template_description.json"

_FILE = re.compile(
    r"tpl-(?P<name>[a-zA-Z0-9]+)(?P<entities>(?:_[a-z]+-[a-zA-Z0-9+]+)*)"
    r"_(?P<suffix>[a-zA-Z0-9]+)(?P<extension>\.nii\.gz|\.nii|\.tsv)"
)


class Piece(NamedTuple):
    """What tells one file of a template from the others."""

    suffix: str
    label: str | None = None
    desc: str | None = None
    atlas: str | None = None

    def __str__(self) -> str:
        """Write the piece as it stands in a file's name."""
        entities = {"atlas": self.atlas, "label": self.label, "desc": self.desc}
        given = [f"{key}-{value}" for key, value in entities.items() if value is not None]
        return "_".join([*given, self.suffix])


CONTRASTS = ("T2w", "T1w", "T2star")
PIECES = {
    **{contrast: Piece(contrast) for contrast in CONTRASTS},
    "cord": Piece("mask", label="SC"),
    "CSF": Piece("mask", label="CSF"),
    "gray matter": Piece("probseg", label="GM"),
    "white matter": Piece("probseg", label="WM"),
    "centreline": Piece("mask", label="centerline"),
    "spine": Piece("mask", label="spine"),
    "vertebral levels": Piece("dseg", desc="vertebrae"),
    "vertebral bodies": Piece("dseg", desc="bodies"),
    "discs": Piece("dseg", desc="discs"),
    "posterior discs": Piece("dseg", desc="discsposterior"),
    "spinal levels": Piece("dseg", desc="spinallevels"),
    "spinal midpoints": Piece("dseg", desc="spinalmidpoints"),
    "rootlets": Piece("dseg", desc="rootlets"),
    "rootlet midpoints": Piece("dseg", desc="rootletsmidpoints"),
}
"""The pieces of a complete template besides the atlas, by the names that people use."""


class Region(NamedTuple):
    """A region of the atlas and the image of its partial volumes."""

    index: int
    name: str
    group: str
    path: Path


class CombinedRegion(NamedTuple):
    """Several regions of the atlas taken together."""

    index: int
    name: str
    members: tuple[int, ...]


@dataclass(frozen=True)
class Template:
    """A template that is there.

    Attributes
    ----------
    name
        As in its files' names, ``PAM50``.
    root
        Its folder.
    """

    name: str
    root: Path

    @cached_property
    def description(self) -> dict:
        """Content of ``template_description.json``; empty if there is none."""
        return _read_description(self.root)

    @property
    def version(self) -> str | None:
        """The version that its description names."""
        version = self.description.get("Version")
        return None if version is None else str(version)

    @cached_property
    def _images(self) -> dict[Piece, list[Path]]:
        return _by_piece(self.root, self.name, (".nii.gz", ".nii"))

    @cached_property
    def _tables(self) -> dict[Piece, list[Path]]:
        return _by_piece(self.root, self.name, (".tsv",))

    @property
    def is_empty(self) -> bool:
        """Whether none of its images is there."""
        return not self._images

    def has(
        self,
        suffix: str,
        *,
        label: str | None = None,
        desc: str | None = None,
        atlas: str | None = None,
    ) -> bool:
        """Whether the template has an image; see `path`."""
        return bool(self._images.get(Piece(suffix, label, desc, atlas)))

    def path(
        self,
        suffix: str,
        *,
        label: str | None = None,
        desc: str | None = None,
        atlas: str | None = None,
    ) -> Path:
        """Find an image of the template.

        Parameters
        ----------
        suffix, label, desc, atlas
            Suffix and entities of its name; an entity that is None is absent from the name.

        Raises
        ------
        TemplateError
            The template lacks it, or has it at several resolutions.
        """
        return self._one(Piece(suffix, label, desc, atlas), self._images)

    def _one(self, piece: Piece, files: dict[Piece, list[Path]]) -> Path:
        found = files.get(piece, [])
        if len(found) > 1:
            raise TemplateError(
                f"template {self.name} in {self.root} has {piece} more than once "
                f"({', '.join(path.name for path in found)}): keep one of them"
            )
        if not found:
            empty = any(self.root.glob(f"tpl-{self.name}_*{piece}.*"))
            placeholder = " (there is an empty placeholder of TemplateFlow)" if empty else ""
            advice = (
                f"Install it again: sctflow-data install {self.name} --force"
                if self.name in (PUBLISHED, BUILTIN)
                else f"Add the file, or choose another template, {PUBLISHED} or {BUILTIN}"
            )
            raise TemplateError(
                f"template {self.name} in {self.root} lacks {piece}{placeholder}. "
                f"It has: {self._summary()}. {advice}."
            )
        return found[0]

    def _summary(self) -> str:
        names = [name for name in PIECES if self.has_named(name)]
        return ", ".join(names + ["atlas"] * self.has_atlas) or "nothing"

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Contrasts of which there is an image, of T2w, T1w and T2star."""
        return tuple(contrast for contrast in CONTRASTS if self.has(contrast))

    def image(self, contrast: str, *fallbacks: str) -> tuple[str, Path]:
        """Find the template's image of a contrast.

        Parameters
        ----------
        contrast, *fallbacks
            Suffixes, the most wanted first.

        Returns
        -------
        contrast, path
            The first that is there.

        Raises
        ------
        TemplateError
            None of them is there.
        """
        for wanted in (contrast, *fallbacks):
            if self.has(wanted):
                return wanted, self.path(wanted)
        return contrast, self.path(contrast)

    @property
    def cord(self) -> Path:
        """Cord mask."""
        return self.named("cord")

    @property
    def levels(self) -> Path:
        """Vertebral levels within the cord."""
        return self.named("vertebral levels")

    @property
    def spinal_levels(self) -> Path:
        """Spinal levels within the cord."""
        return self.named("spinal levels")

    @property
    def discs(self) -> Path:
        """Points at the intervertebral discs."""
        return self.named("discs")

    def named(self, name: str) -> Path:
        """Find a piece by its name in `PIECES`."""
        return self._one(PIECES[name], self._images)

    def has_named(self, name: str) -> bool:
        """Whether a piece is there, by its name in `PIECES`."""
        return PIECES[name] in self._images

    @property
    def atlas_name(self) -> str:
        """Entity ``atlas`` of the regions' files: the template's own name, or the only one.

        Raises
        ------
        TemplateError
            There is no atlas, or there are several and none is named as the template.
        """
        names = {piece.atlas for piece in self._tables if piece.atlas and not piece.desc}
        if len(names) > 1 and self.name not in names:
            raise TemplateError(
                f"template {self.name} in {self.root} has the atlases "
                f"{', '.join(sorted(names))}, and none that is called {self.name}"
            )
        if not names:
            raise TemplateError(
                f"template {self.name} in {self.root} has no atlas: choose another template, "
                f"{PUBLISHED} or {BUILTIN}"
            )
        return self.name if self.name in names else names.pop()

    @property
    def has_atlas(self) -> bool:
        """Whether there is an atlas."""
        return any(piece.atlas and not piece.desc for piece in self._tables)

    @property
    def atlas(self) -> list[Region]:
        """Regions of the atlas in the order of its table.

        Raises
        ------
        TemplateError
            There is no atlas, or the image of a region is missing.
        """
        atlas = self.atlas_name
        labels = {
            int(piece.label): piece.label
            for piece in self._images
            if piece.atlas == atlas and (piece.label or "").isdigit()
        }
        regions = []
        for row in _read_rows(self._one(Piece("probseg", atlas=atlas), self._tables)):
            index = int(row["index"])
            label = labels.get(index, f"{index:02d}")
            path = self.path("probseg", atlas=atlas, label=label)
            regions.append(Region(index, row["name"], row.get("group", ""), path))
        return regions

    @property
    def combined(self) -> list[CombinedRegion]:
        """Combinations of the atlas's regions; none if the template has no table of them."""
        piece = Piece("probseg", atlas=self.atlas_name, desc="combined")
        if piece not in self._tables:
            return []
        return [
            CombinedRegion(int(row["index"]), row["name"], expand_members(row["members"]))
            for row in _read_rows(self._one(piece, self._tables))
        ]

    @property
    def missing(self) -> tuple[str, ...]:
        """Pieces of a complete template that are not there."""
        lacks = [name for name in PIECES if not self.has_named(name)]
        return tuple(lacks + ["atlas"] * (not self.has_atlas))

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())


def expand_members(text: str) -> tuple[int, ...]:
    """Regions of a combination: ``0:3,5`` is 0, 1, 2, 3 and 5."""
    members: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        members += range(int(first), int(last or first) + 1)
    return tuple(members)


def read_folder(folder: Path) -> Template:
    """Take a folder for a template, whatever the folder is called.

    Raises
    ------
    TemplateError
        It does not hold the images of one template.
    """
    names = {found["name"] for found in _files(folder)}
    if len(names) == 1:
        template = Template(names.pop(), folder.absolute())
        if not template.is_empty:
            return template
        raise TemplateError(f"{folder}: its images are empty placeholders of TemplateFlow")
    if not folder.is_dir():
        raise TemplateError(f"{folder}: there is no such folder")
    inside = sorted(str(path) for path in folder.glob("tpl-*") if path.is_dir())
    hint = f"; did you mean {' or '.join(inside[:3])}?" if inside else ""
    what = "files of several templates" if names else "no file called tpl-<name>_…"
    raise TemplateError(f"{folder}: not a template in TemplateFlow's layout ({what}){hint}")


def _files(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.glob("tpl-*")):
        if match := _FILE.fullmatch(path.name):
            pairs = [pair.split("-", 1) for pair in match["entities"].split("_")[1:]]
            yield {**match.groupdict(), "entities": dict(pairs), "path": path}


def _by_piece(folder: Path, name: str, extensions: tuple[str, ...]) -> dict[Piece, list[Path]]:
    """Files by what they are; empty ones, and links that lead nowhere, are not there."""
    found: dict[Piece, list[Path]] = {}
    for item in _files(folder):
        path: Path = item["path"]
        if item["name"] != name or item["extension"] not in extensions:
            continue
        if path.is_file() and path.stat().st_size:
            entities = {key: item["entities"].get(key) for key in ("label", "desc", "atlas")}
            found.setdefault(Piece(item["suffix"], **entities), []).append(path)
    return found


def _read_description(root: Path) -> dict:
    path = root / DESCRIPTION
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TemplateError(f"{path}: cannot be read ({error}); correct or remove it") from error
    return content if isinstance(content, dict) else {}


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, ValueError) as error:
        raise TemplateError(f"{path}: cannot be read ({error})") from error
