"""Training images and targets for the landmark network: sagittal slabs along the cord."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from sctflow.core.labeling.kinds import KINDS
from sctflow.core.labeling.slab import CHANNELS, OFFSET_MM, normalise_slab
from sctflow.training.anatomy import VOID
from sctflow.training.contrast import FILL, N_FILL, draw_intensities
from sctflow.training.draw import Draw
from sctflow.training.geometry import smooth_noise
from sctflow.training.people import PLANES_MM, Spine
from sctflow.training.slab_contrast import draw_code_intensities

ROWS, COLUMNS = 128, 96
"""Pixels of 1 mm along the cord and from back to front."""
OVERSAMPLE = 2
SPREAD_MM = 2.0
"""Standard deviation of the blob that stands for a landmark."""
BEYOND_EDGE_MM = 4.0
LEAST_HEIGHT = math.exp(-0.5 * (BEYOND_EDGE_MM / SPREAD_MM) ** 2)
"""Of a blob within the field of view. A disc cut by the edge is to be found though its tip may lie
just beyond: nobody can tell."""
AXIAL_MM = 1.0, 8.0
AVERAGED = 3
"""Planes that are averaged into each channel."""

# Where images are taken: about the junction and the upper neck, the neck, the chest, about the
# conus, the loin; values are those of the disc at the middle.
REGIONS = (
    (-2.0, 4.0, 0.25),
    (4.0, 9.0, 0.22),
    (9.0, 18.0, 0.13),
    (18.0, 22.0, 0.25),
    (22.0, 26.0, 0.15),
)
JUNCTION_MM, JUNCTION_AT = 64.0, -1.0
"""Above C2/C3 images are taken by distance: the junction counts as this value."""


@dataclass(frozen=True)
class Poses:
    """How the images lie in the frames of their cords; one value per image, lengths in mm."""

    along: torch.Tensor
    forward: torch.Tensor
    right: torch.Tensor
    stretch: torch.Tensor
    shear: torch.Tensor
    bend: torch.Tensor
    thick: torch.Tensor


def make_slabs(
    draw: Draw, n: int, spines: list[Spine], *, axial_mm: tuple[float, float] | None = None
) -> tuple[torch.Tensor, ...]:
    """Make ``n`` images, their heat maps, and what of these is known.

    Parameters
    ----------
    draw : Draw
        Of everything that is random.
    n : int
        Images.
    spines : list of Spine
        What they show, each as likely as the others.
    axial_mm : (float, float), optional
        Make all images of axial slices between so thin and so thick; four in ten are axial
        otherwise, of 1 to 8 mm.

    Returns
    -------
    images : (n, CHANNELS + 1, ROWS, COLUMNS) float32
        Normalised; planes to the left, in the middle and to the right, and the field of view.
    targets : (n, len(KINDS), ROWS, COLUMNS) float32
        Blobs with a height of 1 at the landmarks.
    known : (n, len(KINDS), 1, 1) float32
        0 where a kind of landmark is not known in the spine.
    """
    which = draw.choice(n, [1.0] * len(spines)).tolist()
    chosen = [spines[i] for i in which]
    poses = _draw_poses(draw, chosen)
    s, v = _positions(draw, poses)
    painted = torch.stack([_paint(draw, spine, poses, s, v, i) for i, spine in enumerate(chosen)])
    seen = torch.stack([_field_of_view(draw) for _ in range(n)])
    targets = torch.stack([_blobs(spine, s[i], v[i], seen[i]) for i, spine in enumerate(chosen)])
    images = _acquire(draw, painted, axial_mm)
    known = torch.tensor([spine.known for spine in chosen]).float()[:, :, None, None]
    return normalise_slab(images, seen), targets, known


def _draw_poses(draw: Draw, spines: list[Spine]) -> Poses:
    """Where in each spine an image is taken, and how it is bent."""
    n = len(spines)
    region = draw.choice(n, [share for *_, share in REGIONS])
    part = draw.uniform(n)
    low, high = (torch.tensor([r[k] for r in REGIONS])[region] for k in (0, 1))
    level = low + (high - low) * part
    along = [_level_to_mm(spine, float(lv)) for spine, lv in zip(spines, level, strict=True)]
    wide = draw.chance(n, 0.3)
    return Poses(
        along=torch.tensor(along),
        forward=torch.where(wide, draw.uniform(n, -22, 30), draw.uniform(n, 0, 18)),
        right=draw.normal(n) * 1.5,
        stretch=torch.exp(draw.normal((n, 1)) * 0.08 + draw.normal((n, 2)) * 0.05),
        shear=draw.normal(n) * 0.12,
        bend=draw.normal(n) * torch.where(draw.chance(n, 0.3), 0.0035, 0.0008),
        thick=draw.uniform((n, 2), 0.5, 5.0),
    )


def _level_to_mm(spine: Spine, level: float) -> float:
    """Position along the cord of a continuous disc value; the template has fewer discs."""
    discs = spine.marks[spine.marks[:, 0] == KINDS.index("disc")][:, 1]
    if level < 3:
        return float(discs.max() + (3 - level) * JUNCTION_MM / (3 - JUNCTION_AT))
    place = sorted(discs, reverse=True)
    index = min(level - 3, len(place) - 1.001)
    low = int(index)
    return float(place[low] + (index - low) * (place[low + 1] - place[low]))


def _positions(draw: Draw, poses: Poses) -> tuple[torch.Tensor, torch.Tensor]:
    """Where every point lies: mm along the cord and in front of it, both (n, rows, columns)."""
    n, m = len(poses.along), OVERSAMPLE
    rows = (torch.arange(ROWS * m) + 0.5) / m - ROWS / 2
    columns = (torch.arange(COLUMNS * m) + 0.5) / m - COLUMNS / 2
    field = draw.normal((n, 2, 8, 6)) * draw.uniform((n, 1, 1, 1), 0, 1.8)
    moved = F.interpolate(field, size=(len(rows), len(columns)), mode="bicubic")
    s = rows[None, :, None] * poses.stretch[:, 0, None, None] + moved[:, 0]
    v = columns[None, None, :] * poses.stretch[:, 1, None, None] + moved[:, 1]
    v = v + poses.forward[:, None, None] + poses.bend[:, None, None] * s**2
    s = s + poses.shear[:, None, None] * (v - poses.forward[:, None, None])
    return s + poses.along[:, None, None], v


def _paint(
    draw: Draw, spine: Spine, poses: Poses, s: torch.Tensor, v: torch.Tensor, i: int
) -> torch.Tensor:
    """Intensities (CHANNELS, rows, columns) of one image, without the scanner."""
    table = draw_code_intensities(draw, 1) if spine.is_phantom else draw_intensities(draw, 1)
    planes, ns, nv = spine.codes.shape
    row = ((s[i] - spine.along) / spine.pitch).long().clamp(0, ns - 1)
    column = ((v[i] - spine.forward) / spine.pitch).long().clamp(0, nv - 1)
    flat = row * nv + column
    codes = torch.from_numpy(spine.codes).view(planes, -1)
    width = float(poses.thick[i, 0])
    lateral = [
        float(poses.right[i]) + side * OFFSET_MM + width * (k / (AVERAGED - 1) - 0.5)
        for side in (-1, 0, 1)
        for k in range(AVERAGED)
    ]
    nearest = [int(abs(PLANES_MM - u).argmin()) for u in lateral]
    found = torch.stack([codes[p][flat] for p in nearest]).long()
    beyond = (s[i] < spine.along) | (s[i] > spine.along + ns * spine.pitch)
    if not spine.is_phantom:
        found = _fill(draw, torch.where(beyond, VOID, found))
    image = table[0][found]
    grain = smooth_noise(draw, 1, 1, 64, 40)[0, 0]
    texture = F.interpolate(grain[None, None], size=image.shape[1:], mode="bilinear")[0]
    image = image * (1 + texture * float(draw.uniform(1, 0, 0.12)))
    return image.view(CHANNELS, AVERAGED, *image.shape[1:]).mean(1)


def _fill(draw: Draw, found: torch.Tensor) -> torch.Tensor:
    """Made tissue where the template shows nothing; in half of the images it stays empty."""
    if bool(draw.chance(1, 0.5)):
        return found
    noise = smooth_noise(draw, 1, 1, 64, 5 + int(draw.uniform(1, 0, 14)))
    noise = F.interpolate(noise, size=found.shape[1:], mode="bilinear")[0]
    made = FILL + ((noise * 0.25 + 0.5) * N_FILL).long().clamp(0, N_FILL - 1)
    return torch.where(found == VOID, made, found)


def _blobs(spine: Spine, s: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Heat maps (len(KINDS), ROWS, COLUMNS) of one image; of landmarks in its field of view."""
    s, v = (F.avg_pool2d(x[None, None], OVERSAMPLE)[0, 0] for x in (s, v))
    out = torch.zeros(len(KINDS), *s.shape)
    for kind, along, forward in spine.marks.tolist():
        if s.min() - 8 < along < s.max() + 8:
            distance = (s - along) ** 2 + (v - forward) ** 2
            blob = torch.exp(-distance / (2 * SPREAD_MM**2)) * seen[0]
            if blob.max() >= LEAST_HEIGHT:
                out[int(kind)] = torch.maximum(out[int(kind)], blob)
    return out


