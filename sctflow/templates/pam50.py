"""PAM50: from the layout in which its authors release it to TemplateFlow's.

Names of the released files, values of the labels and the form of ``info_label.txt``: the
repository https://github.com/spinalcordtoolbox/PAM50.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from sctflow.errors import ImageError, TemplateError
from sctflow.templates.archive import file_digest
from sctflow.templates.layout import DESCRIPTION, PIECES, PUBLISHED, Piece

FILES = {
    "T1w": ("t1",),
    "T2w": ("t2",),
    "T2star": ("t2s",),
    "cord": ("cord",),
    "CSF": ("csf",),
    "gray matter": ("gm",),
    "white matter": ("wm",),
    "centreline": ("centerline",),
    "spine": ("spine",),
    "vertebral levels": ("levels",),
    "vertebral bodies": ("label_body",),
    "discs": ("label_disc",),
    "posterior discs": ("label_discPosterior",),
    "spinal levels": ("spinal_levels",),
    "spinal midpoints": ("spinal_midpoint", "label_spinal_levels"),
    "rootlets": ("rootlets",),
    "rootlet midpoints": ("rootlets_midpoint", "rootlets_midpoints"),
}
"""What a file ``template/PAM50_<…>.nii.gz`` is; some were renamed between releases."""

REQUIRED = ("T1w", "T2w", "T2star", "cord", "CSF", "gray matter", "white matter")
REQUIRED += ("vertebral levels", "discs")
"""What every release since 2016 has."""

VERTEBRAL_VALUES = (*range(26), 49, 50, 60)
SPINAL_VALUES = (*range(31), 60)
SAME_PLACE = 0.05
"""Millimetres that the corners of two images may be apart: a tenth of a voxel."""
NEARLY = 1.0
"""Millimetres up to which an image is taken although it is apart. The published posterior discs
lie one voxel, 0.5 mm, in front of all the other images."""

ABOUT = {
    "Identifier": PUBLISHED,
    "Name": "PAM50 template of the brainstem and spinal cord",
    "BIDSVersion": "1.10.0",
    "TemplateFlowVersion": "1.0.0",
    "Species": "Homo sapiens",
    "Authors": [
        "De Leener B",
        "Fonov VS",
        "Collins DL",
        "Callot V",
        "Stikov N",
        "Cohen-Adad J",
    ],
    "ReferencesAndLinks": [
        "https://doi.org/10.1016/j.neuroimage.2017.10.041",
        "https://github.com/spinalcordtoolbox/PAM50",
    ],
}


class Labels(NamedTuple):
    """Content of the atlas's ``info_label.txt``, as texts."""

    regions: list[tuple[str, str, str]]
    """Index, name, file."""
    combined: list[tuple[str, str, str]]
    """Index, name, members."""


def find_release(folder: Path) -> Path:
    """Find the folder of a release that has ``template`` and ``atlas``, at most two levels down.

    Raises
    ------
    TemplateError
        There is none, or there are several.
    """
    for pattern in ("", "*/", "*/*/"):
        cords = sorted(folder.glob(f"{pattern}template/{PUBLISHED}_cord.nii.gz"))
        if len(cords) > 1:
            raise TemplateError(
                f"there are several copies of {PUBLISHED} in it "
                f"({', '.join(str(cord.parents[1].relative_to(folder)) for cord in cords)}); "
                "name one of them"
            )
        if cords:
            return cords[0].parents[1]
    raise TemplateError(
        f"not {PUBLISHED} as its authors release it (no template/{PUBLISHED}_cord.nii.gz); "
        "give the folder that holds template and atlas"
    )


def convert(release: Path, folder: Path, **origin: str) -> list[str]:
    """Copy a release into a folder, under TemplateFlow's names, after checking all of it.

    Parameters
    ----------
    release
        Folder with ``template`` and ``atlas``.
    folder
        To be filled.
    **origin
        More to say in ``template_description.json``.

    Returns
    -------
    list of str
        What is worth knowing: pieces that this release lacks, images that lie a little off.

    Raises
    ------
    TemplateError
        Files are missing or damaged, or their grids or values are not those of the template.
    """
    from sctflow.io import save_json, save_text

    labels = read_labels(release / "atlas" / "info_label.txt")
    images = collect(release, labels)
    notes = check_images(images)
    digests = []
    for piece, source in images.items():
        target = folder / f"tpl-{PUBLISHED}_{piece}.nii.gz"
        shutil.copyfile(source, target)
        digests.append(f"{target.name} {file_digest(target)}\n")
    for name, header, rows in _tables(labels):
        text = "".join("\t".join(row) + "\n" for row in (header, *rows))
        save_text(text, folder / name)
        digests.append(f"{name} {hashlib.sha256(text.encode()).hexdigest()}\n")
    content = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
    save_json({**ABOUT, **origin, "ContentSHA256": content}, folder / DESCRIPTION)
    lacks = [name for name in FILES if PIECES[name] not in images]
    return notes + [f"this release lacks: {', '.join(lacks)}"] * bool(lacks)


