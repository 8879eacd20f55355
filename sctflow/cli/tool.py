"""The companion command `sctflow-tool`: one operation on files, each a node of the graphs."""

import argparse
import difflib
import signal
import sys
from collections.abc import Sequence

from .. import __version__

OK, FAILED, NOT_RUN, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = """\
One operation of sctflow on files. The operations are the steps of the graphs, with the same
defaults and the same results."""

EPILOG = """\
examples:
  sctflow-tool --list
  sctflow-tool segment-cord --help
  sctflow-tool segment-cord --in-file sub-01_T2w.nii.gz -o results

Exit status: 0 all well, 1 the operation failed, 2 nothing was run (arguments), 130 interrupted."""


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line of `sctflow-tool`, with all tools."""
    from .tool_arguments import add_arguments, usage
    from .tool_find import find_tools

    parser = _build_top()
    commands = parser.add_subparsers(dest="command", metavar="TOOL")
    for tool in find_tools().values():
        command = commands.add_parser(
            tool.name,
            usage=usage(tool),
            description=tool.description,
            allow_abbrev=False,
            add_help=False,
        )
        add_arguments(command, tool)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sctflow-tool`; returns the exit code.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of this process by default.

    Returns
    -------
    int
        0 all well, 1 the operation failed, 2 nothing was run, 130 interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    from .environment import prepare_environment

    # As in the graphs: the number of threads can change the last digits of a result.
    prepare_environment(omp_nthreads=1)
    if not argv or argv[0].startswith("-"):
        return _run_top(argv)
    name, *rest = argv
    from .tool_find import find_tools

    tools = find_tools()
    if name not in tools:
        return _tell("sctflow-tool", _unknown_tool(name, tools), NOT_RUN)
    # A request to end is an interruption like Ctrl-C: what was begun is removed.
    answer = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(tools[name], rest)
    except KeyboardInterrupt:
        return _tell(f"sctflow-tool {name}", "interrupted", INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, answer)


def _build_top() -> argparse.ArgumentParser:
    from .parser import Formatter

    parser = argparse.ArgumentParser(
        prog="sctflow-tool",
        usage="sctflow-tool TOOL [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Formatter,
        allow_abbrev=False,
        add_help=False,
    )
    information = parser.add_argument_group("information")
    information.add_argument("--list", action="store_true", help="show the tools by group")
    information.add_argument(
        "--version",
        action="version",
        version=f"sctflow {__version__}",
        help="show the version and exit",
    )
    information.add_argument("-h", "--help", action="help", help="show this text and exit")
    return parser


def _run_top(argv: Sequence[str]) -> int:
    parser = _build_top()
    if parser.parse_args(argv).list:
        print("\n".join(list_tools()))
    else:
        parser.print_help()
    return OK


def list_tools() -> list[str]:
    """Lines that show the tools by group."""
    from .tool_find import find_tools

    tools = find_tools().values()
    width = max(len(tool.name) for tool in tools)
    lines: list[str] = []
    for group in dict.fromkeys(tool.group for tool in tools):
        lines += ["", group] if lines else [group]
        lines += [f"  {t.name:<{width}}  {t.summary}" for t in tools if t.group == group]
    return lines


def _unknown_tool(name: str, tools: Sequence[str]) -> str:
    from .tool_sct import TOOLS_OF_SCT

    matches = [match.command for there, match in TOOLS_OF_SCT.items() if there.split()[0] == name]
    if matches:
        return "\n".join([f"{name} is here", *dict.fromkeys(matches)])
    near = difflib.get_close_matches(name, tools, n=1)
    hint = f"did you mean {near[0]}?" if near else "sctflow-tool --list shows all"
    return f"unknown tool {name}; {hint}"


def _run(tool, argv: Sequence[str]) -> int:
    from ..errors import SctflowError
    from .tool_call import parse_call

    name = f"sctflow-tool {tool.name}"
    try:
        call = parse_call(tool, argv)
    except SctflowError as error:
        return _tell(name, f"{error}\n{name} --help shows all arguments", NOT_RUN)
    try:
        return _operate(tool, call)
    except SctflowError as error:
        if call.debug:
            raise
        return _tell(name, str(error), FAILED)
    except Exception as error:
        if call.debug:
            raise
        # The core says in a ValueError what is wrong; other errors need their kind to be told.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return _tell(name, f"{kind}{error}\n(--debug shows where this came from)", FAILED)


def _operate(tool, call) -> int:
    """Run the node in a temporary folder and bring its outputs to their places."""
    import tempfile

    from nipype.interfaces.base import isdefined

    from ..errors import SettingsError
    from .tool_arguments import holds_files, output_traits
    from .tool_outputs import check_targets, place_files, show_values, unchanged

    if problems := check_targets(call, call.named.values()):
        return _tell(f"sctflow-tool {tool.name}", "\n".join(problems), NOT_RUN)
    with tempfile.TemporaryDirectory(prefix="sctflow-tool-") as folder:
        outputs = tool.node(**call.inputs).run(cwd=folder).outputs
        results = {
            name: value
            for name in output_traits(tool)
            if isdefined(value := getattr(outputs, name)) and value is not None
        }
        show_values(tool, results)
        moves = place_files(tool, call, results)
        same = unchanged(tool, call, results)
    for move in moves:
        print(f"{move.output}: {move.target}")
    for name in same:
        if name not in call.named:
            print(f"{name}: the input as it is")
    if not moves and not same and any(map(holds_files, output_traits(tool).values())):
        raise SettingsError("there are no results to write; the warnings say why")
    return OK


def _tell(who: str, text: str, status: int) -> int:
    """Say what is wrong; gives the exit status back."""
    first, *more = text.splitlines() or ["unknown error"]
    print(f"{who}: {first}", *more, sep="\n  ", file=sys.stderr)
    return status
