"""Accuracy of the built-in cord segmentation on datasets with manual masks, as Markdown tables.

    python benchmarks/cord_accuracy.py DATASET [DATASET ...] [--pictures FOLDER]

Scores every anatomical image that has a manual cord mask: as it is, with Gaussian noise of 10 %
of its 1st-99th percentile range, and cropped beside the cord. Images without a mask are counted
and drawn only.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from sctflow.bids import find_manual_labels
from sctflow.core.grid import canonicalize
from sctflow.core.image import squeeze
from sctflow.core.segmentation import segment_cord
from sctflow.io import load_image
from sctflow.models import load_cord_nets

NOISE = 0.10
# How far from the cord a crop "without cord in view" begins.
BESIDE_MM = 6.0


def overlap(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Dice, lowest Dice of a slice with cord, and difference of areas; arrays are RAS."""
    both = 2 * (found & truth).sum((0, 1))
    sizes = found.sum((0, 1)) + truth.sum((0, 1))
    dice = both / np.maximum(sizes, 1)
    has_cord = truth.any((0, 1))
    return {
        "dice": both.sum() / sizes.sum(),
        "worst": dice[has_cord].min(),
        "area": 100 * (found[..., has_cord].sum() / truth.sum() - 1),
    }


def without_cord(data: np.ndarray, truth: np.ndarray, zooms: np.ndarray) -> list[np.ndarray]:
    """The parts of a canonical image to the left and right of the cord, and in front of it."""
    x, y = (np.flatnonzero(truth.any(axes)) for axes in ((1, 2), (0, 2)))
    gap = np.ceil(BESIDE_MM / zooms).astype(int)
    parts = [
        data[: max(0, x[0] - gap[0])],
        data[x[-1] + gap[0] :],
        data[:, y[-1] + gap[1] :],
    ]
    return [part for part in parts if min(part.shape) * zooms.min() >= 8]


def score(path: Path, truth: np.ndarray | None, nets) -> dict:
    """Everything that is measured on one image."""
    img = squeeze(load_image(path))
    data, affine = canonicalize(np.asarray(img.dataobj, np.float32), img.affine)
    start = time.process_time()
    found = segment_cord(data, affine, nets=nets)
    row = {
        "seconds": time.process_time() - start,
        "slices": int(found.slices.status.ne("none").sum()),
        "of": len(found.slices),
        "found": found,
        "data": data,
        "zooms": np.linalg.norm(affine[:3, :3], axis=0),
        "truth": truth,
    }
    if truth is None:
        return row
    row |= overlap(found.mask > 0, truth)
    row["soft_area"] = 100 * (found.probability.sum() / truth.sum() - 1)
    low, high = np.percentile(data, [1, 99])
    noise = np.random.default_rng(0).normal(0, NOISE * (high - low), data.shape)
    noisy = segment_cord(data + noise.astype(np.float32), affine, nets=nets)
    row["noisy"] = overlap(noisy.mask > 0, truth)["dice"]
    crops = without_cord(data, truth, row["zooms"])
    row["crop_slices"] = sum(crop.shape[2] for crop in crops)
    row["invented"] = sum(
        int((segment_cord(crop, affine, nets=nets).slices.status != "none").sum())
        for crop in crops
    )
    return row


def draw(row: dict, path: Path, title: str) -> None:
    """Eight slices around the cord and the sagittal plane, with both outlines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data, mask, zooms = row["data"], row["found"].mask > 0, row["zooms"]
    with_cord = np.flatnonzero(mask.any((0, 1)))
    chosen = with_cord if len(with_cord) else np.arange(data.shape[2])
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(8, len(chosen))).round().astype(int)]
    fig, axes = plt.subplots(1, 9, figsize=(18, 2.6), width_ratios=[1.2, *[1] * 8])
    columns = mask.any((1, 2))
    middle = int(np.flatnonzero(columns).mean()) if columns.any() else data.shape[0] // 2
    planes = [(data[middle], mask[middle], zooms[2] / zooms[1], None)]
    planes += [(data[..., k], mask[..., k], zooms[1] / zooms[0], k) for k in chosen]
    for axis, (image, outline, aspect, k) in zip(axes, planes, strict=False):
        window = [slice(None)] * 2
        if k is not None and outline.any():
            middle_of = np.argwhere(outline).mean(0)
            window = [
                slice(max(0, int(m - 20 / z)), int(m + 20 / z) + 1)
                for m, z in zip(middle_of, zooms[:2], strict=True)
            ]
        window = tuple(window)
        shown = image[window]
        axis.imshow(
            shown.T, origin="lower", cmap="gray", aspect=aspect, vmax=np.percentile(shown, 99)
        )
        if row["truth"] is not None and k is not None:
            axis.contour(row["truth"][..., k][window].T, [0.5], colors="cyan", linewidths=0.7)
        if outline.any():
            axis.contour(outline[window].T, [0.5], colors="red", linewidths=0.8)
    for axis in axes:
        axis.axis("off")
    axes[0].set_title(title, fontsize=8, loc="left")
    fig.tight_layout(pad=0.2)
    fig.savefig(path, dpi=70, metadata={"Software": None})
    plt.close(fig)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--pictures", type=Path, help="draw every image into this folder")
    options = parser.parse_args()
    nets, info = load_cord_nets()
    print(f"{info['name']} {info['version']}, SHA-256 {info['checksum'][:12]}…, one thread\n")
    print(
        "| Image | Dice | worst slice | area, binary | area, soft | Dice with 10 % noise | "
        "slices invented | CPU s |\n| --- " * 1 + "| --- " * 7 + "|"
    )
    for dataset in options.datasets:
        for path in sorted(dataset.glob("sub-*/**/anat/*.nii.gz")):
            manual = find_manual_labels(path, dataset).get("SC")
            truth = None
            if manual:
                mask = nib.load(manual)
                truth = canonicalize(np.asarray(mask.dataobj) > 0.5, mask.affine)[0]
            row = score(path, truth, nets)
            name = path.name.removesuffix(".nii.gz")
            if truth is None:
                print(f"| {name} | no mask: {row['slices']} of {row['of']} slices with cord "
                      f"| | | | | | {row['seconds']:.1f} |")  # fmt: skip
            else:
                print(
                    f"| {name} | {row['dice']:.3f} | {row['worst']:.2f} | {row['area']:+.1f} % | "
                    f"{row['soft_area']:+.1f} % | {row['noisy']:.3f} | "
                    f"{row['invented']} of {row['crop_slices']} | {row['seconds']:.1f} |"
                )
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                draw(row, options.pictures / f"{name}.png", name)


if __name__ == "__main__":
    main()
