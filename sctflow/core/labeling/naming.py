"""Which disc is which: discs of one session are named, or left without names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.label_values import disc_name
from sctflow.core.labeling.cord_evidence import cord_evidence, end_evidence
from sctflow.core.labeling.counting import Places, certainty, count
from sctflow.core.labeling.fusing import FLOORS, by_value, fuse
from sctflow.core.labeling.gathering import Given, Pool, View, gather
from sctflow.core.labeling.landmark_evidence import HEAD, JUNCTION, SACRUM, mark_evidence
from sctflow.core.labeling.placing import Placing
from sctflow.core.labeling.result import (
    COLUMNS,
    below_skull,
    impossible,
    left_out,
    named_discs,
    trusted_marks,
    unnamed_discs,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["THRESHOLD", "Given", "Naming", "View", "name_discs"]

THRESHOLD = 0.95
"""Discs are named if the probability is as high as this: no kind of evidence reaches it alone."""

_HELP = (
    "One label is enough to name all discs: put a label image with one disc in "
    "derivatives/labels/<sub>/anat/<stem>_label-discs_dlabel.nii.gz, or give "
    "--label-init SUB:VALUE (sctflow-tool label-discs: --init VALUE)."
)


@dataclass(frozen=True)
class Naming:
    """Discs of a session and what is known about their names.

    Attributes
    ----------
    discs : DataFrame
        x, y, z (RAS mm), confidence, inferred, value (0: without a name), from (name of the
        image), manual; top to bottom. Values 50 and 60 are the pontomedullary junction and the
        tip of the cord.
    probabilities : DataFrame
        value of the top disc, probability, and a column of log-probabilities for each kind of
        evidence.
    named : bool
        Whether discs have values.
    reason : str
        A sentence: how discs were named, or why they were not and what would help.
    warnings : list of str
        What does not fit.
    """

    discs: pd.DataFrame
    probabilities: pd.DataFrame
    named: bool
    reason: str
    warnings: list[str] = field(default_factory=list)


def name_discs(
    views: Sequence[View], *, given: Sequence[Given] = (), threshold: float = THRESHOLD
) -> Naming:
    """Name the discs of one session.

    Labels that a person has given decide, and the others are counted from them. Without any,
    distances between discs, the cord's area along it, its ends, and landmarks that were seen are
    weighed; a disc is named if its name has the probability `threshold`.

    Parameters
    ----------
    views
        Images of the session that show discs or cord.
    given
        Discs or vertebrae that a person has named; junction and conus too, which are kept.
    threshold
        Of the probability.

    Raises
    ------
    LabelError
        If given labels contradict each other or lie far from the cord.
    ValueError
        If there is no image.
    """
    if not views:
        raise ValueError("Discs can only be named on at least one image.")
    pool = gather(views, given)
    if not len(pool.seen):
        return _unnamed(pool, fuse(np.empty(0, int), {}), "No disc was detected.")
    s, confidence, fixed = pool.seen[["s", "confidence", "level"]].to_numpy(float).T
    places = Places(s, confidence, fixed, pool.in_view_below(s))
    counts = count(places)
    if not len(counts.paths):
        return _unnamed(pool, fuse(np.empty(0, int), {}), "No count of the discs is possible.")
    placings = [Placing(s[path > 0], path[path > 0]) for path in counts.paths]
    table = fuse(_top_values(counts.paths), _evidence(pool, counts.log_likelihood, placings))
    probability = table["probability"].to_numpy()
    best = int(probability.argmax())
    sure = certainty(places, counts=counts, probability=probability, best=best)
    return _decide(pool, table, counts.paths[best], sure, threshold=threshold)


def _top_values(paths: np.ndarray) -> np.ndarray:
    return np.array([int(np.ceil(path[path > 0].min())) for path in paths])


def _evidence(pool: Pool, spacing: np.ndarray, placings: list[Placing]) -> dict[str, np.ndarray]:
    marks = {"head": HEAD, "PMJ": JUNCTION, "sacrum": SACRUM}
    found = {
        "spacing": spacing,
        "cord": cord_evidence(pool, placings),
        "ends": end_evidence(pool, placings),
        **{name: mark_evidence(pool.marks, placings, kinds) for name, kinds in marks.items()},
    }
    return {name: found[name] for name in FLOORS}


def _decide(
    pool: Pool, table: pd.DataFrame, path: np.ndarray, sure: np.ndarray, *, threshold: float
) -> Naming:
    given = np.isfinite(pool.seen["level"].to_numpy(float))
    named = (path > 0) & (given | (sure >= threshold))
    top = disc_name(int(np.ceil(path[path > 0].min())))
    if not named.any():
        told = f"the top one is the {top} with a probability of {sure.max():.2f}"
        return _unnamed(pool, table, f"Discs were not named: {told}, less than {threshold:.2f}.")
    s = pool.seen["s"].to_numpy(float)
    placing = Placing(s[named], path[named])
    discs = named_discs(pool, np.where(named, path, 0.0), placing)
    fault = impossible(discs) or below_skull(pool, placing)
    warnings = left_out(pool, path)
    if fault and not given.any():
        return _unnamed(pool, table, f"Discs were not named, as {fault}.")
    if fault:
        warnings.append(f"Counted from the labels given, discs look impossible: {fault}.")
    uncounted = (path > 0) & ~named
    if uncounted.any():
        warnings.append(
            f"Discs without a name: {uncounted.sum()}. Too many between them and the others were "
            "not seen to count across. One label among them names them."
        )
    how = "the labels given."
    if not given.any():
        first = disc_name(int(discs["value"].min()))
        chance = f"the top one is the {first} with a probability of {sure[named].min():.2f}."
        how = f"what is usual in people: {chance}"
    return Naming(
        discs=_join(discs, unnamed_discs(pool, uncounted), trusted_marks(pool, placing)),
        probabilities=by_value(table),
        named=True,
        reason=f"Discs were named from {how}",
        warnings=warnings,
    )


def _unnamed(pool: Pool, table: pd.DataFrame, why: str) -> Naming:
    discs = _join(unnamed_discs(pool), trusted_marks(pool, None))
    return Naming(discs=discs, probabilities=by_value(table), named=False, reason=f"{why} {_HELP}")


def _join(*tables: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    table = pd.concat([tables[0], *(table for table in tables[1:] if len(table))])
    table = table.sort_values("s", ascending=False, kind="stable").reset_index(drop=True)[COLUMNS]
    return table.astype({"inferred": int, "value": int, "manual": int})
