"""Writes what is true of the demo dataset's images: `derivatives/truth`."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.codes import IS_LESION
from sctflow.core.phantom.contrast import mtr
from sctflow.core.phantom.diffusion import fa_md, tensor
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.tissues import Tissues, region_table
from sctflow.core.phantom.truth import centerline_mask, make_truth, region_counts
from sctflow.demo.scan import Stack, slice_tangents
from sctflow.io import save_image, save_scaled, save_table

_SEG = "SCTPhantom"

README = """# What is true of the phantom's images

Images lie on the grid of the image that `space-` names, or of the series beside them.

- `label-<structure>_probseg`: part of each voxel that cord (SC), gray matter (GM), white matter
  (WM), CSF, the dural sac (canal) or lesion fills; `_mask`: where it is at least one half; `spine`
  is the vertebral column.
- `seg-<what>_dseg`: vertebral and spinal levels of the cord's voxels, dorsal rootlets by spinal
  level, posterior tips of discs (value v is the disc above vertebra v, 60 the conus), PMJ (50).
- `seg-SCTPhantom_probseg`: volume i is region i of the atlas, 36 is CSF.
- `label-SC_desc-perslice_morph.tsv`: for each slice, numbered from below, the cord's centre and
  direction in world mm, mm along the cord from the pontomedullary junction, continuous levels,
  area (mm2) perpendicular to the cord, greatest width (diameter_RL) and mean front-to-back extent
  over the central 3 mm (diameter_AP) in mm.
- `MTRmap` (percent), `MTsat` (percent), `T1map` (s), `dwimap` (fa without unit, md, ad, rd and the
  tensor, xx xy xz yy yz zz in world axes, in 1e-3 mm2/s), `boldmap` (temporal SNR without motion):
  means over what is in a voxel.
- `desc-motion*_timeseries.tsv`: mm to the right and to the front.
- `desc-tissues.tsv`: T1, T2, T2star in ms, proton density, MT saturation in percent, diffusion of
  each region; `desc-points.tsv`: labelled points, u (right), v (front), s (along the cord) and
  world x, y, z in mm.
