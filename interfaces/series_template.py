"""Nodes that bring series to a template."""

from __future__ import annotations

from nipype.interfaces.base import BaseInterfaceInputSpec, File, Str, TraitedSpec, traits

from sctflow.errors import ImageError
from sctflow.interfaces.base import StepOrNothing
from sctflow.io import load_image, save_image


class _SeriesToTemplateInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="series to bring to the template")
    transforms = traits.List(
        File(exists=True),
        needed=True,
        desc="transforms that bring the series onto the template's grid, in the order of "
        "antsApplyTransforms",
    )
    template = Str(
        "PAM50",
        usedefault=True,
        desc="template: PAM50, SCTPhantom, a folder in TemplateFlow's layout, or a packed file",
    )
    interpolation = traits.Enum(
        "linear", "spline", "nearest", usedefault=True, desc="how voxels are read"
    )


class _SeriesToTemplateOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="series on the part of the template's grid that it shows")


class SeriesToTemplate(StepOrNothing):
    """Bring every volume of a series onto the grid of a template, interpolated once.

    The grid is cut to the surroundings of the template's cord, as far as the series shows them: on
    the whole grid of PAM50 each volume would take 80 MB.
    """

    input_spec = _SeriesToTemplateInputSpec
    output_spec = _SeriesToTemplateOutputSpec

    def _step(self, folder):
        import nibabel as nib
        import numpy as np

        from sctflow.core.image import finite
        from sctflow.core.template.warp import covered_box
        from sctflow.core.transforms import resample_through
        from sctflow.templates.packed import open_template
        from sctflow.xfm import load_transform

        img = load_image(self.inputs.in_file)
        around = open_template(self.inputs.template).images
        chain = [one for path in self.inputs.transforms for one in load_transform(path)]
        box = covered_box(
            img.affine,
            img.shape[:3],
            chain,
            to_affine=around.affine,
            to_shape=around.shape,
        )
        if box is None:
            raise ImageError(
                f"{self.inputs.in_file}: the series shows nothing of the template's cord."
            )
        corner = np.eye(4)
        corner[:3, 3] = [side.start for side in box]
        affine = around.affine @ corner
        data = resample_through(
            finite(np.asanyarray(img.dataobj)),
            img.affine,
            chain,
            to_affine=affine,
            to_shape=[side.stop - side.start for side in box],
            interpolation=self.inputs.interpolation,
        )
        series = nib.Nifti1Image(data, affine)
        series.header.set_xyzt_units("mm", "sec")
        for put in (series.set_qform, series.set_sform):
            put(affine, 1)
        series.header["pixdim"][4] = img.header["pixdim"][4]
        self._results["out_file"] = str(save_image(series, folder / "series_in_template.nii.gz"))
