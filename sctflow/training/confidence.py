"""How often peaks are right by their height: ``python -m sctflow.training.confidence WEIGHTS``.

On made images of people whom the training did not see. What it prints is the table of
`sctflow.core.labeling.confidence`, with the number of landmarks and how many were missed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize

from sctflow.core.labeling.confidence import THICK_MM
from sctflow.core.labeling.heat import Peaks, find_peaks
from sctflow.core.labeling.kinds import KINDS
from sctflow.core.labeling.network import make_landmark_net
from sctflow.core.segmentation.network import UNet
from sctflow.models.weights import load_weights
from sctflow.training.draw import Draw
from sctflow.training.people import draw_people
from sctflow.training.slabs import make_slabs

PEOPLE_SEED, IMAGES_SEED = 70_000, 77
BATCH = 20
NEAR_MM = 5.0
LEAST, INSIDE = 0.1, 0.9


def compare(net: UNet, images: torch.Tensor, targets: torch.Tensor) -> list[tuple]:
    """Peaks and landmarks of made images.

    Returns
    -------
    list of (kind, height, right, missed)
        One for every peak, with 0 missed, and one for every landmark without a peak, with height
        0 and 1 missed.
    """
    rows: list[tuple] = []
    mirrored = torch.cat([images[:, :-1].flip(1), images[:, -1:]], 1)
    with torch.inference_mode():
        heat = (torch.sigmoid(net(images)) + torch.sigmoid(net(mirrored))).numpy() / 2
    for one, truth in zip(heat, targets.numpy(), strict=True):
        for k, kind in enumerate(KINDS):
            # Low blobs are of landmarks just beyond the edge: they may be found, or not.
            true = find_peaks(truth[k], LEAST)
            found = _found(one[k], kind)
            apart = np.hypot(found.row[:, None] - true.row, found.column[:, None] - true.column)
            near = apart < NEAR_MM
            rows += [(kind, h, r, 0) for h, r in zip(found.height, near.any(1), strict=True)]
            rows += [(kind, 0.0, False, 1)] * int((~near.any(0) & (true.height > INSIDE)).sum())
    return rows


def _found(heat: np.ndarray, kind: str) -> Peaks:
    """Peaks of a map: all of discs, the highest of what there is one of."""
    peaks = find_peaks(heat, LEAST)
    return peaks if kind == "disc" else peaks.take(np.arange(min(1, len(peaks))))


def fit_curve(height: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Logistic curve through right and wrong peaks: height of the half, and width."""

    def cost(parameters: np.ndarray) -> float:
        half, log_width = parameters
        odds = (height - half) / np.exp(log_width)
        return float(np.logaddexp(0, np.where(right, -odds, odds)).sum())

    half, log_width = minimize(cost, [0.6, np.log(0.08)], method="Nelder-Mead").x
    return float(half), float(np.exp(log_width))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--batches", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = load_weights(make_landmark_net(), options.weights)
    people, draw = draw_people(options.people, PEOPLE_SEED), Draw(IMAGES_SEED)
    for name, axial_mm in (("THIN", None), ("THICK", (THICK_MM, 8.0))):
        rows: list[tuple] = []
        for _ in range(options.batches):
            images, targets, _ = make_slabs(draw, BATCH, people, axial_mm=axial_mm)
            rows += compare(net, images, targets)
        print(f"{name} = {{")
        for kind in KINDS:
            print(_curve(kind, rows))
        print("}")


def _curve(kind: str, rows: list[tuple]) -> str:
    """A line of the table for one kind."""
    peaks = np.array([(h, r) for k, h, r, missed in rows if k == kind and not missed], float)
    missed = sum(m for k, _, _, m in rows if k == kind)
    half, width = fit_curve(peaks[:, 0], peaks[:, 1] > 0)
    right = int(peaks[:, 1].sum())
    return f'    "{kind}": ({half:.2f}, {width:.3f}),  # {right} of {right + missed} found'


if __name__ == "__main__":
    main()
