"""What a trait says about its values: how they are written on a command line, and read."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import types

TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Kind:
    """A kind of values.

    Attributes
    ----------
    metavar
        What stands for a value in the help.
    read
        Makes a value of text; `ValueError` says what is wrong with it.
    about
        What the help adds, such as limits.
    """

    metavar: str
    read: Callable[[str], Any]
    about: str = ""


def is_path(trait: Any) -> bool:
    """Tell whether a trait is a file or a folder."""
    from nipype.interfaces.base.traits_extension import BasePath

    return isinstance(trait.trait_type, BasePath)


def is_bool(trait: Any) -> bool:
    """Tell whether a trait is true or false."""
    from traits.api import BaseBool

    return isinstance(trait.trait_type, BaseBool)


def is_list(trait: Any) -> bool:
    """Tell whether a trait takes any number of values."""
    from traits.api import List

    return isinstance(trait.trait_type, List)


def members(trait: Any) -> tuple:
    """Traits of the parts: of the values of a list, of the places of a tuple."""
    return tuple(trait.inner_traits or getattr(trait.trait_type, "types", None) or ())


def alternatives(trait: Any) -> tuple:
    """Traits of which a value fits one; none where there is no choice."""
    handlers = getattr(trait.trait_type, "handlers", None)
    if handlers:
        return tuple(handler.as_ctrait() for handler in handlers if hasattr(handler, "as_ctrait"))
    return tuple(getattr(trait.trait_type, "list_ctrait_instances", None) or ())


def find_kind(trait: Any) -> Kind:
    """Kind of the values of a trait.

    The parts of a tuple, and of lists within lists, are separated by commas. What has no form of
    its own is written as JSON.
    """
    from traits import api

    kind = trait.trait_type
    if is_path(trait):
        return _path(kind)
    if is_bool(trait):
        return Kind("true|false", _truth)
    if isinstance(kind, api.BaseEnum):
        return _choice(kind.values)
    if isinstance(kind, api.BaseRange):
        return _range(kind)
    if isinstance(kind, api.BaseInt):
        return Kind("N", types.whole_number)
    if isinstance(kind, api.BaseFloat):
        return Kind("NUMBER", number)
    if isinstance(kind, api.BaseStr | api.String):
        return Kind("TEXT", _text)
    if isinstance(kind, api.BaseTuple | api.List) and members(trait):
        return _sequence([find_kind(inner) for inner in members(trait)], is_list(trait))
    if alternatives(trait):
        return _any_of([find_kind(inner) for inner in alternatives(trait)])
    return Kind("JSON", _json)


def number(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _path(kind: Any) -> Kind:
    from nipype.interfaces.base import File

    if isinstance(kind, File):
        return Kind("FILE", _file if kind.exists else _absolute)
    return Kind("DIR", _folder if kind.exists else _absolute)


def _absolute(text: str) -> str:
    return str(types.absolute_path(text))


def _file(text: str) -> str:
    return str(types.existing_file(text))


def _folder(text: str) -> str:
    path = types.absolute_path(text)
    if not path.is_dir():
        raise ValueError(f"no such folder: {path}")
    return str(path)


def _text(text: str) -> str:
    """Text as it is; what may be a name or a path is made absolute if it is a path that exists."""
    path = types.absolute_path(text) if os.sep in text else None
    return str(path) if path and path.exists() else text


def _truth(text: str) -> bool:
    if text.lower() not in (*TRUE, *FALSE):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in TRUE


def _choice(values: Sequence[Any]) -> Kind:
    by_text = {str(value): value for value in values}
    return Kind("{" + ",".join(by_text) + "}", partial(_choose, by_text=by_text))


def _choose(text: str, *, by_text: dict[str, Any]) -> Any:
    if text not in by_text:
        raise ValueError(f"{text!r} is not one of {', '.join(by_text)}")
    return by_text[text]


def _range(kind: Any) -> Kind:
    low, high = kind._low, kind._high
    whole = kind._validate == "int_validate"
    limits = []
    if low is not None:
        limits.append(f"{'more than' if kind._exclude_low else 'at least'} {low:g}")
    if high is not None:
        limits.append(f"{'less than' if kind._exclude_high else 'at most'} {high:g}")
    about = ", ".join(limits)
    read = partial(
        _read_within, read=types.whole_number if whole else number, kind=kind, about=about
    )
    return Kind("N" if whole else "NUMBER", read, about)


def _read_within(text: str, *, read: Callable[[str], Any], kind: Any, about: str) -> Any:
    value = read(text)
    low, high = kind._low, kind._high
    # Written so that a value which is not a number is outside.
    above = low is None or (value > low if kind._exclude_low else value >= low)
    below = high is None or (value < high if kind._exclude_high else value <= high)
    if not (above and below):
        raise ValueError(f"{text} is out of range: {about}")
    return value


def _sequence(parts: Sequence[Kind], any_number: bool) -> Kind:
    metavar = ",".join(part.metavar for part in parts) + (",…" if any_number else "")
    read = partial(_read_sequence, parts=parts, any_number=any_number, metavar=metavar)
    return Kind(metavar, read, "; ".join(part.about for part in parts if part.about))


def _read_sequence(
    text: str, *, parts: Sequence[Kind], any_number: bool, metavar: str
) -> list | tuple:
    texts = [part.strip() for part in text.split(",")]
    if any_number:
        return [parts[0].read(part) for part in texts]
    if len(texts) != len(parts):
        raise ValueError(f"{text!r} has {len(texts)} of {len(parts)} values; write {metavar}")
    return tuple(part.read(value) for part, value in zip(parts, texts, strict=True))


def _any_of(kinds: Sequence[Kind]) -> Kind:
    about = " or ".join(kind.about for kind in kinds if kind.about)
    metavar = "|".join(dict.fromkeys(kind.metavar for kind in kinds))
    return Kind(metavar, partial(_read_any_of, kinds=kinds), about)


def _read_any_of(text: str, *, kinds: Sequence[Kind]) -> Any:
    problems = []
    for kind in kinds:
        try:
            return kind.read(text)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError("; ".join(problems))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{text!r} is not JSON") from None
