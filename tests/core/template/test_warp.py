import numpy as np
import pytest

from sctflow.core.template.warp import FULL, TemplateImages, covered_box, warp_template
from sctflow.core.transforms import Affine


@pytest.fixture
def images():
    """A cube of two regions, 20 voxels of 0.5 mm wide, that is its own cord."""
    cord = np.zeros((30, 30, 30), np.uint8)
    cord[5:25, 5:25, 5:25] = FULL
    left = cord.copy()
    left[15:] = 0
    regions = [left, cord - left]
    places = [np.flatnonzero(region) for region in regions]
    labels = np.where(cord > 0, 3, 0).astype(np.uint8)
    labels[:, :, 15:] = np.where(labels[:, :, 15:] > 0, 2, 0)
    return TemplateImages(
        affine=np.diag([0.5, 0.5, 0.5, 1.0]),
        shape=cord.shape,
        weights={"cord": cord},
        labels={"vertebral levels": labels},
        places=np.concatenate(places).astype(np.uint32),
        values=np.full(sum(map(len, places)), FULL, np.uint8),
        ends=np.cumsum([0, *map(len, places)]),
    )


def _moved(images, shape=(40, 40, 40)):
    """Everything lies 10 mm farther along each axis on the wanted grid."""
    back = np.eye(4)
    back[:3, 3] = -10
    return warp_template(images, [Affine(back)], to_affine=np.eye(4), to_shape=shape)


def test_regions_share_out_the_cord(images):
    warped = _moved(images)
    total = warped.atlas.sum(axis=-1) / FULL
    assert total == pytest.approx(warped.weights["cord"], abs=1 / FULL)


def test_volume_is_kept(images):
    assert _moved(images).weights["cord"].sum() == pytest.approx(10**3, rel=1e-6)


@pytest.mark.parametrize("size", [(0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.9, 1.3, 5.0)])
def test_weights_are_the_part_of_the_voxel_that_is_filled(images, size):
    """Of a cube between 2.25 and 12.25 mm, exactly, however the grid lies to it."""
    to_affine = np.diag([*size, 1.0])
    to_affine[:3, 3] = 0.13
    shape = np.ceil(16 / np.array(size)).astype(int)
    warped = warp_template(images, [], to_affine=to_affine, to_shape=shape)
    shares = []
    for axis in range(3):
        place = 0.13 + size[axis] * np.arange(shape[axis])
        low, high = place - size[axis] / 2, place + size[axis] / 2
        shares.append((np.minimum(high, 12.25) - np.maximum(low, 2.25)).clip(0) / size[axis])
    expected = np.einsum("i,j,k->ijk", *shares)
    # A template's edge is itself as soft as its voxels; along the cord points are 2 mm apart.
    error = warped.weights["cord"] - expected
    assert np.abs(error).max() < 0.3
    assert np.sqrt((error**2).mean()) < 0.05
    assert abs(error.sum()) < 0.01 * expected.sum()
    middle = np.abs(error)[:, :, shape[2] // 2]
    assert middle.max() < 0.25


def test_labels_are_whole_and_at_their_place(images):
    levels = _moved(images).labels["vertebral levels"]
    assert set(np.unique(levels)) == {0, 2, 3}
    assert levels[17, 17, 20] == 2
    assert levels[17, 17, 14] == 3


def test_one_region_alone(images):
    warped = warp_template(images, [], to_affine=images.affine, to_shape=images.shape, regions=[1])
    assert np.array_equal(warped.atlas[..., 0], images.region(1))


def test_a_grid_beside_the_template_stays_empty(images):
    away = np.eye(4)
    away[:3, 3] = 500
    warped = warp_template(images, [], to_affine=away, to_shape=(10, 10, 10))
    assert not warped.atlas.any()
    assert not warped.weights["cord"].any()


@pytest.mark.parametrize("step", [0.5, 1.0, 3.0])
def test_the_covered_part_is_found_on_any_grid(images, step):
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = -20
    shape = (int(60 / step),) * 3
    box = covered_box(images.affine, images.shape, [], to_affine=affine, to_shape=shape)
    low = np.array([side.start for side in box]) * step - 20
    high = np.array([side.stop - 1 for side in box]) * step - 20
    assert np.all(low <= 0.5 * 5)
    assert np.all(high >= 0.5 * 24)
    assert np.all(high - low < 15 + 2 * 4 * step + 12)
