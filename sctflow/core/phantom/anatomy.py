"""One person's spine and cord: everything the phantom is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sctflow.core.cord_curve import STEP, CordCurve
from sctflow.core.phantom import dimensions as dims
from sctflow.core.phantom.curve import make_curve
from sctflow.core.phantom.dimensions import Compression
from sctflow.core.phantom.levels import N_VERTEBRAE, Levels, make_levels
from sctflow.core.phantom.outline import half_axes, unit_area


@dataclass(frozen=True)
class Lesion:
    """An ellipsoid in the cord's frame; only what lies in the cord is lesion."""

    level: float
    """Continuous vertebral level of the centre."""
    right: float
    """Centre, in half widths of the cord to the right."""
    front: float
    """Centre, in half depths of the cord to the front."""
    radii: tuple[float, float, float]
    """Half axes in mm: right-left, front-back, along the cord."""


@dataclass(frozen=True)
class Body:
    """What surrounds the spine; lengths as factors of an average adult."""

    neck: float = 1.0
    fat: float = 1.0
    """Thickness of the fat under the skin."""
    muscle: float = 1.0
    head_size: float = 1.0
    degeneration: np.ndarray = field(default_factory=lambda: np.zeros(N_VERTEBRAE))
    """(25,) of the disc above each vertebra: 0 healthy, 1 dark and half as high."""


class Station(NamedTuple):
    """The anatomy at positions along the cord; arrays of one shape, lengths in mm."""

    level: np.ndarray
    """Continuous vertebral level, `Levels.vertebral`."""
    spinal: np.ndarray
    """Continuous spinal level, `Levels.spinal_level`."""
    half_width: np.ndarray
    """Of the cord; 0 below the conus."""
    half_depth: np.ndarray
    canal_half_width: np.ndarray
    """Of the dural sac."""
    canal_half_depth: np.ndarray
    canal_right: np.ndarray
    """Centre of the dural sac to the right of the cord's centre."""
    canal_forward: np.ndarray
    """Centre of the dural sac in front of the cord's centre."""
    pressed: np.ndarray
    """By how much a compression pushes the sac's front wall backwards."""


@dataclass(frozen=True)
class Anatomy:
    """One person. Made by `make_anatomy` or `draw_anatomy`."""

    levels: Levels
    curve: CordCurve
    table: np.ndarray
    """(n, len(Station._fields)) float32: stations at the arc lengths of `curve.s`."""
    lesions: tuple[Lesion, ...]
    compressions: tuple[Compression, ...]
    body: Body
    seed: int
    """Of the small irregularities that painters add (vessels, fat lobules)."""

    def at(self, s: np.ndarray) -> Station:
        """Stations at arc lengths s (mm), linearly between the table's rows."""
        index = np.clip((np.asarray(s) - self.curve.start) / STEP, 0, len(self.table) - 1.001)
        low = index.astype(np.intp)
        part = (index - low).astype(self.table.dtype)
        columns = self.table.T
        return Station(*(c[low] + part * (c[low + 1] - c[low]) for c in columns))

    def area(self, s: np.ndarray) -> np.ndarray:
        """Area in mm2 of the cord's cross-section at arc lengths s, exactly as it is drawn."""
        station = self.at(s)
        return unit_area() * station.half_width * station.half_depth


def make_anatomy(
    *,
    scale: float = 1.0,
    heights: np.ndarray | None = None,
    conus: float = 20.9,
    cord_size: float = 1.0,
    cord_ratio: float = 1.0,
    canal_size: float = 1.0,
    canal_shift: tuple[float, float] = (0.0, 0.0),
    straight: bool = False,
    bend: float = 1.0,
    head_tilt: float = 0.0,
    scoliosis: float = 0.0,
    lesions: tuple[Lesion, ...] = (),
    compressions: tuple[Compression, ...] = (),
    body: Body | None = None,
    seed: int = 0,
) -> Anatomy:
    """Make one person; without arguments, an average adult.

    Parameters
    ----------
    scale, heights, conus
        Lengths along the spine, see `make_levels`.
    cord_size, cord_ratio
        Factors of the cord's area and of its depth-to-width ratio.
    canal_size
        Factor of the dural sac's area.
    canal_shift
        mm by which the sac's centre lies more to the right and to the front of the cord.
    straight, bend, head_tilt, scoliosis
        Shape of the spine, see `make_curve`.
    lesions, compressions
        What is wrong with the cord.
    body
        Surroundings; average by default.
    seed
        Of small irregularities of the surroundings.
    """
    levels = make_levels(scale=scale, heights=heights, conus=conus)
    curve = make_curve(
        levels, straight=straight, bend=bend, head_tilt=head_tilt, scoliosis=scoliosis
    )
    s = curve.s
    half_width, half_depth = half_axes(
        cord_size * dims.cord_area(levels, s), cord_ratio * dims.cord_ratio(levels, s)
    )
    wide, deep = dims.squeeze(levels, compressions, s)
    area, ratio = canal_size * dims.canal_area(levels, s), dims.canal_ratio(levels, s)
    station = Station(
        level=levels.vertebral(s),
        spinal=levels.spinal_level(s),
        half_width=half_width * wide,
        half_depth=half_depth * deep,
        canal_half_width=np.sqrt(area / (np.pi * ratio)),
        canal_half_depth=np.sqrt(area * ratio / np.pi),
        canal_right=np.full_like(s, canal_shift[0]),
        canal_forward=canal_shift[1] + dims.canal_forward(levels, s),
        pressed=_pressed(half_depth, deep, area, ratio),
    )
    table = np.stack(station, 1).astype(np.float32)
    return Anatomy(levels, curve, table, lesions, compressions, body or Body(), seed)


