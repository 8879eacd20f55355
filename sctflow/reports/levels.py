"""Which levels the cord has in an image and where they come from, as a fragment of the report."""

from __future__ import annotations

from collections.abc import Sequence

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports.details import details

UNKNOWN = "not known: no disc is labelled"


def levels_summary(
    *, levels: Sequence[int], source: str = "", warnings: Sequence[str] = (), cord: bool = True
) -> str:
    """Write the levels of one image as an HTML fragment.

    Parameters
    ----------
    levels : sequence of int
        Vertebral levels that the cord has in this image, 1 is C1.
    source : str
        What they come from; empty where nothing tells them.
    warnings : sequence of str
        What the reader should know; what is said twice is written once.
    cord : bool
        Whether there is a cord at all; without one nothing is said of levels.

    Returns
    -------
    str
        See :func:`sctflow.reports.details.details`.
    """
    facts = [("Vertebral levels", f"{_named(levels)}, from {source}" if source else UNKNOWN)]
    return details(facts=facts if cord else [], warnings=list(dict.fromkeys(warnings)))


def _named(levels: Sequence[int]) -> str:
    """Say which levels there are."""
    if not levels:
        return "none"
    first, last = (VERTEBRAE[value - 1] for value in (min(levels), max(levels)))
    return first if first == last else f"{first} to {last}"
