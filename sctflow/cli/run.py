"""Entry point of ``sctflow``: read the command line, run a level, turn errors into words."""

import signal
import sys
from collections.abc import Sequence

OK, FAILED, NOT_RUN, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``sctflow`` and return its exit status.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of this process by default.

    Returns
    -------
    int
        0 all well, 1 some participants failed, 2 nothing was run, 130 interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    from ..errors import SctflowError
    from .parser import parse_settings

    debug = "--debug" in argv
    try:
        settings = parse_settings(argv)
        if settings.analysis_level == "group":
            return _run_group(settings)
        from .environment import prepare_environment

        prepare_environment(settings.omp_nthreads)
        from .participant import run_participants

        # A request to end (batch systems, containers) is an interruption like Ctrl-C.
        answer = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return run_participants(settings, argv)
        finally:
            signal.signal(signal.SIGTERM, answer)
    except SctflowError as error:
        if debug:
            raise
        _tell(str(error))
        return NOT_RUN
    except KeyboardInterrupt:
        print("sctflow: interrupted; the same command continues from here", file=sys.stderr)
        return INTERRUPTED


def _run_group(settings) -> int:
    from ..errors import DatasetError
    from ..group import stack_tables

    if not settings.output_dir.is_dir():
        raise DatasetError(
            f"{settings.output_dir}: does not exist; run the participant level first"
        )
    for path in stack_tables(settings.output_dir, settings.participant_label):
        print(path)
    return OK


def _tell(text: str) -> None:
    lines = text.splitlines()
    print(f"sctflow: {lines[0]}", *lines[1:], sep="\n         ", file=sys.stderr)
