"""Transform files: ITK's, read and written, and warps for FSL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from sctflow.core.transforms import Affine, DisplacementField
from sctflow.errors import ImageError
from sctflow.io import load_image, save_image, save_text

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

_QUICK = 1
"""Gzip level of fields: a higher one takes several times as long and saves little."""

_FSL_RELATIVE = 2006
"""NIfTI intent: FNIRT displacement field."""


def load_transform(path: str | os.PathLike) -> list[Affine | DisplacementField]:
    """Read an ITK transform file.

    Parameters
    ----------
    path : path
        Displacement field (``.nii``, ``.nii.gz``), matrix (``.mat``, ``.txt``, ``.tfm``) or
        composite (``.h5``).

    Returns
    -------
    list
        A chain for :func:`sctflow.core.transforms.map_points`; of one, unless it is a composite.

    Raises
    ------
    ImageError
        If the file is missing, damaged or holds something else.
    """
    path = Path(path)
    if path.name.endswith((".nii", ".nii.gz")):
        return [load_field(path)]
    if not path.is_file():
        raise ImageError(f"{path}: there is no such file. Check the name and the drive.")
    try:
        if path.suffix in (".mat", ".txt", ".tfm"):
            return [_load_matrix(path)]
        if path.suffix == ".h5":
            return _load_composite(path)
    except ImageError:
        raise
    except Exception as error:  # scipy, h5py, ITK and nitransforms each raise their own
        raise ImageError(f"{path}: not an ITK transform that can be read ({error}).") from error
    raise ImageError(
        f"{path}: the name of a transform file ends in .nii.gz, .nii, .mat, .txt, .tfm or .h5."
    )


def load_field(path: str | os.PathLike) -> DisplacementField:
    """Read an ITK displacement field: NIfTI of size (x, y, z, 1, 3), LPS mm.

    Raises
    ------
    ImageError
        If the file is damaged, is not a displacement field or has values that are not finite.
    """
    img = load_image(path)
    if img.ndim != 5 or img.shape[3:] != (1, 3):
        raise ImageError(
            f"{path}: an ITK displacement field has the size (x, y, z, 1, 3), not {img.shape}. "
            "A warp of FSL or AFNI must be converted first."
        )
    vectors = np.array(img.dataobj)[:, :, :, 0]
    if not np.isfinite(vectors).all():
        raise ImageError(f"{path}: the displacement field has values that are not finite.")
    if vectors.dtype.kind != "f":
        vectors = vectors.astype(np.float32)
    vectors[..., :2] *= -1
    return DisplacementField(vectors, img.affine)


def save_field(
    field: DisplacementField, path: str | os.PathLike, *, dtype: type = np.float32
) -> Path:
    """Write a displacement field as ITK reads it.

    Raises
    ------
    ImageError
        If vectors are not finite, or the grid is sheared, which ITK cannot describe.
    """
    axes = field.affine[:3, :3] / np.linalg.norm(field.affine[:3, :3], axis=0)
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-4:
        raise ImageError("A displacement field on a sheared grid cannot be written for ITK.")
    if not np.isfinite(field.vectors).all():
        raise ImageError("A displacement field with values that are not finite is not written.")
    vectors = np.array(field.vectors, dtype=dtype)
    vectors[..., :2] *= -1
    img = _vector_image(vectors[:, :, :, None], field.affine, "vector")
    return save_image(img, path, level=_QUICK)


def save_fsl_warp(warp: np.ndarray, affine: np.ndarray, path: str | os.PathLike) -> Path:
    """Write what :func:`sctflow.core.transforms.fsl_warp` gives, for ``applywarp --rel``."""
    return save_image(_vector_image(warp, affine, _FSL_RELATIVE), path)


def _vector_image(data: np.ndarray, affine: np.ndarray, intent: str | int) -> nib.Nifti1Image:
    img = nib.Nifti1Image(data, affine)
    img.set_qform(affine, 1)
    img.set_sform(affine, 1)
    img.header.set_xyzt_units("mm", "sec")
    img.header.set_intent(intent)
    return img


def save_affine(affine: Affine, path: str | os.PathLike) -> Path:
    """Write an affine transform as an ITK text file (``.txt``, ``.tfm``), in double precision."""
    matrix = _LPS @ affine.matrix @ _LPS
    numbers = [*matrix[:3, :3].ravel(), *matrix[:3, 3]]
    lines = [
        "#Insight Transform File V1.0",
        "#Transform 0",
        "Transform: AffineTransform_double_3_3",
        "Parameters: " + " ".join(repr(float(number)) for number in numbers),
        "FixedParameters: 0 0 0",
    ]
    return save_text("\n".join(lines) + "\n", path)


def _load_matrix(path: Path) -> Affine:
    numbers, center = _read_mat(path) if path.suffix == ".mat" else _read_text(path)
    if len(numbers) != 12:
        return _probe(path)
    return _from_parameters(numbers, center)


def _from_parameters(numbers: Sequence[float], center: Sequence[float]) -> Affine:
    """Read ITK's twelve parameters: a matrix about a centre, and a translation, in LPS."""
    numbers, center = np.asarray(numbers, dtype=float), np.asarray(center, dtype=float)
    matrix = np.eye(4)
    matrix[:3, :3] = numbers[:9].reshape(3, 3)
    matrix[:3, 3] = numbers[9:] + center - matrix[:3, :3] @ center
    return Affine(_LPS @ matrix @ _LPS)


def _read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    content = loadmat(path)
    center = content.pop("fixed").ravel()
    (numbers,) = (value for name, value in content.items() if not name.startswith("__"))
    return numbers.ravel(), center


def _read_text(path: Path) -> tuple[np.ndarray, np.ndarray]:
    fields = [line.split(":", 1) for line in path.read_text().splitlines() if ":" in line]
    names = [name.strip() for name, _ in fields]
    if names.count("Transform") != 1:
        raise ImageError(f"{path}: a text file with one ITK transform is needed.")
    found = {name.strip(): value for name, value in fields}
    return tuple(np.array(found[key].split(), float) for key in ("Parameters", "FixedParameters"))


def _probe(path: Path) -> Affine:
    """Have ITK read rigid and other linear transforms, and see where four points go."""
    import ants

    transform = ants.read_transform(str(path), precision="double")
    # Far apart, since ITK gives the points back in single precision.
    start = np.vstack([np.zeros(3), 1000 * np.eye(3), np.full(3, 1000.0)])
    *end, opposite = np.array([transform.apply_to_point(tuple(point)) for point in start])
    end = np.array(end)
    if np.abs(end[1:].sum(axis=0) - 2 * end[0] - opposite).max() > 0.01:
        raise ImageError(f"{path}: {transform.transform_type} is not a linear transform.")
    matrix = np.eye(4)
    matrix[:3, :3] = (end[1:] - end[0]).T / 1000
    matrix[:3, 3] = end[0]
    return Affine(_LPS @ matrix @ _LPS)


def _load_composite(path: Path) -> list[Affine | DisplacementField]:
    from nitransforms.io.itk import ITKCompositeH5

    chain = [
        DisplacementField(np.asarray(part.dataobj, dtype=np.float32), part.affine)
        if isinstance(part, nib.Nifti1Image)
        else Affine(part.to_ras())
        for part in ITKCompositeH5.from_filename(str(path))
    ]
    # A file with one transform that is not in a composite comes out empty. In a composite, ITK
    # applies the transform that was added last first.
    return chain[::-1] or [_probe(path)]
