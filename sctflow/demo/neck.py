"""A neck written down as formulae: signal and cord fraction at any point in space.

Vertebrae C2 to T1, cord, CSF, arches, muscles, fat, vessels and airway are ellipses around a
curved centreline, painted over each other from the skin inwards. Lengths are in mm, world
coordinates are RAS with the origin in the cord at mid-height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Relative signal of each tissue; 1 is the CSF of a T2w image.
SIGNAL = {
    "T2w": {
        "fat": 0.62,
        "muscle": 0.15,
        "soft": 0.28,
        "marrow": 0.33,
        "cortical": 0.04,
        "nucleus": 0.42,
        "annulus": 0.09,
        "ligament": 0.10,
        "vessel": 0.05,
        "epidural": 0.50,
        "dura": 0.12,
        "csf": 1.00,
        "root": 0.55,
        "white": 0.40,
        "gray": 0.47,
    },
    "T2star": {
        "fat": 0.42,
        "muscle": 0.42,
        "soft": 0.48,
        "marrow": 0.20,
        "cortical": 0.06,
        "nucleus": 0.80,
        "annulus": 0.45,
        "ligament": 0.22,
        "vessel": 0.95,
        "epidural": 0.45,
        "dura": 0.40,
        "csf": 0.95,
        "root": 0.70,
        "white": 0.56,
        "gray": 0.73,
    },
}

_HALF_HEIGHT = 55.0  # mm, of the field of view, which is centred on the world's origin


@dataclass(frozen=True)
class Anatomy:
    """Lengths in mm that differ between participants."""

    cord_width: float
    cord_depth: float
    canal_width: float
    canal_depth: float
    lordosis: float
    bow: float
    vertebra_height: float
    level_offset: float
    neck_depth: float
    tilt: float
    """Angle in degrees by which the axial slices are tilted forwards."""

    def cord_axes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Half axes (right-left, front-back) of the cord at the height `z` in mm.

        The enlargement of the lower neck is mostly one of width.
        """
        swell = np.exp(-(((z + 12.0) / 28.0) ** 2))
        return (
            0.5 * self.cord_width * (1.0 + 0.07 * swell),
            0.5 * self.cord_depth * (1.0 + 0.02 * swell),
        )

    def center(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cord centre (x, y) in mm at the height `z`: a neck that is bent forwards."""
        t = z / _HALF_HEIGHT
        return self.bow * np.sin(1.3 * t + 0.4), self.lordosis * (0.4 - t**2 + 0.25 * t)


def make_anatomy(participant: int, *, seed: int = 0) -> Anatomy:
    """Draw the anatomy of participant number `participant` (counted from 1)."""
    rng = np.random.default_rng([seed, participant])
    scale = rng.uniform(0.94, 1.06)
    return Anatomy(
        cord_width=12.3 * scale,
        cord_depth=7.6 * scale * rng.uniform(0.97, 1.03),
        canal_width=rng.uniform(21.0, 23.5),
        canal_depth=rng.uniform(12.8, 14.5),
        lordosis=rng.uniform(4.0, 9.0),
        bow=rng.uniform(-1.5, 1.5),
        vertebra_height=rng.uniform(16.0, 17.5),
        level_offset=rng.uniform(0.0, 16.0),
        neck_depth=rng.uniform(106.0, 116.0),
        tilt=rng.uniform(3.0, 9.0) if participant % 2 == 0 else 0.0,
    )


class Canvas:
    """Paints tissues over each other; `edge` mm is the width over which a border is blurred."""

    def __init__(self, shape: tuple[int, ...], edge: float) -> None:
        self.signal = np.zeros(shape, np.float32)
        self.edge = np.float32(edge)

    def cover(self, distance: np.ndarray) -> np.ndarray:
        """Fraction of a voxel inside a border, from the signed distance (negative inside)."""
        return np.clip(0.5 - distance / self.edge, 0.0, 1.0)

    def ellipse(self, u: np.ndarray, v: np.ndarray, a: object, b: object) -> np.ndarray:
        """Cover of the ellipse with half axes a, b (first-order distance)."""
        inner = np.sqrt((u / a) ** 2 + (v / b) ** 2) + np.float32(1e-6)
        slope = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2) + np.float32(1e-6)
        return self.cover(inner * (inner - 1.0) / slope)

    def paint(self, cover: np.ndarray, value: float) -> None:
        """Lay a tissue of signal `value` over what is there."""
        self.signal += cover * (np.float32(value) - self.signal)


def draw(
    anatomy: Anatomy,
    tissue: dict[str, float],
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    *,
    edge: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Signal and cord fraction at world positions (mm), from the skin inwards."""
    # Cross-sections are perpendicular to the centreline: to first order, the height on the
    # centreline that belongs to a point in front of it rises with the slope of the line.
    step = 0.5
    slope = (anatomy.center(z + step)[1] - anatomy.center(z - step)[1]) / (2 * step)
    height = z + slope * (y - anatomy.center(z)[1])
    center_x, center_y = anatomy.center(height)
    u = (x - center_x).astype(np.float32)
    v = ((y - center_y) * np.sqrt(1.0 + slope**2)).astype(np.float32)
    height = height.astype(np.float32)

    canvas = Canvas(x.shape, edge)
    _draw_neck(canvas, anatomy, tissue, x.astype(np.float32), y.astype(np.float32), u, v)
    _draw_spine(canvas, anatomy, tissue, u, v, height)
    return canvas.signal, _draw_canal(canvas, anatomy, tissue, u, v, height)


def _draw_neck(
    canvas: Canvas,
    anatomy: Anatomy,
    tissue: dict[str, float],
    x: np.ndarray,
    y: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
) -> None:
    """Skin, fat, muscles in layers, vessels, gullet and airway."""
    depth = 0.5 * anatomy.neck_depth
    canvas.paint(canvas.ellipse(x, y - 2.0, 62.0, depth), tissue["soft"])
    canvas.paint(canvas.ellipse(x, y - 2.0, 60.5, depth - 1.5), tissue["fat"])
    canvas.paint(canvas.ellipse(x, y - 2.0, 56.0, depth - 6.5), tissue["muscle"])
    side = np.abs(u)
    # Fat between the layers of the muscles of the neck, and the ligament between their halves.
    for radius in (27.0, 35.0, 43.0):
        shell = np.abs(np.hypot(u, 0.9 * (v + 4.0)) - radius) - 0.7
        canvas.paint(canvas.cover(shell) * canvas.cover(v + 6.0), 0.75 * tissue["fat"])
    midline = canvas.cover(np.abs(v + 34.0) - 13.0)
    canvas.paint(canvas.cover(side - 1.2) * midline, 0.8 * tissue["fat"])
    canvas.paint(canvas.cover(side - 0.5) * midline, tissue["ligament"])
    # In front: fat with the sternomastoid, gullet, airway, great vessels.
    canvas.paint(canvas.ellipse(u, v - 36.0, 36.0, 13.0), 0.6 * tissue["fat"])
    canvas.paint(canvas.ellipse(side - 33.0, v - 24.0, 9.0, 13.0), tissue["muscle"])
    canvas.paint(canvas.ellipse(side - 7.5, v - 24.0, 7.0, 3.0), tissue["muscle"])
    canvas.paint(canvas.ellipse(side - 12.0, v - 36.0, 9.0, 9.0), tissue["soft"])
    canvas.paint(canvas.ellipse(u, v - 29.0, 8.0, 2.6), tissue["soft"])
    canvas.paint(canvas.ellipse(u, v - 39.0, 8.5, 7.5), tissue["cortical"])
    canvas.paint(canvas.ellipse(u, v - 39.0, 7.3, 6.3), 0.0)
    canvas.paint(canvas.ellipse(side - 24.0, v - 24.0, 3.2, 3.2), tissue["vessel"])
    canvas.paint(canvas.ellipse(side - 30.0, v - 30.0, 5.0, 3.6), tissue["vessel"])


def _draw_spine(
    canvas: Canvas,
    anatomy: Anatomy,
    tissue: dict[str, float],
    u: np.ndarray,
    v: np.ndarray,
    height: np.ndarray,
) -> None:
    """Vertebral bodies, discs, joints, arches and spinous processes."""
    side = np.abs(u)
    unit = anatomy.vertebra_height
    half_disc = 2.3
    level = (height - anatomy.level_offset) / unit
    # w: height in mm above the middle of the body of the vertebra at hand.
    w = (level - np.floor(level) - 0.5) * unit
    half_body = 0.5 * unit - half_disc
    front = 0.5 * anatomy.canal_depth
    waist = 1.0 - 0.07 * np.cos(0.5 * np.pi * np.clip(w / half_body, -1, 1))

    body = canvas.ellipse(u, v - front - 8.6, 12.5 * waist, 8.8 * waist)
    canvas.paint(body, tissue["cortical"])
    shell = canvas.ellipse(u, v - front - 8.6, 11.4 * waist, 7.7 * waist)
    canvas.paint(shell * canvas.cover(np.abs(w) - half_body + 0.6), tissue["marrow"])
    disc = canvas.cover(half_body - np.abs(w) + 0.4)
    canvas.paint(body * disc, tissue["annulus"])
    nucleus = canvas.ellipse(u, v - front - 8.0, 8.0, 4.8)
    canvas.paint(nucleus * canvas.cover(half_body - np.abs(w) + 1.2), tissue["nucleus"])

    # Joints beside the canal, with the vertebral arteries in front of them.
    canvas.paint(canvas.ellipse(side - 19.0, v + 2.0, 6.5, 7.5), tissue["cortical"])
    joint = canvas.cover(np.abs(w) - 0.5 * unit + 1.0)
    canvas.paint(canvas.ellipse(side - 19.0, v + 2.0, 5.2, 6.2) * joint, tissue["marrow"])
    canvas.paint(canvas.ellipse(side - 16.0, v - 8.5, 3.4, 3.4), tissue["fat"])
    canvas.paint(canvas.ellipse(side - 16.0, v - 8.5, 2.3, 2.3), tissue["vessel"])

    # Arch: between arches there is ligament. The laminae meet behind the canal.
    a, b = 0.5 * anatomy.canal_width, front
    behind = canvas.cover(v - 1.0)
    arch = canvas.ellipse(u, v + 1.5, a + 5.0, b + 5.5) * behind
    canvas.paint(arch, tissue["ligament"])
    bony = canvas.cover(np.abs(w + 1.5) - 0.5 * unit + 4.0)
    canvas.paint(arch * bony, tissue["cortical"])
    lamina = canvas.ellipse(u, v + 1.5, a + 3.9, b + 4.4) * behind
    canvas.paint(lamina * canvas.cover(np.abs(w + 1.5) - 0.5 * unit + 5.0), tissue["marrow"])

    # Spinous processes slope downwards; longest at the lower end.
    length = 17.0 + 9.0 / (1.0 + np.exp((height + 30.0) / 6.0))
    out = -(v + b + 4.0)
    drop = w + 1.0 + 0.35 * out
    drop -= unit * np.round(drop / unit)
    thick = 2.6 + 0.06 * out
    along = np.maximum(out - length, -out - 2.0)
    process = np.maximum(np.maximum(side - thick, np.abs(drop) - 3.8), along)
    canvas.paint(canvas.cover(process), tissue["cortical"])
    canvas.paint(canvas.cover(process + 1.1), tissue["marrow"])


def _draw_canal(
    canvas: Canvas,
    anatomy: Anatomy,
    tissue: dict[str, float],
    u: np.ndarray,
    v: np.ndarray,
    height: np.ndarray,
) -> np.ndarray:
    """Epidural fat, dura, CSF with nerve roots, and the cord; returns the cord's cover."""
    side = np.abs(u)
    a, b = 0.5 * anatomy.canal_width, 0.5 * anatomy.canal_depth
    canvas.paint(canvas.ellipse(u, v, a, b), tissue["ligament"])
    canvas.paint(canvas.ellipse(u, v + 0.3, a - 0.6, b - 0.6), tissue["epidural"])
    canvas.paint(canvas.ellipse(u, v - 0.3, a - 1.4, b - 0.9), tissue["dura"])
    canvas.paint(canvas.ellipse(u, v - 0.3, a - 1.8, b - 1.3), tissue["csf"])

    half_width, half_depth = anatomy.cord_axes(height)
    for back in (-1.0, 1.0):
        line = np.abs(v - back * (1.6 - 0.12 * (side - half_width))) - 0.35
        within = canvas.cover(half_width - 1.0 - side) * canvas.cover(side - a + 2.2)
        canvas.paint(canvas.cover(line) * within, tissue["root"])

    cord = canvas.ellipse(u, v, half_width, half_depth)
    canvas.paint(cord, tissue["white"])
    fissure = canvas.cover(np.maximum(side - 0.25, 0.62 * half_depth - v))
    canvas.paint(cord * fissure, 0.5 * (tissue["csf"] + tissue["white"]))

    # Gray matter, in units of the half axes: ventral horns, slender dorsal horns, commissure.
    p, q = side / half_width, v / half_depth
    scale = np.float32(0.5) * (half_width + half_depth)
    lean = p - 0.36 - 0.10 * (q + 0.1)
    gray = canvas.ellipse((p - 0.32) * scale, (q - 0.22) * scale, 0.17 * scale, 0.30 * scale)
    dorsal = np.maximum(np.abs(lean) - 0.075, np.abs(q + 0.25) - 0.42) * scale
    bridge = np.maximum(p - 0.34, np.abs(q - 0.05) - 0.09) * scale
    gray = np.maximum(np.maximum(gray, canvas.cover(dorsal)), canvas.cover(bridge))
    canvas.paint(cord * gray, tissue["gray"])
    return cord
