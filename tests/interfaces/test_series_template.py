"""Series on the grid of a template."""

import nibabel as nib
import numpy as np
import pytest

from sctflow.core.image import resample
from sctflow.errors import ImageError
from sctflow.interfaces.series_template import SeriesToTemplate
from sctflow.templates.layout import read_folder
from sctflow.templates.packed import pack, write_packed
from sctflow.xfm import save_affine


@pytest.fixture
def pieces(tmp_path, make_small_template, save):
    """A packed template, a series in the same world space, and a transform that moves it."""
    from sctflow.core.transforms import Affine

    folder = make_small_template()
    packed = write_packed(pack(read_folder(folder)), tmp_path / "small.npz")
    affine = nib.affines.from_matvec(np.diag([1.5, 1.5, 5.0]), [-15, -15, -5])
    x, y, z, t = np.indices((21, 21, 6, 4))
    series = save((10.0 * x + y - 3 * z + 100 * t).astype(np.float32), affine, tmp_path / "s.nii")
    shift = np.eye(4)
    shift[:3, 3] = 1.0, 0, -2.0
    return packed, series, save_affine(Affine(shift), tmp_path / "shift.txt")


def test_every_volume_lies_on_the_grid_about_the_templates_cord(pieces, tmp_path):
    packed, series, transform = pieces
    node = SeriesToTemplate(in_file=series, template=str(packed), transforms=[str(transform)])
    found = nib.load(node.run(cwd=tmp_path).outputs.out_file)
    source = nib.load(series)
    assert found.shape[3] == 4
    np.testing.assert_allclose(np.linalg.norm(found.affine[:3, :3], axis=0), 1.0)
    # It begins at a voxel of the template.
    start = found.affine[:3, 3]
    np.testing.assert_allclose(start, np.rint(start), atol=1e-6)
    moved = np.eye(4)
    moved[:3, 3] = 1.0, 0, -2.0
    for volume in range(4):
        expected = resample(
            np.asarray(source.dataobj[..., volume]),
            source.affine,
            to_affine=moved @ found.affine,
            to_shape=found.shape[:3],
        )
        np.testing.assert_allclose(found.dataobj[..., volume], expected, atol=1e-3)


def test_without_a_transform_there_is_nothing(pieces, tmp_path):
    packed, series, _ = pieces
    node = SeriesToTemplate(in_file=series, template=str(packed))
    assert not isinstance(node.run(cwd=tmp_path).outputs.out_file, str)


def test_a_series_of_somewhere_else_is_refused_by_name(pieces, tmp_path, save):
    packed, series, transform = pieces
    far = nib.load(series)
    affine = far.affine.copy()
    affine[2, 3] = 2000
    path = save(np.asarray(far.dataobj), affine, tmp_path / "far.nii.gz")
    node = SeriesToTemplate(in_file=path, template=str(packed), transforms=[str(transform)])
    with pytest.raises(ImageError, match=r"far.nii.gz: the series shows nothing"):
        node.run(cwd=tmp_path)
