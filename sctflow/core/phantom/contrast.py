"""How bright each tissue is: signal equations and the protocols they are used with.

Parameters are those of the spine-generic protocol for 3 T (Cohen-Adad et al. 2021), bold apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sctflow.core.phantom.tissues import Tissues


def spin_echo(tissues: Tissues, *, te: float, tr: float) -> np.ndarray:
    """Spin echo, (256,); `te` and `tr` in ms. What flows fast leaves before it is refocused."""
    recovered = 1 - np.exp(-tr / tissues.t1)
    return tissues.pd * recovered * np.exp(-te / tissues.t2) * (1 - tissues.void)


def gradient_echo(
    tissues: Tissues,
    *,
    te: float,
    tr: float,
    flip: float,
    saturation: np.ndarray | float = 0.0,
    pulse_at: float = 1 / 3,
    inflow: float = 1.0,
) -> np.ndarray:
    """Spoiled gradient echo in its steady state, (256,).

    In each repetition an excitation leaves ``cos(flip)`` of the longitudinal magnetisation; after
    the part `pulse_at` of the repetition, `saturation` takes its share; T1 acts all the time, and
    flow exchanges a part of the spins for fresh ones, which is as if T1 were shorter. The
    solution is exact, for any flip angle.

    Parameters
    ----------
    tissues : Tissues
    te, tr : float
        ms.
    flip : float
        Degrees.
    saturation : (256,) array or float
        Between 0 and 1.
    pulse_at : float
        Between 0, right after the excitation, and 1, right before the next. It moves the MTsat
        that the small-angle approximation yields by some percent; after a third, it is right.
    inflow : float
        How much of the exchange of spins counts: 1 for thin slices, less for a slab.
    """
    rate = 1 / tissues.t1 + inflow * tissues.exchange / 1000
    first, second = np.exp(-pulse_at * tr * rate), np.exp(-(1 - pulse_at) * tr * rate)
    angle, left = np.radians(flip), 1 - saturation
    gained = 1 - second + left * second * (1 - first)
    steady = np.sin(angle) * gained / (1 - np.cos(angle) * left * first * second)
    return tissues.pd * steady * np.exp(-te / tissues.t2star)


def mt_flash(
    tissues: Tissues, *, te: float, tr: float, flip: float, mt: bool, inflow: float = 0.0
) -> np.ndarray:
    """Gradient echo with (`mt`) or without an MT pulse in each repetition, (256,).

    MTsat as defined by Helms et al. 2008 is the saturation by one pulse.
    """
    saturation = tissues.mtsat / 100 if mt else 0.0
    return gradient_echo(tissues, te=te, tr=tr, flip=flip, saturation=saturation, inflow=inflow)


def multi_echo(
    tissues: Tissues,
    *,
    te: tuple[float, ...],
    tr: float,
    flip: float,
    combine: Literal["rms", "mean"] = "rms",
) -> np.ndarray:
    """Gradient echoes at several echo times, combined by root mean square or mean; (256,)."""
    echoes = np.stack([gradient_echo(tissues, te=t, tr=tr, flip=flip) for t in te])
    return np.sqrt((echoes**2).mean(axis=0)) if combine == "rms" else echoes.mean(axis=0)


def magnetization_prepared(
    tissues: Tissues,
    *,
    te: float,
    tr: float,
    ti: float,
    flip: float,
    pulses: int = 160,
    spacing: float = 7.5,
) -> np.ndarray:
    """Inversion, then a train of gradient echoes (MPRAGE) in the steady state, (256,).

    Parameters
    ----------
    tissues : Tissues
    te, tr, ti : float
        ms; `tr` from inversion to inversion, `ti` from the inversion to the middle of the train,
        where the contrast is decided.
    flip : float
        Degrees.
    pulses, spacing : int, float
        Excitations of the train, and ms between them.
    """
    angle, half = np.radians(flip), pulses // 2
    before = ti - half * spacing
    after = tr - before - pulses * spacing

    def recover(gain: np.ndarray, offset: np.ndarray, time: float) -> tuple:
        kept = np.exp(-time / tissues.t1)
        return gain * kept, offset * kept + 1 - kept

    def train(gain: np.ndarray, offset: np.ndarray, n: int) -> tuple:
        kept = np.exp(-spacing / tissues.t1)
        factor = np.cos(angle) * kept
        limit = (1 - kept) / (1 - factor)
        return gain * factor**n, limit + (offset - limit) * factor**n

    # Longitudinal magnetisation as gain · (that before the inversion) + offset, step by step.
    one = np.ones_like(tissues.t1)
    middle = train(*recover(-one, 0 * one, before), half)
    gain, offset = recover(*train(*middle, pulses - half), after)
    longitudinal = middle[0] * offset / (1 - gain) + middle[1]
    return tissues.pd * np.abs(longitudinal) * np.sin(angle) * np.exp(-te / tissues.t2star)


@dataclass(frozen=True)
class Protocol:
    """One image of a participant: how it is made and what BIDS calls it."""

    kind: Literal["spin echo", "gradient echo", "magnetization prepared"]
    datatype: Literal["anat", "dwi", "func"]
    suffix: str
    te: tuple[float, ...]
    """ms; several echoes are combined by root mean square."""
    tr: float
    """ms."""
    flip: float
    """Degrees."""
    ti: float | None = None
    """ms."""
    mt: bool | None = None
    """MT pulse on, off, or not a matter of this image."""
    entities: Mapping[str, str] = field(default_factory=dict)
    fat_suppressed: bool = False
    inflow: float = 1.0
    """How much of the exchange of spins by flow counts (see :func:`gradient_echo`)."""

    @property
    def name(self) -> str:
        """Entities and suffix as in the file's name, for instance ``flip-1_mt-on_MTS``."""
        return "_".join([*(f"{key}-{value}" for key, value in self.entities.items()), self.suffix])

    @property
    def sidecar(self) -> dict[str, float | bool]:
        """Metadata under their BIDS names, times in s.

        Of an image that combines echoes, `EchoTime` is their mean.
        """
        metadata: dict[str, float | bool] = {
            "MagneticFieldStrength": 3.0,
            "EchoTime": round(float(np.mean(self.te)) / 1000, 6),
            "RepetitionTime": self.tr / 1000,
            "FlipAngle": self.flip,
        }
        if self.ti is not None:
            metadata["InversionTime"] = self.ti / 1000
        if self.mt is not None:
            metadata["MTState"] = self.mt
        if self.suffix == "MTS":
            metadata["RepetitionTimeExcitation"] = metadata.pop("RepetitionTime")
        return metadata


