"""Draws the picture of docs/methods/straightening.md.

python docs/straightening_figure.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt

from sctflow.core.centerline import fit_centerline
from sctflow.core.cord_frame import CordFrame, make_frame
from sctflow.core.grid import canonicalize
from sctflow.core.phantom.truth import make_fractions
from sctflow.core.smooth_along import smooth_along
from sctflow.core.straighten import FromStraight, straight_grid, visible_ends
from sctflow.core.transforms import resample_through
from sctflow.demo import make_participant

OUT = Path(__file__).parent / "images" / "straightening.png"
PARTICIPANT = 2
WIDTH, SIGMA = 20.0, 3.0
LINES = np.arange(-WIDTH, WIDTH + 1, 10.0)
SHOW = {"origin": "lower", "cmap": "gray", "interpolation": "bilinear"}


def scan() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T2-weighted image of a phantom participant, its true mask of the cord, and the affine."""
    anatomy, _, stacks = make_participant(PARTICIPANT, images=("T2w",), view="cervical")
    stack = next(stacks)
    image = stack.scans[0].image
    cord = make_fractions(anatomy, stack.sampled, ["SC"])["SC"]
    data, affine = canonicalize(np.asarray(image.dataobj, np.float32), image.affine)
    return data, canonicalize(cord, image.affine)[0], affine


def draw_image(axis, data: np.ndarray, affine: np.ndarray, title: str, high: float) -> None:
    """Draw the sagittal plane nearest to x = 0 in millimetres."""
    middle = round(-affine[0, 3] / affine[0, 0])
    plane = data[middle]
    (_, y, z), (dy, dz) = affine[:3, 3], (affine[1, 1], affine[2, 2])
    extent = (y - dy / 2, y + dy * (plane.shape[0] - 0.5))
    extent += (z - dz / 2, z + dz * (plane.shape[1] - 0.5))
    axis.imshow(plane.T, extent=extent, vmin=0, vmax=high, **SHOW)
    axis.set_title(title, fontsize=10)
    axis.axis("off")


def draw_lines(axis, frame: CordFrame, ends: tuple[float, float]) -> None:
    """Draw the lines of the straight space on the image: along the cord and across it."""
    axis.autoscale(enable=False)
    along = np.arange(ends[0], ends[1] + 0.5, 0.5)
    for v in LINES:
        path = frame.to_world(np.column_stack([np.zeros_like(along), 0 * along + v, along]))
        axis.plot(path[:, 1], path[:, 2], color="tab:orange", lw=1.4 if v == 0 else 0.6)
    for s in np.arange(np.ceil(ends[0] / 10) * 10, ends[1], 10.0):
        path = frame.to_world([[0.0, -WIDTH, s], [0.0, WIDTH, s]])
        axis.plot(path[:, 1], path[:, 2], color="tab:orange", lw=0.6)


def draw_straight_lines(axis, ends: tuple[float, float]) -> None:
    """Draw the same lines where they are straight."""
    axis.vlines(LINES, *ends, color="tab:orange", lw=np.where(LINES == 0, 1.4, 0.6))
    axis.hlines(
        np.arange(np.ceil(ends[0] / 10) * 10, ends[1], 10.0), -WIDTH, WIDTH,
        color="tab:orange", lw=0.6,
    )  # fmt: skip


def main() -> None:
    """Draw an image with the lines of the straight space, straightened, and smoothed."""
    data, cord, affine = scan()
    frame = make_frame(fit_centerline(cord, affine))
    ends = visible_ends(frame, affine, data.shape)
    grid, shape = straight_grid(frame, spacing=0.5, half_width=WIDTH, ends=ends)
    straight = resample_through(
        data, affine, [FromStraight(frame)], to_affine=grid, to_shape=shape,
        interpolation="spline",
    )  # fmt: skip
    smooth = smooth_along(data, affine, frame, sigma_mm=SIGMA)
    # The plane of the image that the cord's middle lies in.
    affine = affine.copy()
    affine[0, 3] -= np.median(frame.curve.at(frame.slice_s)[0][:, 0])
    high = float(np.percentile(data, 99.5))
    figure, axes = plt.subplots(1, 3, figsize=(11, 6), width_ratios=[1, 0.4, 1])
    draw_image(axes[0], data, affine, "image, with the cord's own millimetres", high)
    draw_lines(axes[0], frame, ends)
    draw_image(axes[1], straight, grid, "straightened", high)
    draw_straight_lines(axes[1], ends)
    draw_image(axes[2], smooth, affine, f"smoothed along the cord, {SIGMA:g} mm", high)
    figure.tight_layout()
    figure.savefig(OUT, dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main()
