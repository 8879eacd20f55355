"""Nodes that draw the figures of the template registration."""

from __future__ import annotations

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    TraitedSpec,
    traits,
)

from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.figures import read_optional, read_voxels, save_figure
from sctflow.io import load_table


class _FigureOutputSpec(TraitedSpec):
    out_report = File(exists=True, desc="figure (SVG) for the report")


class _TemplateOverlayInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to look at")
    mask_file = File(exists=True, mandatory=True, desc="mask of its cord, binary or soft")
    template_cord_file = File(
        exists=True, needed=True, desc="cord of the template in the space of the image"
    )
    template_gray_file = File(
        exists=True, desc="gray matter of the template in the space of the image"
    )
    levels_file = File(exists=True, desc="vertebral levels on the grid of the image")
    template = traits.Str("template", usedefault=True, desc="what to call the template")


class TemplateOverlay(StepOrNothing):
    """Draw the template's cord, warped onto an image, over the image's own cord."""

    input_spec = _TemplateOverlayInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.reports.template_figures import template_overlay

        data, affine = read_voxels(self.inputs.in_file)
        figure = template_overlay(
            data,
            affine,
            read_voxels(self.inputs.mask_file)[0],
            read_voxels(self.inputs.template_cord_file)[0],
            gray=read_optional(self.inputs.template_gray_file),
            levels=read_optional(self.inputs.levels_file),
            template=self.inputs.template,
        )
        save_figure(self, folder, figure, "The template's cord on the image", "overlay")


class _OnTemplateInputSpec(BaseInterfaceInputSpec):
    in_file = File(
        exists=True, needed=True, desc="image on the template's grid, 0 outside of its field"
    )
    template_file = File(exists=True, mandatory=True, desc="image of the template")
    template_cord_file = File(exists=True, mandatory=True, desc="cord of the template")
    template_levels_file = File(exists=True, desc="vertebral levels of the template")
    title = traits.Str("image", usedefault=True, desc="what to call the image, with its contrast")
    template_title = traits.Str(
        "template", usedefault=True, desc="what to call the template's image, with its contrast"
    )


class SubjectInTemplate(StepOrNothing):
    """Draw an image on the template's grid beside the template's own image."""

    input_spec = _OnTemplateInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.reports.template_figures import subject_in_template

        figure = _on_template(self.inputs, subject_in_template)
        save_figure(self, folder, figure, "The image beside the template", "intemplate")


class Checkerboard(StepOrNothing):
    """Draw a checkerboard of an image on the template's grid and of the template's own image."""

    input_spec = _OnTemplateInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.reports.template_figures import checkerboard

        figure = _on_template(self.inputs, checkerboard)
        label = "Checkerboard of the image and the template"
        save_figure(self, folder, figure, label, "checkerboard")


class _NormalizedAreaInputSpec(BaseInterfaceInputSpec):
    morph_file = File(exists=True, needed=True, desc="morphometry on the slices of the template")
    template = traits.Str(
        "template",
        usedefault=True,
        desc="name of the template; areas of healthy adults are drawn along PAM50",
    )


class NormalizedArea(StepOrNothing):
    """Plot the area of the cord along the template, with that of healthy adults."""

    input_spec = _NormalizedAreaInputSpec
    output_spec = _FigureOutputSpec

    def _step(self, folder):
        from sctflow.reports.normalized_figure import normalized_area, normative_area

        template = self.inputs.template
        figure = normalized_area(
            load_table(self.inputs.morph_file),
            template=template,
            normative=normative_area(template),
        )
        save_figure(self, folder, figure, f"Area of the cord along {template}", "normalizedarea")


def _on_template(inputs, draw):
    """Figure of an image and a template on one grid."""
    template, affine = read_voxels(inputs.template_file)
    return draw(
        read_voxels(inputs.in_file)[0],
        template,
        affine,
        read_voxels(inputs.template_cord_file)[0],
        levels=read_optional(inputs.template_levels_file),
        titles=(inputs.title, inputs.template_title),
    )
