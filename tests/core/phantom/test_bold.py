from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.phantom.acquisition import rician
from sctflow.core.phantom.bold import Task, make_bold_timeseries, tsnr_truth
from sctflow.core.phantom.codes import LESION, Tissue
from sctflow.core.phantom.contrast import PROTOCOLS, signal
from sctflow.core.phantom.tissues import make_tissues

TISSUES = make_tissues()
HORN = 30


def series(nt: int = 150, *, tr: float = 2.0, seed: int = 0, **options):
    return make_bold_timeseries(TISSUES, nt, tr, np.random.default_rng(seed), **options)


def test_only_the_regions_of_the_task_respond_and_lesions_in_them_do_too():
    task = Task(regions=(HORN,), percent=3.0)
    made = series(task=task, drift=0, physiology=0)
    responding = np.flatnonzero(np.ptp(made.modulation, axis=1) > 0)
    assert_array_equal(responding, [HORN, HORN + LESION])
    assert_allclose(made.modulation[HORN], 1 + 0.03 * made.regressors["task"])


def test_a_long_block_levels_off_at_the_percent_signal_change():
    made = series(task=Task(percent=2.0, duration=60, rest=40), drift=0, physiology=0)
    late = (made.regressors.index * 2.0 > 40 + 35) & (made.regressors.index * 2.0 < 40 + 59)
    assert_allclose(made.modulation[HORN, late], 1.02, atol=1e-4)


def test_the_response_lags_behind_the_block():
    made = series(task=Task(duration=20, rest=20), tr=1.0, drift=0, physiology=0)
    response, onset = made.regressors["task"].to_numpy(), int(made.events["onset"][0])
    assert_array_equal(response[: onset + 1], 0)
    # Half of the full response is reached between 4 and 7 s after the onset.
    assert 4 <= np.argmax(response > 0.5) - onset <= 7


def test_events_are_the_blocks_within_the_series():
    made = series(100, tr=2.0, task=Task(trial_type="squeeze", duration=15, rest=25))
    assert_allclose(made.events["onset"], [25, 65, 105, 145, 185])
    assert_allclose(made.events["duration"], 15)
    assert (made.events["onset"] + made.events["duration"]).max() <= 200
    assert set(made.events["trial_type"]) == {"squeeze"}


def test_without_task_there_are_no_events():
    made = series(30)
    assert made.events.empty
    assert list(made.events.columns) == ["onset", "duration", "trial_type"]
    assert (made.regressors["task"] == 0).all()


def test_pulse_and_breathing_are_strongest_in_arteries_and_csf():
    spread = series(drift=0).modulation.std(axis=1)
    assert spread[Tissue.ARTERY] > spread[Tissue.CSF] > spread[Tissue.ROOT] > spread[HORN]
    assert spread[HORN] > spread[Tissue.MUSCLE] > 0
    assert spread[Tissue.AIR] == 0


def test_the_regressors_explain_all_that_happens():
    made = series(task=Task())
    design = np.column_stack([np.ones(150), made.regressors])
    fit = design @ np.linalg.lstsq(design, made.modulation.T, rcond=None)[0]
    assert_allclose(fit.T, made.modulation, atol=1e-12)


def test_the_drift_goes_from_the_first_volume_to_the_last():
    made = series(drift=0.04, physiology=0)
    assert made.modulation[HORN, -1] - made.modulation[HORN, 0] == pytest.approx(0.04)


@pytest.mark.parametrize("hertz", [1.1, 0.25])
def test_pulse_and_breathing_have_their_rates(hertz: float):
    column = {1.1: "cardiac", 0.25: "respiratory"}[hertz]
    course = series(4096, tr=0.1).regressors[column].to_numpy()
    power = np.abs(np.fft.rfft(course)) ** 2
    center = (power * np.fft.rfftfreq(4096, 0.1)).sum() / power.sum()
    assert center == pytest.approx(hertz, rel=0.1)


def test_tsnr_is_what_a_noisy_series_shows():
    made = series(400, task=Task())
    still, sigma = signal(PROTOCOLS["bold"], TISSUES), 0.02
    expected = tsnr_truth(still, sigma, made.modulation)
    rng = np.random.default_rng(1)
    time = np.arange(400.0)
    for code in (3, HORN, Tissue.CSF, Tissue.ARTERY):
        courses = rician(np.tile(still[code] * made.modulation[code], (200, 1)), sigma, rng)
        slope, start = np.polyfit(time, courses.T, 1)
        residual = courses - (np.outer(slope, time) + start[:, None])
        found = courses.mean(axis=1) / np.sqrt((residual**2).sum(axis=1) / 398)
        # The mean of 200 estimates is known to 0.3 %; noise in a magnitude adds 0.2 %.
        assert found.mean() == pytest.approx(expected[code], rel=0.01)
    assert expected[Tissue.AIR] == 0


def test_tsnr_without_physiology_is_the_snr_whatever_the_drift():
    made = series(drift=0.05, physiology=0)
    still = signal(PROTOCOLS["bold"], TISSUES)
    assert_allclose(tsnr_truth(still, 0.01, made.modulation)[:36], still[:36] / 0.01)