def _acquire(draw: Draw, fine: torch.Tensor, axial_mm: tuple[float, float] | None) -> torch.Tensor:
    """Coil, saturation, resolution and noise."""
    n = len(fine)
    images = torch.empty(n, CHANNELS, ROWS, COLUMNS)
    for i in range(n):
        images[i] = _sample(draw, fine[i], axial_mm)
    bias = smooth_noise(draw, n, 1, ROWS, 4)[:, :, :, :COLUMNS]
    images = images * torch.exp(bias * draw.uniform((n, 1, 1, 1), 0, 0.35))
    gamma = torch.exp(draw.normal((n, 1, 1, 1)) * 0.2)
    top = images.amax((1, 2, 3), keepdim=True).clamp(min=1e-3)
    images = top * (images.clamp(min=0) / top) ** gamma
    turned = draw.chance(n, 0.5)[:, None, None, None]
    return torch.where(turned, images.flip(1), images)


def _sample(draw: Draw, fine: torch.Tensor, axial_mm: tuple[float, float] | None) -> torch.Tensor:
    """One image at 1 mm: coil and saturation, averaged to its voxels, with noise in these."""
    columns = torch.linspace(0, 1, fine.shape[2])
    fall = float(draw.uniform(1, 0, 2.2)) * float(draw.chance(1, 0.4))
    fine = fine * torch.exp(-fall * columns)
    if bool(
        draw.chance(1, 0.25)
    ):  # a band in front of the spine is saturated, as against swallowing
        edge = float(draw.uniform(1, 0.55, 1.0))
        left = float(draw.uniform(1, 0.03, 0.4))
        fine = fine * (1 - (1 - left) * torch.sigmoid((columns - edge) * 40))
    axial = bool(draw.chance(1, 0.4)) or axial_mm is not None
    tall = float(draw.uniform(1, *(axial_mm or AXIAL_MM)) if axial else draw.uniform(1, 0.6, 1.5))
    deep = float(draw.uniform(1, 0.5, 1.4))
    size = [max(8, round(ROWS / tall)), max(24, round(COLUMNS / deep))]
    coarse = F.interpolate(fine[None], size=size, mode="bilinear", antialias=True)[0]
    loud = bool(draw.chance(1, 0.35))
    share = float(draw.uniform(1, 0.05, 0.2) if loud else draw.uniform(1, 0.0, 0.05))
    span = float(torch.quantile(coarse.flatten(), 0.99))
    real, imaginary = (draw.normal(tuple(coarse.shape)) * share * span for _ in range(2))
    noisy = torch.sqrt((coarse + real) ** 2 + imaginary**2)
    return F.interpolate(noisy[None], size=(ROWS, COLUMNS), mode="bilinear")[0]


def _field_of_view(draw: Draw) -> torch.Tensor:
    """Which pixels (1, ROWS, COLUMNS) an image shows: all, or a part with straight edges."""
    seen = torch.ones(1, ROWS, COLUMNS)
    if bool(draw.chance(1, 0.65)):
        low, high = (draw.uniform(2, 0, 0.4) * draw.chance(2, 0.7) * ROWS).long().tolist()
        back, front = (draw.uniform(2, 0, 0.35) * draw.chance(2, 0.7) * COLUMNS).long().tolist()
        tilt = float(draw.normal(1) * 0.12)
        rows = torch.arange(ROWS)[:, None] + tilt * (torch.arange(COLUMNS)[None] - COLUMNS / 2)
        seen[:, (rows < low) | (rows > ROWS - 1 - high)] = 0
        seen[:, :, :back] = 0
        seen[:, :, COLUMNS - front :] = 0
    return seen
