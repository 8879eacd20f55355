"""Where each point of a training image lies in the template: pose, elasticity, cord shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from sctflow.training import anatomy as tissue
from sctflow.training.anatomy import Anatomy
from sctflow.training.draw import Draw


@dataclass(frozen=True)
class Frame:
    """Grid of the images a network sees.

    Attributes
    ----------
    size : int
        Pixels along each side.
    pixel_mm : float
        Pixel size.
    reach_mm : float
        How far the cord may lie from the middle of the image.
    neighbour_mm : (float, float)
        Range of the distance to the slices below and above, when slices are thin.
    planes : int
        Planes through the template that are averaged into each of the three slices.
    cropped : float
        Share of the images whose field of view ends within the frame.
    surroundings : bool
        Whether the outline of the body, fat and airways are drawn around the spine.
    """

    size: int
    pixel_mm: float
    reach_mm: float
    neighbour_mm: tuple[float, float]
    planes: int
    cropped: float
    surroundings: bool


OVERSAMPLE = 2
CHANNELS = 3

# Scenes: cord near the middle; somewhere else in the spine or body; canal without cord.
CORD, ELSEWHERE, NO_CORD = range(3)


@dataclass(frozen=True)
class Scene:
    """Random geometry of ``n`` images; lengths in mm, angles in radians, one value per image."""

    kind: torch.Tensor
    level: torch.Tensor
    offset: torch.Tensor
    rotation: torch.Tensor
    tilt: torch.Tensor
    scale: torch.Tensor
    flip: torch.Tensor
    planes: torch.Tensor
    thick: torch.Tensor


def draw_scene(draw: Draw, n: int, frame: Frame) -> Scene:
    """Random scenes: 66 % cord, 20 % elsewhere, 14 % canal without cord."""
    kind = draw.choice(n, [0.66, 0.20, 0.14])
    cervical = draw.chance(n, 0.55)
    level = torch.where(cervical, draw.uniform(n, 620, 985), draw.uniform(n, 60, 700))
    level = torch.where((kind == NO_CORD) & draw.chance(n, 0.6), draw.uniform(n, 5, 70), level)
    reach = torch.where(draw.chance(n, 0.8), 0.35, 1.0)[:, None] * frame.reach_mm
    offset = draw.uniform((n, 2), -1, 1) * reach
    away = draw.uniform(n, 0, 2 * torch.pi)
    far = draw.uniform(n, 0.35, 1.0) * (frame.size * frame.pixel_mm / 2 + 25)
    elsewhere = torch.stack([torch.cos(away), torch.sin(away)], 1) * far[:, None]
    offset = torch.where((kind == ELSEWHERE)[:, None], elsewhere, offset)
    tilt = torch.stack([draw.normal(n) * 0.33, draw.normal(n) * 0.12], 1).clamp(-0.8, 0.8)
    size = torch.exp(draw.normal((n, 1)) * 0.12 + draw.normal((n, 2)) * 0.06)
    thick = draw.chance(n, 0.45)
    return Scene(
        kind=kind,
        level=level,
        offset=offset,
        rotation=(draw.normal(n) * 0.22).clamp(-0.6, 0.6),
        tilt=tilt * torch.where(thick, 0.5, 1.0)[:, None],
        scale=size,
        flip=draw.chance(n, 0.5),
        planes=_draw_planes(draw, n, frame, thick),
        thick=thick,
    )


def _draw_planes(draw: Draw, n: int, frame: Frame, thick: torch.Tensor) -> torch.Tensor:
    """Heights (n, CHANNELS, frame.planes) in mm of the planes averaged in each channel.

    Thin slices come with neighbours; a thick slice is seen alone, its planes spread over it.
    """
    thickness = torch.where(thick, draw.uniform(n, 2.5, 8.0), draw.uniform(n, 0.4, 2.5))
    spread = torch.linspace(-0.5, 0.5, CHANNELS * frame.planes + 1)
    middle = (spread[1:] + spread[:-1]) / 2
    alone = middle.view(1, CHANNELS, frame.planes) * thickness[:, None, None]
    distance = draw.uniform(n, *frame.neighbour_mm)
    sides = torch.arange(CHANNELS) - CHANNELS // 2
    within = (torch.arange(frame.planes) + 0.5) / frame.planes - 0.5
    together = (
        sides[None, :, None] * distance[:, None, None]
        + within[None, None, :] * thickness[:, None, None]
    )
    return torch.where(thick[:, None, None], alone, together)


def tissue_planes(draw: Draw, scene: Scene, frame: Frame, anatomy: Anatomy) -> torch.Tensor:
    """Tissue class at every point of every plane, (n, planes, m, m) int64.

    ``m`` is ``frame.size`` times ``OVERSAMPLE``: classes are averaged later, as intensities and
    as target, into partial volumes.
    """
    n = len(scene.level)
    u, v = _image_plane(draw, scene, frame)
    w = scene.planes.flatten(1)[:, :, None, None]
    u, v = u[:, None], v[:, None]
    ta, tr = (scene.tilt[:, k, None, None, None] for k in (0, 1))
    x = u * torch.cos(tr) + w * torch.sin(tr)
    up = w * torch.cos(tr) - u * torch.sin(tr)
    y = v * torch.cos(ta) + up * torch.sin(ta)
    z = up * torch.cos(ta) - v * torch.sin(ta)
    per_mm = 1 / tissue.VOXEL_MM
    x = x * (per_mm / scene.scale[:, 0, None, None, None])
    y = y * (per_mm / scene.scale[:, 1, None, None, None])
    nz, ny, nx = anatomy.classes.shape
    level = scene.level.long()
    x, y = _reshape_cord(draw, x, y, torch.from_numpy(anatomy.radius)[level])
    centre = torch.from_numpy(anatomy.centre)[level]
    ix = (x + (centre[:, 0, None, None, None] + 0.5)).long()
    iy = (y + (centre[:, 1, None, None, None] + 0.5)).long()
    iz = (z * per_mm + scene.level[:, None, None, None]).long().clamp_(0, nz - 1)
    inside = (ix >= 0) & (ix < nx) & (iy >= 0) & (iy < ny)
    flat = (iz * ny + iy.clamp_(0, ny - 1)) * nx + ix.clamp_(0, nx - 1)
    found = torch.from_numpy(anatomy.classes).view(-1)[flat]
    found = torch.where(inside, found, tissue.VOID)
    is_cord = (found >= tissue.WHITE) & (found <= tissue.GRAY_RIM)
    empty = (scene.kind == NO_CORD).view(n, 1, 1, 1)
    return torch.where((is_cord | (found == tissue.RIM)) & empty, tissue.CSF, found).long()


def _image_plane(draw: Draw, scene: Scene, frame: Frame) -> tuple[torch.Tensor, torch.Tensor]:
    """In-plane coordinates (n, m, m) in mm about the cord: elastic, rotated, shifted, mirrored."""
    m = frame.size * OVERSAMPLE
    n = len(scene.level)
    axis = (torch.arange(m) + 0.5) * (
        frame.pixel_mm / OVERSAMPLE
    ) - frame.size * frame.pixel_mm / 2
    bend = smooth_noise(draw, n, 2, m, 6) * draw.uniform((n, 1, 1, 1), 0, 1.3)
    ripple = smooth_noise(draw, n, 2, m, 24) * draw.uniform((n, 1, 1, 1), 0, 0.18)
    moved = bend + ripple
    u = axis[None, None, :] + moved[:, 0] - scene.offset[:, 0, None, None]
    v = axis[None, :, None] + moved[:, 1] - scene.offset[:, 1, None, None]
    c, s = (f(scene.rotation)[:, None, None] for f in (torch.cos, torch.sin))
    u, v = c * u + s * v, c * v - s * u
    return torch.where(scene.flip[:, None, None], -u, u), v


def _reshape_cord(
    draw: Draw, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the cord's size, shape and place in the canal without moving the canal's wall.

    In units of the cord's radius the template boundary at 1 is brought to ``s(angle)``; between
    there and ``limit`` distances are stretched linearly, beyond it nothing moves.
    """
    n = len(radius)
    a, b = (radius[:, k, None, None, None] for k in (0, 1))
    rho = torch.sqrt((x / a) ** 2 + (y / b) ** 2) + 1e-4
    c1, s1 = x / (a * rho), y / (b * rho)
    c2, s2 = 2 * c1 * c1 - 1, 2 * c1 * s1
    shape = torch.exp(draw.normal((n, 1)) * 0.13 + draw.normal((n, 2)) * 0.10).clamp(0.55, 1.6)
    flat = draw.chance(n, 0.15)
    squeeze = torch.where(flat, draw.uniform(n, 0.5, 0.85), 1.0)
    sx, sy = shape[:, 0] / squeeze.sqrt(), shape[:, 1] * squeeze
    wave = draw.normal((n, 6)) * torch.tensor([0.05, 0.08, 0.04, 0.03, 0.03, 0.03])
    # One patient in four has the cord against one side of the canal.
    push = torch.where(draw.chance(n, 0.25), 2.5, 1.0)
    wave = torch.cat([wave[:, :2] * push[:, None], wave[:, 2:]], 1)[:, :, None, None, None]
    s = (c1 / sx[:, None, None, None]) ** 2 + (s1 / sy[:, None, None, None]) ** 2
    s = torch.rsqrt(s) * (
        1
        + wave[:, 0] * c1
        + wave[:, 1] * s1
        + wave[:, 2] * c2
        + wave[:, 3] * s2
        + wave[:, 4] * (c2 * c1 - s2 * s1)
        + wave[:, 5] * (s2 * c1 + c2 * s1)
    )
    limit = draw.uniform((n, 1, 1, 1), 2.2, 3.2)
    s = s.clamp(0.45, 1.75)
    outside = 1 + (rho - s) * ((limit - 1) / (limit - s))
    there = torch.where(rho < s, rho / s, torch.where(rho < limit, outside, rho))
    factor = there / rho
    return x * factor, y * factor


def smooth_noise(draw: Draw, n: int, channels: int, size: int, cells: int) -> torch.Tensor:
    """Smooth random fields (n, channels, size, size), unit variance at the control points."""
    coarse = draw.normal((n, channels, cells, cells))
    return F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
