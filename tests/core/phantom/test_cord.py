"""The dural sac: cord, CSF, lesions, brainstem."""

from __future__ import annotations

import numpy as np
import pytest

from sctflow.core.phantom.anatomy import Anatomy, Lesion, make_anatomy
from sctflow.core.phantom.codes import IS_CANAL, IS_CORD, IS_LESION, LESION, Tissue
from sctflow.core.phantom.cord import paint_sac
from sctflow.core.phantom.dimensions import Compression
from sctflow.core.phantom.spine import points

_OUTSIDE = np.uint8(Tissue.BACKGROUND)
_STEP = 0.1


def paint(anatomy: Anatomy, u, v, s) -> np.ndarray:
    """Codes at the broadcast places."""
    shape = np.broadcast_shapes(np.shape(u), np.shape(v), np.shape(s))
    u, v, s = (np.broadcast_to(x, shape).ravel().astype(np.float32) for x in (u, v, s))
    codes = np.full(u.shape, _OUTSIDE)
    paint_sac(codes, anatomy, u, v, s, anatomy.at(s))
    return codes.reshape(shape)


def section(anatomy: Anatomy, s: float, half: float = 20.0, step: float = _STEP) -> np.ndarray:
    """Codes across the cord; axes right and front."""
    places = np.arange(-half + step / 2, half, step)
    return paint(anatomy, places[:, None], places[None, :], s)


@pytest.mark.parametrize("level", [3.5, 5.5, 13.5, 18.5, 20.5])
def test_area_of_the_drawn_cord_is_that_of_its_outline(level):
    anatomy = make_anatomy()
    s = float(anatomy.levels.position(level))
    drawn = IS_CORD[section(anatomy, s, 9.0, 0.04)].sum() * 0.04**2
    # Counting squares along a rim of 30 mm: a few hundredths of a mm2.
    assert drawn == pytest.approx(anatomy.area(np.array([s]))[0], abs=0.1)


@pytest.mark.parametrize("level", [3.5, 13.5, 22.5])
def test_cord_csf_and_roots_fill_the_sac_and_nothing_else(level):
    anatomy = make_anatomy()
    s = float(anatomy.levels.position(level))
    codes, station = section(anatomy, s), anatomy.at(np.array([s]))
    assert set(np.unique(codes[~IS_CANAL[codes]])) == {_OUTSIDE}
    area = np.pi * float(station.canal_half_width[0] * station.canal_half_depth[0])
    assert IS_CANAL[codes].sum() * _STEP**2 == pytest.approx(area, rel=0.005)


def test_average_section_is_symmetric():
    anatomy = make_anatomy()
    codes = section(anatomy, float(anatomy.levels.position(4.4)))
    mirrored = np.where(IS_CORD[codes], codes ^ 1, codes)[::-1]
    assert np.array_equal(codes, mirrored)


def test_cord_ends_at_the_conus_and_the_sac_below_the_disc_l5_s1():
    anatomy = make_anatomy()
    s = np.arange(anatomy.levels.disc(26) - 10, anatomy.levels.top + 0.5, 0.5)
    middle = paint(anatomy, 0.0, np.arange(-8, 8, 0.25)[None], s[:, None])
    with_cord = s[IS_CORD[middle].any(1)]
    assert anatomy.levels.conus < with_cord.min() < anatomy.levels.conus + 4
    assert with_cord.max() == pytest.approx(anatomy.levels.top, abs=0.5)
    with_sac = s[(middle == Tissue.CSF).any(1)]
    assert anatomy.levels.disc(26) < with_sac.min() < anatomy.levels.disc(26) + 2


def test_lesion_is_the_ellipsoid_and_keeps_its_regions():
    radii = (1.5, 1.0, 5.0)
    lesion = Lesion(level=4.5, right=0.4, front=-0.2, radii=radii)
    healthy, ill = make_anatomy(), make_anatomy(lesions=(lesion,))
    s0 = float(healthy.levels.position(4.5))
    places = np.arange(-7.95, 8, 0.1)
    s = s0 + np.arange(-5.9, 6, 0.2)
    where = places[:, None, None], places[None, :, None], s
    before, after = paint(healthy, *where), paint(ill, *where)
    assert np.array_equal(before, np.where(IS_LESION[after], after & (LESION - 1), after))
    volume = IS_LESION[after].sum() * 0.1 * 0.1 * 0.2
    assert volume == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.02)
    u = np.broadcast_to(places[:, None, None], after.shape)[IS_LESION[after]]
    assert u.mean() == pytest.approx(0.4 * float(ill.at(np.array([s0])).half_width[0]), abs=0.02)


