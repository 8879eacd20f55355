"""The vertebral column: every vertebra and disc in its place, and nothing of it in the sac."""

import numpy as np
import pytest

from sctflow.core.phantom.anatomy import Body, draw_anatomy, make_anatomy
from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.dimensions import Compression
from sctflow.core.phantom.spine import IS_SPINE, paint_spine, points

AVERAGE = make_anatomy()
PEOPLE = [AVERAGE, make_anatomy(straight=True, scale=0.9), draw_anatomy(3), draw_anatomy(11)]
UNTOUCHED = 255  # no tissue has this code


def painted(anatomy, u, v, s):
    """Codes of the column on a lattice of the cord's frame, (len(u), len(v), len(s))."""
    grid = np.meshgrid(
        *(np.atleast_1d(np.asarray(x, np.float32)) for x in (u, v, s)), indexing="ij"
    )
    flat = [x.ravel() for x in grid]
    codes = np.full(len(flat[0]), UNTOUCHED, np.uint8)
    paint_spine(codes, anatomy, *flat, anatomy.at(flat[2]))
    return codes.reshape(grid[0].shape)


def canal(anatomy, s):
    """Middle of the dural sac (right, forward) and its front wall."""
    station = anatomy.at(np.array([s]))
    forward = station.canal_forward[0]
    return station.canal_right[0], forward, forward + station.canal_half_depth[0]


@pytest.mark.parametrize("anatomy", PEOPLE)
def test_every_disc_touches_the_dura_at_its_level(anatomy):
    for value in range(3, 26):
        s = anatomy.levels.disc(value)
        right, _, wall = canal(anatomy, s)
        behind = painted(anatomy, right, wall + np.arange(0.05, 3.0, 0.05), s).ravel()
        assert behind[0] == Tissue.DURA
        assert np.argmax(behind == Tissue.ANNULUS) * 0.05 == pytest.approx(0.45, abs=0.11)


@pytest.mark.parametrize("anatomy", PEOPLE)
def test_the_tip_that_is_labelled_lies_in_the_disc(anatomy):
    table = points(anatomy).query("kind == 'disc_posterior' and value >= 3")
    assert list(table["value"]) == list(range(3, 26))
    for point in table.itertuples():
        assert painted(anatomy, point.u, point.v, point.s).item() == Tissue.ANNULUS


def test_discs_are_labelled_from_1_to_25_at_the_positions_of_the_levels():
    table = points(AVERAGE).query("kind == 'disc'")
    np.testing.assert_array_equal(table["value"], np.arange(1, 26))
    np.testing.assert_allclose(table["s"], AVERAGE.levels.discs[:25])
    assert (table[["u", "v"]] == 0).all(axis=None)


def test_other_points_are_numbered_as_in_the_labels_of_images():
    table = points(AVERAGE).set_index("kind")
    assert table["value"][["PMJ", "conus"]].tolist() == [50, 60]
    assert table.loc["PMJ", "s"] == 0
    assert table.loc["conus", "s"] == AVERAGE.levels.conus


@pytest.mark.parametrize("anatomy", PEOPLE)
def test_every_body_from_c2_down_has_marrow_in_its_middle(anatomy):
    table = points(anatomy).query("kind == 'body' and value >= 2")
    for point in table.itertuples():
        assert painted(anatomy, point.u, point.v, point.s).item() == Tissue.MARROW, point.value


@pytest.mark.parametrize("anatomy", PEOPLE)
@pytest.mark.parametrize("vertebra", range(1, 25))
def test_every_vertebra_has_an_arch_behind_the_sac_on_both_sides(anatomy, vertebra):
    levels = anatomy.levels
    s = np.linspace(levels.disc(vertebra), levels.disc(vertebra + 1), 40)
    right, forward, _ = canal(anatomy, levels.middle(vertebra))
    for side in (-5.0, 0.0, 5.0):
        codes = painted(anatomy, right + side, forward - np.arange(3.0, 28.0, 0.5), s)
        assert np.mean(codes == Tissue.MARROW) > 0.005
        assert np.any(codes == Tissue.CORTICAL_BONE)


def test_the_atlas_has_no_body_but_the_dens_in_its_ring():
    levels = AVERAGE.levels
    s = levels.disc(2) + 13.0
    _, _, wall = canal(AVERAGE, s)
    front = painted(AVERAGE, 0.0, wall + np.arange(0.0, 28.0, 0.25), s).ravel()
    marrow = (front == Tissue.MARROW).astype(int)
    # Two pieces of bone one before the other: dens and anterior arch.
    assert np.sum(np.diff(marrow) == 1) == 2
    low = painted(AVERAGE, 0.0, wall + np.arange(0.0, 28.0, 0.25), levels.disc(2) + 3.0).ravel()
    assert np.sum(np.diff((low == Tissue.MARROW).astype(int)) == 1) == 1


