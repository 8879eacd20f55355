"""Nodes that find discs, name them, and draw them."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from sctflow.core.centerline import fit_centerline
from sctflow.core.labeling.usual import HEIGHTS
from sctflow.core.morphometry import measure_slices
from sctflow.interfaces.label_discs import DrawLabels, LabelDiscs
from sctflow.interfaces.labeling import FindLandmarks, NameLevels
from sctflow.io import load_table, save_table

SHAPE, TOP = (40, 60, 120), 3
AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])
AFFINE[:3, 3] = -20, -30, 50
CORD = (0.0, -5.0)
TIP = (0.0, 3.0)


def discs_below(value, height, count):
    """Tips of discs with the usual distances, the first one at a height: values and world mm."""
    z = height - np.concatenate([[0], np.cumsum(HEIGHTS[value - 1 : value + count - 2])])
    return np.arange(value, value + count), np.column_stack([np.full((count, 2), TIP), z])


VALUES, WORLD = discs_below(TOP, 160.0, 6)


@pytest.fixture
def session(tmp_path, save):
    """A straight cord in a small image, its tables, and the landmarks that a network would see."""
    x, y = np.meshgrid(np.arange(SHAPE[0]) - 20, np.arange(SHAPE[1]) - 30, indexing="ij")
    cord = (((x - CORD[0]) / 5) ** 2 + ((y - CORD[1]) / 4) ** 2 <= 1).astype(np.uint8)
    mask = np.repeat(cord[:, :, None], SHAPE[2], axis=2)
    line = fit_centerline(mask, AFFINE)
    files = {
        "image": save(mask * np.int16(100), AFFINE, tmp_path / "sub-01_T2w.nii.gz"),
        "mask": save(mask, AFFINE, tmp_path / "mask.nii.gz"),
        "line": save_table(line.to_frame(), tmp_path / "line.tsv"),
        "shape": save_table(measure_slices(mask, AFFINE, centerline=line), tmp_path / "shape.tsv"),
        "landmarks": save_table(landmarks(line), tmp_path / "landmarks.tsv"),
    }
    return {name: str(path) for name, path in files.items()}


def landmarks(line):
    return pd.DataFrame(
        {
            "kind": "disc",
            **dict(zip("xyz", WORLD.T, strict=True)),
            "s": WORLD[:, 2] - line.points[0, 2],
            "confidence": 0.95,
            "inferred": 0,
        }
    )


def name(session, folder, **given):
    folder.mkdir(exist_ok=True)
    node = NameLevels(
        landmark_files=[session["landmarks"]],
        centerline_files=[session["line"]],
        morph_files=[session["shape"]],
        names=["sub-01_T2w.nii.gz"],
        middles=[59.0],
        **given,
    )
    return node.run(cwd=str(folder)).outputs


def label(save, path, points, *, shape=SHAPE, affine=AFFINE):
    """A label image with voxels at world coordinates, by value."""
    image = np.zeros(shape, np.uint8)
    for value, world in points.items():
        voxel = np.linalg.inv(affine) @ np.array([*world, 1.0])
        image[tuple(np.rint(voxel[:3]).astype(int))] = value
    return str(save(image, affine, path))


def points_in(path):
    """World mm of each value in a label image."""
    img = nib.load(path)
    data = np.asarray(img.dataobj)
    return {int(data[tuple(v)]): (img.affine @ [*v, 1])[:3] for v in np.argwhere(data)}


def test_one_label_by_hand_names_all_discs_and_stays_where_it_is(session, tmp_path, save):
    hand = {5: np.rint(WORLD[2]) + np.array([1, 0, 2])}
    discs = label(save, tmp_path / "hand.nii.gz", hand)
    outputs = name(session, tmp_path / "name", discs_files=[discs])
    table = load_table(outputs.out_table)
    assert table["value"].tolist() == VALUES.tolist()
    assert table.loc[table["manual"] == 1, ["x", "y", "z"]].to_numpy() == pytest.approx(
        hand[5][None]
    )
    assert outputs.named
    assert outputs.method["LabelMethod"] == "automatic and manual"


def test_a_vertebra_by_hand_names_the_discs_around_it(session, tmp_path, save):
    body = label(save, tmp_path / "body.nii.gz", {4: (WORLD[1] + WORLD[2]) / 2})
    outputs = name(session, tmp_path / "name", vertebrae_files=[body])
    assert load_table(outputs.out_table)["value"].tolist() == VALUES.tolist()


@pytest.mark.parametrize(
    ("given", "top"),
    # The middle of the image is 59 mm above the lowest slice; the nearest disc is the fourth.
    [({"init_value": 6}, 3), ({"init_value": 12}, 9), ({"init_value": 8, "init_slice": 110}, 8)],
)
def test_a_value_for_the_disc_in_the_middle_or_at_a_slice_names_all(session, tmp_path, given, top):
    outputs = name(session, tmp_path / "name", **given)
    assert load_table(outputs.out_table)["value"].min() == top


def test_labels_that_contradict_each_other_name_nothing_and_say_so(session, tmp_path, save):
    wrong = label(save, tmp_path / "hand.nii.gz", {5: WORLD[3], 6: WORLD[1]})
    outputs = name(session, tmp_path / "name", discs_files=[wrong])
    assert not outputs.named
    assert "order" in outputs.reason
    assert not len(load_table(outputs.out_table))


def test_of_two_label_images_the_first_is_taken_and_a_difference_told(session, tmp_path, save):
    paths = [
        label(save, tmp_path / f"{one}.nii.gz", {4: WORLD[1] - [0, 0, down]})
        for one, down in (("first", 0), ("second", 15))
    ]
    outputs = name(session, tmp_path / "name", discs_files=paths)
    table = load_table(outputs.out_table).set_index("value")
    assert table.loc[4, "z"] == pytest.approx(WORLD[1, 2], abs=0.5)
    (told,) = outputs.warnings
    assert told.startswith("second.nii.gz: disc C3/C4 (value 4) lies 1")
    assert "mm from where first.nii.gz has it" in told


def test_where_no_cord_was_found_labels_by_hand_are_kept(tmp_path, save):
    tmp_path.joinpath("name").mkdir()
    points = {4: WORLD[1], 50: WORLD[0] + np.array([0, 0, 9])}
    discs = label(save, tmp_path / "hand.nii.gz", points)
    outputs = NameLevels(discs_files=[discs]).run(cwd=str(tmp_path / "name")).outputs
    assert load_table(outputs.out_table)["value"].tolist() == [50, 4]
    outputs = NameLevels().run(cwd=str(tmp_path / "name")).outputs
    assert not outputs.named
    assert "no cord was found" in outputs.reason


def draw(table, folder, in_file, **given):
    folder.mkdir(exist_ok=True)
    node = DrawLabels(in_file=in_file, named_table=str(table), **given)
    return node.run(cwd=str(folder)).outputs


def test_discs_are_drawn_within_half_a_voxel_and_those_outside_on_the_other_grid(
    session, tmp_path, save
):
    named = name(session, tmp_path / "name", init_value=6).out_table
    # 20 degrees oblique, 3.3 mm slices, and without the three lowest discs.
    turn = np.deg2rad(20)
    affine = np.eye(4)
    affine[:3, :3] = [
        [3.3, 0, 0],
        [0, np.cos(turn), -np.sin(turn)],
        [0, np.sin(turn), np.cos(turn)],
    ]
    affine[:3, 3] = -11, 20, 105
    image = save(np.ones((8, 60, 70), np.int16), affine, tmp_path / "oblique.nii.gz")
    outputs = draw(named, tmp_path / "draw", str(image))
    drawn, all_of_them = points_in(outputs.discs_file), points_in(outputs.labels_file)
    assert set(drawn) < set(all_of_them) == set(VALUES.tolist())
    for value, true in zip(VALUES.tolist(), WORLD, strict=True):
        to_voxel = np.linalg.inv(affine)[:3, :3]
        assert np.abs(all_of_them[value] - true).max() <= 0.5
        if value in drawn:
            assert np.abs(to_voxel @ (drawn[value] - true)).max() <= 0.5 + 1e-6
    table = load_table(outputs.discs_table)
    assert table["index"].tolist() == sorted(drawn)
    assert table["name"].tolist()[0] == "C2/C3"


def test_labels_placed_on_the_image_by_hand_do_not_move(session, tmp_path, save):
    own = label(save, tmp_path / "own.nii.gz", {5: WORLD[2] + np.array([0, 2, 3])})
    named = name(session, tmp_path / "name", init_value=6).out_table
    outputs = draw(named, tmp_path / "draw", session["image"], own_file=own)
    expected = points_in(own)[5]
    for path in (outputs.discs_file, outputs.labels_file):
        np.testing.assert_allclose(points_in(path)[5], expected, atol=1e-4)
    table = load_table(outputs.discs_table).set_index("index")
    assert table.loc[5, "manual"] == 1
    assert table.loc[6, "manual"] == 1  # named by the value given to it
    assert table.loc[4, "manual"] == 0


def test_what_was_inferred_is_drawn_but_tells_no_levels(session, tmp_path):
    named = load_table(name(session, tmp_path / "name", init_value=6).out_table)
    named.loc[named["value"] == 4, "inferred"] = 1
    outputs = draw(save_table(named, tmp_path / "n.tsv"), tmp_path / "draw", session["image"])
    assert 4 in points_in(outputs.discs_file)
    assert 4 not in points_in(outputs.labels_file)


def test_discs_without_names_have_values_that_mark_nothing(session, tmp_path):
    named = load_table(name(session, tmp_path / "name", init_value=6).out_table)
    named["value"] = 0
    outputs = draw(save_table(named, tmp_path / "n.tsv"), tmp_path / "draw", session["image"])
    assert sorted(points_in(outputs.unnamed_file)) == [101, 102, 103, 104, 105, 106]
    assert points_in(outputs.unnamed_file)[101][2] > points_in(outputs.unnamed_file)[102][2]
    assert not isinstance(outputs.discs_file, str)
    assert not isinstance(outputs.labels_file, str)
    assert load_table(outputs.unnamed_table)["name"].tolist()[0] == "disc 1"


@pytest.fixture
def pretend(monkeypatch):
    """Stand in for the network: what it sees is given."""

    def see(data, affine, line, *, net):
        return landmarks(line)

    info = {"name": "pretender", "version": "3", "checksum": "abc"}
    monkeypatch.setattr("sctflow.core.labeling.detect.find_landmarks", see)
    monkeypatch.setattr("sctflow.models.load_landmark_net", lambda: (None, info))
    return info


def test_landmarks_have_the_middle_of_the_image_beside_them(session, tmp_path, pretend):
    node = FindLandmarks(
        in_file=session["image"], centerline_file=session["line"], model=pretend, name="x"
    )
    outputs = node.run(cwd=str(tmp_path)).outputs
    assert (outputs.name, outputs.middle) == ("x", pytest.approx(59.0, abs=0.01))
    assert len(load_table(outputs.out_table)) == len(VALUES)


def test_an_image_without_a_cord_has_no_landmarks(session, tmp_path):
    empty = load_table(session["line"]).iloc[:0]
    line = save_table(empty, tmp_path / "empty.tsv")
    node = FindLandmarks(in_file=session["image"], centerline_file=str(line))
    outputs = node.run(cwd=str(tmp_path)).outputs
    assert len(load_table(outputs.out_table)) == 0
    outputs = name(session | {"line": str(line)}, tmp_path / "name")
    assert not outputs.named


@pytest.mark.parametrize("given", [True, False])
def test_one_image_is_labelled_in_one_step(session, tmp_path, pretend, given):
    options = {"init": 6} if given else {"threshold": 1.0}
    node = LabelDiscs(in_file=session["image"], mask_file=session["mask"], **options)
    outputs = node.run(cwd=str(tmp_path)).outputs
    assert outputs.named == given
    if given:
        assert set(points_in(outputs.out_file)) == set(VALUES.tolist())
    else:
        assert len(points_in(outputs.unnamed_file)) == len(VALUES)
        assert "label-init" in outputs.reason
