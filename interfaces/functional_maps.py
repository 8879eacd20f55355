"""Nodes that make maps of how steady a signal is."""

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

from sctflow.interfaces.motion_tables import read_shifts
from sctflow.interfaces.series import load_series
from sctflow.io import load_image, save_image


class _ComputeTSNRInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="functional series, corrected for motion")
    skip = traits.Range(
        low=0, value=0, usedefault=True, desc="volumes at the beginning that are left out"
    )
    mask_file = File(exists=True, desc="region whose median tSNR is told")
    slice_motion_file = File(
        exists=True,
        requires=["interpolation"],
        desc="table of the motion of each slice, for a series before its correction: it is "
        "interpolated as much as the correction does, without being corrected, so that noise "
        "loses as much and the two can be compared",
    )
    interpolation = traits.Enum(
        *("spline", "linear", "nearest", "sinc", "fourier"),
        requires=["slice_motion_file"],
        desc="how the corrected series was interpolated",
    )


class _ComputeTSNROutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="temporal signal-to-noise ratio of each voxel")
    median = traits.Float(desc="median tSNR of the voxels of which the mask has at least half")


class ComputeTSNR(SimpleInterface):
    """Compute the temporal signal-to-noise ratio of a series.

    Mean over standard deviation after removing the linear drift. Voxels that do not change are
    not numbers.
    """

    input_spec = _ComputeTSNRInputSpec
    output_spec = _ComputeTSNROutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.tsnr import temporal_snr

        img = load_series(self.inputs.in_file)
        data = np.asanyarray(img.dataobj)
        if isdefined(self.inputs.slice_motion_file):
            data = _matched(data, img.affine, self.inputs)
        tsnr = temporal_snr(data[..., self.inputs.skip :])
        path = save_image(new_like(tsnr, img, np.float32), Path(runtime.cwd) / "tsnr.nii.gz")
        self._results["out_file"] = str(path)
        if isdefined(self.inputs.mask_file):
            inside = _load_weights(self.inputs.mask_file, img) >= 0.5
            self._results["median"] = float(np.nanmedian(tsnr[inside]))
        return runtime


class _ComputeSNRInputSpec(BaseInterfaceInputSpec):
    in_file = File(
        exists=True,
        mandatory=True,
        desc="4-D image of repeated volumes, such as those of a diffusion series with b = 0",
    )
    mask_file = File(exists=True, mandatory=True, desc="region, binary or soft, whose SNR is told")


class _ComputeSNROutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="mean over standard deviation of each voxel")
    snr = traits.Float(desc="mean signal of the region over the root of its mean variance")


class ComputeSNR(SimpleInterface):
    """Compute the signal-to-noise ratio from images that were repeated.

    The ratio of the region is right from two volumes on; that of single voxels scatters widely
    with few.
    """

    input_spec = _ComputeSNRInputSpec
    output_spec = _ComputeSNROutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.tsnr import pooled_snr, repeated_snr

        img = load_series(self.inputs.in_file)
        data = np.asanyarray(img.dataobj)
        weights = _load_weights(self.inputs.mask_file, img)
        snr = new_like(repeated_snr(data), img, np.float32)
        self._results["out_file"] = str(save_image(snr, Path(runtime.cwd) / "snr.nii.gz"))
        self._results["snr"] = pooled_snr(data, weights)
        return runtime


def _matched(data, affine, inputs):
    """Series with its motion, interpolated as much as the correction does."""
    from sctflow.core.motion import match_interpolation

    shift, slice_axis = read_shifts(inputs.slice_motion_file)
    return match_interpolation(
        data, affine, shift, slice_axis=slice_axis, interpolation=inputs.interpolation
    )


def _load_weights(path, img):
    from sctflow.core.manual import mask_on_grid

    return mask_on_grid(load_image(path), img.slicer[..., 0], name=Path(path).name)
