"""Figures of the template registration: what is shown, where, and that it is the right part."""

import re
from itertools import permutations, product
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from nibabel.orientations import apply_orientation, inv_ornt_aff

from sctflow.reports import style
from sctflow.reports.grey import checkers, grey_levels, match_ranks
from sctflow.reports.normalized_figure import normalized_area, normative_area
from sctflow.reports.template_figures import (
    OWN,
    TEMPLATE,
    checkerboard,
    subject_in_template,
    template_overlay,
)
from sctflow.reports.template_views import (
    axial_values,
    find_site,
    outlines,
    sagittal_grid,
    sagittal_values,
    slice_levels,
)

TURNS = [
    np.column_stack([axes, flips])
    for axes in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]


def column(*, shape=(120, 110, 60), zooms=(0.5, 0.5, 1.0), centre=(28.0, 30.0), radius=6.0):
    """Soft vertical cylinder, its centre and radius in mm from the outermost voxels."""
    x = np.arange(shape[0])[:, None] * zooms[0]
    y = np.arange(shape[1]) * zooms[1]
    disc = np.clip((radius - np.hypot(x - centre[0], y - centre[1])) / zooms[0] + 0.5, 0, 1)
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = 5, -40, 200
    return np.repeat(disc[:, :, None], shape[2], axis=2), affine


def levels_of(cord):
    """C3 in the upper half of a cord, C4 in the lower one."""
    middle = cord.shape[2] // 2
    return np.where(cord > 0.5, np.where(np.arange(cord.shape[2]) < middle, 4, 3), 0)


def texts(figure):
    root = ElementTree.fromstring(style.to_svg(figure, label="x"))
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("turn", TURNS[::5], ids=lambda t: "".join(map(str, t.ravel())))
def test_views_are_the_same_in_whatever_orientation_images_are_stored(turn):
    cord, affine = column(shape=(60, 50, 12), zooms=(1, 1, 3))
    image = 100 * cord + np.arange(12) + np.arange(60)[:, None, None]
    stored = {
        name: apply_orientation(data, turn)
        for name, data in {"image": image, "cord": cord}.items()
    }
    sites = [
        find_site({"image": image, "cord": cord}, affine, cords=("cord",)),
        find_site(stored, affine @ inv_ornt_aff(turn, cord.shape), cords=("cord",)),
    ]
    np.testing.assert_allclose(sites[1].affine, sites[0].affine, atol=1e-9)
    for show in (
        lambda site: axial_values(site, "image", 4, size=30),
        lambda site: sagittal_values(site, "image", sagittal_grid(site)),
    ):
        np.testing.assert_array_equal(show(sites[0]), show(sites[1]))


def test_only_slices_that_the_image_covers_are_kept_and_keep_their_numbers():
    cord, affine = column()
    image = np.ones_like(cord)
    image[..., :13], image[..., 41:] = 0, np.nan
    site = find_site({"image": image, "cord": cord}, affine, cords=("cord",), seen_in="image")
    assert (site.first, len(site)) == (13, 28)
    expected = affine @ [0, 0, 13, 1]
    assert site.affine[2, 3] == expected[2]
    # The box has been cut: the cord is where it was in the world.
    world = site.affine @ [*site.centres[0], 0, 1]
    np.testing.assert_allclose(world[:3], [5 + 28, -40 + 30, 213], atol=0.01)


def test_an_image_beside_the_cord_or_no_cord_gives_no_site():
    cord, affine = column()
    beside = {"image": np.where(cord > 0, 0.0, 5.0), "cord": cord}
    assert find_site(beside, affine, cords=("cord",), seen_in="image") is None
    empty = {"image": cord, "cord": np.zeros_like(cord)}
    assert find_site(empty, affine, cords=("cord",)) is None


def test_images_on_different_grids_are_refused():
    cord, affine = column()
    with pytest.raises(ValueError, match="not on one grid"):
        find_site({"image": cord[1:], "cord": cord}, affine, cords=("cord",))


