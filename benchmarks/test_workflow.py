"""How long the main job takes on a real volunteer (T2w, T1w, T2star) with two processes.

Run with ``pytest benchmarks/test_workflow.py``; the images are looked for as the tests do.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (sys.executable, "-c", "import sys; from sctflow.cli.run import main; sys.exit(main())")
REPO = Path(__file__).resolve().parents[1]


@pytest.fixture
def errsm30():
    default = REPO.parent / "shared" / "data"
    folder = Path(os.environ.get("SCTFLOW_TEST_DATA", default)) / "ds-errsm30"
    if not folder.is_dir():
        pytest.skip("needs real images: set SCTFLOW_TEST_DATA to the folder with ds-errsm30")
    return folder


def _run(bids_dir, folder, *options):
    command = [*PROGRAM, str(bids_dir), str(folder / "out"), "participant"]
    command += ["-w", str(folder / "work"), "--nprocs", "2", *options]
    subprocess.run(
        command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


@pytest.mark.parametrize("options", [("--ignore-labels", "SC"), ()], ids=["network", "manual"])
def test_participant(benchmark, errsm30, tmp_path_factory, options):
    """From nothing to the report."""

    def setup():
        return (errsm30, tmp_path_factory.mktemp("run"), *options), {}

    benchmark.pedantic(_run, setup=setup, rounds=2)


def test_participant_again(benchmark, errsm30, tmp_path):
    """The same command a second time, when there is nothing left to do."""
    _run(errsm30, tmp_path)
    benchmark.pedantic(_run, args=(errsm30, tmp_path), rounds=2)
