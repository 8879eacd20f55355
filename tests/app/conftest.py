"""Skeleton datasets: the names of a BIDS tree, and not one voxel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

DESCRIPTION = {"Name": "skeleton", "BIDSVersion": "1.10.0"}


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Make a dataset with the given (empty) files; labels go to derivatives/labels."""

    def make(*names: str, root: str = "ds", labels: tuple[str, ...] = ()) -> Path:
        folder = tmp_path / root
        folder.mkdir()
        (folder / "dataset_description.json").write_text(json.dumps(DESCRIPTION))
        for name in (*names, *(f"derivatives/labels/{label}" for label in labels)):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return folder

    return make
