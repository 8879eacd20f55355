"""Images of a phantom person: signal, coil, motion, noise, stored as a scanner stores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import pandas as pd

from sctflow.core.phantom import acquisition
from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.bold import BoldSeries, Task, make_bold_timeseries, tsnr_truth
from sctflow.core.phantom.codes import IS_CORD, IS_LESION
from sctflow.core.phantom.contrast import PROTOCOLS, Protocol, signal
from sctflow.core.phantom.diffusion import dwi_table, gradient_table
from sctflow.core.phantom.grids import Grid
from sctflow.core.phantom.sample import Sampled, sample
from sctflow.core.phantom.tissues import Tissues

SNR: Mapping[str, float] = {
    "T2w": 30.0,
    "T1w": 22.0,
    "T2star": 25.0,
    "MTS": 28.0,
    "MTR": 28.0,
    "dwi": 20.0,
    "bold": 40.0,
}
"""Mean signal of the healthy cord over the noise, by suffix; of a series, in one volume at rest
(without diffusion weighting)."""

_STORED_CORD = 500.0  # stored value of the cord's mean signal in the first image of a grid
_FINER = 3  # in-plane points per voxel on which motion is made
_B0, _SHELLS = 5, {800: 30}
_VOLUMES = 60
_TASK = Task()


@dataclass(frozen=True)
class Scan:
    """One image, with the files that belong to it."""

    protocol: Protocol
    image: nib.Nifti1Image
    metadata: dict[str, object]
    bvals: np.ndarray | None = None
    bvecs: np.ndarray | None = None
    """(n, 3) along the axes of the image, as FSL has them."""
    events: pd.DataFrame | None = None


@dataclass(frozen=True)
class Stack:
    """The images that share a grid, and what made them."""

    space: str
    """The suffix by which derivatives call the grid."""
    datatype: str
    sampled: Sampled
    scans: tuple[Scan, ...]
    motion: np.ndarray | None = None
    """(slices, volumes, 2) mm to the right and to the front."""
    bold: BoldSeries | None = None
    tsnr: np.ndarray | None = None
    """(256,) temporal SNR of each code without motion."""


def scan_still(
    anatomy: Anatomy,
    tissues: Tissues,
    sampled: Sampled,
    protocols: Sequence[str],
    *,
    rng: np.random.Generator,
) -> Stack:
    """Make images without motion on one grid, with one coil and one scale for all of them.

    Parameters
    ----------
    anatomy, tissues
        The person.
    sampled
        The person on the grid.
    protocols
        Names in `PROTOCOLS`.
    rng
        Of coil, texture and noise.
    """
    gain = _gain(anatomy, sampled, rng)
    scale = _STORED_CORD / _cord_mean(signal(PROTOCOLS[protocols[0]], tissues))
    scans = []
    for name in protocols:
        values = signal(PROTOCOLS[name], tissues)
        sigma = acquisition.sigma_for_snr(_cord_mean(values), SNR[PROTOCOLS[name].suffix])
        made = acquisition.rician(sampled.mean(values) * gain, sigma, rng)
        scans.append(_scan(PROTOCOLS[name], scale * made, sampled.affine))
    space = PROTOCOLS[protocols[0]].suffix
    return Stack(space, "anat", sampled, tuple(scans))


def scan_diffusion(
    anatomy: Anatomy, tissues: Tissues, grid: Grid, *, rng: np.random.Generator
) -> Stack:
    """Make a diffusion-weighted series with motion in each slice and volume."""
    protocol = PROTOCOLS["dwi"]
    fine = sample(anatomy, *_finer(grid), across=0.35)
    bvals, directions = gradient_table(_B0, _SHELLS, seed=int(rng.integers(2**31)))
    still = signal(protocol, tissues)
    tables = np.stack(
        [
            still[:, None] * dwi_table(tissues, bvals, directions, tangent)
            for tangent in slice_tangents(anatomy, grid)
        ]
    )
    stack = _moving(anatomy, fine, grid, tables, protocol, rng)
    axes = grid[1][:3, :3] / np.linalg.norm(grid[1][:3, :3], axis=0)
    bvecs = directions @ axes
    if np.linalg.det(axes) > 0:
        bvecs[:, 0] *= -1  # FSL's convention for images that are stored right-handed
    (scan,) = stack.scans
    metadata = {**scan.metadata, "PhaseEncodingDirection": "j", "TotalReadoutTime": 0.03}
    scan = Scan(scan.protocol, scan.image, metadata, bvals=bvals, bvecs=bvecs)
    return Stack("dwi", "dwi", stack.sampled, (scan,), stack.motion)


def scan_bold(
    anatomy: Anatomy, tissues: Tissues, grid: Grid, *, rng: np.random.Generator
) -> Stack:
    """Make a functional series: motion, drift, pulse, breathing, a task, noise."""
    protocol = PROTOCOLS["bold"]
    fine = sample(anatomy, *_finer(grid), across=0.35)
    tr = protocol.tr / 1000
    bold = make_bold_timeseries(tissues, _VOLUMES, tr, rng, task=_TASK)
    still = signal(protocol, tissues)
    tables = np.broadcast_to(still[:, None] * bold.modulation, (grid[0][2], 256, _VOLUMES))
    stack = _moving(anatomy, fine, grid, tables, protocol, rng)
    (scan,) = stack.scans
    n = grid[0][2]
    metadata = {
        **scan.metadata,
        "TaskName": _TASK.name,
        "SliceTiming": [round(tr * k / n, 4) for k in range(n)],
    }
    scan = Scan(scan.protocol, scan.image, metadata, events=bold.events)
    sigma = acquisition.sigma_for_snr(_cord_mean(still), SNR["bold"])
    tsnr = tsnr_truth(still, sigma, bold.modulation)
    return Stack("bold", "func", stack.sampled, (scan,), stack.motion, bold, tsnr)


def slice_tangents(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Direction of the cord where it crosses each slice along the third axis, (slices, 3)."""
    (_, _, n), affine = grid
    inverse = np.linalg.inv(affine)
    place = anatomy.curve.points @ inverse[2, :3] + inverse[2, 3]
    order = np.argsort(place)
    s = np.interp(np.arange(n), place[order], anatomy.curve.s[order])
    return anatomy.curve.axes(s)[:, 2]


