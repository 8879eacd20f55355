"""Nodes that show maps in the report: in colour, by region and level, and in a few words."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    InputMultiPath,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.figures import read_optional, read_voxels, save_figure
from sctflow.io import load_table, save_text


class _ReportOutputSpec(TraitedSpec):
    out_report = File(exists=True, desc="figure (SVG) or fragment (HTML) for the report")


class _MapMosaicInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="map")
    mask_file = File(exists=True, needed=True, desc="mask of the cord, binary or soft")
    image_file = File(exists=True, desc="image of the anatomy, shown above the map")
    gray_file = File(exists=True, desc="gray matter, to be outlined thinly")
    levels_file = File(exists=True, desc="vertebral levels on the grid of the map")
    title = traits.Str("map", usedefault=True, desc="what the map shows")
    limits = traits.Tuple(
        traits.Float,
        traits.Float,
        mandatory=True,
        desc="values of the first and the last colour, times the scale",
    )
    scale = traits.Float(1.0, usedefault=True, desc="what values are multiplied by to be read")
    unit = traits.Str("", usedefault=True, desc="of the values times the scale")


class MapMosaic(StepOrNothing):
    """Draw a map around the cord, slice by slice, in colour."""

    input_spec = _MapMosaicInputSpec
    output_spec = _ReportOutputSpec

    def _step(self, folder):
        from sctflow.reports.map_figure import map_mosaic

        given = self.inputs
        data, affine = read_voxels(given.in_file)
        figure = map_mosaic(
            {given.title: data * given.scale},
            affine,
            read_voxels(given.mask_file)[0],
            image=read_optional(given.image_file),
            inner=read_optional(given.gray_file),
            levels=read_optional(given.levels_file),
            limits=given.limits,
            unit=given.unit,
        )
        save_figure(self, folder, figure, f"{given.title} around the cord")


class _RegionValuesInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="values of a map in the regions of an atlas")
    title = traits.Str("map", usedefault=True, desc="what the map shows")
    scale = traits.Float(1.0, usedefault=True, desc="what values are multiplied by to be read")
    unit = traits.Str("", usedefault=True, desc="of the values times the scale")


class RegionValues(StepOrNothing):
    """Draw the values of a map by region of an atlas and by vertebral level."""

    input_spec = _RegionValuesInputSpec
    output_spec = _ReportOutputSpec

    def _step(self, folder):
        from sctflow.reports.values_figure import region_values

        given = self.inputs
        frame = load_table(given.in_file)
        frame[["value", "std"]] *= given.scale
        figure = region_values(frame, title=given.title, unit=given.unit)
        save_figure(self, folder, figure, f"{given.title} by region and level")


class _DetailsInputSpec(BaseInterfaceInputSpec):
    facts = traits.List(
        traits.Tuple(traits.Str, traits.Str), usedefault=True, desc="terms and what to say of them"
    )
    map_files = InputMultiPath(File(exists=True), desc="maps to describe in the cord")
    titles = traits.List(traits.Str, usedefault=True, desc="what each of the maps shows")
    scales = traits.List(
        traits.Float, usedefault=True, desc="what their values are multiplied by to be read"
    )
    units = traits.List(traits.Str, usedefault=True, desc="of the values times the scales")
    mask_file = File(exists=True, desc="mask of the cord on the grid of the maps")
    warnings = traits.List(traits.Str, usedefault=True, desc="what the reader should know")


class Details(SimpleInterface):
    """Write what was measured in an image and what could not be, as a fragment of the report."""

    input_spec = _DetailsInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from pathlib import Path

        from sctflow.reports.details import describe_map, details

        given = self.inputs
        facts = list(given.facts)
        if isdefined(given.map_files) and isdefined(given.mask_file):
            mask = read_voxels(given.mask_file)[0]
            for path, title, scale, unit in zip(
                given.map_files, given.titles, given.scales, given.units, strict=True
            ):
                text = describe_map(read_voxels(path)[0], mask, scale=scale, unit=unit)
                facts.append((title, text))
        text = details(facts=facts, warnings=given.warnings)
        path = save_text(text, Path(runtime.cwd) / "details.html")
        self._results["out_report"] = str(path)
        return runtime
