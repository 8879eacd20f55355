"""What is in the dataset: images to process, and the manual labels that belong to them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .dataset import bids_uri, check_bids_folder, dataset_links, write_bidsignore
from .dataset import write_dataset_description as write_dataset_description
from .errors import DatasetError
from .inputs import (
    ImageInput,
    MTInput,
    ParticipantInputs,
    SeriesInput,
    find_gradients,
    group_mt,
)
from .names import build_derivative_name, parse_name
from .selection import QUERIES, nothing_to_do, read_filters, select_participants

if TYPE_CHECKING:
    from bids import BIDSLayout

__all__ = [
    "ImageInput",
    "MTInput",
    "ParticipantInputs",
    "SeriesInput",
    "build_derivative_name",
    "collect_inputs",
    "find_manual_labels",
    "index_dataset",
    "parse_name",
    "write_bidsignore",
    "write_dataset_description",
]

NOT_MAGNITUDE = ("phase", "real", "imag")

LABEL_NAMES: Mapping[str, tuple[str, ...]] = {
    "SC": ("label-SC_seg", "seg-manual"),
    "GM": ("label-GM_seg", "gmseg-manual"),
    "lesion": ("label-lesion_seg", "lesion-manual"),
    "canal": ("label-canal_seg",),
    "discs": ("label-discs_dlabel", "labels-disc-manual", "labels-manual"),
    "vertebrae": ("label-vertebrae_dlabel",),
    "PMJ": ("label-PMJ_dlabel",),
    "compression": ("label-compression_dlabel",),
    "rootlets": ("label-rootlets_dseg",),
}
"""What follows the image's stem in the name of a manual label, the current name first."""


def index_dataset(
    bids_dir: Path,
    *,
    database_dir: Path | None = None,
    validate: bool = True,
    participants: Sequence[str] = (),
) -> "BIDSLayout":
    """Index the names in a raw BIDS dataset; no image and no sidecar is opened.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    database_dir
        Folder with pybids' database: read when it exists, written otherwise. A database
        always covers the whole dataset.
    validate
        Leave out files whose names are not BIDS.
    participants
        Index these only (labels without ``sub-``); all when empty.

    Raises
    ------
    DatasetError
        Not a BIDS dataset, or the database belongs to another one.
    """
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    bids_dir = Path(bids_dir).absolute()
    check_bids_folder(bids_dir)
    ignored = r"^/(?:code|stimuli|sourcedata|models|derivatives|phenotype)(?:/|$)|/\."
    if participants and database_dir is None:
        labels = "|".join(re.escape(label) for label in participants)
        ignored += rf"|^/sub-(?!(?:{labels})(?:/|$))"
    layout = BIDSLayout(
        bids_dir,
        validate=validate,
        database_path=database_dir,
        indexer=BIDSLayoutIndexer(
            validate=validate, index_metadata=False, ignore=[re.compile(ignored)]
        ),
    )
    if Path(str(layout.root)).resolve() != bids_dir.resolve():
        raise DatasetError(
            f"{database_dir}: this database indexes {layout.root}, not {bids_dir}; give another "
            "folder to --bids-database-dir"
        )
    return layout


def find_manual_labels(
    image_path: Path, bids_dir: Path, label_dirs: Iterable[Path] = ()
) -> dict[str, Path]:
    """Find the manual labels of one image.

    Parameters
    ----------
    image_path
        The image, inside `bids_dir`.
    bids_dir
        Root of the raw dataset; its ``derivatives/labels`` is always looked in, last.
    label_dirs
        Roots of further datasets with labels, in order of precedence.

    Returns
    -------
    dict
        File by what it outlines: ``SC``, ``GM``, ``lesion``, ``canal``, ``discs``,
        ``vertebrae``, ``PMJ``, ``compression``, ``rootlets``. The first dataset that has a label
        wins; within one dataset the current name wins over the older ones.
    """
    folder = image_path.relative_to(bids_dir).parent
    stem = image_path.name.removesuffix(".gz").removesuffix(".nii")
    found: dict[str, Path] = {}
    for root in (*label_dirs, bids_dir / "derivatives" / "labels"):
        if not (root / folder).is_dir():
            continue
        for label, names in LABEL_NAMES.items():
            candidates = (
                root / folder / f"{stem}_{name}{ext}"
                for name in names
                for ext in (".nii.gz", ".nii")
            )
            if label not in found and (match := next(filter(Path.is_file, candidates), None)):
                found[label] = match
    return found


