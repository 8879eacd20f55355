"""Node that gives the cord its vertebral and spinal levels."""

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

from sctflow.interfaces.centerline import find_centerline
from sctflow.io import load_image, load_table, save_image, save_table


class _AssignLevelsInputSpec(BaseInterfaceInputSpec):
    mask_file = File(exists=True, mandatory=True, desc="mask of the cord, binary or soft")
    centerline_file = File(
        exists=True, desc="table of the centreline; without it, one is fitted through the mask"
    )
    morph_file = File(
        exists=True, desc="per-slice morphometry of the cord; without it, the mask is measured"
    )
    discs_file = File(
        exists=True,
        mandatory=True,
        desc="image of labelled discs, of this image or of another one in the same world space",
    )
    elsewhere = traits.Bool(
        False,
        usedefault=True,
        desc="the discs were labelled on another image, which may show more of the spine",
    )


class _AssignLevelsOutputSpec(TraitedSpec):
    vertebrae_file = File(exists=True, desc="vertebral level of each voxel of the cord")
    vertebrae_table = File(exists=True, desc="names of the vertebral levels")
    spinal_file = File(exists=True, desc="spinal level of each voxel of the cord")
    spinal_table = File(exists=True, desc="names of the spinal levels")
    perlevel_file = File(exists=True, desc="morphometry averaged over vertebral levels")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class AssignLevels(SimpleInterface):
    """Give voxels and slices of the cord their levels from labelled discs.

    Labels that cannot be right give a warning and no levels; so does a cord that was not found.
    """

    input_spec = _AssignLevelsInputSpec
    output_spec = _AssignLevelsOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.labels import LabelError, read_points
        from sctflow.core.slice_levels import assign_levels

        self._results["warnings"] = []
        img, discs = load_image(self.inputs.mask_file), load_image(self.inputs.discs_file)
        mask = np.asanyarray(img.dataobj)
        line = find_centerline(self.inputs.centerline_file, mask, img.affine)
        if line is None:
            return runtime
        name = Path(self.inputs.discs_file).name
        try:
            points, noticed = read_points(np.asanyarray(discs.dataobj), discs.affine, name=name)
            levels = assign_levels(
                mask,
                img.affine,
                line,
                points,
                self._morphometry(mask, img.affine, line),
                name=name,
                elsewhere=self.inputs.elsewhere,
            )
        except LabelError as error:
            self._results["warnings"] = [f"There are no vertebral levels: {error}"]
            return runtime

        out = Path(runtime.cwd)
        for kind, data in (("vertebrae", levels.vertebrae), ("spinal", levels.spinal)):
            path = save_image(new_like(data, img, np.uint8), out / f"{kind}.nii.gz")
            self._results[f"{kind}_file"] = str(path)
            table = save_table(_names(data, kind), out / f"{kind}.tsv")
            self._results[f"{kind}_table"] = str(table)
        perlevel = save_table(levels.per_level, out / "perlevel.tsv")
        self._results["perlevel_file"] = str(perlevel)
        self._results["warnings"] = [*noticed, *levels.warnings]
        return runtime

    def _morphometry(self, mask, affine, line):
        from sctflow.core.morphometry import measure_slices

        if isdefined(self.inputs.morph_file):
            return load_table(self.inputs.morph_file)
        return measure_slices(mask, affine, centerline=line)


def _names(data, kind):
    """Look-up table of the values in a level image."""
    import numpy as np
    import pandas as pd

    from sctflow.core.label_values import VERTEBRAE
    from sctflow.core.slice_levels import SPINAL_LEVELS

    names = VERTEBRAE if kind == "vertebrae" else SPINAL_LEVELS
    values = [int(value) for value in np.unique(data) if value]
    return pd.DataFrame({"index": values, "name": [names[value - 1] for value in values]})
