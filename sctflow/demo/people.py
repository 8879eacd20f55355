"""The participants of the demo dataset, and where their images are placed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sctflow.core.phantom.anatomy import Anatomy, Compression, draw_anatomy
from sctflow.core.phantom.grids import Grid, axial_grid, sagittal_grid

KINDS = ("healthy", "lesion", "compression", "scoliosis")
"""What participants 1, 2, 3, 4 have; 5 is healthy again, and so on."""


class View(NamedTuple):
    """Continuous vertebral levels between which images are made."""

    upper: float
    """Of sagittal images."""
    lower: float
    axial_upper: float
    axial_lower: float


VIEWS: Mapping[str, View] = {
    # Above C1, levels count on with the height of C1: -0.9 is 18 mm above the junction.
    "cervical": View(-0.9, 10.5, 2.4, 6.9),
    "short": View(3.0, 7.0, 4.0, 6.0),
    "thoracolumbar": View(13.0, 24.5, 18.0, 20.6),
}
"""Fields of view by name."""


def kind_of(number: int) -> str:
    """What participant `number` (from 1) has."""
    return KINDS[(number - 1) % len(KINDS)]


def make_person(number: int, *, seed: int = 0) -> Anatomy:
    """Anatomy of participant `number` (from 1) of the dataset with this seed."""
    kind = kind_of(number)
    compressions = (Compression(level=6.0, ratio=0.7),) if kind == "compression" else ()
    return draw_anatomy(
        1000 * seed + number,
        scoliosis=12.0 if kind == "scoliosis" else 0.0,
        n_lesions=2 if kind == "lesion" else 0,
        compressions=compressions,
    )


def place_grids(anatomy: Anatomy, view: str) -> dict[str, Grid]:
    """The grid of each kind of image, by suffix.

    Parameters
    ----------
    anatomy
        The person.
    view
        One of `VIEWS`.
    """
    upper, lower, axial_upper, axial_lower = VIEWS[view]
    sagittal = sagittal_grid(anatomy, upper, lower)

    def axial(zoom: float, matrix: tuple[int, int]) -> Grid:
        return axial_grid(anatomy, axial_upper, axial_lower, zoom=(zoom, zoom), matrix=matrix)

    mt = axial(0.9, (128, 112))
    return {
        "T2w": sagittal,
        "T1w": sagittal,
        "T2star": axial(0.5, (192, 192)),
        "MTS": mt,
        "MTR": mt,
        "dwi": axial(0.9, (96, 40)),
        "bold": axial(1.0, (64, 56)),
    }
