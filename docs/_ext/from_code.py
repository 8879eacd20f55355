"""Directives that write parts of the documentation from the program itself."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def _load(path: str) -> Any:
    """Get an object named as module:attribute."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


class CommandLine(SphinxDirective):
    """The options of a parser, by group; the argument is module:function."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        return self._parser(_load(self.arguments[0])())

    def _parser(self, parser: argparse.ArgumentParser) -> list[nodes.Node]:
        usage = parser.format_usage().removeprefix("usage: ").strip()
        found: list[nodes.Node] = [nodes.literal_block(usage, usage, language="text")]
        for paragraph in (parser.description or "").split("\n\n"):
            found.append(nodes.paragraph(text=paragraph))
        for group in parser._action_groups:
            actions = [
                action
                for action in group._group_actions
                if not isinstance(action, argparse._SubParsersAction)
            ]
            if actions:
                title = (group.title or "options").capitalize()
                found += [
                    nodes.rubric(text=title),
                    nodes.definition_list("", *(_option(parser, action) for action in actions)),
                ]
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, command in action.choices.items():
                    section = nodes.section(ids=[nodes.make_id(f"{parser.prog} {name}")])
                    section += nodes.title(text=f"{parser.prog} {name}")
                    section += self._parser(command)
                    found.append(section)
        return found


def _option(
    parser: argparse.ArgumentParser, action: argparse.Action
) -> nodes.definition_list_item:
    """One option: its names, what it takes, and the parser's own help text."""
    value = ""
    if action.nargs != 0:
        formatter = parser._get_formatter()
        default = action.dest if action.option_strings else (action.metavar or action.dest)
        value = formatter._format_args(
            action, default.upper() if action.option_strings else default
        )
    names = list(action.option_strings) or [value]
    term = nodes.term()
    for i, name in enumerate(names):
        last = i == len(names) - 1
        text = f"{name} {value}" if action.option_strings and last and value else name
        term += nodes.literal(text, text)
        if not last:
            term += nodes.Text(", ")
    help_text = parser._get_formatter()._expand_help(action) if action.help else ""
    return nodes.definition_list_item(
        "", term, nodes.definition("", nodes.paragraph(text=help_text))
    )


class TableColumns(SphinxDirective):
    """Columns of a TSV; the argument names a dict of column to Description and Units."""

    required_arguments = 1
    headings: ClassVar[tuple[str, ...]] = ("Column", "Unit", "What it is")

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        columns = _load(self.arguments[0])
        rows = [
            (nodes.literal(text=name), nodes.Text(about.get("Units", "")), about["Description"])
            for name, about in columns.items()
            if isinstance(about, dict) and "Description" in about
        ]
        group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in (25, 10, 65)), cols=3)
        group += nodes.thead("", _row(*(nodes.Text(text) for text in self.headings)))
        group += nodes.tbody("", *(_row(a, b, nodes.Text(c)) for a, b, c in rows))
        return [nodes.table("", group)]


class NamesElsewhere(SphinxDirective):
    """Commands of another program and their matches; the argument names a dict of those."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in (25, 30, 45)), cols=3)
        group += nodes.thead("", _row(*(nodes.Text(text) for text in ("There", "Here", "Notes"))))
        group += nodes.tbody("", *(self._match(*item) for item in self._matches()))
        return [nodes.table("", group)]

    def _matches(self) -> list[tuple[str, Any]]:
        return sorted(_load(self.arguments[0]).items())

    def _match(self, name: str, match: Any) -> nodes.row:
        lines = nodes.line_block()
        for there, here in match.options.items():
            texts = nodes.literal(text=there), nodes.Text(" → "), nodes.literal(text=here)
            lines += nodes.line("", "", *texts)
        row = _row(nodes.literal(text=name), nodes.literal(text=match.command))
        row += nodes.entry("", nodes.paragraph(text=match.note), lines)
        return row


def _row(*cells: nodes.Node) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("command-line", CommandLine)
    app.add_directive("table-columns", TableColumns)
    app.add_directive("names-elsewhere", NamesElsewhere)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
