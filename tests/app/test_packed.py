import numpy as np
import pytest

from sctflow.errors import TemplateError
from sctflow.templates.layout import read_folder
from sctflow.templates.packed import open_template, packed_path, read_packed


def test_pam50_is_packed_in_full(pam50):
    packed = read_packed(pam50)
    assert packed.name == "PAM50"
    assert packed.shape == (141, 141, 991)
    assert [region["index"] for region in packed.regions] == list(range(37))
    white = {"index": 51, "name": "white matter", "members": ",".join(map(str, range(30)))}
    assert white in packed.combined
    assert pam50.stat().st_size < 3e6
    # White and gray matter of the atlas fill the cord; at its edge they fade.
    total = sum(packed.images.region(n).astype(int) for n in range(36))
    cord = packed.images.weights["cord"] > 0
    assert np.median(total[cord]) == pytest.approx(255, abs=2)


def test_pam50s_space_has_its_discs_and_its_conus(pam50):
    space = read_packed(pam50).space
    assert space.frame.curve.is_straight
    # Slices of the published disc labels, in voxels of 0.5 mm.
    heights = {2: 939, 3: 908, 4: 871}
    low = space.frame.curve.points[0, 2]
    for value, slice_ in heights.items():
        world = -561.84 + 0.5 * slice_
        assert low + space.frame.levels.position(float(value)) == pytest.approx(world, abs=1e-2)
    assert 20 < space.conus_level < 22


def test_a_template_is_packed_once_and_again_when_it_changes(make_small_template, tmp_path):
    folder, cache = make_small_template(), tmp_path / "cache"
    first = packed_path(folder, cache=cache)
    stamp = first.stat().st_mtime_ns
    assert packed_path(folder, cache=cache) == first
    assert first.stat().st_mtime_ns == stamp
    (folder / "tpl-Small_T1w.nii.gz").write_bytes((folder / "tpl-Small_T2w.nii.gz").read_bytes())
    assert packed_path(folder, cache=cache) != first


def test_what_was_packed_is_read_back(make_small_template, tmp_path):
    folder = make_small_template()
    from sctflow.templates.packed import pack

    packed = pack(read_folder(folder))
    again = open_template(folder, cache=tmp_path)
    assert again.contrasts == packed.contrasts
    assert again.space.landmarks == packed.space.landmarks
    assert again.combined == packed.combined == []
    for name, image in packed.images.weights.items():
        assert np.array_equal(again.images.weights[name], image)
    points = np.array([[1.0, 2.0, 30.0], [-4.0, 0.5, 70.0]])
    assert np.array_equal(
        again.space.frame.from_world(points), packed.space.frame.from_world(points)
    )


def test_without_a_place_to_keep_it_the_template_is_packed_each_time(
    make_small_template, tmp_path
):
    (tmp_path / "file").write_text("not a folder")
    folder = make_small_template()
    assert packed_path(folder, cache=tmp_path / "file") is None
    assert open_template(folder, cache=tmp_path / "file").name == "Small"


def test_a_piece_on_another_grid_is_refused(make_small_template, tmp_path):
    folder = make_small_template()
    import nibabel as nib

    path = folder / "tpl-Small_label-GM_probseg.nii.gz"
    nib.save(nib.load(path).slicer[:-1], path)
    with pytest.raises(TemplateError, match="label-GM"):
        open_template(folder, cache=tmp_path)


def test_a_template_without_discs_says_so(make_small_template, tmp_path):
    folder = make_small_template()
    (folder / "tpl-Small_desc-discs_dseg.nii.gz").unlink()
    with pytest.raises(TemplateError, match="discs"):
        open_template(folder, cache=tmp_path)
