"""One run of the program: its folder in ``logs/``, and what is needed to repeat it."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .. import __version__
from ..settings import Settings

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Run:
    """A run and its folder.

    Attributes
    ----------
    uuid
        Time and a unique identifier; runs sort by time.
    folder
        ``<output_dir>/logs/<uuid>``: settings, environment, log, crash files, outcome.
    """

    uuid: str
    folder: Path


def prepare_environment(omp_nthreads: int) -> None:
    """Set the variables that libraries read when they are imported.

    Every process started from here on inherits them: no library takes more threads than its
    step was given, Nipype asks nobody for news, Matplotlib needs no screen.
    """
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(omp_nthreads)))
    os.environ.update(NIPYPE_NO_ET="1", NO_ET="1", MPLBACKEND="Agg")


def available_cpus() -> int:
    """Processors that this process may use (not all that the machine has)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_run(
    settings: Settings, argv: Sequence[str], template: Mapping[str, str | None] | None = None
) -> Run:
    """Make the run's folder, and save settings, command line, versions and template in it."""
    from uuid import uuid4

    from ..io import save_json

    uuid = f"{datetime.now():%Y%m%d-%H%M%S}_{uuid4()}"
    run = Run(uuid=uuid, folder=settings.output_dir / "logs" / uuid)
    run.folder.mkdir(parents=True, exist_ok=True)
    settings.to_toml(run.folder / "settings.toml")
    environment = {**describe_environment(argv), "Template": template}
    save_json(environment, run.folder / "environment.json")
    return run


def describe_environment(argv: Sequence[str]) -> dict:
    """What a result may depend on besides the data: versions, machine, command line."""
    return {
        "Command": shlex.join(["sctflow", *argv]),
        "WorkingDirectory": os.getcwd(),
        "Started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "Version": __version__,
        "Python": sys.version,
        "Platform": platform.platform(),
        "Processors": available_cpus(),
        "Packages": _versions(),
    }


def save_outcome(run: Run, exit_status: int, errors: Mapping[str, Sequence[Mapping]]) -> None:
    """Save how the run ended, with the failures of each participant."""
    from ..io import save_json

    outcome = {
        "Finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "ExitStatus": exit_status,
        "Participants": {label: list(map(dict, found)) for label, found in errors.items()},
    }
    save_json(outcome, run.folder / OUTCOME)


def last_errors(output_dir: Path, participant: str) -> list[dict]:
    """Failures of a participant in the last finished run that processed it."""
    for path in sorted((output_dir / "logs").glob(f"*/{OUTCOME}"), reverse=True):
        try:
            participants = json.loads(path.read_text("utf-8"))["Participants"]
        except (OSError, ValueError, KeyError):
            continue
        if participant in participants:
            return participants[participant]
    return []


def _versions() -> dict[str, str]:
    import re
    from importlib import metadata

    versions = {}
    try:
        required = metadata.requires("sctflow") or []
    except metadata.PackageNotFoundError:
        required = []
    for requirement in required:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement:
            continue
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return dict(sorted(versions.items()))
