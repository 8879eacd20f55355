from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.atlas import (
    METHODS,
    AtlasError,
    Combination,
    Region,
    Regions,
    levels_of_slices,
    measure_regions,
)

REGIONS = Regions(
    (Region(3, "left", "WM"), Region(5, "right", "WM"), Region(9, "around", "CSF")),
    (Combination(50, "both", (3, 5)),),
)
TRUTH = {3: 40.0, 5: 50.0, 9: 10.0}
AFFINE = np.diag([0.5, 0.5, 4.0, 1.0])


def blurred_columns():
    """Two columns side by side in a third region, with partial volume at every border."""
    left, right = np.zeros((2, 12, 10, 6))
    left[3:6, 3:7], right[6:9, 3:7] = 1, 1
    left[5], right[5] = 0.7 * left[5], 0.3 * left[5]
    left[2, 3:7], right[9, 3:7] = 0.4, 0.2
    around = 1 - left - right
    around[[0, -1]] = around[:, [0, -1]] = 0
    return np.stack([left, right, around], axis=-1)


def filled(weights):
    return weights @ list(TRUTH.values())


def values_of(table, **which):
    for column, value in which.items():
        table = table[table[column] == value]
    return table.set_index("index")["value"]


def test_ml_undoes_partial_volume_and_wa_does_not():
    weights = blurred_columns()
    table = measure_regions(filled(weights), AFFINE, weights, REGIONS)
    ml = values_of(table, method="ml")
    assert ml[[3, 5, 9]].to_dict() == pytest.approx(TRUTH)
    assert 35 < values_of(table, method="wa")[3] < 40
    # Of two regions with different values, the combination lies between them.
    assert 40 < ml[50] < 50


def test_a_row_per_region_extent_and_method():
    weights = blurred_columns()
    table = measure_regions(
        filled(weights), AFFINE, weights, REGIONS, by=("whole", "slice"), slices=[1, 2, 4]
    )
    assert len(table) == (1 + 3) * 4 * len(METHODS)
    assert not table.duplicated(["by", "slice_first", "index", "method"]).any()
    whole = table[table["by"] == "whole"]
    assert (whole["slice_first"].unique(), whole["slice_last"].unique()) == ([1], [4])


def test_sizes_are_sums_of_weights():
    weights = blurred_columns()
    table = measure_regions(filled(weights), AFFINE, weights, REGIONS, by="slice", methods=["wa"])
    rows = table[table["slice_first"] == 2].set_index("index")
    assert rows["size_vox"].to_dict() == pytest.approx(
        {3: 4 * 3.1, 5: 4 * 3.5, 9: 80 - 4 * 6.6, 50: 4 * 6.6}
    )
    assert_allclose(rows["size_mm3"], rows["size_vox"])


def test_every_orientation_gives_the_same_table(any_orientation, reorient):
    rng = np.random.default_rng(1)
    weights = blurred_columns() * np.linspace(0.4, 1, 6)[:, None]
    data = filled(weights) + rng.normal(size=weights.shape[:3])
    expected = measure_regions(data, AFFINE, weights, REGIONS, by="slice")
    turned, affine = reorient(data, AFFINE, any_orientation)
    parts = [reorient(part, AFFINE, any_orientation)[0] for part in np.moveaxis(weights, -1, 0)]
    found = measure_regions(turned, affine, np.stack(parts, -1), REGIONS, by="slice")
    assert_array_equal(found["slice_first"], expected["slice_first"])
    assert_allclose(found["value"], expected["value"], rtol=1e-9)


def test_voxels_that_are_not_finite_are_left_out():
    weights = blurred_columns()
    data = filled(weights)
    expected = measure_regions(data, AFFINE, weights, REGIONS, methods=["ml"])
    data[4, 4, 2], data[7, 5, 3], data[1, 1, 1] = np.nan, np.inf, -np.inf
    found = measure_regions(data, AFFINE, weights, REGIONS, methods=["ml"])
    # The combined region is no exact mixture, so that it depends on which voxels there are.
    assert_allclose(found["value"][:3], expected["value"][:3])
    assert_allclose(expected["size_vox"] - found["size_vox"], [1, 1, 1, 2])
    weights[6, 3, 0, 1] = np.nan
    again = measure_regions(data, AFFINE, weights, REGIONS, methods=["ml"])
    assert_allclose(again["value"][:3], expected["value"][:3])


