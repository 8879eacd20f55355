"""Which images can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import nibabel as nib
import numpy as np

from sctflow.errors import ImageError

FORM_TOLERANCE_MM = 0.1
"""How far qform and sform may put the same corner of the field of view apart."""

ZOOM_TOLERANCE = 0.01
"""Relative difference allowed between the header's voxel sizes and those of the affine."""

AFFINE_NOT_FINITE = (
    "the affine has values that are not numbers. Repair the header's sform or qform, or convert "
    "the image again."
)

OBLIQUE_DEGREES = 30.0
"""Tilt of the voxel axes from the scanner's axes that is worth a warning."""


def check_image(img: nib.Nifti1Image, *, name: str) -> list[str]:
    """Refuse an image whose numbers or geometry cannot be trusted.

    Parameters
    ----------
    img : nibabel image
        A trailing axis of length one is accepted (see :func:`sctflow.core.image.squeeze`).
    name : str
        What the messages call the image, usually its file name.

    Returns
    -------
    list of str
        Warnings: what is unusual, and what is done about it. Each starts with `name`.

    Raises
    ------
    ImageError
        Not 3-D, empty, not numeric, no finite or only zero voxels, an affine that is not finite
        or is singular, voxel sizes that are not positive or that contradict the affine, or a
        qform and an sform (both set) that put a corner of the field of view more than
        :data:`FORM_TOLERANCE_MM` apart.
    """
    _check_shape(img.shape, name)
    if img.get_data_dtype().kind not in "biuf":
        raise ImageError(
            f"{name}: data type {img.get_data_dtype()} (complex or colour) cannot be processed. "
            "Save a magnitude image of integers or floating-point numbers."
        )
    return [f"{name}: {text}" for text in (*_check_geometry(img, name), *_check_values(img, name))]


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    size = " x ".join(map(str, shape)) or "none"
    if any(n == 0 for n in shape) or not shape:
        raise ImageError(f"{name}: the image has no voxels (size {size}). Export it again.")
    if len(shape) < 3:
        raise ImageError(
            f"{name}: the image is {len(shape)}-D (size {size}), a volume of slices is needed. "
            "Merge the slices into one 3-D file."
        )
    if any(n > 1 for n in shape[3:]):
        raise ImageError(
            f"{name}: the image has {len(shape)} dimensions (size {size}) where 3 are expected. "
            "Select or average its volumes first."
        )


def _check_geometry(img: nib.Nifti1Image, name: str) -> list[str]:
    affine, header = img.affine, img.header
    if affine is None or not np.all(np.isfinite(affine)):
        raise ImageError(f"{name}: {AFFINE_NOT_FINITE}")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    zooms = np.asarray(header.get_zooms()[:3], dtype=float)
    if np.any(~np.isfinite(zooms)) or np.any(zooms <= 0) or np.any(sizes <= 0):
        raise ImageError(
            f"{name}: the voxel size is {_triple(zooms)} mm in the header and {_triple(sizes)} mm "
            "in the affine; it must be positive. Repair the header."
        )
    if abs(np.linalg.det(affine[:3, :3] / sizes)) < 1e-3:
        raise ImageError(
            f"{name}: the affine is singular (two voxel axes point the same way). "
            "Repair the header's sform or qform."
        )
    warnings = []
    qform, sform = header.get_qform(coded=True), header.get_sform(coded=True)
    if qform[1] > 0 and sform[1] > 0:
        apart = _corner_distance(qform[0], sform[0], img.shape[:3])
        if not apart <= FORM_TOLERANCE_MM:
            raise ImageError(
                f"{name}: qform and sform disagree by {apart:.3g} mm at a corner of the field of "
                "view, so it is unclear where the image lies. Keep the right one and copy it "
                "over the other (with the Spinal Cord Toolbox: sct_image -set-sform-to-qform, "
                "or -set-qform-to-sform)."
            )
    elif qform[1] <= 0 and sform[1] <= 0:
        warnings.append(
            "neither qform nor sform is set: orientation and left-right are a guess "
            "from the voxel order"
        )
    if np.any(np.abs(zooms / sizes - 1) > ZOOM_TOLERANCE):
        raise ImageError(
            f"{name}: the header's voxel size {_triple(zooms)} mm contradicts its affine "
            f"({_triple(sizes)} mm). Repair the header."
        )
    tilt = np.degrees(nib.affines.obliquity(affine).max())
    if tilt > OBLIQUE_DEGREES:
        warnings.append(
            f"oblique by {tilt:.0f} degrees: 'slice' means the image's own slices, "
            "which are far from axial"
        )
    unit = affine[:3, :3] / sizes
    if np.abs(unit.T @ unit - np.eye(3)).max() > 1e-3:
        warnings.append("the affine is sheared: voxels are not rectangular")
    return warnings


def _check_values(img: nib.Nifti1Image, name: str) -> list[str]:
    data = np.asanyarray(img.dataobj)
    bad = 0
    if data.dtype.kind == "f":
        bad = data.size - int(np.count_nonzero(np.isfinite(data)))
        if bad == data.size:
            raise ImageError(f"{name}: no voxel has a finite value. Export the image again.")
        if bad:
            data = data[np.isfinite(data)]
    if not np.any(data):
        raise ImageError(f"{name}: all voxels are zero. Export the image again.")
    warnings = []
    if bad:
        warnings.append(f"{bad} voxels are not finite (NaN or infinite) and are taken as 0")
    if data.size > 1 and data.min() == data.max():
        warnings.append(f"every voxel has the same value ({data.flat[0]:.4g})")
    return warnings


def _corner_distance(first: np.ndarray, second: np.ndarray, shape: Sequence[int]) -> float:
    ends = [(-0.5, n - 0.5) for n in shape]
    corners = np.array([(i, j, k) for i in ends[0] for j in ends[1] for k in ends[2]])
    gap = nib.affines.apply_affine(first, corners) - nib.affines.apply_affine(second, corners)
    return float(np.linalg.norm(gap, axis=1).max())


def _triple(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
