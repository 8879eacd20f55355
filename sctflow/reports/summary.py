"""What was found in one image and used for it, as a fragment of the report.

The fragment carries its figures a second time as attributes (``data-…``), from which the overview
at the top of the report is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from sctflow.reports.style import CONFIDENCE_LIMITS, confidence_class

NOT_COMPUTED, EMPTY, CHECK, DONE = "not computed", "no cord found", "check", "done"


def image_summary(
    *,
    shape: Sequence[int],
    affine: np.ndarray,
    name: str,
    method: Mapping | None = None,
    manual_mask: str = "",
    warnings: Sequence[str] = (),
    not_computed: str = "",
    morphometry=None,
) -> str:
    """Write the summary of one image as an HTML fragment.

    Parameters
    ----------
    shape : sequence of int
        Number of voxels along the axes of the file.
    affine : numpy.ndarray
        (4, 4) voxel to RAS world, mm.
    name : str
        File name of the image in the dataset.
    method : mapping, optional
        How the mask was made, as in its sidecar: ``Manual``, ``SegmentationMethod``, ``Model``
        (``Name``, ``Version``, ``Checksum``).
    manual_mask : str
        File of the manual mask, if one was used.
    warnings : sequence of str
        What the reader should know.
    not_computed : str
        Why nothing was computed, if so.
    morphometry : pandas.DataFrame, optional
        Per-slice table: ``slice``, ``area``, ``diameter_AP``, ``diameter_RL``, ``length``, and
        ``confidence`` where a network made the mask.

    Returns
    -------
    str
        ``<div class="image-summary" …>``: facts, and warnings if there are any.
    """
    facts = [("Image", f"<code>{escape(name)}</code>"), *_geometry(shape, affine)]
    found = _measured(morphometry)
    warnings = list(warnings)
    if not_computed:
        status = NOT_COMPUTED
    elif not found["slices"]:
        status = EMPTY
    else:
        status = CHECK if warnings or found["low"] else DONE

    mask = "" if not_computed else _mask_origin(method or {}, manual_mask)
    if mask:
        facts.append(("Cord mask", mask))
    if found["slices"]:
        facts += _cord_facts(found)
    rows = "\n".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in facts)
    attributes = {
        "image": name,
        "status": status,
        "mask": "by hand" if (method or {}).get("Manual") else "network" if mask else "",
        "slices": found["slices"] or "",
        "length": _number(found["length"], 1),
        "area": _number(found["area"], 1),
        "confidence": _number(found["lowest"], 2),
        "warnings": len(warnings),
    }
    data = " ".join(f'data-{key}="{escape(str(value))}"' for key, value in attributes.items())
    return "\n".join(
        [
            f'<div class="image-summary" {data}>',
            f'<dl class="facts">\n{rows}\n</dl>',
            *_notices(status, not_computed, warnings, found),
            "</div>\n",
        ]
    )


def _geometry(shape: Sequence[int], affine: np.ndarray) -> list[tuple[str, str]]:
    """Grid of the image, axis by axis in the closest canonical orientation."""
    from nibabel.affines import obliquity
    from nibabel.orientations import aff2axcodes, io_orientation

    turn = io_orientation(affine)[:, 0].astype(int)
    file_zooms = np.linalg.norm(affine[:3, :3], axis=0)
    order = np.argsort(turn)
    counts, zooms = np.array(shape[:3])[order], file_zooms[order]
    tilt = float(np.rad2deg(obliquity(affine).max()))
    axes = "".join(aff2axcodes(affine)) + (f", {tilt:.0f}° oblique" if tilt >= 0.5 else "")
    size = " × ".join(f"{z:.3g}" for z in zooms)
    grid = " × ".join(str(n) for n in counts)
    return [
        ("Voxel size", f'{size} mm <span class="muted">R–L × A–P × S–I</span>'),
        ("Grid", f'{grid} <span class="muted">stored as {axes}</span>'),
    ]


def _mask_origin(method: Mapping, manual_mask: str) -> str:
    """Where the mask of the cord comes from."""
    if method.get("Manual"):
        named = f" <code>{escape(Path(manual_mask).name)}</code>" if manual_mask else ""
        return f'<span class="badge hand">drawn by hand</span>{named}'
    model = method.get("Model") or {}
    if not model:
        return escape(str(method.get("SegmentationMethod", "")))
    checksum = str(model.get("Checksum", "")).removeprefix("sha256:")[:8]
    text = f"{model.get('Name', '')} {model.get('Version', '')}".strip()
    tail = f' <span class="muted">checksum {escape(checksum)}…</span>' if checksum else ""
    return f'<span class="badge net">network</span> {escape(text)}{tail}'


def _measured(morphometry) -> dict:
    """Figures of the cord over all slices; None where there is nothing to measure."""
    found = dict.fromkeys(("area", "area_sd", "AP", "RL", "length", "lowest", "lowest_slice"))
    found |= {"slices": 0, "first": None, "last": None, "gaps": 0, "low": 0}
    if morphometry is None or not len(morphometry) or not morphometry["area"].notna().any():
        return found
    held = morphometry[morphometry["area"].notna()]
    found["slices"] = len(held)
    found["first"], found["last"] = int(held["slice"].min()), int(held["slice"].max())
    found["gaps"] = found["last"] - found["first"] + 1 - len(held)
    found["area"], found["area_sd"] = held["area"].mean(), held["area"].std()
    found["AP"], found["RL"] = held["diameter_AP"].mean(), held["diameter_RL"].mean()
    if "length" in held:
        found["length"] = held["length"].sum()
    if "confidence" in held and held["confidence"].notna().any():
        worst = held.loc[held["confidence"].idxmin()]
        found["lowest"], found["lowest_slice"] = float(worst["confidence"]), int(worst["slice"])
        found["low"] = sum(confidence_class(c) == "low" for c in held["confidence"])
    return found


def _cord_facts(found: dict) -> list[tuple[str, str]]:
    """Facts about the cord, for the list."""
    gaps = f", {found['gaps']} without a mask" if found["gaps"] else ""
    facts = [
        (
            "Slices with cord",
            f"{found['slices']} "
            f'<span class="muted">from {found["first"]} to {found["last"]}{gaps}</span>',
        ),
        ("Mean area", f"{found['area']:.1f} ± {_number(found['area_sd'], 1) or 0} mm²"),
        ("Mean diameters", f"A–P {found['AP']:.1f} mm, R–L {found['RL']:.1f} mm"),
    ]
    if found["length"]:
        facts.insert(1, ("Length of cord", f"{found['length']:.1f} mm"))
    if found["lowest"] is not None:
        text = f"{found['lowest']:.2f} in slice {found['lowest_slice']}"
        facts.append(("Lowest confidence", text))
    return facts


def _notices(status: str, not_computed: str, warnings: list[str], found: dict) -> list[str]:
    """Boxes below the facts: why nothing was computed, what to look at."""
    notices = []
    if status == NOT_COMPUTED:
        reason = not_computed.strip()
        if reason.lower().startswith("not computed:"):
            reason = reason.partition(":")[2].strip()
        reason = escape(reason[:1].upper() + reason[1:])
        notices.append(f'<p class="notice bad"><b>Not computed.</b> {reason}</p>')
    elif status == EMPTY:
        notices.append(
            '<p class="notice bad"><b>No cord was found in this image.</b> '
            "Its mask is empty and nothing was measured.</p>"
        )
    if found["low"]:
        one = found["low"] == 1
        which = "One slice has" if one else f"{found['low']} slices have"
        notices.append(
            f'<p class="notice warn"><b>{which} a confidence below {CONFIDENCE_LIMITS[0]:g}.</b> '
            f"Look at {'it' if one else 'them'} before using the measurements.</p>"
        )
    if warnings:
        items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
        notices.append(f'<div class="notice warn"><b>Warnings</b><ul>{items}</ul></div>')
    return notices


def _number(value: float | None, digits: int) -> str:
    """Number with so many decimals, empty where there is none."""
    return "" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"
