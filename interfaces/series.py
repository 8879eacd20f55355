"""What nodes that work on series of volumes have in common."""

from __future__ import annotations

from sctflow.errors import ImageError
from sctflow.io import load_image


def load_series(path):
    """Read an image of four axes.

    Raises
    ------
    ImageError
        It has others, or cannot be read.
    """
    img = load_image(path)
    if img.ndim != 4:
        raise ImageError(
            f"{path}: the image has {img.ndim} dimensions; a series of volumes has 4."
        )
    return img


def series_like(data, img):
    """Series on the grid of another, in the data's own type, with its time step."""
    from sctflow.core.image import new_like

    series = new_like(data, img, data.dtype)
    series.header["pixdim"][4] = img.header["pixdim"][4]
    return series
