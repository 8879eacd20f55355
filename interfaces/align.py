"""Nodes that bring images of one session together around the cord."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from sctflow.core.registration.around_cord import REGION_MM, STEPS
from sctflow.errors import ImageError
from sctflow.interfaces.transforms import save_warp
from sctflow.io import load_image, save_image


class _AlignAroundCordInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to move, 3-D")
    reference_file = File(
        exists=True,
        mandatory=True,
        desc="image of the same session, 3-D, that it is brought onto, within its slices",
    )
    cord_file = File(
        exists=True,
        mandatory=True,
        desc="mask of the cord on the grid of the reference; without a cord in it, the image is "
        "taken where its header places it",
    )
    steps = traits.Str(
        STEPS,
        usedefault=True,
        desc="steps of the registration of images (type=im), see register-images",
    )
    region_mm = traits.Range(
        low=0.0,
        exclude_low=True,
        value=REGION_MM,
        usedefault=True,
        units="mm",
        desc="diameter of the cylinder around the cord in which images are compared",
    )
    interpolation = traits.Enum(
        "spline", "linear", "nearest", usedefault=True, desc="of the image that is written"
    )


class _AlignAroundCordOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the image on the grid of the reference, resampled once")
    warp_file = File(exists=True, desc="ITK displacement field that resamples it")
    method = traits.Dict(
        desc="for its sidecar: the steps, and how far the cord moved (mm, root mean square)"
    )
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class AlignAroundCord(SimpleInterface):
    """Bring an image onto another one of the same session, judged by what is around the cord.

    Slices shift in their plane, each a little more than the one below: neighbours move alike.
    """

    input_spec = _AlignAroundCordInputSpec
    output_spec = _AlignAroundCordOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import finite, new_like
        from sctflow.core.registration import ImageData
        from sctflow.core.registration.around_cord import register_around_cord
        from sctflow.core.same_grid import data_on_grid
        from sctflow.core.transforms import resample_through

        given, out = self.inputs, Path(runtime.cwd)
        (moving, noticed), (fixed, _) = (
            _checked(path) for path in (given.in_file, given.reference_file)
        )
        cord = data_on_grid(
            load_image(given.cord_file),
            fixed,
            name=Path(given.cord_file).name,
            reference_name=Path(given.reference_file).name,
        )
        data = finite(np.asanyarray(moving.dataobj))
        found, shift = register_around_cord(
            ImageData(fixed.affine, np.asanyarray(fixed.dataobj)),
            ImageData(moving.affine, data),
            cord,
            steps=given.steps,
            region_mm=given.region_mm,
        )
        moved = resample_through(
            data,
            moving.affine,
            found.forward,
            to_affine=fixed.affine,
            to_shape=fixed.shape,
            interpolation=given.interpolation,
        )
        name = Path(given.in_file).name
        self._results = {
            "out_file": str(save_image(new_like(moved, fixed, np.float32), out / "moved.nii.gz")),
            "warp_file": str(save_warp(found.forward, fixed, out / "warp.nii.gz")),
            "method": {"RegistrationSteps": given.steps, "CordShift": round(shift, 3)},
            "warnings": [f"{name}: {text}" for text in (*noticed, *found.warnings)],
        }
        return runtime


def _checked(path):
    """A 3-D image, and what is to be said of it."""
    from sctflow.core.checks import check_image
    from sctflow.core.image import squeeze

    img = squeeze(load_image(path))
    warnings = check_image(img, name=str(path))
    if img.ndim != 3:
        raise ImageError(f"{path}: the image has {img.ndim} dimensions, 3 are needed.")
    return img, [text.removeprefix(f"{path}: ") for text in warnings]
