"""What lies around the spine, and what inside the canal can be mistaken for cord."""

from __future__ import annotations

import torch

from sctflow.training import anatomy as tissue
from sctflow.training.contrast import AIR, FAT, FILL, N_FILL, VESSEL
from sctflow.training.draw import Draw
from sctflow.training.geometry import NO_CORD, OVERSAMPLE, Frame, Scene, smooth_noise


def fill_void(draw: Draw, classes: torch.Tensor, scene: Scene, frame: Frame) -> torch.Tensor:
    """Replace what the template does not show, and more of it about the canal, by made tissue."""
    n, _, m, _ = classes.shape
    cells = 5 + int(draw.uniform(1, 0, 12))
    field = smooth_noise(draw, n, 1, m, cells)[:, 0]
    made = FILL + ((field * 0.25 + 0.5) * N_FILL).long().clamp(0, N_FILL - 1)
    cellular = draw.chance(n, 0.3)
    if cellular.any():
        made[cellular] = FILL + _voronoi(draw, int(cellular.sum()), m, 18) % N_FILL
    if frame.surroundings:
        made = _add_vessels(draw, made)
    protected = (classes >= tissue.WHITE) & (classes <= tissue.CSF) | (classes >= tissue.ROOT)
    replace = (classes == tissue.VOID) | (_beyond(draw, scene, m, frame)[:, None] & ~protected)
    return torch.where(replace, made[:, None], classes)


def draw_body(draw: Draw, classes: torch.Tensor, scene: Scene, frame: Frame) -> torch.Tensor:
    """Skin, subcutaneous fat, airway and the air outside, as ellipses placed about the cord."""
    n, _, m, _ = classes.shape
    u, v = _from_cord(scene, m, frame)
    wide = draw.uniform((n, 1, 1), 48, 95)
    deep = draw.uniform((n, 1, 1), 45, 85)
    ahead = draw.uniform((n, 1, 1), -5, 30)
    wobble = smooth_noise(draw, n, 1, m, 5)[:, 0] * 0.05
    body = torch.sqrt((u / wide) ** 2 + ((v - ahead) / deep) ** 2) + wobble
    skin = draw.uniform((n, 1, 1), 0.75, 0.97)
    air_x, air_y = draw.uniform((n, 1, 1), -8, 8), draw.uniform((n, 1, 1), 28, 50)
    air_w, air_d = draw.uniform((n, 1, 1), 4, 12), draw.uniform((n, 1, 1), 3, 9)
    airway = ((u - air_x) / air_w) ** 2 + ((v - air_y) / air_d) ** 2 < 1
    out = torch.where((body > skin)[:, None], FAT, classes)
    out = torch.where(airway[:, None] | (body > 1)[:, None], AIR, out)
    return torch.where(draw.chance(n, 0.6).view(n, 1, 1, 1), out, classes)


def clutter_canal(draw: Draw, classes: torch.Tensor, scene: Scene) -> torch.Tensor:
    """Nerve roots in the CSF; many of them where there is a canal without cord.

    The template's own are seen in one image in two.
    """
    n, _, m, _ = classes.shape
    unseen = draw.chance(n, 0.5).view(n, 1, 1, 1) & (classes == tissue.ROOT)
    classes = torch.where(unseen, tissue.CSF, classes)
    cells = 30 + int(draw.uniform(1, 0, 25))
    field = smooth_noise(draw, n, 1, m, cells)
    some = torch.where(draw.chance(n, 0.2), draw.uniform(n, 1.2, 2.2), 9.0)
    many = draw.uniform(n, -0.2, 1.5)
    bar = torch.where(scene.kind == NO_CORD, many, some).view(n, 1, 1, 1)
    return torch.where((classes == tissue.CSF) & (field > bar), tissue.ROOT, classes)


def _from_cord(scene: Scene, m: int, frame: Frame) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance in mm from the cord's middle, along x (n, 1, m) and along y (n, m, 1)."""
    pitch = frame.pixel_mm / OVERSAMPLE
    axis = (torch.arange(m) + 0.5) * pitch - frame.size * frame.pixel_mm / 2
    u = axis[None, None, :] - scene.offset[:, 0, None, None]
    v = axis[None, :, None] - scene.offset[:, 1, None, None]
    return u, v


def _beyond(draw: Draw, scene: Scene, m: int, frame: Frame) -> torch.Tensor:
    """Points (n, m, m) where the template gives way: a wavy line, so that its box is not seen."""
    n = len(scene.level)
    u, v = _from_cord(scene, m, frame)
    distance = torch.sqrt(u**2 + v**2) + 5 * smooth_noise(draw, n, 1, m, 7)[:, 0]
    nothing_left = draw.chance(n, 0.2)
    radius = torch.where(nothing_left, 0.0, draw.uniform(n, 16, 42))
    return distance > radius[:, None, None]


def _add_vessels(draw: Draw, made: torch.Tensor) -> torch.Tensor:
    """Round bright or dark spots: thresholded noise of fine grain."""
    n, m, _ = made.shape
    field = smooth_noise(draw, n, 1, m, 22)[:, 0]
    return torch.where(field > draw.uniform((n, 1, 1), 1.4, 2.6), VESSEL, made)


def _voronoi(draw: Draw, n: int, size: int, seeds: int) -> torch.Tensor:
    """Index (n, size, size) of the nearest of ``seeds`` random points."""
    points = draw.uniform((n, seeds, 2)) * size
    axis = torch.arange(size) + 0.5
    dx = (axis[None, :, None] - points[:, None, :, 0]) ** 2
    dy = (axis[None, :, None] - points[:, None, :, 1]) ** 2
    return (dy[:, :, None, :] + dx[:, None, :, :]).argmin(-1)
