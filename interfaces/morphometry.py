"""Node that measures the cross-section of the cord in every slice."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    TraitedSpec,
    isdefined,
)

from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.centerline import find_centerline
from sctflow.io import load_image, load_table, save_table


class _MeasureSlicesInputSpec(BaseInterfaceInputSpec):
    mask_file = File(exists=True, needed=True, desc="mask of the cord, binary or soft")
    centerline_file = File(
        exists=True, desc="table of the centreline; without it, one is fitted through the mask"
    )
    slices_file = File(
        exists=True, desc="confidence of the segmentation, added to the table where it is given"
    )


class _MeasureSlicesOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="one row per slice, lowest first")


class MeasureSlices(StepOrNothing):
    """Measure the cord perpendicular to its centreline, slice by slice.

    An empty mask gives a table without rows.
    """

    input_spec = _MeasureSlicesInputSpec
    output_spec = _MeasureSlicesOutputSpec

    def _step(self, folder):
        import numpy as np
        import pandas as pd

        from sctflow.core.morphometry import COLUMNS, measure_slices

        img = load_image(self.inputs.mask_file)
        mask = np.asanyarray(img.dataobj)
        line = find_centerline(self.inputs.centerline_file, mask, img.affine)
        if line is not None:
            frame = measure_slices(mask, img.affine, centerline=line)
        else:
            frame = pd.DataFrame(columns=list(COLUMNS))
        if isdefined(self.inputs.slices_file):
            confidence = load_table(self.inputs.slices_file).set_index("slice")["confidence"]
            frame = frame.assign(confidence=frame["slice"].map(confidence))

        out_table = folder / "morphometry.tsv"
        save_table(frame, out_table)
        self._results["out_table"] = str(out_table)
