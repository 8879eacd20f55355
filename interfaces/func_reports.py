"""Nodes that draw the figures of functional series."""

from __future__ import annotations

from nipype.interfaces.base import BaseInterfaceInputSpec, File, TraitedSpec, isdefined, traits

from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.figures import save_figure
from sctflow.io import load_image, load_table


class _FigureOutputSpec(TraitedSpec):
    out_report = File(exists=True, desc="figure (SVG) for the report")


class _MotionPlotInputSpec(BaseInterfaceInputSpec):
    motion_file = File(exists=True, needed=True, desc="table of the motion of each volume")
    slice_motion_file = File(exists=True, needed=True, desc="table of the motion of each slice")


class MotionPlot(StepOrNothing):
    """Plot the motion of the slices and volumes of a series."""

    input_spec = _MotionPlotInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.reports.motion_figure import motion_figure

        tables = (self.inputs.motion_file, self.inputs.slice_motion_file)
        save_figure(self, folder, motion_figure(*map(load_table, tables)), "Motion", "motion")


class _TSNRMosaicInputSpec(BaseInterfaceInputSpec):
    before_file = File(exists=True, needed=True, desc="temporal SNR of the series as it was")
    after_file = File(exists=True, needed=True, desc="temporal SNR after motion correction")
    mean_file = File(exists=True, needed=True, desc="mean of the series")
    mask_file = File(exists=True, needed=True, desc="mask of the cord, binary or soft")
    levels_file = File(exists=True, desc="vertebral levels on the grid of the series")


class TSNRMosaic(StepOrNothing):
    """Draw the temporal SNR before and after motion correction around the cord."""

    input_spec = _TSNRMosaicInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.reports.func_figures import tsnr_mosaic

        before, after, mean, mask = (
            _voxels(getattr(self.inputs, f"{name}_file"))
            for name in ("before", "after", "mean", "mask")
        )
        levels = None
        if isdefined(self.inputs.levels_file):
            levels = _voxels(self.inputs.levels_file)
        affine = load_image(self.inputs.after_file).affine
        figure = tsnr_mosaic(before, after, mean, affine, mask, levels=levels)
        save_figure(
            self, folder, figure, "Temporal SNR before and after motion correction", "tsnr"
        )


class _CarpetPlotInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="functional series, corrected for motion")
    regions_file = File(
        exists=True, needed=True, desc="1 cord, 2 cerebrospinal fluid, 3 far from the cord"
    )
    confounds_file = File(exists=True, needed=True, desc="table of confounds")
    repetition_time = traits.Float(desc="s, for the axis")


class CarpetPlot(StepOrNothing):
    """Draw the time course of every voxel of the cord, and of fluid and tissue around it."""

    input_spec = _CarpetPlotInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.core.image import to_canonical
        from sctflow.interfaces.confounds import REGIONS
        from sctflow.reports.func_figures import carpet

        series = to_canonical(load_image(self.inputs.in_file))
        regions = to_canonical(load_image(self.inputs.regions_file))
        # From the top slice down, slice by slice.
        data, labels = (_voxels_of(img)[:, :, ::-1].swapaxes(0, 2) for img in (series, regions))
        courses = {name: data[labels == value] for value, name in enumerate(REGIONS, start=1)}
        tr = self.inputs.repetition_time
        figure = carpet(
            courses, load_table(self.inputs.confounds_file), tr=tr if isdefined(tr) else None
        )
        save_figure(self, folder, figure, "Time courses of voxels", "carpet")


def _voxels(path):
    return _voxels_of(load_image(path))


def _voxels_of(img):
    import numpy as np

    return np.asanyarray(img.dataobj)
