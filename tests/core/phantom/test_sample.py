"""The phantom on grids: whatever the grid, the same anatomy; whatever is said of it, true."""

import numpy as np
import pytest

from sctflow.core.grid import canonicalize
from sctflow.core.phantom.anatomy import Lesion, draw_anatomy, make_anatomy
from sctflow.core.phantom.codes import IS_CORD, IS_LESION, LESION
from sctflow.core.phantom.grids import axial_grid, sagittal_grid
from sctflow.core.phantom.sample import sample, sub_offsets
from sctflow.core.phantom.truth import make_truth, region_counts, region_fractions

LESION_AT = Lesion(level=5.0, right=0.5, front=0.0, radii=(1.5, 1.5, 4.0))
PERSON = draw_anatomy(7)
STRAIGHT = make_anatomy(straight=True)


def small(anatomy, *, zoom=0.5, thickness=5.0, upper=4.0, lower=6.0, perpendicular=True):
    n = int(24 / zoom)
    return axial_grid(
        anatomy,
        upper,
        lower,
        zoom=(zoom, zoom),
        thickness=thickness,
        matrix=(n, n),
        perpendicular=perpendicular,
    )


def volume(sampled, table=IS_CORD):
    voxel = abs(np.linalg.det(sampled.affine[:3, :3]))
    return voxel * sampled.mean(table).sum(dtype=float)


@pytest.mark.parametrize("zoom", [0.3, 1.0])
def test_a_straight_cord_has_its_area_in_every_slice(zoom):
    grid = small(STRAIGHT, zoom=zoom)
    sampled = sample(STRAIGHT, *grid, surroundings=False)
    area = sampled.mean(IS_CORD).sum((0, 1)) * zoom**2
    truth = make_truth(STRAIGHT, sampled).slices
    # Points on a lattice 0.2 mm wide, in line with the cord: 0.1 to 0.3 mm2 of 75 at its edge.
    np.testing.assert_allclose(area, truth["area"], rtol=4e-3)
    s = truth["arc_length"].to_numpy()
    np.testing.assert_allclose(truth["area"], STRAIGHT.area(s), rtol=5e-3)


def test_a_leaning_cord_has_its_area_once_the_angles_are_undone():
    grid = small(PERSON, upper=7.0, lower=9.0, perpendicular=False)
    sampled = sample(PERSON, *grid, surroundings=False)
    truth = make_truth(PERSON, sampled).slices
    cosine = truth["tangent_z"]
    assert cosine.max() < np.cos(np.deg2rad(8))
    area = sampled.mean(IS_CORD).sum((0, 1))[truth["slice"]] * 0.25 * cosine
    # Within a slice of 5 mm the cord's tilt and width change a little.
    np.testing.assert_allclose(area, truth["area"], rtol=0.01)


def test_any_grid_holds_the_same_anatomy():
    """Oblique, sheared in storage order, thick or thin: the same volumes of cord and lesion."""
    person = make_anatomy(lesions=(LESION_AT,))
    upright = sample(person, *small(person, thickness=1.0), surroundings=False)
    angle = np.deg2rad(20)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    shape, affine = sagittal_grid(person, 4.0, 6.0, zoom=0.8, thickness=1.2, width=24, depth=24)
    grids = {
        "thick": small(person, thickness=6.0),
        "turned": (small(person, thickness=1.0)[0], turn @ small(person, thickness=1.0)[1]),
    }
    for name, grid in grids.items():
        other = sample(person, *grid, surroundings=False)
        height = other.shape[2] * np.linalg.norm(other.affine[:3, 2])
        expected = height / (upright.shape[2] * np.linalg.norm(upright.affine[:3, 2]))
        assert volume(other) == pytest.approx(expected * volume(upright), rel=0.01), name
        lesion = volume(upright, IS_LESION)
        assert volume(other, IS_LESION) == pytest.approx(lesion, rel=0.02), name
    sagittal = sample(person, shape, affine, surroundings=False)
    lesion = volume(upright, IS_LESION)
    assert volume(sagittal, IS_LESION) == pytest.approx(lesion, rel=0.03)


