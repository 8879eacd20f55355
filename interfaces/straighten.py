"""Nodes that straighten an image along the cord, or smooth it along the cord."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from sctflow.core.smooth_along import RADIUS_MM
from sctflow.core.straighten import HALF_WIDTH_MM
from sctflow.errors import SegmentationError
from sctflow.interfaces.centerline import read_centerline
from sctflow.interfaces.transforms import image_on
from sctflow.io import load_image, save_image
from sctflow.xfm import save_field


class _AlongCordInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image, 3-D or 4-D")
    mask_file = File(
        exists=True,
        mandatory=True,
        xor=["centerline_file"],
        desc="mask of the cord, binary or soft, of this image or of another one in the same "
        "world space",
    )
    centerline_file = File(
        exists=True,
        mandatory=True,
        xor=["mask_file"],
        desc="table of the centreline, instead of a mask",
    )


class _StraightenCordInputSpec(_AlongCordInputSpec):
    spacing_mm = traits.Range(
        low=0.0,
        exclude_low=True,
        value=1.0,
        units="mm",
        desc="side of the voxels of the straight image; by default those of the image, to the "
        "right, to the front and upwards",
    )
    half_width_mm = traits.Range(
        low=0.0,
        exclude_low=True,
        value=HALF_WIDTH_MM,
        usedefault=True,
        units="mm",
        desc="distance from the centreline to the sides of the straight image",
    )
    interpolation = traits.Enum(
        "linear",
        "spline",
        "nearest",
        "label",
        usedefault=True,
        desc="how the image is interpolated; nearest or label for label images",
    )


class _StraightenCordOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="image with the cord straight and upright")
    out_mask = File(exists=True, desc="mask of the cord, straight; if a mask was given")
    warp_to_straight = File(
        exists=True, desc="ITK displacement field that resamples the image onto the straight grid"
    )
    warp_from_straight = File(
        exists=True, desc="ITK displacement field that resamples a straight image onto the image"
    )
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class StraightenCord(SimpleInterface):
    """Straighten an image along the centreline of the cord.

    The straight image covers the cord, and up to 40 mm beyond it, as far as the image goes;
    there the cord is prolonged straight. Lengths along the cord and across it are kept.
    """

    input_spec = _StraightenCordInputSpec
    output_spec = _StraightenCordOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.straighten import (
            check_folding,
            straight_fields,
            straight_grid,
            visible_ends,
        )

        img = load_image(self.inputs.in_file)
        frame, mask, warnings = _frame(self.inputs)
        half_width = self.inputs.half_width_mm
        ends = visible_ends(frame, img.affine, img.shape[:3])
        grid = straight_grid(
            frame, spacing=_spacing(self.inputs, img), half_width=half_width, ends=ends
        )
        name = _line_file(self.inputs).name
        warnings += check_folding(frame, name=name, half_width=half_width, ends=ends)

        out = Path(runtime.cwd)
        straight = _straightened(img, frame, grid, self.inputs.interpolation)
        self._results["out_file"] = str(save_image(straight, out / "straight.nii.gz"))
        if mask is not None:
            kind = "linear" if mask.get_data_dtype().kind == "f" else "label"
            straight = _straightened(mask, frame, grid, kind)
            self._results["out_mask"] = str(save_image(straight, out / "straight_mask.nii.gz"))
        to_image, to_straight = straight_fields(
            frame, affine=img.affine, shape=img.shape[:3], half_width=half_width
        )
        path = save_field(to_image, out / "warp_to_straight.nii.gz")
        self._results["warp_to_straight"] = str(path)
        path = save_field(to_straight, out / "warp_from_straight.nii.gz")
        self._results["warp_from_straight"] = str(path)
        self._results["warnings"] = warnings
        return runtime


class _SmoothAlongCordInputSpec(_AlongCordInputSpec):
    sigma_mm = traits.Range(
        low=0.0,
        exclude_low=True,
        value=3.0,
        usedefault=True,
        units="mm",
        desc="standard deviation of the Gaussian, along the cord",
    )
    radius_mm = traits.Range(
        low=0.0,
        exclude_low=True,
        value=RADIUS_MM,
        usedefault=True,
        units="mm",
        desc="distance from the centreline beyond which the image stays as it is; over the last "
        "5 mm the smoothing fades",
    )
    skip_empty = traits.Bool(
        False,
        usedefault=True,
        graph_only=True,
        desc="make nothing where the centreline has no points",
    )


class _SmoothAlongCordOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="image smoothed along the cord, on its own grid")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class SmoothAlongCord(SimpleInterface):
    """Smooth an image along the cord, and not across it."""

    input_spec = _SmoothAlongCordInputSpec
    output_spec = _SmoothAlongCordOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import finite
        from sctflow.core.smooth_along import smooth_along

        img = load_image(self.inputs.in_file)
        if self.inputs.skip_empty and not len(read_centerline(self.inputs.centerline_file)):
            return runtime
        frame, _, warnings = _frame(self.inputs)
        data = smooth_along(
            finite(np.asanyarray(img.dataobj)),
            img.affine,
            frame,
            sigma_mm=self.inputs.sigma_mm,
            radius_mm=self.inputs.radius_mm,
        )
        out = save_image(image_on(data, img, img), Path(runtime.cwd) / "smoothed.nii.gz")
        self._results["out_file"] = str(out)
        self._results["warnings"] = warnings
        return runtime


def _line_file(inputs):
    """Say which file the centreline comes from."""
    from nipype.interfaces.base import isdefined

    given = inputs.mask_file if isdefined(inputs.mask_file) else inputs.centerline_file
    return Path(given)


def _frame(inputs):
    """Frame of the cord, the mask's image if there is one, and what to warn about."""
    import numpy as np
    from nipype.interfaces.base import isdefined

    from sctflow.core.centerline import fit_centerline
    from sctflow.core.cord_checks import check_frame, check_mask
    from sctflow.core.cord_frame import make_frame

    path = _line_file(inputs)
    if not isdefined(inputs.mask_file):
        line = read_centerline(path)
        if not len(line):
            raise SegmentationError(f"{path}: the centreline has no points.")
        frame = make_frame(line)
        return frame, None, check_frame(frame, name=path.name)
    img = load_image(path)
    mask = np.asanyarray(img.dataobj)
    if not mask.any():
        raise SegmentationError(f"{path}: the mask is empty. Segment the cord first.")
    frame = make_frame(fit_centerline(mask, img.affine))
    warnings = check_frame(frame, name=path.name)
    return frame, img, [*warnings, *check_mask(frame, mask, img.affine, name=path.name)]


