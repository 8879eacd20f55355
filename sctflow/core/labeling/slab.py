"""Sagittal slabs along the cord: what the landmark network sees of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CHANNELS = 3
"""Planes of a slab: left of the cord's middle, through it, right of it."""
OFFSET_MM = 5.0
"""Distance between the planes."""
DARKEST, BRIGHTEST = 0.01, 0.99
"""Quantiles of what is seen that intensities are clipped to."""


def normalise_slab(planes: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Make the intensities of slabs comparable and add the field of view as a last channel.

    Parameters
    ----------
    planes : (n, CHANNELS, rows, columns) tensor
        Intensities; what is not seen may hold anything finite.
    seen : (n, 1, rows, columns) tensor
        1 in the field of view, 0 outside.

    Returns
    -------
    (n, CHANNELS + 1, rows, columns) tensor
        Clipped, with mean 0 and standard deviation 1 in the field of view, 0 outside it.
    """
    import torch

    out = []
    for image, field in zip(planes, seen, strict=True):
        values = image[:, field[0] > 0]
        if not values.numel():
            out.append(torch.cat([torch.zeros_like(image), field]))
            continue
        limits = torch.quantile(values.flatten()[:: 1 + values.numel() // 100_000],
                                torch.tensor([DARKEST, BRIGHTEST]))  # fmt: skip
        clipped = image.clamp(limits[0], limits[1])
        values = values.clamp(limits[0], limits[1])
        scaled = (clipped - values.mean()) / values.std().clamp(min=1e-6)
        out.append(torch.cat([scaled * field, field]))
    return torch.stack(out)