def test_a_lesion_inside_the_cord_has_the_volume_of_its_ellipsoid():
    person = make_anatomy(straight=True, lesions=(LESION_AT,))
    sampled = sample(person, *small(person, thickness=1.0), surroundings=False)
    exact = 4 / 3 * np.pi * np.prod(LESION_AT.radii)
    assert volume(sampled, IS_LESION) == pytest.approx(exact, rel=0.02)
    truth = make_truth(person, sampled)
    assert truth.fractions["lesion"].max() == 1
    # What is sick is still gray or white matter, of the same region.
    whole = make_anatomy(straight=True)
    healthy = sample(whole, *small(whole, thickness=1.0), surroundings=False)
    np.testing.assert_array_equal(region_counts(sampled), region_counts(healthy))
    assert np.any(sampled.inner_codes >= LESION)


def test_regions_share_the_cord_out_without_gap_or_overlap():
    sampled = sample(PERSON, *small(PERSON), surroundings=False)
    truth = make_truth(PERSON, sampled)
    regions = region_fractions(sampled)
    total = regions[..., :36].sum(-1)
    np.testing.assert_allclose(total, truth.fractions["SC"], atol=1e-6)
    np.testing.assert_allclose(
        truth.fractions["GM"] + truth.fractions["WM"], truth.fractions["SC"], atol=1e-6
    )
    assert regions.min() >= 0
    assert regions.sum(-1).max() <= 1 + 1e-6
    present = regions.sum((0, 1, 2)) > 0
    assert present[:36].all()


def test_levels_change_where_the_discs_are():
    sampled = sample(STRAIGHT, *small(STRAIGHT, thickness=1.0), surroundings=False)
    labels = make_truth(STRAIGHT, sampled).labels
    _, affine = canonicalize(np.empty(sampled.shape, np.uint8), sampled.affine)
    vertebrae, _ = canonicalize(labels["vertebrae"], sampled.affine)
    z = affine[2, 3] + np.arange(vertebrae.shape[2])
    disc = STRAIGHT.curve.at(STRAIGHT.levels.disc(5))[0][2]
    lowest_of_c4 = z[(vertebrae == 4).any((0, 1))].min()
    highest_of_c5 = z[(vertebrae == 5).any((0, 1))].max()
    assert highest_of_c5 < disc <= lowest_of_c4
    assert set(np.unique(vertebrae)) == {0, 4, 5}
    discs = labels["discs"]
    assert set(np.unique(discs)) >= {0, 5}
    assert (discs == 5).sum() == 1


def test_a_series_with_one_table_is_the_mean():
    sampled = sample(PERSON, *small(PERSON, zoom=1.0))
    values = np.random.default_rng(0).random(256)
    tables = np.broadcast_to(values[:, None], (sampled.shape[2], 256, 2))
    series = sampled.series(tables)
    for volume_ in np.moveaxis(series, -1, 0):
        np.testing.assert_allclose(volume_, sampled.mean(values), atol=1e-5)


def test_points_fill_a_voxel_evenly_whatever_its_shape():
    thick = np.array([[0, 0, 5.0, 0], [0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 1]])
    offsets = sub_offsets(thick, across=0.25, along=0.6)
    np.testing.assert_allclose(offsets.mean(0), 0, atol=1e-12)
    # The second axis runs up: one point is enough for 0.5 mm.
    assert [len(np.unique(column)) for column in offsets.T] == [2, 1, 20]


def test_the_same_person_on_the_same_grid_is_the_same_bytes():
    one, two = (sample(PERSON, *small(PERSON)) for _ in range(2))
    np.testing.assert_array_equal(one.codes, two.codes)
    np.testing.assert_array_equal(one.inner_codes, two.inner_codes)
