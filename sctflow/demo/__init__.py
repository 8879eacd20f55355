"""The demo dataset: phantom participants in BIDS, with the truth about every image.

People are drawn at random from published morphometry (`sctflow.core.phantom`); nothing here
stands for a real person.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sctflow import __version__
from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.contrast import PROTOCOLS
from sctflow.core.phantom.sample import Sampled, sample
from sctflow.core.phantom.tissues import Tissues, make_tissues
from sctflow.demo.people import VIEWS, kind_of, make_person, place_grids
from sctflow.demo.scan import Scan, Stack, scan_bold, scan_diffusion, scan_still
from sctflow.demo.truth import README as TRUTH_README
from sctflow.demo.truth import write_person, write_stack
from sctflow.errors import DatasetError
from sctflow.io import save_image, save_json, save_table, save_text

IMAGES = ("T2w", "T1w", "T2star", "MTS", "MTR", "dwi", "bold")
"""Suffixes of the images that can be made."""

LABELS = {
    "SC": ("label-SC_mask", "label-SC_seg"),
    "discs": ("seg-discs_dseg", "label-discs_dlabel"),
}
"""Labels that can stand in the place of manual ones: names among the truth and the labels."""

_TISSUE_SPREAD = 0.04  # relative, of T1, T2 and so on between people and regions


def make_participant(
    number: int,
    *,
    seed: int = 0,
    images: Sequence[str] = IMAGES,
    view: str = "cervical",
) -> tuple[Anatomy, Tissues, Iterator[Stack]]:
    """Draw one participant and scan them.

    Parameters
    ----------
    number
        Of the participant, from 1; decides what they have, see `sctflow.demo.people.KINDS`.
    seed
        The same number and seed give the same images, whichever others are made.
    images
        Suffixes, out of `IMAGES`.
    view
        Field of view, one of `sctflow.demo.people.VIEWS`.

    Returns
    -------
    anatomy, tissues
        The person.
    stacks
        Images by the grid they share, made one grid at a time.
    """
    anatomy = make_person(number, seed=seed)
    tissues = make_tissues(seed=1000 * seed + number, spread=_TISSUE_SPREAD)
    return anatomy, tissues, _scan(anatomy, tissues, seed, number, images, view)


def _scan(
    anatomy: Anatomy,
    tissues: Tissues,
    seed: int,
    number: int,
    images: Sequence[str],
    view: str,
) -> Iterator[Stack]:
    grids = place_grids(anatomy, view)
    last: Sampled | None = None
    for index, suffix in enumerate(IMAGES):
        if suffix not in images:
            continue
        rng = np.random.default_rng([seed, number, index])
        shape, affine = grids[suffix]
        if suffix == "dwi":
            yield scan_diffusion(anatomy, tissues, (shape, affine), rng=rng)
        elif suffix == "bold":
            yield scan_bold(anatomy, tissues, (shape, affine), rng=rng)
        else:
            # T2w and T1w, MTS and MTR lie on the same grid: painting it once is enough.
            if last is None or last.shape != shape or not np.array_equal(last.affine, affine):
                last = sample(anatomy, shape, affine)
            names = [name for name, one in PROTOCOLS.items() if one.suffix == suffix]
            yield scan_still(anatomy, tissues, last, names, rng=rng)


def write_demo(
    out_dir: str | Path,
    *,
    participants: int = 2,
    seed: int = 0,
    images: Sequence[str] = IMAGES,
    view: str = "cervical",
    labels: Sequence[str] = (),
) -> Path:
    """Write the demo dataset: a raw BIDS dataset, and the truth in `derivatives/truth`.

    Parameters
    ----------
    out_dir
        Folder to make. It must not exist, or be empty.
    participants
        How many participants.
    seed
        Seed of people and noise; the same seed gives the same bytes.
    images, view
        Which images, and of which part of the spine; see `make_participant`.
    labels
        Which truths to add in the place of manual labels (`derivatives/labels`): `SC` (masks of
        the cord) and `discs`.

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    DatasetError
        The folder is not empty, fewer than one participant was asked for, or there is no such
        image, view or label.
    """
    out_dir = Path(out_dir)
    if participants < 1:
        raise DatasetError(f"A dataset needs at least one participant, not {participants}.")
    if unknown := sorted(set(images) - set(IMAGES)):
        raise DatasetError(f"No image is called {', '.join(unknown)}; there are {IMAGES}.")
    if unknown := sorted(set(labels) - set(LABELS)):
        raise DatasetError(f"No label is called {', '.join(unknown)}; there are {tuple(LABELS)}.")
    if view not in VIEWS:
        raise DatasetError(f"No view is called {view}; there are {', '.join(VIEWS)}.")
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise DatasetError(
            f"{out_dir} exists already and is not an empty folder: name another one, or remove it."
        )
    partial = out_dir.with_name(f".{out_dir.name}.partial{os.getpid()}")
    try:
        _write_files(partial, participants, seed=seed, images=images, view=view, labels=labels)
        partial.replace(out_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out_dir


def _write_files(
    root: Path,
    participants: int,
    *,
    seed: int,
    images: Sequence[str],
    view: str,
    labels: Sequence[str],
) -> None:
    names = [f"sub-{number:02d}" for number in range(1, participants + 1)]
    _describe(root, names, seed=seed, images=images, view=view)
    truth, manual = root / "derivatives" / "truth", root / "derivatives" / "labels"
    _describe_derivative(truth, "truth")
    save_text(TRUTH_README, truth / "README.md")
    if labels:
        _describe_derivative(manual, "true labels in the place of manual ones")
    for number, name in enumerate(names, start=1):
        anatomy, tissues, stacks = make_participant(number, seed=seed, images=images, view=view)
        write_person(anatomy, tissues, truth, name)
        for stack in stacks:
            for scan in stack.scans:
                _write_scan(scan, root / name / stack.datatype, name)
            write_stack(anatomy, tissues, stack, truth, name)
            if labels and stack.datatype == "anat":
                _write_labels(stack, labels, truth / name / "anat", manual / name / "anat", name)


def _write_scan(scan: Scan, folder: Path, name: str) -> None:
    protocol = scan.protocol
    task = f"task-{scan.metadata['TaskName']}_" if "TaskName" in scan.metadata else ""
    stem = f"{name}_{task}{protocol.name}"
    save_image(scan.image, folder / f"{stem}.nii.gz")
    save_json(scan.metadata, folder / f"{stem}.json")
    if scan.bvals is not None:
        save_text(" ".join(f"{b:g}" for b in scan.bvals) + "\n", folder / f"{stem}.bval")
        rows = (" ".join(f"{g:.6f}" for g in axis) for axis in scan.bvecs.T)
        save_text("\n".join(rows) + "\n", folder / f"{stem}.bvec")
    if scan.events is not None:
        save_table(scan.events, folder / f"{stem.removesuffix('_bold')}_events.tsv")


def _write_labels(
    stack: Stack, labels: Sequence[str], truth: Path, folder: Path, name: str
) -> None:
    """Copy true labels to where manual ones are looked for.

    Discs are labelled on sagittal images alone, as people do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in labels if one != "discs" or stack.space in ("T2w", "T1w")]
    for scan in stack.scans:
        for own, label in (LABELS[one] for one in chosen):
            source = truth / f"{name}_space-{stack.space}_{own}.nii.gz"
            shutil.copyfile(source, folder / f"{name}_{scan.protocol.name}_{label}.nii.gz")


