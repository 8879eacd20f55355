"""Train the built-in cord networks: ``python -m sctflow.training.cord --help``.

Both are trained on images made by `sctflow.training.generator` from PAM50's label maps and on
nothing else. PAM50 is found through TemplateFlow (set ``TEMPLATEFLOW_HOME``).
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from sctflow.core.segmentation.network import UNet
from sctflow.models.weights import load_weights, save_weights
from sctflow.training.anatomy import Anatomy, load_anatomy
from sctflow.training.draw import Draw
from sctflow.training.generator import make_batch
from sctflow.training.geometry import Frame
from sctflow.training.loop import follow, improve, keep_freed_memory, start

FRAMES = {
    "locate": Frame(80, 1.6, 50.0, (1.0, 5.0), planes=1, cropped=0.45, surroundings=True),
    "outline": Frame(80, 0.6, 9.0, (1.0, 4.0), planes=2, cropped=0.25, surroundings=False),
}
VALIDATION_SEED = 2**31


def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus a Dice whose optimum on partial volumes is the partial volume itself."""
    probability = torch.sigmoid(logits)
    squared = ((probability - target) ** 2).sum()
    dice = squared / (probability**2 + target**2).sum().clamp(min=1.0)
    return 5 * F.binary_cross_entropy_with_logits(logits, target) + dice


def train(
    frame: Frame,
    anatomy: Anatomy,
    *,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    out: Path,
    start_from: Path | None = None,
) -> UNet:
    """Train one network and return the moving average of its weights; saves on the way."""
    torch.manual_seed(seed)
    net = UNet()
    if start_from:
        load_weights(net, start_from).train()
    net = net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    optimiser, schedule = start(net, highest_rate=rate, steps=steps)
    draw = Draw(seed)
    checks = _unseen_images(frame, anatomy)
    begun = time.monotonic()
    for step in range(1, steps + 1):
        images, targets = make_batch(draw, batch, frame, anatomy)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(images.contiguous(memory_format=torch.channels_last))
        value = loss(logits.float(), targets)
        improve(net, value, optimiser, schedule)
        follow(average, net, min(0.999, step / (step + 20)))
        if step % 250 == 0 or step == steps:
            save_weights(average, out)
            minutes = (time.monotonic() - begun) / 60
            print(f"{step:6d} {minutes:6.1f} min  {_score(average, *checks)}", flush=True)
    return average


def _unseen_images(frame: Frame, anatomy: Anatomy) -> tuple[torch.Tensor, torch.Tensor]:
    """Images to follow the training by; small batches, since a batch shares some draws."""
    draw = Draw(VALIDATION_SEED)
    batches = [make_batch(draw, 8, frame, anatomy) for _ in range(32)]
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return images, targets


@torch.no_grad()
def _score(net: UNet, images: torch.Tensor, targets: torch.Tensor) -> str:
    """Dice, area bias and calibration on made images that training does not see."""
    net.eval()
    probability = torch.cat([torch.sigmoid(net(x)) for x in images.split(32)])
    net.train()
    area, truth = probability.sum((1, 2, 3)), targets.sum((1, 2, 3))
    full = truth > 0.25 * truth.max()
    both = 2 * ((probability > 0.5) & (targets > 0.5)).sum((1, 2, 3))
    dice = both / ((probability > 0.5).sum((1, 2, 3)) + (targets > 0.5).sum((1, 2, 3))).clamp(
        min=1
    )
    wrong = ((probability > 0.5).sum((1, 2, 3)) > 20)[truth == 0].float().mean()
    return (
        f"dice median {dice[full].median():.3f} lowest tenth {dice[full].quantile(0.1):.3f} "
        f"area {100 * (area[full].sum() / truth[full].sum() - 1):+.1f} % "
        f"invented {100 * wrong:.0f} %"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=list(FRAMES))
    parser.add_argument("--out", type=Path, required=True, help="weights to write (.npz)")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start-from", type=Path, help="weights to go on from")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    train(
        FRAMES[options.network],
        load_anatomy(),
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        seed=options.seed,
        out=options.out,
        start_from=options.start_from,
    )


if __name__ == "__main__":
    main()
