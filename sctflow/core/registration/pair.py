"""What a step works on: both images on one grid of the fixed image's slices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sctflow.core.mask import bounding_box, core_of, mask_weights
from sctflow.core.registration.plane import PlaneGrid
from sctflow.core.registration.steps import Step
from sctflow.core.transforms import Chain, resample_through
from sctflow.errors import RegistrationError

if TYPE_CHECKING:
    from sctflow.core.registration.register import ImageData

REACHES_MM = (12.0, 30.0)
"""How far from the fixed mask the moving one is looked for, in the plane: first near by, and
farther if it is not all there. A large template has many voxels."""

MARGIN_MM = 15.0
"""How far from a mask of the region images are looked at: what the region may move by."""

FADED = 0.5
"""A slice whose highest mask weight is below this fraction of the volume's lies beyond the end of
the mask and only shows it by interpolation."""


@dataclass(frozen=True)
class Pair:
    """Two images on one grid, (S, X, Y) each; what the step does not use is None.

    Attributes
    ----------
    grid : PlaneGrid
    seg : tuple of two arrays or None
        Masks of the fixed and the moving image.
    image : tuple of two arrays or None
        nan where there is none.
    weights : array
        How much voxels count where images are matched.
    """

    grid: PlaneGrid
    seg: tuple[np.ndarray, np.ndarray] | None
    image: tuple[np.ndarray, np.ndarray] | None
    weights: np.ndarray

    def common_slices(self) -> np.ndarray:
        """Say which slices (S,) have what the step needs, in both images.

        Raises
        ------
        RegistrationError
            If there is none.
        """
        common = np.ones(self.grid.shape[2], dtype=bool)
        if self.seg is not None:
            for weights in self.seg:
                top = weights.max(axis=(1, 2))
                common &= (top > 0) & (top >= FADED * top.max())
        if self.image is not None:
            overlap = np.isfinite(self.image[0]) & np.isfinite(self.image[1])
            common &= (overlap & (self.weights > 0)).any(axis=(1, 2))
        if not common.any():
            what = "masks" if self.seg is not None else "images"
            raise RegistrationError(
                f"The {what} of the two images have no slice in common within "
                f"{REACHES_MM[-1]:g} mm. Check that both lie in the same place in the world, or "
                "give initial transforms or labels that bring them together."
            )
        return common

    def at(self, slices: np.ndarray) -> Pair:
        """Take some slices, or the same ones several times; the grid keeps its heights."""

        def pick(images: tuple | None) -> tuple | None:
            return None if images is None else tuple(image[slices] for image in images)

        return replace(
            self, seg=pick(self.seg), image=pick(self.image), weights=self.weights[slices]
        )

    def cropped(self, low: np.ndarray, high: np.ndarray) -> Pair:
        """Cut voxels out, in the order of the grid's axes."""
        x, y, z = (slice(a, b) for a, b in zip(low, high, strict=True))

        def cut(images: tuple | None) -> tuple | None:
            return None if images is None else tuple(image[z, x, y] for image in images)

        return Pair(
            self.grid.box(low, high), cut(self.seg), cut(self.image), self.weights[z, x, y]
        )


def make_pair(
    fixed: ImageData, moving: ImageData, *, step: Step, chain: Chain, mask: np.ndarray | None
) -> Pair:
    """Bring what a step works on onto a grid, each from the data as they were given.

    The grid is the fixed image's own, cut down to the surroundings of its mask where masks are
    matched, or of the region that counts.
    """
    whole = PlaneGrid.of_image(fixed.affine, fixed.shape)
    uses_seg, uses_image = step.type in ("seg", "imseg"), step.type in ("im", "imseg")
    region = None if mask is None else np.nan_to_num(np.asarray(mask, dtype=float))
    grid, seg = whole, None
    if uses_seg:
        weights = [mask_weights(side.seg) for side in (fixed, moving)]
        for reach in REACHES_MM:
            grid = _surroundings(whole, core_of(weights[0]), fixed.affine, reach, "fixed mask")
            second = _brought(weights[1], moving.affine, chain, grid, cval=0.0)
            if _is_whole(second):
                break
        seg = (_brought(weights[0], fixed.affine, (), grid, cval=0.0), second)
    elif region is not None:
        grid = _surroundings(whole, region > 0, fixed.affine, MARGIN_MM, "mask of the region")
    image = None
    if uses_image:
        first, second = (np.asarray(side.image, np.float32) for side in (fixed, moving))
        image = (
            _brought(first, fixed.affine, (), grid, cval=np.nan),
            _brought(second, moving.affine, chain, grid, cval=np.nan),
        )
    if region is None:
        counted = np.ones((grid.shape[2], *grid.shape[:2]), np.float32)
    else:
        counted = _brought(region, fixed.affine, (), grid, cval=0.0)
    return Pair(grid=grid, seg=seg, image=image, weights=counted)


def _brought(
    data: np.ndarray, affine: np.ndarray, chain: Chain, grid: PlaneGrid, *, cval: float
) -> np.ndarray:
    """Sample an image on a grid: (S, X, Y)."""
    values = resample_through(
        data, affine, chain, to_affine=grid.affine, to_shape=grid.shape, cval=cval
    )
    return np.moveaxis(values, 2, 0)


def _is_whole(weights: np.ndarray) -> bool:
    """Say whether a mask is there in every slice (S, X, Y), clear of the sides."""
    sides = (weights[:, 0], weights[:, -1], weights[:, :, 0], weights[:, :, -1])
    return weights.any(axis=(1, 2)).all() and not any(side.any() for side in sides)


def _surroundings(
    grid: PlaneGrid, inside: np.ndarray, affine: np.ndarray, margin: float, name: str
) -> PlaneGrid:
    """Cut a grid to the slices of a mask, and to a margin about it in the plane."""
    if not inside.any():
        raise RegistrationError(f"The {name} is empty: nothing can be registered by it.")
    box = bounding_box(inside)
    corners = np.array(
        np.meshgrid(*[(part.start - 0.5, part.stop - 0.5) for part in box], indexing="ij")
    ).reshape(3, -1)
    world = affine[:3, :3] @ corners + affine[:3, 3:]
    ends = grid.to_frame(world.T) / grid.spacing
    pad = np.array([margin, margin, 0.0]) / grid.spacing
    low = np.floor(ends.min(axis=0) - pad + 0.5 + 1e-3).astype(int)
    high = np.ceil(ends.max(axis=0) + pad + 0.5 - 1e-3).astype(int)
    low[2], high[2] = max(low[2], 0), min(high[2], grid.shape[2])
    return grid.box(low, high)