def test_lesion_does_not_reach_beyond_the_cord():
    ill = make_anatomy(lesions=(Lesion(level=4.5, right=0.9, front=0.0, radii=(3.0, 3.0, 5.0)),))
    s = float(ill.levels.position(4.5))
    codes, healthy = section(ill, s), section(make_anatomy(), s)
    assert IS_LESION[codes].any()
    assert np.array_equal(IS_CORD[codes], IS_CORD[healthy])
    assert np.array_equal(codes[~IS_CORD[codes]], healthy[~IS_CORD[healthy]])


def test_compression_empties_the_space_before_the_cord():
    level = 6.0
    anatomy = make_anatomy(compressions=(Compression(level=level, ratio=0.6),))
    healthy = make_anatomy()
    s = float(anatomy.levels.position(level))
    front = np.arange(0.0, 9.0, 0.05)
    assert (paint(healthy, 0.0, front, s) == Tissue.CSF).sum() * 0.05 > 1.5
    assert (paint(anatomy, 0.0, front, s) == Tissue.CSF).sum() * 0.05 < 0.5
    area = IS_CORD[section(anatomy, s)].sum() * _STEP**2
    assert area == pytest.approx(anatomy.area(np.array([s]))[0], rel=0.01)


def test_medulla_continues_the_cord_without_a_step():
    anatomy = make_anatomy()
    top = anatomy.levels.top
    below, above = section(anatomy, top - 0.01), section(anatomy, top + 0.01)
    assert np.mean(IS_CORD[below] != (above == Tissue.MEDULLA)) < 1e-3
    assert np.mean(IS_CANAL[below] != np.isin(above, [Tissue.MEDULLA, Tissue.CSF])) < 2e-3


def test_medulla_is_17_by_13_mm_at_the_junction():
    codes = section(make_anatomy(), -0.05) == Tissue.MEDULLA
    width, depth = (_STEP * codes.any(axis).sum() for axis in (1, 0))
    assert width == pytest.approx(17.0, abs=0.5)
    assert depth == pytest.approx(13.0, abs=0.5)


def test_pons_is_25_mm_high_30_mm_wide_and_24_mm_deep():
    anatomy = make_anatomy()
    codes = section(anatomy, 10.5) == Tissue.PONS
    assert _STEP * codes.any(1).sum() == pytest.approx(30.0, abs=1.0)
    assert _STEP * codes.any(0).sum() == pytest.approx(24.0, abs=1.5)
    # Its belly, where it bulges out in front of the medulla and the midbrain.
    s = np.arange(-10, 40, 0.25)
    front = paint(anatomy, 0.0, np.arange(7.5, 18, 0.25)[None], s[:, None]) == Tissue.PONS
    bulge = s[front.any(1) & (s < 26)]
    assert np.ptp(bulge) == pytest.approx(25.0, abs=3.0)


def test_the_junction_is_marked_on_the_surface_where_the_pons_begins():
    anatomy = make_anatomy()
    (point,) = points(anatomy).query("kind == 'PMJ'").itertuples()
    along = np.arange(-8.0, 8.0, 0.1)
    # In front of the medulla there is CSF below the junction, and pons above it.
    before = paint(anatomy, 0.0, np.array([[point.v + 1.0]]), along[:, None])[:, 0]
    assert np.all(before[along < point.s - 1.5] == Tissue.CSF)
    assert np.all(before[along > point.s + 1.5] == Tissue.PONS)
    behind = paint(anatomy, 0.0, np.array([[point.v - 0.3]]), np.array([[point.s - 0.5]]))
    assert behind[0, 0] in (Tissue.MEDULLA, Tissue.PONS)


def test_csf_surrounds_the_brainstem_in_front_and_the_fourth_ventricle_lies_behind():
    anatomy = make_anatomy()
    along = paint(anatomy, 0.0, np.arange(-20, 30, 0.25)[None], np.array([[9.0]]))[0]
    v = np.arange(-20, 30, 0.25)
    stem = v[along == Tissue.PONS]
    fluid = v[along == Tissue.CSF]
    assert fluid[fluid < stem.min()].size * 0.25 > 5.0
    assert fluid[fluid > stem.max()].size * 0.25 > 2.0


def test_points_far_from_the_sac_are_left_alone():
    anatomy = make_anatomy()
    s = np.arange(-640.0, 40.0, 5.0)[:, None]
    beside = np.array([[-40.0, 40.0]])
    assert np.all(paint(anatomy, beside, 0.0, s) == _OUTSIDE)
    assert np.all(paint(anatomy, 0.0, beside, s) == _OUTSIDE)
