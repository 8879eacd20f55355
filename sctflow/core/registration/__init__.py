"""Registration of two images in steps, within the slices of the fixed image.

Steps are written as users of the field know them, such as
``step=1,type=seg,algo=centermassrot:step=2,type=im,algo=syn,metric=CC``.
"""

from sctflow.core.registration.grammar import format_steps, parse_steps
from sctflow.core.registration.plane import PlaneAffine, PlaneField, PlaneGrid
from sctflow.core.registration.register import DEFAULT_STEPS, ImageData, Registration, register
from sctflow.core.registration.steps import ALGORITHMS, Step

__all__ = [
    "ALGORITHMS",
    "DEFAULT_STEPS",
    "ImageData",
    "PlaneAffine",
    "PlaneField",
    "PlaneGrid",
    "Registration",
    "Step",
    "format_steps",
    "parse_steps",
    "register",
]
