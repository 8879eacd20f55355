"""Install PAM50: from the network or from a copy on disk, in full or not at all."""

from __future__ import annotations

import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sctflow.errors import TemplateError
from sctflow.templates.archive import (
    Opener,
    Progress,
    download,
    file_digest,
    publish_folder,
    unpack,
)
from sctflow.templates.layout import BUILTIN, PUBLISHED, Template
from sctflow.templates.pam50 import convert, find_release
from sctflow.templates.places import can_write, installed_template, writing_home


class Release(NamedTuple):
    """A release on the network."""

    version: str
    url: str
    sha256: str | None
    """Checksum of the archive; None where its authors published none."""


RELEASE = Release(
    "r20250730",
    "https://github.com/spinalcordtoolbox/PAM50/releases/download/r20250730/PAM50-r20250730.zip",
    sha256=None,
)

BY_HAND = (
    f"Without network: download {RELEASE.url} on another computer and give it with --from, or use "
    f"the folder PAM50 of an installed Spinal Cord Toolbox; or set TEMPLATEFLOW_HOME to a folder "
    f"that has tpl-{PUBLISHED}; or run sctflow with --template {BUILTIN}, which needs no download."
)


def install_pam50(
    source: Path | None = None,
    *,
    home: Path | None = None,
    force: bool = False,
    sha256: str | None = None,
    opener: Opener = urllib.request.urlopen,
    tell: Callable[[str], object] = print,
    progress: Progress = lambda done, expected: None,
) -> Template:
    """Install PAM50 in TemplateFlow's layout.

    Parameters
    ----------
    source
        Folder or ZIP archive in the layout of the template's authors; from the network by
        default.
    home
        Folder to install ``tpl-PAM50`` in.
    force
        Replace a template that is installed.
    sha256
        Checksum that the archive must have.
    opener
        As `urllib.request.urlopen`.
    tell
        Takes one line at a time on what was done.
    progress
        Told the bytes of the download.

    Raises
    ------
    TemplateError
        No network, a wrong or damaged source, a folder that cannot be written to. What was
        installed before is untouched.
    """
    present = installed_template(PUBLISHED, home)
    if present and not force:
        tell(
            f"{PUBLISHED} {present.version or '(no version)'} is installed in {present.root}; "
            "--force replaces it"
        )
        return present
    place = present.root.parent if present else home or writing_home()
    if not can_write(place):
        raise TemplateError(
            f"{place} cannot be written to: set TEMPLATEFLOW_HOME to a folder of yours"
        )
    before = None
    if present:
        # What is damaged is to be replaced, and not to be compared.
        with suppress(TemplateError):
            before = present.description.get("ContentSHA256")
    final = place / f"tpl-{PUBLISHED}"
    notes: list[str] = []

    def fill(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="sctflow-") as scratch:
            released, origin = _obtain(
                source, Path(scratch), sha256, opener=opener, tell=tell, progress=progress
            )
            try:
                release = find_release(released)
                notes.extend(convert(release, folder, **(_version(release.name) | origin)))
            except TemplateError as error:
                raise TemplateError(f"{source or RELEASE.url}: {error}") from error

    def keep(found: Path) -> bool:
        return not force and not Template(PUBLISHED, found).is_empty

    try:
        publish_folder(final, fill, keep=keep)
    except OSError as error:
        raise TemplateError(f"{PUBLISHED} cannot be installed in {place}: {error}") from error
    template = Template(PUBLISHED, final)
    tell(f"installed {PUBLISHED} {template.version or '(version unknown)'} in {final}")
    for note in notes:
        tell(note)
    if before:
        same = before == template.description["ContentSHA256"]
        tell("content: " + ("as before" if same else "not the same as before"))
    return template


def _obtain(
    source: Path | None,
    scratch: Path,
    sha256: str | None,
    *,
    opener: Opener,
    tell: Callable[[str], object],
    progress: Progress,
) -> tuple[Path, dict[str, str]]:
    """Folder that holds the release, and what is to be remembered of where it came from."""
    if source is not None and source.is_dir():
        if sha256:
            raise TemplateError(f"--sha256 is the checksum of an archive; {source} is a folder")
        return source, {}
    archive = source
    if archive is None:
        archive = scratch / RELEASE.url.rpartition("/")[2]
        tell(f"downloading {RELEASE.url}")
        try:
            download(RELEASE.url, archive, opener=opener, progress=progress)
        except TemplateError as error:
            raise TemplateError(f"{error}. {BY_HAND}") from error
    elif not archive.is_file():
        raise TemplateError(f"{archive}: there is no such folder or archive. {BY_HAND}")
    expected = sha256 or (RELEASE.sha256 if source is None else None)
    digest = _checked_digest(archive, expected, tell)
    unpack(archive, scratch / "unpacked")
    return scratch / "unpacked", {
        **_version(archive.name),
        "Archive": archive.name,
        "ArchiveSHA256": digest,
    }


def _checked_digest(archive: Path, expected: str | None, tell: Callable[[str], object]) -> str:
    found = file_digest(archive)
    if expected and found != expected.strip().lower():
        raise TemplateError(
            f"{archive.name}: its SHA-256 is {found}, expected was {expected}: the file is "
            "damaged or not the one that was meant. Nothing was installed."
        )
    if expected:
        tell(f"SHA-256 of {archive.name} is as expected")
    else:
        tell(
            f"SHA-256 of {archive.name}: {found}. It was compared with nothing, as no checksum "
            "is published; files, grids and values are checked instead (--sha256 compares it)"
        )
    return found


def _version(name: str) -> dict[str, str]:
    found = re.search(r"r\d{8}", name)
    return {"Version": found[0]} if found else {}


def show_progress(done: int, expected: int | None) -> None:
    """Show a download on the standard error, if a person looks at it."""
    if sys.stderr.isatty():
        of = f" of {expected / 1e6:.0f}" if expected else ""
        end = "\n" if done == expected else ""
        print(f"\r{done / 1e6:.0f}{of} MB", end=end, file=sys.stderr, flush=True)
