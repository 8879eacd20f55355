"""Motion of a series whose volumes can be told from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.motion.align import Batch, Fit, align, cut_batch
from sctflow.core.motion.along import Regularizer
from sctflow.core.motion.arrays import Array, beside, to_host
from sctflow.core.motion.search import find_start
from sctflow.core.motion.targets import choose_directional, left_out
from sctflow.core.motion.windows import Slices, Windows

LEAST_CORRELATION = 0.5
"""Below this a slice does not show what the others show; its motion is told by its neighbours."""

LEAST_SIGNAL = 0.7
"""Of what the other volumes tell; below this the signal has dropped out."""

MOST_RESIDUAL = 4.0
"""Of the slice's median over volumes, in variance; above this something else is in the slice."""

TURN_LEVER_MM = 10.0
"""Where turns are weighed against shifts: 10 mm from the centre, about the edge of the canal."""

_FIRST_STEPS, _STEPS = 3, 2  # of Gauss-Newton, in the first round and the others
_TINY = 1e-12
_LEAST_SD_MM = 1e-3  # of what was found; volumes that are copies would be infinitely sure
_NO_DATA_MM = 100.0  # uncertainty of a slice that shows nothing
_NOISIEST = 100.0
_GAIN_NOISE = 0.05
_GAIN_VARIANCE = (0.3 / _GAIN_NOISE) ** 2  # with the direction of diffusion, sd 0.3 at 800 s/mm²
_SPOILT = 1e6  # variance that leaves a volume out
_SIGNAL_ROUNDS = 3  # of leaving out what has dropped out
_LEAST_GAIN = 0.1  # that a volume is scaled up from, to take part in the targets of others


@dataclass
class State:
    """Where every slice of every volume lies, as far as known.

    Attributes
    ----------
    pose : (slices, volumes, p) array
        mm along u and v, and radians if p is 3.
    sd : (slices, volumes, p) array
    correlation : (slices, volumes) array
        With the target.
    gain, residual, noise : (slices, volumes) array
        Contrast, variance of what the target does not explain, and the same once contrasts are
        made equal; each over the slice's median.
    signal : (slices, volumes) array
        Gain over what the other volumes tell about it.
    dropped : (slices, volumes) array of bool
        Where the signal is less than that, beyond doubt.
    directional : float
        Variance of what changes with the direction of diffusion, see `targets`.
    """

    pose: np.ndarray
    sd: np.ndarray
    correlation: np.ndarray
    gain: np.ndarray
    residual: np.ndarray
    noise: np.ndarray
    signal: np.ndarray
    dropped: np.ndarray
    directional: float = 0.0

    @classmethod
    def at(cls, pose: np.ndarray) -> State:
        """Begin at a pose."""
        ones = (np.ones(pose.shape[:2]) for _ in range(5))
        return cls(pose, np.zeros_like(pose), *ones, np.zeros(pose.shape[:2], bool))

    @property
    def lost(self) -> np.ndarray:
        """(slices, volumes) where the slice could not be followed."""
        return ~(self.correlation >= LEAST_CORRELATION)

    @property
    def outlier(self) -> np.ndarray:
        """(slices, volumes) where the slice shows less, or something else, than in the others."""
        return self.lost | self.dropped | (self.residual > MOST_RESIDUAL)


def follow(
    slices: Slices,
    mask: np.ndarray,
    windows: Windows,
    likeness: np.ndarray,
    *,
    regularize: Regularizer,
    turns: bool,
    start: int | None,
    rounds: int,
) -> State:
    """Estimate the motion of all slices and volumes.

    In every round each volume is brought onto what the other volumes, where they were last found,
    tell about it; then motion is made smooth along the cord.

    Parameters
    ----------
    slices : Slices
    mask : (u, v, slices) array
    windows : Windows
    likeness : (1 or 2, volumes, volumes) array
        See `targets`.
    regularize : Regularizer
    turns : bool
        Whether slices may turn.
    start : int or None
        Volume that the search begins with.
    rounds : int

    Returns
    -------
    State
        Poses are known up to what is common to all volumes of a slice.
    """
    n, n_volumes = slices.data.shape[2], slices.n_volumes
    pose = np.zeros((n, n_volumes, 3 if turns else 2))
    if n_volumes == 1:
        return State.at(pose)
    pose[..., :2] = find_start(slices, mask, reference=start)
    state = State.at(pose)
    for index in range(rounds):
        steps = _STEPS if index else _FIRST_STEPS
        wanted = index + 1 < rounds and len(likeness) > 1
        products = _one_round(
            slices, windows, likeness, state, regularize, steps=steps, products=wanted
        )
        if wanted:
            state.directional = choose_directional(likeness, products, state.noise)
    _note_signal(likeness, state)
    return state


