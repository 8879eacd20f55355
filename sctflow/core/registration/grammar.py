"""The grammar of registration steps: ``step=1,type=seg,algo=centermass:step=2,...``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sctflow.core.registration.steps import (
    ALGORITHMS,
    DOF,
    LABEL,
    METRICS,
    ROT_METHODS,
    TYPES,
    Step,
)
from sctflow.errors import RegistrationError


@dataclass(frozen=True)
class _Key:
    """How a key is read and what is said of a value that cannot be."""

    field: str
    read: Callable[[str], Any]
    wanted: str


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def _flag(text: str) -> bool:
    return {"0": False, "1": True}[text]


def _number(kind: type, low: float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = kind(text)
        if not low <= value < float("inf"):
            raise ValueError
        return value

    return read


def _levels(kind: type, low: float) -> Callable[[str], tuple]:
    def read(text: str) -> tuple:
        return tuple(_number(kind, low)(part) for part in text.split("x"))

    return read


def _step_size(text: str) -> float:
    value = _number(float, 0)(text)
    if not value:
        raise ValueError
    return value


def _freedoms(text: str) -> tuple[str, ...]:
    chosen = text.split("_")
    if not set(chosen) <= set(DOF):
        raise ValueError
    return tuple(name for name in DOF if name in chosen)


_KEYS = {
    "slicewise": _Key("slicewise", _flag, "0 or 1"),
    "metric": _Key("metric", _one_of(METRICS), "one of " + ", ".join(METRICS)),
    "iter": _Key("iter", _levels(int, 1), "numbers from 1, one per level, such as 20x10"),
    "shrink": _Key("shrink", _levels(int, 1), "whole numbers from 1, such as 2x1"),
    "smooth": _Key("smooth", _levels(float, 0), "lengths in mm, such as 2x1"),
    "gradStep": _Key("grad_step", _step_size, "a number above 0"),
    "dof": _Key("dof", _freedoms, "some of " + "_".join(DOF)),
    "rot_method": _Key("rot_method", _one_of(ROT_METHODS), "one of " + ", ".join(ROT_METHODS)),
    "filter_size": _Key("filter_size", _number(float, 0), "a length in mm"),
    "poly": _Key("poly", _number(int, 0), "a whole number from 0"),
    "smoothWarpXY": _Key("smooth_warp", _number(float, 0), "a length in mm"),
}
_LEVEL_KEYS = ("iter", "shrink", "smooth")


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read the steps of a registration.

    Parameters
    ----------
    text : str
        Steps divided by colons, in each ``key=value`` divided by commas. ``step`` numbers them
        in their order, from 0 or 1; ``type`` and, unless it is ``label``, ``algo`` are needed;
        everything else has a default. Empty: no step.

    Returns
    -------
    tuple of Step
        With the defaults filled in.

    Raises
    ------
    RegistrationError
        With everything that is wrong, if anything is.
    """
    problems: list[str] = []
    parts = re.sub(r"\s", "", text).split(":") if text.strip() else []
    pairs = [_read_pairs(part, n, problems) for n, part in enumerate(parts, start=1)]
    _check_order([given.pop("step", None) for given in pairs], problems)
    steps = [_read_step(given, n, problems) for n, given in enumerate(pairs, start=1)]
    if problems:
        raise RegistrationError(
            f"The registration steps '{text}' cannot be used:\n"
            + "\n".join(f"- {problem}" for problem in problems)
        )
    return tuple(step for step in steps if step is not None)


