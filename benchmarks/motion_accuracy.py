"""Motion correction against known motion, as Markdown tables.

    OMP_NUM_THREADS=1 python benchmarks/motion_accuracy.py [DATA] [--people 3]

On phantom people, motion is made on a grid three times finer than the image's: a drift of 1 mm,
jumps of 1.5 and 3 mm, breathing, jitter of 0.1 mm that neighbouring slices share and as much of
each slice on its own, and one volume in which the signal drops to a tenth to a half. With DATA,
the folder of ds-errsm30 and ds-tutorial, the same motion is added to their real series (splines
of order five) and compared with what is found over what is found without it: the noise is the
same in both, so that this tells what motion does to the estimate, and not what noise does.

Errors are lengths in the plane, less the mean of each slice and kind of volume.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sctflow.core.grid import canonicalize
from sctflow.core.motion import Motion, apply_motion, estimate_dwi_motion, estimate_motion
from sctflow.core.phantom import acquisition
from sctflow.core.phantom.bold import Task, make_bold_timeseries
from sctflow.core.phantom.codes import IS_CORD, IS_LESION
from sctflow.core.phantom.contrast import PROTOCOLS, signal
from sctflow.core.phantom.diffusion import dwi_table, gradient_table
from sctflow.core.phantom.grids import axial_grid
from sctflow.core.phantom.sample import sample
from sctflow.core.phantom.tissues import make_tissues
from sctflow.core.segmentation import segment_cord
from sctflow.core.tsnr import temporal_snr
from sctflow.demo.people import make_person
from sctflow.demo.scan import slice_tangents
from sctflow.gradients import load_gradients
from sctflow.io import load_image
from sctflow.models import load_cord_nets

FINER = 3
JITTER_MM = 0.1
SNR = {"bold": 40.0, "dwi": 6.0}
BOLD = "ds-errsm30/sub-errsm30/func/sub-errsm30_task-rest_bold.nii.gz"
DWI = "ds-tutorial/sub-single/dwi/sub-single_dwi.nii.gz"
HEADER = (
    "| Series | volumes | rms | max | worst volume, rms | drop-out, rms | b = 0 to weighted | "
    "flagged, of them drop-out | CPU s |\n" + "| --- " * 9 + "|"
)


class Series(NamedTuple):
    """A series, canonical; without motion of its own, or with."""

    data: np.ndarray
    affine: np.ndarray
    mask: np.ndarray
    bvals: np.ndarray | None
    bvecs: np.ndarray | None


def known_motion(rng: np.random.Generator, n: int, n_volumes: int) -> np.ndarray:
    """Drift, jumps, breathing and jitter, (slices, volumes, 2) mm."""
    motion = acquisition.make_motion(
        rng, n, n_volumes, drift_mm=1.0, jitter_mm=JITTER_MM, breathing_mm=0.3
    )
    for length in (1.5, 3.0):
        angle = rng.uniform(0, 2 * np.pi)
        motion[:, rng.integers(2, n_volumes) :] += length * np.array(
            [np.cos(angle), np.sin(angle)]
        )
    return motion + rng.normal(0, JITTER_MM, motion.shape)


def choose_drop_out(rng: np.random.Generator, series_bvals, n_volumes: int) -> int:
    """A volume, with diffusion weighting if there are such."""
    if series_bvals is None:
        return int(rng.integers(3, n_volumes))
    return int(rng.choice(np.flatnonzero(series_bvals > 0)[3:]))


def phantom(kind: str, seed: int) -> tuple[Series, np.ndarray, int]:
    """A series of a phantom person with motion; also the motion, and the volume that dropped."""
    rng = np.random.default_rng(seed)
    person, tissues = make_person(1, seed=seed), make_tissues(seed=seed, spread=0.04)
    zoom, thickness, matrix = (0.956, 16.8, (68, 68)) if kind == "bold" else (0.9, 5.0, (96, 36))
    shape, affine = axial_grid(
        person, 2.4, 6.9, zoom=(zoom, zoom), thickness=thickness, matrix=matrix
    )
    still = signal(PROTOCOLS[kind], tissues)
    bvals = bvecs = None
    if kind == "bold":
        changes = make_bold_timeseries(tissues, 30, 2.0, rng, task=Task()).modulation
        tables = np.broadcast_to(still[:, None] * changes, (shape[2], *changes.shape))
        level = tables[0]
    else:
        bvals, bvecs = gradient_table(5, {800: 30}, seed=seed)
        tables = np.stack(
            [
                still[:, None] * dwi_table(tissues, bvals, bvecs, tangent)
                for tangent in slice_tangents(person, (shape, affine))
            ]
        )
        level = tables[..., bvals > 0].mean(0)
    noise = level[IS_CORD & ~IS_LESION].mean() / SNR[kind]
    motion = known_motion(rng, shape[2], tables.shape[-1])
    columns = affine[:3, :3] / np.array([FINER, FINER, 1])
    finer = np.eye(4)
    finer[:3, :3] = columns
    finer[:3, 3] = affine[:3, 3] - 0.5 * (FINER - 1) * columns[:, :2].sum(1)
    sampled = sample(person, (shape[0] * FINER, shape[1] * FINER, shape[2]), finer, across=0.35)
    texture = acquisition.texture(rng, sampled.shape, (zoom / FINER, zoom / FINER, thickness))
    moved = acquisition.shift_slices(
        sampled.series(tables) * texture[..., None].astype(np.float32),
        motion * np.sign([affine[0, 0], affine[1, 1]]),
        (zoom, zoom),
        factor=FINER,
    )
    dropped = choose_drop_out(rng, bvals, moved.shape[3])
    moved[..., dropped] *= rng.uniform(0.1, 0.5)
    data = acquisition.rician(moved, noise, rng)
    mask = sample(person, shape, affine).mean(IS_CORD)
    return Series(data, affine, mask, bvals, bvecs), motion, dropped


def load(path: Path, nets) -> Series:
    """A real series, with the network's mask of the cord on its mean."""
    img = load_image(path)
    data, affine = canonicalize(np.asarray(img.dataobj, np.float32), img.affine)
    bvals = bvecs = None
    mean = data.mean(-1)
    stem = str(path).removesuffix(".nii.gz")
    if Path(f"{stem}.bval").exists():
        bvals, bvecs = load_gradients(f"{stem}.bval", f"{stem}.bvec", data.shape[3])[0]
        mean = data[..., bvals > 0].mean(-1)
    mask = segment_cord(mean, affine, nets=nets).probability
    return Series(data, affine, mask, bvals, bvecs)


