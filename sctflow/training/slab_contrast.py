"""What the phantom's tissues look like in training images: loose priors, or nothing but chance."""

from __future__ import annotations

import torch

from sctflow.core.phantom.codes import IS_CORD, IS_GRAY, IS_LESION, Tissue
from sctflow.training.contrast import CHANCE_SHARE, LEAST_CONTRAST, PRIORS
from sctflow.training.draw import Draw

# Low and high of the inner and outer part of discs, and of ligaments and dura, by contrast.
DISCS = {
    "T2": [(0.10, 1.00), (0.03, 0.35), (0.02, 0.15)],
    "T1": [(0.20, 0.65), (0.15, 0.60), (0.02, 0.30)],
    "T2star": [(0.40, 1.20), (0.20, 0.90), (0.05, 0.40)],
    "PD": [(0.40, 1.00), (0.20, 0.80), (0.05, 0.40)],
    "MT": [(0.20, 0.90), (0.10, 0.60), (0.05, 0.30)],
    "DWI": [(0.05, 0.50), (0.02, 0.30), (0.02, 0.20)],
}
# Discs and marrow nearer to each other than this would not be seen; one image in ten is let be.
LEAST_DISC_CONTRAST = 0.08
BRAIN = (Tissue.MEDULLA, Tissue.PONS, Tissue.CEREBELLUM, Tissue.CEREBRUM)


def draw_code_intensities(draw: Draw, n: int) -> torch.Tensor:
    """Mean intensity of every code of the phantom, (n, 256) in about [0, 1.3]."""
    ranges = torch.tensor([PRIORS[name] + DISCS[name] for name in PRIORS])
    picked = ranges[draw.choice(n, [1.0] * len(PRIORS))]
    low, high = picked[..., 0], picked[..., 1]
    prior = low + (high - low) * draw.uniform((n, 9))
    chance = draw.uniform((n, 9))
    chance[:, 5] = 1 + draw.normal(n) * 0.12
    base = torch.where(draw.chance(n, CHANCE_SHARE)[:, None], chance, prior)
    cord, csf, soft, bone, fat, ratio, nucleus, annulus, ligament = base.unbind(1)
    csf = _apart(csf, cord, LEAST_CONTRAST)
    seen = draw.chance(n, 0.9)
    annulus = torch.where(seen, _apart(annulus, bone, LEAST_DISC_CONTRAST), annulus)
    table = soft[:, None] * torch.exp(draw.normal((n, 256)) * 0.3)
    table[:, torch.from_numpy(IS_CORD)] = cord[:, None]
    table[:, torch.from_numpy(IS_GRAY)] = (cord * ratio)[:, None]
    lesion = cord * draw.uniform(n, 0.6, 1.8)
    table[:, torch.from_numpy(IS_LESION)] = lesion[:, None]
    for tissue in BRAIN:
        table[:, tissue] = cord * (1 + 0.12 * draw.normal(n))
    values = {
        Tissue.CSF: csf,
        # Seen as dark or bright as the cord in most images, which hides where the cord ends.
        Tissue.ROOT: torch.where(draw.chance(n, 0.8), cord * (1 + 0.12 * draw.normal(n)), csf),
        Tissue.DURA: ligament,
        Tissue.LIGAMENT: ligament * (1 + 0.2 * draw.normal(n)),
        Tissue.EPIDURAL: torch.where(draw.chance(n, 0.7), fat * draw.uniform(n, 0.4, 1.0), csf),
        Tissue.CORTICAL_BONE: torch.where(
            draw.chance(n, 0.8), draw.uniform(n, 0.0, 0.15), bone * draw.uniform(n, 0.3, 1.0)
        ),
        Tissue.MARROW: bone,
        Tissue.NUCLEUS: torch.where(draw.chance(n, 0.5), annulus, nucleus),
        Tissue.ANNULUS: annulus,
        Tissue.FAT: fat,
        Tissue.AIR: draw.uniform(n, 0, 0.06),
        Tissue.BACKGROUND: draw.uniform(n, 0, 0.04),
        Tissue.LUNG: draw.uniform(n, 0, 0.15),
        Tissue.ARTERY: torch.where(draw.chance(n, 0.5), draw.uniform(n, 0.6, 1.5), 0.05),
        Tissue.VEIN: torch.where(draw.chance(n, 0.5), draw.uniform(n, 0.6, 1.5), 0.1),
    }
    for tissue, value in values.items():
        table[:, tissue] = value
    return table.clamp(0, 1.6)


def _apart(value: torch.Tensor, other: torch.Tensor, least: float) -> torch.Tensor:
    """Move values away from others where the eye could not tell them apart."""
    gap = value - other
    side = torch.where(gap >= 0, 1.0, -1.0)
    return torch.where(gap.abs() >= least, value, (other + side * least).clamp(min=0.01))
