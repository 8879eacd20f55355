"""Motion, and its tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

CORD_RADIUS_MM = 4.0
"""Root mean square distance of the cord's points from its centre, of a cervical cord of 13 x 8 mm
(sqrt((6.5**2 + 4**2) / 4) = 3.8): how far a turn of one radian takes them."""

AXES = "xyz"


@dataclass(frozen=True)
class Motion:
    """In-plane motion of every slice in every volume.

    A point `p` of a slice at rest, in mm from `center`, lies at ``R p + shift`` in the volume, R
    turning by `rotation`. Axes run right, anterior and superior.

    Attributes
    ----------
    shift : (slices, volumes, 2) array
        mm along the two axes in the plane.
    rotation : (slices, volumes) array
        Degrees from the first axis towards the second; 0 unless turns were looked for.
    center : (slices, 2) array
        Pixel of the canonical image about which slices turn.
    slice_axis : int
        Canonical axis across the slices: 2 for axial, 0 for sagittal ones.
    sd : (slices, volumes, 2) array
        Standard deviation of `shift`, mm.
    reliability : (slices, volumes) array
        Correlation of the slice, moved back, with what the other volumes tell about it.
    signal : (slices, volumes) array
        Over what the other volumes tell; a drop-out has less than 1.
    outlier : (slices, volumes) array of bool
        Where the slice shows less than in the other volumes, or something else.
    turns : bool
        Whether turns were looked for.
    notes : tuple of str
        What else a reader should know about how it was estimated.
    """

    shift: np.ndarray
    rotation: np.ndarray
    center: np.ndarray
    slice_axis: int
    sd: np.ndarray
    reliability: np.ndarray
    signal: np.ndarray
    outlier: np.ndarray
    turns: bool
    notes: tuple[str, ...] = ()

    @property
    def plane_axes(self) -> tuple[int, int]:
        """Canonical axes in the plane of the slices."""
        first, second = (axis for axis in range(3) if axis != self.slice_axis)
        return first, second

    def relative_to(self, shift: np.ndarray, rotation: np.ndarray) -> Motion:
        """Take another pose of each slice, (slices, 2) mm and (slices,) degrees, for rest."""
        angle = np.radians(-rotation)
        cos, sin = np.cos(angle), np.sin(angle)
        u, v = shift.T
        back = -np.stack([cos * u - sin * v, sin * u + cos * v], -1)
        return self.after(back, -rotation)

    def after(self, shift: np.ndarray, rotation: np.ndarray) -> Motion:
        """Let another pose of each slice, (slices, 2) mm and (slices,) degrees, go before."""
        angle = np.radians(self.rotation)
        cos, sin = np.cos(angle), np.sin(angle)
        u, v = shift[:, 0, None], shift[:, 1, None]
        taken = np.stack([cos * u - sin * v, sin * u + cos * v], -1)
        return replace(self, shift=self.shift + taken, rotation=self.rotation + rotation[:, None])

    def framewise_displacement(self) -> np.ndarray:
        """How far the cord goes from each volume to the next, (volumes,) mm; NaN for the first.

        Root mean square over the points of the cord's section, mean over slices.
        """
        away = np.full(self.shift.shape[1], np.nan)
        step = (np.diff(self.shift, axis=1) ** 2).sum(-1)
        turn = np.radians(np.diff(self.rotation, axis=1))
        away[1:] = np.sqrt(step + (CORD_RADIUS_MM * turn) ** 2).mean(0)
        return away

    def warnings(self) -> list[str]:
        """What a reader should know before using the series."""
        n, n_volumes = self.outlier.shape
        texts = list(self.notes)
        if n_volumes == 1:
            texts.append("the series has one volume: there is no motion to correct")
        if self.outlier.any():
            spoilt = np.flatnonzero(self.outlier.any(0))
            listed = ", ".join(map(str, spoilt[:8])) + (" …" if len(spoilt) > 8 else "")
            texts.append(
                f"{self.outlier.sum()} of {n * n_volumes} slices show less than in the other "
                f"volumes, or something else (volumes {listed})"
            )
        empty = np.flatnonzero(self.outlier.all(1))
        if empty.size:
            texts.append(
                f"slices {', '.join(map(str, empty))} show nothing that could be followed; they "
                "are moved as their neighbours are"
            )
        return texts

    def per_volume(self) -> pd.DataFrame:
        """One row per volume: see `describe_columns`."""
        columns = {"framewise_displacement": self.framewise_displacement()}
        for index, axis in enumerate(self.plane_axes):
            columns[f"trans_{AXES[axis]}"] = self.shift[..., index].mean(0)
        if self.turns:
            columns[f"rot_{AXES[self.slice_axis]}"] = self.rotation.mean(0)
        columns["outlier_slices"] = self.outlier.sum(0)
        return pd.DataFrame(columns)

    def per_slice(self) -> pd.DataFrame:
        """One row per volume and slice: see `describe_columns`."""
        n, n_volumes = self.reliability.shape
        volume, index = np.divmod(np.arange(n * n_volumes), n)
        columns = {"volume": volume, "slice": index}
        for i, axis in enumerate(self.plane_axes):
            columns[f"trans_{AXES[axis]}"] = self.shift[..., i].T.ravel()
        if self.turns:
            columns[f"rot_{AXES[self.slice_axis]}"] = self.rotation.T.ravel()
        for i, axis in enumerate(self.plane_axes):
            columns[f"sd_{AXES[axis]}"] = self.sd[..., i].T.ravel()
        for name in ("reliability", "signal", "outlier"):
            columns[name] = getattr(self, name).T.ravel()
        return pd.DataFrame(columns)


def describe_columns(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Describe the columns of a table of motion, for its sidecar."""
    return {name: COLUMNS[name] for name in table.columns}


_TOWARDS = {"x": "to the right", "y": "to the front", "z": "upwards"}
COLUMNS: dict[str, dict[str, str]] = {
    "framewise_displacement": {
        "Description": "How far the cord goes from the volume before to this one: root mean "
        "square over its section, mean over slices",
        "Units": "mm",
    },
    "outlier_slices": {"Description": "Number of slices with an outlier in this volume"},
    "volume": {"Description": "Index of the volume, from 0"},
    "slice": {"Description": "Index of the slice, from 0 at the bottom (sagittal: at the left)"},
    "reliability": {
        "Description": "Correlation of the slice, moved back, with what other volumes tell of it"
    },
    "signal": {
        "Description": "Signal of the slice over what the other volumes tell of it, by their "
        "gradient directions where there are any"
    },
    "outlier": {"Description": "Whether the slice shows less than in others, or something else"},
}
"""Columns of both tables, those of every direction of slices; see :func:`describe_columns`."""
for _axis, _way in _TOWARDS.items():
    COLUMNS |= {
        f"trans_{_axis}": {
            "Description": f"How far the cord lies {_way} of its place at rest",
            "Units": "mm",
        },
        f"sd_{_axis}": {"Description": f"Standard deviation of trans_{_axis}", "Units": "mm"},
        f"rot_{_axis}": {
            "Description": f"Turn about the {_axis} axis, from the plane's first axis (x before "
            "y before z) towards the second",
            "Units": "degrees",
        },
    }
