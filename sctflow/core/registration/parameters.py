"""Parameters of affine maps in the plane, in mm, so that one step size suits all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctflow.core.registration.plane import PlaneGrid

PARAMETERS = {"translation": 2, "rigid": 3, "affine": 6}
"""Of each slice: right and front; then a rotation; then a symmetric stretch before it."""

_STRETCHES = np.array([[[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]], dtype=float)


def sizes_up_to(model: str) -> list[int]:
    """Count the parameters of the models that lead up to one, and of itself."""
    return [size for size in PARAMETERS.values() if size <= PARAMETERS[model]]


def widened(theta: np.ndarray, each: int, size: int) -> np.ndarray:
    """Give parameters (U, each * P) room for `size` instead of P; the new ones are 0."""
    parameters = theta.reshape(len(theta), each, -1)
    room = ((0, 0), (0, 0), (0, size - parameters.shape[2]))
    return np.pad(parameters, room).reshape(len(theta), -1)


@dataclass(frozen=True)
class Turning:
    """Centres (S, 2) that maps turn about, and the length that makes angles out of mm."""

    centers: np.ndarray
    length: float

    @classmethod
    def about(cls, weights: np.ndarray, grid: PlaneGrid, *, shared: bool) -> Turning:
        """Take the centres of weights (S, X, Y): of all together if `shared`, or of each slice."""
        x, y = grid.positions()
        mass = weights.sum(axis=(1, 2))
        sums = np.stack([weights.sum(axis=2) @ x, weights.sum(axis=1) @ y], axis=1)
        middle = sums.sum(axis=0) / max(mass.sum(), 1e-12)
        centers = np.tile(middle, (len(weights), 1))
        if not shared:
            centers = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-12)[:, None], middle)
        spread = np.einsum("sxy,sx->", weights, (x - centers[:, :1]) ** 2)
        spread += np.einsum("sxy,sy->", weights, (y - centers[:, 1:]) ** 2)
        return cls(centers, float(np.sqrt(max(spread / max(mass.sum(), 1e-12), 1.0))))

    def matrices(self, parameters: np.ndarray) -> np.ndarray:
        """Turn parameters (S, P), in mm, into maps (S, 2, 3)."""
        turn, stretch, _ = self._parts(parameters)
        linear = turn @ stretch
        offset = self.centers + parameters[:, :2]
        offset = offset - np.einsum("sij,sj->si", linear, self.centers)
        return np.concatenate([linear, offset[:, :, None]], axis=2)

    def slopes(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Change of the linear part, per length, with each parameter after the translation."""
        turn, stretch, quarter = self._parts(parameters)
        changes = [quarter @ turn @ stretch, *(turn @ unit for unit in _STRETCHES)]
        return changes[: parameters.shape[1] - 2]

    def _parts(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rotation, stretch, and the quarter turn that is the slope of a rotation."""
        scaled = np.zeros((len(parameters), 4))
        scaled[:, : parameters.shape[1] - 2] = parameters[:, 2:] / self.length
        angle = scaled[:, 0, None, None]
        quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
        turn = np.cos(angle) * np.eye(2) + np.sin(angle) * quarter
        return turn, np.eye(2) + np.einsum("sk,kij->sij", scaled[:, 1:], _STRETCHES), quarter
