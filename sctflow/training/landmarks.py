"""Train the landmark network: ``python -m sctflow.training.landmarks --help``.

It sees sagittal slabs made by `sctflow.training.slabs` from phantom people and from PAM50's label
maps, and nothing else. PAM50 is found through TemplateFlow (set ``TEMPLATEFLOW_HOME``).
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from sctflow.core.labeling.kinds import KINDS
from sctflow.core.labeling.network import make_landmark_net
from sctflow.core.segmentation.network import UNet
from sctflow.models.weights import load_weights, save_weights
from sctflow.training.anatomy import load_anatomy
from sctflow.training.draw import Draw
from sctflow.training.loop import follow, improve, keep_freed_memory, start
from sctflow.training.people import Spine, draw_people, load_disc_tips, template_spine
from sctflow.training.slabs import make_slabs

LANDMARK_WEIGHT = 40.0
"""How much more a pixel at a landmark counts than one far from all."""
TEMPLATE_SHARE = 0.25
"""Part of the images that are made from the template."""
PEOPLE_SEED, UNSEEN_SEED = 10_000, 90_000
UNSEEN_PEOPLE = 12
FOUND, NEAR_MM = 0.5, 3


def loss(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in which landmarks weigh more; what is not known of a spine counts nothing."""
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (each * (1 + LANDMARK_WEIGHT * targets) * known).mean()


def train(
    people: list[Spine],
    template: Spine,
    *,
    steps: int,
    batch: int,
    highest_rate: float,
    seed: int,
    out: Path,
    start_from: Path | None = None,
) -> UNet:
    """Train the network and return the moving average of its weights; saves on the way."""
    torch.manual_seed(seed)
    net = make_landmark_net()
    if start_from:
        load_weights(net, start_from).train()
    net = net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    optimiser, schedule = start(net, highest_rate=highest_rate, steps=steps)
    draw = Draw(seed)
    spines = [*people, *[template] * round(len(people) * TEMPLATE_SHARE / (1 - TEMPLATE_SHARE))]
    unseen = [make_slabs(Draw(UNSEEN_SEED), 64, draw_people(UNSEEN_PEOPLE, UNSEEN_SEED))]
    begun, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        images, targets, known = make_slabs(draw, batch, spines)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(images.contiguous(memory_format=torch.channels_last))
        value = loss(logits.float(), targets, known)
        improve(net, value, optimiser, schedule)
        follow(average, net, min(0.999, step / (step + 20)))
        total += float(value.detach())
        if step % 250 == 0 or step == steps:
            save_weights(average, out)
            minutes = (time.monotonic() - begun) / 60
            scores = "; ".join(_score(average, *part) for part in unseen)
            print(f"{step:6d} {minutes:6.1f} min  loss {total / 250:.4f}  {scores}", flush=True)
            total = 0.0
    return average


@torch.no_grad()
def _score(net: UNet, images: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> str:
    """Of each kind the share that is found, and of what is found the share that is wrong."""
    net.eval()
    heat = torch.cat([torch.sigmoid(net(x)) for x in images.split(16)])
    net.train()
    peaks, truth = _peaks(heat, FOUND), _peaks(targets, 0.8)
    reach = 2 * NEAR_MM + 1
    hit = truth & (F.max_pool2d(peaks.float(), reach, 1, NEAR_MM) > 0)
    false = peaks & (F.max_pool2d(truth.float(), reach, 1, NEAR_MM) == 0)
    parts = []
    for k, kind in enumerate(KINDS):
        there, found = int(truth[:, k].sum()), int(peaks[:, k].sum())
        parts.append(f"{kind} {int(hit[:, k].sum())}/{there}-{int(false[:, k].sum())}/{found}")
    return " ".join(parts)


def _peaks(heat: torch.Tensor, least: float) -> torch.Tensor:
    """Pixels that are the highest of their neighbourhood and at least so high."""
    return (heat >= least) & (heat == F.max_pool2d(heat, 9, 1, 4))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="weights to write (.npz)")
    parser.add_argument("--people", type=int, default=160, help="phantom people to draw")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start-from", type=Path, help="weights to go on from")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    train(
        draw_people(options.people, PEOPLE_SEED),
        template_spine(load_anatomy(), load_disc_tips()),
        steps=options.steps,
        batch=options.batch,
        highest_rate=options.rate,
        seed=options.seed,
        out=options.out,
        start_from=options.start_from,
    )


if __name__ == "__main__":
    main()
