"""Sizes of the vertebrae, and where points lie in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sctflow.core.phantom.anatomy import Anatomy, Station

_AVERAGE_LENGTH = 454.0  # mm from the top of C1 to the disc L1/L2
_PER_LEVEL = 64  # rows of the table of shapes per vertebra


class Shape(NamedTuple):
    """Sizes in mm at points, as smooth functions of the vertebral level."""

    body_depth: np.ndarray
    body_width: np.ndarray
    disc_height: np.ndarray
    """In the middle of the disc, between the end plates."""
    disc_slope: np.ndarray
    """Fall of the disc's plane towards the front."""
    uncus: np.ndarray
    """Rise of the end plates at their sides."""
    roof: np.ndarray
    """Epidural fat behind the sac in the midline."""
    flavum: np.ndarray
    """Thickness of the ligamentum flavum."""
    lamina: np.ndarray
    """Thickness of the laminae."""
    lamina_half: np.ndarray
    """Half their height."""
    spinous: np.ndarray
    """Length of the spinous process, from the roof of the canal."""
    spinous_half: np.ndarray
    """Half its height."""
    spinous_thick: np.ndarray
    """Half its thickness."""
    spinous_fall: np.ndarray
    """Its fall towards the back: tangent of an angle."""
    arch_drop: np.ndarray
    """Distance of the lamina below the middle of the vertebra."""


# One row per vertebra: level, then the columns of `Shape`. Rounded sizes of adults: bodies of the
# neck as deep as those of Panjabi et al. (Spine 16:861-869, 1991), and wider than theirs by the
# uncinate processes, which images show as one with the body; thoracic discs between those of
# Kunkel et al. 2011 (doi 10.1111/j.1469-7580.2011.01397.x) and of Fletcher et al. 2015
# (doi 10.1007/s00586-015-3925-y); everything else was drawn after images.
_ROWS = np.array(
    [
        [1.5, 15, 18, 4.5, 0.0, 0.0, 0.5, 1.5, 4.0, 3.5, 9, 4.0, 3.0, 0.10, 0.0],
        [2.5, 15, 20, 4.5, 0.06, 0.8, 0.5, 1.6, 4.5, 6.0, 22, 5.5, 3.6, 0.35, 1.0],
        [3.5, 15, 23, 4.8, 0.09, 2.6, 0.7, 1.6, 3.6, 4.8, 16, 3.4, 2.2, 0.42, 2.0],
        [4.5, 15.5, 24, 5.0, 0.09, 3.0, 0.7, 1.6, 3.4, 4.6, 16, 3.3, 2.2, 0.42, 2.0],
        [5.5, 15.5, 25, 5.2, 0.09, 3.0, 0.8, 1.6, 3.4, 4.6, 18, 3.3, 2.2, 0.45, 2.0],
        [6.5, 16.0, 26, 5.5, 0.08, 2.6, 1.0, 1.8, 3.8, 4.8, 24, 3.6, 2.3, 0.50, 2.0],
        [7.5, 16.5, 27, 5.2, 0.06, 1.5, 1.5, 2.0, 4.6, 5.6, 34, 4.6, 2.9, 0.50, 2.2],
        [8.5, 17.5, 27, 4.5, 0.03, 0.3, 2.0, 2.2, 5.0, 6.6, 36, 5.0, 3.0, 0.55, 2.5],
        [9.5, 18.5, 27, 4.0, 0.0, 0.0, 2.5, 2.4, 5.0, 7.0, 35, 4.8, 2.6, 0.65, 3.0],
        [10.5, 20.0, 26, 3.8, 0.0, 0.0, 3.0, 2.5, 5.0, 7.4, 34, 4.6, 2.4, 0.80, 3.5],
        [11.5, 21.5, 26, 3.8, 0.0, 0.0, 3.2, 2.5, 5.0, 7.8, 33, 4.5, 2.3, 0.95, 3.8],
        [12.5, 23.0, 27, 3.9, 0.0, 0.0, 3.4, 2.6, 5.0, 8.2, 33, 4.5, 2.3, 1.10, 4.0],
        [13.5, 24.5, 28, 4.1, 0.0, 0.0, 3.5, 2.6, 5.0, 8.4, 33, 4.5, 2.3, 1.15, 4.2],
        [14.5, 25.5, 29, 4.4, 0.0, 0.0, 3.5, 2.7, 5.0, 8.6, 33, 4.7, 2.3, 1.15, 4.2],
        [15.5, 26.5, 30, 4.7, 0.0, 0.0, 3.5, 2.8, 5.0, 8.8, 32, 5.0, 2.4, 1.05, 4.2],
        [16.5, 27.0, 31, 5.0, 0.0, 0.0, 3.5, 2.9, 5.2, 9.0, 31, 5.5, 2.5, 0.85, 4.4],
        [17.5, 28.0, 33, 5.4, 0.0, 0.0, 3.8, 3.0, 5.4, 9.0, 29, 6.2, 2.7, 0.60, 4.8],
        [18.5, 28.5, 36, 6.0, 0.0, 0.0, 4.0, 3.0, 5.6, 9.0, 28, 7.2, 2.9, 0.40, 5.5],
        [19.5, 29.5, 39, 6.8, 0.0, 0.0, 4.5, 3.2, 5.8, 9.0, 28, 8.5, 3.1, 0.25, 6.5],
        [20.5, 31.0, 42, 7.8, 0.0, 0.0, 5.0, 3.4, 6.0, 9.0, 31, 10.0, 3.3, 0.15, 7.5],
        [21.5, 32.0, 43.5, 8.8, 0.0, 0.0, 5.5, 3.6, 6.2, 9.0, 33, 10.5, 3.5, 0.12, 8.0],
        [22.5, 33.0, 45, 9.8, 0.0, 0.0, 6.0, 3.8, 6.4, 9.0, 33, 10.5, 3.6, 0.12, 8.5],
        [23.5, 33.5, 47, 10.6, 0.0, 0.0, 6.5, 4.0, 6.4, 9.0, 31, 9.5, 3.6, 0.12, 8.5],
        [24.5, 33.5, 49, 10.8, 0.0, 0.0, 7.0, 4.0, 6.4, 8.5, 25, 7.5, 3.6, 0.15, 8.0],
        [25.5, 31.0, 50, 9.0, 0.0, 0.0, 5.0, 3.0, 5.0, 13, 14, 8.0, 3.5, 0.10, 0.0],
        [26.5, 22.0, 44, 3.0, 0.0, 0.0, 4.0, 2.0, 5.0, 16, 12, 8.0, 3.5, 0.10, 0.0],
        [28.5, 12.0, 30, 2.0, 0.0, 0.0, 3.0, 2.0, 4.0, 16, 7, 8.0, 3.5, 0.10, 0.0],
    ]
)
_FINE = np.stack(
    [
        np.interp(np.arange(30 * _PER_LEVEL) / _PER_LEVEL, _ROWS[:, 0], column)
        for column in _ROWS.T[1:]
    ]
).astype(np.float32)
_ANGLES = ("disc_slope", "spinous_fall")


