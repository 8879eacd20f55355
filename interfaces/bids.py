"""Node that places results in the output dataset."""

from __future__ import annotations

import filecmp
from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    Directory,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow import __version__
from sctflow.io import copy_file, save_json


class _DerivativesSinkInputSpec(BaseInterfaceInputSpec):
    base_directory = Directory(mandatory=True, desc="root of the output dataset")
    name = Str(mandatory=True, desc="path of the result below the root of the output dataset")
    in_file = File(exists=True, desc="result to place; nothing is written where there is none")
    sidecar = traits.Dict(usedefault=True, desc="what is known about the result beforehand")
    method = traits.Dict(
        usedefault=True,
        desc="how the result was made, as told by the node that made it; its Sources are added to "
        "those of the sidecar",
    )
    columns = traits.Dict(
        usedefault=True,
        desc="descriptions of the columns of a table; of those that it lacks nothing is said",
    )


class _DerivativesSinkOutputSpec(TraitedSpec):
    out_file = File(desc="the result in the output dataset")
    out_sidecar = File(desc="its JSON sidecar, where it has one")


class DerivativesSink(SimpleInterface):
    """Place a result under its final name, with its JSON sidecar.

    Each file is written beside its final name and then renamed, so that nothing partial carries a
    final name; the sidecar comes first. What is already there unchanged is left alone. The node
    runs every time, because the output folder may have been emptied since.
    """

    input_spec = _DerivativesSinkInputSpec
    output_spec = _DerivativesSinkOutputSpec
    _always_run = True

    def _run_interface(self, runtime):
        if not isdefined(self.inputs.in_file):
            return runtime
        target = Path(self.inputs.base_directory) / self.inputs.name
        if self.inputs.sidecar:
            sidecar = save_json(
                {
                    **self.inputs.sidecar,
                    **self.inputs.method,
                    **_sources(self.inputs.sidecar, self.inputs.method),
                    "GeneratedBy": [{"Name": "sctflow", "Version": __version__}],
                    **_described(self.inputs.in_file, self.inputs.columns),
                },
                Path(runtime.cwd) / "sidecar.json",
            )
            name = target.name.split(".", 1)[0] + ".json"
            self._results["out_sidecar"] = _place(sidecar, target.with_name(name))
        self._results["out_file"] = _place(self.inputs.in_file, target)
        return runtime


def _sources(*told):
    """Sources that any of some dictionaries name, in their order."""
    named = [source for one in told for source in one.get("Sources", ())]
    return {"Sources": named} if named else {}


def _described(path, columns):
    """Descriptions of the columns that a table has; all, if they are of another file."""
    if not str(path).endswith(".tsv"):
        return columns
    with Path(path).open(encoding="utf-8") as stream:
        header = stream.readline().rstrip("\n").split("\t")
    return {name: columns[name] for name in header if name in columns}


def _place(source, target):
    """Copy a file under its final name, unless it is there already; give that name."""
    for left_by_killed_run in target.parent.glob(f".{target.name}.*.part"):
        left_by_killed_run.unlink(missing_ok=True)
    if not (target.is_file() and filecmp.cmp(source, target, shallow=False)):
        copy_file(source, target)
    return str(target)
