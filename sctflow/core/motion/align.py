"""Sub-pixel steps of all volumes of a slice together (Gauss–Newton).

The target is linearised, not the moving image, so that its gradients are worked out once, and
gain and offset are fitted along: the inverse-compositional algorithm of Baker and Matthews (2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.motion.arrays import Array, beside, functions, put, to_host, transforms
from sctflow.core.motion.shift import gaussian_response, gradients, moved, rim, to_spectrum
from sctflow.core.motion.windows import inside, window

SMOOTHING_PIXELS = 0.6
"""Gaussian filter before comparing: the finest frequencies are mostly noise."""

_RIM_MM = 2.5
_LONGEST_MM = 1.0  # of one step
_LARGEST_TURN = np.radians(3.0)  # of one step
_LEAST_GAIN = 0.05
_RIDGE = 1e-4  # of the mean curvature, so that a slice without edges can be solved
_TINY = 1e-12


@dataclass(frozen=True)
class Batch:
    """Windows of the volumes of one slice, cut at whole pixels, as filtered spectra.

    Attributes
    ----------
    spectrum : (volumes, u, v // 2 + 1) complex64 array
    whole : (volumes, 2) array
        mm at which the windows were cut.
    weights : (volumes, u, v) array
        0 outside of the field of view.
    size : tuple of 2 int
    pixel : (2,) array
        mm.
    """

    spectrum: Array
    whole: np.ndarray
    weights: Array
    size: tuple[int, int]
    pixel: np.ndarray

    def at(self, pose: np.ndarray) -> Array:
        """Bring windows (volumes, u, v) back from `pose` (volumes, 2 or 3), mm and radians."""
        turn = pose[:, 2] if pose.shape[1] > 2 else None
        return moved(self.spectrum, self.size, self.pixel, pose[:, :2] - self.whole, turn)


def cut_batch(
    plane: np.ndarray,
    center: np.ndarray,
    weight: np.ndarray,
    pixel: np.ndarray,
    pose: np.ndarray,
    device: str | None = None,
) -> Batch:
    """Cut the windows of one slice where `pose` says that the cord lies.

    Parameters
    ----------
    plane : (u, v, volumes) array
    center : (2,) array of int
    weight : (nu, nv) array
    pixel : (2,) array
    pose : (volumes, 2 or 3) array
    device : str, optional
        Where spectra and weights go, see `arrays`.
    """
    size = weight.shape
    steps = np.rint(pose[:, :2] / pixel).astype(int)
    windows = window(plane, center + steps, size)
    total = max(float(weight.sum()), _TINY)
    level = (windows * weight).sum((1, 2), keepdims=True) / total
    width = tuple(max(1, int(np.ceil(_RIM_MM / p))) for p in pixel)
    rows, columns = inside(plane.shape[:2], center + steps, size)
    return Batch(
        spectrum=to_spectrum(
            put((windows - level) * rim(size, width), device),
            gaussian_response(size, SMOOTHING_PIXELS),
        ),
        whole=steps * pixel,
        weights=put(weight * rows[:, :, None] * columns[:, None, :], device),
        size=size,
        pixel=pixel,
    )


@dataclass(frozen=True)
class Fit:
    """What the volumes of one slice gave.

    Attributes
    ----------
    pose : (volumes, p) array
    covariance : (volumes, p, p) array
        Of the pose's error, from the noise that is left.
    gain : (volumes,) array
        Of each volume over its target.
    correlation : (volumes,) array
        Weighted, with the target.
    residual : (volumes,) array
        Mean square of what the target does not explain.
    """

    pose: np.ndarray
    covariance: np.ndarray
    gain: np.ndarray
    correlation: np.ndarray
    residual: np.ndarray


def align(batch: Batch, targets: Array, pose: np.ndarray, *, steps: int) -> Fit:
    """Bring the volumes of a slice onto their targets.

    Parameters
    ----------
    batch : Batch
    targets : (volumes, u, v) array
    pose : (volumes, p) array
        Start: mm along u and v, and radians if p is 3.
    steps : int
    """
    model = _Linear(batch, targets, pose.shape[1])
    for _ in range(steps):
        pose = _moved_on(pose, model.step(batch.at(pose)))
    return model.fit(batch.at(pose), pose)


def _moved_on(pose: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Take a step in the target's frame, not too long a one."""
    length = np.linalg.norm(step[:, :2], axis=1, keepdims=True)
    step = step.copy()
    step[:, :2] *= np.minimum(1, _LONGEST_MM / np.maximum(length, _TINY))
    if pose.shape[1] > 2:
        step[:, 2] = np.clip(step[:, 2], -_LARGEST_TURN, _LARGEST_TURN)
        cos, sin = np.cos(pose[:, 2]), np.sin(pose[:, 2])
        u, v = step[:, 0].copy(), step[:, 1].copy()
        step[:, 0], step[:, 1] = cos * u - sin * v, sin * u + cos * v
    return pose + step


class _Linear:
    """The model ``image = gain (target - gradient · error) + offset`` of each volume."""

    def __init__(self, batch: Batch, targets: Array, p: int) -> None:
        n = len(targets)
        self.einsum = functions(targets).einsum
        self.weights = batch.weights.reshape(n, -1)
        self.total = self.weights.sum(1).clip(_TINY)
        self.target = self._centered(targets.reshape(n, -1))
        self.power = self._product(self.target, self.target).clip(_TINY)
        gradient = self._centered(_changes(targets, batch.pixel, p).reshape(n, p, -1))
        along = self.einsum("ni,npi,ni->np", self.weights, gradient, self.target)
        gradient -= (along / self.power[:, None])[..., None] * self.target[:, None]
        self.gradient = gradient
        self.lever = self.weights[:, None] * gradient
        curvature = to_host(self.lever @ gradient.swapaxes(1, 2)).astype(float)
        ridge = _RIDGE * np.trace(curvature, axis1=1, axis2=2) / p + _TINY
        self.inverse = np.linalg.inv(curvature + ridge[:, None, None] * np.eye(p))
        self.spread, self.kept = _noise_through(self.lever, batch.size)

    def _centered(self, values: Array) -> Array:
        """Values (n, i) or (n, p, i) less their weighted means."""
        weights = self.weights if values.ndim == 2 else self.weights[:, None]
        total = self.total if values.ndim == 2 else self.total[:, None]
        return values - ((weights * values).sum(-1) / total)[..., None]

    def _product(self, a: Array, b: Array) -> Array:
        return self.einsum("ni,ni,ni->n", self.weights, a, b)

    def _solve(self, images: Array) -> tuple[Array, np.ndarray, np.ndarray]:
        values = self._centered(images.reshape(len(images), -1))
        gain = to_host(self._product(self.target, values) / self.power)
        moment = to_host((self.lever @ values[..., None])[..., 0])
        step = np.einsum("npq,nq->np", self.inverse, moment)
        return values, gain, step / np.where(gain > _LEAST_GAIN, gain, 1.0)[:, None]

    def step(self, images: Array) -> np.ndarray:
        """Pose (n, p) that the images still have."""
        return self._solve(images)[2]

    def fit(self, images: Array, pose: np.ndarray) -> Fit:
        """Say how well the images fit as they are."""
        values, gain, step = self._solve(images)
        safe = np.where(gain > _LEAST_GAIN, gain, 1.0)
        power = self._product(values, values).clip(_TINY)
        rest = values - beside(gain, values)[:, None] * self.target
        left = beside((safe[:, None] * step).astype(np.float32), values)
        rest -= self.einsum("np,npi->ni", left, self.gradient)
        residual = to_host(self._product(rest, rest) / self.total)
        bread = self.inverse / safe[:, None, None]
        noise = (residual / self.kept)[:, None, None]
        return Fit(
            pose=pose,
            covariance=noise * (bread @ self.spread @ bread),
            gain=gain,
            correlation=gain * np.sqrt(to_host(self.power / power)),
            residual=residual,
        )


def _changes(targets: Array, pixel: np.ndarray, p: int) -> Array:
    """How the windows (n, u, v) change with each parameter of their pose, (n, p, u, v)."""
    stack = functions(targets).stack
    du, dv = gradients(targets, pixel)
    if p == 2:
        return stack([-du, -dv], 1)
    u, v = (
        beside(((np.arange(n) - n // 2) * size).astype(np.float32), targets)
        for n, size in zip(du.shape[1:], pixel, strict=True)
    )
    return stack([-du, -dv, v * du - u[:, None] * dv], 1)


def _noise_through(lever: Array, size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """What white noise, smoothed as the windows are, becomes.

    Returns
    -------
    spread : (n, p, p) array
        Covariance of ``lever @ noise``, for noise of variance 1 before smoothing.
    kept : float
        Variance that smoothing leaves of it.
    """
    squared = gaussian_response(size, SMOOTHING_PIXELS) ** 2
    # Only half of the frequencies are kept of a real image's; the others are mirror images.
    twice = np.full(squared.shape[1], 2.0)
    twice[0] = 1
    if size[1] % 2 == 0:
        twice[-1] = 1
    power = (squared * twice / np.prod(size)).astype(np.float32)
    n, p = lever.shape[:2]
    spectra = transforms(lever).rfft2(lever.reshape(n, p, *size)).reshape(n, p, -1)
    spread = (spectra * beside(power.ravel(), lever)) @ spectra.conj().swapaxes(1, 2)
    return to_host(spread).real, float(power.sum())