def collect_inputs(
    bids_dir: Path,
    *,
    modality: Sequence[str] = tuple(QUERIES),
    participant_label: Sequence[str] = (),
    session_label: Sequence[str] = (),
    bids_filter_file: Path | None = None,
    bids_database_dir: Path | None = None,
    derivatives: Mapping[str, Path] | Iterable[Path] = (),
    ignore_labels: Sequence[str] = (),
    validate: bool = True,
) -> tuple[ParticipantInputs, ...]:
    """Select the images of every modality and their manual labels without opening any of them.

    Parameters
    ----------
    bids_dir
        Root of the raw dataset.
    modality
        Kinds of images; keys of `QUERIES`.
    participant_label, session_label
        Labels to keep, with or without prefix; all when empty.
    bids_filter_file, bids_database_dir
        See `read_filters` and `index_dataset`.
    derivatives
        Datasets with manual labels, or a mapping of names (for BIDS URIs) to datasets.
    ignore_labels
        Kinds of manual labels that are not used (``SC``, …).
    validate
        Leave out files whose names are not BIDS.

    Returns
    -------
    tuple of ParticipantInputs
        In the order of the labels. A participant without images is kept, with a warning.

    Raises
    ------
    DatasetError
        Not a BIDS dataset, no such participant, a database that is out of date.
    """
    bids_dir = Path(bids_dir).absolute()
    check_bids_folder(bids_dir)
    labels = select_participants(bids_dir, participant_label)
    sessions = [label.removeprefix("ses-") for label in session_label]
    filters = read_filters(bids_filter_file)
    layout = index_dataset(
        bids_dir,
        database_dir=bids_database_dir,
        validate=validate,
        participants=labels if participant_label else (),
    )
    general = {"extension": [".nii", ".nii.gz"], **({"session": sessions} if sessions else {})}
    subjects = {"subject": list(labels)} if participant_label else {}
    links = dataset_links(bids_dir, derivatives)
    images: dict[str, dict[str, list[ImageInput]]] = {
        label: {kind: [] for kind in QUERIES} for label in labels
    }
    # Labels of anatomical images give levels to the others.
    for kind in dict.fromkeys((*modality, "anat")):
        for query in filters[kind].values():
            selection = general | query | subjects
            for path in _find_files(layout, selection, bids_dir, bids_database_dir):
                image = _describe(path, bids_dir, links, ignore_labels)
                images[image.entities["subject"]][kind].append(image)
    nothing = nothing_to_do(modality, sessions, bids_filter_file)
    return tuple(
        _participant(label, found, nothing, anat="anat" in modality)
        for label, found in images.items()
    )


def _find_files(
    layout: "BIDSLayout", selection: Mapping, bids_dir: Path, database_dir: Path | None
) -> Iterator[Path]:
    """Magnitude images that a query selects; they must be there."""
    for path in sorted(map(Path, layout.get(return_type="filename", **selection))):
        if parse_name(path.relative_to(bids_dir)).get("part") in NOT_MAGNITUDE:
            continue
        if not path.exists():
            raise DatasetError(
                f"{path}: in the index, not on disk; remove {database_dir} so that the "
                "dataset is indexed again, or get the file's content"
            )
        yield path


def _describe(
    path: Path, bids_dir: Path, links: Mapping[str, Path], ignore_labels: Sequence[str]
) -> ImageInput:
    """An image with its manual labels."""
    label_dirs = [root for name, root in links.items() if name not in ("raw", "labels")]
    manual = find_manual_labels(path, bids_dir, label_dirs)
    manual = {key: file for key, file in manual.items() if key not in ignore_labels}
    return ImageInput(
        path=path,
        entities=parse_name(path.relative_to(bids_dir)),
        manual=manual,
        bids_dir=bids_dir,
        uri=bids_uri(path, links),
        manual_uris={key: bids_uri(file, links) for key, file in manual.items()},
    )


def _participant(
    label: str, images: Mapping[str, Sequence[ImageInput]], nothing: str, *, anat: bool
) -> ParticipantInputs:
    """Everything of one participant, images that belong together put together."""
    found = {kind: sorted(some, key=lambda one: str(one.path)) for kind, some in images.items()}
    protocols, warnings = group_mt(found["mt"])
    item = ParticipantInputs(
        participant=label,
        anat=tuple(found["anat"]) if anat else (),
        mt=tuple(protocols),
        dwi=tuple(find_gradients(image) for image in found["dwi"]),
        func=tuple(SeriesInput(image) for image in found["func"]),
        labelled=() if anat else tuple(found["anat"]),
    )
    # What was found and cannot be used has its own warning.
    warnings += [] if item.images or warnings else [nothing]
    return replace(item, warnings=tuple(warnings))