def with_motion(series: Series, seed: int) -> tuple[Series, np.ndarray, int]:
    """Add known motion and a drop-out to a real series."""
    rng = np.random.default_rng(seed)
    n, n_volumes = series.data.shape[2:]
    motion = known_motion(rng, n, n_volumes)
    pixel = np.linalg.norm(series.affine[:3, :2], axis=0)
    moved = np.empty_like(series.data)
    for k in range(n):
        for t in range(n_volumes):
            ndimage.shift(
                series.data[:, :, k, t],
                motion[k, t] / pixel,
                output=moved[:, :, k, t],
                order=5,
                mode="nearest",
            )
    dropped = choose_drop_out(rng, series.bvals, n_volumes)
    # What drops is the signal; the noise, taken as that of the air, stays.
    noise = 0.03 * series.data.mean()
    moved[..., dropped] *= rng.uniform(0.1, 0.5)
    moved[..., dropped] += rng.normal(0, noise, moved.shape[:3])
    return series._replace(data=moved), motion, dropped


def follow(series: Series) -> tuple[Motion, float]:
    """Motion, and the processor's time it took."""
    start = time.process_time()
    if series.bvals is None:
        motion = estimate_motion(series.data, series.affine, series.mask)
    else:
        motion = estimate_dwi_motion(
            series.data, series.affine, series.mask, series.bvals, series.bvecs
        )
    return motion, time.process_time() - start


def rows(name: str, series: Series, found: np.ndarray, true: np.ndarray, dropped: int, motion,
         seconds: float) -> None:  # fmt: skip
    """Print a row for each kind of volume."""
    away = found - true
    n_volumes = away.shape[1]
    weighted = np.ones(n_volumes, bool) if series.bvals is None else series.bvals > 0
    kept = np.arange(n_volumes) != dropped
    rest = away[:, weighted & kept].mean(1, keepdims=True)
    for kind, chosen in (("b = 0", ~weighted), ("all" if series.bvals is None else "b > 0",
                                                weighted)):  # fmt: skip
        used = away[:, chosen & kept]
        if not used.size:
            continue
        error = np.linalg.norm(used - used.mean(1, keepdims=True), axis=-1)
        fell = np.linalg.norm((away - rest)[:, dropped], axis=-1)
        between = np.linalg.norm((used.mean(1) - rest[:, 0]).mean(0))
        flagged = motion.outlier[:, chosen]
        parts = [
            name,
            f"{kind} ({chosen.sum()})",
            f"{np.sqrt((error**2).mean()):.3f}",
            f"{error.max():.2f}",
            f"{np.sqrt((error**2).mean(0)).max():.3f}",
            f"{np.sqrt((fell**2).mean()):.3f}" if chosen[dropped] else "",
            "" if chosen is weighted else f"{between:.3f}",
            f"{flagged.sum()} of {flagged.size}"
            + (f", {motion.outlier[:, dropped].sum()}" if chosen[dropped] else ""),
            f"{seconds:.2f}",
        ]
        print("| " + " | ".join(parts) + " |", flush=True)


