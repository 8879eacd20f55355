"""Network weights on disk: half-precision arrays, no pickles, same weights same bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch.nn import Module


def save_weights(net: Module, path: Path) -> None:
    """Write the floating-point state of ``net`` as a ``.npz`` without time stamps."""
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w") as stream:
                    np.save(stream, value.half().contiguous().numpy())
    partial.replace(path)


def load_weights(net: Module, path: Path) -> Module:
    """Fill ``net`` with the weights in ``path`` and set it to evaluation."""
    import torch

    with np.load(path, allow_pickle=False) as stored:
        state = {name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored.files}
    missing, unexpected = net.load_state_dict(state, strict=False)
    if unexpected or [name for name in missing if not name.endswith("num_batches_tracked")]:
        raise ValueError(f"{path} does not hold the weights of this network")
    return net.eval()
