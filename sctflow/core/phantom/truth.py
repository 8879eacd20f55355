"""What is true of the phantom on a grid: masks, labels, regions, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sctflow.core.grid import canonicalize, from_canonical
from sctflow.core.phantom import codes as code
from sctflow.core.phantom.anatomy import Anatomy
from sctflow.core.phantom.outline import edges
from sctflow.core.phantom.roots import rootlet_level
from sctflow.core.phantom.sample import Sampled, frame_points, row_chunks, sub_offsets
from sctflow.core.phantom.spine import IS_SPINE, points

# A rootlet is thinner than a voxel: it is there where it fills this part of one.
_ROOTLET_PART = 0.25
_MIDDLE = 3.0  # mm of the cord's width over which the front-to-back diameter is a mean


@dataclass(frozen=True)
class Truth:
    """Everything that is known of one image, on its grid.

    Attributes
    ----------
    fractions : dict of (x, y, z) float32 arrays
        Part of each voxel that is `SC`, `GM`, `WM`, `CSF`, `canal`, `lesion`, `spine`.
    labels : dict of (x, y, z) uint8 arrays
        `vertebrae`, `spinallevels`, `rootlets`: areas with values; `discs`, `PMJ`: single voxels.
    slices : DataFrame
        One row per canonical slice that the cord's centreline crosses: `slice`, world `x`, `y`,
        `z`, `tangent_x`, `tangent_y`, `tangent_z`, `arc_length` (mm along the cord from the
        pontomedullary junction), `vertebral_level`, `spinal_level` (continuous), `area` (mm2,
        perpendicular to the cord), `diameter_RL` (mm, the greatest width, which is not quite the
        axis of the ellipse that morphometry calls so) and `diameter_AP` (mm, mean extent over the
        central 3 mm of the width).
    """

    fractions: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    slices: pd.DataFrame


_FRACTIONS = {
    "SC": code.IS_CORD,
    "GM": code.IS_GRAY,
    "WM": code.IS_WHITE,
    "CSF": code.IS_CSF,
    "canal": code.IS_CANAL,
    "lesion": code.IS_LESION,
    "spine": IS_SPINE,
}


def make_truth(anatomy: Anatomy, sampled: Sampled) -> Truth:
    """Read the truth about an image off the anatomy and the codes of its points."""
    fractions = make_fractions(anatomy, sampled, tuple(_FRACTIONS))
    labels = {
        **level_labels(anatomy, sampled, fractions["SC"] >= 0.5),
        **point_labels(anatomy, sampled.shape, sampled.affine),
    }
    return Truth(fractions, labels, slice_table(anatomy, sampled.shape, sampled.affine))


def make_fractions(
    anatomy: Anatomy, sampled: Sampled, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Part of each voxel that structures fill, float32, see `Truth.fractions`."""
    fractions = {name: sampled.mean(_FRACTIONS[name]) for name in names}
    # The cisterns have the code of CSF too; a canal has a spine around it.
    above = sampled.inner[_arc_length(anatomy, sampled, sampled.inner) > anatomy.levels.top]
    for name in {"canal", "CSF"} & set(names):
        inside = np.zeros(sampled.shape, np.float32)
        inside.reshape(-1)[sampled.inner] = 1.0
        inside.reshape(-1)[above] = 0.0
        fractions[name] *= inside
    return fractions