def _one_round(
    slices: Slices,
    windows: Windows,
    likeness: np.ndarray,
    state: State,
    regularize: Regularizer,
    *,
    steps: int,
    products: bool,
) -> np.ndarray:
    """Update the state.

    If wanted, returns sums of products (slices, volumes, volumes) of aligned windows.
    """
    n, n_volumes, p = state.pose.shape
    found = np.empty_like(state.pose)
    covariance = np.empty((n, n_volumes, p, p))
    sums = np.empty((n if products else 0, n_volumes, n_volumes), np.float32)
    # Slice by slice: all windows of one slice at a time are what memory has to hold.
    for k in range(n):
        batch = _batch(slices, windows, state, k)
        aligned = _scaled(batch, windows.weights[k], state, k)
        weights, _ = left_out(likeness, state.directional, state.noise[k])
        targets = beside(weights.astype(np.float32), aligned) @ aligned
        targets = targets.reshape(-1, *windows.size)
        fit = align(batch, targets, state.pose[k], steps=steps)
        # Each volume goes the whole way towards the others, and they towards it: together too far.
        share = (n_volumes - 1) / n_volumes
        found[k] = state.pose[k] + share * (fit.pose - state.pose[k])
        covariance[k] = fit.covariance
        _note(fit, state, k)
        if products:
            quiet = np.median(fit.residual) * windows.weights[k].sum()
            weighted = aligned * beside(windows.weights[k].ravel(), aligned)
            sums[k] = to_host(weighted @ aligned.T) / max(quiet, _TINY)
    state.pose, state.sd = _regularized(found, covariance, state.lost, regularize)
    return sums


def _batch(slices: Slices, windows: Windows, state: State, k: int) -> Batch:
    return cut_batch(
        slices.planes(k),
        windows.center[k],
        windows.weights[k],
        slices.pixel,
        state.pose[k],
        slices.device,
    )


def _scaled(batch: Batch, weight: np.ndarray, state: State, k: int) -> Array:
    """Windows (volumes, pixels) where they were last found, with equal contrast and mean 0."""
    aligned = batch.at(state.pose[k]).reshape(state.pose.shape[1], -1)
    gain = np.maximum(state.gain[k], _LEAST_GAIN).astype(np.float32)
    aligned /= beside(gain, aligned)[:, None]
    total = max(float(weight.sum()), _TINY)
    return aligned - (aligned @ beside(weight.ravel(), aligned) / total)[:, None]


def _note(fit: Fit, state: State, k: int) -> None:
    """Keep how well the volumes of slice `k` fit."""
    good = fit.correlation >= LEAST_CORRELATION
    good = good if good.any() else np.ones_like(good)
    state.gain[k] = fit.gain / max(np.median(fit.gain[good]), 1e-6)
    state.correlation[k] = fit.correlation
    scaled = fit.residual / np.maximum(state.gain[k], _LEAST_GAIN) ** 2
    state.residual[k] = fit.residual / max(np.median(fit.residual[good]), _TINY)
    state.noise[k] = np.clip(scaled / max(np.median(scaled[good]), _TINY), 1.0, _NOISIEST)


def _note_signal(likeness: np.ndarray, state: State) -> None:
    """Compare gains with those that the other volumes, less drop-outs, tell."""
    for k, gain in enumerate(state.gain):
        for _ in range(_SIGNAL_ROUNDS):
            noise = np.where(state.lost[k] | state.dropped[k], _SPOILT, 1.0)
            weights, variance = left_out(likeness, _GAIN_VARIANCE, noise)
            told = np.maximum(weights @ gain, _LEAST_GAIN)
            state.signal[k] = gain / told
            # A spoilt volume's own noise is not what its prediction lacks.
            doubt = _GAIN_NOISE * np.sqrt(variance - noise + 1)
            state.dropped[k] = (state.signal[k] < LEAST_SIGNAL) & (told - gain > 3 * doubt)


def _regularized(
    found: np.ndarray, covariance: np.ndarray, lost: np.ndarray, regularize: Regularizer
) -> tuple[np.ndarray, np.ndarray]:
    """Make poses smooth along the cord, with turns as lengths meanwhile."""
    p = found.shape[-1]
    scale = np.array([1.0, 1.0, TURN_LEVER_MM])[:p]
    covariance = covariance * scale[:, None] * scale + _LEAST_SD_MM**2 * np.eye(p)
    covariance[lost] = _NO_DATA_MM**2 * np.eye(p)
    found = np.swapaxes(_bridged(np.swapaxes(found, 0, 1), lost.T), 0, 1)
    pose, sd = regularize(found * scale, covariance)
    gone = np.broadcast_to(lost.all(0), lost.shape)
    return _bridged(pose / scale, gone), sd / scale


def _bridged(pose: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Interpolate poses (m, n, p) along their second axis where they are `gone` (m, n)."""
    pose = pose.copy()
    places = np.arange(gone.shape[1])
    for path, away in zip(pose, gone, strict=True):
        if away.any() and not away.all():
            for component in path.T:
                component[away] = np.interp(places[away], places[~away], component[~away])
    return pose


def mean_windows(slices: Slices, windows: Windows, state: State) -> np.ndarray:
    """Mean (slices, u, v) of the windows of the volumes that could be followed."""
    means = np.empty((len(state.pose), *windows.size), np.float32)
    for k, lost in enumerate(state.lost):
        aligned = to_host(_batch(slices, windows, state, k).at(state.pose[k]))
        means[k] = aligned[~lost].mean(0) if not lost.all() else aligned.mean(0)
    return means
