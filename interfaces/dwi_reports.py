"""Nodes that show diffusion series in the report."""

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

from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.figures import read_optional, read_voxels, save_figure
from sctflow.io import load_image, load_table, save_text


class _ReportOutputSpec(TraitedSpec):
    out_report = File(exists=True, desc="figure (SVG) or fragment (HTML) for the report")


class _AnimateSeriesInputSpec(BaseInterfaceInputSpec):
    before_file = File(exists=True, needed=True, desc="series as it was")
    after_file = File(exists=True, needed=True, desc="series corrected for motion")
    mask_file = File(exists=True, needed=True, desc="mask of the cord on the grid of the series")
    bval_file = File(exists=True, desc="b-values, to be written on the volumes")


class AnimateSeries(StepOrNothing):
    """Show the volumes of a series one after the other, before and after motion correction."""

    input_spec = _AnimateSeriesInputSpec
    output_spec = _ReportOutputSpec

    def _step(self, folder):
        from sctflow.reports.animation import animate

        given = self.inputs
        before, affine = read_voxels(given.before_file)
        labels = ()
        if isdefined(given.bval_file):
            words = Path(given.bval_file).read_text("utf-8").split()
            labels = [f"b = {float(word):.0f}" for word in words]
        text = animate(
            before,
            read_voxels(given.after_file)[0],
            affine,
            read_voxels(given.mask_file)[0],
            labels=labels,
        )
        if text:
            self._results["out_report"] = str(save_text(text, folder / "animation.svg"))


class _BeforeAfterInputSpec(BaseInterfaceInputSpec):
    before_file = File(exists=True, needed=True, desc="mean of the series as it was")
    after_file = File(exists=True, needed=True, desc="mean of the corrected series")
    mask_file = File(exists=True, needed=True, desc="mask of the cord on their grid")
    levels_file = File(exists=True, desc="vertebral levels on their grid")


class BeforeAfter(StepOrNothing):
    """Draw the mean of a series before and after motion correction."""

    input_spec = _BeforeAfterInputSpec
    output_spec = _ReportOutputSpec

    def _step(self, folder):
        from sctflow.reports.dwi_figures import before_after

        given = self.inputs
        before, affine = read_voxels(given.before_file)
        figure = before_after(
            before,
            read_voxels(given.after_file)[0],
            affine,
            read_voxels(given.mask_file)[0],
            levels=read_optional(given.levels_file),
        )
        save_figure(self, folder, figure, "Means before and after motion correction")


class _DiffusivityMosaicInputSpec(BaseInterfaceInputSpec):
    md_file = File(exists=True, needed=True, desc="mean diffusivity, mm²/s")
    ad_file = File(exists=True, needed=True, desc="axial diffusivity, mm²/s")
    rd_file = File(exists=True, needed=True, desc="radial diffusivity, mm²/s")
    mask_file = File(exists=True, needed=True, desc="mask of the cord on their grid")
    gray_file = File(exists=True, desc="gray matter, to be outlined")
    levels_file = File(exists=True, desc="vertebral levels on their grid")


class DiffusivityMosaic(StepOrNothing):
    """Draw the diffusivities around the cord, slice by slice, in colour."""

    input_spec = _DiffusivityMosaicInputSpec
    output_spec = _ReportOutputSpec

    def _step(self, folder):
        from sctflow.reports.dwi_figures import diffusivities

        given = self.inputs
        cord, affine = read_voxels(given.mask_file)
        figure = diffusivities(
            {
                "Mean diffusivity": read_voxels(given.md_file)[0],
                "Axial diffusivity": read_voxels(given.ad_file)[0],
                "Radial diffusivity": read_voxels(given.rd_file)[0],
            },
            affine,
            cord,
            gray=read_optional(given.gray_file),
            levels=read_optional(given.levels_file),
        )
        save_figure(self, folder, figure, "Diffusivities around the cord")


class _DWIDetailsInputSpec(BaseInterfaceInputSpec):
    shells_file = File(exists=True, mandatory=True, desc="b-value and volumes of each shell")
    fit = traits.Enum("wls", "restore", usedefault=True, desc="how tensors were fitted")
    snr = traits.Float(desc="signal-to-noise ratio of the cord at b = 0")
    motion_file = File(exists=True, desc="motion of each volume")
    mask_file = File(exists=True, mandatory=True, desc="mask of the cord on the grid of the maps")
    fa_file = File(exists=True, desc="fractional anisotropy")
    md_file = File(exists=True, desc="mean diffusivity, mm²/s")
    ad_file = File(exists=True, desc="axial diffusivity, mm²/s")
    rd_file = File(exists=True, desc="radial diffusivity, mm²/s")
    warnings = traits.List(traits.Str, usedefault=True, desc="what the reader should know")


class DWIDetails(SimpleInterface):
    """Write what a diffusion series is and what was found in it, as a fragment of the report."""

    input_spec = _DWIDetailsInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.image import to_canonical
        from sctflow.reports.details import details
        from sctflow.reports.dwi_figures import TITLES, dwi_facts

        given = self.inputs
        files = {name: getattr(given, f"{name}_file") for name in TITLES}
        mask = load_image(given.mask_file)
        motion = load_table(given.motion_file) if isdefined(given.motion_file) else None
        facts = dwi_facts(
            load_table(given.shells_file),
            fit=given.fit,
            snr=given.snr if isdefined(given.snr) else None,
            motion=motion,
            slices=to_canonical(mask).shape[_across(motion)],
            maps={name: read_voxels(path)[0] for name, path in files.items() if isdefined(path)},
            cord=read_voxels(given.mask_file)[0],
        )
        text = details(facts=facts, warnings=given.warnings)
        self._results["out_report"] = str(save_text(text, Path(runtime.cwd) / "details.html"))
        return runtime


def _across(motion):
    """Canonical axis across the slices, in whose plane the motion of volumes is told."""
    if motion is None:
        return 2
    return next(axis for axis, name in enumerate("xyz") if f"trans_{name}" not in motion)
