"""Datasets as folders: is it BIDS, where may outputs go, what describes the outputs."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import __version__
from .errors import DatasetError, SettingsError

BIDS_VERSION = "1.10.0"

BIDSIGNORE = (
    "*.html",
    "group",
    "figures",
    "*_morph.tsv",
    "*_morph.json",
    "*_desc-centerline_mask.tsv",
    "*_desc-namings_dseg.tsv",
    "*_desc-namings_dseg.json",
    "*_probseg.tsv",
    "*_xfm.nii.gz",
    "*_xfm.json",
    "*_timeseries.tsv",
    "*_timeseries.json",
    "*_boldref.nii.gz",
    "*_boldref.json",
    "*_boldmap.nii.gz",
    "*_boldmap.tsv",
    "*_boldmap.json",
    "*_MTRmap.tsv",
    "*_MTRmap.json",
    "*_MTsat.tsv",
    "*_MTsat.json",
    "*_T1map.tsv",
    "*_T1map.json",
    "*_dwi.bval",
    "*_dwi.bvec",
    "*_dwiref.nii.gz",
    "*_dwiref.json",
    "*_b0ref.nii.gz",
    "*_b0ref.json",
    "*_dwimap.nii.gz",
    "*_dwimap.tsv",
    "*_dwimap.json",
)
"""What BIDS does not name yet. The validator heeds a folder only without a slash at the end."""


def check_bids_folder(bids_dir: Path) -> None:
    """Check that a folder is the root of a BIDS dataset.

    Raises
    ------
    DatasetError
        It is not; the message says what is missing and where a dataset may be.
    """
    if not bids_dir.is_dir():
        what = "is a file, not a folder" if bids_dir.exists() else "does not exist"
        raise DatasetError(f"{bids_dir}: {what}; give the root of a BIDS dataset")
    description = bids_dir / "dataset_description.json"
    if not description.is_file():
        hint = "give the folder that holds dataset_description.json"
        near = [bids_dir.parent, *sorted(item for item in bids_dir.iterdir() if item.is_dir())]
        near = [item for item in near if (item / description.name).is_file()]
        if any(bids_dir.glob("sub-*")):
            hint = 'add one, for instance {"Name": "My study", "BIDSVersion": "1.10.0"}'
        elif near:
            hint = f"did you mean {near[0]}?"
        raise DatasetError(f"{bids_dir}: not a BIDS dataset (no {description.name}); {hint}")
    try:
        content = json.loads(description.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{description}: not valid JSON ({error}); correct it") from error
    missing = [key for key in ("Name", "BIDSVersion") if key not in content]
    if missing:
        raise DatasetError(f"{description}: {' and '.join(missing)} missing; add it")


def check_folders(bids_dir: Path, output_dir: Path, work_dir: Path) -> None:
    """Check that results and temporary files do not land among the raw data.

    Raises
    ------
    SettingsError
        The output or work folder is the dataset, lies in it (other than in its
        ``derivatives``), or the work folder lies in the output folder.
    """
    bids, out, work = (path.resolve() for path in (bids_dir, output_dir, work_dir))
    derivatives = bids / "derivatives"
    problems = []
    if out == bids:
        problems.append(
            f"output folder {output_dir} is the input dataset; try {derivatives / 'sctflow'}"
        )
    elif out.is_relative_to(bids) and derivatives not in out.parents:
        problems.append(
            f"output folder {output_dir} lies among the raw data of {bids_dir}; "
            f"try {derivatives / 'sctflow'}"
        )
    if work.is_relative_to(bids):
        problems.append(f"work folder {work_dir} lies in the dataset; choose another with -w")
    if work.is_relative_to(out):
        problems.append(
            f"work folder {work_dir} lies in the output folder; choose another with -w"
        )
    if out.is_file():
        problems.append(f"output folder {output_dir} is a file")
    if problems:
        raise SettingsError("; ".join(problems))


def dataset_links(
    bids_dir: Path, derivatives: Mapping[str, Path] | Iterable[Path] = ()
) -> dict[str, Path]:
    """Name the datasets that BIDS URIs refer to.

    Parameters
    ----------
    bids_dir
        The raw dataset, ``raw``; its ``derivatives/labels`` is ``labels``.
    derivatives
        Further datasets; where no name is given, the folder's name serves.

    Returns
    -------
    dict
        Root folder by name; further datasets first, in their order of precedence.
    """
    named = (
        list(derivatives.items())
        if isinstance(derivatives, Mapping)
        else [(Path(root).name, root) for root in derivatives]
    )
    reserved = {"raw", "labels"}
    links: dict[str, Path] = {}
    for name, root in named:
        stem = re.sub(r"[^a-zA-Z0-9]", "", name) or "derivatives"
        unique, count = stem, 1
        while unique in reserved | set(links):
            count += 1
            unique = f"{stem}{count}"
        links[unique] = Path(root).absolute()
    links["labels"] = bids_dir / "derivatives" / "labels"
    links["raw"] = bids_dir
    return links


def bids_uri(path: Path, links: Mapping[str, Path]) -> str:
    """BIDS URI of a file, by the first linked dataset that holds it."""
    for name, root in links.items():
        if path.is_relative_to(root):
            return f"bids:{name}:{path.relative_to(root).as_posix()}"
    raise DatasetError(
        f"{path}: lies in none of the datasets {', '.join(map(str, links.values()))}"
    )


def write_dataset_description(
    output_dir: Path,
    bids_dir: Path,
    digest: str,
    *,
    links: Mapping[str, Path] | None = None,
) -> Path:
    """Describe the output dataset; refuse to mix results of different settings.

    Parameters
    ----------
    output_dir, bids_dir
        Roots of the output and of the raw dataset.
    digest
        Digest of the settings that change results (`Settings.digest`).
    links
        Datasets that BIDS URIs refer to; `dataset_links` of `bids_dir` by default.

    Raises
    ------
    SettingsError
        The folder holds results of participants made with other settings.
    """
    from .io import save_json

    path = output_dir / "dataset_description.json"
    known = _settings_digest(path)
    if known != digest and any(item.is_dir() for item in output_dir.glob("sub-*")):
        what = "with other settings" if known else "by another program"
        raise SettingsError(
            f"{output_dir}: holds results that were made {what}; choose another output folder, "
            "remove this one, or repeat the options of that run (saved in its logs/)"
        )
    links = links or dataset_links(bids_dir.absolute())
    description = {
        "Name": "sctflow: processing of spinal-cord MRI",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {"Name": "sctflow", "Version": __version__, "SettingsDigest": digest},
        ],
        "SourceDatasets": [{"URL": bids_dir.absolute().as_uri()}],
        "DatasetLinks": {name: root.as_uri() for name, root in links.items() if root.is_dir()},
    }
    save_json(description, path)
    return path


def write_bidsignore(output_dir: Path) -> Path:
    """Write the list of outputs that BIDS does not name yet."""
    from .io import save_text

    path = output_dir / ".bidsignore"
    save_text("\n".join(BIDSIGNORE) + "\n", path)
    return path


def _settings_digest(description: Path) -> str | None:
    try:
        content = json.loads(description.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{description}: cannot be read ({error}); remove it or choose another output folder"
        ) from error
    for entry in content.get("GeneratedBy", []):
        if entry.get("Name") == "sctflow":
            return entry.get("SettingsDigest")
    return None
