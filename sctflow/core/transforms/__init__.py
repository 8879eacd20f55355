"""Spatial transforms: chains of affines and displacement fields, in world RAS mm.

A transform maps points of the grid that is wanted (fixed) to the image that is sampled (moving),
as in ITK. A chain is a sequence of transforms that a point goes through from first to last: the
order in which antsApplyTransforms takes its ``-t``. Nothing here knows files.
"""

from sctflow.core.transforms.apply import resample_through
from sctflow.core.transforms.field import (
    Affine,
    Chain,
    DisplacementField,
    Transform,
    compose,
    field_grid,
    map_points,
    rounded,
)
from sctflow.core.transforms.fsl import fsl_warp
from sctflow.core.transforms.invert import Inverse, invert, invert_points
from sctflow.core.transforms.jacobian import jacobian_determinant
from sctflow.core.transforms.join import join_chains, points_back

__all__ = [
    "Affine",
    "Chain",
    "DisplacementField",
    "Inverse",
    "Transform",
    "compose",
    "field_grid",
    "fsl_warp",
    "invert",
    "invert_points",
    "jacobian_determinant",
    "join_chains",
    "map_points",
    "points_back",
    "resample_through",
    "rounded",
]
