"""The companion command `sctflow-data`: data to try the program on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sctflow import __version__
from sctflow.errors import SctflowError


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line of `sctflow-data`."""
    parser = argparse.ArgumentParser(
        prog="sctflow-data", description="Data to try sctflow on.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"sctflow {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="write a small synthetic BIDS dataset",
        description="Write a small BIDS dataset of synthetic necks: a T2w and a T2star image of "
        "each participant. The same options give the same files, byte for byte.",
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
        "--labels",
        action="store_true",
        help="add the true cord masks as manual labels, in OUT/derivatives/labels",
    )
    demo.set_defaults(run=_demo)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sctflow-data`; returns the exit code."""
    options = build_parser().parse_args(argv)
    try:
        options.run(options)
    except SctflowError as error:
        print(f"sctflow-data: {error}", file=sys.stderr)
        return 1
    return 0


def _seed(text: str) -> int:
    """Read a seed: an integer from 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a seed is 0 or more")
    return value


def _demo(options: argparse.Namespace) -> None:
    from sctflow.demo import write_demo

    root = write_demo(
        options.out_dir,
        participants=options.participants,
        seed=options.seed,
        labels=options.labels,
    )
    print(f"Wrote a BIDS dataset of {options.participants} participants to {root}")
