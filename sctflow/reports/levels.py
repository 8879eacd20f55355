"""Which levels the cord has in an image and where they come from, as a fragment of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sctflow.core.label_values import VERTEBRAE
from sctflow.reports.details import details

UNKNOWN = "not known: no disc is labelled"


def levels_summary(
    *,
    levels: Sequence[int],
    source: str = "",
    naming: Mapping | None = None,
    warnings: Sequence[str] = (),
    cord: bool = True,
) -> str:
    """Write the levels of one image as an HTML fragment.

    Parameters
    ----------
    levels : sequence of int
        Vertebral levels that the cord has in this image, 1 is C1.
    source : str
        Label image made by hand that they come from, if they do.
    naming : mapping, optional
        How the discs of the session were named, as in sidecars: ``LabelMethod``,
        ``LevelProbability``, ``LevelNaming``, and ``Named``.
    warnings : sequence of str
        What the reader should know; what is said twice is written once.
    cord : bool
        Whether there is a cord at all; without one nothing is said of levels.

    Returns
    -------
    str
        See :func:`sctflow.reports.details.details`.
    """
    if not cord:
        return details(facts=[])
    facts = [("Vertebral levels", _levels(levels, source, naming))]
    told = list(warnings)
    if naming and naming["Named"]:
        facts.append(("Names of the discs", naming["LevelNaming"]))
    elif naming and not levels:
        told.insert(0, naming["LevelNaming"])
    return details(facts=facts, warnings=list(dict.fromkeys(told)))


def _levels(levels: Sequence[int], source: str, naming: Mapping | None) -> str:
    if naming:
        if not naming["Named"] and not levels:
            return "not known: the discs could not be named"
        source = f"{naming['LabelMethod']} labels"
        if "LevelProbability" in naming:
            source += f" (probability {naming['LevelProbability']:.2f})"
    return f"{_named(levels)}, from {source}" if source else UNKNOWN


def _named(levels: Sequence[int]) -> str:
    """Say which levels there are."""
    if not levels:
        return "none"
    first, last = (VERTEBRAE[value - 1] for value in (min(levels), max(levels)))
    return first if first == last else f"{first} to {last}"
