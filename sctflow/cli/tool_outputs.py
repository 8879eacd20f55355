"""Where the outputs of a tool go: files to their places, the rest to the screen."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from ..io import copy_file
from .tool_arguments import holds_files, out_option, output_traits
from .tool_call import Call, file_stem
from .tool_find import Tool
from .tool_values import is_list

WARNINGS = "warnings"
"""Output that is told as warnings."""


@dataclass(frozen=True)
class Move:
    """A file that the node made, and where it goes.

    Attributes
    ----------
    output
        The trait.
    source
        What the node made.
    target
        Where it goes.
    """

    output: str
    source: Path
    target: Path


def place_files(tool: Tool, call: Call, results: Mapping[str, Any]) -> list[Move]:
    """Bring what the node made to where it was asked for; all of it or nothing.

    Parameters
    ----------
    tool
        The tool.
    call
        What was asked for.
    results
        Outputs of the node that are there, by trait.

    Returns
    -------
    list of Move
        What was written.

    Raises
    ------
    SettingsError
        If an output that was asked for by name was not made, or something may not be written.
    """
    found = {
        name: _paths(results[name])
        for name, trait in output_traits(tool).items()
        if holds_files(trait) and name in results
    }
    problems = [
        f"{out_option(name)}: there is no such result this time"
        for name in call.named
        if name not in found
    ]
    moves = [*_named(tool, call, found), *_unnamed(call, found)]
    problems += [*_endings(moves), *check_targets(call, (move.target for move in moves))]
    if problems:
        raise SettingsError("\n".join(problems))
    _copy(moves)
    return moves


def check_targets(call: Call, targets: Iterable[Path]) -> list[str]:
    """What is wrong with the places that files shall go to."""
    problems = []
    inputs = _inputs(call)
    seen: set[Path] = set()
    for target in targets:
        if target.resolve() in inputs:
            problems.append(f"{target}: this is an input; write to another file")
        elif target.resolve() in seen:
            problems.append(f"{target}: two results would be written to it; use two names")
        elif target.is_dir():
            problems.append(f"{target}: this is a folder; give the name of a file in it")
        elif target.exists() and not call.overwrite:
            problems.append(f"{target}: exists already; --overwrite replaces it")
        seen.add(target.resolve())
    return problems


def unchanged(tool: Tool, call: Call, results: Mapping[str, Any]) -> list[str]:
    """Outputs that are an input, passed on as it is."""
    inputs = _inputs(call)
    return [
        name
        for name, trait in output_traits(tool).items()
        if holds_files(trait)
        and name in results
        and all(path.resolve() in inputs for path in _paths(results[name]))
    ]


def show_values(tool: Tool, results: Mapping[str, Any]) -> None:
    """Print the outputs that are no files; warnings to the error stream."""
    for name, trait in output_traits(tool).items():
        if holds_files(trait) or name not in results:
            continue
        value = results[name]
        if name == WARNINGS:
            for text in value:
                print(f"sctflow-tool {tool.name}: warning: {text}", file=sys.stderr)
        else:
            unit = f" {trait.units}" if trait.units else ""
            print(f"{name}: {_text(value)}{unit}")


def _named(tool: Tool, call: Call, found: Mapping[str, list[Path]]) -> Iterator[Move]:
    for name, target in call.named.items():
        several = is_list(output_traits(tool)[name])
        for source in found.get(name, []):
            yield Move(name, source, target / source.name if several else target)


def _unnamed(call: Call, found: Mapping[str, list[Path]]) -> Iterator[Move]:
    """Everything else that is new, once, if it was asked for with ``--out-dir``."""
    if call.out_dir is None:
        return
    inputs = _inputs(call)
    done = {source for name in call.named for source in found.get(name, [])}
    for name, sources in found.items():
        for source in sources:
            if source in done or source.resolve() in inputs:
                continue
            done.add(source)
            yield Move(name, source, call.out_dir / _prefixed(source.name, call.prefix))


def _prefixed(name: str, prefix: str) -> str:
    """Name that begins with the prefix; one that does already is left as it is."""
    begins = file_stem(name) == prefix or name.startswith(f"{prefix}_")
    return name if begins or not prefix else f"{prefix}_{name}"


def _endings(moves: Iterable[Move]) -> Iterator[str]:
    for move in moves:
        ending = move.source.name.removeprefix(file_stem(move.source.name))
        if not move.target.name.endswith(ending):
            yield f"{move.target}: the name for {move.output} must end in {ending}"


def _copy(moves: Sequence[Move]) -> None:
    """Copy all beside their final names, then rename: a full disk leaves nothing behind."""
    beside = [move.target.with_name(f".{move.target.name}.part") for move in moves]
    try:
        for move, path in zip(moves, beside, strict=True):
            copy_file(move.source, path)
        for move, path in zip(moves, beside, strict=True):
            path.replace(move.target)
    finally:
        for path in beside:
            path.unlink(missing_ok=True)


def _paths(value: Any) -> list[Path]:
    return [Path(item) for item in (value if isinstance(value, list | tuple) else [value])]


def _inputs(call: Call) -> set[Path]:
    return {path.resolve() for value in call.inputs.values() for path in _files_in(value)}


def _files_in(value: Any) -> Iterator[Path]:
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, str) and Path(item).is_absolute():
            yield Path(item)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, list | tuple):
        return " ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
