"""What the figures show, and that they show it the right way round."""

import re
from itertools import permutations, product
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, inv_ornt_aff

from sctflow.reports import style
from sctflow.reports.figures import area_profile, axial_mosaic, sagittal_view
from sctflow.reports.geometry import (
    axial_tile,
    canonical,
    choose_slices,
    contours,
    cord_path,
    sagittal_plane,
    tile_size,
)

ORIENTATIONS = [
    np.column_stack([axes, flips])
    for axes in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]


def cylinder(*, shape=(60, 48, 20), zooms=(0.5, 1.0, 2.0), radius=6.0):
    """Vertical cylinder in a field of uneven noise-free grey; radius and zooms in mm."""
    x, y, _ = np.meshgrid(
        *[np.arange(n) * z for n, z in zip(shape, zooms, strict=True)], indexing="ij"
    )
    middle = [(n - 1) * z / 2 for n, z in zip(shape, zooms, strict=True)]
    distance = np.hypot(x - middle[0], y - middle[1])
    mask = np.clip((radius - distance) / max(zooms[:2]) + 0.5, 0, 1)
    data = 100 + 50 * mask + x + 2 * y
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = (-12, 30, -40)
    return data, affine, mask


def morphometry(count=30, **columns):
    frame = {
        "slice": np.arange(count),
        "area": np.linspace(60, 80, count),
        "diameter_AP": np.full(count, 7.0),
        "diameter_RL": np.full(count, 12.0),
    }
    return pd.DataFrame({**frame, **columns})


