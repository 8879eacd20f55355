"""Downloads, archives, and folders that are there in full or not at all."""

from __future__ import annotations

import errno
import hashlib
import http.client
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.request import Request

from sctflow.errors import TemplateError

CHUNK = 1 << 20
TIMEOUT = 30
"""Seconds without an answer after which a download is given up."""
MAX_BYTES = 2 << 30
MAX_ENTRIES = 20_000

Opener = Callable[..., BinaryIO]
Progress = Callable[[int, int | None], object]


def publish_folder(
    final: Path, fill: Callable[[Path], object], *, keep: Callable[[Path], bool]
) -> bool:
    """Fill a folder under a temporary name beside its final one, then rename it.

    Parameters
    ----------
    final
        The folder's final path. What is there stays until the new one is complete.
    fill
        Fills the folder it is given. If it fails nothing is left.
    keep
        Asked about what has the final name in the end: whether it stays, and not the new folder.

    Returns
    -------
    bool
        Whether the new folder has the name now.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    beside = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
    try:
        beside.mkdir()
        fill(beside)
        # What another process takes away while it is looked at does not stay.
        with suppress(FileNotFoundError):
            if any(final.iterdir()) and keep(final):
                return False
        _rename_over(beside, final)
        return True
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _rename_over(new: Path, final: Path) -> None:
    """Rename a folder; another of that name is moved aside first, and back if that fails."""
    aside: list[Path] = []
    try:
        while True:
            try:
                new.rename(final)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            old = final.with_name(f".{final.name}.{secrets.token_hex(4)}.old")
            # Another process may have moved it first.
            with suppress(FileNotFoundError):
                final.rename(old)
                aside.append(old)
    except BaseException:
        if aside and not final.exists():
            aside.pop().rename(final)
        raise
    finally:
        for old in aside:
            shutil.rmtree(old, ignore_errors=True)


def download(url: str, path: Path, *, opener: Opener, progress: Progress) -> None:
    """Download a file; nothing is left if that fails.

    Parameters
    ----------
    url, path
        From where and to where.
    opener
        As `urllib.request.urlopen`.
    progress
        Told the bytes that are there, and how many there will be if the server says so.

    Raises
    ------
    TemplateError
        No network, no such file, an answer that is cut short or larger than any template.
    """
    try:
        with opener(Request(url), timeout=TIMEOUT) as answer, path.open("xb") as stream:
            length = answer.headers.get("Content-Length")
            expected = int(length) if length else None
            done = 0
            while chunk := answer.read(CHUNK):
                stream.write(chunk)
                done += len(chunk)
                if done > MAX_BYTES:
                    raise TemplateError(f"{url}: larger than any template should be")
                progress(done, expected)
        if expected is not None and done != expected:
            raise ConnectionError(f"{done} of {expected} bytes came")
    except (OSError, http.client.HTTPException) as error:
        path.unlink(missing_ok=True)
        raise TemplateError(f"{url} could not be downloaded: {_reason(error)}") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a ZIP archive whose entries all stay inside the folder.

    The list of entries is judged as a whole before the first is written; the checksum of each is
    compared while it is unpacked.

    Raises
    ------
    TemplateError
        Not a ZIP archive, a damaged one, or one with entries that no honest archive has.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            entries = content.infolist()
            if problem := _problem(entries):
                raise TemplateError(f"{archive}: refused, nothing was unpacked: {problem}")
            for entry in entries:
                content.extract(entry, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise TemplateError(
            f"{archive}: not a ZIP archive, or a damaged one ({error}). Download it again."
        ) from error


def _problem(entries: list[zipfile.ZipInfo]) -> str | None:
    if len(entries) > MAX_ENTRIES:
        return f"it has {len(entries)} entries"
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        return f"it would take more than {MAX_BYTES >> 30} GiB"
    seen = set()
    for entry in entries:
        # Python cuts a name at a zero byte; the original says what was meant.
        name = entry.orig_filename
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or any(c in name for c in "\\\0"):
            return f"entry {name!r} leads out of the folder"
        # Entries made on Unix carry the kind of file; those of other systems say 0.
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            return f"entry {name!r} is a link or a device"
        if entry.flag_bits & 1:
            return f"entry {name!r} is encrypted"
        if path in seen:
            return f"entry {name!r} is there twice"
        seen.add(path)
    return None
