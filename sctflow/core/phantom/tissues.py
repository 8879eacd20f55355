"""What the tissues of the phantom are like to a scanner of 3 T.

Sources of the figures:

- T1, T2 of white and gray matter: Smith et al. 2008 (cervical cord: white matter 876 and 73 ms,
  dorsal columns 899, lateral columns 863; gray matter 973 and 76 ms). The brainstem has them too.
- T1, T2 of fat, marrow and inner organs: de Bazelaire et al. 2004 (subcutaneous fat 382 and
  68 ms, marrow of L4 586 and 49 ms, liver 809 and 34 ms).
- T1, T2 of blood: Stanisz et al. 2005 (1932 and 275 ms). Muscle lies between the figures of de
  Bazelaire (898 and 29 ms), Gold et al. 2004 (1420 and 32 ms) and Stanisz (1412 and 50 ms).
- Diffusion: Bosma and Stroman 2012 (white matter FA 0.69, MD 0.93; gray matter FA 0.44; their MD
  of gray matter, 1.8, has CSF in it, so that of white matter is taken). CSF is water at 37 °C.
- Lesions of multiple sclerosis: directions and rough sizes of the changes are common knowledge.

What has no published figure is chosen so that the made images have the contrast of real scans
(see :mod:`sctflow.core.phantom.contrast`): proton densities, T2*, MT saturations (such that the
ratio MTR of the cord under the spine-generic protocol is 45 to 50 % and CSF has none), discs,
skin, ligaments, and everything about flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sctflow.core.phantom.codes import (
    IS_CORD,
    IS_GRAY,
    IS_LESION,
    IS_WHITE,
    LESION,
    N_CORD,
    REGION_NAMES,
    Tissue,
)
from sctflow.core.phantom.diffusion import fa_md

_COLUMNS = ("pd", "t1", "t2", "t2star", "mtsat", "ad", "rd")
_NEURAL = {
    "white": (0.70, 863.0, 73.0, 42.0, 4.6, 1.85, 0.47),
    "gray": (0.79, 973.0, 76.0, 51.5, 4.0, 1.40, 0.66),
}
_DORSAL_T1 = 899.0
"""Of the two fasciculi of either side, regions 0 to 3."""

_OTHERS: dict[Tissue, tuple[float, ...]] = {
    Tissue.CSF: (1.00, 4000.0, 1800.0, 80.0, 0.0, 3.0, 3.0),
    Tissue.ROOT: (0.76, 1000.0, 85.0, 48.0, 3.2, 1.60, 0.80),
    Tissue.DURA: (0.55, 900.0, 25.0, 14.0, 4.0, 0.9, 0.9),
    Tissue.EPIDURAL: (0.85, 420.0, 64.0, 26.0, 0.5, 0.2, 0.2),
    Tissue.MEDULLA: (0.74, 900.0, 75.0, 45.0, 4.3, 1.30, 0.60),
    Tissue.PONS: (0.75, 920.0, 75.0, 44.0, 4.2, 1.10, 0.60),
    Tissue.CEREBELLUM: (0.80, 1200.0, 85.0, 46.0, 3.2, 0.8, 0.8),
    Tissue.CEREBRUM: (0.78, 1100.0, 80.0, 46.0, 3.6, 0.8, 0.8),
    Tissue.CORTICAL_BONE: (0.15, 500.0, 4.0, 1.5, 1.0, 0.3, 0.3),
    Tissue.MARROW: (0.75, 586.0, 49.0, 9.0, 1.2, 0.3, 0.3),
    Tissue.ANNULUS: (0.55, 1000.0, 38.0, 20.0, 3.2, 1.2, 1.2),
    Tissue.NUCLEUS: (0.85, 1250.0, 70.0, 42.0, 2.6, 1.9, 1.9),
    Tissue.LIGAMENT: (0.40, 800.0, 14.0, 7.0, 3.5, 0.8, 0.8),
    Tissue.MUSCLE: (0.78, 1200.0, 40.0, 26.0, 3.5, 1.5, 1.5),
    Tissue.FAT: (0.90, 382.0, 68.0, 30.0, 0.3, 0.1, 0.1),
    Tissue.SKIN: (0.65, 900.0, 30.0, 14.0, 2.5, 0.9, 0.9),
    Tissue.ARTERY: (0.85, 1932.0, 275.0, 60.0, 0.4, 10.0, 10.0),
    Tissue.VEIN: (0.85, 1932.0, 150.0, 30.0, 0.4, 6.0, 6.0),
    Tissue.SOFT: (0.80, 1100.0, 50.0, 28.0, 2.5, 1.4, 1.4),
    Tissue.LUNG: (0.18, 1200.0, 35.0, 1.5, 1.5, 2.0, 2.0),
    Tissue.ORGAN: (0.75, 809.0, 34.0, 20.0, 3.0, 1.1, 1.1),
}
_EMPTY = (0.0, 1000.0, 50.0, 25.0, 0.0, 1.0, 1.0)
"""Air, background and codes that are not in use give no signal."""

_FLOW = {Tissue.CSF: (0.6, 0.0), Tissue.ARTERY: (150.0, 0.95), Tissue.VEIN: (30.0, 0.7)}
"""Exchange of spins per second, share of a spin echo lost."""

_FAT = {
    Tissue.FAT: 0.95,
    Tissue.EPIDURAL: 0.85,
    Tissue.MARROW: 0.5,
    Tissue.SKIN: 0.2,
    Tissue.SOFT: 0.2,
}

_REGION_SPREAD = {
    "pd": 0.01,
    "t1": 0.02,
    "t2": 0.03,
    "t2star": 0.03,
    "mtsat": 0.08,
    "ad": 0.05,
    "rd": 0.10,
}
"""Regions of white, and of gray, matter differ by at most this fraction from what they share."""

_LESION = {
    "pd": 1.10,
    "t1": 1.35,
    "t2": 1.40,
    "t2star": 1.35,
    "mtsat": 0.60,
    "ad": 1.05,
    "rd": 1.60,
}


@dataclass(frozen=True)
class Tissues:
    """Parameters of every code, each an array of shape (256,).

    White and gray matter, roots and brainstem diffuse along the cord's tangent with `ad` and
    across it with `rd`; everything else has ``ad == rd``.
    """

    pd: np.ndarray
    """Proton density, 1 for water."""
    t1: np.ndarray
    """ms."""
    t2: np.ndarray
    """ms."""
    t2star: np.ndarray
    """ms."""
    mtsat: np.ndarray
    """Percent of the longitudinal magnetisation that one MT pulse takes away."""
    ad: np.ndarray
    """Along the cord, 1e-3 mm²/s."""
    rd: np.ndarray
    """Across it."""
    exchange: np.ndarray
    """Rate, per second, at which flow brings unexcited spins into a thin slice."""
    void: np.ndarray
    """Share of a spin echo's signal that flow takes away."""
    fat: np.ndarray
    """Share of the signal that fat suppression takes away."""


