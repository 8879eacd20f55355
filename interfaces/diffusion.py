"""Nodes that check diffusion gradients, separate volumes and fit tensors."""

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

from sctflow.core.gradients import B0_MAX
from sctflow.gradients import load_gradients, save_gradients
from sctflow.interfaces.series import load_series
from sctflow.io import load_image, save_image, save_table


class GradientsInputSpec(BaseInterfaceInputSpec):
    """The gradients of a diffusion series."""

    bval_file = File(exists=True, mandatory=True, desc="b-values, s/mm²")
    bvec_file = File(
        exists=True,
        mandatory=True,
        desc="directions in FSL's format: three rows, along the axes of the image",
    )
    b0_max = traits.Range(
        low=0.0,
        value=B0_MAX,
        usedefault=True,
        units="s/mm²",
        desc="volumes with at most this b-value have no diffusion weighting",
    )


class DWIInputSpec(GradientsInputSpec):
    """A diffusion series with its gradients."""

    in_file = File(exists=True, mandatory=True, desc="diffusion-weighted series")


class _CheckGradientsInputSpec(DWIInputSpec):
    b0_needed = traits.Bool(
        True,
        usedefault=True,
        desc="refuse a series without b = 0; a warning otherwise",
    )


class _CheckGradientsOutputSpec(TraitedSpec):
    bval_file = File(exists=True, desc="b-values in a row")
    bvec_file = File(exists=True, desc="directions in three rows, of unit length")
    shells_file = File(exists=True, desc="b-value and number of volumes of each shell")
    warnings = traits.List(traits.Str, desc="what was repaired")


class CheckGradients(SimpleInterface):
    """Check b-values and directions of a series and repair what is harmless.

    A transposed table is turned and directions are brought to unit length, with a warning. Counts
    that differ from that of the volumes, missing directions, values that are not numbers, and
    series without diffusion weighting are refused; so are those without b = 0, if it is needed.
    """

    input_spec = _CheckGradientsInputSpec
    output_spec = _CheckGradientsOutputSpec

    def _run_interface(self, runtime):
        import pandas as pd

        from sctflow.core.gradients import find_shells

        _, gradients, warnings = load_dwi(self.inputs, b0_needed=self.inputs.b0_needed)
        out = Path(runtime.cwd)
        self._results |= save_like(gradients, self.inputs, out)
        b0 = gradients.is_b0(self.inputs.b0_max)
        rows = [(gradients.bvals[b0].mean(), int(b0.sum()))] if b0.any() else []
        shells = find_shells(gradients.bvals, b0_max=self.inputs.b0_max)
        rows += [(shell.bval, len(shell.volumes)) for shell in shells]
        table = save_table(pd.DataFrame(rows, columns=["bval", "volumes"]), out / "shells.tsv")
        self._results |= {"shells_file": str(table), "warnings": warnings}
        return runtime


class _SeparateB0InputSpec(DWIInputSpec):
    means_only = traits.Bool(
        False, usedefault=True, desc="average both kinds without writing their volumes"
    )


class _SeparateB0OutputSpec(TraitedSpec):
    b0_file = File(exists=True, desc="volumes without diffusion weighting")
    dwi_file = File(exists=True, desc="volumes with diffusion weighting")
    b0_mean_file = File(exists=True, desc="mean of the volumes without diffusion weighting")
    dwi_mean_file = File(exists=True, desc="mean of the volumes with diffusion weighting")
    warnings = traits.List(traits.Str, desc="what was repaired in b-values and directions")


class SeparateB0(SimpleInterface):
    """Separate volumes with and without diffusion weighting, and average both."""

    input_spec = _SeparateB0InputSpec
    output_spec = _SeparateB0OutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like

        img, gradients, self._results["warnings"] = load_dwi(self.inputs, b0_needed=False)
        data = np.asanyarray(img.dataobj)
        b0 = gradients.is_b0(self.inputs.b0_max)
        for name, chosen in (("b0", b0), ("dwi", ~b0)):
            if not chosen.any():
                continue
            part = data[..., chosen]
            images = {f"{name}_mean": (part.mean(axis=-1), np.float32)}
            if not self.inputs.means_only:
                images[name] = (part, data.dtype)
            for stem, (values, dtype) in images.items():
                path = Path(runtime.cwd) / f"{stem}.nii.gz"
                save_image(new_like(values, img, dtype), path)
                self._results[f"{stem}_file"] = str(path)
        return runtime


