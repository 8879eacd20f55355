"""The companion command `sctflow-data`: templates, and data to try the program on."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sctflow import __version__
from sctflow.errors import SctflowError, TemplateError


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line of `sctflow-data`."""
    parser = argparse.ArgumentParser(
        prog="sctflow-data",
        description="Templates, and data to try sctflow on.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sctflow {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_demo(commands)
    _add_install(commands)
    _add_list(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sctflow-data`; returns the exit code."""
    options = build_parser().parse_args(argv)
    # A request to end is an interruption like Ctrl-C: what was begun is removed.
    answer = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options.run(options)
    except SctflowError as error:
        print(f"sctflow-data: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sctflow-data: interrupted", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, answer)
    return 0


def _add_demo(commands: argparse._SubParsersAction) -> None:
    demo = commands.add_parser(
        "demo",
        help="write a small synthetic BIDS dataset",
        description="Write a small BIDS dataset of phantom participants, and what is true of "
        "their images in OUT/derivatives/truth. The same options give the same files, byte for "
        "byte.",
        allow_abbrev=False,
    )
    demo.add_argument("out_dir", metavar="OUT", help="folder to make; must not exist or be empty")
    demo.add_argument(
        "--participants", type=int, default=2, metavar="N", help="how many (default: %(default)s)"
    )
    demo.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="S",
        help="seed of anatomy and noise (default: %(default)s)",
    )
    demo.add_argument(
        "--images",
        nargs="+",
        metavar="SUFFIX",
        help="which images: T2w, T1w, T2star, MTS, MTR, dwi, bold (default: all)",
    )
    demo.add_argument(
        "--view",
        default="cervical",
        metavar="VIEW",
        help="field of view: cervical, short or thoracolumbar (default: %(default)s)",
    )
    demo.add_argument(
        "--labels",
        nargs="+",
        default=(),
        metavar="LABEL",
        help="truths to add as manual labels, in OUT/derivatives/labels: SC (cord masks), discs",
    )
    demo.set_defaults(run=_demo)


def _add_install(commands: argparse._SubParsersAction) -> None:
    install = commands.add_parser(
        "install",
        help="install a template",
        description="Install a template in TemplateFlow's layout: in TEMPLATEFLOW_HOME where that "
        "is set and can be written to, in the user's cache otherwise. PAM50 is downloaded from "
        "its authors, or taken from a copy; SCTPhantom is made by the program.",
        allow_abbrev=False,
    )
    install.add_argument("template", choices=("PAM50", "SCTPhantom"), help="which one")
    install.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER_OR_ZIP",
        help="a copy of PAM50 as its authors release it (with template/ and atlas/), instead of "
        "a download",
    )
    install.add_argument(
        "--sha256", metavar="HEX", help="checksum that the archive of PAM50 must have"
    )
    install.add_argument(
        "--force", action="store_true", help="replace the template if it is installed"
    )
    install.set_defaults(run=_install)


def _add_list(commands: argparse._SubParsersAction) -> None:
    listing = commands.add_parser(
        "list",
        help="show the templates that are installed",
        description="Show the templates of the cord that are installed, where they are, what they "
        "have and what they lack.",
        allow_abbrev=False,
    )
    listing.set_defaults(run=_list)


def _seed(text: str) -> int:
    """Read a seed: an integer from 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a seed is 0 or more")
    return value


def _demo(options: argparse.Namespace) -> None:
    from sctflow.demo import IMAGES, write_demo

    root = write_demo(
        options.out_dir,
        participants=options.participants,
        seed=options.seed,
        images=options.images or IMAGES,
        view=options.view,
        labels=options.labels,
    )
    print(f"Wrote a BIDS dataset of {options.participants} participants to {root}")


def _install(options: argparse.Namespace) -> None:
    if options.template == "SCTPhantom":
        if options.source or options.sha256:
            raise TemplateError(
                "SCTPhantom is made by the program: --from and --sha256 are not for it"
            )
        from sctflow.templates.builtin import make_phantom

        template = make_phantom(force=options.force)
        print(f"{template.name} {template.version} is in {template.root}")
        return
    from sctflow.templates.install import install_pam50, show_progress

    install_pam50(
        options.source,
        force=options.force,
        sha256=options.sha256,
        progress=show_progress,
    )


def _list(options: argparse.Namespace) -> None:
    from sctflow.templates.listing import list_templates

    print("\n".join(list_templates()))
