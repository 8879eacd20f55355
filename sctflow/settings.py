"""All choices of one run: built by the command line, saved beside the outputs, passed on."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import inf
from pathlib import Path
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

from .bids import LABEL_NAMES
from .errors import RegistrationError, SettingsError
from .label_init import read_label_inits
from .selection import QUERIES

ANALYSIS_LEVELS = ("participant", "group")
MODALITIES = tuple(QUERIES)
SEGMENTATION_METHODS = ("network", "manual")
LABEL_METHODS = ("auto", "manual")
TEMPLATE_REFS = ("template", "subject")
MOTION_KINDS = ("translation", "rigid")
DWI_DENOISERS = ("none", "mppca", "patch2self")
DWI_FITS = ("wls", "restore")
IGNORABLE_LABELS = tuple(LABEL_NAMES)

RESULT = {"changes_results": True}
"""Marks the fields that change what is computed; they make the digest."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every option of the command line, under its name with underscores.

    See ``sctflow --help`` for what each does. Memory is in GB.

    Raises
    ------
    SettingsError
        Values out of range or options that contradict each other, all in one message.
    """

    bids_dir: Path
    output_dir: Path
    analysis_level: str = "participant"

    participant_label: tuple[str, ...] = ()
    session_label: tuple[str, ...] = ()
    bids_filter_file: Path | None = None
    bids_database_dir: Path | None = None
    derivatives: dict[str, Path] = field(default_factory=dict)
    skip_bids_validation: bool = False

    modality: tuple[str, ...] = MODALITIES
    segmentation_method: str = field(default="network", metadata=RESULT)
    ignore_labels: tuple[str, ...] = field(default=(), metadata=RESULT)
    label_method: str = field(default="auto", metadata=RESULT)
    # What is said of single participants counts as little as their label images do.
    label_init: tuple[str, ...] = ()
    random_seed: int = field(default=0, metadata=RESULT)
    template: str | None = field(default=None, metadata=RESULT)
    template_ref: str = field(default="template", metadata=RESULT)
    registration_steps: str | None = field(default=None, metadata=RESULT)
    motion: str = field(default="translation", metadata=RESULT)
    b0_threshold: float = field(default=100.0, metadata=RESULT)
    dwi_denoise: str = field(default="none", metadata=RESULT)
    dwi_fit: str = field(default="wls", metadata=RESULT)
    func_slice_timing: bool = field(default=False, metadata=RESULT)
    func_smooth: float | None = field(default=None, metadata=RESULT)
    func_in_template: bool = field(default=False, metadata=RESULT)

    nprocs: int | None = None
    omp_nthreads: int = 1
    mem: float | None = None
    low_mem: bool = False
    use_plugin: str | None = None
    resource_monitor: bool = False

    work_dir: Path = Path("work")
    clean_workdir: bool = False
    config_file: Path | None = None
    stop_on_first_crash: bool = False

    reports_only: bool = False
    boilerplate_only: bool = False
    write_graph: bool = False

    verbose: int = 0
    debug: bool = False

    def __post_init__(self) -> None:
        """Refuse values that make no sense together."""
        if problems := self._problems():
            raise SettingsError("\n".join(problems))

    def _problems(self) -> list[str]:
        choices = {
            "analysis_level": ANALYSIS_LEVELS,
            "modality": MODALITIES,
            "segmentation_method": SEGMENTATION_METHODS,
            "ignore_labels": IGNORABLE_LABELS,
            "label_method": LABEL_METHODS,
            "template_ref": TEMPLATE_REFS,
            "motion": MOTION_KINDS,
            "dwi_denoise": DWI_DENOISERS,
            "dwi_fit": DWI_FITS,
        }
        found = []
        for name, allowed in choices.items():
            given = getattr(self, name)
            for value in (given,) if isinstance(given, str) else given:
                if value not in allowed:
                    found.append(f"{option(name)}: {value!r} is not one of {', '.join(allowed)}")
        for name in ("nprocs", "omp_nthreads"):
            if (value := getattr(self, name)) is not None and value < 1:
                found.append(f"{option(name)}: {value} given, at least 1 is needed")
        if self.nprocs and self.omp_nthreads > self.nprocs >= 1:
            found.append(
                f"--omp-nthreads: {self.omp_nthreads} threads for one step do not fit into "
                f"--nprocs {self.nprocs}"
            )
        if self.mem is not None and self.mem < 0.5:
            found.append(f"--mem: {self.mem:g} GB is too little to work with; for 16 GB write 16G")
        if not 0 <= self.b0_threshold < inf:
            found.append(
                f"--b0-threshold: {self.b0_threshold:g} s/mm² given, at least 0 is needed"
            )
        if self.func_smooth is not None and not 0 < self.func_smooth < inf:
            found.append(f"--func-smooth: {self.func_smooth:g} mm given, over 0 is needed")
        if not 0 <= self.random_seed < 2**32:
            found.append(f"--random-seed: {self.random_seed} is not between 0 and 2^32 - 1")
        if self.segmentation_method == "manual" and "SC" in self.ignore_labels:
            found.append(
                "--segmentation-method manual needs the cord masks that --ignore-labels SC leaves "
                "out; drop one of the two"
            )
        if self.label_init:
            found += _init_problems(self.label_init)
            if self.label_method == "manual":
                found.append(
                    "--label-init names discs that are found, and --label-method manual finds "
                    "none; drop one of the two"
                )
        if self.registration_steps is not None:
            found += _step_problems(self.registration_steps)
        if self.reports_only and self.boilerplate_only:
            found.append("--reports-only and --boilerplate-only exclude each other")
        return found

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read settings saved by `to_toml`.

        Raises
        ------
        SettingsError
            The file cannot be read, or has names or values that settings do not have.
        """
        return cls(**read_toml(path))

    def to_toml(self, path: Path) -> None:
        """Save every setting that has a value."""
        from .io import save_text

        values = {name: _plain(value) for name, value in asdict(self).items()}
        tables = {name: value for name, value in values.items() if isinstance(value, dict)}
        lines = [
            f"{name} = {_toml(value)}"
            for name, value in values.items()
            if value is not None and name not in tables
        ]
        for name, table in tables.items():
            lines += ["", f"[{name}]"]
            lines += [f"{_toml(key)} = {_toml(value)}" for key, value in table.items()]
        save_text("\n".join(lines) + "\n", path)

    def digest(self) -> str:
        """Hash (16 hexadecimal digits) of the settings that change results.

        Which images are taken and how they are computed in parallel does not count, so that
        participants and modalities can be added to an output folder later.
        """
        relevant = {
            item.name: _plain(getattr(self, item.name))
            for item in fields(self)
            if item.metadata.get("changes_results")
        }
        relevant["ignore_labels"] = sorted(set(relevant["ignore_labels"]))
        text = json.dumps(relevant, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _step_problems(steps: str) -> list[str]:
    from .core.registration.grammar import parse_steps

    try:
        parse_steps(steps)
    except RegistrationError as error:
        return [f"--registration-steps: {error}"]
    return []


def _init_problems(items: tuple[str, ...]) -> list[str]:
    try:
        read_label_inits(items)
    except SettingsError as error:
        return [str(error)]
    return []


def option(name: str) -> str:
    """Name of a field on the command line."""
    if name in ("bids_dir", "output_dir", "analysis_level"):
        return name
    return "--" + name.replace("_", "-")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into values of the right types, without completing them.

    Raises
    ------
    SettingsError
        The file cannot be read, or has names or values that settings do not have.
    """
    import tomllib

    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML ({error})") from error
    hints = get_type_hints(Settings)
    values, problems = {}, []
    for name, value in content.items():
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"{path}: no setting is called {name}{meant}")
            continue
        try:
            values[name] = _typed(value, hints[name])
        except TypeError as error:
            problems.append(f"{path}: {name}: {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return values


def _typed(value: Any, hint: Any) -> Any:
    if isinstance(hint, UnionType):
        hint = next(item for item in get_args(hint) if item is not type(None))
    origin = get_origin(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(item, get_args(hint)[0]) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _typed(item, get_args(hint)[1]) for key, item in value.items()}
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) is int:
        return float(value)
    if origin is None and type(value) is hint:
        return value
    expected = {"tuple": "a list", "dict": "a table", "Path": "a path"}
    kind = (origin or hint).__name__
    raise TypeError(f"{value!r} given, {expected.get(kind, kind)} expected")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and flat arrays are valid TOML, except for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
