"""What a graph needs to know of a template before it is opened."""

from __future__ import annotations

from dataclasses import dataclass

BESIDE = ("T2w", "T1w", "T2star")
"""Contrasts of a template's images."""

LIKE = {"T2starw": "T2star", "MTS": "T2star", "MTR": "T2star", "bold": "T2star", "dwi": "T1w"}
"""Contrast of the template that an image of another kind looks like: white matter is darker than
gray matter and fluid where T2* or an MT pulse weights, and brighter where diffusion does."""


@dataclass(frozen=True)
class TemplateSource:
    """A template to be opened by the nodes of a graph.

    Attributes
    ----------
    name
        As in the names of derivatives, ``PAM50``.
    source
        What :func:`sctflow.templates.packed.open_template` takes.
    digest
        Changes when the template does, so that nothing made from another one is used again.
    """

    name: str
    source: str
    digest: str = ""


def beside(suffix: str) -> str:
    """Contrast of the template's image that an image with a BIDS suffix is compared with."""
    suffix = LIKE.get(suffix, suffix)
    return suffix if suffix in BESIDE else "T2w"
