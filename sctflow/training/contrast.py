"""What tissues look like: loose priors of usual contrasts, or nothing but chance."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from sctflow.training import anatomy as tissue
from sctflow.training.draw import Draw

# Tissues that the template does not show, after its own classes.
N_FILL = 8
FILL = tissue.N_CLASSES
FAT = FILL + N_FILL
AIR = FAT + 1
VESSEL = AIR + 1
N_TISSUES = VESSEL + 1

# Low and high of: cord, CSF, muscle-like soft tissue, bone, fat, gray/white ratio.
PRIORS = {
    "T2": [(0.25, 0.60), (0.80, 1.20), (0.08, 0.35), (0.10, 0.50), (0.15, 0.90), (0.98, 1.25)],
    "T1": [(0.55, 0.90), (0.10, 0.50), (0.30, 0.65), (0.25, 0.95), (0.80, 1.30), (0.80, 1.00)],
    "T2star": [(0.40, 0.70), (0.65, 1.10), (0.20, 0.60), (0.05, 0.40), (0.30, 0.80), (1.05, 1.30)],
    "PD": [(0.45, 0.75), (0.55, 1.10), (0.30, 0.80), (0.10, 0.60), (0.50, 1.10), (1.02, 1.20)],
    "MT": [(0.25, 0.55), (0.40, 1.00), (0.15, 0.50), (0.08, 0.50), (0.50, 1.20), (1.00, 1.20)],
    "DWI": [(0.60, 1.10), (0.02, 0.35), (0.05, 0.40), (0.02, 0.30), (0.02, 0.35), (0.80, 1.20)],
}
CHANCE_SHARE = 0.4
LEAST_CONTRAST = 0.09
# Median share of CSF in the T2w intensity of PAM50's voxels between the masks of cord and CSF.
# People who draw a cord leave its rim of partial volume out; so does PAM50's mask.
CSF_IN_RIM = 0.22


def draw_intensities(draw: Draw, n: int) -> torch.Tensor:
    """Mean intensity of every tissue, (n, N_TISSUES) in about [0, 1.3]."""
    ranges = torch.tensor(list(PRIORS.values()))
    picked = ranges[draw.choice(n, [1.0] * len(PRIORS))]
    low, high = picked[..., 0], picked[..., 1]
    prior = low + (high - low) * draw.uniform((n, 6))
    chance = draw.uniform((n, 6)) * torch.tensor([1, 1, 1, 1, 1, 0.0])
    chance[:, 5] = 1 + draw.normal(n) * 0.12
    base = torch.where(draw.chance(n, CHANCE_SHARE)[:, None], chance, prior)
    cord, csf, soft, bone, fat, ratio = base.unbind(1)
    csf = _keep_apart(csf, cord)
    gray = cord * ratio
    rim = torch.where(draw.chance(n, 0.5), cord, gray)
    table = torch.zeros(n, N_TISSUES)
    table[:, tissue.WHITE], table[:, tissue.GRAY], table[:, tissue.GRAY_RIM] = cord, gray, rim
    table[:, tissue.CSF] = csf
    table[:, tissue.RIM] = cord + CSF_IN_RIM * (csf - cord)
    root = torch.where(draw.chance(n, 0.6), cord * (1 + 0.15 * draw.normal(n)), draw.uniform(n))
    table[:, tissue.ROOT] = root.clamp(0, 1.5)
    half = tissue.N_BACKGROUND_BINS
    start = tissue.FIRST_BACKGROUND
    table[:, start : start + half] = _ramp(draw, soft, fat)
    table[:, start + half : start + 2 * half] = _ramp(draw, bone, soft)
    table[:, FILL : FILL + N_FILL] = soft[:, None] * torch.exp(draw.normal((n, N_FILL)) * 0.5)
    table[:, FAT] = fat
    table[:, AIR] = draw.uniform(n, 0, 0.06)
    table[:, VESSEL] = torch.where(draw.chance(n, 0.5), draw.uniform(n, 0.7, 1.6), 0.05)
    table[:, tissue.VOID] = table[:, AIR]
    return table


def _keep_apart(csf: torch.Tensor, cord: torch.Tensor) -> torch.Tensor:
    """Move CSF away from the cord's intensity where the eye could not tell them apart."""
    gap = csf - cord
    side = torch.where(gap >= 0, 1.0, -1.0)
    wide_enough = gap.abs() >= LEAST_CONTRAST
    return torch.where(wide_enough, csf, (cord + side * LEAST_CONTRAST).clamp(min=0.01))


def _ramp(draw: Draw, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Intensities for the bins of a brightness scale: a random smooth path, sometimes shuffled."""
    n, bins = len(one), tissue.N_BACKGROUND_BINS
    ends = torch.stack([one, draw.uniform(n, 0, 1), other], 1)
    straight = torch.stack([one, (one + other) / 2, other], 1)
    knots = torch.where(draw.chance(n, 0.5)[:, None], ends, straight)
    knots = torch.where(draw.chance(n, 0.5)[:, None], knots, knots.flip(1))
    path = F.interpolate(knots[:, None], size=bins, mode="linear", align_corners=True)[:, 0]
    jitter = draw.normal((n, bins)) * draw.uniform((n, 1), 0, 0.15)
    return (path + jitter).clamp(0, 1.6)
