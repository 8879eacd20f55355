"""Where messages go: all into the run's log file, the important ones to the person as well."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_NAME = "sctflow.log"


class ConsoleHandler(logging.Handler):
    """Plain lines on a rich console, so that they do not break its progress bar."""

    def __init__(self, console: "Console") -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message, in yellow or red where it is a warning or an error."""
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno)
        text = self.format(record)
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def log_to_console(console: "Console", verbose: int) -> logging.Handler:
    """Show the messages of sctflow; in detail when `verbose`."""
    handler = ConsoleHandler(console)
    handler.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger = logging.getLogger("sctflow")
    logger.setLevel(logging.DEBUG)
    logger.handlers = [handler]
    logger.propagate = False
    return handler


def log_to_file(
    path: Path, *, detailed: bool, console: logging.Handler | None = None
) -> logging.Handler:
    """Send the messages of sctflow and of Nipype to a file, instead of the standard output.

    Several processes may append to the same file.

    Parameters
    ----------
    path
        The log file.
    detailed
        Whether Nipype tells everything (DEBUG).
    console
        Handler that shows Nipype's messages as well.
    """
    # Nipype adds a handler when it is imported, so it must be there to be replaced.
    import nipype

    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter(FORMAT))
    for name in ("nipype", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler, console] if console and name == "nipype" else [handler]
        logger.propagate = False
    for logger in nipype.logging.loggers.values():
        logger.setLevel(logging.DEBUG if detailed else logging.INFO)
    own = logging.getLogger("sctflow")
    own.handlers = [item for item in own.handlers if isinstance(item, ConsoleHandler)] + [handler]
    own.setLevel(logging.DEBUG)
    own.propagate = False
    logging.captureWarnings(True)
    return handler
