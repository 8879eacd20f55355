"""Simple shapes that the painters share: how deep points lie inside them, and irregularities."""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.codes import Tissue

_AVERAGE_SEED = 0


def depth_in_ellipse(
    x: np.ndarray, y: np.ndarray, a: np.ndarray | float, b: np.ndarray | float
) -> np.ndarray:
    """Depth in mm below the rim of the ellipse with half axes a, b; negative outside.

    Exact to first order in the distance from the rim, and at least half an axis off it at most.
    """
    p, q = x / a, y / b
    radius = np.sqrt(p * p + q * q)
    slope = np.hypot(p / a, q / b)
    return radius * (1.0 - radius) / np.maximum(slope, 1e-6) + (radius < 0.05) * 0.5 * (a + b)


def depth_in_tube(
    points: tuple[np.ndarray, np.ndarray, np.ndarray],
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radius: float,
) -> np.ndarray:
    """Depth in mm below the surface of a straight tube with round ends; exact."""
    axis = np.subtract(end, start)
    away = [p - float(c) for p, c in zip(points, start, strict=True)]
    along = sum(p * float(c) for p, c in zip(away, axis, strict=True)) / float(axis @ axis)
    along = np.clip(along, 0.0, 1.0)
    distance = sum((p - along * float(c)) ** 2 for p, c in zip(away, axis, strict=True))
    return radius - np.sqrt(distance)


def turned(x: np.ndarray, y: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along axes that are turned counter-clockwise by an angle."""
    cos, sin = float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
    return x * cos + y * sin, y * cos - x * sin


def lay(
    codes: np.ndarray, depth: np.ndarray, tissue: Tissue, *, rim: Tissue, width: float
) -> None:
    """Paint what has positive depth: with `rim` down to `width` mm, with `tissue` below."""
    codes[depth > 0] = rim
    codes[depth > width] = tissue


def depth_in_corner(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Depth in mm below two faces at a right angle whose edge is rounded; exact near the faces.

    `x` and `y` are the depths below either face. Deeper than the radius it is the radius.
    """
    edge = np.hypot(np.maximum(radius - x, 0.0), np.maximum(radius - y, 0.0))
    return radius - edge


def lay_bone(codes: np.ndarray, depth: np.ndarray, *, width: float) -> None:
    """Paint marrow in a shell of compact bone; pieces that overlap become one bone.

    Their shells are left out inside each other, so that no wall shows where they meet.
    """
    codes[(depth > 0) & (codes != Tissue.MARROW)] = Tissue.CORTICAL_BONE
    codes[depth > width] = Tissue.MARROW


def irregular(
    seed: int,
    stream: int,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    *,
    size: float,
    finer: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth displacement (right, forwards) in mm that makes no two people alike.

    Parameters
    ----------
    seed
        Of the person. The average person, seed 0, has both sides alike.
    stream
        Tells apart the displacements of one person.
    u, v, s
        (n,) mm.
    size
        Standard deviation in mm of either displacement, roughly.
    finer
        Factor by which the waves are shorter than some 40 to 70 mm across and 70 to 130 mm along.
    """
    rng = np.random.default_rng([seed, 43, stream])
    skew = 0.0 if seed == _AVERAGE_SEED else 0.5
    phases = rng.uniform(0.0, 2.0 * np.pi, 8).astype(np.float32)
    waves = (finer / rng.uniform((7.0, 6.0, 12.0) * 2, (11.0, 9.0, 20.0) * 2)).astype(np.float32)
    side = np.abs(u)
    first = np.sin(waves[0] * side + waves[1] * v + waves[2] * s + phases[0])
    second = np.sin(waves[3] * side - waves[4] * v + waves[5] * s + phases[1])
    away = np.float32(size) * np.sign(u) * first * np.minimum(side / 4.0, 1.0)
    forward = np.float32(size) * second
    if skew:
        third = np.sin(waves[0] * u + waves[5] * s + phases[2])
        away = away + np.float32(skew * size) * third
        forward = forward + np.float32(skew * size) * np.sin(waves[3] * u + phases[3]) * third
    return away, forward