class Place(NamedTuple):
    """Points about the dural sac; arrays of one shape, lengths in mm."""

    right: np.ndarray
    """To the right of the sac's middle."""
    front: np.ndarray
    """In front of the sac's middle."""
    s: np.ndarray
    level: np.ndarray
    half_width: np.ndarray
    """Of the sac."""
    half_depth: np.ndarray
    pressed: np.ndarray

    def take(self, chosen: np.ndarray) -> Place:
        """Some of the points, by index."""
        return Place(*(column[chosen] for column in self))


class Storey(NamedTuple):
    """Which vertebra points lie in, and how high; arrays of one shape."""

    vertebra: np.ndarray
    """Number of the vertebra, not below 0 and not above 29."""
    below_top: np.ndarray
    """mm below the disc above it."""
    height: np.ndarray
    """mm from the disc above the vertebra to the disc below."""


def place(
    u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station, chosen: np.ndarray
) -> Place:
    """Points, by index, in the coordinates of the dural sac."""
    return Place(
        u[chosen] - station.canal_right[chosen],
        v[chosen] - station.canal_forward[chosen],
        s[chosen],
        station.level[chosen],
        station.canal_half_width[chosen],
        station.canal_half_depth[chosen],
        station.pressed[chosen],
    )


def stature(anatomy: Anatomy) -> float:
    """Length of the spine as a part of the average adult's."""
    return (anatomy.levels.disc(1) - anatomy.levels.disc(21)) / _AVERAGE_LENGTH


def sizes(anatomy: Anatomy, level: np.ndarray, *names: str) -> list[np.ndarray]:
    """Columns of `Shape`, by name, at continuous vertebral levels (n,)."""
    row = np.clip(level * _PER_LEVEL, 0, _FINE.shape[1] - 1).astype(np.intp)
    grown = np.float32(stature(anatomy))
    columns = dict(zip(Shape._fields, _FINE, strict=True))
    return [columns[name][row] * (1 if name in _ANGLES else grown) for name in names]


def storey(anatomy: Anatomy, s: np.ndarray) -> Storey:
    """Vertebrae at positions s; the sacrum's pieces follow with the height of its first."""
    discs = anatomy.levels.discs
    heights = -np.diff(discs)
    # Rows for "vertebra 0" and for the pieces of the sacrum beyond the table's end.
    heights = np.concatenate([heights[:1], heights, np.repeat(heights[-1:], 4)])
    tops = discs[0] + heights[0] - np.concatenate([[0.0], np.cumsum(heights)])
    level = np.interp(-s, -tops, np.arange(len(tops)))
    number = np.minimum(level.astype(np.intp), len(heights) - 1)
    part = (level - number).astype(np.float32)
    height = heights.astype(np.float32)[number]
    return Storey(number, part * height, height)


class Arch(NamedTuple):
    """Points behind and beside the sac; arrays of one shape, lengths in mm."""

    right: np.ndarray
    side: np.ndarray
    front: np.ndarray
    """In front of the sac's middle."""
    s: np.ndarray
    level: np.ndarray
    half_depth: np.ndarray
    """Of the sac."""
    canal_side: np.ndarray
    """Half width of the bony canal."""
    beyond: np.ndarray
    """Behind the laminae's front; negative in the canal."""
    pocket: np.ndarray
    """Depth to which epidural fat reaches behind that, between two laminae."""
    floor: Storey
    """By height along the cord."""
    tiled: Storey
    """By height along the arches, which fall towards the back like tiles."""

    def take(self, chosen: np.ndarray) -> Arch:
        """Some of the points, by index."""
        return Arch(
            *(
                Storey(*(part[chosen] for part in column))
                if isinstance(column, Storey)
                else column[chosen]
                for column in self
            )
        )


def from_middle(floor: Storey) -> np.ndarray:
    """mm above the middle of the vertebra."""
    return 0.5 * floor.height - floor.below_top


class Around(NamedTuple):
    """Points below the fascia of neck and trunk; arrays of one shape, lengths in mm."""

    right: np.ndarray
    side: np.ndarray
    """To the side, either side alike."""
    front: np.ndarray
    """In front of the sac's middle."""
    ahead: np.ndarray
    """In front of the vertebral bodies."""
    s: np.ndarray
    level: np.ndarray
    depth: np.ndarray
    """Below the fascia."""

    def take(self, chosen: np.ndarray) -> Around:
        """Some of the points, by index."""
        return Around(*(column[chosen] for column in self))
