"""Models whose weights ship with the program."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from sctflow.errors import SctflowError

if TYPE_CHECKING:
    from sctflow.core.segmentation import CordNets
    from sctflow.core.segmentation.network import UNet

REGISTRY = "builtin.yml"


def load_cord_nets() -> tuple[CordNets, dict[str, str]]:
    """Load the cord networks.

    Returns
    -------
    nets : CordNets
        Set to evaluation.
    info : dict
        See :func:`cord_model`.

    Raises
    ------
    SctflowError
        A weight file is missing or is not the one that was released.
    """
    from sctflow.core.segmentation import CordNets
    from sctflow.core.segmentation.network import UNet
    from sctflow.models.weights import load_weights

    entry = describe_model("cord")
    paths = {role: [_verified(f) for f in files] for role, files in entry["weights"].items()}
    nets = CordNets(
        locate=load_weights(UNet(), paths["locate"][0]),
        outline=[load_weights(UNet(), path) for path in paths["outline"]],
    )
    return nets, cord_model()


def cord_model() -> dict[str, str]:
    """Say which cord networks ship, without loading them.

    Returns
    -------
    dict
        ``name``, ``version`` and ``checksum`` (SHA-256 of the weight files' SHA-256, in order),
        for sidecars, reports and the cache of a work folder.
    """
    return _info("cord")


def load_landmark_net() -> tuple[UNet, dict[str, str]]:
    """Load the network that finds discs and other landmarks.

    Returns
    -------
    net : UNet
        Set to evaluation.
    info : dict
        See :func:`landmark_model`.

    Raises
    ------
    SctflowError
        A weight file is missing or is not the one that was released.
    """
    from sctflow.core.labeling.network import make_landmark_net
    from sctflow.models.weights import load_weights

    (entry,) = describe_model("landmarks")["weights"]["landmarks"]
    return load_weights(make_landmark_net(), _verified(entry)), landmark_model()


def landmark_model() -> dict[str, str]:
    """Say which landmark network ships, without loading it; as :func:`cord_model`."""
    return _info("landmarks")


def _info(key: str) -> dict[str, str]:
    """Name, version and one checksum for all weight files of a model."""
    entry = describe_model(key)
    sums = "".join(f["sha256"] for files in entry["weights"].values() for f in files)
    checksum = hashlib.sha256(sums.encode()).hexdigest()
    return {"name": entry["name"], "version": entry["version"], "checksum": checksum}


def describe_model(key: str) -> dict:
    """Read a built-in model's entry: name, version, weight files with their checksums."""
    registry = resources.files(__package__) / REGISTRY
    if not registry.is_file():
        raise SctflowError(f"{registry} is missing: install sctflow again.")
    return yaml.safe_load(registry.read_text())[key]


def _verified(entry: dict[str, str]) -> Path:
    """Path of a weight file after comparing its checksum."""
    path = Path(str(resources.files(__package__) / entry["file"]))
    if not path.is_file():
        raise SctflowError(f"{path} is missing: install sctflow again.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
        raise SctflowError(f"{path} is damaged (its checksum is wrong): install sctflow again.")
    return path
