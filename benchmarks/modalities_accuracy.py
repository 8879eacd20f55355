"""The whole program on phantom participants against the truth, as a Markdown table.

    OMP_NUM_THREADS=1 python benchmarks/modalities_accuracy.py [--seeds 0 1] [--folder FOLDER]

For each seed a healthy participant is drawn with discs labelled as people do, and goes through
the program as a user runs it, with the built-in template: networks, motion correction,
registration, maps and their values in the atlas. What it writes is compared with
`derivatives/truth`. With FOLDER, datasets and results stay there and are used again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from sctflow.cli.run import main as run_sctflow
from sctflow.core.atlas import Region, Regions, measure_regions
from sctflow.core.phantom.codes import REGION_NAMES
from sctflow.demo import write_demo
from sctflow.gradients import load_gradients
from sctflow.io import load_table

IMAGES = ("T2w", "MTS", "MTR", "dwi", "bold")
TEMPLATE = "SCTPhantom"
LARGE = 30.0  # voxels of volume
WHITE, CORD = range(30), range(36)
REGIONS = Regions(tuple(Region(i, name) for i, name in enumerate(REGION_NAMES)))


class Map(NamedTuple):
    """A map, where it and its values are, and what is to be reached."""

    title: str
    stem: str
    suffix: str
    relative: bool = True
    """Errors in per cent of the truth; else in the map's own unit."""
    scale: float = 1.0
    """Of the program's unit in the truth's."""
    aim: str = ""


MAPS = (
    Map("MTR (MTR pair), points", "anat/{}_space-MTR", "MTRmap", relative=False, aim="0.5"),
    Map("MTR (MTS), points", "anat/{}_space-MTS", "MTRmap", relative=False, aim="0.5"),
    Map("MTsat, %", "anat/{}_space-MTS", "MTsat", aim="2"),
    Map("T1, %", "anat/{}_space-MTS", "T1map"),
    Map("FA", "dwi/{}_model-tensor_param-fa", "dwimap", relative=False, aim="0.02"),
    Map("MD, %", "dwi/{}_model-tensor_param-md", "dwimap", scale=1000.0, aim="2"),
    Map("AD, %", "dwi/{}_model-tensor_param-ad", "dwimap", scale=1000.0),
    Map("RD, %", "dwi/{}_model-tensor_param-rd", "dwimap", scale=1000.0),
)
SERIES = {"dwi": "dwi/{}", "bold": "func/{}_task-hand"}


def process(folder: Path, seed: int) -> tuple[Path, Path]:
    """Draw a participant and run the program; what is there already is used."""
    data, out = folder / f"seed-{seed}", folder / f"results-{seed}"
    if not data.is_dir():
        write_demo(data, participants=1, seed=seed, images=IMAGES, labels=("discs",))
    status = run_sctflow(
        [
            *map(str, (data, out, "participant", "-w", folder / f"work-{seed}")),
            *("--template", TEMPLATE, "--skip-bids-validation", "--nprocs", "1"),
        ]
    )
    if status:
        raise SystemExit(f"{data}: the program ended with status {status}")
    return data / "derivatives" / "truth" / "sub-01", out / "sub-01"


def voxels(path: str | Path) -> np.ndarray:
    """Voxels in closest canonical orientation."""
    return np.asanyarray(nib.as_closest_canonical(nib.load(path)).dataobj)


def true_values(truth: Path, one: Map) -> tuple[np.ndarray, np.ndarray]:
    """Value and size of each region; the truth's maps are means over voxels."""
    stem = str(truth / one.stem.format("sub-01"))
    grid = stem.split("_model")[0].split("_stat")[0]
    image = nib.load(f"{grid}_seg-{TEMPLATE}_probseg.nii.gz")
    weights = np.asanyarray(image.dataobj)
    data = np.array(nib.load(f"{stem}_{one.suffix}.nii.gz").dataobj, float)
    data[weights.sum(-1) < 1 - 1e-6] = np.nan
    table = measure_regions(data, image.affine, weights, REGIONS, methods=["ml"])
    sizes = weights.sum(axis=(0, 1, 2))
    return table.set_index("index")["value"].reindex(range(37)).to_numpy(), sizes


