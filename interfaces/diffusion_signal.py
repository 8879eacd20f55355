"""Nodes that take noise out of diffusion series, and that measure it."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import File, SimpleInterface, TraitedSpec, isdefined, traits

from sctflow.core.denoise import NEAR_MM
from sctflow.core.mask import mask_weights
from sctflow.interfaces.diffusion import DWIInputSpec, load_dwi, load_dwi_mask
from sctflow.interfaces.motion_tables import read_shifts
from sctflow.interfaces.series import series_like
from sctflow.io import save_image


class _DenoiseDWIInputSpec(DWIInputSpec):
    mask_file = File(
        exists=True, mandatory=True, desc="mask of the cord on the grid of the series"
    )
    method = traits.Enum(
        "mppca",
        "patch2self",
        usedefault=True,
        desc="principal components of patches, of which those of noise are dropped, or "
        "prediction of each volume from the others",
    )
    near = traits.Range(
        low=0.0,
        value=NEAR_MM,
        usedefault=True,
        units="mm",
        desc="how far beyond the mask, in the plane of the slices, to denoise",
    )
    skip_impossible = traits.Bool(
        False,
        usedefault=True,
        graph_only=True,
        desc="hand the series on with a warning where it cannot be denoised",
    )


class _DenoiseDWIOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="denoised series")
    method = traits.Dict(desc="how it was denoised, if it was, in the terms of its sidecar")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class DenoiseDWI(SimpleInterface):
    """Take the noise out of a diffusion series about the cord.

    Before motion is corrected: interpolation makes the noise of neighbours alike.
    """

    input_spec = _DenoiseDWIInputSpec
    output_spec = _DenoiseDWIOutputSpec

    def _run_interface(self, runtime):
        from sctflow.errors import SctflowError

        try:
            self._denoise(Path(runtime.cwd))
        except SctflowError as error:
            if not self.inputs.skip_impossible:
                raise
            self._results = {
                "out_file": self.inputs.in_file,
                "method": {"Denoising": "none"},
                "warnings": [f"The series was not denoised. {error}"],
            }
        return runtime

    def _denoise(self, folder):
        import numpy as np

        from sctflow.core.denoise import denoise_series

        given = self.inputs
        img, gradients, self._results["warnings"] = load_dwi(given, b0_needed=False)
        data = np.asanyarray(img.dataobj)
        denoised = denoise_series(
            data,
            img.affine,
            gradients.bvals,
            load_dwi_mask(given, img, data),
            method=given.method,
            near=given.near,
            b0_max=given.b0_max,
        )
        if data.dtype.kind == "f":
            denoised[~np.isfinite(data)] = np.nan
        series = series_like(denoised, img)
        self._results["out_file"] = str(save_image(series, folder / "denoised.nii.gz"))
        self._results["method"] = {"Denoising": given.method}


class _MeasureB0SNRInputSpec(DWIInputSpec):
    mask_file = File(exists=True, mandatory=True, desc="region, binary or soft, whose SNR is told")
    slice_motion_file = File(
        exists=True,
        requires=["interpolation"],
        desc="table of the motion of each slice that was undone: the noise that interpolation "
        "took away counts as if it were there",
    )
    interpolation = traits.Enum(
        *("spline", "linear", "nearest", "sinc", "fourier"),
        desc="how motion was undone",
    )


class _MeasureB0SNROutputSpec(TraitedSpec):
    snr = traits.Float(desc="mean signal of the region over the root of its mean variance")
    method = traits.Dict(desc="the same, in the terms of the JSON sidecar")
    warnings = traits.List(traits.Str, desc="why there is none")


class MeasureB0SNR(SimpleInterface):
    """Measure the signal-to-noise ratio of a diffusion series from its volumes with b = 0.

    With fewer than two of these there is none. Interpolation takes noise away, by a fourth and
    more of its variance between two voxels; where motion was undone, this is made up for.
    """

    input_spec = _MeasureB0SNRInputSpec
    output_spec = _MeasureB0SNROutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.tsnr import pooled_snr

        img, gradients, _ = load_dwi(self.inputs, b0_needed=False)
        data = np.asanyarray(img.dataobj)
        b0 = gradients.is_b0(self.inputs.b0_max)
        self._results |= {"warnings": [], "method": {}}
        if b0.sum() < 2:
            self._results["warnings"] = [
                f"there is no SNR: it takes two volumes with b = 0, the series has {b0.sum()}"
            ]
            return runtime
        snr = pooled_snr(data[..., b0], mask_weights(load_dwi_mask(self.inputs, img, data)))
        if isdefined(self.inputs.slice_motion_file):
            snr *= np.sqrt(self._noise_left(img.affine, b0))
        if np.isfinite(snr):
            snr = float(snr)
            self._results |= {"snr": snr, "method": {"SignalToNoiseRatio": round(snr, 2)}}
        return runtime

    def _noise_left(self, affine, b0):
        """Part of the noise's variance that is left, mean of slices and volumes."""
        from sctflow.core.motion import noise_left

        shift, across = read_shifts(self.inputs.slice_motion_file)
        interpolation = self.inputs.interpolation
        left = noise_left(shift, affine, slice_axis=across, interpolation=interpolation)
        return left[:, b0].mean()
