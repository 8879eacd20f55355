"""Values on the command line: text in, value out, or a sentence on what is wrong."""

import re
from collections.abc import Iterable
from pathlib import Path

UNITS = {"B": 1e-9, "K": 1e-6, "M": 1e-3, "G": 1.0, "T": 1e3}


def gigabytes(text: str) -> float:
    """Memory in GB from ``16G``, ``16000M`` or, as in fMRIPrep, ``16000`` (MB)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([BKMGT]?)(?:I?B)?", text.strip().upper())
    if not match:
        raise ValueError(f"{text!r} is not an amount of memory; write for instance 16G or 16000M")
    return float(match[1]) * UNITS[match[2] or "M"]


def whole_number(text: str) -> int:
    """Integer, written without decimals."""
    if not re.fullmatch(r"[+-]?\d+", text.strip()):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def labels(texts: Iterable[str], *, prefix: str) -> tuple[str, ...]:
    """BIDS labels, with or without prefix, separated by spaces; each once."""
    found = [item.removeprefix(prefix) for text in texts for item in text.split()]
    wrong = [item for item in found if not re.fullmatch(r"[a-zA-Z0-9+]+", item)]
    if wrong:
        raise ValueError(
            f"{', '.join(map(repr, wrong))}: labels are letters and digits, as in {prefix}01"
        )
    return tuple(dict.fromkeys(found))


def absolute_path(text: str) -> Path:
    """Absolute path; ``~`` is the home folder."""
    return Path(text).expanduser().absolute()


def existing_file(text: str) -> Path:
    """Absolute path of a file that is there."""
    path = absolute_path(text)
    if not path.exists() or path.is_dir():
        raise ValueError(f"no such file: {path}")
    return path


def named_folders(texts: Iterable[str]) -> dict[str, Path]:
    """Folders given as ``path`` or ``name=path``, by name (the folder's own by default)."""
    folders: dict[str, Path] = {}
    problems = []
    for text in texts:
        name, found, rest = text.partition("=")
        path = absolute_path(rest if found and "/" not in name else text)
        name = name if found and "/" not in name else path.name
        unique, count = name, 1
        while unique in folders:
            count += 1
            unique = f"{name}{count}"
        folders[unique] = path
        if not path.is_dir():
            problems.append(f"no such folder: {path}")
    if problems:
        raise ValueError("; ".join(problems))
    return folders


def label_inits(texts: Iterable[str]) -> tuple[str, ...]:
    """Discs that are known; names of tables become absolute paths."""
    from ..label_init import is_table

    return tuple(str(absolute_path(text)) if is_table(text) else text for text in texts)


def plugin(text: str) -> str:
    """Name of a Nipype plugin, or absolute path of a YAML file that describes one."""
    if Path(text).suffix in (".yml", ".yaml", ".json") or "/" in text:
        return str(existing_file(text))
    if not text.isidentifier():
        raise ValueError(f"{text!r} is neither a plugin's name nor a YAML file")
    return text


def template(text: str) -> str:
    """Name of a template, or the absolute path of its folder."""
    # Imported here, as it brings the modules for archives and the network along.
    from ..templates.places import is_name

    return text if is_name(text) else str(absolute_path(text))
