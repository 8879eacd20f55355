"""The program on the phantom against the truth, by contrast, as a Markdown table.

    python benchmarks/phantom_accuracy.py [--participants N] [--seed S] [--view cervical]
        [--images T2w T1w ...] [--pictures FOLDER]

For every image: Dice of the built-in cord network with the true mask; error of the cord's area,
slice by slice, of the network's mask and of the true mask itself (which is what the measuring
alone does wrong), where the cord is at least 20 mm2 large, so not at the conus; slices with cord
that were missed, and slices below the conus where cord was found.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from sctflow.core.grid import canonicalize
from sctflow.core.morphometry import measure_slices
from sctflow.core.phantom.truth import make_truth
from sctflow.core.segmentation import segment_cord
from sctflow.demo import make_participant
from sctflow.demo.people import VIEWS
from sctflow.models import load_cord_nets

SMALLEST = 20.0  # mm2; a per cent of less is less than a voxel
STILL = ("T2w", "T1w", "T2star", "MTS", "MTR")


def area_errors(mask: np.ndarray, affine: np.ndarray, truth: pd.DataFrame) -> np.ndarray:
    """Relative error of the area on each slice that has both, per cent."""
    if not mask.any():
        return np.empty(0)
    truth = truth[truth["area"] >= SMALLEST]
    both = measure_slices(mask, affine).merge(truth, on="slice", suffixes=("", "_true"))
    return (100 * (both["area"] / both["area_true"] - 1)).dropna().to_numpy()


def score(image, truth, nets) -> dict[str, object]:
    """Everything that is measured on one image."""
    data = np.asarray(image.dataobj, np.float32)
    ras, affine = canonicalize(data, image.affine)
    found = segment_cord(ras, affine, nets=nets).mask > 0
    true, _ = canonicalize(truth.fractions["SC"] >= 0.5, image.affine)
    rows = truth.slices["slice"].to_numpy()
    # Above C1 the cord goes over into the medulla, and networks and people may go on.
    has_cord = true.any((0, 1)) & np.isin(np.arange(true.shape[2]), rows)
    below = np.arange(true.shape[2]) < rows.min()
    both = 2 * (found & true)[..., has_cord].sum()
    return {
        "dice": both / max(1, found[..., has_cord].sum() + true[..., has_cord].sum()),
        "errors": area_errors(found, affine, truth.slices),
        "measuring": area_errors(true, affine, truth.slices),
        "missed": int((~found.any((0, 1)) & has_cord).sum()),
        "slices": int(has_cord.sum()),
        "invented": int((found.any((0, 1)) & below).sum()),
        "below": int(below.sum()),
        "found": found,
        "true": true,
        "ras": ras,
        "affine": affine,
    }


def draw(row: dict[str, object], path: Path) -> None:
    """The sagittal plane and eight slices, truth in cyan, network in red."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    ras, found, true = row["ras"], row["found"], row["true"]
    zooms = np.linalg.norm(row["affine"][:3, :3], axis=0)
    slices = np.flatnonzero(true.any((0, 1)))
    chosen = slices[np.linspace(0, len(slices) - 1, min(8, len(slices))).round().astype(int)]
    middle = int(np.argwhere(true)[:, 0].mean())
    fig, axes = plt.subplots(1, 9, figsize=(18, 2.8), width_ratios=[1.3, *[1] * 8])
    axes[0].imshow(
        ras[middle].T, origin="lower", cmap="gray", aspect=zooms[2] / zooms[1],
        vmax=np.percentile(ras[middle], 99.5),
    )  # fmt: skip
    for axis, k in zip(axes[1:], chosen, strict=False):
        x, y = np.argwhere(true[..., k]).mean(0)
        half = (20 / zooms[:2]).astype(int)
        box = (
            slice(max(0, int(x) - half[0]), int(x) + half[0]),
            slice(max(0, int(y) - half[1]), int(y) + half[1]),
        )
        axis.imshow(ras[(*box, k)].T, origin="lower", cmap="gray", aspect=zooms[1] / zooms[0])
        for mask, color in ((true, "cyan"), (found, "red")):
            if mask[(*box, k)].any():
                axis.contour(mask[(*box, k)].T, [0.5], colors=color, linewidths=0.8)
    for axis in axes:
        axis.axis("off")
    fig.tight_layout(pad=0.2)
    fig.savefig(path, dpi=70, metadata={"Software": None})
    plt.close(fig)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--participants", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--view", choices=VIEWS, default="cervical")
    parser.add_argument("--images", nargs="+", choices=STILL, default=STILL)
    parser.add_argument("--pictures", type=Path, help="draw every image into this folder")
    options = parser.parse_args()
    nets, info = load_cord_nets()
    rows = defaultdict(list)
    for number in range(1, options.participants + 1):
        anatomy, _, stacks = make_participant(
            number, seed=options.seed, images=options.images, view=options.view
        )
        for stack in stacks:
            truth = make_truth(anatomy, stack.sampled)
            for scan in stack.scans:
                row = score(scan.image, truth, nets)
                rows[scan.protocol.name].append(row)
                if options.pictures:
                    options.pictures.mkdir(parents=True, exist_ok=True)
                    draw(row, options.pictures / f"sub-{number:02d}_{scan.protocol.name}.png")
    print(
        f"{info['name']} {info['version']}; {options.participants} participants, seed "
        f"{options.seed}, view {options.view}\n\n"
        "| Image | Dice, mean | lowest | area, mean error | RMS over slices | "
        "the true mask measured | slices missed | found below the conus |\n" + "| --- " * 8 + "|"
    )
    for name, all_rows in rows.items():
        dice = np.array([row["dice"] for row in all_rows])
        errors = np.concatenate([row["errors"] for row in all_rows])
        measuring = np.concatenate([row["measuring"] for row in all_rows])
        missed, slices, invented = (
            sum(row[key] for row in all_rows) for key in ("missed", "slices", "invented")
        )
        below = sum(row["below"] for row in all_rows)
        print(
            f"| {name} | {dice.mean():.3f} | {dice.min():.3f} | {errors.mean():+.1f} % | "
            f"{np.sqrt((errors**2).mean()):.1f} % | {measuring.mean():+.1f} ± "
            f"{measuring.std():.1f} % | {missed} of {slices} | {invented} of {below} |"
        )


if __name__ == "__main__":
    main()
