"""Motion of the cord within the slices of a series, and its correction.

All slices and volumes are estimated together: whole pixels by correlation, then sub-pixel steps
onto targets that the other volumes make, smooth along the cord. Nothing here knows files.
"""

from sctflow.core.motion.apply import apply_motion
from sctflow.core.motion.diffusion import estimate_dwi_motion, rotate_bvecs
from sctflow.core.motion.estimate import estimate_motion
from sctflow.core.motion.match import match_interpolation, noise_left
from sctflow.core.motion.result import COLUMNS, Motion, describe_columns

__all__ = [
    "COLUMNS",
    "Motion",
    "apply_motion",
    "describe_columns",
    "estimate_dwi_motion",
    "estimate_motion",
    "match_interpolation",
    "noise_left",
    "rotate_bvecs",
]
