from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sctflow.core.phantom.codes import Tissue
from sctflow.core.phantom.contrast import (
    PROTOCOLS,
    gradient_echo,
    magnetization_prepared,
    mt_flash,
    mtr,
    multi_echo,
    signal,
    spin_echo,
)
from sctflow.core.phantom.tissues import Tissues, make_tissues

TISSUES = make_tissues()
WHITE, GRAY, LESIONS = slice(0, 30), slice(30, 36), slice(128, 158)


def still(tissues: Tissues = TISSUES) -> Tissues:
    """Nothing flows."""
    return replace(tissues, exchange=np.zeros(256), void=np.zeros(256))


def table(name: str) -> np.ndarray:
    return signal(PROTOCOLS[name], TISSUES)


def ratio(name: str, tissue: int | slice) -> float:
    """Brightness compared with that of the cord, which is four fifths white matter."""
    values = table(name)
    return values[tissue].mean() / (0.8 * values[WHITE].mean() + 0.2 * values[GRAY].mean())


def steps_of_a_gradient_echo(
    t1: float, exchange: float, *, tr: float, flip: float, saturation: float, at: float
) -> float:
    """Longitudinal magnetisation times sin(flip), found by playing the sequence."""
    angle, magnetization = np.radians(flip), 1.0
    for _ in range(4000):
        left = magnetization * np.cos(angle)
        for share, lost in ((at, saturation), (1 - at, 0.0)):
            time = share * tr
            kept = np.exp(-time / t1 - exchange * time / 1000)
            left = (left * kept + 1 - kept) * (1 - lost)
        magnetization = left
    return magnetization * np.sin(angle)


@pytest.mark.parametrize(
    ("tissue", "inflow", "at"),
    [(7, 0.0, 0.0), (7, 0.0, 1 / 3), (130, 0.0, 1.0), (Tissue.CSF, 1.0, 0.5), (33, 1.0, 0.9)],
)
def test_the_steady_state_is_what_playing_the_sequence_ends_in(tissue, inflow, at):
    saturation = TISSUES.mtsat / 100 + 0.01
    closed = gradient_echo(
        TISSUES, te=0, tr=35, flip=9, saturation=saturation, pulse_at=at, inflow=inflow
    )
    played = steps_of_a_gradient_echo(
        TISSUES.t1[tissue],
        inflow * TISSUES.exchange[tissue],
        tr=35,
        flip=9,
        saturation=saturation[tissue],
        at=at,
    )
    assert closed[tissue] == pytest.approx(TISSUES.pd[tissue] * played, rel=1e-9)


def test_the_inversion_recovery_is_what_playing_the_sequence_ends_in():
    tr, ti, flip, pulses, spacing = 2000.0, 1000.0, 9.0, 160, 7.5
    values = magnetization_prepared(
        TISSUES, te=0, tr=tr, ti=ti, flip=flip, pulses=pulses, spacing=spacing
    )
    for tissue in (4, 32, 140, Tissue.CSF, Tissue.FAT):
        t1, magnetization = TISSUES.t1[tissue], 1.0
        for _ in range(60):
            before = ti - pulses / 2 * spacing
            magnetization = 1 - (1 + magnetization) * np.exp(-before / t1)
            for pulse in range(pulses):
                if pulse == pulses // 2:
                    middle = magnetization
                magnetization *= np.cos(np.radians(flip))
                magnetization = 1 - (1 - magnetization) * np.exp(-spacing / t1)
            after = tr - before - pulses * spacing
            magnetization = 1 - (1 - magnetization) * np.exp(-after / t1)
        expected = TISSUES.pd[tissue] * abs(middle) * np.sin(np.radians(flip))
        assert values[tissue] == pytest.approx(expected, rel=1e-9)


def test_a_spin_echo_falls_with_t2_and_a_gradient_echo_with_t2star():
    spin = spin_echo(still(), te=80, tr=1e6) / spin_echo(still(), te=0, tr=1e6).clip(1e-9)
    gradient = gradient_echo(still(), te=30, tr=50, flip=20) / gradient_echo(
        still(), te=0, tr=50, flip=20
    ).clip(1e-9)
    seen = TISSUES.pd > 0
    assert_allclose(spin[seen], np.exp(-80 / TISSUES.t2[seen]))
    assert_allclose(gradient[seen], np.exp(-30 / TISSUES.t2star[seen]))


def test_echoes_are_combined_by_root_mean_square_or_mean():
    echoes = np.stack([gradient_echo(TISSUES, te=t, tr=600, flip=30) for t in (5, 10, 25)])
    combined = {
        how: multi_echo(TISSUES, te=(5, 10, 25), tr=600, flip=30, combine=how)
        for how in ("rms", "mean")
    }
    assert_allclose(combined["rms"], np.sqrt((echoes**2).mean(axis=0)))
    assert_allclose(combined["mean"], echoes.mean(axis=0))


