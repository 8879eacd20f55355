"""Images: orientation, resampling, cropping and safe data types.

Also gives :func:`check_image` and the orientation functions of :mod:`sctflow.core.grid`.
"""

from __future__ import annotations

from collections.abc import Sequence

import nibabel as nib
import numpy as np
from scipy import ndimage

from sctflow.core.checks import check_image
from sctflow.core.grid import canonical_axes, canonicalize, from_canonical
from sctflow.errors import ImageError

__all__ = [
    "canonical_axes",
    "canonicalize",
    "cast",
    "check_image",
    "crop",
    "finite",
    "from_canonical",
    "new_like",
    "resample",
    "resample_to_zooms",
    "squeeze",
    "to_canonical",
    "to_grid_of",
]


def squeeze(img: nib.Nifti1Image) -> nib.Nifti1Image:
    """Drop trailing axes of length one beyond the third; other images come back as they are."""
    if img.ndim > 3 and all(n == 1 for n in img.shape[3:]):
        return img.__class__(
            np.asanyarray(img.dataobj).reshape(img.shape[:3]), img.affine, img.header
        )
    return img


def to_canonical(img: nib.Nifti1Image) -> nib.Nifti1Image:
    """Rearrange an image as closest canonical RAS, without interpolation."""
    return nib.as_closest_canonical(img)


def to_grid_of(data_ras: np.ndarray, like: nib.Nifti1Image) -> np.ndarray:
    """Put an array made on ``to_canonical(like)`` back on `like`'s own voxel order, exactly."""
    data = from_canonical(data_ras, like.affine)
    if data.shape[:3] != like.shape[:3]:
        raise ImageError(
            f"An array of size {data_ras.shape} does not lie on the canonical grid of an image "
            f"of size {like.shape}."
        )
    return data


def resample(
    data: np.ndarray,
    affine: np.ndarray,
    *,
    to_affine: np.ndarray,
    to_shape: Sequence[int],
    order: int = 1,
    cval: float = 0.0,
) -> np.ndarray:
    """Sample an image at the voxel centres of another grid.

    The field of view reaches half a voxel beyond the outermost voxel centres: inside it the
    nearest values are continued, outside it the result is `cval`. Nothing is smoothed first.

    Parameters
    ----------
    data : (i, j, k) array
        Finite values (see :func:`finite`).
    affine, to_affine : (4, 4) array
        Voxel to world (RAS mm) of the given and of the wanted grid.
    to_shape : sequence of 3 int
        Size of the wanted grid.
    order : int
        Spline order, 0 (nearest, for labels) to 5.
    cval : float
        Value outside of the field of view.

    Returns
    -------
    array of shape `to_shape`
        In the data type of `data` for order 0 and for floating-point data, else float32.
    """
    data = np.asarray(data)
    to_shape = tuple(int(n) for n in to_shape)
    # Rounded, so that a grid that coincides with the given one is copied and not interpolated.
    matrix = np.round(np.linalg.inv(affine) @ to_affine, 9)
    keep = order == 0 or data.dtype.kind == "f"
    source = data.astype(np.uint8) if data.dtype == bool else data
    result = ndimage.affine_transform(
        source,
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=to_shape,
        output=source.dtype if keep else np.float32,
        order=order,
        mode="nearest",
    )
    for axis, size in enumerate(data.shape):
        position = sum(
            matrix[axis, other]
            * np.arange(to_shape[other]).reshape([-1 if d == other else 1 for d in range(3)])
            for other in range(3)
        )
        position = position + matrix[axis, 3]
        outside = (position < -0.5 - 1e-6) | (position > size - 0.5 + 1e-6)
        if outside.any():
            result[np.broadcast_to(outside, to_shape)] = cval
    return result.astype(bool) if data.dtype == bool and keep else result


