"""Which nodes are tools: those of `sctflow.interfaces`, found and not listed."""

import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from inspect import getdoc
from types import ModuleType

GRAPH_ONLY = ("bids", "graph", "*reports")
"""Modules whose nodes mean nothing outside of a graph: they name and place its results, let them
pass, or draw what its report shows. The nodes of every other module are tools."""

WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z])")
"""Where a word of a class's name begins: at a capital after a small letter or after an
abbreviation, of which MTsat is one."""


@dataclass(frozen=True)
class Tool:
    """A node as a command.

    Attributes
    ----------
    name
        Of the command.
    node
        The node's class.
    group
        What the tools of the same module have in common, in a line.
    """

    name: str
    node: type
    group: str

    @property
    def description(self) -> str:
        """The node's docstring."""
        return getdoc(self.node) or ""

    @property
    def summary(self) -> str:
        """The first sentence of it."""
        return " ".join(self.description.split("\n\n", 1)[0].split())


def command_name(class_name: str) -> str:
    """Name of a command as it is typed: ``SegmentCord`` gives ``segment-cord``."""
    return WORD.sub("-", class_name).lower()


@cache
def find_tools() -> dict[str, Tool]:
    """All tools by name, those of a module together."""
    tools = {}
    for module in _modules():
        group = _heading(module)
        for node in _nodes(module):
            name = command_name(node.__name__)
            if name in tools:
                raise ValueError(
                    f"{node.__module__}.{node.__name__}: there is another tool {name}, "
                    f"{tools[name].node.__module__}"
                )
            tools[name] = Tool(name=name, node=node, group=group)
    return tools


def _modules() -> Iterator[ModuleType]:
    from sctflow import interfaces

    for found in pkgutil.iter_modules(interfaces.__path__):
        if not any(fnmatch(found.name, pattern) for pattern in GRAPH_ONLY):
            yield import_module(f"{interfaces.__name__}.{found.name}")


def _heading(module: ModuleType) -> str:
    """First sentence of a module's docstring, which tells what its nodes do."""
    sentence = " ".join((module.__doc__ or module.__name__).split("\n\n", 1)[0].split())
    said = re.sub(r"^Nodes? that ", "", sentence).rstrip(".")
    return said[:1].upper() + said[1:]


def _nodes(module: ModuleType) -> Iterator[type]:
    from nipype.interfaces.base import BaseInterface

    for name, value in vars(module).items():
        if (
            isinstance(value, type)
            and issubclass(value, BaseInterface)
            and value.__module__ == module.__name__
            and not name.startswith("_")
            # What several nodes have in common gives nothing by itself.
            and value.output_spec is not None
        ):
            yield value
