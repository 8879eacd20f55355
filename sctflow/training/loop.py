"""What the training of all networks has in common."""

from __future__ import annotations

import ctypes
import math

import torch
from torch import nn


def start(
    net: nn.Module, *, highest_rate: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Make the optimiser of a network and its schedule."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=highest_rate, weight_decay=1e-4)
    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: rate(s, steps))


def improve(
    net: nn.Module,
    value: torch.Tensor,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    """Take one step down the gradient of a loss."""
    optimiser.zero_grad()
    value.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    schedule.step()


def rate(step: int, steps: int) -> float:
    """Linear warm-up over 200 steps, then half a cosine."""
    return min(1.0, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * step / steps))


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move the averaged weights and running statistics towards the net's."""
    for slow, fast in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)


def keep_freed_memory() -> None:
    """Have glibc reuse the tensors' memory: giving it back takes a quarter of the time."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:  # another C library
        return
    libc.mallopt(m_mmap_threshold, 1 << 30)
    libc.mallopt(m_trim_threshold, (1 << 31) - 1)
