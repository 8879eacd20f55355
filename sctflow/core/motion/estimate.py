"""Motion of the cord in a series of volumes of one contrast."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from sctflow.core.image import finite
from sctflow.core.mask import mask_weights
from sctflow.core.motion.along import Regularizer, regularizer
from sctflow.core.motion.apply import apply_motion
from sctflow.core.motion.arrays import choose_device, on_device
from sctflow.core.motion.join import shift_between
from sctflow.core.motion.result import Motion
from sctflow.core.motion.series import State, follow, mean_windows
from sctflow.core.motion.targets import likeness
from sctflow.core.motion.windows import Slices, Windows, arrange, place_windows, window
from sctflow.errors import ImageError, SegmentationError, SettingsError

Kind = Literal["translation", "rigid"]
Metric = Literal["correlation", "edges"]
Reference = int | np.ndarray | Literal["mean"]

_ROUNDS_OF_PAIR = 3


def estimate_motion(
    data: np.ndarray,
    affine: np.ndarray,
    mask: np.ndarray,
    *,
    kind: Kind = "translation",
    reference: Reference = "mean",
    metric: Metric = "correlation",
    groups: int = 1,
    poly: int | None = None,
    smooth: float | None = None,
    rounds: int = 3,
    slice_axis: int | None = None,
    device: str | None = "auto",
) -> Motion:
    """Estimate the in-plane motion of every slice in every volume.

    Parameters
    ----------
    data : (i, j, k, t) array
        The series, in any orientation. Values that are not finite count as 0.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    mask : (i, j, k) array
        Cord, binary or soft, or another mask about its centre.
    kind : {"translation", "rigid"}
        Whether slices also turn.
    reference : "mean", int, or (i, j, k) array
        What is at rest: the mean place, a volume, or another image on the same grid.
    metric : {"correlation", "edges"}
        How another image is compared: slice by slice if it has the same contrast, or by the
        direction of edges with one shift for all slices if it has not.
    groups : int
        Number of successive volumes that are averaged and taken to move together.
    poly : int, optional
        Degree of the polynomial that motion follows along the cord; 0: each slice on its own.
    smooth : float, optional
        mm along the cord over which slices move alike. By default, and without `poly`, chosen
        from the data.
    rounds : int
        How often targets are made anew from the volumes moved back.
    slice_axis : {0, 1, 2}, optional
        Canonical axis across the slices (0 sagittal, 1 coronal, 2 axial); the one with the
        largest voxel side if not given.
    device : str, optional
        Where the work is done: ``"auto"``, a graphics processor if PyTorch sees one and the
        series is so long that it may gain; a device by PyTorch's name; or None, in NumPy's
        arrays. If a device fails, work is done without it, which the motion's `notes` say.

    Returns
    -------
    Motion

    Raises
    ------
    ImageError
        The series or the reference does not fit, or shows nothing about the mask.
    SegmentationError
        The mask is empty or does not fit.
    SettingsError
        An option has no meaning.
    """
    check_options(kind=kind, groups=groups, poly=poly, smooth=smooth, rounds=rounds)
    slices, cord, windows = prepare(data, affine, mask, slice_axis)
    n_volumes = slices.n_volumes
    volume = _check_reference(reference, n_volumes, slices, data.shape[:3])
    if metric not in ("correlation", "edges"):
        raise SettingsError(f"metric must be 'correlation' or 'edges', not {metric!r}.")
    averaged, members = average_groups(slices, groups)
    regularize = regularizer(heights(slices), poly=poly, smooth=smooth)

    def estimate(where: str | None) -> Motion:
        state = follow(
            replace(averaged, device=where),
            cord,
            windows,
            likeness(averaged.n_volumes),
            regularize=regularize,
            turns=kind == "rigid",
            start=None if volume is None else members[volume],
            rounds=rounds,
        )
        return as_motion(spread(state, members), slices, windows)

    motion = on_device(estimate, choose_device(device, averaged.n_windows))
    if volume is not None:
        return motion.relative_to(motion.shift[:, volume], motion.rotation[:, volume])
    motion = motion.relative_to(*rest(motion))
    if not isinstance(reference, np.ndarray):
        return motion
    mean = apply_motion(data, affine, motion).mean(-1)
    pair = arrange(finite(np.stack([reference, mean], -1)), affine, slices.axes[2])
    return motion.after(*_apart(pair, cord, windows, metric, regularize, turns=kind == "rigid"))


def check_options(
    *, kind: str, groups: int, poly: int | None, smooth: float | None, rounds: int
) -> None:
    """Refuse options without a meaning."""
    if kind not in ("translation", "rigid"):
        raise SettingsError(f"kind must be 'translation' or 'rigid', not {kind!r}.")
    if groups < 1 or rounds < 1:
        raise SettingsError(f"groups and rounds must be at least 1, not {groups} and {rounds}.")
    if poly is not None and smooth is not None:
        raise SettingsError(
            "poly and smooth are two ways to make motion smooth along the cord: give one of them."
        )
    if poly is not None and poly < 0:
        raise SettingsError(f"poly must be 0 (no smoothing along the cord) or more, not {poly}.")
    if smooth is not None and not smooth > 0:
        raise SettingsError(f"smooth must be a length above 0 mm, not {smooth}.")


def prepare(
    data: np.ndarray, affine: np.ndarray, mask: np.ndarray, slice_axis: int | None
) -> tuple[Slices, np.ndarray, Windows]:
    """Check a series and its mask, and arrange both by slices.

    Returns
    -------
    slices : Slices
    cord : (u, v, slices) array
        The mask, 0 to 1.
    windows : Windows
    """
    if data.ndim != 4:
        raise ImageError(
            f"A series of volumes has 4 axes, not {data.ndim}: motion is what changes over time."
        )
    if mask.shape != data.shape[:3]:
        raise SegmentationError(
            f"The mask has {mask.shape} voxels and the volumes have {data.shape[:3]}: resample "
            "the mask onto the series."
        )
    if slice_axis not in (None, 0, 1, 2):
        raise SettingsError(f"slice_axis must be 0, 1 or 2, not {slice_axis!r}.")
    weights = mask_weights(mask)
    if not weights.any():
        raise SegmentationError(
            "The mask is empty: motion is measured about the cord, which it should mark."
        )
    slices = arrange(finite(data), affine, slice_axis)
    if min(slices.data.shape[:2]) < 4:
        raise ImageError(
            f"Slices of {slices.data.shape[0]} x {slices.data.shape[1]} voxels show no motion. "
            "Check which axis runs across the slices."
        )
    cord = arrange(weights, affine, slices.axes[2]).data[..., 0]
    windows = place_windows(cord, slices)
    if not _shows_something(slices, windows):
        raise ImageError("The series is the same everywhere about the mask: it shows nothing.")
    return slices, cord, windows


def _shows_something(slices: Slices, windows: Windows) -> bool:
    for k, (center, weight) in enumerate(zip(windows.center, windows.weights, strict=True)):
        cut = window(slices.data[:, :, k], center, windows.size)
        if np.ptp(cut[:, weight > 0], axis=1).any():
            return True
    return False


def _check_reference(
    reference: Reference, n_volumes: int, slices: Slices, shape: tuple[int, ...]
) -> int | None:
    """Say which volume is the reference, if it is one."""
    if isinstance(reference, np.ndarray):
        if reference.shape != shape:
            raise ImageError(
                f"The reference has {reference.shape} voxels and the volumes have {shape}: "
                "resample it onto the series."
            )
        return None
    if isinstance(reference, str):
        if reference != "mean":
            raise SettingsError(f"reference must be 'mean' or a volume, not {reference!r}.")
        return None
    if not 0 <= reference < n_volumes:
        raise SettingsError(
            f"There is no volume {reference} to refer to: they are numbered 0 to {n_volumes - 1}."
        )
    return int(reference)


def heights(slices: Slices) -> np.ndarray:
    """Place of each slice across the slices, mm."""
    return np.arange(slices.data.shape[2]) * slices.spacing


def average_groups(slices: Slices, groups: int) -> tuple[Slices, np.ndarray]:
    """Average successive volumes; also says for each volume which average it went into."""
    members = np.arange(slices.n_volumes) // groups
    if groups == 1:
        return slices, members
    chosen = np.arange(slices.n_volumes) if slices.chosen is None else slices.chosen
    means = [
        slices.data[..., chosen[members == one]].mean(-1, dtype=np.float32)
        for one in np.unique(members)
    ]
    return replace(slices, data=np.stack(means, -1), chosen=None), members


def spread(state: State, members: np.ndarray) -> State:
    """Give each volume what was found for its group."""
    names = ("pose", "sd", "correlation", "gain", "residual", "noise", "signal", "dropped")
    return replace(state, **{name: getattr(state, name)[:, members] for name in names})


def as_motion(state: State, slices: Slices, windows: Windows) -> Motion:
    """Put poses into mm and degrees."""
    turns = state.pose.shape[2] > 2
    return Motion(
        shift=state.pose[..., :2],
        rotation=np.degrees(state.pose[..., 2]) if turns else np.zeros(state.pose.shape[:2]),
        center=windows.center.astype(float),
        slice_axis=slices.axes[2],
        sd=state.sd[..., :2],
        reliability=state.correlation,
        signal=state.signal,
        outlier=state.outlier,
        turns=turns,
    )


def rest(motion: Motion, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean pose of each slice over the volumes, or some of them, less outliers."""
    weight = (~motion.outlier).astype(float) + 1e-6
    if chosen is not None:
        weight = weight * chosen
    weight /= weight.sum(1, keepdims=True)
    return np.einsum("kt,ktc->kc", weight, motion.shift), (weight * motion.rotation).sum(1)


def _apart(
    pair: Slices,
    cord: np.ndarray,
    windows: Windows,
    metric: Metric,
    regularize: Regularizer,
    *,
    turns: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Where the second of two images lies in each slice, seen from the first: mm and degrees."""
    if metric == "correlation":
        state = follow(
            pair,
            cord,
            windows,
            likeness(2),
            regularize=regularize,
            turns=turns,
            start=0,
            rounds=_ROUNDS_OF_PAIR,
        )
        found = as_motion(state, pair, windows)
        found = found.relative_to(found.shift[:, 0], found.rotation[:, 0])
        return found.shift[:, 1], found.rotation[:, 1]
    still = State.at(np.zeros((pair.data.shape[2], 1, 2)))
    first, second = (
        mean_windows(replace(pair, data=pair.data[..., t : t + 1]), windows, still) for t in (0, 1)
    )
    shift = shift_between(second, first, windows.weights, pair.pixel)
    return np.tile(shift, (len(windows.center), 1)), np.zeros(len(windows.center))
