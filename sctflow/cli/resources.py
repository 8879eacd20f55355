"""Record of ``--resource-monitor``: time, memory and processor use of each step.

Linux keeps the largest memory of a process and lets it be reset, so peaks are exact, however
short the step; elsewhere the figure is the largest so far of the worker.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
COLUMNS = {
    "node": {"Description": "Step, by its place in the graph"},
    "duration": {"Description": "Wall-clock time", "Units": "s"},
    "memory": {"Description": "Largest resident memory of the step's process", "Units": "GB"},
    "memory_foreseen": {"Description": "Memory that the step had been given", "Units": "GB"},
    "cpu": {"Description": "Mean processor use; 100 is one processor", "Units": "percent"},
}


class ResourceRecord:
    """Collects what was measured while steps ran."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def add(self, node: Any, measures: dict[str, float]) -> None:
        """Note the measures of a step, as `measure` gives them."""
        row = {"node": node.fullname, "memory_foreseen": node.mem_gb}
        self._rows.append(row | measures)

    def save(self, folder: Path) -> Path:
        """Write ``resources.tsv``, and what its columns are, into a folder."""
        import pandas as pd

        from ..io import save_json, save_table

        save_json(COLUMNS, folder / "resources.json")
        return save_table(
            pd.DataFrame(self._rows, columns=list(COLUMNS)), folder / "resources.tsv"
        )


def measure(function: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Call a function and measure what it takes.

    Returns
    -------
    result
        What the function returned.
    dict
        ``duration`` in s, ``memory`` in GB, ``cpu`` in percent.
    """
    _reset_peak()
    started, cpu_started = time.perf_counter(), _cpu_seconds()
    result = function()
    duration = time.perf_counter() - started
    cpu = _cpu_seconds() - cpu_started
    return result, {
        "duration": duration,
        "memory": _peak_bytes() / 1e9,
        "cpu": 100 * cpu / max(duration, 1e-6),
    }


def available_memory_gb() -> float:
    """Memory in GB that is free or can be freed; infinite where the system does not tell."""
    return _meminfo().get("MemAvailable", float("inf"))


def usable_memory_gb(limits: Iterable[Path] = CONTAINER_LIMITS) -> float:
    """Memory in GB that this process may have: the machine's, or its container's if less.

    Parameters
    ----------
    limits
        Files in which a container's limit (bytes) may be found.

    Returns
    -------
    float
        Infinite where the system does not tell.
    """
    usable = _meminfo().get("MemTotal", float("inf"))
    for path in limits:
        try:
            usable = min(usable, int(path.read_text("ascii")) / 1e9)
        except (OSError, ValueError):
            # Not there, or "max": no limit.
            continue
    return usable


def _meminfo() -> dict[str, float]:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return {}
    return {
        name: int(value.split()[0]) * 1024 / 1e9
        for name, _, value in (line.partition(":") for line in lines)
        if value.endswith("kB")
    }


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak() -> None:
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            # Not allowed in some containers: peaks are then those of the worker so far.
            return


def _peak_bytes() -> float:
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
