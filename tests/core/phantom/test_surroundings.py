"""The body around the spine: what a person who looks at a scan expects to find, and where."""

import numpy as np
import pytest

from sctflow.core.phantom.anatomy import Body, draw_anatomy, make_anatomy
from sctflow.core.phantom.codes import IS_CANAL, IS_CORD, Tissue
from sctflow.core.phantom.spine import IS_SPINE
from sctflow.core.phantom.surroundings import paint_body

AVERAGE = make_anatomy()
STRAIGHT = make_anatomy(straight=True)


def painted(anatomy, u, v, s):
    """Codes of the body on a lattice of the cord's frame, (len(u), len(v), len(s))."""
    grid = np.meshgrid(
        *(np.atleast_1d(np.asarray(x, np.float32)) for x in (u, v, s)), indexing="ij"
    )
    uvs = np.stack(grid, -1).reshape(-1, 3)
    codes = np.zeros(len(uvs), np.uint8)
    xyz = anatomy.curve.to_world(uvs).astype(np.float32)
    paint_body(codes, anatomy, *np.ascontiguousarray(uvs.T), anatomy.at(uvs[:, 2]), xyz)
    return codes.reshape(grid[0].shape)


def at_level(level, u, v, anatomy=AVERAGE):
    return painted(anatomy, u, v, anatomy.levels.position(level))[:, :, 0]


@pytest.mark.parametrize("level", [2.5, 4.5, 7.5, 10.5, 14.5, 20.5, 23.5])
def test_from_behind_there_are_air_skin_fat_and_muscle(level):
    line = at_level(level, 6.0, np.arange(-120.0, -20.0, 0.25)).ravel()
    first = [np.argmax(line == tissue) for tissue in (Tissue.SKIN, Tissue.FAT, Tissue.MUSCLE)]
    assert np.all(line[: first[0]] == Tissue.BACKGROUND)
    assert 0 < first[0] < first[1] < first[2]
    assert (first[1] - first[0]) * 0.25 == pytest.approx(1.8, abs=0.8)


@pytest.mark.parametrize("level", [3.0, 4.5, 6.5, 8.0])
def test_the_neck_has_an_open_airway_in_its_middle(level):
    plane = at_level(level, np.arange(-15.0, 15.5, 1.0), np.arange(20.0, 55.0, 1.0))
    air = plane == Tissue.AIR
    assert air.sum() > 30
    assert abs(np.argwhere(air)[:, 0].mean() - 15.0) < 0.5


def test_carotids_and_jugulars_lie_on_both_sides_of_the_neck():
    plane = at_level(6.0, np.arange(-40.0, 41.0, 1.0), np.arange(10.0, 60.0, 1.0))
    for tissue in (Tissue.ARTERY, Tissue.VEIN):
        right = (plane[41:] == tissue).sum()
        assert 10 < right == (plane[:40] == tissue).sum()


def test_the_chest_has_lungs_and_an_aorta_left_of_the_spine():
    u = np.arange(-130.0, 131.0, 2.0)
    plane = at_level(14.0, u, np.arange(-20.0, 100.0, 2.0))
    lung = plane == Tissue.LUNG
    assert min(lung[u < 0].mean(), lung[u > 0].mean()) > 0.2
    near = at_level(14.0, np.arange(-45.0, 46.0, 1.0), np.arange(5.0, 35.0, 1.0)) == Tissue.ARTERY
    assert near[:45].sum() > 150 > 20 > near[46:].sum()


def test_fat_fills_the_space_before_the_heart_without_a_seam():
    # The outline's middle, from which depths are measured, lies in it.
    codes = at_level(17.0, np.arange(-1.0, 1.1, 0.2), np.arange(47.0, 58.0, 0.1))
    assert np.all(codes == Tissue.FAT)