def _spacing(inputs, img):
    """Wanted voxel sides, or those of the image along its right, anterior and upper axes."""
    import numpy as np
    from nipype.interfaces.base import isdefined

    from sctflow.core.grid import canonical_axes

    if isdefined(inputs.spacing_mm):
        return inputs.spacing_mm
    sides = np.linalg.norm(img.affine[:3, :3], axis=0)
    return sides[np.argsort(canonical_axes(img.affine)[:, 0])]


def _straightened(img, frame, grid, interpolation):
    """Resample an image onto a grid of the straight space."""
    import nibabel as nib
    import numpy as np

    from sctflow.core.image import finite
    from sctflow.core.straighten import FromStraight
    from sctflow.core.transforms import resample_through

    affine, shape = grid
    data = resample_through(
        finite(np.asanyarray(img.dataobj)),
        img.affine,
        [FromStraight(frame)],
        to_affine=affine,
        to_shape=shape,
        interpolation=interpolation,
    )
    straight = nib.Nifti1Image(data, affine)
    straight.set_qform(affine, "aligned")
    straight.set_sform(affine, "aligned")
    straight.header.set_xyzt_units(*img.header.get_xyzt_units())
    if data.ndim > 3:
        straight.header["pixdim"][4] = img.header["pixdim"][4]
    return straight