def region_counts(sampled: Sampled) -> np.ndarray:
    """How many points of each inner voxel lie in each atlas region.

    Returns
    -------
    ndarray
        (inner voxels, 37) uint16, in the order of `Sampled.inner`; divided by the number of
        points, `Sampled.inner_codes.shape[1]`, it is the part of the voxel that a region fills.
    """
    n = len(sampled.inner)
    out = np.empty((n, 37), np.uint16)
    step = max(1, 2_000_000 // sampled.inner_codes.shape[1])
    for start in range(0, n, step):
        region = sampled.inner_codes[start : start + step] & (code.LESION - 1)
        region = np.minimum(region, 37).astype(np.intp)
        rows = len(region)
        flat = np.bincount((region + 38 * np.arange(rows)[:, None]).ravel(), minlength=38 * rows)
        out[start : start + step] = flat.reshape(rows, 38)[:, :37]
    return out


def region_fractions(sampled: Sampled) -> np.ndarray:
    """Part of each voxel that each atlas region fills, (x, y, z, 37) float32."""
    out = np.zeros((int(np.prod(sampled.shape)), 37), np.float32)
    out[sampled.inner] = region_counts(sampled) / np.float32(sampled.inner_codes.shape[1])
    return out.reshape(*sampled.shape, 37)


def level_labels(anatomy: Anatomy, sampled: Sampled, cord: np.ndarray) -> dict[str, np.ndarray]:
    """Vertebral and spinal levels of the cord's voxels, and levels of the dorsal rootlets."""
    voxels = np.flatnonzero(cord)
    s = _arc_length(anatomy, sampled, voxels)
    out = {}
    for name, level, highest in (
        ("vertebrae", anatomy.levels.vertebral(s), 25),
        ("spinallevels", anatomy.levels.spinal_level(s), 30),
    ):
        image = np.zeros(cord.shape, np.uint8)
        image.reshape(-1)[voxels] = np.clip(np.floor(level), 1, highest)
        out[name] = image
    out["rootlets"] = _rootlets(anatomy, sampled)
    return out


def point_labels(
    anatomy: Anatomy, shape: tuple[int, int, int], affine: np.ndarray
) -> dict[str, np.ndarray]:
    """Single voxels: `discs` (posterior tips, and the conus, 60) and `PMJ` (50), on the grid."""
    discs, junction = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    table = points(anatomy)
    table = table[table["kind"].isin(["disc_posterior", "PMJ", "conus"])]
    world = anatomy.curve.to_world(table[["u", "v", "s"]].to_numpy())
    inverse = np.linalg.inv(affine)
    voxels = np.rint(world @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    inside = np.all((voxels >= 0) & (voxels < np.array(shape)), axis=1)
    for kind, value, voxel in zip(
        table["kind"][inside], table["value"][inside], voxels[inside], strict=True
    ):
        (junction if kind == "PMJ" else discs)[tuple(voxel)] = value
    return {"discs": discs, "PMJ": junction}


def slice_table(anatomy: Anatomy, shape: tuple[int, int, int], affine: np.ndarray) -> pd.DataFrame:
    """The true cord on each slice of the grid, see `Truth.slices`."""
    order, ras = canonicalize(np.empty(shape, np.uint8), affine)
    inverse = np.linalg.inv(ras)
    curve = anatomy.curve
    height = curve.points @ inverse[2, :3] + inverse[2, 3]
    crossed = np.arange(order.shape[2])
    s = np.interp(crossed, height, curve.s)
    point, _ = curve.at(s)
    up = curve.axes(s)[:, 2]
    voxel = point @ inverse[:3, :3].T + inverse[:3, 3]
    seen = (s > anatomy.levels.conus) & (s <= anatomy.levels.top)
    in_plane = voxel[:, :2]
    seen &= np.all((in_plane > -0.5) & (in_plane < np.array(order.shape[:2]) - 0.5), axis=1)
    half = np.array([1.0, 0.0, -1.0]) * 0.5
    # A thick slice holds the mean over its thickness (Simpson's rule).
    thick = np.interp(crossed[:, None] + half, height, curve.s)
    weights = np.array([1.0, 4.0, 1.0]) / 6.0
    station = anatomy.at(thick)
    middle = np.linspace(-1.0, 1.0, 13) * _MIDDLE / 2
    front, back = edges(middle / np.maximum(station.half_width, _MIDDLE)[..., None])
    depth = (front - back).mean(-1) * station.half_depth
    columns = {
        "slice": crossed,
        **dict(zip("xyz", point.T, strict=True)),
        **{f"tangent_{axis}": part for axis, part in zip("xyz", up.T, strict=True)},
        "arc_length": s,
        "vertebral_level": anatomy.levels.vertebral(s),
        "spinal_level": anatomy.levels.spinal_level(s),
        "area": anatomy.area(thick) @ weights,
        "diameter_RL": 2.0 * station.half_width @ weights,
        "diameter_AP": depth @ weights,
    }
    return pd.DataFrame(columns)[seen].reset_index(drop=True)


def centerline_mask(
    slices: pd.DataFrame, shape: tuple[int, int, int], affine: np.ndarray
) -> np.ndarray:
    """One voxel on each slice of `slice_table`, uint8 on the grid."""
    empty, ras = canonicalize(np.zeros(shape, np.uint8), affine)
    inverse = np.linalg.inv(ras)
    world = slices[["x", "y", "z"]].to_numpy()
    voxels = np.rint(world @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    drawn = np.zeros_like(empty)
    drawn[tuple(voxels.T)] = 1
    return from_canonical(drawn, affine)


def _arc_length(anatomy: Anatomy, sampled: Sampled, voxels: np.ndarray) -> np.ndarray:
    index = np.stack(np.unravel_index(voxels, sampled.shape), -1)
    world = index @ sampled.affine[:3, :3].T + sampled.affine[:3, 3]
    return anatomy.curve.from_world(world)[0][..., 2]


def _rootlets(anatomy: Anatomy, sampled: Sampled) -> np.ndarray:
    """Spinal level of the dorsal rootlet that fills a good part of a voxel; uint8."""
    has_root = sampled.mean(np.arange(256) == code.Tissue.ROOT).ravel() >= _ROOTLET_PART
    voxels = np.flatnonzero(has_root)
    offsets = sub_offsets(sampled.affine)
    out = np.zeros(sampled.shape, np.uint8)
    for rows in row_chunks(len(voxels), len(offsets)):
        uvs, _ = frame_points(anatomy, sampled.shape, sampled.affine, voxels[rows], offsets)
        u, v, s = np.ascontiguousarray(uvs.reshape(-1, 3).T)
        level = rootlet_level(anatomy, u, v, s, anatomy.at(s)).reshape(uvs.shape[:2])
        enough = (level > 0).mean(1) >= _ROOTLET_PART
        out.reshape(-1)[voxels[rows][enough]] = level.max(1)[enough]
    return out
