"""What a tool makes: lists of files, values and warnings."""

from pathlib import Path

import pytest
from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from sctflow.cli import tool_find
from sctflow.cli.tool import main
from sctflow.cli.tool_find import Tool


class _InputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="a file")
    fail = traits.Bool(False, usedefault=True, desc="whether to fail")


class _OutputSpec(TraitedSpec):
    parts = traits.List(File(exists=True), desc="parts of the file")
    copy_file = File(exists=True, desc="the file again")
    again_file = File(exists=True, desc="the file again, too")
    size = traits.Float(units="mm", desc="its size")
    counts = traits.List(traits.Int, desc="how many")
    warnings = traits.List(traits.Str, desc="what to know")


class Split(SimpleInterface):
    """Split a file."""

    input_spec = _InputSpec
    output_spec = _OutputSpec

    def _run_interface(self, runtime):
        out = Path(runtime.cwd)
        names = ["a.txt", "b.txt", Path(self.inputs.in_file).name]
        for name in names:
            (out / name).write_text(name)
        if self.inputs.fail:
            raise ValueError("nothing can be split")
        paths = [str(out / name) for name in names]
        self._results.update(
            parts=paths[:2],
            copy_file=paths[2],
            again_file=paths[2],
            size=1 / 3,
            counts=[1, 2],
            warnings=["it is thin"],
        )
        return runtime


@pytest.fixture(autouse=True)
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sctflow.cli.environment.prepare_environment", lambda omp_nthreads: None)
    found = {"split": Tool(name="split", node=Split, group="Examples")}
    monkeypatch.setattr(tool_find, "find_tools", lambda: found)
    (tmp_path / "in.txt").write_text("in")
    return ["split", "--in-file", "in.txt"]


def test_a_list_of_files_goes_to_a_folder_under_their_own_names(call):
    assert main([*call, "--out-parts", "parts"]) == 0
    assert sorted(path.name for path in Path("parts").iterdir()) == ["a.txt", "b.txt"]


def test_a_file_is_written_once_and_its_name_begins_once_with_that_of_the_input(call):
    assert main([*call, "-o", "out"]) == 0
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["in.txt", "in_a.txt", "in_b.txt"]


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("sub-01", ["sub-01_a.txt", "sub-01_b.txt", "sub-01_in.txt"]),
        ("i", ["i_a.txt", "i_b.txt", "i_in.txt"]),
        ("", ["a.txt", "b.txt", "in.txt"]),
    ],
)
def test_the_first_part_of_the_names_can_be_chosen(call, prefix, names):
    assert main([*call, "-o", "out", "--prefix", prefix]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == names


def test_a_result_with_a_name_of_its_own_is_not_written_to_the_folder_as_well(call):
    assert main([*call, "-o", "out", "--out-copy-file", "c.txt"]) == 0
    assert Path("c.txt").read_text() == "in.txt"
    assert sorted(path.name for path in Path("out").iterdir()) == ["in_a.txt", "in_b.txt"]


def test_values_are_printed_with_their_unit_and_warnings_apart(call, capsys):
    assert main([*call, "--out-copy-file", "c.txt"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["size: 0.333333 mm", "counts: 1 2", "copy_file: c.txt"]
    assert said.err.splitlines() == ["sctflow-tool split: warning: it is thin"]


def test_a_disk_that_is_full_leaves_nothing_behind(call, monkeypatch, capsys):
    from sctflow.cli import tool_outputs
    from sctflow.io import copy_file

    def fill(source, path):
        if "in_b" in str(path):
            raise OSError("No space left on device")
        return copy_file(source, path)

    monkeypatch.setattr(tool_outputs, "copy_file", fill)
    assert main([*call, "-o", "out"]) == 1
    assert "OSError: No space left on device" in capsys.readouterr().err
    assert list(Path("out").iterdir()) == []


def test_results_do_not_go_into_a_file(call, capsys):
    assert main([*call, "-o", "in.txt"]) == 2
    assert "--out-dir: in.txt is not a folder" in capsys.readouterr().err


def test_nothing_is_written_when_the_operation_fails(call, tmp_path, capsys):
    assert main([*call, "-o", "out", "--fail"]) == 1
    assert "sctflow-tool split: nothing can be split" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
