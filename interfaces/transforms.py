"""Nodes that apply, join, invert and convert transforms."""

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

from sctflow.errors import ImageError
from sctflow.io import load_image, save_image
from sctflow.xfm import load_transform, save_affine, save_field, save_fsl_warp

POINTS = "points"
"""Interpolation that moves labelled voxels as points."""

_ORDER = (
    "ITK transform files (.nii.gz, .mat, .txt, .tfm, .h5), in the order in which a point of the "
    "reference goes through them: that of antsApplyTransforms -t, the last one given being the "
    "first that moves the image"
)


class _ChainInputSpec(BaseInterfaceInputSpec):
    reference_file = File(
        exists=True, mandatory=True, desc="image on whose grid the result is wanted"
    )
    transforms = InputMultiPath(File(exists=True), mandatory=True, desc=_ORDER)
    invert = traits.List(
        traits.Range(low=1, value=1),
        desc="which of the transforms are to be inverted: their places in the list, from 1",
    )


class _ApplyTransformsInputSpec(_ChainInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to be resampled, 3-D or 4-D")
    transforms = InputMultiPath(
        File(exists=True), desc=f"{_ORDER}; without any, the image is resampled as it lies"
    )
    interpolation = traits.Enum(
        "linear",
        "spline",
        "nearest",
        "label",
        POINTS,
        usedefault=True,
        desc="spline: cubic, for images; linear: for soft masks too; nearest, or label, which "
        "elects the label with the largest share: for label images; points: for labelled points, "
        "each of which is moved, so that none is lost",
    )


class _ApplyTransformsOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="image on the grid of the reference")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class ApplyTransforms(SimpleInterface):
    """Resample an image onto the grid of another through transforms, interpolating once."""

    input_spec = _ApplyTransformsInputSpec
    output_spec = _ApplyTransformsOutputSpec

    def _run_interface(self, runtime):
        img, reference = load_image(self.inputs.in_file), load_image(self.inputs.reference_file)
        chain, warnings = _chain(self.inputs, reference)
        out = Path(runtime.cwd) / "transformed.nii.gz"
        if self.inputs.interpolation == POINTS:
            name = Path(self.inputs.in_file).name
            data, noticed = _moved_points(img, reference, chain, name)
            warnings += noticed
        else:
            data = _resampled(img, reference, chain, self.inputs.interpolation)
        self._results["out_file"] = str(save_image(image_on(data, reference, img), out))
        self._results["warnings"] = warnings
        return runtime


class _ConcatenateTransformsInputSpec(_ChainInputSpec):
    pass


class _FieldOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="ITK displacement field on the grid of the reference")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class ConcatenateTransforms(SimpleInterface):
    """Join transforms into one displacement field on the grid of the reference."""

    input_spec = _ConcatenateTransformsInputSpec
    output_spec = _FieldOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.transforms import compose

        reference = load_image(self.inputs.reference_file)
        chain, warnings = _chain(self.inputs, reference)
        field = compose(chain, affine=reference.affine, shape=reference.shape[:3])
        path = save_field(field, Path(runtime.cwd) / "joined.nii.gz")
        self._results["out_file"] = str(path)
        self._results["warnings"] = warnings
        return runtime


class _InvertTransformInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="ITK transform file")
    reference_file = File(
        exists=True,
        desc="image that the inverse is to cover: the moving image of the transform. Needed "
        "unless the transform is a matrix",
    )


class _InvertTransformOutputSpec(TraitedSpec):
    out_file = File(
        exists=True,
        desc="the inverse: an ITK displacement field on the grid of the reference, or the text "
        "file of a matrix",
    )
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class InvertTransform(SimpleInterface):
    """Invert a transform.

    The inverse is exact at the voxels of the reference. Where the transform comes from nowhere,
    the displacements at the edge are continued.
    """

    input_spec = _InvertTransformInputSpec
    output_spec = _InvertTransformOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.transforms import Affine, compose, join_chains

        path, out = Path(self.inputs.in_file), Path(runtime.cwd)
        chain = load_transform(path)
        self._results["warnings"] = []
        if len(chain) == 1 and isinstance(chain[0], Affine):
            saved = save_affine(chain[0].inverse(), out / "inverse.txt")
            self._results["out_file"] = str(saved)
            return runtime
        if not isdefined(self.inputs.reference_file):
            raise ImageError(
                f"{path}: the inverse of a displacement field needs a grid. Give the moving image "
                "of the transform as reference_file."
            )
        reference = load_image(self.inputs.reference_file)
        grid = {"affine": reference.affine, "shape": reference.shape[:3]}
        inverse, folded = join_chains([(chain, True)], **grid)
        saved = save_field(compose(inverse, **grid), out / "inverse.nii.gz")
        self._results["out_file"] = str(saved)
        self._results["warnings"] = _folds([path], folded)
        return runtime