def test_outlines_have_the_size_and_place_of_the_cord_in_mm():
    cord, affine = column(radius=6.0)
    site = find_site({"cord": cord}, affine, cords=("cord",))
    (line,) = outlines(axial_values(site, "cord", 7, size=36), width=36)
    np.testing.assert_allclose(np.ptp(line, axis=0), 12, atol=0.15)
    np.testing.assert_allclose((line.min(axis=0) + line.max(axis=0)) / 2, 18, atol=0.1)
    grid = sagittal_grid(site)
    (line,) = outlines(sagittal_values(site, "cord", grid), width=grid.width)
    assert np.ptp(line[:, 0]) == pytest.approx(12, abs=0.2)
    assert np.ptp(line[:, 1]) == pytest.approx(60, abs=0.2)
    assert (grid.width, grid.height) == (pytest.approx(54.5, abs=1), 60)


def test_the_right_of_the_patient_is_on_the_left_and_anterior_is_at_the_top():
    cord, affine = column()
    image = cord.copy()
    image[70:74, 75:79] = 50  # further along both axes: to the right and to the front
    site = find_site({"image": image, "cord": cord}, affine, cords=("cord",))
    rows, columns = np.nonzero(axial_values(site, "image", 3, size=36) > 25)
    assert columns.mean() < 18 * 3.2
    assert rows.mean() < 18 * 3.2
    image[..., 50:] += 100  # the upper end, everywhere
    site = find_site({"image": image, "cord": cord}, affine, cords=("cord",))
    values = sagittal_values(site, "image", sagittal_grid(site))
    assert values[:50].mean() > 90
    assert values[-50:].mean() < 10


def test_the_sagittal_view_follows_the_cord_from_side_to_side():
    cord, affine = column(shape=(120, 60, 100), zooms=(0.5, 1.0, 1.0), radius=4)
    for index in range(100):
        cord[..., index] = np.roll(cord[..., index], round(12 * np.sin(index / 16)), axis=0)
    site = find_site({"cord": cord}, affine, cords=("cord",))
    values = sagittal_values(site, "cord", sagittal_grid(site))
    # Through its middle everywhere: a flat plane would leave a cord of 8 mm that moves by 12 mm.
    width = (values > 0.5).sum(axis=1) / values.shape[1] * sagittal_grid(site).width
    np.testing.assert_allclose(width, 8, atol=0.5)


def test_beyond_the_field_of_view_there_is_no_value():
    cord, affine = column(shape=(40, 110, 20), centre=(10, 30))
    site = find_site({"cord": cord}, affine, cords=("cord",))
    values = axial_values(site, "cord", 3, size=36)
    assert np.isnan(values[:, : int(7.5 * 3.2)]).all()
    assert np.isfinite(values[:, int(8.5 * 3.2) : int(27.5 * 3.2)]).all()
    assert (grey_levels(values)[:, 0] == 0).all()


def test_the_level_of_a_slice_is_that_of_most_of_its_voxels():
    levels = np.zeros((4, 4, 3), int)
    levels[:, :, 0], levels[:3, :, 1], levels[3, :, 1] = 5, 4, 5
    assert slice_levels(levels).tolist() == [5, 4, 0]


@pytest.mark.parametrize("gain", [0.01, 3.0])
def test_an_image_that_differs_in_gain_and_offset_is_matched_exactly(gain):
    rng = np.random.default_rng(0)
    template = rng.gamma(2, 100, (50, 60))
    template[0, 0] = np.nan
    matched = match_ranks(gain * template + 7, template)
    np.testing.assert_allclose(matched, template, rtol=1e-9)


def test_matching_keeps_the_order_of_greys_and_copes_with_one_grey():
    rng = np.random.default_rng(0)
    values, like = rng.gamma(2, 100, 500), rng.normal(0, 1, 500)
    matched = match_ranks(values, like)
    assert (np.diff(matched[np.argsort(values)]) > 0).all()
    assert np.isfinite(match_ranks(np.ones(500), like)).all()


