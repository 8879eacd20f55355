"""Node that registers two images."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    InputMultiPath,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.core.registration import DEFAULT_STEPS
from sctflow.errors import ImageError
from sctflow.interfaces.transforms import image_on, save_warp
from sctflow.io import load_image, save_image
from sctflow.xfm import load_transform

_ORDER = "in the order in which antsApplyTransforms -t takes them"


class _RegisterImagesInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="moving image, 3-D")
    reference_file = File(
        exists=True,
        mandatory=True,
        desc="fixed image, 3-D: the moving one is brought onto its grid, within its slices",
    )
    in_mask = File(
        exists=True,
        requires=["reference_mask"],
        desc="mask of the moving image, binary or soft: of the cord, or of the white matter to "
        "follow the gray matter",
    )
    reference_mask = File(
        exists=True, requires=["in_mask"], desc="mask of the same on the fixed image"
    )
    in_labels = File(exists=True, desc="labelled points on the moving image, for type=label")
    reference_labels = File(exists=True, desc="points of the same values on the fixed image")
    region_file = File(
        exists=True,
        desc="on the fixed image, how much voxels count where images are matched (type=im, imseg)",
    )
    steps = traits.Str(
        desc="steps of the registration, such as step=1,type=seg,algo=centermassrot:step=2,"
        "type=im,algo=syn,metric=CC. Without any: "
        f"{DEFAULT_STEPS} where there are masks, and where there are none nothing but the initial "
        "transforms. Empty: the initial transforms alone, or where the headers place the images"
    )
    initial_transforms = InputMultiPath(
        File(exists=True),
        desc="ITK transforms that take the moving image to the fixed one, to start from, "
        + _ORDER,
    )
    initial_inverse_transforms = InputMultiPath(
        File(exists=True),
        requires=["initial_transforms"],
        desc=f"the same the other way, {_ORDER}; found numerically if not given",
    )
    interpolation = traits.Enum(
        "linear",
        "spline",
        "nearest",
        "label",
        usedefault=True,
        desc="of the images that are written",
    )


class _RegisterImagesOutputSpec(TraitedSpec):
    warp_forward = File(
        exists=True, desc="ITK displacement field that resamples the moving image onto the fixed"
    )
    warp_backward = File(
        exists=True, desc="ITK displacement field that resamples the fixed image onto the moving"
    )
    out_file = File(exists=True, desc="moving image on the grid of the fixed one")
    out_reference = File(exists=True, desc="fixed image on the grid of the moving one")
    steps = traits.Str(desc="steps that were run, spelled out")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class RegisterImages(SimpleInterface):
    """Register two images in steps, within the slices of the fixed image."""

    input_spec = _RegisterImagesInputSpec
    output_spec = _RegisterImagesOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.registration import format_steps, parse_steps, register

        moving = _read(self.inputs.in_file)
        fixed = _read(self.inputs.reference_file)
        steps, warnings = self._chosen_steps()
        steps = parse_steps(steps)
        found = register(
            _data(fixed, self.inputs.reference_mask, self.inputs.reference_labels),
            _data(moving, self.inputs.in_mask, self.inputs.in_labels),
            steps=steps,
            initial=_chain(self.inputs.initial_transforms),
            initial_inverse=_chain(self.inputs.initial_inverse_transforms),
            mask=_mask(self.inputs.region_file, fixed),
        )
        out = Path(runtime.cwd)
        for chain, wanted, other, warp, image in (
            (found.forward, fixed, moving, "warp_forward", "out_file"),
            (found.backward, moving, fixed, "warp_backward", "out_reference"),
        ):
            self._results[warp] = str(save_warp(chain, wanted, out / f"{warp}.nii.gz"))
            resampled = self._resampled(other, wanted, chain)
            self._results[image] = str(save_image(resampled, out / f"{image}.nii.gz"))
        self._results["steps"] = format_steps(steps)
        self._results["warnings"] = [*warnings, *found.warnings]
        return runtime

    def _chosen_steps(self):
        """The steps asked for, or the usual ones, and what to say of them."""
        if isdefined(self.inputs.steps):
            return self.inputs.steps, []
        if isdefined(self.inputs.in_mask):
            return DEFAULT_STEPS, []
        start = "by the initial transforms" if self._has_initial() else "as their headers say"
        return "", [f"No masks and no steps were given: the images are brought together {start}."]

    def _has_initial(self):
        return isdefined(self.inputs.initial_transforms)

    def _resampled(self, img, onto, chain):
        """Sample an image at the voxels of another, once."""
        import numpy as np

        from sctflow.core.image import finite
        from sctflow.core.transforms import resample_through

        data = resample_through(
            finite(np.asanyarray(img.dataobj)),
            img.affine,
            chain,
            to_affine=onto.affine,
            to_shape=onto.shape,
            interpolation=self.inputs.interpolation,
        )
        return image_on(data, onto, img)


def _read(path):
    from sctflow.core.image import squeeze

    img = squeeze(load_image(path))
    if img.ndim != 3:
        raise ImageError(
            f"{path}: only 3-D images can be registered, not {img.ndim}-D. Take one volume of a "
            "series, or its mean."
        )
    return img


def _chain(paths):
    return [part for path in (paths if isdefined(paths) else []) for part in load_transform(path)]


def _mask(path, img):
    from sctflow.core.image import squeeze
    from sctflow.core.manual import mask_on_grid

    return mask_on_grid(squeeze(load_image(path)), img, name=path) if isdefined(path) else None


def _data(img, mask, labels):
    """Gather what is known of an image; its labels may be stored in another orientation."""
    import numpy as np

    from sctflow.core.registration import ImageData

    label = None
    if isdefined(labels):
        label = _labels_on(load_image(labels), img, labels)
    return ImageData(
        affine=img.affine, image=np.asanyarray(img.dataobj), seg=_mask(mask, img), label=label
    )


def _labels_on(labels, img, name):
    import numpy as np

    from sctflow.core.image import squeeze, to_canonical, to_grid_of

    canonical, reference = to_canonical(squeeze(labels)), to_canonical(img)
    if canonical.shape != reference.shape or not np.allclose(
        canonical.affine, reference.affine, atol=1e-2
    ):
        raise ImageError(f"{name}: the labels do not lie on the grid of their image.")
    return to_grid_of(np.asanyarray(canonical.dataobj), img)
