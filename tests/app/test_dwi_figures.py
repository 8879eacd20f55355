"""What the report shows of a diffusion series."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sctflow.reports.animation import animate
from sctflow.reports.dwi_figures import before_after, diffusivities, dwi_facts
from sctflow.reports.style import to_svg

AFFINE = np.diag([-1.0, 1.0, 4.0, 1.0])
SHAPE = (40, 36, 8)


@pytest.fixture
def cord():
    x, y = np.meshgrid(np.arange(40) - 20, np.arange(36) - 18, indexing="ij")
    return np.repeat((np.hypot(x / 6, y / 5) <= 1)[:, :, None], SHAPE[2], axis=2)


def pictures(svg):
    """Frames of an animation as arrays of grey levels."""
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))).astype(int) for one in found]


def test_each_volume_is_a_frame_with_what_was_and_what_became_of_it(cord):
    still = 100.0 * cord[..., None] + np.zeros(6)
    moved = np.stack([np.roll(still[..., t], 3 * t, axis=0) for t in range(6)], axis=-1)
    svg = animate(moved, still, AFFINE, cord, labels=[f"b = {b}" for b in (0, 1, 2, 3, 4, 5)])
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "5 · b = 5" in svg
    frames = pictures(svg)
    assert len(frames) == 6
    half = frames[0].shape[1] // 2
    change = [np.abs(frame - frames[0]) for frame in frames[1:]]
    # Left of the middle the cord moves on from frame to frame, right of it nothing does.
    assert all(one[:, : half - 4].mean() > 5 for one in change)
    assert all(one[:, half + 4 :].max() < 20 for one in change)


def test_a_long_series_is_shown_in_part_and_one_without_a_cord_not_at_all(cord):
    series = np.random.default_rng(0).normal(100, 10, (*SHAPE, 90)).astype(np.float32)
    svg = animate(series, series, AFFINE, cord, at_most=12)
    assert len(pictures(svg)) == 12
    assert ">0<" in svg
    assert ">89<" in svg
    assert animate(series, series, AFFINE, 0 * cord) is None


def test_figures_name_what_they_show(cord):
    rng = np.random.default_rng(0)
    before, after = (rng.normal(100, 5, SHAPE) + 100 * cord for _ in range(2))
    levels = cord * np.where(np.arange(8) < 4, 5, 4)
    text = to_svg(before_after(before, after, AFFINE, cord, levels=levels), label="x")
    for words in ("left, above: before", "right, below: after", "C4 · 7", "C5 · 0"):
        assert words in text
    maps = {"Mean diffusivity": np.where(cord, 1e-3, np.nan)}
    text = to_svg(diffusivities(maps, AFFINE, cord), label="x")
    assert "Mean diffusivity (10⁻³ mm²/s)" in text
    assert "no cord" in to_svg(before_after(before, after, AFFINE, 0 * cord), label="x")


def test_facts_are_those_of_the_series_and_of_the_cord(cord):
    shells = pd.DataFrame({"bval": [0.0, 800.0], "volumes": [2, 4]})
    motion = pd.DataFrame(
        {"framewise_displacement": [np.nan, 0.1, 0.3], "outlier_slices": [0, 2, 1]}
    )
    maps = {"fa": np.where(cord, 0.7, 0.1), "md": np.where(cord, 9e-4, 3e-3)}
    facts = dict(
        dwi_facts(shells, fit="wls", snr=12.34, motion=motion, slices=8, maps=maps, cord=cord)
    )
    assert facts["Volumes"] == "2 with b = 0 s/mm², 4 with b = 800 s/mm²"
    assert facts["Motion"] == (
        "0.20 mm from volume to volume, 0.30 mm at most; 3 of 24 slices flagged"
    )
    assert facts["SNR at b = 0"] == "12.3 in the cord"
    assert facts["FA"].startswith("0.7 (0.7 to 0.7) in ")
    assert facts["MD"].startswith("0.9 (0.9 to 0.9) 10⁻³ mm²/s in ")
    # Without tensors there is nothing to say of them.
    assert list(dict(dwi_facts(shells, fit="wls"))) == ["Volumes"]