def region_errors(truth: Path, found: Path, one: Map) -> dict[str, float]:
    """Errors of `map` in white matter, in the cord, and in single tracts."""
    true, sizes = true_values(truth, one)
    stem = found / one.stem.format("sub-01")
    table = load_table(f"{stem}_seg-{TEMPLATE}_{one.suffix}.tsv")
    table = table[(table["by"] == "whole") & (table["method"] == "map")]
    values = one.scale * table.set_index("index")["value"]

    def error(value, wanted):
        return 100 * (value / wanted - 1) if one.relative else value - wanted

    tracts = [i for i in WHITE if sizes[i] >= LARGE]
    single = error(values[tracts].to_numpy(), true[tracts])
    return {
        "white matter": error(values[51], np.average(true[WHITE], weights=sizes[WHITE])),
        "cord": error(values[50], np.average(true[CORD], weights=sizes[CORD])),
        "tracts": np.sqrt(np.mean(single**2)),
    }


def motion_errors(truth: Path, found: Path, kind: str) -> float:
    """Error of the motion of slices in the plane, rms, less each slice's mean, mm."""
    tables = []
    for folder, stem in ((truth, SERIES[kind].split("_")[0]), (found, SERIES[kind])):
        table = load_table(folder / f"{stem.format('sub-01')}_desc-motionslice_timeseries.tsv")
        tables.append(table.sort_values(["slice", "volume"]))
    true, own = (table[["trans_x", "trans_y"]].to_numpy() for table in tables)
    error = (own - true).reshape(tables[0]["slice"].nunique(), -1, 2)
    kinds = [slice(None)]
    if kind == "dwi":
        stem = found / f"{SERIES[kind].format('sub-01')}_desc-preproc_dwi"
        gradients, _ = load_gradients(f"{stem}.bval", f"{stem}.bvec", error.shape[1])
        kinds = [gradients.is_b0(), ~gradients.is_b0()]
    for one in kinds:
        error[:, one] -= error[:, one].mean(axis=1, keepdims=True)
    return float(np.sqrt(np.square(error).mean()))


def steadiness(truth: Path, found: Path) -> tuple[float, float]:
    """Median temporal SNR of the cord: as found, and as it would be without motion."""
    mask = voxels(found / "func/sub-01_task-hand_label-SC_mask.nii.gz") > 0
    own = voxels(found / "func/sub-01_task-hand_stat-tsnr_boldmap.nii.gz")[mask]
    cord = voxels(truth / "func/sub-01_label-SC_probseg.nii.gz") >= 0.5
    still = voxels(truth / "func/sub-01_stat-tsnr_boldmap.nii.gz")[cord]
    return float(np.nanmedian(own)), float(np.median(still))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--folder", type=Path, help="where to keep datasets and results")
    options = parser.parse_args()
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        for seed in options.seeds:
            truth, found = process(options.folder or Path(temporary), seed)
            for one in MAPS:
                for where, error in region_errors(truth, found, one).items():
                    sign = "" if where == "tracts" else "+"
                    digits = 3 if one.title == "FA" else 2
                    rows[f"{one.title}: {where}", one.aim].append(f"{error:{sign}.{digits}f}")
            for kind in SERIES:
                error = motion_errors(truth, found, kind)
                rows[f"motion of slices, {kind}, rms, mm", ""].append(f"{error:.3f}")
            own, still = steadiness(truth, found)
            rows["temporal SNR of the cord, median (without motion)", ""].append(
                f"{own:.1f} ({still:.1f})"
            )
    people = " | ".join(f"participant {number + 1}" for number in range(len(options.seeds)))
    print(
        f"Values by `map`; tracts: rms over those of {LARGE:g} voxels and more.\n\n"
        f"| What | {people} | Aim |\n" + "| --- " * (2 + len(options.seeds)) + "|"
    )
    for (what, aim), cells in rows.items():
        print(f"| {what} | {' | '.join(cells)} | {aim} |")


if __name__ == "__main__":
    main()
