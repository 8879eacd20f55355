"""Nodes that give the mask of the cord: from a built-in network, or made by hand."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.errors import SctflowError
from sctflow.interfaces.base import StepOrNothing, forgive_trait, refusal_trait
from sctflow.io import load_image, save_image, save_table


class _CordMaskOutputSpec(TraitedSpec):
    mask_file = File(exists=True, desc="binary mask of the cord on the grid of the image")
    prob_file = File(desc="soft mask of the cord, 0 to 1, on the grid of the image")
    slices_file = File(desc="confidence of the segmentation, one row per slice")
    measured_file = File(exists=True, desc="the mask that measurements are made on")
    method = traits.Dict(desc="how the mask was made, in the terms of the JSON sidecar")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")
    refusal = refusal_trait()


class _SegmentCordInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="image in which to find the cord")
    forgive = forgive_trait()
    model = traits.Dict(
        graph_only=True,
        desc="name, version and checksum of the networks, where they must be these: other "
        "weights make another result",
    )
    warnings = traits.List(
        traits.Str, usedefault=True, graph_only=True, desc="warnings so far, to be passed on"
    )
    num_threads = traits.Int(1, usedefault=True, nohash=True, desc="threads of the network")


class SegmentCord(StepOrNothing):
    """Segment the spinal cord with the built-in networks.

    A volume without a cord gives an empty mask and a warning.
    """

    input_spec = _SegmentCordInputSpec
    output_spec = _CordMaskOutputSpec

    def _step(self, folder):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.segmentation import segment_cord
        from sctflow.models import load_cord_nets

        img = load_image(self.inputs.in_file)
        nets, info = load_cord_nets()
        if isdefined(self.inputs.model) and info != self.inputs.model:
            raise SctflowError(
                "The networks were changed while the program was running: start it again."
            )
        cord = segment_cord(
            np.asanyarray(img.dataobj),
            img.affine,
            nets=nets,
            num_threads=self.inputs.num_threads,
        )
        save_image(new_like(cord.mask, img, np.uint8), folder / "mask.nii.gz")
        save_image(new_like(cord.probability, img, np.float32), folder / "prob.nii.gz")
        save_table(cord.slices, folder / "slices.tsv")
        self._results.update(
            mask_file=str(folder / "mask.nii.gz"),
            prob_file=str(folder / "prob.nii.gz"),
            slices_file=str(folder / "slices.tsv"),
            measured_file=str(folder / "mask.nii.gz"),
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


class _ManualMaskInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="image that the mask was drawn on")
    forgive = forgive_trait()
    manual_mask = File(exists=True, mandatory=True, desc="mask of the cord made by hand")
    warnings = traits.List(
        traits.Str, usedefault=True, graph_only=True, desc="warnings so far, to be passed on"
    )


class ManualMask(StepOrNothing):
    """Take a mask of the cord made by hand, binary or soft, if it lies on the image's grid.

    A mask stored in another orientation of the same grid is turned. A soft mask is cut at 0.5 for
    the binary one; measurements use its weights.
    """

    input_spec = _ManualMaskInputSpec
    output_spec = _CordMaskOutputSpec

    def _step(self, folder):
        import numpy as np

        from sctflow.core.image import new_like, squeeze
        from sctflow.core.manual import mask_on_grid

        path = self.inputs.manual_mask
        img = load_image(self.inputs.in_file)
        weights = mask_on_grid(squeeze(load_image(path)), img, name=path)
        soft = not np.isin(weights, (0, 1)).all()

        save_image(new_like(weights >= 0.5, img, np.uint8), folder / "mask.nii.gz")
        self._results.update(
            mask_file=str(folder / "mask.nii.gz"),
            measured_file=str(folder / "mask.nii.gz"),
            method={"Manual": True, "SegmentationMethod": "manual"},
            warnings=list(self.inputs.warnings),
        )
        if soft:
            save_image(new_like(weights, img, np.float32), folder / "prob.nii.gz")
            self._results.update(
                prob_file=str(folder / "prob.nii.gz"), measured_file=str(folder / "prob.nii.gz")
            )
