"""Values by region and level, and what is told of a map, in the report."""

import numpy as np
import pandas as pd
import pytest

from sctflow.reports import write_report
from sctflow.reports.details import describe_map, details
from sctflow.reports.style import CONFIDENT_ON_PAPER, DOUBTFUL_ON_PAPER, to_svg
from sctflow.reports.summary import image_summary
from sctflow.reports.values_figure import region_values

REGIONS = {
    0: ("WM left fasciculus gracilis", 40.0, 50),
    1: ("WM right fasciculus gracilis", 42.0, 50),
    30: ("GM left ventral horn", 30.0, 5),
    31: ("GM right ventral horn", np.nan, 0),
    51: ("white matter", 41.0, 100),
    52: ("gray matter", 30.0, 5),
}


def table(methods=("wa", "map"), levels=(4, 3)):
    rows = []
    for method in methods:
        for by, level in [("whole", None), *(("level", level) for level in levels)]:
            for index, (name, value, size) in REGIONS.items():
                rows.append(
                    {
                        "by": by,
                        "level": level,
                        "level_name": f"C{level}" if level else None,
                        "index": index,
                        "name": name,
                        "method": method,
                        "value": value + (100 if method == "wa" else 0) + (level or 0),
                        "std": 2.0,
                        "size_vox": size,
                    }
                )
    return pd.DataFrame(rows)


def bars(axes):
    """Lengths of the bars by colour, as they are drawn."""
    from matplotlib.colors import to_hex

    found = {}
    for bar in axes.patches:
        found.setdefault(to_hex(bar.get_facecolor()), []).append(bar.get_width())
    return found


def test_left_and_right_stand_beside_each_other_with_the_estimate_that_is_best():
    axes = region_values(table(), title="MTR", unit="%").axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["fasciculus gracilis", "ventral horn", "white matter", "gray matter"]
    drawn = bars(axes)
    assert drawn[CONFIDENT_ON_PAPER] == [40.0, 30.0]
    # The right horn has no value, and so no bar.
    assert drawn[DOUBTFUL_ON_PAPER] == [42.0]
    assert axes.get_xlabel() == "MTR (%)"


def test_small_regions_are_faint():
    axes = region_values(table(), title="MTR").axes[0]
    faint = {bar.get_width(): bar.get_alpha() < 1 for bar in axes.patches}
    assert faint == {40.0: False, 42.0: False, 30.0: True, 41.0: False}


def test_levels_run_from_superior_to_inferior():
    axes = region_values(table(), title="MTR").axes[1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["C3", "C4"]
    lines = {found.get_label(): found.lines[0].get_ydata().tolist() for found in axes.containers}
    assert lines == {"white matter": [44.0, 45.0], "gray matter": [33.0, 34.0]}


def test_a_table_without_levels_or_without_the_best_estimate_is_drawn_too():
    figure = region_values(table(levels=(), methods=("bin", "wa")), title="MTR")
    assert len(figure.axes) == 1
    assert bars(figure.axes[0])[CONFIDENT_ON_PAPER] == [140.0, 130.0]


@pytest.mark.parametrize("frame", [table()[:0], table().assign(value=np.nan)])
def test_a_table_without_values_says_so(frame):
    assert "No region has a value" in to_svg(region_values(frame, title="MTR"), label="values")


def test_a_map_is_described_by_its_middle_within_the_mask():
    values = np.array([1.0, 2, 3, 4, 5, np.nan, 1000])
    weights = np.array([1, 1, 0.5, 1, 1, 1, 0.4])
    assert describe_map(values, weights, unit="%") == "3 (2 to 4) % in 5 voxels of the cord"
    assert describe_map(values, weights, scale=1000).startswith("3e+03 (2e+03")
    assert describe_map(values, weights * 0) == "no value in the cord"


def test_what_is_told_cannot_break_the_page():
    text = details(facts=[("<b>", "a & b")], warnings=["1 < 2"])
    assert "&lt;b&gt;" in text
    assert "a &amp; b" in text
    assert "1 &lt; 2" in text


def test_warnings_of_the_details_are_seen_in_the_overview(tmp_path):
    folder = tmp_path / "sub-01" / "figures"
    folder.mkdir(parents=True)
    frame = pd.DataFrame(
        {"slice": [0], "area": [70.0], "diameter_AP": [8.0], "diameter_RL": [12.0]}
    )
    for suffix, warnings in (("MTS", ["FlipAngle is missing."]), ("MTR", [])):
        start = folder / f"sub-01_space-{suffix}_desc"
        summary = image_summary(
            shape=(1, 1, 1), affine=np.eye(4), name=f"sub-01_{suffix}.nii.gz", morphometry=frame
        )
        start.with_name(f"{start.name}-summary_{suffix}.html").write_text(summary)
        start.with_name(f"{start.name}-details_{suffix}.html").write_text(
            details(facts=[("TR", "35 ms")], warnings=warnings)
        )
    page = write_report(tmp_path, "01").read_text()
    rows = [row.partition("</tr>")[0] for row in page.split("<tr>")[1:]]
    (mts,) = [row for row in rows if 'href="#image-MTS"' in row]
    (mtr,) = [row for row in rows if 'href="#image-MTR"' in row]
    assert "look at it" in mts
    assert "done" in mtr
    assert page.index('id="image-MTS') < page.index('id="image-MTR')
    assert "FlipAngle is missing." in page
