"""The template of a run: looked for before anything else, and recorded with the run."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ..templates.builtin import installed_phantom, phantom_folder, phantom_version
from ..templates.find import find_template
from ..templates.layout import BUILTIN, PUBLISHED, read_folder
from ..templates.packed import packed_path, template_digest
from ..templates.places import installed_template
from ..templates.source import TemplateSource

logger = logging.getLogger("sctflow")


@dataclass(frozen=True)
class TemplateChoice:
    """The template that a run is to use.

    Attributes
    ----------
    name, version
        Of the template; the version is None if it names none.
    folder
        Where it is, or will be made.
    made
        Whether it is there. The built-in template is made when a step first needs it.
    """

    name: str
    version: str | None
    folder: Path
    made: bool = True

    def source(self) -> TemplateSource:
        """What the graph is given."""
        if not self.made:
            return TemplateSource(self.name, self.name, self.version or "")
        return TemplateSource(
            self.name, str(self.folder), template_digest(read_folder(self.folder))
        )

    def record(self) -> dict[str, str | None]:
        """What is saved with the run."""
        return {"Name": self.name, "Version": self.version, "Folder": str(self.folder)}


def choose_template(wanted: str | None) -> TemplateChoice | None:
    """Look for the template of a run; nothing is made or downloaded.

    Parameters
    ----------
    wanted
        A name or a folder; None where the user did not choose.

    Returns
    -------
    TemplateChoice or None
        None if the user did not choose and PAM50 is not installed.

    Raises
    ------
    TemplateError
        The template that was asked for is not there.
    """
    if wanted == BUILTIN:
        if found := installed_phantom():
            return TemplateChoice(BUILTIN, found.version, found.root)
        return TemplateChoice(BUILTIN, phantom_version(), phantom_folder(), made=False)
    found = installed_template(PUBLISHED) if wanted is None else find_template(wanted)
    return TemplateChoice(found.name, found.version, found.root) if found else None


def announce_template(template: TemplateChoice | None) -> None:
    """Say which template there is."""
    if template is None:
        logger.warning(
            "Template %s is not installed, nothing is registered with it. To install it: "
            "sctflow-data install %s; %s needs no download (--template %s)",
            PUBLISHED,
            PUBLISHED,
            BUILTIN,
            BUILTIN,
        )
        return
    logger.info(
        "Template: %s%s, %s %s",
        template.name,
        f" {template.version}" if template.version else "",
        "in" if template.made else "built in, to be made in",
        template.folder,
    )


def pack_template(template: TemplateChoice) -> None:
    """Make and pack the template before the nodes do, each for itself."""
    if not template.made:
        logger.info("Making the template %s; this takes half a minute, once", template.name)
    # Packing takes some seconds, once on a computer; where it cannot be kept, nodes do it again.
    packed_path(template.source().source)
