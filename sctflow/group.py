"""Group level: the tables of all participants stacked into one of each kind."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DatasetError
from .io import save_json, save_table
from .names import parse_name

if TYPE_CHECKING:
    import pandas as pd

KIND = ("model", "param", "stat", "segmentation", "label", "desc", "suffix")
"""Entities that tell one kind of table from another; they name the group table."""

NOT_STACKED = ("dseg", "probseg")
"""Look-up tables: the same for everybody."""

ABBREVIATIONS = {"segmentation": "seg"}
"""Entities whose name in file names is another."""

IDENTIFIERS: Mapping[str, tuple[str, str]] = {
    "subject": ("participant_id", "Participant, as in participants.tsv"),
    "session": ("session_id", "Session"),
    "task": ("task", "Task"),
    "acquisition": ("acquisition", "Acquisition (entity acq) of the image"),
    "ceagent": ("ceagent", "Contrast agent (entity ce)"),
    "reconstruction": ("reconstruction", "Reconstruction (entity rec) of the image"),
    "direction": ("direction", "Phase-encoding direction (entity dir)"),
    "run": ("run", "Run"),
    "echo": ("echo", "Echo"),
    "flip": ("flip", "Flip angle (index)"),
    "inv": ("inv", "Inversion (index)"),
    "mt": ("mt", "Magnetisation transfer pulse (on or off)"),
    "part": ("part", "Part of the complex signal"),
    "chunk": ("chunk", "Chunk of the field of view"),
    "space": ("space", "Image that the measures were made on (its BIDS suffix)"),
}
"""Columns that say where a row comes from: entity, name, description."""


def stack_tables(output_dir: Path, participants: Sequence[str] = ()) -> list[Path]:
    """Stack every participant's tables in ``<output_dir>/group``.

    Parameters
    ----------
    output_dir
        Output dataset of the participant level.
    participants
        Labels to take; all that have results when empty.

    Returns
    -------
    list of pathlib.Path
        One table for each kind, such as ``group/label-SC_desc-perslice_morph.tsv``, with a JSON
        sidecar beside it. ``participant_id`` comes first; identifiers that no table has are left
        out; columns that a participant lacks are ``n/a``.

    Raises
    ------
    DatasetError
        No table was found, or the one of a participant who was asked for.
    """
    kinds: dict[str, list[Path]] = defaultdict(list)
    seen = set()
    for path in sorted(output_dir.glob("sub-*/**/*.tsv")):
        entities = parse_name(path.relative_to(output_dir))
        if entities.get("suffix") in NOT_STACKED or entities.get("datatype") == "figures":
            continue
        if participants and entities["subject"] not in participants:
            continue
        kinds[_kind(entities)].append(path)
        seen.add(entities["subject"])
    missing = sorted(set(participants) - seen)
    if missing or not kinds:
        who = f" of {', '.join(missing)}" if missing else ""
        raise DatasetError(
            f"{output_dir}: no tables{who} to put together; run the participant level first"
        )
    return [_stack(kind, paths, output_dir=output_dir) for kind, paths in sorted(kinds.items())]


def _stack(kind: str, paths: Sequence[Path], *, output_dir: Path) -> Path:
    import pandas as pd

    frames = []
    descriptions: dict[str, dict] = {}
    for path in paths:
        # Text in, text out: values reach the group table as the participant's table has them.
        frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        identifiers = _identifiers(parse_name(path.relative_to(output_dir)))
        frames.append(_with_identifiers(frame, identifiers))
        for name, text in _sidecar(path).items():
            descriptions.setdefault(name, text)
    stacked = pd.concat(frames, ignore_index=True).fillna("n/a")
    own = dict(IDENTIFIERS.values())
    leading = [name for name in own if name in stacked]
    stacked = stacked[[*leading, *(name for name in stacked if name not in own)]]
    columns = {
        name: {"Description": own[name]} if name in own else descriptions[name]
        for name in stacked
        if name in own or name in descriptions
    }
    target = output_dir / "group" / f"{kind}.tsv"
    save_json(columns, target.with_suffix(".json"))
    save_table(stacked, target)
    return target


def _with_identifiers(frame: "pd.DataFrame", identifiers: Mapping[str, str]) -> "pd.DataFrame":
    frame = frame.drop(columns=[name for name in identifiers if name in frame])
    return frame.assign(**identifiers)


def _identifiers(entities: Mapping[str, str]) -> dict[str, str]:
    found = {
        name: entities[entity] for entity, (name, _) in IDENTIFIERS.items() if entity in entities
    }
    prefixes = {"participant_id": "sub-", "session_id": "ses-"}
    return {name: prefixes.get(name, "") + value for name, value in found.items()}


def _kind(entities: Mapping[str, str]) -> str:
    parts: Iterable[str] = (
        entities[name] if name == "suffix" else f"{ABBREVIATIONS.get(name, name)}-{entities[name]}"
        for name in KIND
        if name in entities
    )
    return "_".join(parts)


def _sidecar(table: Path) -> dict:
    try:
        return json.loads(table.with_suffix(".json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DatasetError(
            f"{table.with_suffix('.json')}: cannot be read as JSON ({error}); run the participant "
            "level again"
        ) from error