def mtsat_of(pd_w: np.ndarray, t1_w: np.ndarray, mt_w: np.ndarray) -> tuple[np.ndarray, ...]:
    """MTsat in percent, T1 in ms by Helms et al. 2008, flips of 9 and 15 degrees."""
    a, b, long, short = np.radians(9), np.radians(15), 35.0, 15.0
    r1 = 0.5 * (b / short * t1_w - a / long * pd_w) / (pd_w / a - t1_w / b)
    amplitude = (long * b / a - short * a / b) / (b * long / pd_w - a * short / t1_w)
    return 100 * ((amplitude * a / mt_w - 1) * r1 * long - a**2 / 2), 1 / r1


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_mtsat_and_t1_come_back_from_the_three_images(spread: float):
    tissues = make_tissues(seed=2, spread=spread)
    for cord in (WHITE, GRAY, LESIONS):
        mtsat, t1 = mtsat_of(
            *(
                signal(PROTOCOLS[f"flip-{image}_MTS"], tissues)[cord]
                for image in ("1_mt-off", "2_mt-off", "1_mt-on")
            )
        )
        assert_allclose(mtsat, tissues.mtsat[cord], rtol=0.01)
        assert_allclose(t1, tissues.t1[cord], rtol=0.01)


def test_mtr_in_the_cord_is_that_of_volunteers_and_csf_has_none():
    values = mtr(TISSUES)
    # Two spine-generic volunteers: 45 to 50 % in the cord at C2 to C5.
    assert ((values[:36] > 43) & (values[:36] < 50)).all()
    assert values[WHITE].mean() > values[GRAY].mean() > values[LESIONS].mean()
    assert values[Tissue.CSF] == 0
    assert values[Tissue.AIR] == 0


# Brightness compared with the cord, measured inside and around manual masks of the cord in one
# volunteer (MTR: in another). Half as much again is allowed: coils are brighter near the back,
# voxels at borders are mixed, and people differ.
@pytest.mark.parametrize(
    ("name", "tissue", "measured"),
    [
        ("T2w", Tissue.CSF, 3.1),
        ("T2w", Tissue.MUSCLE, 0.20),
        ("T1w", Tissue.CSF, 0.35),
        ("T1w", Tissue.MUSCLE, 0.82),
        ("T2star", Tissue.CSF, 1.55),
        ("T2star", Tissue.MUSCLE, 0.93),
        ("mt-off_MTR", Tissue.CSF, 0.58),
        ("dwi", Tissue.CSF, 1.25),
        ("bold", Tissue.CSF, 1.85),
    ],
)
def test_tissues_are_as_bright_as_in_a_real_scan(name: str, tissue: Tissue, measured: float):
    assert measured / 1.5 < ratio(name, tissue) < measured * 1.5


# Mean over slices of manual masks, 1.15 to 1.26 and 1.05 to 1.21.
@pytest.mark.parametrize(("name", "measured"), [("T2star", 1.19), ("flip-1_mt-on_MTS", 1.12)])
def test_gray_matter_is_brighter_than_white_as_in_a_real_scan(name: str, measured: float):
    assert table(name)[GRAY].mean() / table(name)[WHITE].mean() == pytest.approx(
        measured, abs=0.03
    )


def test_t2w_looks_as_it_should():
    order = [Tissue.CORTICAL_BONE, Tissue.MUSCLE, Tissue.MARROW, 5, 32, Tissue.FAT, Tissue.CSF]
    assert (np.diff(table("T2w")[order]) > 0).all()
    assert ratio("T2w", LESIONS) > 1.3


def test_t1w_looks_as_it_should():
    order = [Tissue.CORTICAL_BONE, Tissue.CSF, Tissue.MUSCLE, 5, Tissue.FAT]
    assert (np.diff(table("T1w")[order]) > 0).all()
    assert ratio("T1w", LESIONS) < 0.95


def test_blood_in_arteries_is_dark_in_spin_echoes_and_bright_in_gradient_echoes():
    assert ratio("T2w", Tissue.ARTERY) < 0.2
    for name in ("T2star", "mt-off_MTR", "bold"):
        assert ratio(name, Tissue.ARTERY) > 1.2


@pytest.mark.parametrize("name", ["dwi", "bold"])
def test_fat_is_suppressed_where_the_protocol_says_so(name: str):
    assert ratio(name, Tissue.FAT) < 0.1
    full = signal(replace(PROTOCOLS[name], fat_suppressed=False), TISSUES)
    assert full[Tissue.FAT] == pytest.approx(20 * table(name)[Tissue.FAT])
    assert_allclose(full[WHITE], table(name)[WHITE])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_air_is_black_and_signals_are_fractions_of_water(name: str):
    values = table(name)
    assert values.shape == (256,)
    assert (values >= 0).all()
    assert (values <= 1).all()
    assert values[Tissue.AIR] == values[Tissue.BACKGROUND] == 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_sidecars_speak_of_seconds(name: str):
    protocol, sidecar = PROTOCOLS[name], PROTOCOLS[name].sidecar
    assert name == protocol.name
    assert sidecar["EchoTime"] == pytest.approx(np.mean(protocol.te) / 1000)
    repetition = sidecar.get("RepetitionTime", sidecar.get("RepetitionTimeExcitation"))
    assert repetition == pytest.approx(protocol.tr / 1000)
    assert sidecar.get("MTState") == {"on": True, "off": False}.get(
        protocol.entities.get("mt", "")
    )


def test_mt_pulses_take_signal_only_where_there_are_macromolecules():
    on, off = (mt_flash(TISSUES, te=3, tr=35, flip=9, mt=mt) for mt in (True, False))
    assert (on[:36] < off[:36]).all()
    assert on[Tissue.CSF] == off[Tissue.CSF]
