"""Time courses of functional images: drift, pulse, breathing and a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import gamma

from sctflow.core.phantom.codes import IS_CSF, IS_GRAY, IS_WHITE, Tissue, is_region
from sctflow.core.phantom.tissues import Tissues

_PULSE_HZ, _BREATH_HZ = 1.1, 0.25

_STEPS = 20
"""Per repetition, at which the response to the task is worked out."""


@dataclass(frozen=True)
class Task:
    """Blocks of a task and the regions that respond to it."""

    name: str = "hand"
    trial_type: str = "squeeze"
    regions: tuple[int, ...] = (30,)
    """Atlas regions of gray matter; 30 is the left ventral horn."""
    percent: float = 2.0
    """Change of the signal when the response has levelled off."""
    duration: float = 20.0
    """Of a block, s."""
    rest: float = 20.0
    """Before each block, s."""


@dataclass(frozen=True)
class BoldSeries:
    """What happens to the signal in time, and why."""

    modulation: np.ndarray
    """(256, nt): the signal of each code relative to that at rest."""
    regressors: pd.DataFrame
    """One row per volume: `drift`, `cardiac`, `respiratory` and `task`, which is 1 at the full
    response."""
    events: pd.DataFrame
    """`onset`, `duration` in s, and `trial_type`; empty without a task."""


def make_bold_timeseries(
    tissues: Tissues,
    nt: int,
    tr: float,
    rng: np.random.Generator,
    *,
    task: Task | None = None,
    drift: float = 0.01,
    physiology: float = 1.0,
) -> BoldSeries:
    """Changes of every code's signal over a series of volumes.

    Pulse and breathing are strongest in vessels and CSF, as known from resting-state studies of
    the cord (Brooks et al. 2008), and weaker in the cord; the rates wander from cycle to cycle.

    Parameters
    ----------
    tissues : Tissues
        What gives no signal does not change.
    nt : int
        Volumes.
    tr : float
        s.
    rng : Generator
    task : Task, optional
    drift : float
        Relative change from the first volume to the last, of everything.
    physiology : float
        Multiplies the amplitudes of pulse and breathing.
    """
    times = tr * np.arange(nt)
    events = _events(task, nt * tr)
    regressors = pd.DataFrame(
        {
            "drift": np.linspace(-0.5, 0.5, nt),
            "cardiac": _oscillation(rng, times, _PULSE_HZ),
            "respiratory": _oscillation(rng, times, _BREATH_HZ),
            "task": _response(events, nt, tr),
        }
    )
    cardiac, respiratory = _amplitudes()
    amplitudes = np.stack(
        [
            np.full(256, drift),
            physiology * cardiac,
            physiology * respiratory,
            _responding(task) * (task.percent / 100 if task else 0.0),
        ],
        axis=1,
    )
    amplitudes[tissues.pd == 0] = 0
    return BoldSeries(1 + amplitudes @ regressors.to_numpy().T, regressors, events)


def _amplitudes() -> tuple[np.ndarray, np.ndarray]:
    """Relative amplitudes of pulse and breathing for every code."""
    cardiac, respiratory = np.full(256, 0.003), np.full(256, 0.004)
    for where, pulse, breath in (
        (IS_WHITE, 0.008, 0.006),
        (IS_GRAY, 0.010, 0.006),
        (IS_CSF, 0.050, 0.025),
        (Tissue.ROOT, 0.020, 0.012),
        (Tissue.ARTERY, 0.120, 0.020),
        (Tissue.VEIN, 0.040, 0.030),
    ):
        cardiac[where], respiratory[where] = pulse, breath
    return cardiac, respiratory


def _oscillation(rng: np.random.Generator, times: np.ndarray, hertz: float) -> np.ndarray:
    """Sine of a wandering rate at the times of volumes, amplitude 1."""
    steps = np.diff(times, prepend=times[:1])
    cycles = np.cumsum(hertz * steps + 0.08 * np.sqrt(hertz * steps) * rng.normal(size=len(times)))
    return np.sin(2 * np.pi * (cycles + rng.uniform()))


def _responding(task: Task | None) -> np.ndarray:
    """Whether each code responds to the task."""
    regions = task.regions if task else ()
    return np.any([np.zeros(256, bool), *(is_region(region) for region in regions)], axis=0)


def _events(task: Task | None, seconds: float) -> pd.DataFrame:
    """Blocks that end before the series does."""
    onsets = np.zeros(0)
    if task:
        cycle = task.rest + task.duration
        onsets = task.rest + cycle * np.arange(int(seconds // cycle))
    return pd.DataFrame(
        {
            "onset": onsets,
            "duration": np.full(len(onsets), task.duration if task else 0.0),
            "trial_type": [task.trial_type if task else ""] * len(onsets),
        }
    )


def _response(events: pd.DataFrame, nt: int, tr: float) -> np.ndarray:
    """Blocks convolved with the response to a short stimulus, (nt,), 1 where it levels off.

    The response is the common difference of two gamma functions: peak after 5 s, undershoot
    after 15 s, a sixth as large (Friston et al. 1998).
    """
    step = tr / _STEPS
    times = step * np.arange(nt * _STEPS)
    active = np.zeros(len(times))
    for onset, duration in zip(events["onset"], events["duration"], strict=True):
        active[(times >= onset) & (times < onset + duration)] = 1
    delays = np.arange(0, 32, step)
    kernel = gamma.pdf(delays, 6) - gamma.pdf(delays, 16) / 6
    return np.convolve(active, kernel / kernel.sum())[: len(times) : _STEPS]


def tsnr_truth(signal: np.ndarray, sigma: float, modulation: np.ndarray) -> np.ndarray:
    """TSNR that each code has: mean over time by standard deviation about the linear drift.

    Parameters
    ----------
    signal : (256,) array
        At rest.
    sigma : float
        Of the noise (see :func:`sctflow.core.phantom.acquisition.rician`); taken as normal, which
        holds where the signal is some times larger.
    modulation : (256, nt) array

    Returns
    -------
    (256,) array
        The standard deviation is the one with ``nt - 2`` degrees of freedom; 0 without signal.
    """
    nt = modulation.shape[1]
    time = np.linspace(-1, 1, nt)
    centered = modulation - modulation.mean(axis=1, keepdims=True)
    residual = centered - np.outer(centered @ time / (time @ time), time)
    variance = signal**2 * (residual**2).sum(axis=1) / (nt - 2) + sigma**2
    mean = signal * modulation.mean(axis=1)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=mean > 0)
