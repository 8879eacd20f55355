"""The phantom on a grid: many points in every voxel, and what a voxel holds as a mean of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from sctflow.core.phantom.anatomy import Anatomy, Station
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.cord import paint_sac
from sctflow.core.phantom.spine import paint_spine
from sctflow.core.phantom.surroundings import paint_body

# mm between the points in a voxel: across and along the body's axis, in the dural sac (where the
# truth is asked for) and elsewhere.
_ACROSS, _ALONG = 0.2, 0.6
_ACROSS_OUTSIDE, _ALONG_OUTSIDE = 0.75, 1.25
# Within this many mm the frame is taken as flat; the cord's bend makes an error of 5 um.
_FLAT = 1.3
_AROUND_SAC = 1.0
_CHUNK = 300_000  # points that are painted at a time: long enough for threads to work side by side
_THREADS = 2  # each works on its own voxels; more gain little, Python itself being in the way


@dataclass(frozen=True)
class Sampled:
    """Codes of the points in every voxel of a grid."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    codes: np.ndarray
    """(voxels, points) uint8, voxels in C order."""
    inner: np.ndarray
    """Flat indices of the voxels in and about the dural sac, which have more points."""
    inner_codes: np.ndarray
    """(inner voxels, more points) uint8; takes the place of their `codes`, which are empty."""

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over each voxel's points of a table by code.

        Parameters
        ----------
        values
            (256,) numbers or booleans.

        Returns
        -------
        ndarray
            float32 of the grid's shape. The mean of a boolean table is the part of the voxel
            that the chosen codes fill.
        """
        table = np.asarray(values, np.float32)
        out = _row_means(table, self.codes)
        out[self.inner] = _row_means(table, self.inner_codes)
        return out.reshape(self.shape)

    def series(self, tables: np.ndarray) -> np.ndarray:
        """Means for every slice along the third axis by its own table, over time.

        Parameters
        ----------
        tables
            (slices, 256, t) numbers.

        Returns
        -------
        ndarray
            (x, y, slices, t) float32.
        """
        inner_row = np.full(len(self.codes), -1)
        inner_row[self.inner] = np.arange(len(self.inner))
        inner_row = inner_row.reshape(self.shape)
        coarse = self.codes.reshape(*self.shape, -1)
        out = np.empty((*self.shape, tables.shape[-1]), np.float32)
        for k, table in enumerate(np.asarray(tables, np.float32)):
            row = inner_row[:, :, k].ravel()
            plane = _parts(coarse[:, :, k].reshape(len(row), -1)) @ table
            fine = row >= 0
            plane[fine] = _parts(self.inner_codes[row[fine]]) @ table
            out[:, :, k] = plane.reshape(*self.shape[:2], -1)
        return out


def sample(
    anatomy: Anatomy,
    shape: tuple[int, int, int],
    affine: np.ndarray,
    *,
    surroundings: bool = True,
    across: float = _ACROSS,
    along: float = _ALONG,
) -> Sampled:
    """Paint the anatomy on a grid.

    Parameters
    ----------
    anatomy
        The person.
    shape, affine
        The grid: any orientation, voxel size and obliquity; voxel indices to RAS mm.
    surroundings
        Whether to paint what lies farther from the dural sac; without, it is background.
    across, along
        Greatest distance in mm between the points in and about the dural sac, across the body's
        axis and along it.

    Returns
    -------
    Sampled
    """
    affine = np.asarray(affine, float)
    n_voxels = int(np.prod(shape))
    inner = voxels_near_sac(anatomy, shape, affine)
    offsets = sub_offsets(affine, across=_ACROSS_OUTSIDE, along=_ALONG_OUTSIDE)
    shape_of_codes = (n_voxels, len(offsets) if surroundings else 1)
    codes = np.full(shape_of_codes, Tissue.BACKGROUND, np.uint8)
    if surroundings:
        outer = np.setdiff1d(np.arange(n_voxels), inner, assume_unique=True)
        codes[outer] = _painted(anatomy, shape, affine, outer, offsets)
    offsets = sub_offsets(affine, across=across, along=along)
    inner_codes = _painted(anatomy, shape, affine, inner, offsets)
    return Sampled(tuple(shape), affine, codes, inner, inner_codes)


def sub_offsets(
    affine: np.ndarray, *, across: float = _ACROSS, along: float = _ALONG
) -> np.ndarray:
    """Places of the points in a voxel, (n, 3) in voxels from its centre.

    A regular lattice, no wider in mm than `along` on the axis that runs most nearly up the body,
    and `across` on the other two.
    """
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    up = int(np.argmax(np.abs(affine[2, :3]) / edges))
    spacing = np.full(3, across)
    spacing[up] = along
    counts = np.maximum(np.ceil(edges / spacing - 1e-6), 1).astype(int)
    places = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    return np.stack(np.meshgrid(*places, indexing="ij"), -1).reshape(-1, 3)


def voxels_near_sac(
    anatomy: Anatomy, shape: tuple[int, int, int], affine: np.ndarray
) -> np.ndarray:
    """Flat indices of the voxels of which a part may lie in the dural sac, rising."""
    # A box about each slab of the grid's own axes would do for upright grids only; testing the
    # centres of all voxels is quick enough and right for any.
    reach = 0.5 * float(np.abs(affine[:3, :3]).sum(1).max()) + _AROUND_SAC
    found = []
    for chunk in _chunks(np.arange(int(np.prod(shape))), _CHUNK):
        uvs = anatomy.curve.from_world(_centres(shape, affine, chunk))[0]
        station = anatomy.at(uvs[:, 2])
        near = np.abs(uvs[:, 0] - station.canal_right) < station.canal_half_width + reach
        near &= np.abs(uvs[:, 1] - station.canal_forward) < station.canal_half_depth + reach
        near &= uvs[:, 2] > anatomy.levels.disc(26) - reach
        found.append(chunk[near])
    return np.concatenate(found)


def frame_points(
    anatomy: Anatomy,
    shape: tuple[int, int, int],
    affine: np.ndarray,
    voxels: np.ndarray,
    offsets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Cord-frame coordinates of the points in voxels.

    Parameters
    ----------
    anatomy
        Whose cord.
    shape, affine
        The grid.
    voxels
        (m,) flat indices.
    offsets
        (k, 3) places of the points in a voxel, see `sub_offsets`.

    Returns
    -------
    uvs, xyz
        (m, k, 3) float32: mm in the cord's frame, and world mm.
    """
    steps = offsets @ affine[:3, :3].T
    centres = _centres(shape, affine, voxels)
    uvs = np.empty((len(centres), len(offsets), 3), np.float32)
    for members in _flat_blocks(steps):
        middle = steps[members].mean(0)
        foot, axes = anatomy.curve.from_world(centres + middle)
        uvs[:, members] = foot[:, None]
        if len(members) > 1:
            uvs[:, members] += np.einsum("nij,kj->nki", axes, steps[members] - middle)
    return uvs, (centres[:, None] + steps).astype(np.float32)


