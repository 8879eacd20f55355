"""Nodes that bring morphometry to where people can be compared: a template, or the junction."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.core.pmj import EVERY_MM, EXTENT_MM
from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.centerline import read_centerline
from sctflow.io import load_image, load_table, save_table


class _NormalizeMorphometryInputSpec(BaseInterfaceInputSpec):
    morph_file = File(exists=True, mandatory=True, desc="per-slice morphometry of the cord")
    slice_map_file = File(
        exists=True,
        needed=True,
        desc="table with the columns slice and level: continuous vertebral level of each slice",
    )
    template_slices_file = File(
        exists=True,
        needed=True,
        desc="table with the columns slice and level: continuous vertebral level of each slice of "
        "the template",
    )


class _NormalizeMorphometryOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="one row per slice of the template that the cord covers")


class NormalizeMorphometry(StepOrNothing):
    """Interpolate per-slice morphometry onto the slices of a template, level by level.

    Slices of a vertebra go to the slices of the same vertebra; nothing is told beyond the cord.
    """

    input_spec = _NormalizeMorphometryInputSpec
    output_spec = _NormalizeMorphometryOutputSpec

    def _step(self, folder):
        from sctflow.core.normalized import normalize_morphometry

        frame = load_table(self.inputs.morph_file)
        level = _levels(self.inputs.slice_map_file)
        template = _levels(self.inputs.template_slices_file)
        table = normalize_morphometry(
            frame,
            frame["slice"].map(level).to_numpy(float),
            # Slices that the table leaves out have no level.
            template.reindex(range(int(template.index.max()) + 1)).to_numpy(float),
        )
        out_table = save_table(table, folder / "normalized.tsv")
        self._results["out_table"] = str(out_table)


class _MeasureByDistanceInputSpec(BaseInterfaceInputSpec):
    morph_file = File(exists=True, mandatory=True, desc="per-slice morphometry of the cord")
    centerline_file = File(exists=True, mandatory=True, desc="table of the centreline")
    pmj_file = File(
        exists=True,
        needed=True,
        desc="label image with the pontomedullary junction (value 50), in the world space of the "
        "cord",
    )
    distances = traits.List(
        traits.Float(),
        desc="middles of the windows, mm below the junction; all that the cord fills if not given",
        units="mm",
    )
    every = traits.Float(
        EVERY_MM,
        usedefault=True,
        desc="spacing of the windows where no distances are given",
        units="mm",
    )
    extent = traits.Float(
        EXTENT_MM, usedefault=True, desc="height of a window along the centreline", units="mm"
    )
    skip_absent = traits.Bool(
        False,
        usedefault=True,
        desc="make no table, instead of an error, where the junction is not labelled or lies too "
        "far from this cord",
    )


class _MeasureByDistanceOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="one row per window, from the head down")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class MeasureByDistance(StepOrNothing):
    """Average morphometry in windows at distances below the pontomedullary junction.

    Distances run along the centreline, which goes straight on above the mask of the cord.
    """

    input_spec = _MeasureByDistanceInputSpec
    output_spec = _MeasureByDistanceOutputSpec

    def _step(self, folder):
        import numpy as np
        import pandas as pd

        from sctflow.core.label_values import JUNCTION
        from sctflow.core.labels import LabelError, read_points
        from sctflow.core.pmj import distance_below, measure_by_distance

        img = load_image(self.inputs.pmj_file)
        labels = np.asanyarray(img.dataobj)
        if self.inputs.skip_absent and not np.any(labels == JUNCTION):
            return
        frame = load_table(self.inputs.morph_file)
        line = read_centerline(self.inputs.centerline_file)
        distance = pd.Series(dtype=float)
        if len(line):
            name = Path(self.inputs.pmj_file).name
            points, _ = read_points(labels, img.affine, name=name)
            try:
                below = distance_below(line, points, name=name)
            except LabelError as error:
                if not self.inputs.skip_absent:
                    raise
                self._results["warnings"] = [f"Nothing is measured by distance: {error}"]
                return
            distance = pd.Series(below, index=line.slices)
        table = measure_by_distance(
            frame,
            frame["slice"].map(distance).to_numpy(float),
            extent=self.inputs.extent,
            every=self.inputs.every,
            at=self.inputs.distances if isdefined(self.inputs.distances) else None,
        )
        out_table = save_table(table, folder / "pmj.tsv")
        self._results["out_table"] = str(out_table)


def _levels(path):
    """Continuous level by slice number."""
    return load_table(path).set_index("slice")["level"]
