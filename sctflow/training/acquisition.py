"""From tissue intensities to what a scanner would have given and a network will see."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from sctflow.core.segmentation.patches import mirrored, normalise
from sctflow.training import anatomy as tissue
from sctflow.training.contrast import draw_intensities
from sctflow.training.draw import Draw
from sctflow.training.geometry import (
    CHANNELS,
    OVERSAMPLE,
    Frame,
    Scene,
    smooth_noise,
)


def paint(draw: Draw, classes: torch.Tensor) -> torch.Tensor:
    """Give every point its tissue's intensity, with texture, lesions and flow in the CSF."""
    n, _, m, _ = classes.shape
    table = draw_intensities(draw, n)
    image = table.gather(1, classes.view(n, -1)).view(classes.shape)
    is_cord = (classes >= tissue.WHITE) & (classes <= tissue.GRAY_RIM)
    texture = smooth_noise(draw, n, 1, m, 36) * draw.uniform((n, 1, 1, 1), 0, 0.12)
    strength = torch.where(is_cord, 0.35, 1.0)
    image = image * (1 + texture * strength)
    image = torch.where(is_cord & _lesions(draw, n, m), _lesion_value(draw, table), image)
    # Rare and wide: dark CSF right beside the cord teaches the net to draw the cord too small.
    flow = smooth_noise(draw, n, 1, m, 5) * draw.uniform((n, 1, 1, 1), 0, 0.3)
    flowing = (classes == tissue.CSF) & draw.chance(n, 0.15).view(n, 1, 1, 1)
    return torch.where(flowing, image * (1 - flow.clamp(0, 0.5)), image)


def _lesions(draw: Draw, n: int, m: int) -> torch.Tensor:
    """Blobs of 3 to 10 mm in one image in three, from a spot to the whole cross-section."""
    cells = 5 + int(draw.uniform(1, 0, 12))
    blobs = smooth_noise(draw, n, 1, m, cells) > draw.uniform((n, 1, 1, 1), -0.2, 2.0)
    return blobs & draw.chance(n, 0.33).view(n, 1, 1, 1)


def _lesion_value(draw: Draw, table: torch.Tensor) -> torch.Tensor:
    """Between half and twice the cord's intensity, or as bright as CSF and up to twice that."""
    n = len(table)
    other = table[:, tissue.WHITE] * draw.uniform(n, 0.5, 2.2)
    like_csf = table[:, tissue.CSF] * draw.uniform(n, 0.75, 2.0)
    return torch.where(draw.chance(n, 0.4), like_csf, other).view(n, 1, 1, 1)


def average(planes: torch.Tensor, scene: Scene) -> torch.Tensor:
    """Partial volume (n, CHANNELS, size, size) of the planes (n, CHANNELS * planes, m, m)."""
    n, _, m, _ = planes.shape
    fine = planes.view(n, CHANNELS, -1, m, m).mean(2)
    fine = F.avg_pool2d(fine, OVERSAMPLE)
    alone = fine.mean(1, keepdim=True).expand_as(fine)
    return torch.where(scene.thick.view(n, 1, 1, 1), alone, fine)


def acquire(
    draw: Draw, image: torch.Tensor, target: torch.Tensor, scene: Scene, frame: Frame
) -> tuple[torch.Tensor, torch.Tensor]:
    """Coil, resolution, noise and field of view, then the network's normalisation.

    The target is changed by the field of view alone: the network is to undo the rest.
    """
    n = len(image)
    size = image.shape[-1]
    low, high = (
        torch.quantile(image[:, 1].flatten(1)[:, ::7], q, dim=1).view(n, 1, 1, 1)
        for q in (0.01, 0.99)
    )
    span = (high - low).clamp(min=0.05)
    image = image * torch.exp(
        smooth_noise(draw, n, 1, size, 4) * draw.uniform((n, 1, 1, 1), 0, 0.3)
    )
    image = image * _coil(draw, n, size, frame)
    loud = draw.chance(n, 0.35)
    sd = torch.where(loud, draw.uniform(n, 0.05, 0.25), draw.uniform(n, 0.0, 0.05))
    sd = sd.view(n, 1, 1, 1) * span
    finest = min(0.4, frame.pixel_mm)
    pitch = (draw.uniform((n, 1), finest, 1.25) * torch.exp(draw.normal((n, 2)) * 0.2)).clamp(
        finest, 2.0
    )
    out = torch.empty_like(image)
    for i in range(n):  # every image has its own matrix size
        out[i] = _sample(draw, image[i], sd[i], pitch[i], frame, bool(scene.thick[i]))
    gamma = torch.exp(draw.normal((n, 1, 1, 1)) * 0.2)
    top = out.amax((1, 2, 3), keepdim=True).clamp(min=1e-3)
    out = top * (out.clamp(min=0) / top) ** gamma
    both = _limit_view(draw, torch.cat([out, target], 1), frame.cropped)
    return normalise(both[:, :CHANNELS]), both[:, CHANNELS:]


def _coil(draw: Draw, n: int, size: int, frame: Frame) -> torch.Tensor:
    """Signal falling off away from a surface coil, up to tenfold across a wide field of view."""
    width = size * frame.pixel_mm
    axis = torch.linspace(0, width, size)
    fall = torch.where(draw.chance(n, 0.35), draw.uniform(n, 0.0, 2.3), 0.0) / 128.0
    turn = draw.normal(n) * 0.7
    along = (
        axis[None, :, None] * torch.cos(turn)[:, None, None]
        + axis[None, None, :] * torch.sin(turn)[:, None, None]
    )
    return torch.exp(-along * fall[:, None, None])[:, None]


def _sample(
    draw: Draw,
    image: torch.Tensor,
    sd: torch.Tensor,
    pitch: torch.Tensor,
    frame: Frame,
    alone: bool,
) -> torch.Tensor:
    """Sample on a coarser matrix, add Rician noise there, interpolate back."""
    size = image.shape[-1]
    matrix = [max(16, round(float(size * frame.pixel_mm / p))) for p in pitch]
    coarse = F.interpolate(image[None], size=matrix, mode="bilinear", antialias=True)
    shape = (1, 1 if alone else CHANNELS, *matrix)
    real, imaginary = (draw.normal(shape) * sd for _ in range(2))
    noisy = torch.sqrt((coarse + real) ** 2 + imaginary**2)
    return F.interpolate(noisy, size=(size, size), mode="bilinear")[0]


def _limit_view(draw: Draw, image: torch.Tensor, share: float) -> torch.Tensor:
    """Some images end inside the frame; what lies beyond is mirrored, as at prediction."""
    n, _, size, _ = image.shape
    ends = draw.chance(n, share)
    for i in torch.nonzero(ends).flatten().tolist():
        cut = (draw.uniform(4, 0, 0.41) * draw.chance(4, 0.7) * size).long().tolist()
        rows = mirrored(size, cut[0], size - cut[1])
        columns = mirrored(size, cut[2], size - cut[3])
        image[i] = image[i][:, rows][:, :, columns]
    return image
