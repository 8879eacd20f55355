"""What the values of labelled points mean."""

from __future__ import annotations

GROOVE, JUNCTION, CONUS = 49, 50, 60
"""Values of the pontomedullary groove, the pontomedullary junction and the conus medullaris."""

LAST_DISC = 26
"""S1/S2; the disc with value v lies above vertebra v."""

VERTEBRAE = (
    *(f"C{i}" for i in range(1, 8)),
    *(f"T{i}" for i in range(1, 13)),
    *(f"L{i}" for i in range(1, 6)),
    "S1",
    "S2",
)
"""Names of the vertebrae 1 to 26."""


def disc_name(value: int) -> str:
    """Say what a value of the disc convention marks, with the value: ``disc C3/C4 (value 4)``."""
    others = {
        1: "top of C1",
        GROOVE: "pontomedullary groove",
        JUNCTION: "pontomedullary junction",
        CONUS: "conus medullaris",
    }
    if value in others:
        return f"{others[value]} (value {value})"
    if 2 <= value <= LAST_DISC:
        return f"disc {VERTEBRAE[value - 2]}/{VERTEBRAE[value - 1]} (value {value})"
    return f"label with value {value}"


def short_name(value: int) -> str:
    """Say the same in a few letters, for pictures: ``C3/C4``; ``?`` for what has no name."""
    others = {1: "top of C1", GROOVE: "PMG", JUNCTION: "PMJ", CONUS: "conus"}
    if 2 <= value <= LAST_DISC:
        return f"{VERTEBRAE[value - 2]}/{VERTEBRAE[value - 1]}"
    return others.get(value, "?")
