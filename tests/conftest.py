"""Where the tests find their data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

# Before anything imports them: pictures without a display, no oversubscribed cores.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# etelemetry (through nipype) would ask a server for the newest version.
os.environ.setdefault("NO_ET", "1")
os.environ.setdefault("NIPYPE_NO_ET", "1")


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the sources."""
    return REPO


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real images: `$SCTFLOW_TEST_DATA`, or `shared/data` beside the repository."""
    named = os.environ.get("SCTFLOW_TEST_DATA")
    if named:
        # Somebody meant it: a slip of the pen must not turn into skipped tests.
        assert Path(named).is_dir(), f"SCTFLOW_TEST_DATA is not a folder: {named}"
        return Path(named)
    folder = REPO.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs real images: set SCTFLOW_TEST_DATA to the folder with ds-errsm30")
    return folder


def _dataset(data_dir: Path, name: str) -> Path:
    if not (data_dir / name / "dataset_description.json").is_file():
        pytest.skip(f"needs real images: no dataset {name} in {data_dir}")
    return data_dir / name


@pytest.fixture(scope="session")
def errsm30(data_dir: Path) -> Path:
    """One volunteer, small crops of every contrast, with manual labels."""
    return _dataset(data_dir, "ds-errsm30")


@pytest.fixture(scope="session")
def tutorial(data_dir: Path) -> Path:
    """Several participants, full field of view."""
    return _dataset(data_dir, "ds-tutorial")


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dataset with its true masks as manual labels. Do not write into it."""
    from sctflow.demo import write_demo

    folder = tmp_path_factory.mktemp("demo") / "bids"
    return write_demo(folder, images=("T2w", "T2star"), labels=("SC", "discs"))


@pytest.fixture
def make_small_template(tmp_path: Path) -> Callable[[], Path]:
    """A straight elliptical cord with three discs in 1 mm voxels, as a template folder."""

    def make() -> Path:
        import nibabel as nib
        import numpy as np

        from sctflow.io import save_image, save_json, save_text

        x, y = np.meshgrid(np.arange(41) - 20, np.arange(41) - 20, indexing="ij")
        cord = np.zeros((41, 41, 80), np.uint8)
        cord[:, :, 5:75] = (np.hypot(x / 6, y / 4) <= 1)[:, :, None]
        gray = np.where(np.hypot(x / 3, y / 2)[:, :, None] <= 1, cord, 0)
        discs = np.zeros_like(cord)
        for value, slice_ in ((3, 65), (4, 45), (5, 25)):
            discs[20, 20, slice_] = value
        level = np.searchsorted([25, 45, 65], np.arange(80), side="right")
        pieces = {
            "T2w": (100 * cord + 20).astype(np.int16),
            "label-SC_mask": cord,
            "label-GM_probseg": gray,
            "label-WM_probseg": cord - gray,
            "desc-discs_dseg": discs,
            "desc-vertebrae_dseg": cord * np.array([5, 4, 3, 2])[level].astype(np.uint8),
            "atlas-Small_label-00_probseg": cord - gray,
            "atlas-Small_label-30_probseg": gray,
        }
        folder = tmp_path / "tpl-Small"
        affine = np.diag([1.0, 1.0, 1.0, 1.0])
        affine[:3, 3] = -20
        for piece, data in pieces.items():
            img = nib.Nifti1Image(data, affine)
            save_image(img, folder / f"tpl-Small_{piece}.nii.gz")
        table = "index\tname\tgroup\n0\twhite\tWM\n30\tgray\tGM\n"
        save_text(table, folder / "tpl-Small_atlas-Small_probseg.tsv")
        save_json({"Identifier": "Small", "Version": "1"}, folder / "template_description.json")
        return folder

    return make


@pytest.fixture(scope="session")
def pam50(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PAM50, packed."""
    from sctflow.templates.layout import read_folder
    from sctflow.templates.packed import pack, write_packed

    folder = data_dir.parent / "templateflow" / "tpl-PAM50"
    if not (folder / "tpl-PAM50_label-SC_mask.nii.gz").is_file():
        pytest.skip(f"needs the template PAM50 in {folder}")
    return write_packed(pack(read_folder(folder)), tmp_path_factory.mktemp("pam50") / "pam50.npz")