def resample_to_zooms(
    img: nib.Nifti1Image, zooms: Sequence[float], order: int = 1
) -> nib.Nifti1Image:
    """Change the voxel size, keeping the corner of the field of view where it is.

    Parameters
    ----------
    img : nibabel image
        3-D.
    zooms : sequence of 3 float
        Wanted voxel size in mm, along the image's own axes.
    order : int
        Spline order, as in :func:`resample`.

    Returns
    -------
    nibabel image
        With exactly `zooms`; the far side of the field of view moves by at most half a voxel.
    """
    sizes = np.linalg.norm(img.affine[:3, :3], axis=0)
    zooms = np.asarray(zooms, dtype=float)
    if zooms.shape != (3,) or not np.all(zooms > 0):
        raise ImageError(f"A voxel size needs three positive numbers, not {zooms}.")
    scale = zooms / sizes
    shape = np.maximum(1, np.round(np.asarray(img.shape[:3]) / scale)).astype(int)
    affine = img.affine @ nib.affines.from_matvec(np.diag(scale), (scale - 1) / 2)
    data = finite(np.asanyarray(img.dataobj))
    data = resample(data, img.affine, to_affine=affine, to_shape=shape, order=order)
    header = nib.Nifti1Header()
    header.set_data_dtype(data.dtype)
    header.set_xyzt_units(*img.header.get_xyzt_units())
    resized = nib.Nifti1Image(data, affine, header)
    for kind in ("qform", "sform"):
        code = int(img.header[f"{kind}_code"])
        getattr(resized, f"set_{kind}")(affine if code > 0 else None, code)
    return resized


def crop(img: nib.Nifti1Image, lower: Sequence[int], upper: Sequence[int]) -> nib.Nifti1Image:
    """Keep the voxels from `lower` up to, not including, `upper`; world positions stay.

    Bounds beyond the image are cut to it.

    Raises
    ------
    ImageError
        If nothing is left.
    """
    lower = np.clip(lower, 0, img.shape[:3])
    upper = np.clip(upper, 0, img.shape[:3])
    if np.any(lower >= upper):
        raise ImageError(
            f"Cropping an image of size {img.shape[:3]} from {lower} to {upper} leaves nothing."
        )
    return img.slicer[tuple(slice(int(a), int(b)) for a, b in zip(lower, upper, strict=True))]


def finite(data: np.ndarray) -> np.ndarray:
    """Replace values that are not finite by 0; arrays without any come back as they are."""
    data = np.asarray(data)
    if data.dtype.kind != "f" or np.isfinite(data).all():
        return data
    return np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)


def cast(data: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """Change the data type without changing what the numbers say.

    Values are rounded to the nearest for integer types. What needs no change is not copied.

    Raises
    ------
    ImageError
        If a value is not finite, or too large or small for an integer type.
    """
    data, dtype = np.asarray(data), np.dtype(dtype)
    if dtype.kind not in "iu" or data.dtype.kind == "b":
        return data.astype(dtype, copy=False)
    if data.dtype.kind == "f":
        if not np.isfinite(data).all():
            raise ImageError(f"Values that are not finite cannot be stored as {dtype}.")
        data = np.rint(data)
    limits = np.iinfo(dtype)
    if data.size and (data.min() < limits.min or data.max() > limits.max):
        raise ImageError(
            f"Values from {data.min():.6g} to {data.max():.6g} do not fit in {dtype}."
        )
    return data.astype(dtype)


def new_like(data: np.ndarray, img: nib.Nifti1Image, dtype: np.dtype | type) -> nib.Nifti1Image:
    """Make an image on the grid of another.

    Parameters
    ----------
    data : (i, j, k) array
        On the voxel grid of `img`.
    img : nibabel image
        Gives affine, qform and sform with their codes, and units; not its intensity scaling,
        display range or description.
    dtype : data type
        On disk; see :func:`cast`.

    Raises
    ------
    ImageError
        If the sizes differ or the values do not fit the data type.
    """
    if data.shape[:3] != img.shape[:3]:
        raise ImageError(
            f"An array of size {data.shape} does not lie on the grid of an image of size "
            f"{img.shape}."
        )
    data = cast(data, dtype)
    header = nib.Nifti1Header()
    header.set_data_dtype(data.dtype)
    header.set_xyzt_units(*img.header.get_xyzt_units())
    for field in _GEOMETRY:
        header[field] = img.header[field]
    header["pixdim"][:4] = img.header["pixdim"][:4]
    return nib.Nifti1Image(data, img.affine, header)


_GEOMETRY = (
    *("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("sform_code", "srow_x", "srow_y", "srow_z"),
)