def test_squares_alternate_and_the_upper_left_one_is_the_first():
    board = checkers(np.ones((40, 60)), np.zeros((40, 60)), width=30, field=5)
    assert board[:10, :10].all()
    assert not board[:10, 10:20].any()
    assert not board[10:20, :10].any()
    assert board[10:20, 10:20].all()
    assert board.mean() == 0.5


def test_the_overlay_draws_both_cords_where_they_are():
    own, affine = column(radius=6)
    theirs, _ = column(radius=6, centre=(30.0, 30.0))
    figure = template_overlay(100 * own, affine, own, theirs, levels=levels_of(own), template="T")
    axes = figure.axes[0]
    lines = {
        colour: [line for line in axes.lines if line.get_gid() and line.get_color() == colour]
        for colour in (OWN, TEMPLATE)
    }
    # One in the sagittal view and one in each of the axial slices.
    assert len(lines[OWN]) == len(lines[TEMPLATE]) == 1 + 18
    for ours, other in zip(lines[OWN][1:], lines[TEMPLATE][1:], strict=True):
        # The template's cord lies 2 mm further to the right, which is on the left of the picture.
        shift = np.mean(other.get_xdata()) - np.mean(ours.get_xdata())
        assert shift == pytest.approx(-2, abs=0.1)
    written = texts(figure)
    assert {"cord of the image", "cord of T", "C3", "C4", "R", "L", "10 mm"} <= set(written)
    tags = [re.fullmatch(r"(C[34]) · (\d+)", text) for text in written]
    found = [(tag[1], int(tag[2])) for tag in tags if tag]
    assert len(found) == 18
    assert all((level == "C3") == (number >= 30) for level, number in found)
    assert [number for _, number in found] == sorted((n for _, n in found), reverse=True)


def test_gray_matter_is_drawn_where_it_is_given():
    cord, affine = column()
    gray, _ = column(radius=2)
    plain = template_overlay(cord, affine, cord, cord)
    with_gray = template_overlay(cord, affine, cord, cord, gray=gray)
    assert len(with_gray.axes[0].lines) == len(plain.axes[0].lines) + 19
    assert "gray matter (thin)" in texts(with_gray)


def test_a_template_that_does_not_reach_the_image_is_named():
    cord, affine = column(shape=(60, 50, 12), zooms=(1, 1, 3))
    none = np.zeros_like(cord)
    assert "PAM50 does not reach this image." in texts(
        template_overlay(cord, affine, cord, none, template="PAM50")
    )
    assert "No cord was found in the image." in texts(template_overlay(cord, affine, none, cord))
    (text,) = texts(template_overlay(cord, affine, none, none))
    assert text.startswith("There is no cord")


@pytest.mark.parametrize("draw", [subject_in_template, checkerboard])
def test_a_part_of_a_template_is_shown_with_its_levels_and_contrasts(draw):
    cord, affine = column()
    image = 50 + 100 * cord
    image[..., :40] = 0
    figure = draw(
        image,
        80 + 20 * cord,
        affine,
        cord,
        levels=levels_of(cord),
        titles=("our T1w", "PAM50 T2w"),
    )
    written = " | ".join(texts(figure))
    assert "our T1w" in written
    assert "PAM50 T2w" in written
    numbers = [int(n) for n in re.findall(r"C3 · (\d+)", written)]
    assert numbers
    assert min(numbers) >= 40
    assert "C4" not in written


@pytest.mark.parametrize("draw", [subject_in_template, checkerboard])
def test_an_image_that_lies_elsewhere_is_said_to(draw):
    cord, affine = column()
    (text,) = texts(draw(np.zeros_like(cord), cord, affine, cord))
    assert "does not cover" in text


