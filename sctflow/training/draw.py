"""Random draws as batched tensors from one seeded generator."""

from __future__ import annotations

import torch

Size = int | tuple[int, ...]


class Draw:
    """Short names for the few distributions that training images are made of."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, size: Size, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Uniform in [low, high)."""
        shape = (size,) if isinstance(size, int) else size
        return torch.rand(shape, generator=self.generator) * (high - low) + low

    def normal(self, size: Size) -> torch.Tensor:
        """Standard normal."""
        shape = (size,) if isinstance(size, int) else size
        return torch.randn(shape, generator=self.generator)

    def chance(self, size: Size, probability: float) -> torch.Tensor:
        """True with the given probability."""
        return self.uniform(size) < probability

    def choice(self, n: int, weights: list[float]) -> torch.Tensor:
        """Index drawn with the given weights."""
        probabilities = torch.tensor(weights)
        return torch.multinomial(probabilities, n, replacement=True, generator=self.generator)
