"""Segment the spinal cord with the built-in networks: locate, outline, keep what is cord."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.grid import SliceGrid, canonicalize, from_canonical
from sctflow.core.segmentation.pieces import keep_cord

if TYPE_CHECKING:
    import pandas as pd
    from torch.nn import Module

LOW_CONFIDENCE = 0.5
# An area this many times the median within the window, or the median this many times the area.
JUMP_RATIO = 1.3
JUMP_WINDOW_MM = 10.0


@dataclass(frozen=True)
class CordNets:
    """The trained networks.

    Attributes
    ----------
    locate : UNet
        Finds the cord on coarse slices.
    outline : list of UNet
        Outline it on fine patches; their probabilities are averaged.
    """

    locate: Module
    outline: list[Module]


@dataclass(frozen=True)
class CordSegmentation:
    """What was found.

    Attributes
    ----------
    mask : (i, j, k) uint8
        Binary mask on the given grid.
    probability : (i, j, k) float32
        Fraction of each voxel that is cord, as the networks estimate it.
    slices : DataFrame
        One row per slice of the canonical frame: ``slice``, ``confidence`` (0-1),
        ``area_mm2``, ``status`` (``cord``, ``bridged``, ``gap``, ``none``).
    warnings : tuple of str
        What a person should look at.
    """

    mask: np.ndarray
    probability: np.ndarray
    slices: pd.DataFrame
    warnings: tuple[str, ...]


def segment_cord(
    data: np.ndarray, affine: np.ndarray, *, nets: CordNets, num_threads: int = 1
) -> CordSegmentation:
    """Segment the cord of any volume, whatever its contrast.

    Parameters
    ----------
    data : (i, j, k) array
        Intensities in any orientation; values that are not finite count as 0.
    affine : (4, 4) array
        Voxel to world, RAS mm.
    nets : CordNets
        See `sctflow.models.load_cord_nets`.
    num_threads : int
        Threads for the networks.

    Returns
    -------
    CordSegmentation
        Empty, with a warning, where no cord is found.
    """
    import torch

    from sctflow.core.segmentation.locate import locate_cord
    from sctflow.core.segmentation.outline import outline_cord

    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        volume, canonical = canonicalize(np.nan_to_num(data, posinf=0, neginf=0), affine)
        grid = SliceGrid.from_affine(canonical)
        zooms = (*np.linalg.norm(grid.pixel, axis=0).tolist(), grid.spacing)
        slices = torch.from_numpy(np.ascontiguousarray(volume.transpose(2, 0, 1), np.float32))
        path = locate_cord(nets.locate, slices, zooms)
        probability, centres = outline_cord(nets.outline, slices, zooms, path.centres)
    finally:
        torch.set_num_threads(before)
    mask, soft, table = keep_cord(probability, centres, path.heat, zooms)

    def back(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(from_canonical(values.transpose(1, 2, 0), affine))

    return CordSegmentation(
        mask=back(mask.astype(np.uint8)),
        probability=back(soft),
        slices=table,
        warnings=_warnings(table, zooms[2]),
    )


def _warnings(slices: pd.DataFrame, spacing_mm: float) -> tuple[str, ...]:
    """Say what was not found or is doubtful."""
    found = slices.status != "none"
    if not found.any():
        return ("No spinal cord was found in this image.",)
    messages = []
    for status, text in (
        ("gap", "No cord was found in slices {} although there is cord above and below."),
        ("bridged", "The cord in slices {} was found only with a lower threshold."),
    ):
        numbers = slices.slice[slices.status == status].tolist()
        if numbers:
            messages.append(text.format(_ranges(numbers)))
    low = slices.slice[found & (slices.confidence < LOW_CONFIDENCE)].tolist()
    if low:
        messages.append(f"Confidence is low in slices {_ranges(low)}: look at them.")
    jumps = slices.slice[found & _jumps(slices.area_mm2.to_numpy(), found.to_numpy(), spacing_mm)]
    if len(jumps):
        messages.append(
            f"The area in slices {_ranges(jumps.tolist())} is far from that of their neighbours: "
            "look at them."
        )
    return tuple(messages)


def _jumps(area: np.ndarray, found: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Slices whose area is out of line with the median of those around them."""
    reach = max(2, round(JUMP_WINDOW_MM / spacing_mm))
    known = np.where(found & (area > 0), area, np.nan)
    padded = np.pad(known, reach, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    # Only where something is known: the median of nothing is no number, and a warning besides.
    usual = np.full(len(area), np.nan)
    some = np.isfinite(around).any(axis=1)
    usual[some] = np.nanmedian(around[some], axis=1)
    return (known > JUMP_RATIO * usual) | (known < usual / JUMP_RATIO)


def _ranges(numbers: list[int]) -> str:
    """Write 1, 2, 3, 7 as 1-3, 7."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
