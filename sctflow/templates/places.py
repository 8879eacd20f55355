"""Where templates are looked for and installed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sctflow.templates.layout import Template


def is_name(text: str | Path) -> bool:
    """Whether a template is meant by its name and not by its folder."""
    return isinstance(text, str) and re.fullmatch(r"[a-zA-Z0-9]+", text) is not None


def homes(home: Path | None = None) -> tuple[Path, ...]:
    """Folders that templates are looked for in: TemplateFlow's home, then sctflow's cache.

    Parameters
    ----------
    home
        The only folder, instead of those.
    """
    if home is not None:
        return (home,)
    from platformdirs import user_cache_dir

    # The rule of TemplateFlow's client.
    templateflow = os.getenv("TEMPLATEFLOW_HOME") or user_cache_dir("templateflow")
    return (Path(templateflow).absolute(), own_home())


def own_home() -> Path:
    """Folder of the user's cache that sctflow keeps templates in."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("sctflow")) / "templateflow"


def writing_home() -> Path:
    """Folder that templates are installed in.

    ``TEMPLATEFLOW_HOME`` where it is set and can be written to. TemplateFlow's default folder is
    left alone: its client fills that folder when it is empty, and would not once we were there.
    """
    named = os.getenv("TEMPLATEFLOW_HOME")
    if named and can_write(Path(named).absolute()):
        return Path(named).absolute()
    return own_home()


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def template_in(home: Path, name: str) -> Template | None:
    """Template of a name in a folder; None if none of its images is there."""
    template = Template(name, home / f"tpl-{name}")
    return None if template.is_empty else template


def installed_template(name: str, home: Path | None = None) -> Template | None:
    """First template of a name that is there; see `homes`."""
    found = (template_in(place, name) for place in homes(home))
    return next(filter(None, found), None)


def installed_templates(home: Path | None = None) -> list[Template]:
    """All templates of the spinal cord that are there: those with a cord mask."""
    found: dict[str, Template] = {}
    for place in homes(home):
        for folder in sorted(place.glob("tpl-*")):
            template = Template(folder.name.removeprefix("tpl-"), folder)
            if template.has_named("cord"):
                found.setdefault(template.name, template)
    return list(found.values())
