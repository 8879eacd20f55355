"""Node that collects what confounds a functional series."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.interfaces.series import load_series
from sctflow.io import load_image, load_table, save_image, save_table


class _CollectConfoundsInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="functional series, corrected for motion")
    mask_file = File(
        exists=True, mandatory=True, desc="mask of the cord on the grid of the series"
    )
    csf_file = File(
        exists=True,
        desc="weights from 0 to 1 of the cerebrospinal fluid on that grid, such as a template's; "
        "without it there are no columns of it",
    )
    repetition_time = traits.Range(
        low=0.0,
        exclude_low=True,
        value=1.0,
        units="s",
        desc="time from volume to volume, which tells how many drifts are slower than 128 s",
    )
    skip = traits.Range(
        low=0, value=0, usedefault=True, desc="volumes at the beginning that are not steady"
    )
    motion_file = File(exists=True, desc="table of the motion of each volume")
    slice_motion_file = File(exists=True, desc="table of the motion of each slice")


class _CollectConfoundsOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="confounds, one row per volume")
    regions_file = File(
        exists=True, desc="where signals were taken: 1 cord, 2 cerebrospinal fluid, 3 not cord"
    )
    columns = traits.Dict(desc="what the columns are")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


REGIONS = ("cord", "csf", "not_cord")
"""Masks that signals are taken from; values of the image of regions count from 1."""


class CollectConfounds(SimpleInterface):
    """Collect what changes in a series for reasons other than the cord's activity.

    Motion, mean signals of the cord, of the cerebrospinal fluid and of tissue far from the cord,
    the first five components of the last two (aCompCor), drifts, and flags of slices and volumes.
    """

    input_spec = _CollectConfoundsInputSpec
    output_spec = _CollectConfoundsOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.confounds import collect_confounds
        from sctflow.core.image import new_like

        inputs, out = self.inputs, Path(runtime.cwd)
        img = load_series(inputs.in_file)
        data = np.asanyarray(img.dataobj)
        masks = _noise_masks(inputs, img, data)
        found = collect_confounds(
            data,
            masks,
            tr=inputs.repetition_time if isdefined(inputs.repetition_time) else None,
            dummies=inputs.skip,
            motion=_table(inputs.motion_file),
            slice_motion=_table(inputs.slice_motion_file),
        )
        regions = np.zeros(img.shape[:3], np.uint8)
        for name, mask in masks.items():
            regions[mask] = REGIONS.index(name) + 1
        self._results |= {
            "out_table": str(save_table(found.table, out / "confounds.tsv")),
            "regions_file": str(
                save_image(new_like(regions, img, np.uint8), out / "regions.nii.gz")
            ),
            "columns": found.columns,
            "warnings": found.warnings,
        }
        return runtime


def _noise_masks(inputs, img, data):
    """Masks that signals are taken from, those that are known."""
    import numpy as np

    from sctflow.core.mask import mask_weights
    from sctflow.core.noise_masks import far_mask, fluid_mask
    from sctflow.core.same_grid import data_on_grid

    def weights(path):
        names = {"name": Path(path).name, "reference_name": Path(inputs.in_file).name}
        return mask_weights(data_on_grid(load_image(path), img, **names))

    cord = weights(inputs.mask_file) >= 0.5
    far = far_mask(data[..., inputs.skip :].mean(axis=3, dtype=np.float64), cord, img.affine)
    if not isdefined(inputs.csf_file):
        return {"cord": cord, "not_cord": far}
    fluid = weights(inputs.csf_file)
    return {
        "cord": cord,
        "csf": fluid_mask(fluid, cord, img.affine),
        "not_cord": far & (fluid == 0),
    }


def _table(path):
    return load_table(path) if isdefined(path) else None