def draw_anatomy(
    seed: int,
    *,
    straight: bool = False,
    scoliosis: float = 0.0,
    n_lesions: int = 0,
    compressions: tuple[Compression, ...] = (),
) -> Anatomy:
    """Draw a person at random; the same seed gives the same person.

    Spreads are those of healthy adults: 11 % of the cord's area (Valošek, Bédard et al. 2024),
    6 % of the spine's length, 4 % between neighbouring vertebrae, conus T12 to L2.
    """
    rng = np.random.default_rng([seed, 41])
    body = Body(
        neck=float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.15)),
        fat=float(np.clip(rng.lognormal(0.0, 0.35), 0.5, 2.2)),
        muscle=float(np.clip(rng.normal(1.0, 0.08), 0.8, 1.2)),
        head_size=float(np.clip(rng.normal(1.0, 0.03), 0.93, 1.07)),
        degeneration=np.clip(rng.gamma(1.2, 0.18, N_VERTEBRAE), 0.0, 1.0),
    )
    return make_anatomy(
        scale=float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14)),
        heights=np.clip(rng.normal(1.0, 0.04, N_VERTEBRAE), 0.88, 1.12),
        conus=float(np.clip(rng.normal(20.8, 0.6), 19.2, 22.5)),
        cord_size=float(np.clip(rng.normal(1.0, 0.11), 0.72, 1.3)),
        cord_ratio=float(np.clip(rng.normal(1.0, 0.05), 0.87, 1.13)),
        canal_size=float(np.clip(rng.normal(1.0, 0.13), 0.75, 1.3)),
        canal_shift=(float(rng.normal(0.0, 0.4)), float(rng.normal(0.0, 0.4))),
        straight=straight,
        bend=float(np.clip(rng.normal(1.0, 0.3), 0.3, 1.7)),
        head_tilt=float(np.clip(rng.normal(0.0, 5.0), -10.0, 10.0)),
        scoliosis=scoliosis or float(rng.normal(0.0, 1.5)),
        lesions=tuple(_draw_lesion(rng) for _ in range(n_lesions)),
        compressions=compressions,
        body=body,
        seed=seed,
    )


def _draw_lesion(rng: np.random.Generator) -> Lesion:
    """Like those of multiple sclerosis: in the neck, mostly lateral or dorsal, 1-2 levels long."""
    angle = rng.uniform(-0.2 * np.pi, 1.2 * np.pi)  # 0 to the right, pi / 2 to the back
    return Lesion(
        level=float(rng.uniform(2.5, 7.0)),
        right=float(0.55 * np.cos(angle)),
        front=float(-0.55 * np.sin(angle)),
        radii=(
            float(rng.uniform(1.2, 2.6)),
            float(rng.uniform(1.0, 2.0)),
            float(rng.uniform(4.0, 12.0)),
        ),
    )


def _pressed(
    half_depth: np.ndarray, deep: np.ndarray, area: np.ndarray, ratio: np.ndarray
) -> np.ndarray:
    """Displacement of the sac's front wall that leaves as much CSF before the cord as it can."""
    # The cord's centre stays where it is, so its front gives way by half of what it loses.
    lost = half_depth * (1.0 - deep)
    before = np.maximum(np.sqrt(area * ratio / np.pi) - half_depth, 0.0)
    # What presses must first cross the CSF in front of the cord.
    return np.where(lost > 0, lost + before * np.minimum(lost / 0.5, 1.0), 0.0)
