"""Draws the pictures of docs/methods/template.md.

python docs/template_figure.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt

from sctflow.core.centerline import fit_centerline
from sctflow.core.grid import canonicalize
from sctflow.core.phantom.truth import make_fractions, point_labels
from sctflow.core.template.register import Registration, register_cord
from sctflow.core.template.warp import resample_covered, warp_template
from sctflow.demo import make_participant
from sctflow.io import load_image
from sctflow.reports.template_figures import template_overlay
from sctflow.templates.packed import PackedTemplate, open_template

OUT = Path(__file__).parent / "images"
PARTICIPANT = 3  # compressed at the disc C5/C6
LINE = {"color": "tab:orange", "lw": 0.6}
SHOW = {"origin": "lower", "cmap": "gray", "vmin": 0, "interpolation": "bilinear"}
DEEP_MM = np.arange(-20.0, 21.0, 10.0)
ACROSS_MM = np.arange(-12.0, 13.0, 2.0)


@dataclass(frozen=True)
class Scan:
    """An image of the phantom, canonical, and its registration with the template."""

    data: np.ndarray
    affine: np.ndarray
    mask: np.ndarray
    found: Registration

    def voxels(self, template_points: np.ndarray) -> np.ndarray:
        """Voxels (…, 3) in which points of the template lie."""
        world = self.found.cord_map.inverse().map_points(template_points)
        inverse = np.linalg.inv(self.affine)
        return world @ inverse[:3, :3].T + inverse[:3, 3]


def scan(template: PackedTemplate) -> dict[str, Scan]:
    """T2w and T2star images of a participant, registered by their true masks and discs."""
    anatomy, _, stacks = make_participant(PARTICIPANT, images=("T2w", "T2star"))
    scans = {}
    for stack in stacks:
        image = stack.scans[0].image
        data, affine = canonicalize(np.asarray(image.dataobj, np.float32), image.affine)
        mask, _ = canonicalize(
            make_fractions(anatomy, stack.sampled, ["SC"])["SC"] >= 0.5, image.affine
        )
        if not scans:
            discs = point_labels(anatomy, image.shape, image.affine)["discs"], image.affine
        found = register_cord(
            mask, affine, fit_centerline(mask, affine), *discs, template.space,
            name="discs", elsewhere=bool(scans),
        )  # fmt: skip
        scans[stack.space] = Scan(data, affine, mask, found)
    return scans


def template_line(template: PackedTemplate, x, y, z) -> np.ndarray:
    """World points of the template, mm to the right and front of its cord's middle."""
    middle = template.space.frame.curve.points[0]
    x, y, z = np.broadcast_arrays(x, y, z)
    return np.stack([x + middle[0], y + middle[1], z], axis=-1)


def heights(scan: Scan, template: PackedTemplate) -> tuple[np.ndarray, np.ndarray]:
    """World z of the template along the cord that the image shows, and of its discs there."""
    frame, line = template.space.frame, scan.found.frame
    ends = scan.found.cord_map.along(line.slice_s[[0, -1]])
    z = frame.to_world(np.column_stack([np.zeros((2, 2)), ends]))[:, 2]
    discs = np.arange(1.0, 22.0)
    place = frame.levels.position(discs)
    kept = (place > ends[0]) & (place < ends[1])
    there = np.column_stack([np.zeros((kept.sum(), 2)), place[kept]])
    return z, frame.to_world(there)[:, 2]


def draw_sides(axes, one: Scan, template: PackedTemplate) -> None:
    """Draw the image from the side with the template's lines, and both on the template's grid."""
    ends, discs = heights(one, template)
    z = np.arange(*ends, 0.5)
    lines = [template_line(template, 0.0, v, z) for v in DEEP_MM]
    lines += [template_line(template, 0.0, DEEP_MM[[0, -1]], height) for height in discs]
    middle = int(np.median(np.argwhere(one.mask)[:, 0]))
    sides = np.linalg.norm(one.affine[:3, :3], axis=0)
    high = np.percentile(one.data, 99.5)
    axes[0].imshow(one.data[middle].T, vmax=high, aspect=sides[2] / sides[1], **SHOW)
    axes[0].autoscale(enable=False)
    for line in lines:
        axes[0].plot(*one.voxels(line)[:, 1:].T, **LINE)
    axes[0].set_title("image, with the template's lines", fontsize=10)

    chain = [one.found.cord_map.inverse()]
    grid = {"to_affine": template.affine, "to_shape": template.shape}
    brought = resample_covered(one.data, one.affine, chain, **grid, interpolation="spline")
    _, path = template.contrast("T2w")
    own = load_image(path)
    both = (brought, "image in the template"), (np.asarray(own.dataobj, np.float32), "template")
    for axis, (data, title) in zip(axes[1:], both, strict=True):
        draw_straight(axis, data, template, lines, ends)
        axis.set_title(title, fontsize=10)