def row_chunks(n_voxels: int, n_points: int) -> list[slice]:
    """Cut voxels with `n_points` each into rows that are worked on together."""
    step = max(1, _CHUNK // n_points)
    return [slice(start, min(start + step, n_voxels)) for start in range(0, n_voxels, step)]


def _painted(
    anatomy: Anatomy,
    shape: tuple[int, int, int],
    affine: np.ndarray,
    voxels: np.ndarray,
    offsets: np.ndarray,
) -> np.ndarray:
    """Codes of the points in voxels, (voxels, points)."""
    codes = np.empty((len(voxels), len(offsets)), np.uint8)

    def paint(rows: slice) -> None:
        uvs, xyz = frame_points(anatomy, shape, affine, voxels[rows], offsets)
        codes[rows] = paint_points(anatomy, uvs.reshape(-1, 3), xyz.reshape(-1, 3)).reshape(
            codes[rows].shape
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(paint, row_chunks(len(voxels), len(offsets))):
            pass
    return codes


def paint_points(anatomy: Anatomy, uvs: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """Paint points, from outside inwards.

    Parameters
    ----------
    anatomy
        The person.
    uvs, xyz
        (n, 3) float32: the points in the cord's frame, and in world mm.

    Returns
    -------
    ndarray
        (n,) uint8 codes.
    """
    u, v, s = np.ascontiguousarray(uvs.T)
    station = anatomy.at(s)
    painted = np.full(len(u), Tissue.BACKGROUND, np.uint8)
    around = np.flatnonzero(~_deep_in_sac(anatomy, u, v, s, station))
    part = painted[around]
    where = u[around], v[around], s[around]
    station_around = Station(*(column[around] for column in station))
    paint_body(part, anatomy, *where, station_around, xyz[around])
    paint_spine(part, anatomy, *where, station_around)
    painted[around] = part
    paint_sac(painted, anatomy, u, v, s, station)
    return painted


def _deep_in_sac(
    anatomy: Anatomy, u: np.ndarray, v: np.ndarray, s: np.ndarray, station: Station
) -> np.ndarray:
    """Points that are in the dural sac for certain: what surrounds it need not be painted."""
    across = (u - station.canal_right) / np.maximum(station.canal_half_width, 0.1)
    forward = (v - station.canal_forward) / np.maximum(station.canal_half_depth, 0.1)
    deep = (across**2 + forward**2 < 0.9) & (station.pressed == 0)
    return deep & (s < anatomy.levels.top) & (s > anatomy.levels.disc(26) + 1.0)


def _flat_blocks(steps: np.ndarray) -> list[np.ndarray]:
    """Groups of the points of a voxel, each so small that the frame is flat within it."""
    longest = int(np.argmax(np.ptp(steps, axis=0)))
    extent = np.ptp(steps[:, longest])
    n = max(1, int(np.ceil(extent / _FLAT)))
    place = (steps[:, longest] - steps[:, longest].min()) / max(extent, 1e-9)
    block = np.minimum((place * n).astype(int), n - 1)
    return [np.flatnonzero(block == number) for number in np.unique(block)]


def _centres(shape: tuple[int, int, int], affine: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    index = np.stack(np.unravel_index(voxels, shape), -1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def _chunks(voxels: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(voxels), size):
        yield voxels[start : start + size]


def _row_means(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    out = np.empty(len(codes), np.float32)
    step = max(1, 4_000_000 // codes.shape[1])
    for start in range(0, len(codes), step):
        part = codes[start : start + step]
        out[start : start + step] = table[part].mean(1)
    return out


def _parts(codes: np.ndarray) -> csr_matrix:
    """Part of each row's points that have each code, (rows, 256)."""
    n_rows, n_points = codes.shape
    each = np.full(codes.size, 1.0 / n_points, np.float32)
    starts = np.arange(0, codes.size + 1, n_points)
    return csr_matrix((each, codes.ravel().astype(np.int32), starts), shape=(n_rows, 256))
