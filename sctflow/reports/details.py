"""What was measured in an image beyond the cord, as a fragment of the report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np


def details(*, facts: Sequence[tuple[str, str]], warnings: Sequence[str] = ()) -> str:
    """Write facts and warnings as an HTML fragment.

    Parameters
    ----------
    facts : sequence of (term, text)
        What was measured, and with which protocol.
    warnings : sequence of str
        What could not be computed and why; they are counted in the overview of the report.

    Returns
    -------
    str
        ``<div class="image-details" data-warnings="…">``.
    """
    rows = "\n".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(text)}</dd></div>" for term, text in facts
    )
    parts = [f'<div class="image-details" data-warnings="{len(warnings)}">']
    if facts:
        parts.append(f'<dl class="facts">\n{rows}\n</dl>')
    if warnings:
        items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
        parts.append(f'<div class="notice warn"><b>Warnings</b><ul>{items}</ul></div>')
    return "\n".join([*parts, "</div>\n"])


def describe_map(values: np.ndarray, weights: np.ndarray, *, unit: str = "", scale: float = 1.0):
    """Say what a map is within a mask: its median and the middle half of its voxels.

    Parameters
    ----------
    values, weights : (i, j, k) array
        The map and the mask; voxels of weight 0.5 and more that are numbers count.
    unit : str
        Of the values times `scale`.
    scale : float
        What values are multiplied by to be read easily.

    Returns
    -------
    str
        For instance ``48.2 (46.1 to 50.3) percent in 812 voxels of the cord``.
    """
    inside = np.asarray(values, float)[np.asarray(weights) >= 0.5]
    inside = inside[np.isfinite(inside)] * scale
    if not inside.size:
        return "no value in the cord"
    low, middle, high = np.percentile(inside, (25, 50, 75))
    tail = f" {unit}" if unit else ""
    return f"{middle:.3g} ({low:.3g} to {high:.3g}){tail} in {inside.size} voxels of the cord"
