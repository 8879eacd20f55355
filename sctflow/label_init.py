"""What a person says of one disc of a participant, on the command line or in a table."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SettingsError

FIRST, LAST = 1, 25
"""Values that may be given: the top of C1 to L5/S1."""

OPTION = "--label-init"
NEEDED, ALLOWED = ("participant_id", "value"), ("session_id", "slice")
"""Columns of a table."""

_ITEM = re.compile(r"(?:sub-)?([a-zA-Z0-9+]+):([^@]+)(?:@(.+))?")
_MISSING = ("", "n/a")


@dataclass(frozen=True)
class LabelInit:
    """Value of one disc of a participant.

    Attributes
    ----------
    participant
        Label without ``sub-``.
    value
        Of the disc nearest to the middle of the first image that discs are looked for in.
    session
        Label without ``ses-``; without it, that of the first session with such an image.
    slice
        Slice of the cord that has this disc instead, counted upwards from 0.
    where
        Where it stands, for messages.
    """

    participant: str
    value: int
    session: str | None = None
    slice: int | None = None
    where: str = OPTION


def read_label_inits(items: Iterable[str]) -> tuple[LabelInit, ...]:
    """Read ``SUB:VALUE``, ``SUB:VALUE@SLICE``, and tables.

    Parameters
    ----------
    items
        As given on the command line. What has no colon, or is a file that exists, is a TSV with
        the columns ``participant_id`` and ``value`` and, if need be, ``session_id`` and ``slice``.

    Raises
    ------
    SettingsError
        Everything that is wrong, one line each, with the file and the line.
    """
    found: list[LabelInit] = []
    problems: list[str] = []
    for item in items:
        try:
            found += _read_table(Path(item)) if is_table(item) else [_read_item(item)]
        except SettingsError as error:
            problems.append(str(error))
    seen: dict[tuple[str, str | None], LabelInit] = {}
    for one in found:
        first = seen.setdefault((one.participant, one.session), one)
        if first is not one:
            problems.append(
                f"{one.where}: sub-{one.participant} has a value already ({first.where}); keep one"
            )
    if problems:
        raise SettingsError("\n".join(problems))
    return tuple(found)


def check_inits(inits: Iterable[LabelInit], bids_dir: Path) -> None:
    """Refuse values of participants and sessions that a dataset does not have.

    Raises
    ------
    SettingsError
        With the place of each of them.
    """
    problems = []
    for one in inits:
        name = f"sub-{one.participant}"
        if (bids_dir / name).is_dir() and one.session:
            name = f"{name}/ses-{one.session}"
        if not (bids_dir / name).is_dir():
            problems.append(f"{one.where}: there is no {name} in {bids_dir}")
    if problems:
        raise SettingsError("\n".join(problems))


def is_table(item: str) -> bool:
    """Tell whether an item of the option is the name of a table."""
    return ":" not in item or Path(item).is_file()


def _read_item(item: str) -> LabelInit:
    where = f"{OPTION} {item}"
    match = _ITEM.fullmatch(item.strip())
    if not match:
        raise SettingsError(
            f"{where}: SUB:VALUE, SUB:VALUE@SLICE or the name of a TSV file is expected, as in "
            "01:5"
        )
    label, value, number = match.groups()
    return LabelInit(label, _value(value, where), None, _slice(number, where), where)


def _read_table(path: Path) -> list[LabelInit]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{OPTION}: {path} cannot be read ({error})") from error
    header = lines[0].split("\t") if lines else []
    lacking = [name for name in NEEDED if name not in header]
    unknown = [name for name in header if name not in (*NEEDED, *ALLOWED)]
    if lacking or unknown:
        told = [f"lacks {' and '.join(lacking)}"] if lacking else []
        told += [f"has {' and '.join(map(repr, unknown))}, which is not known"] if unknown else []
        raise SettingsError(
            f"{OPTION}: {path}, line 1: the table {', and '.join(told)}; its columns are "
            f"{', '.join(NEEDED)} and, if need be, {', '.join(ALLOWED)}, separated by tabs"
        )
    found, problems = [], []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            try:
                found.append(_read_line(header, line, f"{OPTION}: {path}, line {number}"))
            except SettingsError as error:
                problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return found


def _read_line(header: Sequence[str], line: str, where: str) -> LabelInit:
    cells = line.split("\t")
    if len(cells) != len(header):
        raise SettingsError(f"{where}: {len(cells)} values for {len(header)} columns")
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    label = row["participant_id"].removeprefix("sub-")
    session = row.get("session_id", "").removeprefix("ses-")
    for text in (label, session):
        if text not in _MISSING and not re.fullmatch(r"[a-zA-Z0-9+]+", text):
            raise SettingsError(f"{where}: {text!r} is not a label; they are letters and digits")
    if label in _MISSING:
        raise SettingsError(f"{where}: there is no participant_id")
    number = row.get("slice", "")
    return LabelInit(
        label,
        _value(row["value"], where),
        None if session in _MISSING else session,
        None if number in _MISSING else _slice(number, where),
        where,
    )


def _value(text: str, where: str) -> int:
    if not re.fullmatch(r"\s*\d+\s*", text) or not FIRST <= int(text) <= LAST:
        raise SettingsError(
            f"{where}: {text!r} is not the value of a disc, a whole number from {FIRST} to {LAST} "
            "(3 is C2/C3, 8 is C7/T1, 21 is L1/L2)"
        )
    return int(text)


def _slice(text: str | None, where: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\s*\d+\s*", text):
        raise SettingsError(
            f"{where}: {text!r} is not a slice; they are counted upwards from the lowest, 0"
        )
    return int(text)
