"""Node that gives the cord its vertebral and spinal levels."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.interfaces.base import StepOrNothing
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
        needed=True,
        desc="label image of the discs, of this image or of another one in the same world space",
    )
    label_kind = traits.Enum(
        "discs",
        "spinal",
        "rootlets",
        usedefault=True,
        desc="what the labels mark instead of discs: the middles of spinal levels, or the "
        "rootlets of spinal levels; both need a template to compare with",
    )
    template = Str(
        desc="template to take spinal levels and the level of the conus from: PAM50, SCTPhantom, "
        "a folder or a packed file; those of most people without it"
    )
    reference = traits.Enum(
        "template",
        "subject",
        usedefault=True,
        desc="with a template: levels end perpendicular to the cord (template), or with the "
        "image's slices (subject), as the registration has it",
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


class AssignLevels(StepOrNothing):
    """Give voxels and slices of the cord their levels from labelled discs.

    Labels that cannot be right give a warning and no levels; so does a cord that was not found.
    """

    input_spec = _AssignLevelsInputSpec
    output_spec = _AssignLevelsOutputSpec

    def _step(self, folder):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.labels import LabelError
        from sctflow.core.slice_levels import levels_of_frame

        self._results["warnings"] = []
        img, discs = load_image(self.inputs.mask_file), load_image(self.inputs.discs_file)
        mask, name = np.asanyarray(img.dataobj), Path(self.inputs.discs_file).name
        line = find_centerline(self.inputs.centerline_file, mask, img.affine)
        if line is None:
            return
        try:
            frame, noticed = _frame(self.inputs, mask, img.affine, line, discs, name)
            levels = levels_of_frame(
                frame,
                mask,
                img.affine,
                self._morphometry(mask, img.affine, line),
                name=name,
                noticed=noticed,
            )
        except LabelError as error:
            self._results["warnings"] = [f"There are no vertebral levels: {error}"]
            return
        for kind, data in (("vertebrae", levels.vertebrae), ("spinal", levels.spinal)):
            path = save_image(new_like(data, img, np.uint8), folder / f"{kind}.nii.gz")
            self._results[f"{kind}_file"] = str(path)
            table = save_table(_names(data, kind), folder / f"{kind}.tsv")
            self._results[f"{kind}_table"] = str(table)
        perlevel = save_table(levels.per_level, folder / "perlevel.tsv")
        self._results["perlevel_file"] = str(perlevel)
        self._results["warnings"] = levels.warnings

    def _morphometry(self, mask, affine, line):
        from sctflow.core.morphometry import measure_slices

        if isdefined(self.inputs.morph_file):
            return load_table(self.inputs.morph_file)
        return measure_slices(mask, affine, centerline=line)


def _frame(inputs, mask, affine, line, discs, name):
    """Frame of the cord with levels, and what was noticed about it."""
    import numpy as np

    from sctflow.core.cord_frame import frame_from_discs
    from sctflow.core.labels import LabelError, read_points
    from sctflow.core.template.register import label_frame
    from sctflow.templates.packed import open_template

    image = np.asanyarray(discs.dataobj)
    if isdefined(inputs.template):
        return label_frame(
            mask,
            affine,
            line,
            image,
            discs.affine,
            open_template(inputs.template).space,
            name=name,
            kind=inputs.label_kind,
            elsewhere=inputs.elsewhere,
            reference=inputs.reference,
        )
    if inputs.label_kind != "discs":
        raise LabelError(f"{name}: levels from {inputs.label_kind} need a template.")
    points, noticed = read_points(image, discs.affine, name=name)
    frame, warnings = frame_from_discs(line, points, name=name, elsewhere=inputs.elsewhere)
    return frame, [*noticed, *warnings]


def _names(data, kind):
    """Look-up table of the values in a level image."""
    import numpy as np
    import pandas as pd

    from sctflow.core.label_values import VERTEBRAE
    from sctflow.core.slice_levels import SPINAL_LEVELS

    names = VERTEBRAE if kind == "vertebrae" else SPINAL_LEVELS
    values = [int(value) for value in np.unique(data) if value]
    return pd.DataFrame({"index": values, "name": [names[value - 1] for value in values]})
