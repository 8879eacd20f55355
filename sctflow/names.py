"""Names of the files that go out: one pattern file drives both writing and reading back."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath
from types import MappingProxyType

from .errors import DatasetError


@cache
def _patterns() -> Mapping:
    text = files("sctflow.data").joinpath("derivative_patterns.json").read_text("utf-8")
    return MappingProxyType(json.loads(text))


@cache
def _entity_patterns() -> tuple[tuple[str, re.Pattern], ...]:
    return tuple((item["name"], re.compile(item["pattern"])) for item in _patterns()["entities"])


def parse_name(path: str | PurePath) -> dict[str, str]:
    """Read the BIDS entities in a file name.

    Works for inputs and for derivatives. Values are kept as written, so that the zeros of
    ``run-01`` survive.

    Parameters
    ----------
    path
        Path relative to the dataset, or just the name.

    Returns
    -------
    dict
        Entity names as pybids has them (``subject``, ``acquisition``, …), with ``suffix``,
        ``extension`` and, where a folder tells it, ``datatype``.
    """
    text = "/" + PurePath(path).as_posix().lstrip("/")
    found = {}
    for name, pattern in _entity_patterns():
        if matches := pattern.findall(text):
            found[name] = matches[-1]
    return found


def build_derivative_name(
    source_entities: Mapping[str, str],
    *,
    suffix: str,
    extension: str,
    space: str | None = None,
    label: str | None = None,
    desc: str | None = None,
    seg: str | None = None,
    source: str | None = None,
    target: str | None = None,
    model: str | None = None,
    param: str | None = None,
    stat: str | None = None,
    datatype: str | None = None,
) -> Path:
    """Build the path of a derivative, relative to the output folder.

    Parameters
    ----------
    source_entities
        Entities of the image that the derivative comes from; its own suffix, extension and
        datatype are left out.
    suffix, extension, space, label, desc, seg, model, param, stat
        What the derivative adds.
    source, target
        Spaces that a transform leads from and to: it resamples images of the one onto the other.
    datatype
        ``figures`` for what the report shows; by default the source's, or else ``anat``.

    Returns
    -------
    pathlib.Path
        For instance ``sub-01/ses-a/anat/sub-01_ses-a_space-T2w_label-SC_mask.nii.gz``.

    Raises
    ------
    DatasetError
        No pattern of ``sctflow/data/derivative_patterns.json`` allows this combination.
    """
    from bids.layout.writing import build_path

    own = {"suffix", "extension", "datatype"}
    entities = {key: value for key, value in source_entities.items() if key not in own}
    added = {
        "suffix": suffix,
        "extension": extension,
        "space": space,
        "label": label,
        "desc": desc,
        "segmentation": seg,
        "from": source,
        "to": target,
        "model": model,
        "param": param,
        "stat": stat,
        "datatype": datatype or source_entities.get("datatype", "anat"),
    }
    entities.update({key: value for key, value in added.items() if value is not None})
    name = build_path(entities, _patterns()["default_path_patterns"], strict=True)
    if name is None:
        raise DatasetError(
            f"no output name is defined for the entities {entities}; see derivative_patterns.json"
        )
    return Path(str(name))
