"""Images that are computed with together: on the same voxels, in the same order."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from sctflow.core.image import to_canonical, to_grid_of
from sctflow.core.manual import TOLERANCE_MM
from sctflow.errors import ImageError


def data_on_grid(
    image: nib.Nifti1Image, reference: nib.Nifti1Image, *, name: str, reference_name: str
) -> np.ndarray:
    """Voxels of an image in the order of those of another, on whose grid it lies.

    An image that is stored in another orientation is turned; nothing is resampled.

    Parameters
    ----------
    image : nibabel image
        With three axes or more.
    reference : nibabel image
        Its first three axes count.
    name, reference_name : str
        What messages call the two.

    Returns
    -------
    array
        Its first three axes are those of `reference`.

    Raises
    ------
    ImageError
        Another number of voxels, or a corner that lies elsewhere by more than 0.1 mm and a tenth
        of a voxel.
    """
    turned, wanted = to_canonical(image), to_canonical(reference)
    shape = wanted.shape[:3]
    if turned.shape[:3] != shape:
        raise ImageError(
            f"{name}: it has {_size(turned)} voxels (right, anterior, superior), and "
            f"{reference_name} has {_size(wanted)}. Resample one to the other first."
        )
    # Four corners fix an affine grid.
    corners = np.vstack([np.zeros(3), np.diag(np.array(shape) - 1.0)])
    there, here = (nib.affines.apply_affine(one.affine, corners) for one in (turned, wanted))
    apart = np.linalg.norm(there - here, axis=1).max()
    if not apart <= max(TOLERANCE_MM, 0.1 * min(wanted.header.get_zooms()[:3])):
        raise ImageError(
            f"{name}: it lies up to {apart:.3g} mm away from {reference_name}. Resample one to "
            "the other first."
        )
    return to_grid_of(np.asanyarray(turned.dataobj), reference)


def _size(img: nib.Nifti1Image) -> str:
    return " x ".join(map(str, img.shape[:3]))
