"""Rootlets, roots and cauda equina."""

from __future__ import annotations

import numpy as np
import pytest

from sctflow.core.phantom.anatomy import Anatomy, make_anatomy
from sctflow.core.phantom.codes import IS_CORD, Tissue
from sctflow.core.phantom.cord import paint_sac
from sctflow.core.phantom.roots import rootlet_level

_ANATOMY = make_anatomy()


def at(u, v, s, anatomy: Anatomy = _ANATOMY) -> tuple[np.ndarray, np.ndarray]:
    """Codes and rootlet levels at the broadcast places."""
    shape = np.broadcast_shapes(np.shape(u), np.shape(v), np.shape(s))
    u, v, s = (np.broadcast_to(x, shape).ravel().astype(np.float32) for x in (u, v, s))
    codes = np.full(u.shape, Tissue.BACKGROUND, np.uint8)
    station = anatomy.at(s)
    paint_sac(codes, anatomy, u, v, s, station)
    return codes.reshape(shape), rootlet_level(anatomy, u, v, s, station).reshape(shape)


def block(low: float, high: float, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places about the sac between two heights."""
    u = np.arange(-12.0 + 0.1, 12.0, 0.2)
    v = np.arange(-9.0 + 0.1, 9.0, 0.2)
    return u[:, None, None], v[None, :, None], np.arange(low, high, step)


def test_dorsal_rootlets_are_painted_as_root_behind_the_cords_middle():
    u, v, s = block(-120.0, -26.0, 0.6)
    codes, level = at(u, v, s)
    found = level > 0
    assert found.any()
    assert np.all(codes[found] == Tissue.ROOT)
    assert np.all(np.broadcast_to(v, level.shape)[found] < 0)
    assert np.all(np.abs(np.broadcast_to(u, level.shape)[found]) < 8.0)
    # About as much lies in front: ventral rootlets, which are not told apart by level.
    in_front = (codes == Tissue.ROOT) & (np.broadcast_to(v, level.shape) > 1.0)
    assert 0.6 < in_front.sum() / found.sum() < 1.6


@pytest.mark.parametrize("spinal", [2, 5, 8, 12, 18, 22])
def test_rootlets_leave_the_cord_along_their_own_level(spinal):
    upper, lower = _ANATOMY.levels.spinal[spinal - 1], _ANATOMY.levels.spinal[spinal]
    s = np.arange(lower - 8.0, upper + 8.0, 0.2)
    station = _ANATOMY.at(s)
    # Just behind the dorsolateral sulcus, over a small patch of the cord's surface.
    u = (0.56 + np.arange(0.0, 0.14, 0.02)[:, None, None]) * station.half_width
    v = -(0.80 + np.arange(0.0, 0.3, 0.03)[None, :, None]) * station.half_depth
    level = at(u, v, s)[1]
    here = s[(level == spinal).any((0, 1))]
    # A root hugs the cord for some millimetres below the level it comes from.
    assert upper - 2.5 < here.max() < upper + 1.5
    assert lower - 8.5 < here.min() < lower + 2.5


@pytest.mark.parametrize("spinal", [3, 5, 7, 8, 9, 14, 19])
def test_roots_go_through_the_wall_of_the_sac_at_their_foramen(spinal):
    foramen = _ANATOMY.levels.disc(spinal)
    s = np.arange(foramen - 12.0, foramen + 12.0, 0.2)
    station = _ANATOMY.at(s)
    u = 0.97 * station.canal_half_width
    v = station.canal_forward + np.arange(-2.0, 2.0, 0.1)[:, None]
    codes = at(u, v, s)[0]
    where = s[(codes == Tissue.ROOT).any(0)]
    nearest = where[np.abs(where - foramen) < 6.0]
    assert nearest.mean() == pytest.approx(foramen, abs=1.5)


def test_roots_run_ever_more_steeply_down_the_spine():
    levels = _ANATOMY.levels
    drop = [
        0.5 * (levels.spinal[number - 1] + levels.spinal[number]) - levels.disc(number)
        for number in (3, 6, 9, 15, 20, 25)
    ]
    assert np.all(np.diff(drop) > 0)


def test_left_and_right_roots_are_alike():
    u, v, s = block(-300.0, -290.0, 2.0)
    codes, level = at(u, v, s)
    assert np.array_equal(level, level[::-1])
    assert np.array_equal(codes == Tissue.ROOT, (codes == Tissue.ROOT)[::-1])


def test_no_rootlet_in_the_cord_nor_outside_the_sac():
    for low in (-90.0, -330.0, -470.0):
        codes, level = at(*block(low, low + 12.0, 1.5))
        assert not np.any(level[IS_CORD[codes]])
        assert not np.any(level[codes == Tissue.BACKGROUND])


def test_cauda_equina_lies_in_the_back_of_the_sac_and_thins_out():
    areas = []
    for vertebra in (21.6, 22.5, 23.5, 24.5):
        s = float(_ANATOMY.levels.position(vertebra))
        u, v, _ = block(0.0, 1.0, 1.0)
        codes, level = at(u, v, np.array([s]))
        roots = codes == Tissue.ROOT
        forward = np.broadcast_to(v, codes.shape)[roots]
        middle = float(_ANATOMY.at(np.array([s])).canal_forward[0])
        assert np.mean(forward < middle) > 0.8
        assert not level.any()
        areas.append(roots.sum() * 0.04)
    assert np.all(np.diff(areas) < 0)
    # Fourteen to thirty-six strands of a millimetre.
    assert 10.0 < areas[1] < 40.0
