"""Node that draws the figures of the labels along the spine."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.figures import read_voxels, save_figure
from sctflow.io import load_table


class _LabelFiguresInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to look at")
    named_table = File(
        exists=True,
        needed=True,
        desc="discs and other points: x, y, z, value, confidence, inferred, manual",
    )
    centerline_file = File(
        exists=True, desc="table of the centreline; without it, the view follows the labels"
    )
    probabilities_table = File(
        exists=True, desc="value of the uppermost disc and its probability, a row for each naming"
    )
    threshold = traits.Range(
        low=0.0,
        high=1.0,
        mandatory=True,
        desc="probability that a naming needs to be used",
    )


class _LabelFiguresOutputSpec(TraitedSpec):
    discs = File(exists=True, desc="figure (SVG): the labels on sagittal views")
    probability = File(exists=True, desc="figure (SVG): how likely each naming is")


class LabelFigures(StepOrNothing):
    """Draw the labels on sagittal views of an image, and how likely each naming of them is."""

    input_spec = _LabelFiguresInputSpec
    output_spec = _LabelFiguresOutputSpec

    def _step(self, folder):
        from sctflow.reports.labels_figure import disc_figure
        from sctflow.reports.naming_figure import probability_figure

        given = self.inputs
        data, affine = read_voxels(given.in_file)
        discs = load_table(given.named_table)
        figure = disc_figure(data, affine, discs, centerline=_optional(given.centerline_file))
        label = "Labels along the spine on a sagittal view"
        save_figure(self, folder, figure, label, "discs", output="discs")
        namings = _optional(given.probabilities_table)
        if namings is None or not namings["probability"].notna().any():
            return
        figure = probability_figure(namings, discs, threshold=given.threshold)
        label = "How likely each naming of the discs is"
        save_figure(self, folder, figure, label, "probability", output="probability")


def _optional(path):
    """Table, or None where it is not given."""
    return load_table(path) if isdefined(path) else None
