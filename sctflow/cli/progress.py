"""How far the run is: a bar on a terminal, a line now and then elsewhere."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""

logger = logging.getLogger("sctflow")


class Progress:
    """Counts finished steps; Nipype calls `update` as its status callback.

    Parameters
    ----------
    steps
        Number of steps of each participant, by the name of the participant's workflow.
    names
        What a participant's workflow is called for people (``sub-01``).
    console
        Where to draw; a bar is drawn only if it is a terminal.
    clock
        Seconds since some moment.
    """

    def __init__(
        self,
        steps: dict[str, int],
        *,
        names: dict[str, str],
        console: "Console",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = sum(steps.values())
        self.done = self.failed = 0
        self._left = Counter(steps)
        self._failed_in: set[str] = set()
        self._names = names
        self._console = console
        self._clock = clock
        self._last_line = clock()
        self._running: dict[str, str] = {}
        self._bar = self._make_bar() if console.is_terminal else None

    def _make_bar(self) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task = bar.add_task("", total=self.total)
        return bar

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def update(self, node: Any, status: str) -> None:
        """Note that a node started (``start``), finished (``end``) or failed (``exception``)."""
        _, participant, *path = node.fullname.split(".")
        if status == "start":
            image = path[0].removesuffix("_wf").removeprefix(participant.removesuffix("wf"))
            parts = (self._names.get(participant, participant), image, path[-1])
            self._running[node.fullname] = " ".join(dict.fromkeys(parts))
            return self._show()
        self._running.pop(node.fullname, None)
        self._left[participant] -= 1
        if status == "end":
            self.done += 1
        else:
            self.failed += 1
            self._failed_in.add(participant)
        name = self._names.get(participant, participant)
        logger.debug("%s: %s %s", name, ".".join(path), "done" if status == "end" else "failed")
        if self._left[participant] == 0 and participant not in self._failed_in:
            logger.info("%s: done", name)
        self._show()

    def _show(self) -> None:
        if self._bar:
            failed = f"{self.failed} failed; " if self.failed else ""
            text = failed + ", ".join(list(self._running.values())[:3])
            self._bar.update(self._task, completed=self.done, description=text)
        elif self._clock() - self._last_line >= LINE_EVERY:
            self._last_line = self._clock()
            failed = f", {self.failed} failed" if self.failed else ""
            logger.info("%d of %d steps done%s", self.done, self.total, failed)