def _read_pairs(part: str, n: int, problems: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for item in part.split(","):
        key, equals, value = item.partition("=")
        if not (key and equals and value):
            problems.append(f"Step {n}: '{item}' is not of the form key=value.")
        elif key in given:
            problems.append(f"Step {n}: '{key}' is given twice.")
        else:
            given[key] = value
    return given


def _check_order(numbers: list[str | None], problems: list[str]) -> None:
    if not numbers:
        return
    start = 0 if numbers[0] == "0" else 1
    wanted = [str(n) for n in range(start, start + len(numbers))]
    if numbers != wanted:
        found = ", ".join("none" if number is None else number for number in numbers)
        problems.append(
            f"The steps must be numbered in their order, step={', '.join(wanted)}; not {found}."
        )


def _read_step(given: dict[str, str], n: int, problems: list[str]) -> Step | None:
    kind, algo = given.pop("type", None), given.pop("algo", None)
    if kind not in TYPES:
        problems.append(f"Step {n}: type must be one of {', '.join(TYPES)}, not {kind}.")
        return None
    if kind == "label":
        if algo is not None:
            problems.append(f"Step {n}: type=label takes no algo; leave algo={algo} out.")
        algorithm, name, algo = LABEL, "type=label", None
    elif algo not in ALGORITHMS:
        problems.append(f"Step {n}: algo must be one of {', '.join(ALGORITHMS)}, not {algo}.")
        return None
    else:
        algorithm, name = ALGORITHMS[algo], f"algo={algo}"
        if kind not in algorithm.types:
            problems.append(
                f"Step {n}: {name} takes type={' or '.join(algorithm.types)}, not {kind}."
            )
    values = _read_values(given, algorithm.defaults_for(kind), f"Step {n}", name, problems)
    step = Step(kind, algo, **values)
    _check_rotation(step, n, problems)
    return step


def _read_values(
    given: dict[str, str], defaults: dict[str, str], where: str, name: str, problems: list[str]
) -> dict[str, Any]:
    values, chosen = {}, {}
    for key, text in given.items():
        if key not in _KEYS:
            problems.append(
                f"{where}: there is no key '{key}'; {name} takes {', '.join(defaults)}."
            )
        elif key not in defaults:
            problems.append(
                f"{where}: {name} has no use for {key}; it takes {', '.join(defaults)}."
            )
        else:
            try:
                chosen[key] = _KEYS[key].read(text)
            except (ValueError, KeyError):
                problems.append(f"{where}: {key} must be {_KEYS[key].wanted}, not {text}.")
    for key, text in defaults.items():
        values[key] = chosen.get(key, _KEYS[key].read(text))
    if "iter" in defaults:
        _even_out(values, chosen, where, problems)
    return {_KEYS[key].field: value for key, value in values.items()}


def _even_out(
    values: dict[str, Any], chosen: dict[str, Any], where: str, problems: list[str]
) -> None:
    """Give iter, shrink and smooth as many levels each as the longest that was asked for."""
    asked = [len(chosen[key]) for key in _LEVEL_KEYS if key in chosen]
    count = max(asked, default=len(values["iter"]))
    for key in _LEVEL_KEYS:
        value = values[key]
        if key in chosen and len(value) not in (1, count):
            problems.append(f"{where}: {key} has {len(value)} levels, not 1 or {count}.")
        # A default keeps its finest levels.
        values[key] = (value[:1] * max(0, count - len(value)) + value)[-count:]


def _check_rotation(step: Step, n: int, problems: list[str]) -> None:
    if step.algo != "centermassrot":
        return
    wanted = "seg" if step.rot_method == "pca" else "imseg"
    if step.type in ("seg", "imseg") and step.type != wanted:
        problems.append(f"Step {n}: rot_method={step.rot_method} takes type={wanted}.")


def format_steps(steps: Sequence[Step]) -> str:
    """Write steps as :func:`parse_steps` reads them, every key spelled out."""
    return ":".join(_format_step(step, n) for n, step in enumerate(steps, start=1))


def _format_step(step: Step, n: int) -> str:
    names = {key.field: name for name, key in _KEYS.items()}
    pairs = [f"step={n}"]
    for field in fields(step):
        value = getattr(step, field.name)
        if value is not None:
            pairs.append(f"{names.get(field.name, field.name)}={_format_value(value)}")
    return ",".join(pairs)


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ("_" if isinstance(value[0], str) else "x").join(map(_format_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