def collect(release: Path, labels: Labels) -> dict[Piece, Path]:
    """Find the images of a release by what they are.

    Raises
    ------
    TemplateError
        Images that every release has are missing; all of them are named.
    """
    images, missing = {}, []
    for name, stems in FILES.items():
        paths = [release / "template" / f"{PUBLISHED}_{stem}.nii.gz" for stem in stems]
        present = [path for path in paths if path.is_file()]
        if present:
            images[PIECES[name]] = present[0]
        elif name in REQUIRED:
            missing.append(paths[0])
    for index, _, file in labels.regions:
        path = release / "atlas" / file
        images[Piece("probseg", label=f"{int(index):02d}", atlas=PUBLISHED)] = path
        if not path.is_file():
            missing.append(path)
    if missing:
        names = [path.relative_to(release).as_posix() for path in missing]
        raise TemplateError(
            f"not complete, {', '.join(names[:5])}"
            + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            + (" are" if len(names) > 1 else " is")
            + " missing. Download it again."
        )
    return images


def read_labels(path: Path) -> Labels:
    """Read the names of the atlas's regions.

    Raises
    ------
    TemplateError
        It cannot be read, or names no region.
    """
    sections: dict[str, list[tuple[str, str, str]]] = {}
    rows: list[tuple[str, str, str]] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise TemplateError(
            f"{_short(path)} cannot be read ({error.__class__.__name__})"
        ) from error
    for line in lines:
        if keyword := re.match(r"#\s*Keyword\s*=\s*(\w+)", line):
            rows = sections.setdefault(keyword[1], [])
        # A name may hold commas itself.
        elif row := re.fullmatch(r"\s*(\d+)\s*,\s*(.+?)\s*,\s*([\w.:-]+)\s*", line):
            rows.append((row[1], row[2].replace("\t", " "), row[3]))
    labels = Labels(sections.get("IndivLabels", []), sections.get("CombinedLabels", []))
    if not labels.regions:
        raise TemplateError(f"{_short(path)} names no region of the atlas")
    return labels


def check_images(images: dict[Piece, Path]) -> list[str]:
    """Read all images in full and check that they are one template.

    Returns
    -------
    list of str
        Images that lie a little off the cord mask.

    Raises
    ------
    TemplateError
        The first image that is damaged, lies on another grid than the cord mask, is empty, or
        has values that its kind does not have.
    """
    from sctflow.io import load_image

    cord, notes = None, []
    for piece, path in sorted(images.items(), key=lambda item: item[0] != PIECES["cord"]):
        try:
            image = load_image(path)
            cord = cord or image
        except ImageError as error:
            raise TemplateError(str(error).replace(str(path), _short(path))) from error
        apart = _apart(image, cord)
        if problem := _problem(piece, image, cord, apart):
            raise TemplateError(f"{_short(path)}: {problem}. This is not the published template")
        if apart > SAME_PLACE:
            notes.append(f"{_short(path)} lies {apart:.2f} mm off the cord mask; taken as it is")
    return notes


def _short(path: Path) -> str:
    """Name of a file within its release, which may lie in a scratch folder."""
    return f"{path.parent.name}/{path.name}"


def _apart(image: nib.Nifti1Image, cord: nib.Nifti1Image) -> float:
    """Distance, along an axis, that no corner of the two grids is apart by more than."""
    return float((np.abs(image.affine - cord.affine)[:3] @ [*cord.shape, 1]).max())


def _problem(
    piece: Piece, image: nib.Nifti1Image, cord: nib.Nifti1Image, apart: float
) -> str | None:
    if image.shape != cord.shape:
        return f"its size is {image.shape}, that of the cord mask {cord.shape}"
    if apart > NEARLY:
        return f"it lies {apart:.2f} mm off the cord mask"
    data = np.asanyarray(image.dataobj)
    low, high = data.min(), data.max()
    if not (np.isfinite(low) and np.isfinite(high)) or not data.any():
        return "it is empty or has values that are not numbers"
    if piece.suffix == "probseg" and not (low >= -1e-3 and high <= 1 + 1e-3):
        return f"values from {low:g} to {high:g} are no parts of a voxel"
    if piece.suffix in ("mask", "dseg"):
        allowed = _values(piece)
        wrong = np.setdiff1d(np.unique(data), allowed)
        if wrong.size:
            return f"value {wrong[0]:g} is none of its labels"
    return None


def _values(piece: Piece) -> tuple[int, ...]:
    if piece.suffix == "mask":
        return (0, 1)
    spinal = piece.desc.startswith(("spinal", "rootlets"))
    return SPINAL_VALUES if spinal else VERTEBRAL_VALUES


def _tables(labels: Labels) -> Iterator[tuple[str, tuple[str, ...], list]]:
    """Tables of the atlas: name, header, rows."""
    stem = f"tpl-{PUBLISHED}_atlas-{PUBLISHED}"
    rows = [
        (index, name, name.split()[0] if name.split()[0] in ("WM", "GM", "CSF") else "n/a")
        for index, name, _ in labels.regions
    ]
    yield f"{stem}_probseg.tsv", ("index", "name", "group"), rows
    if labels.combined:
        yield (
            f"{stem}_desc-combined_probseg.tsv",
            ("index", "name", "members"),
            labels.combined,
        )
