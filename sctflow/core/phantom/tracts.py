"""White-matter tracts and parts of the gray matter in the cord's cross-section.

The tracts are laid out once, on the section of spinal level C3, as in Standring, Gray's Anatomy
(41st ed., ch. 20) and in the atlas of Lévy et al. 2015 (doi 10.1016/j.neuroimage.2015.06.040),
whose areas they have to about a quarter. Other levels are that section pulled along with the gray
matter, so that no tract is lost where the horns grow. Only the fasciculus cuneatus ends: it
holds what enters above T7.
"""

from __future__ import annotations

import numpy as np

from sctflow.core.phantom.gray import Section, section

# Left regions of the atlas; the right ones follow each.
_GRACILIS, _CUNEATUS, _CORTICOSPINAL, _SPINOCEREBELLAR = 0, 2, 4, 6
_VENTRAL_HORN, _INTERMEDIATE, _DORSAL_HORN = 30, 32, 34

# The remaining tracts share the lateral and ventral funiculi as weighted nearest neighbours of
# seeds: region, place of the seed (half widths p, half depths q of the C3 section) and weight
# (squared half widths).
_SEEDS = (
    (4, 0.640, -0.40, 0.000),
    (8, 0.640, 0.13, -0.006),
    (10, 0.380, 0.05, -0.074),
    (12, 0.700, 0.48, 0.057),
    (14, 0.620, 0.82, 0.078),
    (16, 0.360, 0.72, 0.063),
    (18, 0.340, 0.84, 0.084),
    (20, 0.320, 0.98, 0.098),
    (22, 0.050, 0.75, 0.105),
    (24, 0.170, 0.75, 0.097),
    (26, 0.120, 0.48, 0.104),
    (28, 0.040, 0.36, 0.106),
)
# The last two lie in the depth of the fissure, where only the horn parts them from the side.
_BESIDE_FISSURE, _NEVER = slice(-2, None), np.float32(9.0)
_RATIO = 0.63  # depth to width of the cord at C3
_REGIONS = np.array([seed[0] for seed in _SEEDS], np.uint8)

# The ventral spinocerebellar tract is a crescent on the surface: thickest in its middle.
_CRESCENT_Q, _CRESCENT_LENGTH, _CRESCENT_DEPTH = -0.10, 0.62, 0.26
# Where the gray matter is divided: q at the midline, and its rise per half width.
_ABOVE_INTERMEDIATE, _BELOW_INTERMEDIATE = (0.27, 0.05), (-0.16, 0.10)

# Part of the dorsal column's width that is gracilis, by continuous spinal level: half of it where
# the fibres of the arm join, all of it from T7 down.
_GRACILIS_LEVEL = np.array([1.0, 3.5, 5.5, 8.0, 10.0, 12.0, 13.5, 15.0, 15.6])
_GRACILIS_PART = np.array([0.40, 0.41, 0.44, 0.47, 0.53, 0.64, 0.76, 0.92, 1.01])


def regions(p: np.ndarray, q: np.ndarray, spinal: np.ndarray) -> np.ndarray:
    """Atlas region (0 to 35) of points in the cord.

    Parameters
    ----------
    p, q
        (n,) float32: half widths to the right and half depths to the front of the cord's centre.
    spinal
        (n,) float32, continuous spinal level.

    Returns
    -------
    ndarray
        (n,) uint8. Points outside the cord get the region that is nearest by.
    """
    across = np.abs(p)
    here = section(q, spinal)
    gray = (across >= here.inner) & (across < here.outer)
    dorsal = (across < here.inner) & (here.q < 0.15)
    found = np.empty(len(p), np.uint8)
    chosen = np.flatnonzero(gray)
    found[chosen] = _gray_part(across[chosen], here.q[chosen])
    chosen = np.flatnonzero(dorsal)
    found[chosen] = _dorsal_column(across[chosen], here.inner[chosen], spinal[chosen])
    chosen = np.flatnonzero(~(gray | dorsal))
    found[chosen] = _other_funiculi(across[chosen], _take(here, chosen))
    return found + (p > 0)


def _gray_part(across: np.ndarray, q: np.ndarray) -> np.ndarray:
    ventral = q > _ABOVE_INTERMEDIATE[0] + _ABOVE_INTERMEDIATE[1] * across
    dorsal = q < _BELOW_INTERMEDIATE[0] + _BELOW_INTERMEDIATE[1] * across
    parts = np.array([_INTERMEDIATE, _VENTRAL_HORN, _DORSAL_HORN], np.uint8)
    return parts[ventral + 2 * dorsal]


def _dorsal_column(across: np.ndarray, inner: np.ndarray, spinal: np.ndarray) -> np.ndarray:
    part = np.interp(spinal, _GRACILIS_LEVEL, _GRACILIS_PART)
    return np.where(across < part * inner, np.uint8(_GRACILIS), np.uint8(_CUNEATUS))


def _other_funiculi(across: np.ndarray, here: Section) -> np.ndarray:
    p = _reference_place(across, here)
    nearness = _nearness(p, here.q)
    nearness[_BESIDE_FISSURE] -= _NEVER * (across >= here.outer)
    nearest = _REGIONS[np.argmax(nearness, axis=0)]
    depth = 1.0 - (p * p + here.q * here.q - 0.26 * (p * here.q) ** 2)
    along = (here.q - _CRESCENT_Q) / _CRESCENT_LENGTH
    on_surface = depth < _CRESCENT_DEPTH * (1.0 - along * along)
    nearest[on_surface & (p > here.reference_outer)] = _SPINOCEREBELLAR
    return nearest


def _nearness(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Weight of each seed less its squared distance, but for a term all share; (seeds, n)."""
    seeds = np.array([seed[1:] for seed in _SEEDS], np.float32)
    x, y, weight = seeds[:, 0], seeds[:, 1] * np.float32(_RATIO), seeds[:, 2]
    linear = np.stack([2 * x, 2 * y * np.float32(_RATIO)], 1)
    return linear @ np.stack([p, q]) + (weight - x * x - y * y)[:, None]


def _reference_place(across: np.ndarray, here: Section) -> np.ndarray:
    """Place across the reference section, with the edges of the gray matter laid on its own."""
    medial = across * here.reference_inner / np.maximum(here.inner, np.float32(0.02))
    stretch = (here.reference_width - here.reference_outer) / np.maximum(
        here.width - here.outer, np.float32(0.02)
    )
    lateral = here.reference_outer + (across - here.outer) * stretch
    return np.where(across < here.inner, medial, lateral)


def _take(here: Section, chosen: np.ndarray) -> Section:
    return Section(*(column[chosen] for column in here))
