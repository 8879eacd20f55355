"""The command line of a tool, made of its node's traits."""

import argparse
import re
from collections.abc import Sequence
from typing import Any

from ..errors import SettingsError
from .parser import Formatter
from .tool_find import Tool
from .tool_values import find_kind, is_bool, is_list, is_path, members

GRAPH_ONLY = "graph_only"
"""Metadata of an input that only another node can give; a tool does not ask for it."""

MAIN_INPUT = "in_file"
"""Input that a node works on, wherever it stands among the others."""

OUT_DIR, PREFIX, OVERWRITE, DEBUG = "out_dir", "prefix", "overwrite", "debug"


def input_traits(tool: Tool) -> dict[str, Any]:
    """Traits that a tool asks for, what it works on first."""
    traits = _traits(tool.node.input_spec)
    asked = [name for name, trait in traits.items() if not getattr(trait, GRAPH_ONLY)]
    return {name: traits[name] for name in sorted(asked, key=lambda name: name != MAIN_INPUT)}


def is_needed(trait: Any) -> bool:
    """Tell whether a tool cannot do without an input.

    A graph may leave an input with the metadata `needed` undefined, and the node then does
    nothing; a tool that was called is to do something.
    """
    return bool(trait.mandatory or trait.needed)


def output_traits(tool: Tool) -> dict[str, Any]:
    """Traits of what the node gives."""
    return _traits(tool.node.output_spec)


def _traits(spec: type) -> dict[str, Any]:
    """Traits in the order in which they are written, those of base classes first."""
    traits = spec().traits(transient=None)
    bases = [base for base in reversed(spec.__mro__) if hasattr(base, "class_traits")]
    ordered = dict.fromkeys(name for base in bases for name in base.class_traits())
    return {name: traits[name] for name in ordered if name in traits}


def holds_files(trait: Any) -> bool:
    """Tell whether a trait is a file or a list of files."""
    return is_path(trait) or (is_list(trait) and any(map(is_path, members(trait))))


def option(name: str) -> str:
    """Option of an input: ``mask_file`` gives ``--mask-file``."""
    return "--" + name.replace("_", "-")


def out_option(name: str) -> str:
    """Option that places an output: ``mask_file`` gives ``--out-mask-file``."""
    return option(name if name.startswith("out_") else f"out_{name}")


def add_arguments(parser: argparse.ArgumentParser, tool: Tool) -> None:
    """Fill a parser with a tool's arguments; values stay text and defaults stay out."""
    inputs, defaults = input_traits(tool), tool.node.input_spec()
    # The order of the groups is that of the help.
    needed, free = parser.add_argument_group("needed"), parser.add_argument_group("options")
    for name, trait in inputs.items():
        _add_input(needed if is_needed(trait) else free, name, trait, getattr(defaults, name))
    results = parser.add_argument_group("results")
    files = {name: trait for name, trait in output_traits(tool).items() if holds_files(trait)}
    for name, trait in files.items():
        results.add_argument(
            out_option(name),
            metavar="DIR" if is_list(trait) else "FILE",
            help=f"where to write: {about(trait)}",
        )
    if files:
        _add_placing(results)
    information = parser.add_argument_group("information")
    information.add_argument(
        "--debug", action="store_true", help="show where in the program an error came from"
    )
    information.add_argument("-h", "--help", action="help", help="show this text and exit")


def build_tool_parser(tool: Tool) -> argparse.ArgumentParser:
    """Parser of one tool."""
    parser = _Parser(
        prog=f"sctflow-tool {tool.name}",
        usage=usage(tool),
        description=tool.description,
        formatter_class=Formatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    add_arguments(parser, tool)
    return parser


def usage(tool: Tool) -> str:
    """The shortest call of a tool."""
    words = ["sctflow-tool", tool.name]
    traits, told = input_traits(tool), set()
    for name, trait in traits.items():
        if is_needed(trait) and name not in told:
            names = [name, *other_names(name, trait.xor)]
            told.update(names)
            choice = " | ".join(f"{option(one)} {_value(traits[one])}".strip() for one in names)
            words.append(f"({choice})" if len(names) > 1 else choice)
    if any(map(holds_files, output_traits(tool).values())):
        words += ["-o", "DIR"]
    return " ".join([*words, "[options]"])


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors of the program."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Coordinates may begin with a minus sign, too: -3,4.5,10.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str):
        raise SettingsError(message.removeprefix("argument "))


def _add_input(group: argparse._ArgumentGroup, name: str, trait: Any, default: Any) -> None:
    from nipype.interfaces.base import isdefined

    told = [trait.units]
    if not is_bool(trait):
        kind = find_kind(members(trait)[0] if takes_many(trait) else trait)
        told.append(kind.about)
    told.append(_relations(name, trait))
    if isdefined(default) and default not in ("", [], {}):
        told.append(f"default: {_written(default, trait)}")
    extra = "; ".join(filter(None, told))
    text = (about(trait) + (f" ({extra})" if extra else "")).replace("%", "%%")
    if is_bool(trait):
        group.add_argument(
            option(name), dest=name, action=argparse.BooleanOptionalAction, help=text
        )
    else:
        nargs = "+" if takes_many(trait) else None
        group.add_argument(option(name), dest=name, nargs=nargs, metavar=kind.metavar, help=text)


def _add_placing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o", "--out-dir", metavar="DIR", help="write all results that are files to this folder"
    )
    group.add_argument(
        "--prefix",
        metavar="TEXT",
        help="what the names of the files in --out-dir begin with (default: the name of the "
        "first file given)",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already"
    )


def takes_many(trait: Any) -> bool:
    """Tell whether an option takes several values."""
    return is_list(trait) and bool(members(trait))


def _value(trait: Any) -> str:
    if is_bool(trait):
        return ""
    kind = find_kind(members(trait)[0] if takes_many(trait) else trait)
    return f"{kind.metavar} [...]" if takes_many(trait) else kind.metavar


def about(trait: Any) -> str:
    """What a trait is."""
    return " ".join((trait.desc or "").split())


def _relations(name: str, trait: Any) -> str:
    told = []
    if others := other_names(name, trait.xor):
        link = "or instead " if is_needed(trait) else "not with "
        told.append(link + ", ".join(map(option, others)))
    if others := other_names(name, trait.requires):
        told.append("with " + ", ".join(map(option, others)))
    return "; ".join(told)


def other_names(name: str, names: Sequence[str] | str | None) -> list[str]:
    """Traits that the metadata `xor` or `requires` of a trait names, besides itself."""
    names = [names] if isinstance(names, str) else names or []
    return [other for other in names if other != name]


def _written(value: Any, trait: Any) -> str:
    if is_bool(trait):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
