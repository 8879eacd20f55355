"""Accuracy, speed and memory of the registration with PAM50, as Markdown tables.

    python benchmarks/template_accuracy.py DATA TEMPLATEFLOW_HOME

DATA holds ds-errsm30, ds-tutorial and reference-errsm30.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sctflow.core.centerline import fit_centerline
from sctflow.core.cord_frame import level_image
from sctflow.core.grid import canonicalize
from sctflow.core.template.register import Registration, register_cord
from sctflow.core.template.warp import FULL, warp_template
from sctflow.core.transforms import (
    compose,
    field_grid,
    jacobian_determinant,
    resample_through,
)
from sctflow.core.transforms.field import centers
from sctflow.io import load_image
from sctflow.templates.packed import PackedTemplate, open_template

ROOT = Path(__file__).resolve().parents[1]
NEAR_MM = 20.0


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine."""
    img = load_image(path)
    return np.asanyarray(img.dataobj), img.affine


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def one_label(mask: np.ndarray, affine: np.ndarray, value: int) -> tuple[np.ndarray, np.ndarray]:
    """A disc beside the middle of a cord, for an image without labels."""
    line = fit_centerline(mask, affine)
    voxel = np.rint(np.linalg.inv(affine) @ np.append(line.points[len(line) // 2], 1))[:3]
    image = np.zeros(mask.shape, np.uint8)
    image[tuple(voxel.astype(int))] = value
    return image, affine


def to_subject(mask: np.ndarray, affine: np.ndarray, found: Registration, template) -> float:
    """Dice of the template's cord on the image, in the slices that have a mask."""
    warped = warp_template(
        template.images, [found.cord_map], to_affine=affine, to_shape=mask.shape, regions=[]
    )
    ours, _ = canonicalize(warped.weights["cord"] >= 0.5, affine)
    theirs, _ = canonicalize(mask > 0, affine)
    covered = theirs.any(axis=(0, 1))
    return dice(ours[..., covered], theirs[..., covered])


def to_template(
    mask: np.ndarray, affine: np.ndarray, found: Registration, template: PackedTemplate
) -> tuple[float, float]:
    """Dice of the mask on the template: over all its slices, and over those of the image.

    Between thick slices a mask that is interpolated fades from one to the next.
    """
    images, cord_map = template.images, found.cord_map
    z = images.affine[2, 3] + 0.5 * np.arange(images.shape[2])
    low = cord_map.template.curve.points[0, 2]
    ends = low + cord_map.along(cord_map.sections.first.s[[0, -1]])
    inside = np.flatnonzero((z >= ends[0]) & (z <= ends[1]))
    corner = images.affine.copy()
    corner[2, 3] = z[inside[0]]
    moved = resample_through(
        (mask > 0).astype(np.float32),
        affine,
        [cord_map.inverse()],
        to_affine=corner,
        to_shape=(*images.shape[:2], len(inside)),
    )
    cord = images.weights["cord"][:, :, inside] > FULL // 2
    own = low + cord_map.along(found.frame.slice_s)
    at_slices = np.unique(np.searchsorted(z[inside], own[(own >= ends[0]) & (own <= ends[1])]))
    at_slices = at_slices[at_slices < len(inside)]
    whole = dice(moved >= 0.5, cord)
    return whole, dice((moved >= 0.5)[..., at_slices], cord[..., at_slices])


def overlaps(data: Path, template: PackedTemplate) -> None:
    """Print the overlap of masks, both ways."""
    labels = data / "ds-errsm30/derivatives/labels/sub-errsm30/anat"
    discs = read(labels / "sub-errsm30_T2w_label-discs_dlabel.nii.gz")
    lesion = data / "ds-tutorial/derivatives/labels/sub-lesion/anat"
    cases = [
        ("T2w, all four discs", labels / "sub-errsm30_T2w_label-SC_seg.nii.gz", (3, 4, 5, 6)),
        ("T2w, discs 4 and 5", labels / "sub-errsm30_T2w_label-SC_seg.nii.gz", (4, 5)),
        ("T2w, disc 4", labels / "sub-errsm30_T2w_label-SC_seg.nii.gz", (4,)),
        ("T1w", labels / "sub-errsm30_T1w_label-SC_seg.nii.gz", (3, 4, 5, 6)),
        ("T2star, 7.5 mm", labels / "sub-errsm30_T2star_label-SC_seg.nii.gz", (3, 4, 5, 6)),
        ("MTS, 17 mm", labels / "sub-errsm30_flip-1_mt-on_MTS_label-SC_seg.nii.gz", (3, 4, 5, 6)),
        ("sub-lesion, one label", lesion / "sub-lesion_T2w_label-SC_seg.nii.gz", ()),
    ]
    print("| Mask | Reference | Template → image | Image → template | the same, at its slices |")
    print("| --- | --- | --- | --- | --- |")
    for name, path, values in cases:
        mask, affine = read(path)
        mask = (mask > 0).astype(np.uint8)
        chosen = (np.where(np.isin(discs[0], values), discs[0], 0), discs[1])
        chosen = chosen if values else one_label(mask, affine, 4)
        for reference in ("template", "subject"):
            found = register_cord(
                mask, affine, fit_centerline(mask, affine), *chosen, template.space,
                name=name, elsewhere=not name.startswith("T2w"), reference=reference,
            )  # fmt: skip
            whole, at_slices = to_template(mask, affine, found, template)
            there = to_subject(mask, affine, found, template)
            print(f"| {name} | {reference} | {there:.3f} | {whole:.3f} | {at_slices:.3f} |")


def round_trips(data: Path, template: PackedTemplate) -> None:
    """Print what is lost through the fields, where they fold, and where discs and levels land."""
    labels = data / "ds-errsm30/derivatives/labels/sub-errsm30/anat"
    mask, affine = read(labels / "sub-errsm30_T2w_label-SC_seg.nii.gz")
    discs = read(labels / "sub-errsm30_T2w_label-discs_dlabel.nii.gz")
    line = fit_centerline(mask, affine)
    found = register_cord(mask, affine, line, *discs, template.space, name="T2w")
    there, back = found.cord_map, found.cord_map.inverse()
    fields = []
    for transform, on, shape in (
        (there, affine, mask.shape),
        (back, template.affine, template.shape),
    ):
        grid, size = field_grid(on, shape)
        fields.append(compose([transform], affine=grid, shape=size))
    rng = np.random.default_rng(0)
    voxels = np.argwhere(mask > 0).repeat(4, axis=0)
    points = (voxels + rng.uniform(-0.5, 0.5, voxels.shape)) @ affine[:3, :3].T + affine[:3, 3]
    away = fields[1].map_points(fields[0].map_points(points)) - points
    away = np.linalg.norm(away, axis=1)
    print("\n| T2w, all four discs | |\n| --- | --- |")
    print(
        "| there and back through the fields, in the cord: median, 95 %, maximum | "
        f"{np.median(away):.3f}, {np.percentile(away, 95):.3f}, {away.max():.3f} mm |"
    )
    frames = (found.frame, template.space.frame)
    for name, field, frame in zip(("image", "template"), fields, frames, strict=True):
        jacobian = jacobian_determinant(field)
        world = centers(field.affine, field.shape, slice(0, field.shape[0]))
        uvs = frame.from_world(world).reshape(*field.shape, 3)
        near = np.hypot(uvs[..., 0], uvs[..., 1]) < NEAR_MM
        print(
            f"| Jacobian of the field on the {name}'s grid within 20 mm: least, voxels ≤ 0 | "
            f"{jacobian[near].min():.2f}, {int((jacobian[near] <= 0).sum())} |"
        )
    values = np.unique(discs[0][discs[0] > 0])
    voxels = np.array([np.argwhere(discs[0] == value)[0] for value in values])
    z = there.map_points(voxels @ discs[1][:3, :3].T + discs[1][:3, 3])[:, 2]
    level = template.space.frame
    wanted = level.curve.points[0, 2] + level.levels.position(values.astype(float))
    print(
        f"| discs from the template's, along the cord: most | {np.abs(z - wanted).max():.3f} mm |"
    )
    reference, _ = read(data / "reference-errsm30/t2/levels_from_discs.nii.gz")
    ours = level_image(found.frame, mask, affine)
    print(
        f"| voxels with the level of the reference | {(ours == reference)[mask > 0].mean():.3f} |"
    )


def known_maps() -> None:
    """Print the errors for subjects made by known maps."""
    path = ROOT / "tests/core/template/known.py"
    spec = importlib.util.spec_from_file_location("known", path)
    known = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(known)
    straight = known.template_space()
    bent = {"bend": 1 / 60, "turn": 15, "squeeze": 0.3, "tilt": 10}
    cases = {
        "turned by 15°": {"turn": 15},
        "compressed by 30 %": {"squeeze": 0.3},
        "tilted by 15°": {"tilt": 15},
        "bent, radius 60 mm": {"bend": 1 / 60},
        "all of these (tilt 10°)": bent,
        "and stirred inside by 0.6 mm": {**bent, "inner": 0.6, "size": 1.08},
    }
    print("\n| Known map | Voxels, mm | In plane | Along, all discs | Along, discs 3 and 6 |")
    print("| --- | --- | --- | --- | --- |")
    for name, how in cases.items():
        for voxels in ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.7, 0.7, 5.0)):
            truth = known.Known(**how)
            made = known.subject(truth, *straight[1:], voxels)
            across, along, _ = known.errors(truth, straight[0], *made)
            _, sparse, _ = known.errors(truth, straight[0], *made, values=[3, 6])
            size = " × ".join(f"{side:g}" for side in voxels)
            print(f"| {name} | {size} | {across:.2f} | {along:.2f} | {sparse:.2f} |")


SCRIPT = """
import json, resource, sys, time
from sctflow.interfaces import template as nodes
name, inputs = sys.argv[1], json.loads(sys.argv[2])
start = time.process_time()
found = getattr(nodes, name)(**inputs).run().outputs
used = time.process_time() - start
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
files = {key: value for key, value in found.get().items() if isinstance(value, str)}
print(json.dumps([used, most, files]))
"""


def costs(data: Path, template: str) -> None:
    """Print CPU seconds and memory of the nodes, each in a process of its own."""
    labels = data / "ds-errsm30/derivatives/labels/sub-errsm30/anat"
    image = data / "ds-errsm30/sub-errsm30/anat/sub-errsm30_T2w.nii.gz"
    print("\n| Step on the T2w, file to file | CPU | Memory, peak |\n| --- | --- | --- |")

    def run(name: str, what: str, **inputs) -> dict:
        command = [sys.executable, "-c", SCRIPT, name, json.dumps(inputs)]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                command, cwd=keep if name == "RegisterToTemplate" else folder,
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        used, most, files = json.loads(done.stdout.splitlines()[-1])
        print(f"| {what} | {used:.1f} s | {most:.0f} MB |")
        return files

    with tempfile.TemporaryDirectory() as keep:
        fields = run(
            "RegisterToTemplate",
            "registration both ways, fields written",
            mask_file=str(labels / "sub-errsm30_T2w_label-SC_seg.nii.gz"),
            labels_file=str(labels / "sub-errsm30_T2w_label-discs_dlabel.nii.gz"),
            template=template,
        )
        run(
            "WarpTemplate",
            "template's image, tissues, levels and all regions onto the image",
            reference_file=str(image),
            transforms=[fields["from_template_file"]],
            template=template,
        )
        run(
            "ImageToTemplate",
            "image onto the template's whole grid",
            in_file=str(image),
            transforms=[fields["to_template_file"]],
            template=template,
        )


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("templateflow", type=Path)
    given = parser.parse_args()
    os.environ["TEMPLATEFLOW_HOME"] = str(given.templateflow)
    start = time.process_time()
    template = open_template("PAM50")
    print(f"PAM50 opened in {time.process_time() - start:.1f} CPU s\n")
    overlaps(given.data, template)
    round_trips(given.data, template)
    known_maps()
    costs(given.data, "PAM50")


if __name__ == "__main__":
    main()
