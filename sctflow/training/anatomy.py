"""PAM50 packed for drawing training images: one tissue class per 0.5 mm voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sctflow.errors import SctflowError

VOID, WHITE, GRAY, GRAY_RIM, CSF = range(5)
N_BACKGROUND_BINS = 10
FIRST_BACKGROUND = 5
ROOT = FIRST_BACKGROUND + 2 * N_BACKGROUND_BINS
RIM = ROOT + 1
N_CLASSES = RIM + 1
VOXEL_MM = 0.5

# Below this slice of PAM50 the cord mask has shrunk to the filum (under 8 mm2): drawn as a root.
CONUS_SLICE = 78


@dataclass(frozen=True)
class Anatomy:
    """Tissue classes of the template and the cord's place in each axial slice.

    Attributes
    ----------
    classes : (nz, ny, nx) uint8
        ``WHITE``, ``GRAY``, ``GRAY_RIM`` (gray-matter probability 0.2-0.5), ``CSF``; the rest of
        the spine by T2w brightness (``N_BACKGROUND_BINS`` bins outside bone, then as many inside
        it); ``ROOT`` for rootlets and filum; ``RIM`` between cord and CSF (see `_rim`);
        ``VOID`` where the template shows nothing.
    centre : (nz, 2) float32
        Cord centroid, x and y, voxels.
    radius : (nz, 2) float32
        Half width of the cord along x and y, voxels.
    """

    classes: np.ndarray
    centre: np.ndarray
    radius: np.ndarray


def pack_template(
    t2w: np.ndarray,
    cord: np.ndarray,
    csf: np.ndarray,
    gray: np.ndarray,
    spine: np.ndarray,
    rootlets: np.ndarray,
) -> Anatomy:
    """Pack PAM50 label maps, all (nx, ny, nz) on the 0.5 mm grid in LAS or RAS, into classes.

    ``t2w`` is used only to divide what the label maps leave open (muscle, fat, bone, discs) into
    areas of like brightness; its intensities never reach a training image.
    """
    shown = t2w > 0
    levels = np.quantile(t2w[shown], np.linspace(0, 1, N_BACKGROUND_BINS + 1)[1:-1])
    classes = (FIRST_BACKGROUND + np.digitize(t2w, levels)).astype(np.uint8)
    classes[(spine > 0)] += N_BACKGROUND_BINS
    classes[~shown] = VOID
    nz = t2w.shape[2]
    x, y = np.meshgrid(np.arange(t2w.shape[0]), np.arange(t2w.shape[1]), indexing="ij")
    middle = (np.hypot(x - 70, y - 72) < 30)[:, :, None]
    caudal = np.arange(nz)[None, None, :] < 60
    classes[_rim(cord > 0, csf > 0)] = RIM
    classes[(csf > 0) | (middle & caudal & (t2w > 110))] = CSF
    classes[(rootlets > 0) & ((classes == CSF) | (classes == RIM))] = ROOT
    classes[cord > 0] = WHITE
    classes[(gray > 0.2) & (cord > 0)] = GRAY_RIM
    classes[(gray > 0.5) & (cord > 0)] = GRAY
    classes[(cord > 0) & (np.arange(nz)[None, None, :] < CONUS_SLICE)] = ROOT
    centre, radius = _cord_boxes(cord > 0)
    return Anatomy(np.ascontiguousarray(classes.transpose(2, 1, 0)), centre, radius)


def _rim(cord: np.ndarray, csf: np.ndarray) -> np.ndarray:
    """Voxels that lie between the masks of cord and CSF and belong to neither.

    In PAM50 they are half of the cord's neighbours.
    """
    in_plane = ndimage.generate_binary_structure(3, 1)
    in_plane[:, :, [0, 2]] = False
    closed = ndimage.binary_closing(cord | csf, in_plane, iterations=2)
    beside = ndimage.binary_dilation(cord, in_plane, iterations=2) & csf.any((0, 1))
    return (closed | beside) & ~cord & ~csf


def _cord_boxes(cord: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centroid and half widths of the cord in every slice, held constant beyond its ends."""
    profiles = (cord.any(1), cord.any(0))
    weight = cord.sum((0, 1))
    filled = np.flatnonzero(weight > 40)
    every = np.arange(cord.shape[2])
    centre, radius = [], []
    for axis, profile in enumerate(profiles):
        position = np.arange(cord.shape[axis])
        mean = (cord.sum(1 - axis) * position[:, None]).sum(0) / np.maximum(weight, 1)
        centre.append(np.interp(every, filled, mean[filled]))
        radius.append(np.interp(every, filled, profile.sum(0)[filled] / 2))
    return np.stack(centre, 1).astype(np.float32), np.stack(radius, 1).astype(np.float32)


def load_anatomy(template: str = "PAM50") -> Anatomy:
    """Read the template's label maps through TemplateFlow and pack them."""
    import nibabel as nib
    from templateflow import api

    def read(**entities) -> np.ndarray:
        found = api.get(template, **entities)
        if not found:
            raise SctflowError(
                f"The template {template} is not complete in TemplateFlow's folder "
                f"({entities} is missing): set TEMPLATEFLOW_HOME to the folder that has it."
            )
        return np.asanyarray(nib.load(found).dataobj)

    return pack_template(
        read(suffix="T2w"),
        read(label="SC", suffix="mask"),
        read(label="CSF", suffix="mask"),
        read(label="GM", suffix="probseg"),
        read(label="spine", suffix="mask"),
        read(desc="rootlets", suffix="dseg"),
    )
