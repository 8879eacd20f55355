"""Steps of a registration, and what each algorithm takes."""

from __future__ import annotations

from dataclasses import dataclass, field

DOF = ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz", "Sx", "Sy", "Sz")
"""Translations, rotations and scalings along and about the axes of the fixed image: x to the
right, y to the front, z upwards."""

METRICS = ("MeanSquares", "CC", "MI")
ROT_METHODS = ("pca", "hog", "pcahog")


@dataclass(frozen=True)
class Step:
    """One step of a registration. What its algorithm has no use for is None.

    Attributes
    ----------
    type : {"label", "seg", "im", "imseg"}
        What is matched: labelled points, masks, images, or images and masks together.
    algo : str or None
        See :data:`ALGORITHMS`; None for labelled points.
    slicewise : bool
        Each slice by itself, instead of one transform (or one smooth field) for all.
    metric : {"MeanSquares", "CC", "MI"}
        Squared differences, correlation, mutual information.
    iter : tuple of int
        Most iterations at each level, the coarsest first.
    shrink : tuple of int
        At each level, use every n-th pixel (ANTs chooses, from this, fewer slices as well).
    smooth : tuple of float
        At each level, standard deviation of the Gaussian that smooths the images, mm.
    grad_step : float
        Longest step of an iteration, in voxels of the level.
    dof : tuple of str
        What may change to bring points together, out of :data:`DOF`.
    rot_method : {"pca", "hog", "pcahog"}
        Rotation from the mask's long axis, from the directions of the image's gradients, or from
        the first where the section is oblong and the second where it is round.
    filter_size : float
        Standard deviation of the Gaussian that smooths rotations along the cord, mm.
    poly : int
        Degree of the polynomial that the translations follow along the cord.
    smooth_warp : float
        Standard deviation of the Gaussian that smooths what neighbouring columns do, mm.
    """

    type: str
    algo: str | None = None
    slicewise: bool | None = None
    metric: str | None = None
    iter: tuple[int, ...] | None = None
    shrink: tuple[int, ...] | None = None
    smooth: tuple[float, ...] | None = None
    grad_step: float | None = None
    dof: tuple[str, ...] | None = None
    rot_method: str | None = None
    filter_size: float | None = None
    poly: int | None = None
    smooth_warp: float | None = None


@dataclass(frozen=True)
class Algorithm:
    """What an algorithm can match, and the keys that it takes with their defaults.

    Attributes
    ----------
    types : tuple of str
    defaults : dict
    image_defaults : dict
        In place of the others where images are matched: they say more than masks, less reliably.
    """

    types: tuple[str, ...]
    defaults: dict[str, str]
    image_defaults: dict[str, str] = field(default_factory=dict)

    def defaults_for(self, kind: str) -> dict[str, str]:
        """Give the keys and defaults for a type of :class:`Step`."""
        return {**self.defaults, **(self.image_defaults if kind in ("im", "imseg") else {})}


_LINEAR = {"metric": "MeanSquares", "iter": "20x20x20", "shrink": "2x1x1", "smooth": "4x2x0.5"}
_DEFORMABLE = {
    "slicewise": "0",
    "metric": "MeanSquares",
    "iter": "10x5",
    "shrink": "2x1",
    "smooth": "1x0",
    "gradStep": "0.5",
}
# Measured on pairs of real images: more of it follows their noise and the neighbours of the cord.
_GENTLE = {"metric": "CC", "iter": "5", "shrink": "1", "smooth": "1", "gradStep": "0.2"}
_CORRELATED = {"metric": "CC"}

ALGORITHMS = {
    "centermass": Algorithm(("seg",), {"slicewise": "1"}),
    "centermassrot": Algorithm(
        ("seg", "imseg"), {"slicewise": "1", "rot_method": "pca", "filter_size": "3"}
    ),
    "columnwise": Algorithm(("seg",), {"smoothWarpXY": "1"}),
    "translation": Algorithm(("im", "seg"), {"slicewise": "0", **_LINEAR}, _CORRELATED),
    "rigid": Algorithm(("im", "seg"), {"slicewise": "0", **_LINEAR}, _CORRELATED),
    "affine": Algorithm(("im", "seg"), {"slicewise": "0", **_LINEAR}, _CORRELATED),
    "slicereg": Algorithm(("im", "seg"), {"poly": "5", **_LINEAR}, _CORRELATED),
    "syn": Algorithm(("im", "seg", "imseg"), _DEFORMABLE, _GENTLE),
    "bsplinesyn": Algorithm(("im", "seg", "imseg"), _DEFORMABLE, _GENTLE),
}
"""The algorithms for everything but labelled points."""

LABEL = Algorithm(("label",), {"dof": "Tx_Ty_Tz_Rx_Ry_Rz_Sz"})
TYPES = ("label", "seg", "im", "imseg")
