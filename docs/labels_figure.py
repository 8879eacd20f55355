"""Draws the pictures of docs/methods/labels.md: those of the report, of a made person.

python docs/labels_figure.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import patheffects

from sctflow.core.centerline import fit_centerline
from sctflow.core.labeling import find_landmarks
from sctflow.core.labeling.naming import THRESHOLD, Given, View, name_discs
from sctflow.core.morphometry import measure_slices
from sctflow.core.phantom.anatomy import draw_anatomy
from sctflow.core.phantom.codes import IS_CORD
from sctflow.core.phantom.grids import sagittal_grid
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.tissues import make_tissues
from sctflow.demo.scan import scan_still
from sctflow.models import load_landmark_net
from sctflow.reports import style
from sctflow.reports.labels_figure import disc_figure
from sctflow.reports.naming_figure import probability_figure

OUT = Path(__file__).parent / "images"
SEED, SCOLIOSIS = 4, 15.0
BY_HAND = 17
"""Value of the disc that a person labelled: nothing else tells the levels of a chest."""


def disc_by_hand(anatomy) -> Given:
    """One disc where it truly is, as a person would label it."""
    table = points(anatomy)
    row = table[(table["kind"] == "disc_posterior") & (table["value"] == BY_HAND)]
    return Given(BY_HAND, anatomy.curve.to_world(row[["u", "v", "s"]].to_numpy())[0])


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
    data = np.asarray(image.dataobj)
    mask = stack.sampled.mean(IS_CORD) >= 0.5
    line = fit_centerline(mask, image.affine)
    landmarks = find_landmarks(data, image.affine, line, net=load_landmark_net()[0])
    view = View("T2w", landmarks, measure_slices(mask, image.affine), line)
    named = name_discs([view], given=[disc_by_hand(anatomy)])
    save(
        disc_figure(data, image.affine, named.discs, centerline=line.to_frame()),
        "labels_views.png",
    )
    alone = name_discs([view])
    save(
        probability_figure(alone.probabilities, alone.discs, threshold=THRESHOLD),
        "labels_namings.png",
    )


if __name__ == "__main__":
    main()
