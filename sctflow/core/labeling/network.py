"""The landmark network: a small U-Net on slabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctflow.core.labeling.kinds import KINDS
from sctflow.core.labeling.slab import CHANNELS

if TYPE_CHECKING:
    from sctflow.core.segmentation.network import UNet

WIDTHS = (16, 32, 48, 64, 80)
SIZE_MULTIPLE = 2 ** (len(WIDTHS) - 1)
"""Rows and columns of what it is given must be multiples of this."""


def make_landmark_net() -> UNet:
    """Build the network, with random weights: slabs in, one logit map for each kind out."""
    from sctflow.core.segmentation.network import UNet

    return UNet(channels=CHANNELS + 1, widths=WIDTHS, outputs=len(KINDS))