class _FitDTIInputSpec(DWIInputSpec):
    mask_file = File(
        exists=True,
        desc="where tensors are fitted; by default, wherever the series has a signal",
    )
    margin = traits.Range(
        low=0.0,
        value=0.0,
        usedefault=True,
        units="mm",
        desc="how far beyond the mask, in the plane of the slices, tensors are fitted as well",
    )
    method = traits.Enum(
        "wls",
        "restore",
        usedefault=True,
        desc="weighted least squares, or RESTORE, which drops outliers",
    )
    noise = traits.Range(
        low=0.0,
        exclude_low=True,
        desc="standard deviation of the noise in the units of the series, for restore; by "
        "default it is estimated from a first fit",
    )
    skip_impossible = traits.Bool(
        False,
        usedefault=True,
        graph_only=True,
        desc="give a warning and no maps where there is nothing to fit",
    )


class _FitDTIOutputSpec(TraitedSpec):
    fa_file = File(exists=True, desc="fractional anisotropy")
    md_file = File(exists=True, desc="mean diffusivity, mm²/s")
    ad_file = File(exists=True, desc="axial diffusivity, mm²/s")
    rd_file = File(exists=True, desc="radial diffusivity, mm²/s")
    residual_file = File(
        exists=True, desc="root of the residual variance, in the units of the series"
    )
    direction_file = File(
        exists=True, desc="main direction, 4-D, in the coordinates of the directions given"
    )
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class FitDTI(SimpleInterface):
    """Fit diffusion tensors and make maps of FA, MD, AD and RD.

    Voxels outside of the mask, and those without signal, are not numbers in the maps.
    """

    input_spec = _FitDTIInputSpec
    output_spec = _FitDTIOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.gradients import GradientError
        from sctflow.errors import ImageError

        try:
            self._fit(Path(runtime.cwd))
        except (GradientError, ImageError) as error:
            if not self.inputs.skip_impossible:
                raise
            self._results = {"warnings": [f"No tensors were fitted. {error}"]}
        return runtime

    def _fit(self, folder):
        import numpy as np

        from sctflow.core.dti import PARAMETERS, POORLY_SPREAD, condition_number, fit_dti
        from sctflow.core.image import new_like

        given = self.inputs
        img, gradients, warnings = load_dwi(given)
        data = np.asanyarray(img.dataobj)
        maps = fit_dti(
            data,
            load_dwi_mask(given, img, data),
            gradients,
            method=given.method,
            sigma=given.noise if isdefined(given.noise) else None,
            b0_max=given.b0_max,
        )
        for name, values in maps._asdict().items():
            path = save_image(new_like(values, img, np.float32), folder / f"{name}.nii.gz")
            self._results[f"{name}_file"] = str(path)
        if data.shape[3] <= PARAMETERS:
            warnings.append(
                f"{data.shape[3]} volumes are just enough for a tensor: nothing is left to tell "
                "how well it fits, so that there are no residuals"
            )
        if (condition := condition_number(gradients, b0_max=given.b0_max)) > POORLY_SPREAD:
            warnings.append(
                f"the directions hardly determine a tensor (condition number {condition:.0f}; "
                "evenly spread ones have 1.6): maps show noise more than diffusion"
            )
        self._results["warnings"] = warnings


def load_dwi(inputs, *, b0_needed=True):
    """Read a series with its checked gradients; also tells what was repaired in them."""
    img = load_series(inputs.in_file)
    return img, *read_gradients(inputs, img, b0_needed=b0_needed)


def read_gradients(inputs, img, *, b0_needed=True):
    """Read the checked gradients of a series; also tells what was repaired in them."""
    return load_gradients(
        inputs.bval_file,
        inputs.bvec_file,
        img.shape[3],
        b0_max=inputs.b0_max,
        b0_needed=b0_needed,
    )


def save_like(gradients, inputs, folder):
    """Write gradients under the names of those they come from, by which messages call them."""
    bval, bvec = save_gradients(
        gradients,
        folder / f"{Path(inputs.bval_file).stem}.bval",
        folder / f"{Path(inputs.bvec_file).stem}.bvec",
    )
    return {"bval_file": str(bval), "bvec_file": str(bvec)}


def load_dwi_mask(inputs, img, data):
    """Read the mask on the grid of a series, grown by the margin of the inputs if any."""
    from sctflow.core.mask import grow_in_slices
    from sctflow.core.same_grid import data_on_grid

    path = inputs.mask_file
    if not isdefined(path):
        return (data > 0).any(axis=-1)
    mask = data_on_grid(
        load_image(path), img, name=Path(path).name, reference_name=Path(inputs.in_file).name
    )
    margin = getattr(inputs, "margin", 0.0)
    return grow_in_slices(mask, img.affine, margin) if margin else mask
