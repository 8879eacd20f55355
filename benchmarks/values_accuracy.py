"""Values in regions and quantitative maps of the phantom against the truth, as Markdown tables.

    python benchmarks/values_accuracy.py [--participants N] [--seed S] [--repeats N]
        [--mt FOLDER]

Participants are drawn as in the demo dataset, without lesions. The true partial volumes of the
regions serve as the atlas, so that registration has no part in the errors. `--mt` is a folder
with `mtr.nii.gz` and `label/atlas/*.nii.gz` of one real image, to be timed on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from sctflow.core.atlas import Combination, Region, Regions, measure_regions
from sctflow.core.dti import fit_dti
from sctflow.core.gradients import Gradients
from sctflow.core.mt import Flash, compute_mtr, compute_mtsat
from sctflow.core.phantom.acquisition import rician
from sctflow.core.phantom.codes import IS_CORD, IS_WHITE, REGION_NAMES
from sctflow.core.phantom.contrast import PROTOCOLS, mtr, signal
from sctflow.core.phantom.diffusion import dwi_table, fa_md, gradient_table
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.phantom.truth import region_fractions
from sctflow.demo import make_participant
from sctflow.demo.people import make_person, place_grids
from sctflow.demo.scan import slice_tangents

SNR = 20.0
LARGE = 30.0  # voxels of volume
PURE = 0.99  # part of a voxel that is white matter
GROUPS = [*["WM"] * 30, *["GM"] * 6, "CSF"]
MEMBERS = {
    (50, "spinal cord"): range(36),
    (51, "white matter"): range(30),
    (52, "gray matter"): range(30, 36),
    (53, "dorsal columns"): range(4),
    (54, "lateral funiculi"): range(4, 14),
    (55, "ventral funiculi"): range(14, 30),
}
REGIONS = Regions(
    tuple(Region(i, name, GROUPS[i]) for i, name in enumerate(REGION_NAMES)),
    tuple(Combination(*key, tuple(members)) for key, members in MEMBERS.items()),
)


def tract_errors(number: int, seed: int, grid: str, repeats: int) -> pd.DataFrame:
    """Errors of single regions of the cord in per cent: MTsat with noise, each draw a row."""
    anatomy = make_person(number, seed=seed)
    tissues = make_tissues(seed=1000 * seed + number, spread=0.04)
    sampled = sample(anatomy, *place_grids(anatomy, "cervical")[grid])
    fractions, still = region_fractions(sampled), sampled.mean(tissues.mtsat)
    sigma = tissues.mtsat[:36].mean() / SNR
    rows = []
    for draw in range(repeats):
        noise = np.random.default_rng([seed, number, draw]).normal(0, sigma, still.shape)
        for remainder in (False, True):
            table = measure_regions(
                still + noise, sampled.affine, fractions, REGIONS, remainder=remainder
            )
            table = table[table["index"] < 36]
            error = 100 * (table["value"] / tissues.mtsat[table["index"]] - 1)
            rows.append(table.assign(error=error, draw=draw, person=number, remainder=remainder))
    return pd.concat(rows)


def print_tracts(people: list[int], seed: int, repeats: int) -> None:
    """Errors of each method on two grids."""
    print(
        f"MTsat of single regions, SNR {SNR:g}, {len(people)} people, {repeats} draws of noise:\n"
        "\n"
        "| Grid | Method | bias, rms, ≥ 30 voxels | error, rms, ≥ 30 voxels | within 2 % | "
        "bias, rms, smaller | error, rms, smaller | within 5 % |\n" + "| --- " * 8 + "|"
    )
    for grid in ("MTS", "T2star"):
        rows = pd.concat([tract_errors(number, seed, grid, repeats) for number in people])
        for method, remainder in (
            ("bin", False), ("wa", False), ("median", False), ("max", False), ("ml", False),
            ("map", False), ("ml", True), ("map", True),
        ):  # fmt: skip
            chosen = rows[(rows["method"] == method) & (rows["remainder"] == remainder)]
            cells = []
            for part, limit in (
                (chosen[chosen["size_vox"] >= LARGE], 2),
                (chosen[chosen["size_vox"] < LARGE], 5),
            ):
                bias = part.groupby(["person", "index"])["error"].mean()
                cells += [
                    f"{np.sqrt((bias**2).mean()):.1f} %",
                    f"{np.sqrt((part['error'] ** 2).mean()):.1f} %",
                    f"{100 * (part['error'].abs() <= limit).mean():.0f} %",
                ]
            name = f"{method}, remainder" if remainder else method
            print(f"| {grid} | {name} | {' | '.join(cells)} |")


def print_maps(people: list[int], seed: int) -> None:
    """Quantitative maps made of noisy images: mean of pure white matter, and `map` of tissues."""
    rows = []
    for number in people:
        anatomy, tissues, stacks = make_participant(number, seed=seed, images=("MTS", "MTR"))
        for stack in stacks:
            for name, data, table in mt_maps(stack.scans, tissues):
                rows.append(
                    (name, *compare(data, stack.sampled, table, in_per_cent=name.endswith("%")))
                )
        sampled = sample(anatomy, *place_grids(anatomy, "cervical")["dwi"])
        for name, data, table in diffusion_maps(anatomy, tissues, sampled, seed + number):
            rows.append((name, *compare(data, sampled, table, in_per_cent=name.endswith("%"))))
    columns = ["map", "pure", "white", "gray", "white beside fluid", "gray beside fluid"]
    frame = pd.DataFrame(rows, columns=columns).groupby("map", sort=False)
    print(
        "\nError of maps made of images with noise; mean ± sd over people:\n\n"
        "| Map | pure white matter, mean | white matter, `map` | gray matter, `map` | "
        "white matter, `map`, voxels at least half cord | gray matter, the same |\n"
        + "| --- " * 6 + "|"
    )  # fmt: skip
    for name, group in frame:
        cells = [
            f"{group[column].mean():+.3f} ± {group[column].std():.3f}" for column in columns[1:]
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def mt_maps(scans, tissues):
    """MTR in points; MTsat and T1 in per cent of the truth."""
    images = {scan.protocol.name: np.asarray(scan.image.dataobj, float) for scan in scans}
    if "mt-on_MTR" in images:
        ratio = compute_mtr(images["mt-on_MTR"], images["mt-off_MTR"])
        yield "MTR, points", ratio, mtr(tissues)
        return
    flash = [
        Flash(images[name], PROTOCOLS[name].tr / 1000, PROTOCOLS[name].flip)
        for name in ("flip-1_mt-on_MTS", "flip-1_mt-off_MTS", "flip-2_mt-off_MTS")
    ]
    mtsat, t1 = compute_mtsat(*flash)
    yield "MTsat, %", mtsat, tissues.mtsat
    yield "T1, %", t1, tissues.t1 / 1000


def diffusion_maps(anatomy, tissues, sampled, seed):
    """FA as it is; MD, AD and RD in per cent of the truth."""
    bvals, bvecs = gradient_table(5, {800: 30}, seed=seed)
    still = signal(PROTOCOLS["dwi"], tissues)
    tables = np.stack(
        [
            still[:, None] * dwi_table(tissues, bvals, bvecs, tangent)
            for tangent in slice_tangents(anatomy, (sampled.shape, sampled.affine))
        ]
    )
    sigma = still[IS_CORD].mean() / SNR
    series = rician(sampled.series(tables), sigma, np.random.default_rng(seed))
    cord = sampled.mean(IS_CORD) > 0
    maps = fit_dti(series, cord, Gradients(bvals, bvecs))
    fa, md = fa_md(tissues.ad, tissues.rd)
    yield "FA", maps.fa, fa
    yield "MD, %", 1e3 * maps.md, md
    yield "AD, %", 1e3 * maps.ad, tissues.ad
    yield "RD, %", 1e3 * maps.rd, tissues.rd


def compare(data, sampled, table, *, in_per_cent: bool) -> list[float]:
    """Errors: mean over pure white matter; `map` of white and of gray matter, with and without
    voxels that are more than half fluid.
    """
    pure = sampled.mean(IS_WHITE) > PURE
    truth = sampled.mean(np.where(np.isfinite(table), table, 0.0))
    fractions = region_fractions(sampled)
    sizes = fractions.sum(axis=(0, 1, 2))
    pairs = [(np.nanmean(data[pure]), truth[pure].mean())]
    for fluid in (None, "CSF"):
        found = measure_regions(
            data, sampled.affine, fractions, REGIONS, methods=["map"], remainder=True, fluid=fluid
        )
        values = found.set_index("index")["value"]
        for index, members in ((51, slice(30)), (52, slice(30, 36))):
            pairs.append((values[index], np.average(table[:37][members], weights=sizes[members])))
    if in_per_cent:
        return [100 * (found / true - 1) for found, true in pairs]
    return [found - true for found, true in pairs]


def print_time(folder: Path) -> None:
    """Time for all regions and methods by slice on a real image."""
    image = nib.load(folder / "mtr.nii.gz")
    files = sorted((folder / "label" / "atlas").glob("*.nii.gz"))
    weights = np.stack([np.asarray(nib.load(path).dataobj, np.float32) for path in files], -1)
    data, times = np.asarray(image.dataobj), []
    for _ in range(5):
        start = time.perf_counter()
        measure_regions(data, image.affine, weights, REGIONS, by="slice", slices=range(5))
        times.append(time.perf_counter() - start)
    print(f"\nAll regions and methods, by slice, {data.shape}: {min(times):.3f} s")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--participants", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--mt", type=Path, help="real image to be timed on")
    options = parser.parse_args()
    # Every fourth participant, from the first, is healthy.
    people = [1 + 4 * k for k in range(options.participants)]
    print_tracts(people, options.seed, options.repeats)
    print_maps(people, options.seed)
    if options.mt:
        print_time(options.mt)


if __name__ == "__main__":
    main()
