"""Two images brought together step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sctflow.core.labels import read_points
from sctflow.core.registration.algorithms import ALGORITHM_OF
from sctflow.core.registration.grammar import parse_steps
from sctflow.core.registration.pair import make_pair
from sctflow.core.registration.plane import PlaneGrid
from sctflow.core.registration.points import match_points
from sctflow.core.registration.steps import Step
from sctflow.core.transforms import Affine, Chain, compose, field_grid, invert, map_points
from sctflow.errors import RegistrationError

DEFAULT_STEPS = "step=1,type=seg,algo=centermassrot:step=2,type=seg,algo=columnwise"
"""For images with masks: centre and rotation, then the outline column by column."""


@dataclass(frozen=True)
class ImageData:
    """An image and what is known of it, on one grid; only what the steps need must be there.

    Attributes
    ----------
    affine : (4, 4) array
        Voxel to world (RAS mm).
    image : (i, j, k) array or None
        Voxels that are not finite do not count.
    seg : (i, j, k) array or None
        Mask, binary or soft: of the cord, or of what is to be matched (the white matter, for a
        refinement that follows the gray matter).
    label : (i, j, k) array or None
        Points, each marked by its own value.
    """

    affine: np.ndarray
    image: np.ndarray | None = None
    seg: np.ndarray | None = None
    label: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the grid."""
        given = [a for a in (self.image, self.seg, self.label) if a is not None]
        if not given:
            raise RegistrationError("An image, a mask or labels are needed for a registration.")
        if len({np.shape(a) for a in given}) > 1 or np.ndim(given[0]) != 3:
            sizes = ", ".join(str(np.shape(a)) for a in given)
            raise RegistrationError(
                f"Image, mask and labels must be 3-D and on the same grid, not {sizes}."
            )
        return np.shape(given[0])


@dataclass(frozen=True)
class Registration:
    """What brings two images together.

    Attributes
    ----------
    forward : chain of transforms
        Takes points of the fixed image to the moving one: resamples the moving image onto the
        fixed image's grid.
    backward : chain of transforms
        The other way.
    warnings : list of str
        What the reader should know.
    """

    forward: Chain
    backward: Chain
    warnings: list[str]


def register(
    fixed: ImageData,
    moving: ImageData,
    *,
    steps: str | Sequence[Step],
    initial: Chain = (),
    initial_inverse: Chain = (),
    mask: np.ndarray | None = None,
) -> Registration:
    """Bring a moving image onto a fixed one, within the slices of the fixed image.

    Every step works on the moving image as it was given, resampled once through everything found
    so far. Only labelled points (``type=label``) may be moved along the cord.

    Parameters
    ----------
    fixed, moving : ImageData
    steps : str or sequence of Step
        See :func:`parse_steps`. None: the initial transforms alone.
    initial : chain of transforms
        From the fixed to the moving image, to start from.
    initial_inverse : chain of transforms
        The same from the moving to the fixed image; found numerically if it is not given.
    mask : (i, j, k) array or None
        On the fixed image's grid, how much voxels count where images are matched.

    Raises
    ------
    RegistrationError
        If the steps need something that is not given, or cannot be.
    """
    steps = parse_steps(steps) if isinstance(steps, str) else tuple(steps)
    _check_needs(fixed, moving, steps, mask)
    forward = list(initial)
    backward = list(initial_inverse) or _inverse_of(initial, fixed, moving)
    warnings: list[str] = []
    for n, step in enumerate(steps, start=1):
        if step.type == "label":
            transform = _match_labels(fixed, moving, backward, step)
            noticed: list[str] = []
        else:
            pair = make_pair(fixed, moving, step=step, chain=forward, mask=mask)
            transform, noticed = ALGORITHM_OF[step.algo](pair, step)
        warnings += [f"Registration step {n}: {warning}" for warning in noticed]
        forward.insert(0, transform)
        backward.append(transform.inverse())
    return Registration(tuple(forward), tuple(backward), warnings)


_NEEDS = {"label": ("label",), "seg": ("seg",), "im": ("image",), "imseg": ("image", "seg")}
_NAMES = {"label": "labels", "seg": "a mask (seg)", "image": "an image"}


def _check_needs(
    fixed: ImageData, moving: ImageData, steps: Sequence[Step], mask: np.ndarray | None
) -> None:
    problems = []
    for n, step in enumerate(steps, start=1):
        for side, data in (("fixed", fixed), ("moving", moving)):
            problems += [
                f"Step {n} (type={step.type}) needs {_NAMES[need]} of the {side} image."
                for need in _NEEDS[step.type]
                if getattr(data, need) is None
            ]
    if mask is not None and np.shape(mask) != fixed.shape:
        problems.append(
            f"The mask has the size {np.shape(mask)}, and the fixed image {fixed.shape}."
        )
    if problems:
        raise RegistrationError("The registration cannot be run. " + " ".join(problems))


def _inverse_of(initial: Chain, fixed: ImageData, moving: ImageData) -> list:
    """Turn a chain round: exactly if it is of affines, or else on the moving image's grid."""
    if all(isinstance(transform, Affine) for transform in initial):
        return [transform.inverse() for transform in reversed(initial)]
    affine, shape = field_grid(fixed.affine, fixed.shape)
    field = compose(initial, affine=affine, shape=shape)
    affine, shape = field_grid(moving.affine, moving.shape)
    return [invert(field, affine=affine, shape=shape).field]


def _match_labels(fixed: ImageData, moving: ImageData, backward: Chain, step: Step) -> Affine:
    found = []
    for side, data in (("fixed", fixed), ("moving", moving)):
        points, _ = read_points(data.label, data.affine, name=f"labels of the {side} image")
        found.append(points)
    common = np.intersect1d(found[0].values, found[1].values)
    if not len(common):
        given = " and ".join(", ".join(map(str, points.values)) or "none" for points in found)
        raise RegistrationError(f"The labels of the two images have no value in common: {given}.")
    start, end = (points.world[np.isin(points.values, common)] for points in found)
    return match_points(
        start,
        map_points(end, backward),
        dof=step.dof,
        grid=PlaneGrid.of_image(fixed.affine, fixed.shape),
    )
