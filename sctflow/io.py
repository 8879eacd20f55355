"""Files in and out: images read in full or refused, and everything written atomically.

A file appears under its final name only when it is complete, and the same content gives the
same bytes: no time, no name and a fixed level in gzip headers.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from sctflow.core.checks import AFFINE_NOT_FINITE
from sctflow.errors import ImageError

if TYPE_CHECKING:
    import pandas as pd

_Fill = Callable[[BinaryIO], object]
"""Writes the content of a file."""

GZIP_LEVEL = 6
FLOAT_FORMAT = "%.6g"
MISSING = "n/a"

_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    WrapStructError,
    ValueError,
    OverflowError,
    MemoryError,
)


def load_image(path: str | os.PathLike) -> nib.Nifti1Image:
    """Read a NIfTI image (``.nii`` or ``.nii.gz``) with all of its voxels into memory.

    The compressed stream's checksum is verified, so a damaged file is refused and not half read.

    Parameters
    ----------
    path : path
        NIfTI-1 or NIfTI-2 file.

    Returns
    -------
    nibabel image
        Voxels in memory, the header's scaling applied; ``get_filename()`` gives the path.

    Raises
    ------
    ImageError
        If the file is missing, not NIfTI, truncated or otherwise damaged, or its affine is not
        finite.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"{path}: there is no such file. Check the name and the drive.")
    try:
        # As a stream: a long series is large enough without its compressed bytes beside it.
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            raw = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise ImageError(
            f"{path}: the file is truncated or damaged ({_one_line(error)}). "
            "Copy or download it again."
        ) from error
    if not raw:
        raise ImageError(f"{path}: the file is empty. Copy or download it again.")
    kind = nib.Nifti2Image if raw[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nib.Nifti1Image
    if raw[344:348] != b"n+1\0" and kind is nib.Nifti1Image:
        raise ImageError(
            f"{path}: this is not a NIfTI file. Convert the image to .nii or .nii.gz first."
        )
    try:
        proxy = kind.from_bytes(raw)
        data = np.asanyarray(proxy.dataobj)
        if not np.isfinite(proxy.affine).all():
            raise ImageError(f"{path}: {AFFINE_NOT_FINITE}")
        img = kind(data, proxy.affine, proxy.header)
    except _UNREADABLE as error:
        raise ImageError(
            f"{path}: the image cannot be read in full, it is truncated or its header is damaged "
            f"({_one_line(error)}). Copy or convert it again."
        ) from error
    img.file_map["image"].filename = str(path)
    return img


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def save_image(img: nib.Nifti1Image, path: str | os.PathLike, *, level: int = GZIP_LEVEL) -> Path:
    """Write a NIfTI image, compressed to a gzip level if the name ends in ``.gz``."""
    return _write_nifti(img.to_stream, Path(path), level)


def save_scaled(
    stored: np.ndarray, affine: np.ndarray, path: str | os.PathLike, *, scale: float
) -> Path:
    """Write integers as a NIfTI image whose values are `scale` times what is stored.

    Parameters
    ----------
    stored
        (x, y, z) integers, stored as they are.
    affine
        (4, 4) voxel to world, RAS mm.
    path
        ``.nii`` or ``.nii.gz``.
    scale
        Goes into the header as the slope.
    """
    header = nib.Nifti1Image(stored, affine).header
    header.set_sform(affine, 1)
    header.set_qform(affine, 1)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(scale, 0)
    header["vox_offset"] = header.single_vox_offset
    # nibabel would divide the array by the slope. Four bytes say that no extension follows.
    content = header.binaryblock + bytes(4) + stored.tobytes("F")
    return _write_nifti(lambda stream: stream.write(content), Path(path))


def _write_nifti(fill: _Fill, path: Path, level: int = GZIP_LEVEL) -> Path:
    if path.suffix != ".gz":
        return _write(fill, path)

    def fill_packed(stream: BinaryIO) -> None:
        # Without a time or a name, so that equal images are equal files.
        with gzip.GzipFile("", "wb", level, stream, mtime=0) as packed:
            fill(packed)

    return _write(fill_packed, path)


def save_table(frame: pd.DataFrame, path: str | os.PathLike) -> Path:
    """Write a table as BIDS TSV: ``n/a`` for missing values, six significant digits."""
    frame = frame.copy()
    for column in frame.columns:
        if frame[column].dtype == bool:
            frame[column] = frame[column].map({True: "true", False: "false"})
    text = frame.to_csv(
        sep="\t", index=False, na_rep=MISSING, float_format=FLOAT_FORMAT, lineterminator="\n"
    )
    return save_text(text, path)


def load_table(path: str | os.PathLike) -> pd.DataFrame:
    """Read a BIDS TSV written by :func:`save_table`; only ``n/a`` is a missing value."""
    import pandas as pd

    return pd.read_csv(path, sep="\t", na_values=[MISSING], keep_default_na=False)


def save_json(obj: Any, path: str | os.PathLike) -> Path:
    """Write JSON in UTF-8, keys in the order given; arrays and paths are converted.

    Raises
    ------
    ValueError, TypeError
        For NaN, infinite numbers and objects that JSON does not have.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    return save_text(text + "\n", path)


def _plain(obj: Any) -> Any:
    if isinstance(obj, np.generic | np.ndarray):
        return obj.tolist()
    if isinstance(obj, os.PathLike):
        return os.fspath(obj)
    raise TypeError(f"{type(obj).__name__} cannot be written as JSON")


def save_text(text: str, path: str | os.PathLike) -> Path:
    """Write text in UTF-8."""
    return _write(lambda stream: stream.write(text.encode()), Path(path))


def copy_file(source: str | os.PathLike, path: str | os.PathLike) -> Path:
    """Copy a file, byte for byte."""
    return _write(lambda stream: stream.write(Path(source).read_bytes()), Path(path))


def _write(fill: _Fill, path: Path) -> Path:
    """Write beside the final name, then rename: the file is there in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as stream:
            fill(stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path
