"""Text of a command line becomes what a trait takes, or a sentence on what is wrong."""

import pytest
from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    InputMultiObject,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from sctflow.cli.tool_arguments import build_tool_parser, input_traits
from sctflow.cli.tool_call import parse_call
from sctflow.cli.tool_find import Tool
from sctflow.errors import SettingsError


class _InputSpec(BaseInterfaceInputSpec):
    text = traits.Str("soft", usedefault=True, desc="a word")
    count = traits.Int(desc="how many")
    size = traits.Float(2.0, usedefault=True, units="mm", desc="how large")
    share = traits.Range(low=0.0, high=1.0, desc="how much, 100 % is 1")
    above = traits.Range(low=0, exclude_low=True, value=3, usedefault=True, desc="a whole number")
    flag = traits.Bool(False, usedefault=True, desc="whether")
    level = traits.Enum(1, 2, 3, desc="which")
    box = traits.Tuple(traits.Int, traits.Float, traits.Float, desc="where")
    points = traits.List(traits.Tuple(traits.Float, traits.Int), minlen=2, desc="places")
    flags = traits.List(traits.Bool, desc="for each")
    files = InputMultiObject(File(exists=True), desc="images")
    either = traits.Either(traits.Float, traits.Enum("auto"), desc="a number, or auto")
    anything = traits.Dict(desc="settings")
    left = traits.Int(mandatory=True, xor=["left", "right"], desc="one side")
    right = traits.Int(mandatory=True, xor=["left", "right"], desc="the other side")
    helper = traits.Int(requires=["count"], desc="what goes with the count")
    hidden = traits.Int(graph_only=True, desc="what nobody types")


class _OutputSpec(TraitedSpec):
    value = traits.Float(units="mm", desc="the value")


class Example(SimpleInterface):
    """Do nothing."""

    input_spec = _InputSpec
    output_spec = _OutputSpec


TOOL = Tool(name="example", node=Example, group="Examples")


def read(*words):
    return parse_call(TOOL, ["--left", "0", *words]).inputs


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--text hard", "text", "hard"),
        ("--count -3", "count", -3),
        ("--size 1e-1", "size", 0.1),
        ("--share 1", "share", 1.0),
        ("--above 1", "above", 1),
        ("--flag", "flag", True),
        ("--no-flag", "flag", False),
        ("--level 2", "level", 2),
        ("--box -1,2,-.5", "box", (-1, 2.0, -0.5)),
        ("--points -1.5,2 3,4", "points", [(-1.5, 2), (3.0, 4)]),
        ("--flags true no", "flags", [True, False]),
        ("--either 2", "either", 2.0),
        ("--either auto", "either", "auto"),
        ('--anything {"a":1}', "anything", {"a": 1}),
        ("--count 1 --helper 2", "helper", 2),
    ],
)
def test_text_becomes_the_value_that_the_trait_takes(words, name, value):
    found = read(*words.split())[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--count 1.5", "--count: '1.5' is not a whole number"),
        ("--size big", "--size: 'big' is not a number"),
        ("--share 1.1", "--share: 1.1 is out of range: at least 0, at most 1"),
        ("--share nan", "--share: nan is out of range"),
        ("--above 0", "--above: 0 is out of range: more than 0"),
        ("--level 4", "--level: '4' is not one of 1, 2, 3"),
        ("--box 1,2", "--box: '1,2' has 2 of 3 values; write N,NUMBER,NUMBER"),
        ("--points 1,2", "--points: must be a list of at least 2 items"),
        ("--flags maybe", "--flags: 'maybe' is neither true nor false"),
        ("--files absent.nii", "--files: no such file"),
        ("--either x", "--either: 'x' is not a number; 'x' is not one of auto"),
        ("--anything {", "--anything: '{' is not JSON"),
        ("--right 1", "--left cannot be used with --right"),
        ("--helper 1", "--helper needs --count"),
        ("--hidden 1", "unknown argument --hidden"),
        ("--count", "--count: expected one argument"),
        ("--count 1 2 3", "an option was given more values than it takes: 2 3"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_argument(words, problem):
    with pytest.raises(SettingsError) as error:
        read(*words.split())
    assert problem in str(error.value)


def test_a_contradiction_is_told_once():
    with pytest.raises(SettingsError) as error:
        read("--right", "1")
    assert str(error.value) == "--left cannot be used with --right"


def test_one_of_two_that_exclude_each_other_is_needed():
    with pytest.raises(SettingsError) as error:
        parse_call(TOOL, [])
    assert str(error.value) == "--left or --right is needed: one side"
    assert parse_call(TOOL, ["--right", "1"]).inputs == {"right": 1}


def test_several_files_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.nii", "b.nii"):
        (tmp_path / name).touch()
    assert read("--files", "a.nii", "b.nii")["files"] == [
        str(tmp_path / "a.nii"),
        str(tmp_path / "b.nii"),
    ]


def test_text_that_is_a_path_is_made_absolute_and_a_name_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PAM50").mkdir()
    assert read("--text", "./PAM50")["text"] == str(tmp_path / "PAM50")
    assert read("--text", "PAM50")["text"] == "PAM50"
    assert read("--text", "mm/s")["text"] == "mm/s"


def test_what_a_graph_may_leave_out_is_needed_by_a_tool():
    class _Spec(BaseInterfaceInputSpec):
        size = traits.Int(needed=True, desc="how large")

    class Needy(Example):
        input_spec = _Spec

    with pytest.raises(SettingsError, match="--size is needed: how large"):
        parse_call(Tool(name="needy", node=Needy, group=""), [])


def test_inputs_come_as_they_are_written_and_the_one_that_is_worked_on_first():
    class _Base(BaseInterfaceInputSpec):
        reference_file = File(desc="a")
        order = traits.Int(desc="b")

    class _Spec(_Base):
        zeal = traits.Int(desc="c")
        in_file = File(desc="d")
        order = traits.Float(desc="e")

    class Ordered(Example):
        input_spec = _Spec

    tool = Tool(name="ordered", node=Ordered, group="")
    assert list(input_traits(tool)) == ["in_file", "reference_file", "order", "zeal"]
    assert input_traits(tool)["order"].desc == "e"


def test_a_tool_without_files_needs_no_place_for_them():
    assert parse_call(TOOL, ["--left", "0"]).out_dir is None


def test_help_tells_units_defaults_limits_choices_and_what_excludes_what():
    text = " ".join(build_tool_parser(TOOL).format_help().split())
    for part in (
        "--size NUMBER how large (mm; default: 2.0)",
        "--share NUMBER how much, 100 % is 1 (at least 0, at most 1)",
        "--above N a whole number (more than 0; default: 3)",
        "--level {1,2,3} which",
        "--flag, --no-flag whether (default: no)",
        "--points NUMBER,N [NUMBER,N ...] places",
        "--left N one side (or instead --right)",
        "--helper N what goes with the count (with --count)",
    ):
        assert part in text
    assert text.startswith("usage: sctflow-tool example (--left N | --right N) [options]")
    assert "hidden" not in text