"""


def write_person(anatomy: Anatomy, tissues: Tissues, root: Path, name: str) -> None:
    """Write what does not depend on an image: tissue parameters, points, lesions, compressions.

    Parameters
    ----------
    anatomy, tissues
        The person.
    root
        The derivative dataset.
    name
        `sub-<label>`.
    """
    folder = root / name / "anat"
    save_table(region_table(tissues), folder / f"{name}_seg-{_SEG}_desc-tissues.tsv")
    table = points(anatomy)
    world = anatomy.curve.to_world(table[["u", "v", "s"]].to_numpy())
    table = table.assign(**dict(zip("xyz", world.T, strict=True)))
    save_table(table, folder / f"{name}_desc-points.tsv")
    if anatomy.lesions:
        save_table(_lesions(anatomy), folder / f"{name}_label-lesion_desc-placed.tsv")
    if anatomy.compressions:
        rows = pd.DataFrame([vars(one) for one in anatomy.compressions])
        save_table(rows, folder / f"{name}_label-compression_desc-placed.tsv")


def write_stack(anatomy: Anatomy, tissues: Tissues, stack: Stack, root: Path, name: str) -> None:
    """Write the truth about the images that share a grid, on that grid."""
    space = f"_space-{stack.space}" if stack.datatype == "anat" else ""
    stem = root / name / stack.datatype / f"{name}{space}"
    affine, shape = stack.sampled.affine, stack.sampled.shape
    truth = make_truth(anatomy, stack.sampled)
    for label, fraction in truth.fractions.items():
        if label == "lesion" and not anatomy.lesions:
            continue
        _image(fraction >= 0.5, affine, f"{stem}_label-{label}_mask.nii.gz", np.uint8)
        if label != "spine":
            _image(fraction, affine, f"{stem}_label-{label}_probseg.nii.gz", np.float32)
    for seg, labels in truth.labels.items():
        _image(labels, affine, f"{stem}_seg-{seg}_dseg.nii.gz", np.uint8)
    line = centerline_mask(truth.slices, shape, affine)
    _image(line, affine, f"{stem}_label-SC_desc-centerline_mask.nii.gz", np.uint8)
    save_table(truth.slices, f"{stem}_label-SC_desc-perslice_morph.tsv")
    _atlas(stack, stem)
    if anatomy.lesions:
        _lesion_volume(stack, stem)
    _maps(anatomy, tissues, stack, stem)


def _lesions(anatomy: Anatomy) -> pd.DataFrame:
    """Where lesions were put, before they were clipped to the cord."""
    rows = []
    for number, lesion in enumerate(anatomy.lesions, start=1):
        right, front, along = lesion.radii
        rows.append(
            {
                "index": number,
                "vertebral_level": lesion.level,
                "arc_length": float(anatomy.levels.position(lesion.level)),
                "right": lesion.right,
                "front": lesion.front,
                "radius_RL": right,
                "radius_AP": front,
                "radius_along": along,
                "volume_unclipped": 4 / 3 * np.pi * right * front * along,
            }
        )
    return pd.DataFrame(rows)


def _lesion_volume(stack: Stack, stem: Path) -> None:
    """Lesion volume in the field of view, mm3."""
    voxel = abs(np.linalg.det(stack.sampled.affine[:3, :3]))
    volume = voxel * float(stack.sampled.mean(IS_LESION).sum(dtype=float))
    table = pd.DataFrame({"volume": [volume]})
    save_table(table, f"{stem}_label-lesion_desc-lesions_morph.tsv")


def _atlas(stack: Stack, stem: Path) -> None:
    """All regions in one 4-D image; stored as counts of points."""
    sampled = stack.sampled
    counts = np.zeros((int(np.prod(sampled.shape)), 37), np.uint8)
    counts[sampled.inner] = region_counts(sampled)
    save_scaled(
        counts.reshape(*sampled.shape, 37),
        sampled.affine,
        f"{stem}_seg-{_SEG}_probseg.nii.gz",
        scale=1.0 / sampled.inner_codes.shape[1],
    )


def _maps(anatomy: Anatomy, tissues: Tissues, stack: Stack, stem: Path) -> None:
    """Maps that the images are to give: means over each voxel of its tissues' parameters."""
    sampled = stack.sampled
    values: dict[str, np.ndarray] = {}
    if stack.space in ("MTS", "MTR"):
        values["MTRmap"] = mtr(tissues)
    if stack.space == "MTS":
        values |= {"MTsat": tissues.mtsat, "T1map": tissues.t1 / 1000}
    if stack.space == "dwi":
        fa, md = fa_md(tissues.ad, tissues.rd)
        named = {"fa": fa, "md": md, "ad": tissues.ad, "rd": tissues.rd}
        values |= {f"model-tensor_param-{k}_dwimap": one for k, one in named.items()}
        _tensors(anatomy, tissues, stack, stem)
    if stack.tsnr is not None:
        values["stat-tsnr_boldmap"] = stack.tsnr
        save_table(stack.bold.regressors, f"{stem}_desc-truth_regressors.tsv")
    for suffix, table in values.items():
        mean = sampled.mean(np.where(np.isfinite(table), table, 0.0))
        _image(mean, sampled.affine, f"{stem}_{suffix}.nii.gz", np.float32)
    if stack.motion is not None:
        _motion(stack.motion, stem)


def _tensors(anatomy: Anatomy, tissues: Tissues, stack: Stack, stem: Path) -> None:
    """Mean tensor of each voxel in world axes, 1e-3 mm2/s: xx, xy, xz, yy, yz, zz."""
    sampled = stack.sampled
    upper = np.triu_indices(3)
    tangents = slice_tangents(anatomy, (sampled.shape, sampled.affine))
    tables = np.stack([tensor(tissues, tangent)[:, *upper] for tangent in tangents])
    path = f"{stem}_model-tensor_desc-world_dwimap.nii.gz"
    _image(sampled.series(tables), sampled.affine, path, np.float32)


def _motion(motion: np.ndarray, stem: Path) -> None:
    """True in-plane motion of each slice and volume, and its mean over slices."""
    n_slices, n_volumes, _ = motion.shape
    volume, k = np.meshgrid(np.arange(n_volumes), np.arange(n_slices), indexing="ij")
    each = motion.transpose(1, 0, 2).reshape(-1, 2)
    table = pd.DataFrame(
        {
            "volume": volume.ravel(),
            "slice": k.ravel(),
            "trans_x": each[:, 0],
            "trans_y": each[:, 1],
        }
    )
    save_table(table, f"{stem}_desc-motionslice_timeseries.tsv")
    mean = table.groupby("volume")[["trans_x", "trans_y"]].mean().reset_index()
    save_table(mean, f"{stem}_desc-motion_timeseries.tsv")


def _image(data: np.ndarray, affine: np.ndarray, path: str, dtype: type) -> None:
    image = nib.Nifti1Image(data.astype(dtype), affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    save_image(image, path)