def test_the_pair_shows_the_image_above_and_the_template_below():
    cord, affine = column()
    figure = subject_in_template(100 * cord, 100 * (1 - cord), affine, cord)
    sagittal, axial = figure.axes[0].images[:2], figure.axes[0].images[2:]
    middle = [np.asarray(image.get_array()) for image in (*sagittal, *axial)]
    bright = [pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] > 127 for pixels in middle]
    assert bright[:2] == [True, False]
    assert bright[2:] == [True, False] * (len(axial) // 2)
    tops = [image.get_extent()[3] for image in axial]
    assert all(above < below for above, below in zip(tops[::2], tops[1::2], strict=True))


def test_squares_of_two_images_that_are_the_same_cannot_be_told():
    cord, affine = column()
    image = 100 + 50 * cord + np.arange(120)[:, None, None]
    same = checkerboard(3 * image, image, affine, cord).axes[0].images
    alone = checkerboard(image, image, affine, cord).axes[0].images
    for first, second in zip(same, alone, strict=True):
        difference = np.asarray(first.get_array(), int) - np.asarray(second.get_array(), int)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(("height", "most"), [(40, 0.55), (450, 0.2)])
def test_figures_of_short_and_long_cords_have_room_for_axial_slices(height, most):
    cord, affine = column(shape=(60, 60, height), zooms=(1, 1, 1))
    figure = template_overlay(cord, affine, cord, cord)
    wide, high = figure.get_size_inches()
    assert wide == 10
    assert 4 < high < 10
    axes = figure.axes[0]
    sagittal = axes.images[0].get_extent()
    assert (sagittal[1] - sagittal[0]) / axes.get_xlim()[1] < most


def normalized(first=760, count=120, area=80.0):
    slices = np.arange(first, first + count)
    return pd.DataFrame({"slice": slices, "level": np.where(slices < 820, 5, 4), "area": area})


def test_the_area_is_drawn_from_superior_to_inferior_with_the_names_of_levels():
    figure = normalized_area(normalized(), template="PAM50", normative=normative_area("PAM50"))
    axes = figure.axes[0]
    low, high = axes.get_xlim()[::-1]
    assert low < 760 < 879 < high
    assert axes.xaxis_inverted()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["C4", "C5"]
    assert axes.get_xticks(minor=True).tolist() == [819.5]
    written = " ".join(texts(figure))
    assert "healthy adults" in written
    assert "PAM50" in written


def test_the_band_is_that_of_healthy_adults_where_the_cord_is_shown():
    figure = normalized_area(normalized(), normative=normative_area("PAM50"))
    (band,) = figure.axes[0].collections
    (path,) = band.get_paths()
    x, y = path.vertices.T
    assert (x.min(), x.max()) == (760, 879)
    table = normative_area("PAM50").set_index("slice").loc[820]
    at = y[x == 820]
    assert at.min() == pytest.approx(table["area_mean"] - table["area_sd"])
    assert at.max() == pytest.approx(table["area_mean"] + table["area_sd"])


def test_there_is_no_band_along_another_template_or_beyond_what_is_known():
    assert normative_area("SCTPhantom") is None
    assert not normalized_area(normalized()).axes[0].collections
    low = normalized(first=0, count=20).assign(level=21)
    assert not normalized_area(low, normative=normative_area("PAM50")).axes[0].collections


def test_normative_areas_are_those_of_adults():
    table = normative_area("PAM50").set_index("slice")
    assert (table["n"] >= 20).all()
    assert (np.diff(table.index) == 1).all()
    # C2/C3 of healthy adults: 65 to 80 mm² in most publications.
    assert 65 < table["area_mean"][900] < 80
    # Both enlargements are larger than the thoracic cord between them.
    assert table["area_mean"].loc[800:860].max() > 1.8 * table["area_mean"].loc[400:560].min()
    assert table["area_mean"].loc[120:220].max() > 1.3 * table["area_mean"].loc[400:560].min()


@pytest.mark.parametrize("frame", [normalized(area=np.nan), normalized().iloc[:0]])
def test_no_measurement_is_said(frame):
    (text,) = texts(normalized_area(frame, template="PAM50"))
    assert text == "Nothing was measured along PAM50"
