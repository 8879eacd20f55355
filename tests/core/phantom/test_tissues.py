from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.phantom.codes import IS_CORD, IS_GRAY, IS_LESION, IS_WHITE, LESION, Tissue
from sctflow.core.phantom.tissues import make_tissues, region_table

PARAMETERS = ("pd", "t1", "t2", "t2star", "mtsat", "ad", "rd")


@pytest.mark.parametrize("spread", [0.0, 0.15])
def test_relaxation_times_are_ordered_and_diffusion_is_fastest_along_the_cord(spread: float):
    tissues = make_tissues(seed=3, spread=spread)
    for name in PARAMETERS:
        assert getattr(tissues, name).shape == (256,)
        assert np.isfinite(getattr(tissues, name)).all()
    assert (tissues.t2star < tissues.t2).all()
    assert (tissues.t2 < tissues.t1).all()
    assert (tissues.rd > 0).all()
    assert (tissues.ad[IS_CORD] > tissues.rd[IS_CORD]).all()


@pytest.mark.parametrize("tissue", [Tissue.CSF, Tissue.MUSCLE, Tissue.FAT, Tissue.NUCLEUS])
def test_fluid_muscle_fat_and_disc_diffuse_alike_in_all_directions(tissue: Tissue):
    tissues = make_tissues(seed=1, spread=0.2)
    assert tissues.ad[tissue] == tissues.rd[tissue]


def test_white_matter_of_the_lateral_and_dorsal_columns_has_the_published_t1():
    # Smith et al. 2008: 863 and 899 ms; regions differ by 2 % at most.
    table = region_table(make_tissues())
    assert_allclose(table.t1[:4], 899, rtol=0.02)
    assert_allclose(table.t1[4:30], 863, rtol=0.02)
    assert_allclose(table.t1[30:36], 973, rtol=0.02)
    assert_allclose(table.t2[:36], 74.5, rtol=0.06)


def test_anisotropy_of_white_and_gray_matter_is_as_published():
    # Bosma and Stroman 2012: FA 0.69 and 0.44.
    table = region_table(make_tissues())
    # Regions differ: radial diffusivity by 10 %, which is 0.05 of FA in either tissue.
    for regions, published in ((slice(0, 30), 0.69), (slice(30, 36), 0.44)):
        fa = table.fa[regions]
        assert fa.mean() == pytest.approx(published, abs=0.02)
        assert_allclose(fa, fa.mean(), atol=0.07)
    assert_allclose(table.md[:30], 0.93, rtol=0.05)
    assert table.fa[36] == 0


@pytest.mark.parametrize("quantity", ["t1", "mtsat", "fa", "ad", "rd", "pd"])
def test_every_region_has_a_value_of_its_own(quantity: str):
    values = region_table(make_tissues())[quantity].to_numpy()[:36]
    assert len(np.unique(values)) == 36
    left, right = values[0::2], values[1::2]
    assert (np.abs(left - right) > 1e-3 * left).all()


def test_parameters_do_not_follow_each_other_from_tract_to_tract():
    table = region_table(make_tissues()).iloc[4:30]
    correlation = np.corrcoef(table[["t1", "t2", "mtsat", "ad", "rd"]].to_numpy().T)
    assert np.abs(correlation - np.eye(5)).max() < 0.8


def test_a_lesion_has_lost_myelin_and_gained_water():
    healthy, lesion = (region_table(make_tissues(), lesion=on).iloc[:36] for on in (False, True))
    for name in ("t1", "t2", "t2star", "pd", "rd", "md"):
        assert (lesion[name] > healthy[name]).all(), name
    for name in ("mtsat", "fa"):
        assert (lesion[name] < healthy[name]).all(), name


def test_participants_differ_by_the_spread_that_is_asked_for():
    mean = make_tissues().mtsat[:36]
    logs = np.array(
        [
            np.log(make_tissues(seed=seed, spread=0.05).mtsat[:36] / mean).mean()
            for seed in range(300)
        ]
    )
    # The mean over regions has the shared part and a 36th of the regions' own variance; the
    # standard deviation of 300 draws is known to 4 %, taken three times.
    assert logs.std() == pytest.approx(0.05, rel=0.13)
    assert_array_equal(make_tissues(seed=7, spread=0.05).t1, make_tissues(seed=7, spread=0.05).t1)


def test_a_lesion_stays_with_the_participant_it_is_in():
    tissues, mean = make_tissues(seed=5, spread=0.1), make_tissues()
    ratio = tissues.mtsat / np.where(mean.mtsat > 0, mean.mtsat, 1)
    assert_allclose(ratio[LESION : LESION + 36], ratio[:36])


def test_only_codes_in_use_give_signal():
    signal = make_tissues().pd > 0
    used = {*map(int, Tissue)} - {Tissue.AIR, Tissue.BACKGROUND}
    assert set(np.flatnonzero(signal)) == used | set(np.flatnonzero(IS_CORD))
    assert (IS_WHITE | IS_GRAY)[IS_LESION].all()


def test_extra_columns_come_from_the_same_codes():
    table = region_table(make_tissues(), lesion=True, extra={"code": np.arange(256)})
    assert_array_equal(table["code"], [*range(128, 164), 36])
    assert table["name"][34] == "GM left dorsal horn"
