from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (sys.executable, "-c", "import sys; from sctflow.cli.run import main; sys.exit(main())")


class Runner:
    """Runs the program as a user does, each time with folders that can be looked into."""

    def __init__(self, folder: Path, cache: Path | None = None):
        self.out = folder / "out"
        self.work = folder / "work"
        self.cache = cache

    def command(self, bids_dir, *options, level="participant"):
        shared = (bids_dir, self.out, level, "--skip-bids-validation")
        own = ("-w", self.work, "--nprocs", "2") if level == "participant" else ()
        return [*PROGRAM, *map(str, (*shared, *own, *options))]

    def __call__(self, bids_dir, *options, level="participant"):
        return subprocess.run(
            self.command(bids_dir, *options, level=level),
            cwd=self.out.parent,
            capture_output=True,
            text=True,
            timeout=600,
            env=self.environment(),
        )

    def environment(self):
        """One thread, and no template that happens to be installed."""
        return os.environ | {
            "OMP_NUM_THREADS": "1",
            "TEMPLATEFLOW_HOME": str(self.out.parent / "templateflow"),
            "XDG_CACHE_HOME": str(self.cache or self.out.parent / "cache"),
        }

    def start(self, bids_dir, *options):
        """Start the program in a process group of its own, which can be killed as a whole."""
        return subprocess.Popen(
            self.command(bids_dir, *options),
            cwd=self.out.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
        )

    def results(self, participant="*"):
        """Checksum of each file that was computed, by its path in the output dataset."""
        return {
            str(path.relative_to(self.out)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.out.glob(f"sub-{participant}/**/*"))
            if path.is_file()
        }

    def finished(self):
        """When each step that computes something was finished, by its folder."""
        return {
            hashfile.parent: next(hashfile.parent.glob("result_*.pklz")).stat().st_mtime_ns
            for hashfile in self.work.rglob("_0x*.json")
            if not hashfile.name.endswith("_unfinished.json")
            and not hashfile.parent.name.startswith("ds_")
        }


@pytest.fixture(scope="session")
def new_runner():
    return Runner


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


@pytest.fixture(scope="session")
def template_options(errsm30):
    """Options for PAM50; the images are small, so that most of the time goes to the template."""
    folder = errsm30.parent.parent / "templateflow" / "tpl-PAM50"
    if not (folder / "tpl-PAM50_label-SC_mask.nii.gz").is_file():
        pytest.skip(f"needs the template PAM50 in {folder}")
    return ("--template", folder, "--modality", "anat")


@pytest.fixture(scope="session")
def errsm30_run(errsm30, template_options, tmp_path_factory):
    """The main job on the real volunteer, with the masks made by hand and PAM50."""
    folder = tmp_path_factory.mktemp("errsm30")
    runner = Runner(folder, cache=folder / "cache")
    done = runner(errsm30, *template_options)
    assert done.returncode == 0, done.stdout + done.stderr
    return runner


@pytest.fixture(scope="session")
def demo_run(demo_dataset, tmp_path_factory):
    """The main job on the demo dataset, with its true masks."""
    runner = Runner(tmp_path_factory.mktemp("demo_run"))
    done = runner(demo_dataset)
    assert done.returncode == 0, done.stdout + done.stderr
    return runner


@pytest.fixture
def demo_copy(demo_dataset, tmp_path):
    """A copy of the demo dataset that a test may damage."""
    return Path(shutil.copytree(demo_dataset, tmp_path / "bids"))
