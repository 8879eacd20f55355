"""Nodes that read an image before anything is computed from it."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import BaseInterfaceInputSpec, File, TraitedSpec, traits

from sctflow.core.image import check_image, finite, new_like, squeeze
from sctflow.interfaces.base import StepOrNothing, forgive_trait, refusal_trait
from sctflow.io import load_image, save_image


class _CheckImageInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image as found in the dataset")
    forgive = forgive_trait()


class _CheckImageOutputSpec(TraitedSpec):
    out_file = File(
        exists=True,
        desc="the image itself, or a copy with 3 axes and finite values where it needed one",
    )
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")
    refusal = refusal_trait()


class CheckImage(StepOrNothing):
    """Refuse an image that cannot be trusted and repair what is harmless.

    Errors name the file. A trailing axis of length one is dropped and values that are not finite
    become 0, in a copy; an image that needs neither is passed on as it is, without a copy.
    """

    input_spec = _CheckImageInputSpec
    output_spec = _CheckImageOutputSpec

    def _step(self, folder):
        import numpy as np

        in_file = Path(self.inputs.in_file)
        original = load_image(in_file)
        img = squeeze(original)
        warnings = check_image(img, name=str(in_file))
        data = np.asanyarray(img.dataobj)

        out_file = in_file
        if img.shape != original.shape or not np.isfinite(data).all():
            out_file = folder / "checked.nii.gz"
            save_image(new_like(finite(data), img, data.dtype), out_file)
        self._results["out_file"] = str(out_file)
        self._results["warnings"] = [text.removeprefix(f"{in_file}: ") for text in warnings]
