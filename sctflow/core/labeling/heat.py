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

FAINT = 1e-4
"""Heat that is taken for none."""
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

    Their places are the tops of parabolas through the logarithm of the heat beside the highest
    pixel, which is exact for blobs of Gaussian shape.
    """
    top = ndimage.maximum_filter(heat, APART)
    rows, columns = np.nonzero((heat >= least) & (heat == top))
    height = heat[rows, columns]
    order = np.argsort(-height, kind="stable")
    rows, columns, height = rows[order], columns[order], height[order]
    padded = np.pad(np.maximum(heat, FAINT), 1, mode="edge").astype(float)
    beside = np.arange(3)
    about = padded[rows[:, None, None] + beside[:, None], columns[:, None, None] + beside]
    return Peaks(rows + _top(about.sum(2)), columns + _top(about.sum(1)), height)


def _top(three: np.ndarray) -> np.ndarray:
    """Where parabolas through the logarithm of three values (n, 3) at -1, 0 and 1 are highest."""
    low, middle, high = np.log(three).T
    bend = low - 2 * middle + high
    return np.clip(0.5 * (low - high) / np.where(bend < 0, bend, -np.inf), -1.0, 1.0)