def test_a_region_without_voxels_has_no_value_by_any_method():
    weights = blurred_columns()
    weights[:, :, 3, 0] = 0
    table = measure_regions(filled(weights), AFFINE, weights, REGIONS, by="slice")
    there = table[table["slice_first"] == 3].set_index("index")
    assert there.loc[3, "value"].isna().all()
    assert (there.loc[3, "size_vox"] == 0).all()
    assert there.loc[[5, 9, 50], "value"].notna().all()


def test_a_slice_with_nothing_has_missing_values_if_it_is_asked_for():
    weights = blurred_columns()
    weights[:, :, 0] = 0
    data = filled(weights)
    assert 0 not in set(measure_regions(data, AFFINE, weights, REGIONS, by="slice")["slice_first"])
    table = measure_regions(data, AFFINE, weights, REGIONS, by="slice", slices=[0])
    assert table["value"].isna().all()
    assert (table["size_vox"] == 0).all()


def test_levels_are_means_over_their_slices():
    weights = blurred_columns()
    data = filled(weights) * np.array([1, 1, 1, 2, 2, 2])
    of_slice = {0: 4, 1: 4, 2: 4, 3: 3, 4: 3}
    table = measure_regions(data, AFFINE, weights, REGIONS, by="level", slice_levels=of_slice)
    assert table["level_name"].unique().tolist() == ["C3", "C4"]
    assert values_of(table, method="ml", level=4)[3] == pytest.approx(40)
    assert values_of(table, method="ml", level=3)[3] == pytest.approx(80)
    one = measure_regions(
        data, AFFINE, weights, REGIONS, slice_levels=of_slice, levels=[3], methods=["ml"]
    )
    assert values_of(one, method="ml")[3] == pytest.approx(80)
    assert (one["slice_first"] == 3).all()


def test_level_of_a_slice_is_that_of_most_of_its_voxels(reorient):
    levels = np.zeros((4, 4, 3), np.uint8)
    levels[:, :, 0], levels[:3, :, 1], levels[3, :, 1] = 5, 4, 5
    for codes in ("RAS", "LPI"):
        assert levels_of_slices(*reorient(levels, np.eye(4), codes)) == {0: 5, 1: 4}


def test_a_mask_is_an_atlas_of_one_region():
    mask = np.zeros((8, 8, 3), np.uint8)
    mask[2:5, 2:5] = 1
    data = np.arange(mask.size, dtype=np.int16).reshape(mask.shape)
    table = measure_regions(data, np.eye(4), mask[..., None], Regions((Region(1, "mask"),)))
    values = table.set_index("method")["value"]
    chosen = data[mask > 0]
    assert_allclose(values[["bin", "wa", "ml", "map"]], chosen.mean())
    assert values["median"] == np.median(chosen)
    assert values["max"] == chosen.max()


def test_an_atlas_that_lies_elsewhere_is_refused():
    weights = blurred_columns()
    with pytest.raises(AtlasError, match="space of the map"):
        measure_regions(filled(weights), AFFINE, 0 * weights, REGIONS)
    with pytest.raises(AtlasError, match="do not fit a map of size"):
        measure_regions(np.ones((12, 10, 5)), AFFINE, weights, REGIONS)
    with pytest.raises(AtlasError, match="between 0 and 1"):
        measure_regions(filled(weights), AFFINE, 255 * weights, REGIONS)


def test_slices_and_levels_that_are_not_there_are_refused():
    weights = blurred_columns()
    data = filled(weights)
    with pytest.raises(AtlasError, match="slices 0 to 5"):
        measure_regions(data, AFFINE, weights, REGIONS, slices=[3, 6])
    with pytest.raises(AtlasError, match=r"level of \[7\]; there are \[4\]"):
        measure_regions(data, AFFINE, weights, REGIONS, slice_levels={1: 4}, levels=[7])
    with pytest.raises(AtlasError, match="need the level of each slice"):
        measure_regions(data, AFFINE, weights, REGIONS, by="level")
    with pytest.raises(ValueError, match="no method mean; choose from bin"):
        measure_regions(data, AFFINE, weights, REGIONS, methods=["mean"])


