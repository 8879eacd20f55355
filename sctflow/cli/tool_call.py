"""What a command line asks a tool for: the node's inputs, and where its outputs go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from .parser import hyphenated, unknown_argument
from .tool_arguments import (
    DEBUG,
    OUT_DIR,
    OVERWRITE,
    PREFIX,
    about,
    build_tool_parser,
    holds_files,
    input_traits,
    is_needed,
    option,
    other_names,
    out_option,
    output_traits,
    takes_many,
)
from .tool_find import Tool
from .tool_values import find_kind, members


@dataclass(frozen=True)
class Call:
    """What a command line asks for.

    Attributes
    ----------
    inputs
        Of the node, by trait.
    named
        Where single outputs go, by trait.
    out_dir
        Where the other files go; None: nowhere.
    prefix
        What the names of files in `out_dir` begin with.
    overwrite
        Whether files that exist may be replaced.
    debug
        Whether errors come with their traceback.
    """

    inputs: dict[str, Any]
    named: dict[str, Path]
    out_dir: Path | None
    prefix: str
    overwrite: bool
    debug: bool


def parse_call(tool: Tool, argv: Sequence[str]) -> Call:
    """Read a tool's command line.

    Parameters
    ----------
    tool
        The tool.
    argv
        Arguments after the tool's name.

    Raises
    ------
    SettingsError
        Everything that is wrong with the arguments, one line each.
    """
    parser = build_tool_parser(tool)
    known = [name for action in parser._actions for name in action.option_strings]
    namespace, unknown = parser.parse_known_args([hyphenated(text, known) for text in argv])
    given = vars(namespace)
    problems = [unknown_argument(text, known) for text in unknown if text.startswith("-")]
    if surplus := [text for text in unknown if not text.startswith("-")]:
        problems.append(f"an option was given more values than it takes: {' '.join(surplus)}")
    inputs, wrong = _read_inputs(tool, given)
    problems += wrong
    outputs = [name for name, trait in output_traits(tool).items() if holds_files(trait)]
    named = {
        name: Path(given[key]).expanduser()
        for name in outputs
        if (key := out_option(name)[2:].replace("-", "_")) in given
    }
    out_dir = Path(given[OUT_DIR]).expanduser() if OUT_DIR in given else None
    if outputs and not named and out_dir is None:
        single = out_option(outputs[0])
        problems.append(
            f"where do the results go? Give a folder with -o/--out-dir, or a name with {single}"
        )
    if out_dir is not None and out_dir.exists() and not out_dir.is_dir():
        problems.append(f"--out-dir: {out_dir} is not a folder")
    if problems:
        raise SettingsError("\n".join(problems))
    return Call(
        inputs=inputs,
        named=named,
        out_dir=out_dir,
        prefix=given.get(PREFIX, _stem(tool, inputs)),
        overwrite=OVERWRITE in given,
        debug=DEBUG in given,
    )


def _read_inputs(tool: Tool, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Values of the node's inputs, and all that is wrong with them."""
    from traits.api import TraitError

    traits = input_traits(tool)
    inputs: dict[str, Any] = {}
    problems = []
    for name, trait in traits.items():
        if name not in given:
            continue
        try:
            inputs[name] = _read(given[name], trait)
            # Each into an empty specification: what goes with what is checked in words below.
            spec = tool.node.input_spec()
            setattr(spec, name, inputs[name])
        except ValueError as error:
            problems.append(f"{option(name)}: {error}")
        except TraitError:
            problems.append(f"{option(name)}: must be {trait.full_info(spec, name, None)}")
    return inputs, problems + _missing_or_too_many(traits, given)


def _read(value: Any, trait: Any) -> Any:
    if isinstance(value, bool):
        return value
    if takes_many(trait):
        kind = find_kind(members(trait)[0])
        return [kind.read(text) for text in value]
    return find_kind(trait).read(value)


def _missing_or_too_many(traits: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    problems, told = [], set()
    for name, trait in traits.items():
        others = other_names(name, trait.xor)
        rivals = [other for other in others if other in given]
        if name not in told and name in given and rivals:
            problems.append(f"{option(name)} cannot be used with {_options(rivals, ' or ')}")
            told.update(others)
        if name not in told and is_needed(trait) and name not in given and not rivals:
            choice = _options([name, *others], " or ")
            problems.append(f"{choice} is needed: {about(trait).split(';')[0]}")
            told.update(others)
        lacking = [other for other in other_names(name, trait.requires) if other not in given]
        if name in given and lacking:
            problems.append(f"{option(name)} needs {_options(lacking, ' and ')}")
    return problems


def _options(names: Sequence[str], joined: str) -> str:
    return joined.join(map(option, names))


def _stem(tool: Tool, inputs: Mapping[str, Any]) -> str:
    """Name of the first file given, without its ending."""
    for name, trait in input_traits(tool).items():
        value = inputs.get(name)
        first = value[0] if isinstance(value, list) and value else value
        if holds_files(trait) and first:
            return file_stem(Path(first).name)
    return tool.name


def file_stem(name: str) -> str:
    """Name of a file without ending; ``.nii.gz`` is one ending."""
    return Path(name.removesuffix(".gz")).stem
