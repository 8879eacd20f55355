"""Maps of the transmit field, in whichever unit they come."""

from __future__ import annotations

import numpy as np

from sctflow.core.image import resample

SCALES = {"as a factor": ((0.3, 3.0), 1.0), "in percent": ((30.0, 300.0), 100.0)}
"""BIDS leaves the unit of ``TB1map`` open. The field in the cord is within a factor of three of
what it should be at any strength in use, so that its median tells: range, and divisor."""

LEAST_SEEN = 0.5
"""Part of the cord that a map must show."""


def relative_field(
    field: np.ndarray,
    affine: np.ndarray,
    *,
    to_affine: np.ndarray,
    cord: np.ndarray,
) -> tuple[np.ndarray, str]:
    """Bring a map of the transmit field onto an image, 1 where the field is right.

    Parameters
    ----------
    field : (i, j, k) array
        Where it is not positive nothing was measured.
    affine, to_affine : (4, 4) array
        Voxel to world (RAS mm) of the map and of the image.
    cord : (a, b, c) array
        Mask of the cord on the grid of the image.

    Returns
    -------
    relative : (a, b, c) array of float64
        nan where nothing was measured.
    unit : str
        How the values were taken, of :data:`SCALES`.

    Raises
    ------
    ValueError
        The map shows less than half of the cord, or has values that are no such field.
    """
    field = np.asarray(field, float)
    seen = np.isfinite(field) & (field > 0)
    grid = {"to_affine": to_affine, "to_shape": cord.shape}
    # Weighted by what was measured, so that the edge of the map is not drawn towards 0.
    weight = resample(seen.astype(float), affine, **grid)
    value = resample(np.where(seen, field, 0.0), affine, **grid)
    relative = np.divide(value, weight, out=np.full(cord.shape, np.nan), where=weight >= 0.5)
    inside = relative[np.asarray(cord) >= 0.5]
    if not inside.size or np.isfinite(inside).mean() < LEAST_SEEN:
        raise ValueError("it shows less than half of the cord")
    middle = float(np.nanmedian(inside))
    for unit, ((low, high), divisor) in SCALES.items():
        if low <= middle <= high:
            return relative / divisor, unit
    raise ValueError(
        f"its median in the cord is {middle:.3g}, and neither a factor (about 1) nor a percentage "
        "(about 100)"
    )