def _moving(
    anatomy: Anatomy,
    fine: Sampled,
    grid: Grid,
    tables: np.ndarray,
    protocol: Protocol,
    rng: np.random.Generator,
) -> Stack:
    """A series with known motion on `grid`; the truth's sampling is that of the still person."""
    shape, affine = grid
    n_slices, n_volumes = shape[2], tables.shape[-1]
    motion = acquisition.make_motion(rng, n_slices, n_volumes, tr=protocol.tr / 1000, jumps=2)
    zooms = np.linalg.norm(affine[:3, :2], axis=0)
    # Motion is to the right and to the front; the grid's first axis may run the other way.
    signs = np.sign([affine[0, 0], affine[1, 1]])
    gain = _gain(anatomy, fine, rng)
    moved = acquisition.shift_slices(
        fine.series(tables) * gain[..., None], motion * signs, tuple(zooms), factor=_FINER
    )
    cord = _cord_mean(tables[:, :, 0].mean(0))
    sigma = acquisition.sigma_for_snr(cord, SNR[protocol.suffix])
    made = acquisition.rician(moved.astype(np.float32), sigma, rng)
    scan = _scan(protocol, _STORED_CORD / cord * made, affine)
    return Stack(protocol.suffix, protocol.datatype, sample(anatomy, *grid), (scan,), motion)


def _finer(grid: Grid) -> Grid:
    """The grid with `_FINER` times as many voxels in the plane."""
    shape, affine = grid
    columns = affine[:3, :3] / np.array([_FINER, _FINER, 1])
    out = np.eye(4)
    out[:3, :3] = columns
    out[:3, 3] = affine[:3, 3] - 0.5 * (_FINER - 1) * (columns[:, 0] + columns[:, 1])
    return (shape[0] * _FINER, shape[1] * _FINER, shape[2]), out


def _gain(anatomy: Anatomy, sampled: Sampled, rng: np.random.Generator) -> np.ndarray:
    """Coil and texture: 1 in the cord, about."""
    index = np.stack(np.meshgrid(*map(np.arange, sampled.shape), indexing="ij"), -1)
    world = (index @ sampled.affine[:3, :3].T + sampled.affine[:3, 3]).astype(np.float32)
    z = world[..., 2]
    cord = np.array([np.interp(z.mean(), anatomy.curve.points[:, 2], anatomy.curve.points[:, 1])])
    bias = acquisition.coil_bias(
        world,
        rng,
        posterior=float(cord[0]) - 75.0,
        depth=75.0,
        lower=min(float(z.min()) - 15.0, float(z.mean()) - 90.0),
        upper=max(float(z.max()) + 15.0, float(z.mean()) + 90.0),
    )
    zooms = np.linalg.norm(sampled.affine[:3, :3], axis=0)
    gain = bias * acquisition.texture(rng, sampled.shape, tuple(zooms), amount=0.03)
    return gain.astype(np.float32)


def _cord_mean(values: np.ndarray) -> float:
    return float(np.mean(values[IS_CORD & ~IS_LESION]))


def _scan(protocol: Protocol, data: np.ndarray, affine: np.ndarray) -> Scan:
    stored = np.clip(np.rint(data), 0, np.iinfo(np.int16).max).astype(np.int16)
    image = nib.Nifti1Image(stored, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header["pixdim"][4] = protocol.tr / 1000
    metadata = {"Manufacturer": "none (synthetic image)", **protocol.sidecar}
    return Scan(protocol, image, metadata)