_SLAB = 0.01
"""Fluid takes long to cross a slab of 10 cm, compared with a slice."""


def _mt(suffix: str, *, mt: bool, tr: float, flip: float, number: int | None = None) -> Protocol:
    """One image of an MTS or MTR protocol."""
    entities = {"flip": str(number)} if number else {}
    entities["mt"] = "on" if mt else "off"
    return Protocol(
        "gradient echo",
        "anat",
        suffix,
        te=(3.2,),
        tr=tr,
        flip=flip,
        mt=mt,
        entities=entities,
        inflow=_SLAB,
    )


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("spin echo", "anat", "T2w", te=(120.0,), tr=1500.0, flip=120.0),
        Protocol(
            "magnetization prepared",
            "anat",
            "T1w",
            te=(3.7,),
            tr=2000.0,
            flip=9.0,
            ti=1000.0,
        ),
        Protocol(
            "gradient echo",
            "anat",
            "T2star",
            te=(5.0, 10.0, 15.0, 20.0, 25.0),
            tr=600.0,
            flip=30.0,
        ),
        _mt("MTS", mt=True, tr=35.0, flip=9.0, number=1),
        _mt("MTS", mt=False, tr=35.0, flip=9.0, number=1),
        _mt("MTS", mt=False, tr=15.0, flip=15.0, number=2),
        _mt("MTR", mt=True, tr=35.0, flip=9.0),
        _mt("MTR", mt=False, tr=35.0, flip=9.0),
        Protocol("spin echo", "dwi", "dwi", te=(60.0,), tr=2200.0, flip=90.0, fat_suppressed=True),
        Protocol(
            "gradient echo", "func", "bold", te=(30.0,), tr=2000.0, flip=75.0, fat_suppressed=True
        ),
    )
}
"""Every image that the phantom makes, by name; `dwi` is the one without diffusion weighting."""


def signal(protocol: Protocol, tissues: Tissues) -> np.ndarray:
    """Signal of every code under a protocol, (256,); 1 would be water, fully there."""
    timing = {"tr": protocol.tr, "flip": protocol.flip}
    if protocol.kind == "spin echo":
        values = spin_echo(tissues, te=protocol.te[0], tr=protocol.tr)
    elif protocol.kind == "magnetization prepared":
        values = magnetization_prepared(tissues, te=protocol.te[0], ti=protocol.ti, **timing)
    elif protocol.mt is not None:
        values = mt_flash(
            tissues, te=protocol.te[0], mt=protocol.mt, inflow=protocol.inflow, **timing
        )
    else:
        values = multi_echo(tissues, te=protocol.te, **timing)
    return values * (1 - tissues.fat) if protocol.fat_suppressed else values


def mtr(tissues: Tissues) -> np.ndarray:
    """Magnetisation transfer ratio under the MTR protocols, percent, (256,); 0 without signal."""
    on, off = (signal(PROTOCOLS[f"mt-{state}_MTR"], tissues) for state in ("on", "off"))
    return np.divide(100 * (off - on), off, out=np.zeros_like(off), where=off > 0)
