"""The cord's outline: an oval with a groove in front and a shallower one behind."""

from __future__ import annotations

from functools import cache

import numpy as np

# The cord is a little squarer than an ellipse (exponent 2).
_EXPONENT = 2.2
# Depth and width of the grooves, in half depths and half widths of the cord.
_FRONT = (0.10, 0.10)
_BACK = (0.05, 0.09)


def edges(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Front (positive) and back (negative) edge at the place p across, in half depths.

    `p` is in half widths; both edges are 0 for |p| >= 1.
    """
    oval = np.clip(1.0 - np.abs(p) ** _EXPONENT, 0.0, None) ** (1.0 / _EXPONENT)
    front = oval * (1.0 - _FRONT[0] * np.exp(-((p / _FRONT[1]) ** 2)))
    back = oval * (1.0 - _BACK[0] * np.exp(-((p / _BACK[1]) ** 2)))
    return front, -back


def inside(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Whether points, in half widths p and half depths q, lie inside the cord."""
    front, back = edges(p)
    return (q < front) & (q > back)


@cache
def unit_area() -> float:
    """Area of the outline whose half width and half depth are 1 (pi for an ellipse)."""
    # Gauss-Legendre in t with p = sin(t): the edges are smooth in t, also where they meet.
    t, weight = np.polynomial.legendre.leggauss(400)
    t, weight = t * np.pi / 2, weight * np.pi / 2
    front, back = edges(np.sin(t))
    return float(np.sum(weight * np.cos(t) * (front - back)))


def half_axes(area: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half width and half depth in mm of the cord with an area (mm2) and depth-to-width ratio."""
    half_width = np.sqrt(area / (unit_area() * ratio))
    return half_width, half_width * ratio


def half_width_at(q: np.ndarray) -> np.ndarray:
    """Half width of the cord, without its grooves, at the place q before or behind its centre."""
    return np.clip(1.0 - np.abs(q) ** _EXPONENT, 0.0, None) ** (1.0 / _EXPONENT)
