"""Deformations by ANTs' SyN and B-spline SyN, within the slices."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from sctflow.core.registration.plane import PlaneGrid
from sctflow.core.registration.steps import Step
from sctflow.errors import RegistrationError

KNOT_MM = 5.0
"""Distance of the B-splines' knots at the finest level: half of a cord."""

FLOW_VOXELS = 3
"""Variance, in voxels, of the Gaussian that smooths SyN's updates (ANTs' own default)."""

EDGE_SLICES = 4
"""Slices added at either end, each the last one again: ANTs holds the outermost still, and its
smoothing carries that some voxels inwards."""

NEIGHBOURS = 2
"""Radius of the neighbourhood that CC is counted over, voxels: about half of a cord. ANTs'
usual 4 takes twice as long and was no better on cords."""

BINS = 32
SEED = 1
CONVERGENCE = "1e-6,10"
"""ANTs' own: a level ends when ten iterations gain less than this."""

TAILS = (0.5, 99.5)
"""Percentiles that image values are cut at, for the histogram of MI."""

_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


@dataclass(frozen=True)
class Match:
    """Two images to be brought together, (S, X, Y) both, without nan, and their metric."""

    fixed: np.ndarray
    moving: np.ndarray
    metric: str


def deform(
    matches: Sequence[Match], mask: np.ndarray | None, grid: PlaneGrid, *, step: Step
) -> np.ndarray:
    """Find displacements that bring moving images onto fixed ones.

    Parameters
    ----------
    matches : sequence of Match
        All count the same.
    mask : (S, X, Y) array or None
        Where the metrics are counted.
    grid : PlaneGrid
        Of all images; displacements end at its sides.
    step : Step
        ``syn`` or ``bsplinesyn`` with its settings.

    Returns
    -------
    (S, X, Y, 2) array
        mm to the right and to the front.
    """
    if step.slicewise:
        # One call per slice: ANTs knows one image at a time.
        return np.stack(
            [
                _run(
                    [Match(m.fixed[s], m.moving[s], m.metric) for m in matches],
                    None if mask is None else mask[s],
                    grid.spacing[:2],
                    step=step,
                )
                for s in range(grid.shape[2])
            ]
        )

    def stack(data: np.ndarray) -> np.ndarray:
        padded = np.pad(data, ((EDGE_SLICES, EDGE_SLICES), (0, 0), (0, 0)), mode="edge")
        return np.moveaxis(padded, 0, 2)

    moves = _run(
        [Match(stack(m.fixed), stack(m.moving), m.metric) for m in matches],
        None if mask is None else stack(mask),
        grid.spacing,
        step=step,
    )
    return np.moveaxis(moves[:, :, EDGE_SLICES:-EDGE_SLICES], 2, 0)


def _run(
    matches: Sequence[Match], mask: np.ndarray | None, spacing: np.ndarray, *, step: Step
) -> np.ndarray:
    """Register 2-D or 3-D images; displacements (..., 2) in mm along the first two axes."""
    dimension = len(spacing)
    with _one_thread(), tempfile.TemporaryDirectory() as folder:
        import ants
        from ants.internal import get_pointer_string

        def image(data: np.ndarray, dtype: type = np.float32) -> object:
            values = np.ascontiguousarray(data, dtype=dtype)
            return ants.from_numpy(values, spacing=[float(side) for side in spacing])

        # Kept until the end: ANTs is given their addresses.
        images = [(image(_cut(m.fixed)), image(_cut(m.moving)), m.metric) for m in matches]
        # ANTs reads a mask as bytes, whatever it is.
        within = None if mask is None else image(mask > 0, np.uint8)
        arguments = ["--dimensionality", str(dimension), "--float", "1"]
        for fixed, moving, metric in images:
            pair = f"{get_pointer_string(fixed)},{get_pointer_string(moving)}"
            arguments += ["--metric", _metric(metric, pair)]
        arguments += [
            *("--transform", _transform(step)),
            *("--convergence", f"[{'x'.join(map(str, step.iter))},{CONVERGENCE}]"),
            *("--shrink-factors", "x".join(map(str, step.shrink))),
            *("--smoothing-sigmas", "x".join(f"{s:g}" for s in step.smooth) + "mm"),
            *("--random-seed", str(SEED), "--collapse-output-transforms", "0"),
            *("--output", str(Path(folder) / "step")),
        ]
        if dimension == 3:
            arguments += ["--restrict-deformation", "1x1x0"]
        if within is not None:
            arguments += ["--masks", get_pointer_string(within)]
        if ants.registration(arguments, None) != 0:
            raise RegistrationError(
                f"ANTs could not run algo={step.algo} with these settings on images of "
                f"{' x '.join(map(str, matches[0].fixed.shape))} voxels."
            )
        warp = nib.load(Path(folder) / "step0Warp.nii.gz")
        moves = np.asarray(warp.dataobj, dtype=float)[..., 0, :2]
    return _at_voxels(moves, warp.affine, matches[0].fixed.shape, spacing)


def _at_voxels(
    moves: np.ndarray, affine: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray
) -> np.ndarray:
    """Bring displacements (x, y, z or 1, 2) from ANTs' grid, the last level's, to all voxels.

    Images were given to ITK with its own axes and no origin; NIfTI has two of them turned round.
    """
    dimension = len(spacing)
    if dimension == 2:
        moves = moves[:, :, 0]
    if moves.shape[:-1] == shape:
        return moves
    origin = (np.diag([-1.0, -1.0, 1.0]) @ affine[:3, 3])[:dimension]
    sides = np.linalg.norm(affine[:3, :dimension], axis=0)
    steps = [
        (np.arange(n) * side - start) / far
        for n, side, start, far in zip(shape, spacing, origin, sides, strict=True)
    ]
    places = np.stack(np.meshgrid(*steps, indexing="ij"))
    return np.stack(
        [
            ndimage.map_coordinates(moves[..., axis], places, order=1, mode="nearest")
            for axis in (0, 1)
        ],
        axis=-1,
    )


def _metric(metric: str, pair: str) -> str:
    setting = {"MeanSquares": 0, "CC": NEIGHBOURS, "MI": BINS}[metric]
    return f"{metric}[{pair},1,{setting}]"


def _transform(step: Step) -> str:
    if step.algo == "syn":
        return f"SyN[{step.grad_step:g},{FLOW_VOXELS},0]"
    # The knots' distance is halved from level to level.
    knots = KNOT_MM * 2 ** (len(step.iter) - 1)
    return f"BSplineSyN[{step.grad_step:g},{knots:g},0,3]"


def _cut(data: np.ndarray) -> np.ndarray:
    low, high = np.percentile(data, TAILS)
    # A small mask is all tail: its range is that of its values.
    return np.clip(data, low, high) if high > low else data


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have ITK use one thread, if it has not chosen yet: its sums depend on how many there are."""
    before = os.environ.get(_THREADS)
    os.environ.setdefault(_THREADS, "1")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_THREADS, None)