@pytest.mark.parametrize("anatomy", PEOPLE)
def test_the_dural_sac_is_left_as_it_was(anatomy):
    s = np.arange(anatomy.levels.disc(26) + 2.0, anatomy.levels.top, 2.3, dtype=np.float32)
    station = anatomy.at(s)
    for angle in np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False):
        u = station.canal_right + 0.995 * station.canal_half_width * np.cos(angle)
        v = station.canal_forward + 0.995 * station.canal_half_depth * np.sin(angle)
        codes = np.full(len(s), UNTOUCHED, np.uint8)
        paint_spine(codes, anatomy, u.astype("f4"), v.astype("f4"), s, station)
        assert np.all(codes == UNTOUCHED)


def test_the_dura_is_a_thin_ring_around_the_sac():
    s = AVERAGE.levels.middle(5)
    station = AVERAGE.at(np.array([s]))
    right, forward, wall = canal(AVERAGE, s)
    sides = (
        painted(AVERAGE, right + station.canal_half_width + 0.2, forward, s),
        painted(AVERAGE, right - station.canal_half_width - 0.2, forward, s),
        painted(AVERAGE, right, wall + 0.2, s),
        painted(AVERAGE, right, 2 * forward - wall - 0.2, s),
    )
    assert all(code.item() == Tissue.DURA for code in sides)
    beyond = painted(AVERAGE, right + station.canal_half_width + 0.8, forward, s)
    assert beyond.item() == Tissue.EPIDURAL


def test_the_average_spine_has_both_sides_alike():
    s = np.arange(AVERAGE.levels.disc(25), AVERAGE.levels.top, 7.3)
    u, v = np.arange(0.25, 40.0, 1.5), np.arange(-50.0, 40.0, 1.5)
    np.testing.assert_array_equal(painted(AVERAGE, u, v, s), painted(AVERAGE, -u, v, s))


def fall_of_process(anatomy, vertebra):
    """mm by which a spinous process falls over 12 mm towards the back, followed from its root."""
    levels = anatomy.levels
    s = levels.middle(vertebra) + np.arange(-45.0, 15.0, 0.25)
    right, forward, wall = canal(anatomy, levels.middle(vertebra))
    back = 2 * forward - wall - np.arange(13.0, 25.5, 0.5)
    centres = []
    for row in painted(anatomy, right, back, s)[0] == Tissue.MARROW:
        runs = np.split(np.flatnonzero(row), np.flatnonzero(np.diff(np.flatnonzero(row)) > 1) + 1)
        middles = np.array([s[run].mean() for run in runs])
        last = centres[-1] if centres else levels.middle(vertebra) - 10.0
        centres.append(middles[np.argmin(np.abs(middles - last))])
    return centres[0] - centres[-1]


def test_thoracic_spinous_processes_fall_more_steeply_than_lumbar_ones():
    # About 45 degrees in the middle of the thorax, nearly level in the loin.
    assert fall_of_process(AVERAGE, 13) == pytest.approx(12.0, abs=2.0)
    assert fall_of_process(AVERAGE, 22) == pytest.approx(1.5, abs=1.5)


def test_a_degenerate_disc_is_dark_and_thinner():
    wear = np.zeros(25)
    wear[5] = 1.0  # above C6
    worn = make_anatomy(body=Body(degeneration=wear))
    s = AVERAGE.levels.disc(6) + np.arange(-6.0, 6.0, 0.1)
    _, _, wall = canal(AVERAGE, AVERAGE.levels.disc(6))
    healthy, dark = (painted(a, 0.0, wall + 7.0, s).ravel() for a in (AVERAGE, worn))
    assert np.any(healthy == Tissue.NUCLEUS)
    assert not np.any(dark == Tissue.NUCLEUS)

    def thickness(codes):
        return 0.1 * np.sum(np.isin(codes, (Tissue.NUCLEUS, Tissue.ANNULUS)))

    assert thickness(dark) == pytest.approx(0.5 * thickness(healthy), abs=0.3)
    others = AVERAGE.levels.middle(12) + np.arange(-15.0, 15.0, 0.5)
    v = np.arange(0.0, 30.0, 0.5)
    np.testing.assert_array_equal(painted(AVERAGE, 0, v, others), painted(worn, 0, v, others))