def test_the_belly_has_the_caval_vein_on_the_right_and_a_psoas_on_each_side():
    u, v = np.arange(-60.0, 61.0, 1.0), np.arange(0.0, 70.0, 1.0)
    plane = at_level(22.5, u, v)
    assert np.argwhere(plane == Tissue.VEIN)[:, 0].mean() - 60.0 > 10.0
    muscle = plane == Tissue.MUSCLE
    assert min(muscle[20:40].mean(), muscle[81:101].mean()) > 0.3


def test_cerebellum_lies_behind_the_brainstem_and_cerebrum_above():
    assert (
        painted(AVERAGE, 8.0, -35.0, np.arange(0.0, 15.0, 0.5))
        .ravel()
        .tolist()
        .count(Tissue.CEREBELLUM)
        > 24
    )
    assert (
        np.mean(painted(AVERAGE, 10.0, -10.0, np.arange(55.0, 80.0, 1.0)) == Tissue.CEREBRUM) > 0.8
    )


def test_the_slope_of_the_skull_base_lies_before_the_brainstem():
    line = painted(AVERAGE, 0.0, np.arange(5.0, 40.0, 0.5), 0.0).ravel()
    marrow = np.flatnonzero(line == Tissue.FAT)
    assert 10.0 < 5.0 + 0.5 * marrow[0] < 22.0


def test_the_body_has_no_cord_no_spine_and_only_the_head_has_csf():
    rng = np.random.default_rng(0)
    uvs = rng.uniform((-80, -80, -600), (80, 120, 85), (60_000, 3)).astype(np.float32)
    codes = np.zeros(len(uvs), np.uint8)
    xyz = STRAIGHT.curve.to_world(uvs).astype(np.float32)
    paint_body(codes, STRAIGHT, *np.ascontiguousarray(uvs.T), STRAIGHT.at(uvs[:, 2]), xyz)
    assert not np.any(IS_CORD[codes])
    assert not np.any(IS_SPINE[codes])
    assert uvs[IS_CANAL[codes], 2].min() > STRAIGHT.levels.top - 15.0


@pytest.mark.parametrize("level", [2.5, 5.0, 7.2])
def test_the_average_neck_has_both_sides_alike_behind_the_gullet(level):
    u, v = np.arange(0.25, 60.0, 1.0), np.arange(-60.0, 22.0, 1.0)
    np.testing.assert_array_equal(at_level(level, u, v), at_level(level, -u, v))


def test_people_are_not_symmetric_and_no_two_are_alike():
    u, v = np.arange(0.25, 50.0, 1.0), np.arange(-45.0, 20.0, 1.0)
    one, two = make_anatomy(seed=1), make_anatomy(seed=2)
    assert np.mean(at_level(4.5, u, v, one) != at_level(4.5, -u, v, one)) > 0.02
    assert np.mean(at_level(4.5, u, v, one) != at_level(4.5, u, v, two)) > 0.02


def test_the_same_person_is_painted_the_same_every_time():
    u, v = np.arange(-50.0, 50.0, 2.0), np.arange(-60.0, 60.0, 2.0)
    first, again = (at_level(5.0, u, v, draw_anatomy(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_fat_and_girth_follow_the_body():
    v = np.arange(-110.0, -20.0, 0.25)

    def skin_and_fat(body):
        line = at_level(5.0, 6.0, v, make_anatomy(body=body)).ravel()
        skin = np.argmax(line == Tissue.SKIN)
        return v[skin], 0.25 * (np.argmax(line == Tissue.MUSCLE) - skin)

    surface, fat = skin_and_fat(Body())
    thick_surface, thick = skin_and_fat(Body(fat=2.0))
    wide_surface, _ = skin_and_fat(Body(neck=1.1))
    assert thick > 1.6 * fat
    assert max(thick_surface, wide_surface) < surface
    with_muscle = at_level(5.0, np.arange(0, 50.0), v[::4], make_anatomy(body=Body(muscle=1.15)))
    assert np.any(with_muscle != at_level(5.0, np.arange(0, 50.0), v[::4]))
