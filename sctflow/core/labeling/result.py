"""From the values of detected discs to the table of all discs between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.label_values import CONUS, JUNCTION, disc_name
from sctflow.core.labeling import usual
from sctflow.core.labeling.gathering import Pool
from sctflow.core.labeling.landmark_evidence import belief, expected_junction
from sctflow.core.labeling.placing import Placing

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["x", "y", "z", "confidence", "inferred", "value", "from", "manual"]

_NEAR = (
    0.4  # of the distance to the disc above: an inferred disc so near its expected place is kept
)
_TRUST, _CLEAR = 0.5, 0.8  # beliefs in a landmark that is kept, and in one that refuses names
_JUNCTION_OFF_MM = 15.0
_CONUS_OFF = 2.0  # levels
_SHORTEST_MM, _LONGEST_MM, _RATIO = 9.0, 50.0, 1.8
_SURE = 0.9  # a disc of this confidence is not left out without a word


def unnamed_discs(pool: Pool, chosen: np.ndarray | None = None) -> pd.DataFrame:
    """Tabulate discs with the value 0: all, or some of `pool.seen`."""
    places = pool.places if chosen is None else pool.seen[chosen]
    return places.assign(value=0)[["s", *COLUMNS]]


def named_discs(pool: Pool, path: np.ndarray, placing: Placing) -> pd.DataFrame:
    """Tabulate discs with their values: those kept in the path, and those missing between them.

    Parameters
    ----------
    pool : Pool
        What was seen.
    path : (n,) array
        Level of each of `pool.seen`; 0 is no disc.
    placing : Placing
        Made of the same path.
    """
    import pandas as pd

    is_disc = (path > 0) & (path % 1 == 0)
    own = pool.seen[is_disc].assign(value=path[is_disc].astype(int))
    lowest, highest = np.ceil(path.max()), np.floor(path[path > 0].min())
    wanted = np.setdiff1d(np.arange(highest, lowest + 1), own["value"])
    between = [_inferred(pool, own, int(value), placing, needed=True) for value in wanted]
    ends = [value for value in (highest - 1, lowest + 1) if usual.FIRST <= value <= usual.LAST]
    beyond = [_inferred(pool, own, int(value), placing, needed=False) for value in ends]
    rows = [row for row in between + beyond if row is not None]
    table = pd.concat([own, pd.DataFrame(rows)]) if rows else own
    return table.sort_values("s", ascending=False, kind="stable").reset_index(drop=True)[
        ["s", *COLUMNS]
    ]


def _inferred(
    pool: Pool, own: pd.DataFrame, value: int, placing: Placing, *, needed: bool
) -> dict | None:
    """Find the disc of a value among the inferred ones, or place it by the usual spacing."""
    s = float(placing.place_of(value))
    near = _NEAR * abs(s - float(placing.place_of(value - 1)))
    others = pool.places[pool.places["inferred"] == 1]
    off = np.abs(others["s"].to_numpy() - s)
    if len(off) and off.min() <= near:
        return {**others.iloc[int(off.argmin())].to_dict(), "value": value}
    if not needed:
        return None
    place = dict(zip("xyz", _beside_cord(pool, own, s), strict=True))
    kept = {"confidence": 0.0, "inferred": 1, "manual": 0, "from": "spacing"}
    return {"s": s, "value": value, **place, **kept}


def _beside_cord(pool: Pool, own: pd.DataFrame, s: float) -> np.ndarray:
    """World point at a place along the cord, as far in front of it as the discs around are."""
    point = pool.line.at(np.array([s]))[0]
    if not len(own):
        return point
    rows = own.sort_values("s")
    at = rows["s"].to_numpy(float)
    offset = rows[["x", "y", "z"]].to_numpy(float) - pool.line.at(at)
    return point + np.array([np.interp(s, at, axis) for axis in offset.T])


def left_out(pool: Pool, path: np.ndarray) -> list[str]:
    """Say which detected discs do not fit the count."""
    lost = pool.seen[(path == 0) & (pool.seen["confidence"] >= _SURE).to_numpy()]
    return [
        f"{row['from']}: a disc detected at {row.x:.0f}, {row.y:.0f}, {row.z:.0f} mm does not fit "
        "the count and was left out."
        for _, row in lost.iterrows()
    ]


def impossible(discs: pd.DataFrame) -> str | None:
    """Say why named discs cannot be right; None if they can. Rows from top to bottom."""
    rows = discs[discs["value"] > 0]
    s, value = rows["s"].to_numpy(float), rows["value"].to_numpy(int)
    gaps, steps = -np.diff(s), np.diff(value)
    if np.any(steps < 1) or np.any(gaps <= 0):
        return "their values do not rise from the top down"
    low = [disc_name(v) for v in value[:-1][gaps / steps < _SHORTEST_MM]]
    far = [disc_name(v) for v in value[:-1][gaps / steps > _LONGEST_MM]]
    if low or far:
        where = (low or far)[0]
        return f"the next one below the {where} would be too {'near' if low else 'far'}"
    # Against the usual heights, of which those of the top vertebrae differ from the others.
    height = usual.depth_of(value[1:]) - usual.depth_of(value[:-1])
    relative = gaps / height
    change = np.maximum(relative[1:] / relative[:-1], relative[:-1] / relative[1:])
    if np.any(change > _RATIO):
        where = disc_name(value[1:-1][change > _RATIO][0])
        return f"the distances above and below the {where} differ too much"
    return None


def below_skull(pool: Pool, placing: Placing) -> str | None:
    """Say that C1 would lie above the junction of the brainstem, if it would."""
    marks = pool.marks[pool.marks["kind"] == "PMJ"]
    clear = [belief(one) >= _CLEAR for one in marks["confidence"]]
    if np.any(marks["s"].to_numpy(float)[clear] < placing.place_of(1.0)):
        return "C1 would lie above the pontomedullary junction"
    return None


def trusted_marks(pool: Pool, placing: Placing | None) -> pd.DataFrame:
    """Tabulate junction and conus, where they are sure and fit the named discs."""
    import pandas as pd

    rows = []
    for kind, value in (("PMJ", JUNCTION), ("conus", CONUS)):
        found = pool.marks[pool.marks["kind"] == kind]
        if not len(found):
            continue
        best = found.loc[found["confidence"].idxmax()]
        manual = int(best["from"] == "given")
        sure = belief(best["confidence"]) >= _TRUST
        if manual or (sure and _fits(pool, kind, float(best["s"]), placing)):
            rows.append({**best.drop("kind"), "inferred": 0, "value": value, "manual": manual})
    return pd.DataFrame(rows, columns=["s", *COLUMNS])


def _fits(pool: Pool, kind: str, s: float, placing: Placing | None) -> bool:
    if placing is None:
        at = pool.seen["s"].to_numpy()
        # Without names: the junction lies well above every disc.
        return kind == "conus" or not np.any(at > s - usual.JUNCTION_MM + 2 * _JUNCTION_OFF_MM)
    if kind == "PMJ":
        return abs(s - expected_junction(placing)) <= _JUNCTION_OFF_MM + 2.0 * placing.error_at(s)
    return abs(float(placing.level_at(s)) - usual.CONUS_LEVEL) <= _CONUS_OFF
