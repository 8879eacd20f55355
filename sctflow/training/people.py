"""Spines to train the landmark network on, straightened along the cord: phantoms and PAM50."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.labeling.kinds import KINDS
from sctflow.core.phantom.anatomy import Anatomy as Person
from sctflow.core.phantom.anatomy import draw_anatomy
from sctflow.core.phantom.levels import N_VERTEBRAE
from sctflow.core.phantom.sample import paint_points
from sctflow.core.phantom.spine import points
from sctflow.training.anatomy import VOXEL_MM, Anatomy

PITCH_MM = 0.75
"""Between points along the cord and from back to front."""
PLANES_MM = 2.0 * np.arange(-6, 7)
"""Where the sagittal planes lie, to the right of the cord's centre."""
BACK_MM, FRONT_MM = -70.0, 85.0
ABOVE_MM, BELOW_MM = 70.0, 70.0
"""How far above the pontomedullary junction and below the disc L5/S1 a spine is drawn."""

FIRST_NAMED = {1: "atlas", 2: "dens", 3: "axis", 25: "sacrum"}


@dataclass(frozen=True)
class Spine:
    """One spine in the frame of its cord.

    Attributes
    ----------
    codes : (planes, along, forward) uint8
        What every point is made of; planes at :data:`PLANES_MM`, rows from the bottom to the top,
        columns from back to front.
    along, forward : float
        Position of the first row along the cord and of the first column in front of it, mm.
    marks : (n, 3) float
        Landmarks: index in :data:`KINDS`, position along the cord and in front of it, mm.
    known : tuple of bool
        For each kind, whether all landmarks of the kind are given.
    is_phantom : bool
        Whether codes are those of the phantom, or classes of the packed template.
    pitch : float
        Distance between points, mm.
    """

    codes: np.ndarray
    along: float
    forward: float
    marks: np.ndarray
    known: tuple[bool, ...]
    is_phantom: bool
    pitch: float


def draw_people(n: int, seed: int) -> list[Spine]:
    """Draw phantom people; each has its own size, levels, canal, discs and surroundings."""
    return [phantom_spine(draw_anatomy(seed + i)) for i in range(n)]


def phantom_spine(person: Person) -> Spine:
    """Paint a phantom person in the frame of the cord."""
    lowest = person.levels.disc(N_VERTEBRAE) - BELOW_MM
    along = np.arange(lowest, ABOVE_MM, PITCH_MM)
    forward = np.arange(BACK_MM, FRONT_MM, PITCH_MM)
    u, s, v = np.meshgrid(PLANES_MM, along, forward, indexing="ij")
    uvs = np.stack([u, v, s], -1).reshape(-1, 3).astype(np.float32)
    codes = np.empty(len(uvs), np.uint8)
    for rows in np.array_split(np.arange(len(uvs)), max(1, len(uvs) // 300_000)):
        xyz = person.curve.to_world(uvs[rows]).astype(np.float32)
        codes[rows] = paint_points(person, uvs[rows], xyz)
    return Spine(
        codes.reshape(u.shape), lowest, BACK_MM, _marks(person), (True,) * len(KINDS), True,
        PITCH_MM,
    )  # fmt: skip


def _marks(person: Person) -> np.ndarray:
    """Landmarks of a phantom person."""
    rows = []
    for kind, value, _, v, s in points(person).itertuples(index=False):
        if kind in ("PMJ", "conus"):
            rows.append((KINDS.index(kind), s, v))
        elif kind == "disc_posterior":
            if value >= 3:
                rows.append((KINDS.index("disc"), s, v))
            if value in FIRST_NAMED:
                rows.append((KINDS.index(FIRST_NAMED[value]), s, v))
    return np.array(rows)


def template_spine(anatomy: Anatomy, discs: dict[int, tuple[float, float]]) -> Spine:
    """Cut planes along the cord out of the packed template.

    Parameters
    ----------
    anatomy : Anatomy
        From :func:`sctflow.training.anatomy.load_anatomy`.
    discs : dict
        Slice and row (voxels) of the posterior tip of each disc.
    """
    nz, ny, nx = anatomy.classes.shape
    half = round((FRONT_MM - BACK_MM) / 2 / VOXEL_MM)
    rows = np.arange(-half, half)
    y = np.rint(anatomy.centre[:, 1]).astype(int)[:, None] + rows
    z = np.arange(nz)[:, None]
    planes = []
    for offset in np.rint(PLANES_MM / VOXEL_MM).astype(int):
        x = np.rint(anatomy.centre[:, 0]).astype(int)[:, None] + offset
        plane = anatomy.classes[z, y.clip(0, ny - 1), x.clip(0, nx - 1)]
        planes.append(np.where((y >= 0) & (y < ny), plane, 0))
    marks = []
    for value, (slice_, row) in discs.items():
        place = slice_ * VOXEL_MM, (row - anatomy.centre[round(slice_), 1]) * VOXEL_MM
        if value >= 3:
            marks.append((KINDS.index("disc"), *place))
        if value in FIRST_NAMED:
            marks.append((KINDS.index(FIRST_NAMED[value]), *place))
    # Its junction and conus are not used: images made from the template are among the tests.
    known = tuple(kind not in ("PMJ", "conus") for kind in KINDS)
    return Spine(np.stack(planes), 0.0, -half * VOXEL_MM, np.array(marks), known, False, VOXEL_MM)


def load_disc_tips(template: str = "PAM50") -> dict[int, tuple[float, float]]:
    """Slice and row of the posterior tips of the template's discs."""
    import nibabel as nib
    from templateflow import api

    image = np.asanyarray(nib.load(api.get(template, desc="discsposterior")).dataobj)
    values = np.unique(image[image > 0])
    return {int(v): tuple(np.argwhere(image == v).mean(0)[[2, 1]]) for v in values}
