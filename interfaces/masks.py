"""Nodes that draw masks of simple shapes, and crop or flatten images around the cord."""

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

from sctflow.errors import SegmentationError
from sctflow.io import load_image, save_image

_AROUND = ("point", "label_file", "cord_file")


class _CreateMaskInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image that the mask is drawn on, 3-D or 4-D")
    kind = traits.Enum(
        "cylinder",
        "box",
        "gaussian",
        usedefault=True,
        desc="shape in each slice: a disc, a square, or weights that fall off as a Gaussian",
    )
    size_mm = traits.Range(
        low=0.0,
        exclude_low=True,
        value=35.0,
        usedefault=True,
        units="mm",
        desc="diameter of the disc, side of the square, twice the standard deviation",
    )
    point = traits.List(
        traits.Float,
        minlen=3,
        maxlen=3,
        xor=_AROUND,
        desc="place that the mask is drawn around, in every slice; by default the middle of the "
        "image",
    )
    space = traits.Enum(
        "voxel",
        "world",
        usedefault=True,
        desc="what the coordinates of the point are: voxels of the image as it is stored, from 0, "
        "or millimetres to the right, to the front and upwards (RAS)",
    )
    label_file = File(
        exists=True,
        xor=_AROUND,
        desc="image with one labelled point that the mask is drawn around, in every slice",
    )
    cord_file = File(
        exists=True,
        xor=_AROUND,
        desc="mask of the cord, or of its centreline, along which the mask is drawn; of this "
        "image or of another one in the same world space",
    )


class _MaskOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="mask on the grid of the image")


class CreateMask(SimpleInterface):
    """Draw a mask of a simple shape around a point or along the cord.

    Along the cord, slices that it does not reach stay empty.
    """

    input_spec = _CreateMaskInputSpec
    output_spec = _MaskOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.create_mask import draw_mask
        from sctflow.core.image import new_like

        img = load_image(self.inputs.in_file)
        mask = draw_mask(
            img.shape[:3],
            img.affine,
            _centers(self.inputs, img),
            kind=self.inputs.kind,
            size_mm=self.inputs.size_mm,
        )
        path = save_image(new_like(mask, img, mask.dtype), Path(runtime.cwd) / "mask.nii.gz")
        self._results["out_file"] = str(path)
        return runtime


class _CropImageInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to crop, 3-D or 4-D")
    mask_file = File(
        exists=True,
        mandatory=True,
        desc="mask to keep, of this image or of another one in the same world space",
    )
    margins_mm = traits.List(
        traits.Range(low=0.0),
        value=[20.0, 20.0, 0.0],
        minlen=3,
        maxlen=3,
        usedefault=True,
        units="mm",
        desc="what is kept around the mask: to the right and left, to the front and back, up and "
        "down",
    )


class _ImageOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the new image")


class CropImage(SimpleInterface):
    """Crop an image to the box around a mask.

    Voxels keep their values and their places in the world.
    """

    input_spec = _CropImageInputSpec
    output_spec = _ImageOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.crop import box_around
        from sctflow.core.image import crop

        img, mask = load_image(self.inputs.in_file), _load_mask(self.inputs.mask_file)
        box = box_around(
            np.asanyarray(mask.dataobj),
            mask.affine,
            affine=img.affine,
            shape=img.shape,
            margin_mm=self.inputs.margins_mm,
        )
        path = save_image(crop(img, *box), Path(runtime.cwd) / "cropped.nii.gz")
        self._results["out_file"] = str(path)
        return runtime


class _FlattenSagittalInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image, 3-D")
    mask_file = File(
        exists=True,
        mandatory=True,
        desc="mask of the cord, of this image or of another one in the same world space",
    )


class FlattenSagittal(SimpleInterface):
    """Shift the slices of an image sideways until the cord lies in the middle sagittal plane.

    For pictures: positions in the world no longer hold.
    """

    input_spec = _FlattenSagittalInputSpec
    output_spec = _ImageOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.flatten import flatten_sagittal
        from sctflow.core.image import new_like, squeeze
        from sctflow.errors import ImageError

        img = squeeze(load_image(self.inputs.in_file))
        if img.ndim != 3:
            raise ImageError(f"{self.inputs.in_file}: the image has {img.ndim} dimensions, not 3.")
        line = _centerline(self.inputs.mask_file)
        flat = flatten_sagittal(np.asanyarray(img.dataobj), img.affine, line)
        path = save_image(new_like(flat, img, np.float32), Path(runtime.cwd) / "flat.nii.gz")
        self._results["out_file"] = str(path)
        return runtime


def _centers(inputs, img):
    """Centre of the mask in each slice, as the inputs say."""
    import nibabel as nib
    import numpy as np

    from sctflow.core.create_mask import centers_along, centers_through, middle_of

    shape = img.shape[:3]
    if isdefined(inputs.cord_file):
        return centers_along(_centerline(inputs.cord_file), shape, img.affine)
    if isdefined(inputs.label_file):
        point = _labelled_point(inputs.label_file)
    elif not isdefined(inputs.point):
        point = middle_of(shape, img.affine)
    elif inputs.space == "voxel":
        point = nib.affines.apply_affine(img.affine, inputs.point)
    else:
        point = np.array(inputs.point)
    return centers_through(point, shape, img.affine)


def _labelled_point(path):
    """World position of the only labelled point of an image."""
    import numpy as np

    from sctflow.core.labels import LabelError, read_points

    img = load_image(path)
    points, _ = read_points(np.asanyarray(img.dataobj), img.affine, name=Path(path).name)
    if len(points) != 1:
        raise LabelError(
            f"{path}: {len(points)} points are labelled, one is needed. Keep one with "
            "select-labels."
        )
    return points.world[0]


def _load_mask(path):
    import numpy as np

    img = load_image(path)
    if not np.any(img.dataobj):
        raise SegmentationError(f"{path}: the mask is empty. Segment the cord first.")
    return img


def _centerline(path):
    import numpy as np

    from sctflow.core.centerline import fit_centerline

    img = _load_mask(path)
    return fit_centerline(np.asanyarray(img.dataobj), img.affine)
