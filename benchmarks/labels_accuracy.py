"""Automatic labels on the phantom and on example images against the truth, as Markdown tables.

    python benchmarks/labels_accuracy.py [--data FOLDER] [--cases N] [--cache FOLDER]
        [--pictures FOLDER]

For every image: discs found, missed and false, their mean distance from the truth along the cord,
junction and conus, processor seconds beyond the segmentation of the cord; whether the levels were
named right, wrong or not at all, alone and with one label given. FOLDER of ``--data`` holds the
example datasets that the tests use; without it only the phantom is measured.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from sctflow.core.centerline import Centerline, fit_centerline
from sctflow.core.labeling import find_landmarks
from sctflow.core.labeling.naming import Given, View, name_discs
from sctflow.core.morphometry import measure_slices
from sctflow.core.phantom import acquisition
from sctflow.core.phantom.anatomy import Anatomy, draw_anatomy
from sctflow.core.phantom.codes import IS_CORD, Tissue
from sctflow.core.phantom.contrast import PROTOCOLS, signal
from sctflow.core.phantom.grids import axial_grid, sagittal_grid
from sctflow.core.phantom.sample import Sampled, sample
from sctflow.core.phantom.spine import points
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.segmentation import segment_cord
from sctflow.models import load_cord_nets, load_landmark_net

PEOPLE_SEED = 500_000
"""People are others than those of the training."""
SAME_MM = 6.0
"""A disc that is found farther than this from every true one is false."""
FUSED_MM = 5.0
TRUSTED = 0.5
"""Junction and conus count from this confidence on, as they do for the program."""
EDGE_MM = 3.0
"""A disc nearer than this to the edge of the view may be missed, or found."""

REGIONS = {
    "junction": 1.0,
    "neck": 5.0,
    "neck and chest": 9.0,
    "chest": 13.0,
    "conus": 20.5,
    "loin": 23.0,
}
VIEWS_MM = (50.0, 80.0, 110.0, 150.0)
SLICES = (
    ("sagittal", 1.0), ("sagittal", 3.3), ("sagittal", 4.0),
    ("axial", 3.0), ("axial", 5.0), ("axial", 8.0),
)  # fmt: skip
VARIANTS = ("healthy", "healthy", "scoliosis", "fused", "noise")


@dataclass(frozen=True)
class Case:
    """An image and what is true of it: label values and their places, world mm."""

    name: str
    facts: dict[str, object]
    image: nib.Nifti1Image
    values: np.ndarray
    world: np.ndarray


def phantom_cases(n: int, cache: Path | None) -> Iterator[Case]:
    """Draw people and views, in an order that mixes all kinds."""
    rng = np.random.default_rng(1)
    for i in range(n):
        region = list(REGIONS)[i % len(REGIONS)]
        view = VIEWS_MM[(i // len(REGIONS)) % len(VIEWS_MM)]
        kind, thickness = SLICES[rng.integers(len(SLICES))]
        variant = VARIANTS[rng.integers(len(VARIANTS))]
        contrast = ("T2w", "T1w")[rng.integers(2)]
        facts = {"region": region, "view": view, "slices": f"{kind} {thickness:g} mm",
                 "thickness": thickness, "variant": variant, "contrast": contrast}  # fmt: skip
        person = draw_anatomy(PEOPLE_SEED + i, scoliosis=15.0 if variant == "scoliosis" else 0.0)
        name = f"phantom-{i:03d}"
        path = cache and cache / f"{name}.nii.gz"
        if path and path.is_file():
            image = nib.load(path)
        else:
            image = _scan(person, facts, np.random.default_rng(i))
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                nib.save(image, path)
        table = points(person)
        table = table[table["kind"].isin(["disc_posterior", "PMJ", "conus"])]
        world = person.curve.to_world(table[["u", "v", "s"]].to_numpy())
        yield Case(name, facts, image, table["value"].to_numpy(), world)


def _scan(person: Anatomy, facts: dict, rng: np.random.Generator) -> nib.Nifti1Image:
    """An image of a person."""
    levels = person.levels
    middle = float(levels.position(REGIONS[facts["region"]]))
    upper, lower = (
        float(levels.vertebral(np.array(middle + k * facts["view"] / 2))) for k in (1, -1)
    )
    kind, thickness = facts["slices"].split()[0], facts["thickness"]
    if kind == "sagittal":
        grid = sagittal_grid(person, upper, lower, thickness=thickness, depth=150.0, width=48.0)
    else:
        grid = axial_grid(
            person,
            upper,
            lower,
            zoom=(0.9, 0.9),
            thickness=thickness,
            matrix=(110, 120),
            forward=5.0,
        )
    sampled = sample(person, *grid, across=0.4)
    if facts["variant"] == "fused":
        sampled = _fuse(sampled, person, round(float(levels.vertebral(np.array(middle)))))
    tissues = make_tissues(seed=int(rng.integers(2**31)), spread=0.1)
    values = signal(PROTOCOLS[facts["contrast"]], tissues)
    cord = float(values[IS_CORD].mean())
    noise = acquisition.sigma_for_snr(cord, 8.0 if facts["variant"] == "noise" else 25.0)
    data = acquisition.rician(sampled.mean(values), noise, rng)
    return nib.Nifti1Image(np.rint(data * 500 / cord).astype(np.int16), grid[1])


def _fuse(sampled: Sampled, person: Anatomy, value: int) -> Sampled:
    """Turn a disc into marrow, as where two vertebrae never parted."""
    index = np.stack(np.meshgrid(*map(np.arange, sampled.shape), indexing="ij"), -1).reshape(-1, 3)
    world = index @ sampled.affine[:3, :3].T + sampled.affine[:3, 3]
    s = person.curve.from_world(world)[0][:, 2]
    near = np.abs(s - person.levels.disc(value)) < FUSED_MM
    codes, inner = sampled.codes.copy(), sampled.inner_codes.copy()
    for part, rows in ((codes, near), (inner, near[sampled.inner])):
        chosen = part[rows]
        chosen[np.isin(chosen, [Tissue.NUCLEUS, Tissue.ANNULUS, Tissue.CORTICAL_BONE])] = (
            Tissue.MARROW
        )
        part[rows] = chosen
    return Sampled(sampled.shape, sampled.affine, codes, sampled.inner, inner)


def example_cases(data: Path) -> Iterator[Case]:
    """Example images; where discs are not labelled by a person, only their number is known."""
    raw, tutorial, small = data / "ds-errsm30", data / "ds-tutorial", data / "PAM50_small"
    for suffix in ("T2w", "T1w"):
        stem = f"sub-errsm30/anat/sub-errsm30_{suffix}"
        labels = raw / "derivatives/labels" / f"{stem}_label-discs_dlabel.nii.gz"
        yield _example(f"ds-errsm30 {suffix}", raw / f"{stem}.nii.gz", labels)
    for name, stem in (
        ("sub-lesion T2w", "sub-lesion/anat/sub-lesion_T2w"),
        ("sub-lumbar T2w", "sub-lumbar/anat/sub-lumbar_T2w"),
        ("sub-single MTR", "sub-single/anat/sub-single_mt-off_MTR"),
        ("sub-01 MTR", "sub-01/anat/sub-01_mt-off_MTR"),
        ("sub-03 MTR", "sub-03/anat/sub-03_mt-off_MTR"),
    ):
        yield _example(name, tutorial / f"{stem}.nii.gz", None)
    yield _example(
        "PAM50_small T2w",
        small / "PAM50_small_t2.nii.gz",
        small / "PAM50_small_label_discPosterior.nii.gz",
    )


def _example(name: str, path: Path, labels: Path | None) -> Case:
    image = nib.load(path)
    facts = {"region": name, "thickness": float(max(image.header.get_zooms()[:3]))}
    if labels is None:
        return Case(name, facts, image, np.empty(0, int), np.empty((0, 3)))
    drawn = nib.load(labels)
    values = np.asarray(drawn.dataobj).round().astype(int)
    voxels = np.argwhere(values)
    world = voxels @ drawn.affine[:3, :3].T + drawn.affine[:3, 3]
    return Case(name, facts, image, values[tuple(voxels.T)], world)


def score(case: Case, cord_nets: object, net: object) -> dict[str, object]:
    """Everything that is measured on one image."""
    data, affine = np.asanyarray(case.image.dataobj), case.image.affine
    mask = segment_cord(data, affine, nets=cord_nets).mask
    if not mask.any():
        return {"name": case.name, **case.facts, "named": "no cord"}
    line = fit_centerline(mask, affine)
    start = time.process_time()
    landmarks = find_landmarks(data, affine, line, net=net)
    morphometry = measure_slices(mask, affine)
    view = View(case.name, landmarks, morphometry, line)
    naming = name_discs([view])
    seconds = time.process_time() - start
    row = {"name": case.name, **case.facts, "seconds": seconds}
    row |= {"landmarks": landmarks, "naming": naming, "line": line, "mask": mask}
    if not len(case.values):
        return row | {"found": int((landmarks["kind"] == "disc").sum())}
    row |= _discs(case, landmarks) | _points(case, landmarks)
    row["named"] = _named(naming, case)
    row["with one label"] = _with_one_label(view, case, line)
    return row


def _inside(case: Case, margin_mm: float) -> np.ndarray:
    """Which of the true points lie in the view, so far from its edge."""
    inverse = np.linalg.inv(case.image.affine)
    voxels = case.world @ inverse[:3, :3].T + inverse[:3, 3]
    margin = margin_mm / np.linalg.norm(case.image.affine[:3, :3], axis=0)
    low, high = margin - 0.5, np.array(case.image.shape[:3]) - 0.5 - margin
    return np.all((voxels >= low) & (voxels <= high), axis=1)


def _discs(case: Case, landmarks: pd.DataFrame) -> dict[str, object]:
    """Discs that were seen against the true ones."""
    seen = landmarks[(landmarks["kind"] == "disc") & (landmarks["inferred"] == 0)]
    is_disc = (case.values >= 3) & (case.values <= 25)
    world = case.world[is_disc]
    apart = np.linalg.norm(seen[["x", "y", "z"]].to_numpy()[:, None] - world, axis=2)
    # What a person labelled on an example image was seen, at the edge too.
    within = _inside(case, EDGE_MM if "variant" in case.facts else 0.0)[is_disc]
    found = (apart < SAME_MM).any(0) if len(seen) else np.zeros(len(world), bool)
    false = int((apart.min(1) >= SAME_MM).sum()) if len(seen) and len(world) else len(seen)
    errors = []
    for point, distances in zip(seen[["x", "y", "z"]].to_numpy(), apart, strict=True):
        if distances.min() < SAME_MM:
            errors.append(abs(point[2] - world[distances.argmin()][2]))
    return {"there": int(within.sum()), "found": int((found & within).sum()), "false": false,
            "errors": errors}  # fmt: skip


def _points(case: Case, landmarks: pd.DataFrame) -> dict[str, object]:
    """Distance of junction and conus from the truth; what is invented or missed is said so."""
    out = {}
    for kind, value in (("PMJ", 50), ("conus", 60)):
        found = landmarks[(landmarks["kind"] == kind) & (landmarks["confidence"] >= TRUSTED)]
        true = case.world[(case.values == value) & _inside(case, 0.0)]
        if len(true) and len(found):
            out[kind] = float(np.linalg.norm(found[["x", "y", "z"]].to_numpy()[0] - true[0]))
        elif len(true):
            out[kind] = "missed"
        elif len(found) and (case.values == value).any():
            out[kind] = "invented"
    return out


def _named(naming: object, case: Case) -> str:
    """Whether the names are right: ``right``, ``wrong`` or ``not named``."""
    if not naming.named:
        return "not named"
    discs = naming.discs[naming.discs["value"].between(3, 25)]
    for row in discs.itertuples():
        nearest = np.abs(case.world[:, 2] - row.z)[case.values <= 25].argmin()
        if case.values[case.values <= 25][nearest] != row.value:
            return "wrong"
    return "right"


def _with_one_label(view: View, case: Case, line: Centerline) -> str:
    """The same with the true disc nearest to the middle of the view as a label."""
    inside = _inside(case, 0.0) & (case.values >= 3) & (case.values <= 25)
    if not inside.any():
        return "no disc in view"
    chosen = np.flatnonzero(inside)
    middle = chosen[np.abs(case.world[chosen, 2] - case.world[chosen, 2].mean()).argmin()]
    given = Given(int(case.values[middle]), case.world[middle])
    return _named(name_discs([view], given=[given]), case)


def tables(rows: list[dict[str, object]]) -> str:
    """Markdown tables of all images by region and by view, slices and variant."""
    frame = pd.DataFrame(rows)
    parts = []
    for column in ("region", "view", "slices", "variant", "contrast"):
        if column not in frame:
            continue
        lines = [
            f"| {column} | discs | found | false | mm, mean | right | wrong | not named "
            "| right with a label | junction mm | conus mm | CPU s |",
            "| --- " * 12 + "|",
        ]
        for name, group in frame.dropna(subset=["there"]).groupby(column, sort=False):
            lines.append(_line(name, group))
        parts.append("\n".join([*lines, _line("all", frame.dropna(subset=["there"]))]))
    return "\n\n".join(parts)


def _line(name: object, group: pd.DataFrame) -> str:
    errors = [error for some in group["errors"] for error in some]
    named, one = group["named"].value_counts(), group["with one label"].value_counts()
    cells = [name, int(group["there"].sum()), int(group["found"].sum()), int(group["false"].sum())]
    cells.append(f"{np.mean(errors):.2f}" if errors else "")
    cells += [named.get(state, 0) for state in ("right", "wrong", "not named")]
    cells.append(f"{one.get('right', 0)} of {one.drop('no disc in view', errors='ignore').sum()}")
    for kind in ("PMJ", "conus"):
        values = group[kind].dropna() if kind in group else pd.Series(dtype=object)
        numbers = [v for v in values if not isinstance(v, str)]
        said = "; ".join(
            f"{n} {w}"
            for w, n in values[values.map(lambda v: isinstance(v, str))].value_counts().items()
        )
        mean = (
            f"{np.mean(numbers):.1f} (max {max(numbers):.1f}, n {len(numbers)})" if numbers else ""
        )
        cells.append(" ".join(part for part in (mean, said) if part))
    cells.append(f"{group['seconds'].mean():.2f}")
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the example datasets")
    parser.add_argument("--cases", type=int, default=96, help="phantom images")
    parser.add_argument("--cache", type=Path, help="where to keep the phantom images")
    options = parser.parse_args()
    cord_nets, _ = load_cord_nets()
    net, _ = load_landmark_net()
    for cases in (
        phantom_cases(options.cases, options.cache),
        options.data and example_cases(options.data),
    ):
        rows = [score(case, cord_nets, net) for case in cases or ()]
        print(tables(rows) if rows else "", end="\n\n")
        for row in rows:
            naming = row.get("naming")
            print(row["name"], row.get("found"), row.get("named"), naming and naming.reason)


if __name__ == "__main__":
    main()