class _ConvertToFSLInputSpec(_ChainInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image that the warp will be applied to")


class _ConvertToFSLOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="relative warp for applywarp --rel, on the reference's grid")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class ConvertToFSL(SimpleInterface):
    """Join transforms into a warp for FSL's applywarp.

    FSL counts millimetres along the voxel axes of both images, so that the warp serves this
    image and this reference only.
    """

    input_spec = _ConvertToFSLInputSpec
    output_spec = _ConvertToFSLOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.transforms import fsl_warp

        img, reference = load_image(self.inputs.in_file), load_image(self.inputs.reference_file)
        chain, warnings = _chain(self.inputs, reference)
        warp = fsl_warp(
            chain,
            affine=reference.affine,
            shape=reference.shape[:3],
            moving_affine=img.affine,
            moving_shape=img.shape[:3],
        )
        path = save_fsl_warp(warp, reference.affine, Path(runtime.cwd) / "fsl_warp.nii.gz")
        self._results["out_file"] = str(path)
        self._results["warnings"] = warnings
        return runtime


def image_on(data, reference, source):
    """Make an image of resampled data.

    Parameters
    ----------
    data : (i, j, k) or (i, j, k, n) array
    reference : nibabel image
        Whose grid the data are on.
    source : nibabel image
        Which they come from; gives the time between volumes.

    Returns
    -------
    nibabel image
    """
    from sctflow.core.image import new_like

    img = new_like(data, reference, data.dtype)
    img.header.set_xyzt_units("mm", source.header.get_xyzt_units()[1])
    if data.ndim > 3:
        img.header["pixdim"][4] = source.header["pixdim"][4]
    return img


def save_warp(chain, img, path):
    """Write transforms as one displacement field about an image's grid."""
    from sctflow.core.transforms import compose, field_grid

    affine, shape = field_grid(img.affine, img.shape)
    return save_field(compose(chain, affine=affine, shape=shape), path)


def _chain(inputs, reference):
    """Read the transforms, invert those that are to be, and say what to warn about."""
    from sctflow.core.transforms import join_chains

    paths = inputs.transforms if isdefined(inputs.transforms) else []
    turned = inputs.invert if isdefined(inputs.invert) else []
    if beyond := [place for place in turned if place > len(paths)]:
        raise ImageError(
            f"invert: there is no transform number {beyond[0]}; {len(paths)} are given."
        )
    parts = [(load_transform(path), n in turned) for n, path in enumerate(paths, start=1)]
    chain, folded = join_chains(parts, affine=reference.affine, shape=reference.shape[:3])
    return chain, _folds(paths, folded)


def _folds(paths, folded):
    return [
        f"{Path(path).name}: the transform folds, and has no inverse at {count} voxels"
        for path, count in zip(paths, folded, strict=True)
        if count
    ]


def _resampled(img, reference, chain, interpolation):
    """Sample an image at the voxels of the reference."""
    import numpy as np

    from sctflow.core.image import finite, squeeze
    from sctflow.core.transforms import resample_through

    return resample_through(
        finite(np.asanyarray(squeeze(img).dataobj)),
        img.affine,
        chain,
        to_affine=reference.affine,
        to_shape=reference.shape[:3],
        interpolation=interpolation,
    )


def _moved_points(img, reference, chain, name):
    """Draw the labelled points of an image where they lie on the reference."""
    import numpy as np

    from sctflow.core.image import squeeze
    from sctflow.core.label_edits import carry_points
    from sctflow.core.labels import draw_points, read_points

    grid = {"affine": reference.affine, "shape": reference.shape[:3]}
    points, noticed = read_points(np.asanyarray(squeeze(img).dataobj), img.affine, name=name)
    points, lost = carry_points(points, chain, name=name, **grid)
    return draw_points(points, name=name, **grid), [*noticed, *lost]