@pytest.mark.parametrize(
    ("combined", "message"),
    [
        (Combination(50, "both", (3, 4)), "members 4, which are no single regions"),
        (Combination(5, "both", (3, 9)), "Index 5 stands for several regions"),
        (Combination(50, "none", ()), "has no members"),
    ],
)
def test_combinations_that_cannot_be_are_refused(combined, message):
    with pytest.raises(AtlasError, match=message):
        Regions(REGIONS.single, (combined,))


def test_own_combinations_stand_beside_those_of_the_atlas():
    weights = blurred_columns()
    regions = REGIONS.combine([Combination(60, "everything", (3, 5, 9))])
    table = measure_regions(filled(weights), AFFINE, weights, regions, methods=["wa", "map"])
    wa = values_of(table, method="wa")
    size = table.drop_duplicates("index").set_index("index")["size_vox"]
    assert size[60] == pytest.approx(size[50] + size[9])
    assert wa[60] == pytest.approx((wa[50] * size[50] + wa[9] * size[9]) / size[60])


def test_beside_fluid_values_come_from_voxels_that_are_mostly_solid():
    weights = blurred_columns()
    solid = weights[..., :2].sum(-1)
    # What is mixed with fluid has the fluid's value, as its signal outshines the other.
    data = np.where(solid >= 0.5, filled(weights), TRUTH[9])
    methods = ["ml", "map", "wa"]
    plain = measure_regions(data, AFFINE, weights, REGIONS, methods=methods)
    assert abs(values_of(plain, method="ml")[3] - TRUTH[3]) > 1
    found = measure_regions(data, AFFINE, weights, REGIONS, methods=methods, fluid="CSF")
    ml = values_of(found, method="ml")
    assert ml[[3, 5]].to_dict() == pytest.approx({3: 40.0, 5: 50.0})
    assert 40 < ml[50] < 50
    # The fluid itself, sizes and means are what they were.
    assert ml[9] == values_of(plain, method="ml")[9]
    for column in ("size_vox", "std"):
        assert_array_equal(found[column], plain[column])
    wa, before = (values_of(one, method="wa") for one in (found, plain))
    assert_array_equal(wa, before)


def test_a_region_that_is_nowhere_mostly_solid_has_no_estimate_beside_fluid():
    weights = blurred_columns()
    weights[..., 1] *= 0.3
    weights[..., 2] += 1 - weights.sum(-1)
    weights[..., 0][weights[..., 1] > 0] = 0
    found = measure_regions(filled(weights), AFFINE, weights, REGIONS, fluid="CSF")
    for method in ("ml", "map"):
        values = values_of(found, method=method)
        assert np.isnan(values[5])
        assert values[[3, 50]].to_list() == pytest.approx([40, 40])
    assert np.isfinite(values_of(found, method="wa")[5])


def test_what_no_region_fills_biases_ml_unless_it_is_a_region_itself():
    weights = blurred_columns()
    outside = np.linspace(0, 0.8, 10)[:, None] * np.ones(6)
    weights *= (1 - outside)[None, :, :, None]
    data = filled(weights) + 30.0 * (1 - weights.sum(-1))
    plain = measure_regions(data, AFFINE, weights, REGIONS, methods=["ml", "map"])
    assert abs(values_of(plain, method="ml")[3] - TRUTH[3]) > 5
    found = measure_regions(
        data, AFFINE, weights, REGIONS, methods=["ml", "map", "wa"], remainder=True
    )
    ml = values_of(found, method="ml")
    assert ml[[3, 5, 9]].to_dict() == pytest.approx(TRUTH)
    assert 40 < ml[50] < 50
    # Drawn towards what both sides have in common, by less than a tenth of their difference.
    assert values_of(found, method="map")[9] == pytest.approx(10, abs=1)
    assert set(found["index"]) == {3, 5, 9, 50}