def svg_text(figure):
    root = ElementTree.fromstring(style.to_svg(figure, label="x"))
    return " | ".join("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=lambda t: "".join(map(str, t.ravel())))
def test_an_image_looks_the_same_in_whatever_orientation_it_is_stored(turn):
    data, affine, mask = cylinder(shape=(14, 12, 6), radius=2.5)
    data[10, 9, 4] = 900
    turned = [apply_orientation(array, turn) for array in (data, mask)]
    affine_turned = affine @ inv_ornt_aff(turn, data.shape)

    volume, stored = canonical(data, affine, mask), canonical(turned[0], affine_turned, turned[1])
    np.testing.assert_allclose(stored.affine, affine, atol=1e-9)
    plane, plane_stored = sagittal_plane(volume), sagittal_plane(stored)
    np.testing.assert_array_equal(plane.pixels, plane_stored.pixels)
    tiles = [
        axial_tile(v, 4, cord_path(v)[4], size=tile_size(v, at_most=40), pixels_per_mm=3)
        for v in (volume, stored)
    ]
    np.testing.assert_array_equal(tiles[0].pixels, tiles[1].pixels)


def brightest(pixels):
    """Position of the brightest spot, as fractions of the height and of the width."""
    rows, columns = np.nonzero(pixels == pixels.max())
    return rows.mean() / pixels.shape[0], columns.mean() / pixels.shape[1]


def test_the_right_of_the_patient_is_on_the_left_and_anterior_is_at_the_top():
    data, affine, mask = cylinder()
    data[50:53, 40:42, 10] = 1000  # right and anterior: both axes of the array grow that way
    volume = canonical(data, affine, mask)
    tile = axial_tile(volume, 10, (30, 24), size=tile_size(volume, at_most=40), pixels_per_mm=3)
    down, across = brightest(tile.pixels)
    assert down < 0.3
    assert across < 0.3


def test_the_sagittal_plane_has_anterior_on_the_left_and_superior_at_the_top():
    data, affine, mask = cylinder()
    data[:, 40:42, 17] = 1000
    down, across = brightest(sagittal_plane(canonical(data, affine, mask)).pixels)
    assert down == pytest.approx((20 - 17.5) / 20, abs=0.02)
    assert across == pytest.approx((48 - 41) / 48, abs=0.02)


def test_outlines_have_the_size_of_the_cord_in_mm():
    data, affine, mask = cylinder(radius=6.0)
    volume = canonical(data, affine, mask)
    size = tile_size(volume, at_most=40)
    assert size == (30.0, 40.0)
    (outline,) = axial_tile(volume, 5, (29.5, 23.5), size=size, pixels_per_mm=3).outlines
    np.testing.assert_allclose(np.ptp(outline, axis=0), 12, atol=0.2)
    np.testing.assert_allclose(outline.mean(axis=0), (15, 20), atol=0.2)

    plane = sagittal_plane(volume)
    assert (plane.width, plane.height) == (48, 40)
    (outline,) = plane.outlines
    assert np.ptp(outline[:, 0]) == pytest.approx(12, abs=0.2)
    assert np.ptp(outline[:, 1]) == pytest.approx(40, abs=0.2)


def test_the_outline_lies_on_the_edge_that_is_seen():
    _, affine, mask = cylinder(shape=(60, 60, 3), zooms=(0.5, 0.5, 5), radius=6)
    volume = canonical(1000 * mask, affine, mask)
    tile = axial_tile(volume, 1, (31, 27), size=(24, 24), pixels_per_mm=4)
    (outline,) = tile.outlines
    rows, columns = np.nonzero(tile.pixels > 127)
    for axis, seen in enumerate((columns, rows)):
        low, high = seen.min() / 4, (seen.max() + 1) / 4
        assert outline[:, axis].min() == pytest.approx(low, abs=0.3)
        assert outline[:, axis].max() == pytest.approx(high, abs=0.3)


def test_a_tile_of_a_large_field_holds_the_neighbourhood_of_the_cord_only():
    data, affine, mask = cylinder(shape=(256, 256, 4), zooms=(0.9, 0.9, 5))
    volume = canonical(data, affine, mask)
    size = tile_size(volume, at_most=40)
    assert size == (40, 40)
    (outline,) = axial_tile(volume, 1, cord_path(volume)[1], size=size, pixels_per_mm=3).outlines
    np.testing.assert_allclose((outline.min(axis=0) + outline.max(axis=0)) / 2, 20, atol=0.1)


def test_a_tile_stays_within_the_field_when_the_cord_is_at_its_edge():
    data, affine, mask = cylinder(shape=(80, 80, 3), zooms=(1, 1, 1))
    mask = np.roll(mask, (-33, 35), axis=(0, 1))
    data = np.full(data.shape, 500.0)
    data[0] = 0  # the outermost voxels on the left are the only dark ones
    volume = canonical(data, affine, mask)
    tile = axial_tile(volume, 1, cord_path(volume)[1], size=(40, 40), pixels_per_mm=2)
    assert (tile.pixels[:, :-4] > 200).all()
    assert (tile.pixels[:, -1] < 50).all()


def test_thick_slices_are_shown_as_thick_as_they_are():
    data, affine, mask = cylinder(shape=(20, 40, 5), zooms=(0.9, 0.9, 17))
    data = data * np.array([1, 3, 2, 5, 4])
    pixels = sagittal_plane(canonical(data, affine, mask)).pixels
    changes = np.flatnonzero((np.diff(pixels.astype(int), axis=0) != 0).any(axis=1)) + 1
    np.testing.assert_allclose(changes / pixels.shape[0], [0.2, 0.4, 0.6, 0.8], atol=0.01)


def test_the_sagittal_plane_goes_through_the_cord():
    data, affine, mask = cylinder()
    mask = np.roll(mask, 12, axis=0)
    assert sagittal_plane(canonical(data, affine, mask)).index in (41, 42)


def test_the_centreline_is_drawn_inside_the_cord():
    data, affine, mask = cylinder()
    centre = affine @ [29.5, 23.5, 0, 1]
    z = affine[2, 3] + 2.0 * np.arange(20)
    line = pd.DataFrame({"slice": range(20), "x": centre[0], "y": centre[1], "z": z})
    figure = sagittal_view(data, affine, mask, centerline=line)
    drawn = {artist.get_gid(): artist for artist in figure.axes[0].lines if artist.get_gid()}
    y, z = drawn["overlay-centerline"].get_data()
    np.testing.assert_allclose(y, 24, atol=1e-6)
    np.testing.assert_allclose(z, 40 - 1 - 2.0 * np.arange(20), atol=1e-6)
    edges = drawn["overlay-cord-0"].get_xdata()
    assert edges.min() < 24 < edges.max()


def test_path_of_the_cord_is_the_same_from_a_table_and_from_the_mask():
    data, affine, mask = cylinder()
    volume = canonical(data, affine, mask)
    by_mask = cord_path(volume)
    world = [affine @ [*by_mask[k], k, 1] for k in range(20)]
    table = pd.DataFrame(np.array(world)[:, :3], columns=list("xyz")).assign(slice=range(20))
    by_table = cord_path(volume, table)
    assert list(by_table) == list(by_mask)
    np.testing.assert_allclose(list(by_table.values()), list(by_mask.values()), atol=1e-9)


def test_outlines_are_closed_even_where_the_mask_reaches_the_edge_of_the_field():
    (outline,) = contours(np.ones((4, 5)))
    np.testing.assert_array_equal(outline[0], outline[-1])
    np.testing.assert_allclose(
        [outline.min(axis=0), outline.max(axis=0)], [[-0.5, -0.5], [3.5, 4.5]]
    )


@given(
    first=st.integers(0, 50),
    count=st.integers(1, 300),
    at_most=st.integers(1, 40),
    doubtful=st.sets(st.integers(0, 349), max_size=5),
)
def test_chosen_slices_are_spread_over_the_cord(first, count, at_most, doubtful):
    slices = list(range(first, first + count))
    confidence = {k: 0.1 if k in doubtful else 0.95 for k in slices}
    chosen = choose_slices(slices, confidence, at_most=at_most, limit=0.8)
    assert len(chosen) == min(count, at_most)
    assert chosen == sorted(set(chosen) & set(slices))
    longest = -(-count // len(chosen))
    assert max(np.diff([first - 1, *chosen, first + count])) <= 2 * longest


def test_the_least_confident_slice_of_a_run_is_the_one_shown():
    confidence = dict.fromkeys(range(100), 0.99) | {41: 0.3, 42: 0.7}
    chosen = choose_slices(list(range(100)), confidence, at_most=10, limit=0.8)
    assert 41 in chosen
    assert 42 not in chosen
    assert chosen[0] == 4


@pytest.mark.parametrize(
    ("confidence", "name"),
    [
        (None, "confident"),
        (float("nan"), "confident"),
        (0.8, "confident"),
        (0.79, "doubtful"),
        (0.5, "doubtful"),
        (0.49, "low"),
        (0.0, "low"),
    ],
)
def test_classes_of_confidence(confidence, name):
    assert style.confidence_class(confidence) == name


def test_the_mosaic_names_its_slices_from_the_top_down_and_their_confidence():
    data, affine, mask = cylinder()
    confidence = dict.fromkeys(range(20), 0.97) | {3: 0.41}
    figure = axial_mosaic(data, affine, mask, confidence=confidence)
    tags = re.findall(r"(\d+) · (\d\.\d\d)", svg_text(figure))
    assert [int(number) for number, _ in tags] == list(range(19, -1, -1))
    assert ("3", "0.41") in tags
    outline = next(a for a in figure.axes[0].lines if a.get_gid() == "overlay-3-0")
    assert outline.get_color() == style.LOW


def test_a_long_cord_is_shown_in_no_more_tiles_than_asked_for():
    data, affine, mask = cylinder(shape=(30, 30, 90), zooms=(1, 1, 1))
    figure = axial_mosaic(data, affine, mask, at_most=12)
    assert len(figure.axes[0].images) == 12


def test_an_empty_mask_is_said_to_be_empty():
    data, affine, mask = cylinder()
    text = svg_text(axial_mosaic(data, affine, np.zeros_like(mask)))
    assert "mask is empty" in text
    figure = sagittal_view(data, affine, np.zeros_like(mask), centerline=pd.DataFrame())
    assert not [a for a in figure.axes[0].lines if a.get_gid()]
    assert "Nothing was measured" in svg_text(area_profile(morphometry(0)))


def test_a_constant_image_and_values_that_are_not_finite_are_drawn():
    data, affine, mask = cylinder()
    data = np.full(data.shape, 7.0)
    data[0, 0, 0] = np.nan
    data[1, 0, 0] = np.inf
    assert canonical(data, affine, mask).data[:2, 0, 0].tolist() == [0, 0]
    assert len(axial_mosaic(np.full(data.shape, 7), affine, mask).axes[0].images) == 20


def test_the_profile_marks_gaps_and_doubtful_slices():
    area = np.linspace(60, 80, 30)
    area[10:14] = area[20] = np.nan
    confidence = np.full(30, 0.95)
    confidence[3], confidence[5] = 0.6, 0.2
    figure = area_profile(morphometry(area=area, confidence=confidence))
    text = svg_text(figure)
    assert "No measurement" in text
    assert "Confidence below 0.8" in text
    assert "Confidence below 0.5" in text
    assert f"Mean {np.nanmean(area):.1f} mm²" in text
    assert "25 slices" in text
    bands = [(p.get_x(), p.get_x() + p.get_width()) for p in figure.axes[0].patches]
    assert bands == [(9.5, 13.5), (19.5, 20.5)]


def test_the_profile_of_a_mask_drawn_by_hand_speaks_of_no_confidence():
    assert "Confidence" not in svg_text(area_profile(morphometry()))


@pytest.mark.parametrize("count", [1, 2])
def test_the_profile_of_very_few_slices_is_drawn(count):
    assert f"{count} slice" in svg_text(area_profile(morphometry(count)))


def test_a_figure_is_the_same_every_time_small_and_self_contained():
    data, affine, mask = cylinder(shape=(50, 50, 40), zooms=(1, 1, 1))
    rng = np.random.default_rng(1)
    data = data + rng.normal(0, 10, data.shape)
    texts = [style.to_svg(axial_mosaic(data, affine, mask), label="a <b>") for _ in range(2)]
    assert texts[0] == texts[1]
    assert len(texts[0]) < 400_000
    root = ElementTree.fromstring(texts[0])
    assert root.get("aria-label") == "a <b>"
    assert root.get("viewBox")
    assert root.get("width") is None
    links = re.findall(r'(?:href|src)="(?!#)(.{30})', texts[0])
    assert links
    assert all(link.startswith("data:image/jpeg;base64,") for link in links)
    assert 'id="overlay-' in texts[0]
