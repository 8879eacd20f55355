"""A small synthetic BIDS dataset of the neck, drawn from formulae, to try the program on.

The anatomy (`sctflow.demo.neck`) follows published morphometry only roughly: enough for a picture
that looks like a neck and for a known cord. Nothing here stands for a real person.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from sctflow import __version__
from sctflow.demo.neck import SIGNAL, Anatomy, draw, make_anatomy
from sctflow.errors import DatasetError
from sctflow.io import save_image, save_json, save_text

_ACQUISITION = {
    "T2w": {"EchoTime": 0.12, "RepetitionTime": 1.5, "FlipAngle": 120},
    "T2star": {"EchoTime": 0.017, "RepetitionTime": 0.7, "FlipAngle": 30},
}
_NOISE = {"T2w": 0.022, "T2star": 0.028}
_FULL_SCALE = 800  # stored value of signal 1


@dataclass(frozen=True)
class DemoImage:
    """One image with the truth about its cord, on the same grid."""

    suffix: str
    image: nib.Nifti1Image
    cord: nib.Nifti1Image
    """Binary (uint8): voxels of which the cord fills at least half."""
    metadata: dict[str, object]


def make_participant(participant: int, *, seed: int = 0) -> tuple[DemoImage, ...]:
    """Draw a T2w and a T2star image of one participant.

    Parameters
    ----------
    participant
        Number of the participant, from 1. Even ones have tilted axial slices.
    seed
        The same number and seed give the same images.

    Returns
    -------
    tuple of DemoImage
        `T2w`: 1 mm isotropic, stored in sagittal order (posterior, superior, right).
        `T2star`: axial, 0.5 x 0.5 x 5 mm, stored left, anterior, superior.
    """
    anatomy = make_anatomy(participant, seed=seed)
    rng = np.random.default_rng([seed, participant, 1])

    sagittal = np.zeros((4, 4))
    sagittal[[1, 2, 0], [0, 1, 2]] = [-1.0, 1.0, 1.0]
    sagittal[3, 3] = 1.0

    tilt = np.deg2rad(anatomy.tilt)
    axial = np.eye(4)
    axial[:3, 0] = [-0.5, 0.0, 0.0]
    axial[:3, 1] = [0.0, 0.5 * np.cos(tilt), -0.5 * np.sin(tilt)]
    axial[:3, 2] = [0.0, 5.0 * np.sin(tilt), 5.0 * np.cos(tilt)]

    return (
        _acquire(anatomy, "T2w", sagittal, (128, 110, 52), subslices=1, rng=rng),
        _acquire(anatomy, "T2star", axial, (200, 200, 14), subslices=5, rng=rng),
    )


def write_demo(
    out_dir: str | Path, *, participants: int = 2, seed: int = 0, labels: bool = False
) -> Path:
    """Write the demo dataset: a raw BIDS dataset.

    Parameters
    ----------
    out_dir
        Folder to make. It must not exist, or be empty.
    participants
        How many participants.
    seed
        Seed of anatomy and noise; the same seed gives the same bytes.
    labels
        Whether to add the true cord masks as manual labels (`derivatives/labels`).

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    DatasetError
        The folder is not empty, or fewer than one participant was asked for.
    """
    out_dir = Path(out_dir)
    if participants < 1:
        raise DatasetError(f"A dataset needs at least one participant, not {participants}.")
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise DatasetError(
            f"{out_dir} exists already and is not an empty folder: name another one, or remove it."
        )
    partial = out_dir.with_name(f".{out_dir.name}.partial{os.getpid()}")
    try:
        _write_files(partial, participants=participants, seed=seed, labels=labels)
        partial.replace(out_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out_dir


def _write_files(root: Path, *, participants: int, seed: int, labels: bool) -> None:
    description = {
        "Name": "sctflow demo: synthetic necks",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "License": "CC0",
        "Authors": ["The sctflow developers"],
        "GeneratedBy": [{"Name": "sctflow-data demo", "Version": __version__}],
    }
    root.mkdir(parents=True)
    save_json(description, root / "dataset_description.json")
    save_text(
        "# Synthetic necks\n\n"
        "Images drawn from formulae, to try sctflow on. No person was scanned. Made by\n"
        f"`sctflow-data demo` {__version__} with `--participants {participants} --seed {seed}`.\n",
        root / "README.md",
    )
    names = [f"sub-{number:02d}" for number in range(1, participants + 1)]
    save_text(
        "participant_id\n" + "".join(f"{name}\n" for name in names), root / "participants.tsv"
    )

    label_root = root / "derivatives" / "labels"
    if labels:
        label_root.mkdir(parents=True)
        save_json(
            {
                **description,
                "Name": f"{description['Name']}, true masks",
                "DatasetType": "derivative",
            },
            label_root / "dataset_description.json",
        )
    for number, name in enumerate(names, start=1):
        for drawn in make_participant(number, seed=seed):
            stem = f"{name}/anat/{name}_{drawn.suffix}"
            (root / stem).parent.mkdir(parents=True, exist_ok=True)
            save_image(drawn.image, root / f"{stem}.nii.gz")
            save_json(drawn.metadata, root / f"{stem}.json")
            if labels:
                (label_root / stem).parent.mkdir(parents=True, exist_ok=True)
                save_image(drawn.cord, label_root / f"{stem}_label-SC_seg.nii.gz")


def _acquire(
    anatomy: Anatomy,
    suffix: str,
    axes: np.ndarray,
    shape: tuple[int, int, int],
    *,
    subslices: int,
    rng: np.random.Generator,
) -> DemoImage:
    """Sample the anatomy on a grid: partial volume, coil, noise, 16-bit integers.

    `axes` has the voxel steps in mm; the grid's centre is put at the origin. Thick
    slices are the mean of
    `subslices` thin ones.
    """
    affine = axes.copy()
    affine[:3, 3] = -axes[:3, :3] @ ((np.asarray(shape) - 1) / 2.0)
    edge = float(np.min(np.linalg.norm(axes[:3, :3], axis=0)))
    # (nx, ny, nz) indices; the last one is repeated at fractions of the slice's thickness.
    i, j, k = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    signal = np.zeros(shape, np.float32)
    cord = np.zeros(shape, np.float32)
    for fraction in (np.arange(subslices) + 0.5) / subslices - 0.5:
        index = np.stack([i, j, k + np.float32(fraction)])
        x, y, z = np.tensordot(affine[:3, :3], index, 1) + affine[:3, 3, None, None, None]
        part, part_cord = draw(anatomy, SIGNAL[suffix], x, y, z, edge=edge)
        signal += part / subslices
        cord += part_cord / subslices
        if fraction == 0 or subslices == 1:
            middle = (x, y, z)

    zooms = np.linalg.norm(axes[:3, :3], axis=0)
    signal *= 1.0 + 0.10 * _smooth_noise(rng, shape, 2.5 / zooms)
    signal *= _coil(*middle, depth=anatomy.neck_depth) * np.exp(
        0.12 * _smooth_noise(rng, shape, 25.0 / zooms)
    )
    sd = _NOISE[suffix]
    real = signal + rng.normal(0.0, sd, shape)
    magnitude = np.hypot(real, rng.normal(0.0, sd, shape))
    stored = np.clip(np.rint(_FULL_SCALE * magnitude), 0, np.iinfo(np.int16).max)
    image = _nifti(stored.astype(np.int16), affine)
    metadata = {
        "Manufacturer": "none (synthetic image)",
        "MagneticFieldStrength": 3,
        **_ACQUISITION[suffix],
    }
    return DemoImage(suffix, image, _nifti((cord >= 0.5).astype(np.uint8), affine), metadata)


def _nifti(data: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    return image


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], sigma: np.ndarray
) -> np.ndarray:
    """Gaussian random field with unit variance; `sigma` in voxels per axis."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.standard_normal(shape), sigma, mode="reflect")
    return (field / field.std()).astype(np.float32)


def _coil(x: np.ndarray, y: np.ndarray, z: np.ndarray, *, depth: float) -> np.ndarray:
    """Sensitivity of a neck coil: strongest behind the neck, falling off at both ends."""
    behind = np.hypot(y + 0.5 * depth + 15.0, 0.6 * x)
    return 1.35 * np.exp(-behind / 130.0) * np.exp(-((z / 85.0) ** 2)) + 0.15
