"""What is asked for: participants, sessions and kinds of images."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import DatasetError
from .inputs import read_json

QUERIES: Mapping[str, Mapping[str, Mapping]] = {
    "anat": {
        "t1w": {"datatype": "anat", "suffix": "T1w"},
        "t2w": {"datatype": "anat", "suffix": "T2w"},
        "t2star": {"datatype": "anat", "suffix": ["T2star", "T2starw"]},
    },
    "mt": {
        "mts": {"datatype": "anat", "suffix": "MTS"},
        "mtr": {"datatype": "anat", "suffix": "MTR"},
        "tb1map": {"datatype": "fmap", "suffix": "TB1map"},
    },
    "dwi": {"dwi": {"datatype": "dwi", "suffix": "dwi"}},
    "func": {"bold": {"datatype": "func", "suffix": "bold"}},
}
"""Images of each modality, under the keys of ``--bids-filter-file``."""

KINDS: Mapping[str, str] = {
    "anat": "T1w, T2w or T2star image in anat/",
    "mt": "MTS or MTR set in anat/",
    "dwi": "series in dwi/",
    "func": "bold series in func/",
}
"""What each modality is made of, for messages."""


def read_filters(path: Path | None) -> dict[str, dict[str, dict]]:
    """Read a ``--bids-filter-file`` as fMRIPrep defines it.

    Parameters
    ----------
    path
        JSON, for instance ``{"t2w": {"acquisition": "sag", "session": null}}``; ``null`` asks
        for images without the entity, ``"*"`` for those with any value.

    Returns
    -------
    dict
        pybids filters for each key of each modality, defaults included.

    Raises
    ------
    DatasetError
        The file cannot be read or has unknown keys.
    """
    given = read_json(path) if path else {}
    if not all(isinstance(value, dict) for value in given.values()):
        raise DatasetError(f'{path}: each entry must be an object, as in {{"t2w": {{"run": 1}}}}')
    known = [key for queries in QUERIES.values() for key in queries]
    if unknown := sorted(set(given) - set(known)):
        raise DatasetError(
            f"{path}: unknown {', '.join(unknown)}; the keys are {', '.join(known)}"
        )
    return {
        modality: {
            key: query | {name: _as_query(value) for name, value in given.get(key, {}).items()}
            for key, query in queries.items()
        }
        for modality, queries in QUERIES.items()
    }


def select_participants(bids_dir: Path, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """Labels to process, checked against the folders of the dataset.

    Raises
    ------
    DatasetError
        No participants, or some of `labels` do not exist; the message names the nearest ones.
    """
    existing = sorted(
        item.name[4:] for item in bids_dir.glob("sub-*") if item.is_dir() and len(item.name) > 4
    )
    if not existing:
        raise DatasetError(f"{bids_dir}: no participants; folders named sub-<label> are expected")
    wanted = tuple(dict.fromkeys(label.removeprefix("sub-") for label in labels))
    missing = [label for label in wanted if label not in existing]
    if missing:
        near = [_nearest(label, existing) for label in missing]
        raise DatasetError(
            f"{bids_dir}: no such participant: "
            + "; ".join(f"{label} ({text})" for label, text in zip(missing, near, strict=True))
        )
    return wanted or tuple(existing)


def nothing_to_do(
    modality: Sequence[str], sessions: Sequence[str], filter_file: Path | None
) -> str:
    """Sentence on a participant without images."""
    where = f" in session {', '.join(sessions)}" if sessions else ""
    how = f" that {filter_file.name} lets through" if filter_file else ""
    what = ", no ".join(KINDS[kind] for kind in modality)
    return f"Nothing to do: no {what} was found{where}{how}."


def _nearest(label: str, existing: Sequence[str]) -> str:
    near = difflib.get_close_matches(label, existing, n=3, cutoff=0.5)
    near += [name for name in existing if label in name and name not in near][: 3 - len(near)]
    if near:
        return "nearest: " + ", ".join(near)
    shown = ", ".join(existing[:3])
    return f"the dataset has {shown}" + (", …" if len(existing) > 3 else "")


def _as_query(value: object) -> object:
    from bids.layout import Query

    special = {None: Query.NONE, "*": Query.ANY}
    special |= {"Query.NONE": Query.NONE, "Query.ANY": Query.ANY, "Query.OPTIONAL": Query.OPTIONAL}
    if value is None or isinstance(value, str):
        return special.get(value, value)
    return value
