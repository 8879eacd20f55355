"""Heat maps of landmarks on a slab, and the peaks in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sctflow.core.labeling.network import SIZE_MULTIPLE
from sctflow.core.labeling.slab import Slab, normalise_slab

if TYPE_CHECKING:
    from torch import nn

APART = 9
"""Pixels across the neighbourhood in which a peak is the highest."""


@dataclass(frozen=True)
class Peaks:
    """Peaks of one map, the highest first.

    Attributes
    ----------
    row, column : (n,) array
        Fractional pixels.
    height : (n,) array
        Between 0 and 1.
    """

    row: np.ndarray
    column: np.ndarray
    height: np.ndarray

    def __len__(self) -> int:
        """Count the peaks."""
        return len(self.row)

    def take(self, chosen: np.ndarray) -> Peaks:
        """Take some of the peaks, by index or by mask (n,)."""
        return Peaks(self.row[chosen], self.column[chosen], self.height[chosen])


def heat_maps(net: nn.Module, slab: Slab) -> np.ndarray:
    """Run the network on a slab and on its mirror image, and average.

    Parameters
    ----------
    net : UNet
        From :func:`sctflow.models.load_landmark_net`.
    slab : Slab

    Returns
    -------
    (kinds, rows, columns) float32 array
        Between 0 and 1; 0 outside the field of view.
    """
    import torch

    planes, seen = torch.from_numpy(slab.planes)[None], torch.from_numpy(slab.seen)[None, None]
    images = normalise_slab(planes, seen.float())
    rows, columns = images.shape[2:]
    missing = [-n % SIZE_MULTIPLE for n in (rows, columns)]
    padded = torch.nn.functional.pad(images, (0, missing[1], 0, missing[0]))
    mirrored = torch.cat([padded[:, :-1].flip(1), padded[:, -1:]], 1)
    with torch.inference_mode():
        heat = torch.sigmoid(net(torch.cat([padded, mirrored]))).mean(0)
    return heat[:, :rows, :columns].numpy() * slab.seen


def find_peaks(heat: np.ndarray, least: float) -> Peaks:
    """Find the peaks of a map (rows, columns) that are at least so high.

    Their places are the heat's centre of mass in the 5 by 5 pixels about the highest one.
    """
    top = ndimage.maximum_filter(heat, APART)
    rows, columns = np.nonzero((heat >= least) & (heat == top))
    height = heat[rows, columns]
    order = np.argsort(-height, kind="stable")
    rows, columns, height = rows[order], columns[order], height[order]
    padded = np.pad(heat, 2)
    offset = np.arange(-2, 3)
    place = []
    for row, column in zip(rows, columns, strict=True):
        weight = padded[row : row + 5, column : column + 5]
        total = weight.sum()
        place.append(
            (
                row + (weight.sum(1) * offset).sum() / total,
                column + (weight.sum(0) * offset).sum() / total,
            )
        )
    found = np.array(place, float).reshape(-1, 2)
    return Peaks(found[:, 0], found[:, 1], height)
