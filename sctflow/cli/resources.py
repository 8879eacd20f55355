"""Record of ``--resource-monitor``: time, memory and processor use of each step."""

from pathlib import Path
from typing import Any

COLUMNS = {
    "node": {"Description": "Step, by its place in the graph"},
    "duration": {"Description": "Wall-clock time", "Units": "s"},
    "memory": {"Description": "Largest resident memory of the process", "Units": "GB"},
    "memory_foreseen": {"Description": "Memory that the step was given", "Units": "GB"},
    "cpu": {"Description": "Largest processor use; 100 is one processor", "Units": "percent"},
}


class ResourceRecord:
    """Collects what Nipype's monitor measured; `update` is a status callback."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def update(self, node: Any, status: str) -> None:
        """Note the measures of a node that has finished."""
        if status != "end":
            return
        runtime = getattr(node.result, "runtime", None)
        self._rows.append(
            {
                "node": node.fullname,
                "duration": getattr(runtime, "duration", None),
                "memory": getattr(runtime, "mem_peak_gb", None),
                "memory_foreseen": node.mem_gb,
                "cpu": getattr(runtime, "cpu_percent", None),
            }
        )

    def save(self, folder: Path) -> Path:
        """Write ``resources.tsv``, and what its columns are, into a folder."""
        import pandas as pd

        from ..io import save_json, save_table

        save_json(COLUMNS, folder / "resources.json")
        return save_table(
            pd.DataFrame(self._rows, columns=list(COLUMNS)), folder / "resources.tsv"
        )
