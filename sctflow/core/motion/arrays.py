"""Where windows are worked on: in NumPy's arrays, or in PyTorch's on a graphics processor.

What is done with windows is written once, in operators, methods and positional arguments that
both libraries understand. What is small (poses, covariances) stays in NumPy's arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from scipy import fft

from sctflow.core.motion.result import Motion

Array = Any
"""An array of NumPy, or a tensor of PyTorch on any device."""

LEAST_WINDOWS = 20_000
"""Slices times volumes from which on a graphics processor is looked for. Without one they take
about 15 s, importing PyTorch and waking the device some of them."""


def choose_device(device: str | None, n_windows: int) -> str | None:
    """Say where to work on so many windows.

    Parameters
    ----------
    device : str or None
        ``"auto"``, a device of PyTorch, or none of them: NumPy's arrays.
    n_windows : int
        Slices times volumes.

    Returns
    -------
    str or None
        None for NumPy's arrays.
    """
    if device != "auto":
        return device
    if n_windows < LEAST_WINDOWS:
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


def put(values: np.ndarray, device: str | None) -> Array:
    """Take values to a device; NumPy's arrays stay what they are without one."""
    if device is None:
        return values
    import torch

    return torch.as_tensor(np.ascontiguousarray(values), device=device)


def beside(values: np.ndarray, array: Array) -> Array:
    """Take values to where another array is."""
    return values if isinstance(array, np.ndarray) else put(values, array.device)


def to_host(array: Array) -> np.ndarray:
    """Take an array back from wherever it is."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def functions(array: Array) -> ModuleType:
    """Module whose functions take this array."""
    return np if isinstance(array, np.ndarray) else sys.modules["torch"]


def transforms(array: Array) -> ModuleType:
    """Module whose Fourier transforms take this array, and keep single precision."""
    return fft if isinstance(array, np.ndarray) else sys.modules["torch"].fft


def on_device(estimate: Callable[[str | None], Motion], device: str | None) -> Motion:
    """Estimate on a device; if it fails, its memory being too small for instance, without it."""
    if device is None:
        return estimate(None)
    try:
        return estimate(device)
    except RuntimeError as error:  # of which PyTorch makes all that go wrong with a device
        reason = str(error).partition("\n")[0].partition(". ")[0]
    motion = estimate(None)
    note = f"motion was estimated without {device}, which failed: {reason}"
    return replace(motion, notes=(*motion.notes, note))
