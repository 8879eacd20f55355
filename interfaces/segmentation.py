"""Nodes that give the mask of the cord: from a built-in network, or made by hand."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from sctflow.errors import ImageError, SegmentationError
from sctflow.io import load_image, save_image, save_table


class _CordMaskOutputSpec(TraitedSpec):
    mask_file = File(exists=True, desc="binary mask of the cord on the grid of the image")
    prob_file = File(desc="soft mask of the cord, 0 to 1, on the grid of the image")
    slices_file = File(desc="confidence of the segmentation, one row per slice")
    measured_file = File(exists=True, desc="the mask that measurements are made on")
    method = traits.Dict(desc="how the mask was made, in the terms of the JSON sidecar")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class _SegmentCordInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image in which to find the cord")
    warnings = traits.List(traits.Str, usedefault=True, desc="warnings so far, to be passed on")
    num_threads = traits.Int(1, usedefault=True, nohash=True, desc="threads of the network")


class SegmentCord(SimpleInterface):
    """Segment the spinal cord with the built-in networks.

    A volume without a cord gives an empty mask and a warning.
    """

    input_spec = _SegmentCordInputSpec
    output_spec = _CordMaskOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.segmentation import segment_cord
        from sctflow.models import load_cord_nets

        img = load_image(self.inputs.in_file)
        nets, info = load_cord_nets()
        cord = segment_cord(
            np.asanyarray(img.dataobj),
            img.affine,
            nets=nets,
            num_threads=self.inputs.num_threads,
        )
        out = Path(runtime.cwd)
        save_image(new_like(cord.mask, img, np.uint8), out / "mask.nii.gz")
        save_image(new_like(cord.probability, img, np.float32), out / "prob.nii.gz")
        save_table(cord.slices, out / "slices.tsv")
        self._results.update(
            mask_file=str(out / "mask.nii.gz"),
            prob_file=str(out / "prob.nii.gz"),
            slices_file=str(out / "slices.tsv"),
            measured_file=str(out / "mask.nii.gz"),
            method={
                "Manual": False,
                "SegmentationMethod": "network",
                "Model": {
                    "Name": info["name"],
                    "Version": info["version"],
                    "Checksum": info["checksum"],
                },
            },
            warnings=[*self.inputs.warnings, *cord.warnings],
        )
        return runtime


class _ManualMaskInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image that the mask was drawn on")
    manual_mask = File(exists=True, mandatory=True, desc="mask of the cord made by hand")
    warnings = traits.List(traits.Str, usedefault=True, desc="warnings so far, to be passed on")


class ManualMask(SimpleInterface):
    """Take a mask of the cord made by hand, binary or soft, if it lies on the image's grid.

    A mask stored in another orientation of the same grid is turned. A soft mask is cut at 0.5 for
    the binary one; measurements use its weights.
    """

    input_spec = _ManualMaskInputSpec
    output_spec = _CordMaskOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like, squeeze

        path = self.inputs.manual_mask
        img = load_image(self.inputs.in_file)
        weights = mask_on_grid(squeeze(load_image(path)), img, name=path)
        soft = not np.isin(weights, (0, 1)).all()

        out = Path(runtime.cwd)
        save_image(new_like(weights >= 0.5, img, np.uint8), out / "mask.nii.gz")
        self._results.update(
            mask_file=str(out / "mask.nii.gz"),
            measured_file=str(out / "mask.nii.gz"),
            method={"Manual": True, "SegmentationMethod": "manual"},
            warnings=list(self.inputs.warnings),
        )
        if soft:
            save_image(new_like(weights, img, np.float32), out / "prob.nii.gz")
            self._results.update(
                prob_file=str(out / "prob.nii.gz"), measured_file=str(out / "prob.nii.gz")
            )
        return runtime


def mask_on_grid(mask, img, *, name):
    """Weights of a mask as an array on the voxels of an image.

    Parameters
    ----------
    mask : nibabel.Nifti1Image
        Mask with weights from 0 to 1, or with a single value other than 0.
    img : nibabel.Nifti1Image
        Image that the mask belongs to.
    name : str
        File of the mask, for the messages.

    Returns
    -------
    numpy.ndarray
        float32 weights from 0 to 1 on the grid of ``img``.

    Raises
    ------
    ImageError
        When the corners of the two grids are more than a tenth of a voxel (and 0.1 mm) apart.
    SegmentationError
        When the mask is empty or its values are not those of a mask.
    """
    import numpy as np

    from sctflow.core.image import to_canonical, to_grid_of

    canonical, reference = to_canonical(mask), to_canonical(img)
    if canonical.shape != reference.shape:
        raise ImageError(
            f"{name}: the mask has {canonical.shape} voxels (right, anterior, superior) and its "
            f"image has {reference.shape}. Draw the mask on the image, or resample it to it."
        )
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in reference.shape], [1]), -1)
    corners = corners.reshape(-1, 4).T
    apart = np.abs((canonical.affine - reference.affine) @ corners).max()
    tolerance = max(0.1, 0.1 * min(reference.header.get_zooms()[:3]))
    if not apart <= tolerance:
        raise ImageError(
            f"{name}: the mask lies up to {apart:.2g} mm away from its image. Copy the "
            "orientation (affine) of the image into the mask, or resample the mask to the image."
        )

    weights = np.nan_to_num(np.asarray(canonical.dataobj, dtype=np.float32))
    values = np.unique(weights)
    if values[-1] <= 0:
        raise SegmentationError(
            f"{name}: the mask is empty. Draw the cord in it, or remove the file to have the "
            "cord segmented."
        )
    if len(values) == 2 and values[0] == 0:
        weights = weights / values[1]
    elif values[0] < 0 or values[-1] > 1:
        raise SegmentationError(
            f"{name}: the values go from {values[0]:g} to {values[-1]:g}, and a mask of the cord "
            "has weights from 0 to 1. Keep only the label of the cord in the file."
        )
    return np.asarray(to_grid_of(weights, img), dtype=np.float32)
