"""Gray matter and tracts in the cord's cross-section."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from sctflow.core.phantom.anatomy import make_anatomy
from sctflow.core.phantom.outline import inside
from sctflow.core.phantom.tracts import regions

# Half the cord in half widths and half depths; the middles of small squares.
_STEP = 0.01
_P, _Q = (
    axis.ravel()[None].astype(np.float32)[0]
    for axis in np.meshgrid(np.arange(_STEP / 2, 1, _STEP), np.arange(-1 + _STEP / 2, 1, _STEP))
)
_IN = inside(_P, _Q)
_P, _Q = _P[_IN], _Q[_IN]


def parts(spinal: float) -> np.ndarray:
    """Part of the right half of the cord that each right region fills, (18,)."""
    found = regions(_P, _Q, np.full(_P.shape, spinal, np.float32))
    assert np.all(found % 2 == 1)
    return np.bincount(found // 2, minlength=18) / len(found)


def gray_part(spinal: float) -> float:
    return float(parts(spinal)[15:].sum())


@pytest.mark.parametrize(
    ("spinal", "published", "tolerance"),
    [
        (3.5, 0.17, 0.015),
        (5.5, 0.20, 0.015),
        (8.5, 0.20, 0.015),
        (11.5, 0.13, 0.015),
        (16.5, 0.13, 0.015),
        # Accounts of the lumbar enlargement differ by a fifth.
        (21.5, 0.23, 0.04),
        (24.5, 0.36, 0.04),
        (27.5, 0.50, 0.05),
    ],
)
def test_gray_part_of_the_section_is_what_is_measured(spinal, published, tolerance):
    assert gray_part(spinal) == pytest.approx(published, abs=tolerance)


def test_gray_matter_fills_a_sixth_to_a_fifth_of_the_whole_cord():
    # 3.55 of 22.9 ml and 2.87 of 14.2 ml in two cords (Henmar et al. 2020).
    anatomy = make_anatomy()
    s = np.arange(anatomy.levels.conus + 1, anatomy.levels.top, 8.0)
    spinal, area = anatomy.levels.spinal_level(s), anatomy.area(s)
    gray = np.array([gray_part(level) for level in spinal])
    assert 0.155 <= (gray * area).sum() / area.sum() <= 0.202


@pytest.mark.parametrize("spinal", [2.0, 6.3, 14.5, 23.5])
def test_left_is_the_mirror_image_of_right(spinal):
    level = np.full(_P.shape, spinal, np.float32)
    assert np.array_equal(regions(_P, _Q, level), regions(-_P, _Q, level) + 1)


def test_areas_at_c3_are_those_of_the_published_atlas():
    # mm2 on a side (PAM50 atlas, level C3; Lévy et al. 2015), with 6.5 mm2 of gray matter. The
    # smallest tracts are drawn somewhat larger than there.
    published = np.array(
        [3.5, 5.0, 4.3, 2.5, 1.9, 0.4, 3.9, 1.3, 0.7, 0.7, 0.7, 0.9, 0.8, 0.4, 0.3]
    )
    made = (published.sum() + 6.5) * parts(3.5)[:15]
    assert np.all(np.abs(made - published) <= np.maximum(0.25 * published, 0.2))


@pytest.mark.parametrize("spinal", [3.5, 5.5, 8.5, 11.5, 14.4])
def test_every_region_is_there_from_c3_to_t6(spinal):
    anatomy = make_anatomy()
    s = np.interp(spinal, np.arange(1, 32), anatomy.levels.spinal)
    areas = 0.5 * anatomy.area(np.array([s]))[0] * parts(spinal)
    assert areas.min() >= 0.19


def test_only_the_cuneate_fasciculus_ends_on_its_way_down():
    assert parts(13.0)[1] > 0
    assert parts(16.0)[1] == 0
    # Even one fortieth of a square millimetre in a sacral section counts as being there.
    assert np.all(np.delete(parts(27.5), 1) > 0.0015)


@pytest.mark.parametrize("spinal", [2.5, 4.0, 6.5, 9.5, 13.0, 14.5, 18.5, 23.5, 27.5])
def test_every_region_is_in_one_piece(spinal):
    places = np.arange(-1 + _STEP / 2, 1, _STEP, dtype=np.float32)
    p, q = (axis.ravel() for axis in np.meshgrid(places[places > 0], places))
    found = regions(p, q, np.full(p.shape, spinal, np.float32))
    found = np.where(inside(p, q), found, 255).reshape(len(places), -1)
    for region in np.unique(found[found < 255]):
        pieces, n = label(found == region, np.ones((3, 3)))
        sizes = np.bincount(pieces.ravel())[1:]
        # Slivers of a few squares where edges meet at a sharp angle are the squares' doing.
        assert n == 1 or sizes.max() > 0.97 * sizes.sum(), region


def test_gracilis_lies_beside_the_septum_and_cuneatus_beside_the_dorsal_horn():
    q = np.full(3, -0.45, np.float32)
    p = np.array([0.03, 0.22, 0.43], np.float32)
    assert regions(p, q, np.full(3, 5.5, np.float32)).tolist() == [1, 3, 35]


def test_corticospinal_tract_lies_behind_the_rubrospinal_and_the_lemniscus_in_front():
    q = np.array([-0.35, 0.0, 0.5], np.float32)
    p = np.full(3, -0.65, np.float32)
    assert regions(p, q, np.full(3, 3.5, np.float32)).tolist() == [4, 8, 12]


def test_the_midline_runs_through_septum_commissure_and_fissure():
    q = np.array([-0.8, 0.15, 0.36, 0.75], np.float32)
    p = np.full(4, 0.01, np.float32)
    assert regions(p, q, np.full(4, 3.5, np.float32)).tolist() == [1, 33, 29, 23]


def test_ventral_horn_is_large_in_the_enlargements():
    horn = {level: parts(level)[15] for level in (3.5, 6.5, 14.5, 24.5)}
    assert horn[6.5] > 1.4 * horn[3.5] > 1.4 * horn[14.5]
    assert horn[24.5] > 3 * horn[14.5]


def test_thoracic_section_has_a_lateral_horn_and_the_cervical_one_none():
    def outermost(spinal: float, low: float, high: float) -> float:
        here = (low < _Q) & (high > _Q)
        found = regions(_P[here], _Q[here], np.full(here.sum(), spinal, np.float32))
        return float(_P[here][found >= 30].max())

    # Thorax: at the commissure it juts out farther than behind and in front of it.
    middle = outermost(14.5, 0.08, 0.17)
    assert middle > outermost(14.5, -0.10, -0.02) + 0.04
    assert middle > outermost(14.5, 0.25, 0.35) + 0.04
    assert outermost(5.5, 0.08, 0.17) < outermost(5.5, 0.30, 0.45)


def test_section_changes_smoothly_along_the_cord():
    for spinal in np.arange(1.25, 30.5, 0.5):
        assert np.abs(parts(spinal + 0.25) - parts(spinal)).max() < 0.03