def make_tissues(*, seed: int = 0, spread: float = 0.0) -> Tissues:
    """Parameters of all tissues, for one participant.

    Each region of the cord has values of its own, by a fixed pattern: those of white or gray
    matter times 1 + a·w, a being the largest difference (T1 2 %, T2 and T2* 3 %, proton density
    1 %, MT saturation 8 %, axial 5 % and radial 10 % diffusivity) and w the multiples of the
    golden ratio, folded into [-1, 1], one step per region and nine from a parameter to the next.
    Neighbouring regions, and left and right, differ in it, so that a method that mixes up regions
    shows.

    Parameters
    ----------
    seed : int
        Of the participant.
    spread : float
        Relative standard deviation of each parameter over participants: shared by the regions of
        the cord, and half of it again for each region by itself. 0 gives the mean participant.
    """
    values = _mean_values()
    if spread:
        values = {
            name: value * factor
            for (name, value), factor in zip(
                values.items(), _factors(np.random.default_rng(seed), spread), strict=True
            )
        }
        values["t2"] = np.minimum(values["t2"], 0.8 * values["t1"])
        values["t2star"] = np.minimum(values["t2star"], 0.95 * values["t2"])
    for name, factor in _LESION.items():
        values[name] = np.where(IS_LESION, factor * values[name], values[name])
    flow = np.zeros((2, 256))
    fat = np.zeros(256)
    for tissue, pair in _FLOW.items():
        flow[:, tissue] = pair
    for tissue, share in _FAT.items():
        fat[tissue] = share
    return Tissues(**values, exchange=flow[0], void=flow[1], fat=fat)


def _mean_values() -> dict[str, np.ndarray]:
    """Values of every code without lesions: code 128 + region has those of the region."""
    table = np.tile(_EMPTY, (256, 1))
    for tissue, row in _OTHERS.items():
        table[tissue] = row
    table[IS_WHITE] = _NEURAL["white"]
    table[IS_GRAY] = _NEURAL["gray"]
    for first in (0, LESION):
        table[first : first + 4, _COLUMNS.index("t1")] = _DORSAL_T1
        for k, name in enumerate(_COLUMNS):
            steps = np.arange(1, N_CORD + 1) + 9 * k
            wave = 2 * np.mod(steps * (np.sqrt(5) - 1) / 2, 1) - 1
            table[first : first + N_CORD, k] *= 1 + _REGION_SPREAD[name] * wave
    return dict(zip(_COLUMNS, table.T.copy(), strict=True))


def _factors(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Random factors (7, 256) of a participant, the same for a region and a lesion in it."""
    own = rng.standard_normal((len(_COLUMNS), LESION))
    shared = rng.standard_normal((len(_COLUMNS), 1))
    cord = IS_CORD[:LESION]
    own[:, cord] = shared + 0.5 * own[:, cord]
    # One factor for both diffusivities keeps the isotropic isotropic, and `ad` above `rd`.
    own[_COLUMNS.index("rd")] = own[_COLUMNS.index("ad")]
    return np.exp(spread * np.tile(own, 2))


def region_table(
    tissues: Tissues, *, lesion: bool = False, extra: Mapping[str, np.ndarray] | None = None
) -> pd.DataFrame:
    """Truth of every atlas region: index 0 to 36, a name, and one column per quantity.

    Parameters
    ----------
    tissues : Tissues
    lesion : bool
        Of lesions in the regions, not of the healthy regions. CSF has none.
    extra : mapping, optional
        Further columns, each from 256 values by code, for instance ``{"mtr": mtr(tissues)}``.

    Returns
    -------
    DataFrame
        T1, T2 and T2* in ms, diffusivities in 1e-3 mm²/s, `mtsat` in percent.
    """
    codes = np.arange(N_CORD + 1)
    if lesion:
        codes[:N_CORD] += LESION
    fa, md = fa_md(tissues.ad, tissues.rd)
    columns = {name: getattr(tissues, name) for name in ("t1", "t2", "t2star", "pd", "mtsat")}
    columns |= {"fa": fa, "md": md, "ad": tissues.ad, "rd": tissues.rd, **(extra or {})}
    table = pd.DataFrame({name: values[codes] for name, values in columns.items()})
    table.insert(0, "name", REGION_NAMES)
    return table.rename_axis("index")
