"""The map between a cord and a template's: level by level along, section by section across."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sctflow.core.cord_frame import CordFrame
from sctflow.core.cord_levels import CordLevels
from sctflow.core.template.across import Sections
from sctflow.core.template.shape import CordShape

BATCH = 200_000
"""Points that are worked on at a time: they stay in the processor's memory."""


@dataclass(frozen=True)
class CordMap:
    """Takes world points of a cord to a template, or back.

    Attributes
    ----------
    subject, template : CordFrame
        Their frames, both with levels.
    sections : Sections
        Cross-sections of the subject's cord and the template's that correspond.
    along_table : (2, n) array
        Mm along the subject's cord and along the template's that have the same level; both rise.
    to_template : bool
        Which way `map_points` goes.
    """

    subject: CordFrame
    template: CordFrame
    sections: Sections
    along_table: np.ndarray
    to_template: bool = True

    def inverse(self) -> CordMap:
        """Give the map the other way; it is exact to a thousandth of a mm."""
        return replace(self, to_template=not self.to_template)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Take points (…, 3), RAS mm, to the other space."""
        points = np.asarray(points, dtype=float)
        flat = points.reshape(-1, 3)
        way = self._forward if self.to_template else self._backward
        mapped = np.empty_like(flat)
        for start in range(0, len(flat), BATCH):
            mapped[start : start + BATCH] = way(flat[start : start + BATCH])
        return mapped.reshape(points.shape)

    def along(self, s: np.ndarray) -> np.ndarray:
        """Mm along the template's cord of mm along the subject's."""
        return _read(self.along_table[0], self.along_table[1], s)

    def back_along(self, s: np.ndarray) -> np.ndarray:
        """Mm along the subject's cord of mm along the template's: the inverse of `along`."""
        return _read(self.along_table[1], self.along_table[0], s)

    def _forward(self, points: np.ndarray) -> np.ndarray:
        uvs = self.subject.from_world(points)
        uv = self.sections.forward(uvs[:, :2], uvs[:, 2])
        return self.template.to_world(np.column_stack([uv, self.along(uvs[:, 2])]))

    def _backward(self, points: np.ndarray) -> np.ndarray:
        uvs = self.template.from_world(points)
        s = self.back_along(uvs[:, 2])
        uv = self.sections.backward(uvs[:, :2], s)
        return self.subject.to_world(np.column_stack([uv, s]))


def map_cords(
    subject: CordFrame, shape: CordShape, template: CordFrame, template_shape: CordShape
) -> CordMap:
    """Join two cords that have levels.

    Parameters
    ----------
    subject, template : CordFrame
    shape, template_shape : CordShape
        Measured in these frames.
    """
    table = _same_levels(subject.levels, template.levels)
    there = _read(table[0], table[1], shape.s)
    second = replace(
        template_shape,
        s=there,
        **{
            name: template_shape.at(getattr(template_shape, name), there)
            for name in ("center", "turn", "axes", "outline", "area")
        },
    )
    return CordMap(subject, template, Sections(shape, second), table)


def _same_levels(first: CordLevels, second: CordLevels) -> np.ndarray:
    """Places (2, n) of the same levels along two cords, from the lowest up."""
    levels = np.union1d(first.table_level, second.table_level)[::-1]
    return np.stack([first.position(levels), second.position(levels)])


def _read(here: np.ndarray, there: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Interpolate linearly; beyond the table's ends distances are kept."""
    s = np.asarray(s, float)
    beyond = np.minimum(s - here[0], 0) + np.maximum(s - here[-1], 0)
    return np.interp(s, here, there) + beyond