def draw_straight(axis, data, template: PackedTemplate, lines, ends) -> None:
    """Draw the median plane of an image on the template's grid, in millimetres."""
    data, affine = canonicalize(data, template.affine)
    dy, dz = affine[1, 1], affine[2, 2]
    x0, y0, _ = template.space.frame.curve.points[0]
    plane = data[round((x0 - affine[0, 3]) / affine[0, 0])]
    extent = [affine[1, 3] - dy / 2, affine[1, 3] + dy * (plane.shape[0] - 0.5)]
    extent += [affine[2, 3] - dz / 2, affine[2, 3] + dz * (plane.shape[1] - 0.5)]
    axis.imshow(plane.T, extent=extent, vmax=np.percentile(plane[plane > 0], 99), **SHOW)
    axis.set_xlim(y0 - 25, y0 + 25)
    axis.set_ylim(ends[0] - 5, ends[1] + 5)
    for line in lines:
        axis.plot(*line[:, 1:].T, **LINE)


def draw_across(axes, one: Scan, template: PackedTemplate) -> None:
    """Draw a slice through the compression with the template's squares, and the template's."""
    frame = template.space.frame
    z = frame.to_world([[0.0, 0.0, float(frame.levels.position(6.0))]])[0, 2]
    fine = np.linspace(ACROSS_MM[0], ACROSS_MM[-1], 97)
    lines = [template_line(template, u, fine, z) for u in ACROSS_MM]
    lines += [template_line(template, fine, v, z) for v in ACROSS_MM]
    middle = one.voxels(template_line(template, 0.0, 0.0, z))
    sides = np.linalg.norm(one.affine[:3, :3], axis=0)
    k = round(float(middle[2]))
    axes[0].imshow(one.data[:, :, k].T, vmax=np.percentile(one.data[:, :, k], 99.8), **SHOW)
    for line in lines:
        axes[0].plot(*one.voxels(line)[:, :2].T, **LINE)
    axes[0].set_xlim(*(middle[0] + np.array([-16, 16]) / sides[0]))
    axes[0].set_ylim(*(middle[1] + np.array([-16, 16]) / sides[1]))
    axes[0].set_title("image, squares of 2 mm of the template", fontsize=10)

    _, path = template.contrast("T2star")
    own = load_image(path)
    data, affine = canonicalize(np.asarray(own.dataobj, np.float32), own.affine)
    plane = data[:, :, round((z - affine[2, 3]) / affine[2, 2])]
    corner, step = affine[:2, 3], np.diag(affine)[:2]
    extent = np.column_stack([corner - step / 2, corner + step * (np.array(plane.shape) - 0.5)])
    axes[1].imshow(plane.T, extent=extent.ravel(), vmax=np.percentile(plane, 99.8), **SHOW)
    for line in lines:
        axes[1].plot(*line[:, :2].T, **LINE)
    x0, y0, _ = frame.curve.points[0]
    axes[1].set_xlim(x0 - 16, x0 + 16)
    axes[1].set_ylim(y0 - 16, y0 + 16)
    axes[1].set_title("template", fontsize=10)


def draw_overlay(one: Scan, template: PackedTemplate):
    """Draw the picture of the report that shows the template's cord on the image."""
    chain = [one.found.cord_map]
    warped = warp_template(
        template.images, chain, to_affine=one.affine, to_shape=one.data.shape, regions=[]
    )
    return template_overlay(
        one.data,
        one.affine,
        one.mask,
        warped.weights["cord"],
        gray=warped.weights["gray matter"],
        levels=warped.labels["vertebral levels"],
        template=template.name,
        at_most=8,
    )


def main() -> None:
    """Draw the template's lines on an image, and the report's picture."""
    template = open_template("SCTPhantom")
    scans = scan(template)
    figure = plt.figure(figsize=(13, 6.5))
    columns = figure.add_gridspec(2, 4, width_ratios=[1.25, 0.5, 0.5, 0.75])
    sides = [figure.add_subplot(columns[:, n]) for n in range(3)]
    across = [figure.add_subplot(columns[n, 3]) for n in range(2)]
    draw_sides(sides, scans["T2w"], template)
    draw_across(across, scans["T2star"], template)
    for axis in (*sides, *across):
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(OUT / "template.png", dpi=80, metadata={"Software": None})
    overlay = draw_overlay(scans["T2star"], template)
    overlay.savefig(OUT / "template_report.png", dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main()
