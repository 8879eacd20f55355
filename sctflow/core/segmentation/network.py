"""The small U-Net that the built-in networks are made of."""

from __future__ import annotations

import itertools

import torch
from torch import nn


class UNet(nn.Module):
    """Two-dimensional U-Net; images (n, channels, h, w) in, logits (n, outputs, h, w) out.

    Parameters
    ----------
    channels : int
        Neighbouring slices given at once.
    widths : tuple of int
        Feature maps at each resolution, finest first. Height and width must be multiples of
        ``2 ** (len(widths) - 1)``.
    outputs : int
        Maps to predict.
    """

    def __init__(
        self, channels: int = 3, widths: tuple[int, ...] = (16, 32, 48, 64), outputs: int = 1
    ):
        super().__init__()
        ins = (channels, *widths[:-1])
        self.down = nn.ModuleList(_double(i, o) for i, o in zip(ins, widths, strict=True))
        pairs = list(itertools.pairwise(widths))[::-1]
        self.up = nn.ModuleList(_double(fine + coarse, fine) for fine, coarse in pairs)
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        kept = []
        for level, block in enumerate(self.down):
            if level:
                x = nn.functional.max_pool2d(x, 2)
            x = block(x)
            kept.append(x)
        for block, finer in zip(self.up, kept[-2::-1], strict=True):
            x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([finer, x], 1))
        return self.head(x)


def _double(ins: int, outs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each normalised and rectified."""
    layers: list[nn.Module] = []
    for i in (ins, outs):
        layers += [
            nn.Conv2d(i, outs, 3, padding=1, padding_mode="zeros", bias=False),
            nn.BatchNorm2d(outs),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)
