"""What a node will need, foreseen from the header of its image."""

from __future__ import annotations

from math import prod
from pathlib import Path

GIGABYTE = 2**30
UNKNOWN_VOXELS = 256**3


def count_voxels(path: str | Path) -> int:
    """Count the voxels of an image from its header; no voxel is read.

    Parameters
    ----------
    path
        NIfTI file.

    Returns
    -------
    int
        A generous count where the header cannot be read: what is wrong with the file is told by
        the node that reads it, when its turn comes.
    """
    return prod(read_shape(path) or (UNKNOWN_VOXELS,)) or UNKNOWN_VOXELS


def count_volumes(path: str | Path) -> int:
    """Count the volumes of a series from its header; 1 where it cannot be read, or has none."""
    return prod(read_shape(path)[3:]) or 1


def read_shape(path: str | Path) -> tuple[int, ...]:
    """Size of an image from its header; nothing where it cannot be read."""
    import nibabel as nib

    try:
        return tuple(int(n) for n in nib.load(path).shape)
    except Exception:
        return ()


def memory_gb(voxels: int, *, base: float = 0.2, bytes_per_voxel: float = 0) -> float:
    """Memory of a node: what it takes for any image, and what grows with the image.

    The figures in the workflows are peaks of resident memory measured on images of 0.2, 5 and 37
    million voxels, each node in a process of its own, rounded up.

    Parameters
    ----------
    voxels
        Number of voxels of the image.
    base
        Gigabytes for the interpreter and the libraries that the node imports.
    bytes_per_voxel
        All arrays that are alive at the peak, per voxel of the image.

    Returns
    -------
    float
        Gigabytes, rounded up to 10 MB.
    """
    return -(-(base + voxels * bytes_per_voxel / GIGABYTE) * 100 // 1) / 100
