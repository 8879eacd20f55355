"""Node that fits the centreline of the cord."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.interfaces.base import StepOrNothing
from sctflow.io import load_image, load_table, save_image, save_table

COLUMNS = {
    "slice": {
        "Description": "Index of the slice along the inferior-superior axis, 0 at the bottom"
    },
    "x": {"Description": "Position of the centreline, right (RAS world)", "Units": "mm"},
    "y": {"Description": "Position of the centreline, anterior (RAS world)", "Units": "mm"},
    "z": {"Description": "Position of the centreline, superior (RAS world)", "Units": "mm"},
    "tangent_x": {"Description": "Unit tangent pointing up: right component", "Units": "1"},
    "tangent_y": {"Description": "Unit tangent pointing up: anterior component", "Units": "1"},
    "tangent_z": {"Description": "Unit tangent pointing up: superior component", "Units": "1"},
    "arc_length": {
        "Description": "Length along the centreline from its lowest point",
        "Units": "mm",
    },
    "measured": {"Description": "False where the slice had no mask and was interpolated"},
}


class _FitCenterlineInputSpec(BaseInterfaceInputSpec):
    mask_file = File(exists=True, needed=True, desc="mask of the cord, binary or soft")
    method = traits.Enum(
        "spline",
        "polynomial",
        "linear",
        usedefault=True,
        desc="curve fitted through the centres of the slices",
    )


class _FitCenterlineOutputSpec(TraitedSpec):
    out_mask = File(exists=True, desc="one voxel per slice, on the grid of the mask")
    out_table = File(exists=True, desc="points, tangents and arc length, one row per slice")


class FitCenterline(StepOrNothing):
    """Fit the centreline through a mask of the cord.

    An empty mask gives an empty image and a table without rows.
    """

    input_spec = _FitCenterlineInputSpec
    output_spec = _FitCenterlineOutputSpec

    def _step(self, folder):
        import numpy as np

        from sctflow.core.centerline import centerline_mask, fit_centerline
        from sctflow.core.image import new_like

        img = load_image(self.inputs.mask_file)
        mask = np.asanyarray(img.dataobj)
        if mask.any():
            line = fit_centerline(mask, img.affine, method=self.inputs.method)
            voxels, frame = centerline_mask(line, img.shape, img.affine), line.to_frame()
        else:
            voxels, frame = np.zeros(img.shape, np.uint8), empty_centerline()

        save_image(new_like(voxels, img, np.uint8), folder / "centerline.nii.gz")
        save_table(frame, folder / "centerline.tsv")
        self._results["out_mask"] = str(folder / "centerline.nii.gz")
        self._results["out_table"] = str(folder / "centerline.tsv")


def empty_centerline():
    """Table of a centreline without points, with the columns of one that has some.

    Returns
    -------
    pandas.DataFrame
        No rows.
    """
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS))


def find_centerline(path, mask, affine):
    """Centreline from its table or, where there is none, fitted through the mask.

    Parameters
    ----------
    path : str, pathlib.Path or Undefined
        Table of the centreline.
    mask : (i, j, k) array
        Mask of the cord, binary or soft.
    affine : (4, 4) array
        Voxel to world (RAS mm).

    Returns
    -------
    sctflow.core.centerline.Centerline or None
        None where there is neither a point in the table nor a cord in the mask.
    """
    from sctflow.core.centerline import fit_centerline

    if not isdefined(path):
        return fit_centerline(mask, affine) if mask.any() else None
    line = read_centerline(path)
    return line if len(line.slices) else None


def read_centerline(path):
    """Centreline from its table.

    Parameters
    ----------
    path : str or pathlib.Path
        TSV with the columns of ``COLUMNS``.

    Returns
    -------
    sctflow.core.centerline.Centerline
    """
    from sctflow.core.centerline import Centerline

    frame = load_table(path)
    return Centerline(
        points=frame[["x", "y", "z"]].to_numpy(float),
        tangents=frame[["tangent_x", "tangent_y", "tangent_z"]].to_numpy(float),
        arc_length=frame["arc_length"].to_numpy(float),
        slices=frame["slice"].to_numpy(int),
        measured=frame["measured"].to_numpy(bool),
    )
