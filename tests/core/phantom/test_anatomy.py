"""Levels, curve, outline and sizes: positions and areas as the literature and geometry say."""

import numpy as np
import pytest

from sctflow.core.phantom.anatomy import Lesion, draw_anatomy, make_anatomy
from sctflow.core.phantom.dimensions import Compression
from sctflow.core.phantom.levels import make_levels
from sctflow.core.phantom.outline import edges, half_axes, inside, unit_area

AVERAGE = make_anatomy()


def test_discs_follow_one_another_downwards_and_carry_whole_numbers():
    levels = AVERAGE.levels
    assert np.all(np.diff(levels.discs) < -10)
    np.testing.assert_allclose(levels.vertebral(levels.discs), np.arange(1, 27))
    np.testing.assert_allclose(levels.position(np.arange(1, 27)), levels.discs)


def test_the_disc_c2_c3_lies_64_mm_below_the_pontomedullary_junction():
    assert AVERAGE.levels.disc(3) == pytest.approx(-64.0)


def test_the_spine_grows_with_its_scale_and_the_conus_follows_its_level():
    tall = make_levels(scale=1.1, conus=20.5)
    np.testing.assert_allclose(tall.discs, 1.1 * AVERAGE.levels.discs)
    assert tall.vertebral(tall.conus) == pytest.approx(20.5)


def test_spinal_levels_lie_above_the_vertebrae_of_their_name_ever_more():
    # Clinical rule: C8 about the disc C6/C7, T12 at T9-T10, S1 at T12-L1.
    levels = AVERAGE.levels

    def vertebra_of(spinal: int) -> float:
        middle = 0.5 * (levels.spinal[spinal - 1] + levels.spinal[spinal])
        return float(levels.vertebral(middle))

    assert 6.5 < vertebra_of(8) < 7.5
    assert 16 <= vertebra_of(20) < 18
    assert 19 <= vertebra_of(26) < 21
    lag = [v - vertebra_of(v) for v in range(1, 31)]
    assert lag[25] > lag[15] > lag[5]


def test_the_frame_is_undone_exactly_and_its_axes_are_orthonormal():
    bent = draw_anatomy(3, scoliosis=20)
    rng = np.random.default_rng(0)
    uvs = rng.uniform([-60, -80, -550], [60, 80, 40], (2000, 3))
    back, axes = bent.curve.from_world(bent.curve.to_world(uvs))
    # What is left of Newton's steps far out, where the frame's planes come close to each other.
    np.testing.assert_allclose(back, uvs, atol=1e-4)
    identity = np.einsum("nij,nkj->nik", axes, axes)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-12)
    assert np.all(np.linalg.det(axes) > 0)


def test_arc_length_is_measured_along_the_curve():
    curve = AVERAGE.curve
    steps = np.linalg.norm(np.diff(curve.points, axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.5, rtol=1e-4)


def test_a_straight_cord_runs_up_the_third_axis():
    straight = make_anatomy(straight=True)
    world = straight.curve.to_world(np.array([[3.0, -4.0, -100.0], [3.0, -4.0, -40.0]]))
    np.testing.assert_allclose(np.diff(world, axis=0), [[0, 0, 60]], atol=1e-9)
    back, _ = straight.curve.from_world(world)
    np.testing.assert_allclose(back, [[3, -4, -100], [3, -4, -40]], atol=1e-9)


def test_the_neck_leans_forwards_where_it_meets_the_chest_and_the_loin_hardly_leans():
    # Means of adults in the scanner: 20-25 degrees at C7-T2, -4 to -6 at T11-L1.
    level = np.array([7.5, 9.0, 18.5, 20.0])
    up = AVERAGE.curve.axes(AVERAGE.levels.position(level))[:, 2]
    lean = np.rad2deg(np.arctan2(up[:, 1], up[:, 2]))
    assert np.all((lean[:2] > 15) & (lean[:2] < 27))
    assert np.all((lean[2:] > -8) & (lean[2:] < -2))


def test_scoliosis_tilts_to_either_side_of_its_apex_by_the_angle_asked_for():
    curve = make_anatomy(scoliosis=15.0).curve
    side = np.rad2deg(np.arctan2(-curve.tangents[:, 0], curve.tangents[:, 2]))
    assert side.max() == pytest.approx(15, abs=0.5)
    assert side.min() == pytest.approx(-15, abs=0.5)


def test_the_outline_has_its_area():
    grid = np.linspace(-1.05, 1.05, 2001)
    covered = inside(*np.meshgrid(grid, grid)).mean() * 2.1**2
    assert unit_area() == pytest.approx(covered, rel=2e-3)
    half_width, half_depth = half_axes(np.array(75.0), np.array(0.6))
    assert unit_area() * half_width * half_depth == pytest.approx(75.0)
    assert half_depth / half_width == pytest.approx(0.6)


def test_the_outline_is_symmetric_and_dented_in_the_middle():
    p = np.linspace(-1, 1, 101)
    front, back = edges(p)
    np.testing.assert_allclose(front, front[::-1])
    np.testing.assert_allclose(back, back[::-1])
    assert front[50] < front[60]
    assert back[50] > back[60]


def test_the_average_cord_has_the_areas_of_the_normative_database():
    levels = AVERAGE.levels
    middle = np.array([levels.middle(v) for v in (3, 4, 9, 15, 18)])
    np.testing.assert_allclose(AVERAGE.area(middle), [72.5, 77.4, 41.8, 37.5, 49.1], rtol=2e-3)


def test_the_cord_ends_at_the_conus_and_the_sac_goes_on():
    station = AVERAGE.at(np.array([AVERAGE.levels.conus - 5.0]))
    assert station.half_width == 0
    assert station.canal_half_width > 5


def test_a_compression_leaves_the_part_of_the_depth_that_it_is_asked_to():
    pressed = make_anatomy(compressions=(Compression(level=6.0, ratio=0.7, widening=0.0),))
    s = AVERAGE.levels.position(6.0)
    before, after = AVERAGE.at(s), pressed.at(s)
    assert after.half_depth / before.half_depth == pytest.approx(0.7, abs=1e-3)
    assert after.half_width == pytest.approx(before.half_width)
    assert after.pressed > 2 * (before.half_depth - after.half_depth)
    far = AVERAGE.levels.position(9.0)
    assert pressed.area(far) == pytest.approx(AVERAGE.area(far), rel=1e-4)


def test_people_differ_and_the_same_seed_is_the_same_person():
    one, again, other = draw_anatomy(1), draw_anatomy(1), draw_anatomy(2)
    np.testing.assert_array_equal(one.table, again.table)
    np.testing.assert_array_equal(one.curve.points, again.curve.points)
    assert not np.array_equal(one.table, other.table)


def test_people_vary_as_adults_do():
    s = -72.0
    areas = np.array([float(draw_anatomy(seed).area(s)) for seed in range(60)])
    # 72.5 mm2 and 11 %; three standard errors of 60 people.
    assert areas.mean() == pytest.approx(72.5, abs=3 * 8.0 / np.sqrt(60))
    assert 0.07 < areas.std() / areas.mean() < 0.15


def test_lesions_are_drawn_into_the_neck():
    lesions = draw_anatomy(5, n_lesions=3).lesions
    assert len(lesions) == 3
    assert all(isinstance(one, Lesion) and 2 < one.level < 8 for one in lesions)
