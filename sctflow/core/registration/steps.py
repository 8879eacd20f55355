"""Steps of a registration, and what each algorithm takes."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    types: tuple[str, ...]
    defaults: dict[str, str]


_LINEAR = {"slicewise": "0", "iter": "20x20x20", "shrink": "2x1x1", "smooth": "4x2x1"}
_DEFORMABLE = {"slicewise": "0", "iter": "10x5", "shrink": "2x1", "smooth": "1x0"}

ALGORITHMS = {
    "centermass": Algorithm(("seg",), {"slicewise": "1"}),
    "centermassrot": Algorithm(
        ("seg", "imseg"), {"slicewise": "1", "rot_method": "pca", "filter_size": "3"}
    ),
    "columnwise": Algorithm(("seg",), {"smoothWarpXY": "1"}),
    "translation": Algorithm(("im", "seg"), _LINEAR),
    "rigid": Algorithm(("im", "seg"), _LINEAR),
    "affine": Algorithm(("im", "seg"), _LINEAR),
    "slicereg": Algorithm(
        ("im", "seg"), {**{k: v for k, v in _LINEAR.items() if k != "slicewise"}, "poly": "5"}
    ),
    "syn": Algorithm(("im", "seg", "imseg"), {**_DEFORMABLE, "gradStep": "0.5"}),
    "bsplinesyn": Algorithm(("im", "seg", "imseg"), {**_DEFORMABLE, "gradStep": "0.5"}),
}
"""The algorithms for everything but labelled points. Those that take iterations also take
``metric``: MeanSquares unless images are matched, and CC for those."""

LABEL = Algorithm(("label",), {"dof": "Tx_Ty_Tz_Rx_Ry_Rz_Sz"})
TYPES = ("label", "seg", "im", "imseg")
