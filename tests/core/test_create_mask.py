"""Masks of simple shapes, boxes around masks, and slices shifted sideways."""

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.centerline import fit_centerline
from sctflow.core.create_mask import centers_along, centers_through, draw_mask, middle_of
from sctflow.core.crop import box_around
from sctflow.core.flatten import flatten_sagittal
from sctflow.core.image import crop
from sctflow.errors import SegmentationError

SHAPE = (40, 50, 12)
AXIAL = np.diag([0.8, 0.5, 4.0, 1.0])
# Stored posterior-superior-right, oblique by 20 degrees about the right-left axis.
TURN = np.array([[1, 0, 0], [0, np.cos(0.35), -np.sin(0.35)], [0, np.sin(0.35), np.cos(0.35)]])
SAGITTAL = nib.affines.from_matvec(
    TURN @ np.array([[0, 0, 0.8], [-0.5, 0, 0], [0, 4.0, 0]]), [-10.0, 20, 5]
)
GRIDS = {"axial": (SHAPE, AXIAL), "sagittal": ((50, 12, 40), SAGITTAL)}


@pytest.fixture(params=GRIDS)
def grid(request):
    return GRIDS[request.param]


def _in_plane(shape, affine, point):
    """Distances of all voxels from a point, to the right and across it within the slice."""
    voxels = np.moveaxis(np.indices(shape), 0, -1)
    away = nib.affines.apply_affine(affine, voxels) - point
    up = affine[:3, np.abs(affine[:3, :3][2]).argmax()]
    up = up / np.linalg.norm(up)
    away = away - (away @ up)[..., None] * up
    return np.abs(away[..., 0]), np.linalg.norm(away, axis=-1)


def test_a_cylinder_holds_the_voxels_within_its_radius(grid):
    shape, affine = grid
    point = nib.affines.apply_affine(affine, np.array(shape) / 2 + 0.3)
    mask = draw_mask(shape, affine, centers_through(point, shape, affine), size_mm=12.0)
    assert mask.dtype == np.uint8
    assert_array_equal(mask, _in_plane(shape, affine, point)[1] <= 6)


def test_a_box_holds_a_square_in_each_slice(grid):
    shape, affine = grid
    point = middle_of(shape, affine)
    centers = centers_through(point, shape, affine)
    mask = draw_mask(shape, affine, centers, kind="box", size_mm=9.9)
    right, away = _in_plane(shape, affine, point)
    front = np.sqrt(np.maximum(away**2 - right**2, 0))
    assert_array_equal(mask, (right <= 4.95) & (front <= 4.95))


def test_a_gaussian_falls_off_with_half_the_size_as_standard_deviation(grid):
    shape, affine = grid
    point = middle_of(shape, affine)
    centers = centers_through(point, shape, affine)
    mask = draw_mask(shape, affine, centers, kind="gaussian", size_mm=8.0)
    assert_allclose(mask, np.exp(-0.5 * (_in_plane(shape, affine, point)[1] / 4) ** 2), atol=1e-6)


def _leaning():
    """Cord of 3 mm radius that leans to the right, in slices 2 to 9."""
    cord = np.zeros(SHAPE, np.uint8)
    for k in range(2, 10):
        x, y = np.meshgrid(np.arange(40) * 0.8, np.arange(50) * 0.5, indexing="ij")
        cord[..., k] = np.hypot(x - 10 - k, y - 12) <= 3
    return cord


def test_a_mask_follows_the_cord_and_ends_with_it():
    cord = _leaning()
    line = fit_centerline(cord, AXIAL)
    mask = draw_mask(SHAPE, AXIAL, centers_along(line, SHAPE, AXIAL), size_mm=10.0)
    assert mask.any(axis=(0, 1)).tolist() == cord.any(axis=(0, 1)).tolist()
    for k in range(2, 10):
        center = np.argwhere(mask[..., k]).mean(0) * (0.8, 0.5)
        assert_allclose(center, (10 + k, 12), atol=0.4)


def test_a_finer_image_is_drawn_on_along_the_line_of_another():
    line = fit_centerline(_leaning(), AXIAL)
    fine = np.diag([0.8, 0.5, 1.0, 1.0])
    mask = draw_mask((40, 50, 48), fine, centers_along(line, (40, 50, 48), fine), size_mm=10.0)
    # From half a slice of the fine image below 8 mm to half a slice above 36 mm.
    assert np.flatnonzero(mask.any(axis=(0, 1)))[[0, -1]].tolist() == [8, 36]


@pytest.mark.parametrize(("kind", "size"), [("ball", 5.0), ("box", 0.0), ("box", np.nan)])
def test_no_such_shape(kind, size):
    with pytest.raises(ValueError, match="must be"):
        draw_mask(SHAPE, AXIAL, np.zeros((12, 2)), kind=kind, size_mm=size)


class TestBox:
    def test_margins_are_millimetres_along_the_body(self):
        data = np.zeros((50, 12, 40), np.uint8)
        data[10:12, 5, 20] = 1
        box = box_around(
            data, SAGITTAL, affine=SAGITTAL, shape=data.shape, margin_mm=(1.6, 2.0, 8.0)
        )
        assert box == ((6, 3, 18), (16, 8, 23))

    def test_one_margin_is_for_all_sides_and_ends_with_the_image(self):
        data = np.zeros((30, 30, 30), np.uint8)
        data[10:12, 10, 1] = 1
        affine = np.diag([1, 2, 3, 1.0])
        box = box_around(data, affine, affine=affine, shape=data.shape, margin_mm=4)
        assert box == ((6, 8, 0), (16, 13, 4))

    def test_a_mask_of_another_grid_is_kept_whole(self):
        fine = np.zeros((80, 100, 12), np.uint8)
        fine[31:40, 41:50, 3:6] = 1
        fine_affine = AXIAL @ np.diag([0.5, 0.5, 1, 1])
        lower, upper = box_around(fine, fine_affine, affine=AXIAL, shape=SHAPE)
        assert (lower, upper) == ((15, 20, 3), (21, 26, 6))
        img = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AXIAL)
        part = crop(img, lower, upper)
        assert_allclose(part.affine[:3, 3], AXIAL[:3, :3] @ lower)

    @pytest.mark.parametrize("place", ["nowhere", "elsewhere"])
    def test_there_is_nothing_to_crop_around(self, place):
        data = np.zeros(SHAPE, np.uint8)
        data[3, 3, 3] = place == "elsewhere"
        far = AXIAL.copy()
        far[2, 3] = 500
        with pytest.raises(SegmentationError, match=r"empty|outside"):
            box_around(data, far, affine=AXIAL, shape=SHAPE)


def test_the_cord_lies_in_one_plane_when_slices_are_shifted():
    cord = _leaning()
    line = fit_centerline(cord, AXIAL)
    flat = flatten_sagittal(cord, AXIAL, line)
    for k in range(2, 10):
        center = (np.arange(40) * flat[..., k].sum(1)).sum() / flat[..., k].sum()
        assert center == pytest.approx(19, abs=0.25)
    assert flat[19, 24, 2:10].all()
    assert not cord[19, 24, 2:10].all()


def test_slices_beyond_the_cord_are_shifted_as_its_last_one():
    image = np.zeros(SHAPE)
    image[20] = 1
    flat = flatten_sagittal(image, AXIAL, fit_centerline(_leaning(), AXIAL))
    assert_array_equal(flat[..., 11], flat[..., 9])
    assert_array_equal(flat[..., 0], flat[..., 2])
    assert not np.array_equal(flat[..., 2], flat[..., 9])
