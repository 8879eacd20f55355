"""What a graph needs to know of a template before it is opened."""

from __future__ import annotations

from dataclasses import dataclass

BESIDE = ("T2w", "T1w", "T2star")
"""Contrasts of a template's images."""


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
    if suffix.startswith("T2star"):
        return "T2star"
    return suffix if suffix in BESIDE else "T2w"
