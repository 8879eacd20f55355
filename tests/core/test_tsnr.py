from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.phantom.bold import make_bold_timeseries, tsnr_truth
from sctflow.core.phantom.codes import IS_CORD
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.tsnr import pooled_snr, repeated_snr, temporal_snr
from sctflow.errors import ImageError

RNG = np.random.default_rng(0)


def test_a_drift_does_not_count_and_everything_else_does():
    time = np.linspace(-1, 1, 40)
    wave = np.cos(np.linspace(0, 6 * np.pi, 40, endpoint=False))
    wave -= wave.mean() + time * (wave @ time) / (time @ time)
    series = (1000 + np.array([0.0, 5, -80])[:, None] * time + 3 * wave).reshape(3, 1, 1, 40)
    expected = 1000 / np.sqrt((9 * wave @ wave) / 38)
    assert_allclose(temporal_snr(series), expected, rtol=1e-6)


def test_noise_of_a_known_size_gives_its_tsnr():
    series = RNG.normal(500, 20, (20, 20, 5, 60)).astype(np.float32)
    # Mean of 2000 voxels: each is known to 9 %, so that it is good to 0.3 %, and 1.4 % too high.
    assert temporal_snr(series).mean() == pytest.approx(25 * 1.013, rel=0.01)


def test_it_is_what_the_phantom_calls_its_tsnr():
    tissues = make_tissues()
    bold = make_bold_timeseries(tissues, 60, 2.0, np.random.default_rng(1))
    still = 100 * tissues.pd
    quiet = (still[:, None] * bold.modulation)[:, None, None]
    expected = tsnr_truth(still, 0.0, bold.modulation)
    assert_allclose(temporal_snr(quiet)[IS_CORD, 0, 0], expected[IS_CORD], rtol=1e-5)


def test_volumes_are_not_changed_by_their_number_type():
    series = RNG.integers(400, 600, (4, 4, 2, 10))
    assert_allclose(temporal_snr(series.astype(np.int16)), temporal_snr(series.astype(float)))


def test_voxels_that_do_not_fluctuate_have_no_tsnr():
    series = RNG.normal(500, 20, (3, 1, 1, 9))
    series[0], series[1, 0, 0, 4] = 0.1, np.nan
    for snr in (temporal_snr, repeated_snr):
        assert np.isfinite(snr(series)).ravel().tolist() == [False, False, True]


def test_two_repeated_images_are_enough_for_a_region():
    series = RNG.normal(300, 15, (30, 30, 10, 2))
    mask = np.zeros((30, 30, 10))
    mask[5:25, 5:25] = 1
    series[0], series[12, 12, 3, 0] = 1e4, np.nan
    assert pooled_snr(series, mask) == pytest.approx(20, rel=0.03)
    assert np.isnan(pooled_snr(series, 0 * mask))
    assert pooled_snr(series, 0.5 * mask) == pytest.approx(pooled_snr(series, mask))


@pytest.mark.parametrize(("snr", "volumes"), [(temporal_snr, 2), (repeated_snr, 1)])
def test_too_few_volumes_are_refused(snr, volumes):
    with pytest.raises(ImageError, match=f"the series has {volumes}"):
        snr(np.ones((2, 2, 2, volumes)))
