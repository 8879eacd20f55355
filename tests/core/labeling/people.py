"""Landmark tables and areas of phantom people as a detector and a segmentation would give them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from sctflow.core.centerline import Centerline
from sctflow.core.labeling.naming import View
from sctflow.core.phantom.anatomy import Anatomy, draw_anatomy

REGIONS = {"neck": (3.6, 7.5), "chest": (10.0, 17.0), "loin": (19.0, 21.5), "sacrum": (22.5, 23.5)}
"""Continuous vertebral levels between which the middle of the image lies."""

_MARK_LEVELS = {"atlas": 1.0, "dens": 2.0, "axis": 3.0, "sacrum": 25.0}
_FRONT_MM = 8.0


@dataclass(frozen=True)
class Faults:
    """How often and by how much the detector and the segmentation err."""

    jitter_mm: float = 0.7
    missed: float = 0.03
    false: float = 0.02
    dens_as_disc: float = 0.1
    landmark_lost: float = 0.15
    landmark_wrong: float = 0.04
    landmark_invented: float = 0.04
    head_shifted: float = 0.02
    image_area: float = 0.06
    regional_area: float = 0.05
    local_area: float = 0.04


NONE = Faults(*[0.0] * 11)


def draw_view(
    seed: int,
    region: str,
    length: float,
    *,
    faults: Faults = Faults(),
    middle: float | None = None,
    name: str = "T2w",
    image: int = 0,
) -> tuple[View, dict[int, float], Anatomy]:
    """Draw what is seen on an image of a phantom person.

    Returns
    -------
    view
        With its landmarks.
    truth
        Mm along the cord from the junction (negative) of every disc.
    anatomy
        The person.
    """
    anatomy = draw_anatomy(seed)
    rng = np.random.default_rng([seed, image, int(length), sorted(REGIONS).index(region)])
    if middle is None:
        middle = rng.uniform(*REGIONS[region])
    center = float(anatomy.levels.position(middle))
    # There is cord in every image.
    center = max(center, anatomy.levels.conus + 20.0 - 0.5 * length)
    low, high = center - 0.5 * length, center + 0.5 * length
    return _view(anatomy, low, high, rng, faults, name), _discs(anatomy), anatomy


def _discs(anatomy: Anatomy) -> dict[int, float]:
    return {value: anatomy.levels.disc(value) for value in range(1, 26)}


def _view(
    anatomy: Anatomy, low: float, high: float, rng: np.random.Generator, faults: Faults, name: str
) -> View:
    cord = np.arange(max(low, anatomy.levels.conus), min(high, 10.0), 1.0)
    points, tangents = anatomy.curve.at(cord)
    line = Centerline(
        points, tangents, cord - cord[0], np.arange(len(cord)), np.ones(len(cord), bool)
    )
    wave = _wave(rng, cord, 60.0, faults.regional_area) + _wave(rng, cord, 15.0, faults.local_area)
    area = anatomy.area(cord) * np.exp(wave + rng.normal(0, 1) * faults.image_area)
    table = pd.DataFrame({"slice": line.slices, **dict(zip("xyz", points.T, strict=True))})
    marks = _marks(anatomy, low, high, rng, faults)
    return View(name, _table(anatomy, marks), table.assign(area=area), line)


def _wave(rng: np.random.Generator, s: np.ndarray, length: float, sd: float) -> np.ndarray:
    """Smooth noise along the cord."""
    noise = gaussian_filter1d(rng.normal(size=len(s) + 400), length / 2.0, mode="wrap")
    return sd * (noise / noise.std())[: len(s)]


def _marks(
    anatomy: Anatomy, low: float, high: float, rng: np.random.Generator, faults: Faults
) -> list[dict]:
    def confidence(mean: float) -> float:
        return float(np.clip(rng.normal(mean, 0.07), 0.3, 1.0))

    discs = _discs(anatomy)
    inside = {v: s for v, s in discs.items() if v >= 3 and low + 3 < s < high - 3}
    rows = []
    for value, s in inside.items():
        if rng.random() < faults.missed:
            if value - 1 in inside and value + 1 in inside and rng.random() < 0.7:
                place = 0.5 * (inside[value - 1] + inside[value + 1])
                rows.append({"kind": "disc", "s": place, "confidence": 0.2, "inferred": 1})
            continue
        at = s + rng.normal(0, 1) * faults.jitter_mm
        rows.append({"kind": "disc", "s": at, "confidence": confidence(0.92)})
        if rng.random() < faults.false:
            rows.append({"kind": "disc", "s": at - 9.0, "confidence": rng.uniform(0.3, 0.8)})
    if 3 in inside and rng.random() < faults.dens_as_disc:
        at = discs[3] + rng.uniform(7, 11)
        rows.append({"kind": "disc", "s": at, "confidence": rng.uniform(0.3, 0.9)})
    places = {kind: anatomy.levels.position(level) for kind, level in _MARK_LEVELS.items()}
    if rng.random() < faults.head_shifted:
        # All that is seen of C1 and C2 is taken one vertebra too low or too high.
        step = int(rng.choice([-1, 1]))
        for kind in ("atlas", "dens", "axis"):
            places[kind] = anatomy.levels.position(_MARK_LEVELS[kind] + step)
    places |= {"PMJ": 0.0, "conus": anatomy.levels.conus}
    for kind, s in places.items():
        seen = low + 2 < s < high - 2
        wrong = rng.random() < (faults.landmark_wrong if seen else faults.landmark_invented)
        if seen and rng.random() < faults.landmark_lost:
            continue
        if wrong:
            s = _wrong_place(kind, s, list(discs.values()), low, high, rng)
            rows.append({"kind": kind, "s": s, "confidence": rng.uniform(0.4, 0.95)})
        elif seen:
            at = float(s) + rng.normal(0, 2.0) * faults.jitter_mm
            rows.append({"kind": kind, "s": at, "confidence": confidence(0.85)})
    return rows


def _wrong_place(
    kind: str, s: float, discs: list[float], low: float, high: float, rng: np.random.Generator
) -> float:
    """Somewhere in view; what looks like a disc, at a disc nearby."""
    near = sorted((d for d in discs if low < d < high), key=lambda d: abs(d - s))
    if kind in ("axis", "sacrum", "dens") and len(near) > 2:
        return near[int(rng.integers(1, 3))]
    return float(rng.uniform(low, high))


def _table(anatomy: Anatomy, rows: list[dict]) -> pd.DataFrame:
    columns = ["kind", "s", "confidence", "inferred"]
    table = pd.DataFrame(rows, columns=columns).fillna({"inferred": 0})
    points, tangents = anatomy.curve.at(table["s"].to_numpy(float))
    front = np.cross(tangents, [1.0, 0.0, 0.0])
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    world = points + _FRONT_MM * front
    table = table.assign(**dict(zip("xyz", world.T, strict=True)))
    return table.sort_values("s", ascending=False).astype({"inferred": int})


def verdict(discs: pd.DataFrame, anatomy: Anatomy) -> tuple[int, int]:
    """Count named discs that are right, and those that are wrong, by the nearest true disc."""
    true = np.array(list(_discs(anatomy).values()))
    points = anatomy.curve.at(true)[0]
    right = wrong = 0
    for _, row in discs[(discs["value"] > 0) & (discs["value"] < 26)].iterrows():
        off = np.linalg.norm(points - row[["x", "y", "z"]].to_numpy(float), axis=1)
        own = off[row["value"] - 1]
        if row["inferred"] or own < off.min() + 3.0:
            right += own < 18.0
            wrong += own >= 18.0
        else:
            wrong += int(np.sqrt(max(off.min() ** 2 - _FRONT_MM**2, 0)) < 4.0)
    return int(right), int(wrong)
