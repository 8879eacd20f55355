"""What a point of the phantom is made of: one byte per point.

Codes 0 to 35 are the regions of the cord, 36 is CSF, numbered as in the atlas. A lesion keeps the
region it lies in: its code is the region's with the bit `LESION` set. Everything that is known of
an image, signal or truth, is a mean over the codes of the points in a voxel.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

REGION_NAMES = (
    *(
        f"WM {side} {tract}"
        for tract in (
            "fasciculus gracilis",
            "fasciculus cuneatus",
            "lateral corticospinal tract",
            "ventral spinocerebellar tract",
            "rubrospinal tract",
            "lateral reticulospinal tract",
            "spinal lemniscus (spinothalamic and spinoreticular tracts)",
            "spino-olivary tract",
            "ventrolateral reticulospinal tract",
            "lateral vestibulospinal tract",
            "ventral reticulospinal tract",
            "ventral corticospinal tract",
            "tectospinal tract",
            "medial reticulospinal tract",
            "medial longitudinal fasciculus",
        )
        for side in ("left", "right")
    ),
    *(
        f"GM {side} {part}"
        for part in ("ventral horn", "intermediate zone", "dorsal horn")
        for side in ("left", "right")
    ),
    "CSF contour",
)
"""Names of the atlas regions 0 to 36 (left even, right odd)."""

N_WHITE = 30
N_CORD = 36
LESION = 128


class Tissue(IntEnum):
    """Codes of everything that is not a region of the cord."""

    CSF = 36
    ROOT = 37
    DURA = 38
    EPIDURAL = 39
    MEDULLA = 40
    PONS = 41
    CEREBELLUM = 42
    CEREBRUM = 43
    CORTICAL_BONE = 45
    MARROW = 46
    ANNULUS = 47
    NUCLEUS = 48
    LIGAMENT = 49
    MUSCLE = 50
    FAT = 51
    SKIN = 52
    AIR = 53
    BACKGROUND = 54
    ARTERY = 55
    VEIN = 56
    SOFT = 57
    LUNG = 58
    ORGAN = 59


_CODE = np.arange(256)
_REGION = _CODE & (LESION - 1)

IS_CORD = _REGION < N_CORD
"""For each of the 256 codes: whether it is cord, lesion or not."""
IS_WHITE = _REGION < N_WHITE
IS_GRAY = IS_CORD & ~IS_WHITE
IS_LESION = IS_CORD & (_CODE >= LESION)
IS_CSF = _CODE == Tissue.CSF
IS_CANAL = IS_CORD | IS_CSF | (_CODE == Tissue.ROOT)
"""The dural sac with what it holds: cord, CSF, roots."""


def is_region(region: int) -> np.ndarray:
    """For each of the 256 codes: whether it is atlas region 0 to 36, healthy or not; (256,)."""
    return (region == _REGION) & (IS_CORD if region < N_CORD else IS_CSF)