def _describe(
    root: Path, names: Sequence[str], *, seed: int, images: Sequence[str], view: str
) -> None:
    root.mkdir(parents=True)
    save_json(_description("phantom participants", "raw"), root / "dataset_description.json")
    save_text(
        "# Phantom participants\n\n"
        "Images drawn from published morphometry, to try sctflow on. No person was scanned.\n"
        f"Made by `sctflow-data demo` {__version__} with `--participants {len(names)} "
        f"--seed {seed} --images {' '.join(images)} --view {view}`.\n"
        "What is true of them is in `derivatives/truth`.\n",
        root / "README.md",
    )
    kinds = (kind_of(number) for number in range(1, len(names) + 1))
    rows = "".join(f"{name}\t{kind}\n" for name, kind in zip(names, kinds, strict=True))
    save_text("participant_id\tpathology\n" + rows, root / "participants.tsv")
    save_json(
        {"pathology": {"Description": "What the participant's spine or cord was drawn with"}},
        root / "participants.json",
    )


def _describe_derivative(root: Path, what: str) -> None:
    description = _description(f"phantom participants, {what}", "derivative")
    root.mkdir(parents=True)
    save_json(description, root / "dataset_description.json")


def _description(what: str, kind: str) -> dict[str, object]:
    return {
        "Name": f"sctflow demo: {what}",
        "BIDSVersion": "1.10.0",
        "DatasetType": kind,
        "License": "CC0",
        "Authors": ["The sctflow developers"],
        "GeneratedBy": [{"Name": "sctflow-data demo", "Version": __version__}],
    }
