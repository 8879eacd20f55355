"""Training images and targets for the cord networks, made from the template alone."""

from __future__ import annotations

import torch

from sctflow.training import anatomy as tissue
from sctflow.training.acquisition import acquire, average, paint
from sctflow.training.anatomy import Anatomy
from sctflow.training.draw import Draw
from sctflow.training.geometry import Frame, draw_scene, tissue_planes
from sctflow.training.surroundings import clutter_canal, draw_body, fill_void


def make_batch(
    draw: Draw, n: int, frame: Frame, anatomy: Anatomy
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make ``n`` images and their cord targets.

    Returns
    -------
    images : (n, 3, size, size) float32
        Normalised; the slice below, the slice itself, the slice above.
    targets : (n, 1, size, size) float32
        Fraction of each pixel of the middle slice that is cord.
    """
    scene = draw_scene(draw, n, frame)
    classes = tissue_planes(draw, scene, frame, anatomy)
    classes = clutter_canal(draw, classes, scene)
    classes = fill_void(draw, classes, scene, frame)
    if frame.surroundings:
        classes = draw_body(draw, classes, scene, frame)
    is_cord = (classes >= tissue.WHITE) & (classes <= tissue.GRAY_RIM)
    targets = average(is_cord.float(), scene)[:, 1:2]
    return acquire(draw, average(paint(draw, classes), scene), targets, scene, frame)
