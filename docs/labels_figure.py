"""Draws the pictures of docs/methods/labels.md: those of the report, of a made person.

python docs/labels_figure.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import patheffects

from sctflow.core.phantom.anatomy import draw_anatomy
from sctflow.core.phantom.grids import sagittal_grid
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.phantom.truth import slice_table
from sctflow.demo.scan import scan_still
from sctflow.reports import style
from sctflow.reports.labels_figure import disc_figure
from sctflow.reports.naming_figure import probability_figure

OUT = Path(__file__).parent / "images"
SEED, SCOLIOSIS = 4, 15.0
INFERRED, BY_HAND = 14, 17
"""Values of discs that are drawn as placed by spacing, and as labelled by a person."""


def true_labels(anatomy) -> pd.DataFrame:
    """Discs, junction and conus where they are, as if found with these confidences."""
    table = points(anatomy)
    table = table[table["kind"].isin(["disc_posterior", "PMJ", "conus"]) & (table["value"] > 2)]
    found = pd.DataFrame(
        anatomy.curve.to_world(table[["u", "v", "s"]].to_numpy()), columns=list("xyz")
    )
    found["value"] = table["value"].to_numpy(int)
    found["confidence"] = np.linspace(0.98, 0.72, len(found)).round(2)
    found["inferred"] = (found["value"] == INFERRED).astype(int)
    found["manual"] = (found["value"] == BY_HAND).astype(int)
    found.loc[found["inferred"] == 1, "confidence"] = 0.0
    return found.sort_values("z", ascending=False).reset_index(drop=True)


def save(figure, name: str) -> None:
    """Save a picture, the same bytes each time; the rim of its texts is in the style of an SVG."""
    for axes in figure.axes:
        for text in axes.texts:
            if (text.get_gid() or "").startswith("mark"):
                rim = patheffects.withStroke(linewidth=1.8, foreground=style.BACKDROP)
                text.set_path_effects([rim])
    with style.styled():
        figure.savefig(
            OUT / name, dpi=100, facecolor=figure.get_facecolor(), metadata={"Software": None}
        )


def main() -> None:
    """Draw labels on a spine that bends to the side, and how likely two ways to name them are."""
    anatomy = draw_anatomy(SEED, scoliosis=SCOLIOSIS)
    grid = sagittal_grid(anatomy, 8, 22.5, thickness=2.0, width=70.0)
    stack = scan_still(
        anatomy, make_tissues(), sample(anatomy, *grid), ["T2w"], rng=np.random.default_rng(0)
    )
    image = stack.scans[0].image
    found = true_labels(anatomy)
    line = slice_table(anatomy, *grid)
    save(
        disc_figure(np.asarray(image.dataobj), image.affine, found, centerline=line),
        "labels_views.png",
    )
    unnamed = found[found["value"].between(8, 22)].assign(value=0).reset_index(drop=True)
    namings = pd.DataFrame(
        {"value": [6, 7, 8, 9, 10], "probability": [0.01, 0.18, 0.62, 0.17, 0.02]}
    )
    save(probability_figure(namings, unnamed, threshold=0.9), "labels_namings.png")


if __name__ == "__main__":
    main()