def test_what_presses_the_cord_is_disc_that_fills_the_front_of_the_sac():
    pressed = make_anatomy(compressions=(Compression(level=6.0, ratio=0.6),))
    s = pressed.levels.disc(6)
    station = pressed.at(np.array([s]))
    right, _, wall = canal(pressed, s)
    inside = painted(pressed, right, wall - np.arange(0.3, station.pressed[0] - 0.6, 0.1), s)
    assert inside.size > 10
    assert np.all(inside == Tissue.ANNULUS)
    behind = painted(pressed, right, wall - station.pressed[0] - 0.2, s)
    assert behind.item() == UNTOUCHED


def test_the_spine_is_bone_disc_and_ligament_only():
    named = {Tissue(code).name for code in np.flatnonzero(IS_SPINE)}
    assert named == {"CORTICAL_BONE", "MARROW", "ANNULUS", "NUCLEUS", "LIGAMENT"}


@pytest.mark.parametrize("vertebra", range(3, 8))
def test_bodies_of_the_neck_reach_nearly_to_the_vertebral_arteries(vertebra):
    # Some 20 to 26 mm wide with the uncinate processes, and 15 to 17 mm deep at the end plates,
    # from which the waist takes a little here.
    s = AVERAGE.levels.disc(vertebra + 1) + 3.5  # just above the lower end plate
    _, _, wall = canal(AVERAGE, s)
    u, v = np.arange(0.1, 22.0, 0.2), wall + np.arange(0.1, 30.0, 0.2)
    plane = painted(AVERAGE, u, v, s)[:, :, 0]
    bone = np.isin(plane, (Tissue.MARROW, Tissue.CORTICAL_BONE))
    row = bone[:, 30]  # 6 mm in front of the sac
    half_width = 0.2 * np.argmin(row)
    assert 10.0 <= half_width <= 13.1
    assert 13.0 <= 0.2 * bone[0].sum() <= 17.0
    if vertebra < 7:  # C7's runs in front of the transverse process
        artery = np.argwhere(plane == Tissue.ARTERY)[:, 0]
        assert 0.5 < 0.2 * artery.min() - half_width < 4.5


def test_compact_bone_of_the_neck_is_about_half_a_millimetre_thick():
    s = AVERAGE.levels.middle(5)
    _, _, wall = canal(AVERAGE, s)
    v = wall + np.arange(4.0, 20.0, 0.05)
    front = painted(AVERAGE, 0.0, v, s).ravel() == Tissue.CORTICAL_BONE
    assert 0.05 * front.sum() == pytest.approx(0.6, abs=0.11)


@pytest.mark.parametrize("vertebra", range(3, 8))
def test_the_bony_canal_of_the_neck_narrows_towards_the_back(vertebra):
    s = AVERAGE.levels.middle(vertebra)
    right, forward, _ = canal(AVERAGE, s)
    u = right + np.arange(0.0, 20.0, 0.1)
    widths = []
    for front in (4.0, 0.0, -4.0):
        codes = painted(AVERAGE, u, forward + front, s).ravel()
        widths.append(0.1 * np.argmax(IS_SPINE[codes]))
    assert widths[0] > widths[1] + 0.4
    assert widths[1] > widths[2] + 0.4


@pytest.mark.parametrize("vertebra", range(3, 8))
def test_articular_pillars_of_the_neck_are_parted_by_joints_that_fall_backwards(vertebra):
    levels = AVERAGE.levels
    disc = levels.disc(vertebra)
    right, forward, _ = canal(AVERAGE, disc)
    s = disc + np.arange(-7.0, 7.0, 0.1)
    joints = []
    for front in (0.5, 4.0):
        codes = painted(AVERAGE, right + 19.0, forward + front, s).ravel()
        assert np.isin(codes, (Tissue.MARROW, Tissue.CORTICAL_BONE)).mean() > 0.6
        joints.append(s[codes == Tissue.SOFT].mean())
    # Between 30 and 55 degrees.
    assert 0.58 < (joints[1] - joints[0]) / 3.5 < 1.43


def test_no_two_people_have_the_same_pillars():
    def pillars(anatomy):
        s = anatomy.levels.middle(5)
        right, forward, _ = canal(anatomy, s)
        u = np.arange(12.0, 28.0, 0.25)
        both = [
            painted(anatomy, right + x, forward + np.arange(-6.0, 9.0, 0.25), s) for x in (u, -u)
        ]
        return [IS_SPINE[codes] for codes in both]

    (right, left), (other, other_left) = pillars(AVERAGE), pillars(draw_anatomy(3))
    assert np.array_equal(right, left)
    assert 0.02 < np.mean(other != other_left) < 0.4
