"""Where the tests find their data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

# Before anything imports them: pictures without a display, no oversubscribed cores.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# etelemetry (through nipype) would ask a server for the newest version.
os.environ.setdefault("NO_ET", "1")
os.environ.setdefault("NIPYPE_NO_ET", "1")


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the sources."""
    return REPO


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real images: `$SCTFLOW_TEST_DATA`, or `shared/data` beside the repository."""
    named = os.environ.get("SCTFLOW_TEST_DATA")
    if named:
        # Somebody meant it: a slip of the pen must not turn into skipped tests.
        assert Path(named).is_dir(), f"SCTFLOW_TEST_DATA is not a folder: {named}"
        return Path(named)
    folder = REPO.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs real images: set SCTFLOW_TEST_DATA to the folder with ds-errsm30")
    return folder


def _dataset(data_dir: Path, name: str) -> Path:
    if not (data_dir / name / "dataset_description.json").is_file():
        pytest.skip(f"needs real images: no dataset {name} in {data_dir}")
    return data_dir / name


@pytest.fixture(scope="session")
def errsm30(data_dir: Path) -> Path:
    """One volunteer, small crops of every contrast, with manual labels."""
    return _dataset(data_dir, "ds-errsm30")


@pytest.fixture(scope="session")
def tutorial(data_dir: Path) -> Path:
    """Several participants, full field of view."""
    return _dataset(data_dir, "ds-tutorial")


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dataset with its true masks as manual labels. Do not write into it."""
    from sctflow.demo import write_demo

    folder = tmp_path_factory.mktemp("demo") / "bids"
    return write_demo(folder, images=("T2w", "T2star"), labels=("SC", "discs"))
