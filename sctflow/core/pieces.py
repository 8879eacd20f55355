"""Which pieces of a mask are the cord, and where their centres lie."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sctflow.core.grid import SliceGrid
from sctflow.core.mask import bounding_box, core_of, mask_weights
from sctflow.errors import SegmentationError


def centers_of_slices(
    mask: np.ndarray, grid: SliceGrid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the centre of mass of the cord in each slice.

    Parameters
    ----------
    mask : (R, A, S) array
        Canonical.
    grid : SliceGrid
        Its geometry.

    Returns
    -------
    occupied : (n,) array of int
        Slices with mask.
    used : (m,) array of int
        Slices whose mask belongs to the line.
    centers : (m, 3) array
        Their centres, in mm along the grid's axes.
    """
    box = bounding_box(mask)
    weights = mask_weights(mask[box]) if box else np.zeros((1, 1, 1))
    core = core_of(weights)
    if not core.any():
        raise SegmentationError("The mask is empty: there is no cord to draw a line through.")
    # The rim of a soft mask counts for the centre of mass.
    in_slice = np.zeros((3, 3, 3), dtype=bool)
    in_slice[:, :, 1] = True
    pieces, count = ndimage.label(core, structure=in_slice)
    pieces = np.where(core, pieces, ndimage.grey_dilation(pieces, size=(3, 3, 1)))

    voxels = np.nonzero(pieces)
    weight, piece = weights[voxels], pieces[voxels] - 1
    mass = np.bincount(piece, weight, count)
    index = np.stack([np.bincount(piece, weight * v, count) / mass for v in voxels], axis=1)
    index += [s.start for s in box]
    where = np.rint(index[:, 2]).astype(int)
    order = np.argsort(where, kind="stable")
    where, mass = where[order], mass[order]
    centers = grid.to_frame(grid.to_world(index[order]))
    chosen = _choose_pieces(where, centers, mass)
    return np.unique(where), where[chosen], centers[chosen]


def _choose_pieces(slices: np.ndarray, centers: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Choose at most one piece per slice so that they continue each other.

    The cheapest chain upwards through the pieces: a piece costs half of what it lacks of the
    usual mass (0 to 1/2), a step costs the square of its sideways length over what a cord may do
    in that height (2 mm, and 45 degrees), and leaving out an occupied slice costs 1.

    Parameters
    ----------
    slices : (n,) array of int
        In ascending order.
    centers : (n, 3) array
        Mm along the grid's axes.
    mass : (n,) array
        Sum of weights.

    Returns
    -------
    array of int
        Indices of the pieces chosen, in ascending order of slice.
    """
    rank = np.unique(slices, return_inverse=True)[1]
    largest = np.zeros(rank[-1] + 1)
    np.maximum.at(largest, rank, mass)
    if len(largest) == len(slices) == 1:
        return np.array([0])
    lack = 0.5 * (1 - np.minimum(mass / np.median(largest), 1))
    cost, previous = lack + rank, np.full(len(slices), -1)
    first_of = np.searchsorted(rank, np.arange(len(largest)))
    for here in range(1, len(slices)):
        below = slice(0, first_of[rank[here]])
        if below.stop == 0:
            continue
        step = centers[here] - centers[below]
        allowed = 2.0 + step[:, 2]
        chain = (
            cost[below]
            + (step[:, 0] ** 2 + step[:, 1] ** 2) / allowed**2
            + (rank[here] - rank[below] - 1)
        )
        best = int(np.argmin(chain))
        if chain[best] + lack[here] < cost[here]:
            cost[here], previous[here] = chain[best] + lack[here], best
    last = int(np.argmin(cost + (rank[-1] - rank)))
    chosen = []
    while last >= 0:
        chosen.append(last)
        last = int(previous[last])
    return np.array(chosen[::-1])
