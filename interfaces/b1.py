"""Nodes that make maps of the transmit field ready for use."""

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

from sctflow.io import load_image, save_image


class _PrepareB1InputSpec(BaseInterfaceInputSpec):
    in_file = File(
        exists=True,
        mandatory=True,
        desc="map of the transmit field, as a factor or in percent of the nominal one",
    )
    reference_file = File(
        exists=True,
        mandatory=True,
        desc="image of the same session, onto whose grid it is brought",
    )
    mask_file = File(exists=True, mandatory=True, desc="mask of the cord on that grid")
    uri = traits.Str(graph_only=True, desc="what sidecars call the map")


class _PrepareB1OutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the field relative to the nominal one, 1 where it is right")
    method = traits.Dict(desc="what it was taken for, in the terms of the sidecars of its maps")
    warnings = traits.List(traits.Str, desc="why there is none")


class PrepareB1(SimpleInterface):
    """Bring a map of the transmit field onto an image by its header, as a factor.

    Whether it is in percent is told by its median in the cord. A map that cannot be used is left
    out with a warning.
    """

    input_spec = _PrepareB1InputSpec
    output_spec = _PrepareB1OutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.b1 import relative_field
        from sctflow.core.image import new_like, squeeze
        from sctflow.core.same_grid import data_on_grid

        given = self.inputs
        name = Path(given.in_file).name
        field, reference = (
            squeeze(load_image(path)) for path in (given.in_file, given.reference_file)
        )
        cord = data_on_grid(
            load_image(given.mask_file),
            reference,
            name=Path(given.mask_file).name,
            reference_name=Path(given.reference_file).name,
        )
        self._results["warnings"] = []
        try:
            relative, unit = relative_field(
                np.asanyarray(field.dataobj), field.affine, to_affine=reference.affine, cord=cord
            )
        except ValueError as error:
            self._results["warnings"].append(f"{name}: not used for MTsat and T1, {error}.")
            self._results["method"] = {"TransmitField": "not used"}
            return runtime
        used = {"Sources": [given.uri]} if isdefined(given.uri) else {}
        self._results["method"] = {"TransmitField": f"measured, {unit}", **used}
        path = save_image(
            new_like(relative, reference, np.float32), Path(runtime.cwd) / "b1.nii.gz"
        )
        self._results["out_file"] = str(path)
        return runtime