def signal_to_noise(series: Series) -> None:
    """TSNR in the cord before and after, with each interpolation."""
    motion, _ = follow(series)
    cord = series.mask >= 0.5

    def value(data: np.ndarray) -> float:
        return float(np.nanmean(temporal_snr(data)[cord]))

    before = value(series.data)
    print("\n| tSNR in the cord | mean | change |\n| --- | --- | --- |")
    print(f"| not corrected | {before:.2f} | |")
    for how in ("nearest", "linear", "spline", "sinc"):
        after = value(apply_motion(series.data, series.affine, motion, interpolation=how))
        print(f"| corrected, {how} | {after:.2f} | {100 * (after / before - 1):+.1f} % |")


def resources(shape: tuple[int, int, int], n_volumes: int, bvals) -> tuple[float, float, float]:
    """Seconds of estimating and of moving back, and peak memory in MB of a fresh process."""
    rng = np.random.default_rng(0)
    u, v = (np.arange(n) - n / 2 for n in shape[:2])
    inside = np.exp(-((u[:, None] / 6) ** 2) - (v / 5) ** 2)
    data = np.empty((*shape, n_volumes), np.int16)
    for t in range(n_volumes):
        du, dv = rng.normal(0, 1, 2)
        plane = 800 * np.exp(-(((u - du)[:, None] / 9) ** 2) - ((v - dv) / 7) ** 2)
        plane -= 300 * np.exp(-(((u - du)[:, None] / 6) ** 2) - ((v - dv) / 4) ** 2)
        data[..., t] = plane[..., None] + rng.normal(100, 20, shape)
    mask = np.repeat(inside[..., None], shape[2], 2)
    affine = np.diag([0.9, 0.9, 5.0, 1.0])
    bvecs = None
    if bvals is not None:
        bvals, bvecs = gradient_table(5, {800: n_volumes - 5})
    series = Series(data, affine, mask, bvals, bvecs)
    motion, seconds = follow(series)
    start = time.process_time()
    apply_motion(data, affine, motion, interpolation="spline")
    applying = time.process_time() - start
    # Not from getrusage, which counts what the process was before it became this one.
    status = Path("/proc/self/status").read_text()
    peak = float(status.split("VmHWM:")[1].split()[0]) / 1024
    return seconds, applying, peak


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", nargs="?", type=Path, help="folder of the real datasets")
    parser.add_argument(
        "--people", type=int, default=3, help="phantom people, and draws of motion"
    )
    options = parser.parse_args()
    print(HEADER)
    for kind in ("bold", "dwi"):
        for seed in range(1, options.people + 1):
            series, true, dropped = phantom(kind, seed)
            motion, seconds = follow(series)
            rows(f"phantom {kind} {seed}", series, motion.shift, true, dropped, motion, seconds)
    if options.data:
        nets, _ = load_cord_nets()
        for name in (BOLD, DWI):
            series = load(options.data / name, nets)
            own, _ = follow(series)
            for seed in range(1, options.people + 1):
                moved, true, dropped = with_motion(series, seed)
                motion, seconds = follow(moved)
                label = f"{name.rsplit('/', 1)[1].removesuffix('.nii.gz')} {seed}"
                rows(label, moved, motion.shift - own.shift, true, dropped, motion, seconds)
            if series.bvals is None:
                before = series
        signal_to_noise(before)
    print("\n| Size | estimate, CPU s | apply, CPU s | peak MB of the process |")
    print("| --- | --- | --- | --- |")
    for label, shape, n, bvals in (
        ("bold 68 x 68 x 6 x 30", (68, 68, 6), 30, None),
        ("dwi 96 x 36 x 15 x 35", (96, 36, 15), 35, 0),
        ("bold 68 x 68 x 24 x 300", (68, 68, 24), 300, None),
        ("dwi 68 x 68 x 24 x 300", (68, 68, 24), 300, 0),
    ):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            first, second, peak = pool.apply(resources, (shape, n, bvals))
        print(f"| {label} | {first:.2f} | {second:.2f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
