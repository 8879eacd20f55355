"""Nodes that let results pass, or fail for what was refused before."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.errors import SctflowError
from sctflow.interfaces.base import StepOrNothing


class _PassCordSpec(TraitedSpec):
    image = File(exists=True, desc="image as it was used")
    mask = File(exists=True, desc="binary mask of the cord")
    probseg = File(exists=True, desc="soft mask of the cord")
    centerline_mask = File(exists=True, desc="one voxel per slice")
    centerline = File(exists=True, desc="table of the centreline")
    morphometry = File(exists=True, desc="per-slice morphometry of the cord")
    method = traits.Dict(desc="how the mask was made")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class _PassCordInputSpec(BaseInterfaceInputSpec, _PassCordSpec):
    refusals = traits.List(Str, desc="why there are no results, if so")


class PassCord(SimpleInterface):
    """Hand on what was found of a cord, or fail with what was refused on the way to it.

    The steps before it fail for nobody but themselves (see
    :class:`sctflow.interfaces.base.StepOrNothing`), so that labels of a session do not fall with
    one image. Here the image that was refused fails.
    """

    input_spec = _PassCordInputSpec
    output_spec = _PassCordSpec

    def _run_interface(self, runtime):
        if isdefined(self.inputs.refusals) and self.inputs.refusals:
            raise SctflowError(self.inputs.refusals[0])
        for name in self.output_spec().get():
            value = getattr(self.inputs, name)
            if isdefined(value):
                self._results[name] = value
        return runtime


class _PassFileInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="file to hand on")
    beside = File(exists=True, needed=True, desc="what must be there for that")


class _PassFileOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the same file")


class PassFile(StepOrNothing):
    """Hand a file on for an image, once that image is known to be good."""

    input_spec = _PassFileInputSpec
    output_spec = _PassFileOutputSpec

    def _step(self, folder):
        self._results["out_file"] = self.inputs.in_file
