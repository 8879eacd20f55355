"""Figures of functional series show what they are given."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from sctflow.reports.func_figures import carpet, tsnr_mosaic
from sctflow.reports.map_figure import map_mosaic
from sctflow.reports.motion_figure import motion_figure
from sctflow.reports.style import to_svg

SHAPE = (40, 40, 10)
AFFINE = np.diag([-1.0, 1.0, 5.0, 1.0])


@pytest.fixture
def cord():
    x, y = np.meshgrid(np.arange(40), np.arange(40), indexing="ij")
    mask = np.repeat((np.hypot(x - 20, y - 20) <= 5)[:, :, None], 10, axis=2)
    mask[:, :, :2] = False
    return mask.astype(np.uint8)


def _texts(figure):
    svg = to_svg(figure, label="figure")
    return [text for node in ElementTree.fromstring(svg).iter() if (text := node.text)]


def _pictures(figure):
    return [image for axes in figure.axes for image in axes.images]


def test_every_slice_with_cord_has_a_tile_for_each_map(cord):
    maps = {"One": np.full(SHAPE, 2.0), "Two": np.full(SHAPE, 9.0)}
    figure = map_mosaic(maps, AFFINE, cord, image=np.ones(SHAPE), limits=(0, 10), unit="ms")
    # Eight slices in three rows, and the scale of colours.
    assert len(_pictures(figure)) == 3 * 8 + 1
    texts = _texts(figure)
    assert {"One", "Two", "ms", "0", "10"} <= set(texts)
    assert {str(k) for k in range(2, 10)} <= set(texts)


def test_colours_rise_with_values_and_are_black_where_there_is_none(cord):
    values = np.where(np.arange(40)[:, None, None] < 20, 1.0, 4.0) * np.ones(SHAPE)
    values[:, :15] = np.nan
    figure = map_mosaic({"Map": values}, AFFINE, cord, limits=(0, 4), at_most=1)
    pixels = _pictures(figure)[0].get_array().astype(float)
    # Radiological: the patient's right, where this image's axis begins, is on the left.
    left, right = pixels[20, 20], pixels[20, -20]
    assert left.sum() < right.sum()
    np.testing.assert_allclose(right, [253, 231, 37], atol=1)
    assert pixels[-1].sum() == 0


def test_levels_are_named_beside_slices(cord):
    levels = cord * 3
    figure = map_mosaic({"Map": 1.0 * cord}, AFFINE, cord, levels=levels, limits=(0, 1))
    assert "C3 · 4" in _texts(figure)


def test_without_a_cord_a_figure_says_so(cord):
    figure = map_mosaic({"Map": 1.0 * cord}, AFFINE, 0 * cord, limits=(0, 1))
    assert "There is no cord in the image." in _texts(figure)


def test_medians_of_temporal_snr_are_told(cord):
    before, after = np.where(cord, 10.0, np.nan), np.where(cord, 12.5, np.nan)
    texts = _texts(tsnr_mosaic(before, after, np.ones(SHAPE), AFFINE, cord))
    assert "Before motion correction: median in the cord 10.0" in texts
    assert "After motion correction: median in the cord 12.5" in texts


def _motion(n=20, slices=3):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(v, k) for v in range(n) for k in range(slices)], columns=["volume", "slice"]
    )
    rows["trans_x"], rows["trans_y"] = rng.normal(0, 0.3, (2, len(rows)))
    rows["outlier"] = (rows["volume"] == 4) & (rows["slice"] == 1)
    volumes = rows.groupby("volume")[["trans_x", "trans_y"]].mean()
    volumes["framewise_displacement"] = np.r_[np.nan, np.full(n - 2, 0.25), 0.75]
    volumes["outlier_slices"] = rows.groupby("volume")["outlier"].sum()
    return volumes, rows


def test_motion_of_every_slice_is_drawn():
    volumes, slices = _motion()
    figure = motion_figure(volumes, slices)
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 1]
    np.testing.assert_array_equal(figure.axes[0].lines[-1].get_ydata(), volumes["trans_x"])
    marks = figure.axes[2].collections[0].get_offsets()
    assert marks[:, 0].tolist() == [4]
    assert "From volume to volume 0.28 mm on average, 0.75 mm at most" in _texts(figure)


def test_motion_of_one_volume_is_none():
    volumes, slices = _motion(n=2)
    one = motion_figure(volumes.iloc[:1], slices[slices["volume"] == 0])
    assert "One volume: no motion" in _texts(one)


def _confounds(n=30, dummies=0):
    columns = {f"non_steady_state_outlier_{d:02d}": np.eye(n)[d] for d in range(dummies)}
    moved = np.full(n, 0.2)
    return pd.DataFrame({"framewise_displacement": moved, "cord": np.full(n, 100.0), **columns})


def test_drifts_are_not_in_the_carpet_and_what_stands_out_is():
    rng = np.random.default_rng(1)
    course = rng.normal(0, 1, (12, 30)) + np.linspace(0, 100, 30)
    course[:, 17] += 20
    figure = carpet({"cord": course}, _confounds(), tr=2.0)
    greys = figure.axes[1].images[0].get_array()
    assert greys.shape == (12, 30)
    assert (greys[:, 17] == 255).all()
    others = np.delete(greys, 17, axis=1).astype(float)
    assert abs(others[:, :10].mean() - others[:, -10:].mean()) < 10


def test_dummies_do_not_darken_the_carpet():
    course = np.random.default_rng(1).normal(100, 1, (12, 30))
    bright = course.copy()
    bright[:, :2] = 400
    plain = carpet({"cord": course[:, 2:]}, _confounds(28))
    with_dummies = carpet({"cord": bright}, _confounds(dummies=2))
    greys = with_dummies.axes[1].images[0].get_array()
    assert (greys[:, :2] == 255).all()
    np.testing.assert_allclose(greys[:, 2:], plain.axes[1].images[0].get_array(), atol=1)


def test_many_voxels_are_averaged_in_groups_and_empty_masks_left_out():
    rng = np.random.default_rng(0)
    courses = {"cord": rng.normal(size=(1000, 30)), "csf": np.empty((0, 30))}
    figure = carpet(courses, _confounds())
    assert figure.axes[1].images[0].get_array().shape == (150, 30)
    assert "CSF" not in _texts(figure)
    assert "No voxels to show" in _texts(carpet({"csf": np.empty((0, 30))}, _confounds()))
