"""Writes the built-in template, SCTPhantom, as a TemplateFlow folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from sctflow.core.phantom.codes import REGION_NAMES
from sctflow.core.phantom.template import Piece, template_pieces
from sctflow.io import save_json, save_scaled, save_table

NAME = "SCTPhantom"
VERSION = "1.0"
"""Of the anatomy; another one has the template made again."""

_COMBINED = {
    50: ("spinal cord", "0:35"),
    51: ("white matter", "0:29"),
    52: ("gray matter", "30:35"),
    53: ("dorsal columns", "0:3"),
    54: ("lateral funiculi", "4:13"),
    55: ("ventral funiculi", "14:29"),
}


def write_phantom_template(folder: str | Path) -> Path:
    """Make the template's images and tables in a folder (`…/tpl-SCTPhantom`).

    Takes about half a minute. Not atomic: the caller renames the folder when all is there.

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(folder)
    affine, pieces = template_pieces()
    # Compression is the slower half of the work and runs beside the making.
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(_save, piece, affine, folder) for piece in pieces]
        for job in jobs:
            job.result()
    groups = ["WM" if i < 30 else "GM" if i < 36 else "CSF" for i in range(37)]
    atlas = pd.DataFrame({"index": range(37), "name": REGION_NAMES, "group": groups})
    save_table(atlas, folder / f"tpl-{NAME}_atlas-{NAME}_probseg.tsv")
    combined = pd.DataFrame(
        [(index, *row) for index, row in _COMBINED.items()], columns=["index", "name", "members"]
    )
    save_table(combined, folder / f"tpl-{NAME}_atlas-{NAME}_desc-combined_probseg.tsv")
    # Last: a folder with a description is a whole template.
    save_json(_description(), folder / "template_description.json")
    return folder


def _save(piece: Piece, affine: np.ndarray, folder: Path) -> None:
    entities = {"atlas": piece.atlas, "desc": piece.desc, "label": piece.label}
    middle = "".join(f"_{key}-{value}" for key, value in entities.items() if value)
    path = folder / f"tpl-{NAME}{middle}_{piece.suffix}.nii.gz"
    save_scaled(piece.data, affine, path, scale=piece.scale)


def _description() -> dict[str, object]:
    return {
        "Identifier": NAME,
        "Name": "SCTPhantom, the parametric template of sctflow",
        "BIDSVersion": "1.10.0",
        "TemplateFlowVersion": "1.0.0",
        "Species": "Homo sapiens",
        "Version": VERSION,
        "License": "CC0",
        "Authors": ["The sctflow developers"],
        "Notes": "A straight spine drawn from published morphometry: no person was scanned. "
        "Made by sctflow itself.",
    }
