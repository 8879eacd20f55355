"""Draws the pictures of docs/phantom.md.

    python docs/phantom_figures.py [--real ../shared/data]

With the folder of the real datasets, the made images are also drawn beside real ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import nibabel as nib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap

from sctflow.core.grid import canonicalize
from sctflow.core.phantom.anatomy import make_anatomy
from sctflow.core.phantom.grids import axial_grid, sagittal_grid
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.phantom.truth import region_fractions
from sctflow.demo import make_participant
from sctflow.demo.scan import scan_still

OUT = Path(__file__).parent / "images"
AXIAL = {"C3": 3.5, "C5": 5.5, "T6": 13.5, "L1": 20.1}


def show(axis, image: np.ndarray, zooms, title: str, *, high: float = 99.5) -> None:
    """Draw a plane with its axes in mm, dark to the chosen percentile."""
    axis.imshow(
        image.T, origin="lower", cmap="gray", aspect=zooms[1] / zooms[0], vmin=0,
        vmax=np.percentile(image, high), interpolation="bilinear",
    )  # fmt: skip
    axis.set_title(title, fontsize=9)
    axis.axis("off")


def save(figure, name: str) -> None:
    """Save a picture that is the same bytes each time it is drawn."""
    figure.savefig(OUT / name, dpi=80, metadata={"Software": None})
    plt.close(figure)


def middle_plane(image: nib.Nifti1Image, shift: int = 0) -> tuple[np.ndarray, tuple[float, float]]:
    """Sagittal plane through the middle of an image, front to the right, and its pixel size."""
    ras, affine = canonicalize(np.asarray(image.dataobj, np.float32), image.affine)
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    return ras[ras.shape[0] // 2 + shift], (zooms[1], zooms[2])


def draw_sagittal() -> None:
    """The whole spine of an average adult, and three people."""
    rng = np.random.default_rng(0)
    anatomy, tissues = make_anatomy(), make_tissues()
    grid = sagittal_grid(anatomy, -0.9, 25.5, zoom=1.0, thickness=1.0, width=3, depth=200)
    whole = scan_still(anatomy, tissues, sample(anatomy, *grid), ["T2w", "T1w"], rng=rng)
    figure, axes = plt.subplots(1, 5, figsize=(15, 8), width_ratios=[1.4, 1.4, 1, 1, 1])
    for axis, scan in zip(axes, whole.scans, strict=False):
        show(axis, *middle_plane(scan.image), f"average, {scan.protocol.name}")
    for axis, number in zip(axes[2:], (2, 3, 4), strict=True):
        _, _, stacks = make_participant(number, images=["T2w"])
        (scan,) = next(stacks).scans
        show(axis, *middle_plane(scan.image), f"sub-{number:02d}, T2w")
    figure.tight_layout()
    save(figure, "phantom_sagittal.png")


def draw_axial() -> None:
    """T2*-weighted slices and the regions of the cord at four levels."""
    rng = np.random.default_rng(0)
    anatomy, tissues = make_anatomy(), make_tissues()
    colors = plt.get_cmap("tab20")(np.linspace(0, 1, 18))[np.arange(36) // 2]
    figure, axes = plt.subplots(2, 4, figsize=(14, 7.4))
    for column, (name, level) in enumerate(AXIAL.items()):
        stack = axial_grid(anatomy, level, level + 0.05, matrix=(180, 180), forward=5.0)
        sampled = sample(anatomy, *stack)
        (scan,) = scan_still(anatomy, tissues, sampled, ["T2star"], rng=rng).scans
        plane, affine = canonicalize(np.asarray(scan.image.dataobj, float), scan.image.affine)
        show(axes[0, column], plane[..., 0], np.abs(np.diag(affine)[:2]), f"{name}, T2star")
        fine = axial_grid(
            anatomy, level, level + 0.05, zoom=(0.1, 0.1), thickness=0.5, matrix=(150, 120)
        )
        parts = region_fractions(sample(anatomy, *fine, surroundings=False))
        regions, _ = canonicalize(parts[:, :, :1, :36], fine[1])
        winner = regions[:, :, 0].argmax(-1).astype(float)
        winner[regions[:, :, 0].sum(-1) < 0.5] = np.nan
        axes[1, column].imshow(
            winner.T, origin="lower", cmap=ListedColormap(colors), vmin=-0.5, vmax=35.5
        )
        axes[1, column].set_title(f"{name}: tracts and gray matter", fontsize=9)
        axes[1, column].axis("off")
    figure.tight_layout()
    save(figure, "phantom_axial.png")


def draw_contrasts(real: Path | None) -> None:
    """Every made contrast, beside a real image of the same kind where there is one."""
    planes = {}
    _, _, stacks = make_participant(1)
    for stack in stacks:
        for scan in stack.scans:
            planes[scan.protocol.name] = middle_slice(scan.image)
    figure, axes = plt.subplots(2, 7, figsize=(17, 5.6))
    wanted = {
        "T2w": "ds-errsm30/sub-*/anat/*_T2w.nii.gz",
        "T1w": "ds-errsm30/sub-*/anat/*_T1w.nii.gz",
        "T2star": "ds-errsm30/sub-*/anat/*_T2star.nii.gz",
        "flip-1_mt-on_MTS": "ds-errsm30/sub-*/anat/*flip-1_mt-on_MTS.nii.gz",
        "mt-off_MTR": "ds-tutorial/sub-single/anat/*mt-off_MTR.nii.gz",
        "dwi": "ds-tutorial/sub-single/dwi/*_dwi.nii.gz",
        "bold": "ds-errsm30/sub-*/func/*_bold.nii.gz",
    }
    for column, (name, pattern) in enumerate(wanted.items()):
        show(axes[0, column], *planes[name], f"phantom, {name}")
        axes[1, column].axis("off")
        found = sorted(real.glob(pattern)) if real else []
        if found:
            show(axes[1, column], *middle_slice(nib.load(found[0])), f"real, {name}")
    figure.tight_layout()
    save(figure, "phantom_contrasts.png")


def middle_slice(image: nib.Nifti1Image) -> tuple[np.ndarray, tuple[float, float]]:
    """Middle axial slice of the first volume, at most 80 mm wide about its middle."""
    data = np.asarray(image.dataobj, np.float32)
    data = data if data.ndim == 3 else data[..., 0]
    ras, affine = canonicalize(data, image.affine)
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    half = (40 / zooms[:2]).astype(int)
    middle = np.array(ras.shape) // 2
    x, y = (slice(max(0, m - h), m + h) for m, h in zip(middle[:2], half, strict=True))
    return ras[x, y, middle[2]], tuple(zooms[:2])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--real", type=Path, help="folder of the real datasets")
    options = parser.parse_args()
    draw_sagittal()
    draw_axial()
    draw_contrasts(options.real)


if __name__ == "__main__":
    main()
