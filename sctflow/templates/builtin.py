"""The built-in template: made by the program from its phantom when it is first asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import sctflow
from sctflow.errors import TemplateError
from sctflow.templates.archive import publish_folder
from sctflow.templates.layout import BUILTIN, DESCRIPTION, Template
from sctflow.templates.places import homes, template_in, writing_home


def code_digest() -> str:
    """First eight digits of the SHA-256 of the code that makes the built-in template.

    It is a part of the template's version, so that one that was made by other code is never taken
    for the present one, whether or not somebody thought of a new number.
    """
    package = Path(sctflow.__file__).parent
    content = hashlib.sha256()
    # The phantom's curve is shared with the frame of real cords: it lies outside of its folder.
    shared = [package / "phantom_template.py", package / "core/cord_curve.py"]
    for path in sorted([*shared, *(package / "core/phantom").glob("*.py")]):
        content.update(path.read_bytes())
    return content.hexdigest()[:8]


def phantom_version() -> str:
    """Version of the built-in template that this program makes."""
    from sctflow.phantom_template import VERSION

    return f"{VERSION}+{code_digest()}"


def installed_phantom(home: Path | None = None) -> Template | None:
    """Find the built-in template, if it was made by the code of this very program."""
    for place in homes(home):
        template = template_in(place, BUILTIN)
        if template and _is_present(template):
            return template
    return None


def phantom_folder(home: Path | None = None) -> Path:
    """Folder of the built-in template: where it is, or where it will be made."""
    found = installed_phantom(home)
    return found.root if found else (home or writing_home()) / f"tpl-{BUILTIN}"


def make_phantom(
    *,
    home: Path | None = None,
    make: Callable[[Path], object] | None = None,
    force: bool = False,
) -> Template:
    """Make the built-in template, unless it is there.

    Processes that do so at the same time do not disturb each other: each works in a folder of its
    own, and the first to finish gives the template its name.

    Parameters
    ----------
    home
        Folder to make ``tpl-SCTPhantom`` in; `writing_home` by default.
    make
        Fills a folder with the template; `sctflow.phantom_template.write_phantom_template` by
        default.
    force
        Make it again although it is there.

    Raises
    ------
    TemplateError
        The folder cannot be written to.
    """
    found = installed_phantom(home)
    if found and not force:
        return found
    folder = phantom_folder(home)

    def fill(beside: Path) -> None:
        (make or _write)(beside)
        _stamp(beside)

    def keep(there: Path) -> bool:
        return not force and _is_present(Template(BUILTIN, there))

    try:
        publish_folder(folder, fill, keep=keep)
    except OSError as error:
        raise TemplateError(
            f"template {BUILTIN} cannot be made in {folder.parent} ({error}): set "
            "TEMPLATEFLOW_HOME to a folder that can be written to and has room for it"
        ) from error
    return Template(BUILTIN, folder)


def _write(folder: Path) -> None:
    from sctflow.phantom_template import write_phantom_template

    write_phantom_template(folder)


def _stamp(folder: Path) -> None:
    from sctflow.io import save_json

    path = folder / DESCRIPTION
    content = json.loads(path.read_text("utf-8"))
    save_json({**content, "Version": f"{content['Version']}+{code_digest()}"}, path)


def _is_present(template: Template) -> bool:
    return (template.version or "").endswith(f"+{code_digest()}")
