"""One way to ask for a template. Nothing here ever downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sctflow.errors import TemplateError
from sctflow.templates.builtin import installed_phantom, make_phantom
from sctflow.templates.layout import BUILTIN, PUBLISHED, Template, read_folder
from sctflow.templates.places import homes, installed_template, is_name

INSTALL_PAM50 = (
    "Install it with: sctflow-data install PAM50. If it is installed elsewhere, set "
    "TEMPLATEFLOW_HOME to the folder that holds tpl-PAM50, or give --template its folder. "
    f"--template {BUILTIN} needs no download."
)


def find_template(
    name_or_folder: str | Path,
    *,
    home: Path | None = None,
    make: Callable[[Path], object] | None = None,
) -> Template:
    """Find a template; the built-in one is made if it is not there yet.

    Parameters
    ----------
    name_or_folder
        ``PAM50``, ``SCTPhantom``, another name that is in TemplateFlow's home, or the path of a
        folder in TemplateFlow's layout.
    home
        The only folder to look in, and to make the built-in template in; by default those of
        `sctflow.templates.places.homes`.
    make
        Fills a folder with the built-in template, instead of the program's own maker.

    Raises
    ------
    TemplateError
        It is not there; the message says what to do.
    """
    if not is_name(name_or_folder):
        return read_folder(Path(name_or_folder))
    name = str(name_or_folder)
    if name == BUILTIN:
        return installed_phantom(home) or make_phantom(home=home, make=make)
    if found := installed_template(name, home):
        return found
    raise TemplateError(_not_there(name, homes(home)))


def _not_there(name: str, places: tuple[Path, ...]) -> str:
    skeleton = [place for place in places if any((place / f"tpl-{name}").glob("tpl-*"))]
    if skeleton:
        where = f"is in {skeleton[0]} only as empty placeholders of TemplateFlow"
    else:
        where = f"is not in {' or '.join(map(str, places))}"
    advice = INSTALL_PAM50 if name == PUBLISHED else f"Give its folder, {PUBLISHED} or {BUILTIN}."
    return f"template {name} {where}. {advice}"
