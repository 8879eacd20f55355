"""What is installed, as lines to be read."""

from __future__ import annotations

from pathlib import Path

from sctflow.errors import TemplateError
from sctflow.templates.builtin import installed_phantom, phantom_folder
from sctflow.templates.layout import BUILTIN, PUBLISHED, Template
from sctflow.templates.places import homes, installed_templates


def list_templates(home: Path | None = None) -> list[str]:
    """Describe the templates of the cord that are there, and how to get those that are not.

    Parameters
    ----------
    home
        The only folder to look in; by default those of `sctflow.templates.places.homes`.
    """
    phantom = installed_phantom(home)
    found = [item for item in installed_templates(home) if item.name != BUILTIN]
    lines = []
    if PUBLISHED not in {item.name for item in found}:
        lines.append(f"{PUBLISHED}: not installed (sctflow-data install {PUBLISHED})")
    for template in found:
        lines += describe(template)
    if phantom:
        lines += describe(phantom)
    else:
        lines.append(f"{BUILTIN}: built in, made on first use in {phantom_folder(home)}")
    lines.append(f"looked in: {', '.join(str(place) for place in homes(home))}")
    return lines


def describe(template: Template) -> list[str]:
    """Describe a template: version, place, what it has and what it lacks."""
    try:
        atlas = f"atlas of {len(template.atlas)} regions" if template.has_atlas else "no atlas"
        version = template.version or "(version unknown)"
    except TemplateError as error:
        return [f"{template.name}: damaged, {error}"]
    levels = [name for name in ("vertebral levels", "spinal levels") if template.has_named(name)]
    has = [", ".join(template.contrasts) or "no image", atlas, *levels]
    has.append(f"{template.size / 1e6:.1f} MB")
    lines = [f"{template.name} {version}: {template.root}", f"    {'; '.join(has)}"]
    if template.missing:
        lines.append(f"    lacks: {', '.join(template.missing)}")
    return lines
