from pathlib import Path

import pytest

from sctflow.bids import ImageInput, ParticipantInputs
from sctflow.workflows.anatomical import init_anat_wf
from sctflow.workflows.find_cord import init_cord_wf
from sctflow.workflows.lay_levels import init_levels_wf


@pytest.fixture(scope="session")
def make_anat():
    """Workflows of one image, without labels, as a dataset's have them within others."""

    def make(*, segmentation, voxels, **levels):
        return init_anat_wf(
            cord_wf=init_cord_wf(segmentation=segmentation, voxels=voxels),
            levels_wf=init_levels_wf(voxels=voxels, **levels),
        )

    return make


@pytest.fixture
def make_participant(tmp_path):
    """Participants of a dataset whose files are empty: nothing can be read from them."""

    def make(label="01", *, images=("T2w",), masks=()):
        found = []
        for name in images:
            stem = f"sub-{label}_{name}"
            path = _touch(tmp_path / "raw" / f"sub-{label}" / "anat" / f"{stem}.nii.gz")
            manual = {}
            if name in masks:
                folder = tmp_path / "raw" / "derivatives" / "labels" / f"sub-{label}" / "anat"
                manual["SC"] = _touch(folder / f"{stem}_label-SC_seg.nii.gz")
            found.append(_image(path, label, name, manual))
        return ParticipantInputs(participant=label, anat=tuple(found))

    return make


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def _image(path: Path, label: str, name: str, manual: dict) -> ImageInput:
    *pairs, suffix = name.split("_")
    keys = {"acq": "acquisition", "run": "run"}
    entities = {keys[p.split("-")[0]]: p.split("-")[1] for p in pairs}
    folder = f"sub-{label}/anat"
    return ImageInput(
        path=path,
        entities={"subject": label, **entities, "suffix": suffix, "datatype": "anat"},
        manual=manual,
        bids_dir=path.parents[2],
        uri=f"bids:raw:{folder}/{path.name}",
        manual_uris={key: f"bids:labels:{folder}/{file.name}" for key, file in manual.items()},
    )
