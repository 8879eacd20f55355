"""Nodes that draw the figures of the report and write the summary of each image."""

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

from sctflow.io import load_image, save_text


class _ReportOutputSpec(TraitedSpec):
    out_report = File(exists=True, desc="figure (SVG) or fragment (HTML) for the report")


class _AxialMosaicInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to look at")
    mask_file = File(
        exists=True, mandatory=True, desc="mask of the cord on the image's grid, binary or soft"
    )
    centerline_file = File(
        exists=True, desc="table of the centreline; without it, or without rows, the mask centres"
    )
    morph_file = File(exists=True, desc="per-slice table; its column confidence is shown")


class AxialMosaic(SimpleInterface):
    """Draw axial slices along the cord, cropped around it, with the outline of the mask."""

    input_spec = _AxialMosaicInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from sctflow.reports.figures import axial_mosaic

        data, affine, mask = _image_and_mask(self.inputs)
        figure = axial_mosaic(
            data,
            affine,
            mask,
            centerline=_table(self.inputs.centerline_file),
            confidence=_confidence(self.inputs.morph_file),
        )
        return _save_figure(self, runtime, figure, "axial", "Axial slices along the cord")


class _SagittalViewInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to look at")
    mask_file = File(
        exists=True, mandatory=True, desc="mask of the cord on the image's grid, binary or soft"
    )
    centerline_file = File(exists=True, desc="table of the centreline, drawn when it has rows")
    vertebrae_file = File(
        exists=True, desc="vertebral levels of the cord on the image's grid; named in the figure"
    )


class SagittalView(SimpleInterface):
    """Draw the sagittal plane that holds most of the cord, with its outline and centreline."""

    input_spec = _SagittalViewInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from sctflow.reports.figures import sagittal_view

        data, affine, mask = _image_and_mask(self.inputs)
        levels = None
        if isdefined(self.inputs.vertebrae_file):
            levels = load_image(self.inputs.vertebrae_file).get_fdata()
        figure = sagittal_view(
            data,
            affine,
            mask,
            centerline=_table(self.inputs.centerline_file),
            levels=levels,
        )
        return _save_figure(self, runtime, figure, "sagittal", "Sagittal plane through the cord")


class _AreaProfileInputSpec(BaseInterfaceInputSpec):
    morph_file = File(exists=True, mandatory=True, desc="per-slice morphometry of the cord")


class AreaProfile(SimpleInterface):
    """Plot cross-sectional area and diameters of the cord against the slice."""

    input_spec = _AreaProfileInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from sctflow.reports.figures import area_profile

        figure = area_profile(_table(self.inputs.morph_file))
        return _save_figure(self, runtime, figure, "area", "Area of the cord along its slices")


class _ImageSummaryInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image that was processed")
    morph_file = File(exists=True, desc="per-slice morphometry of the cord")
    source_file = traits.Str(desc="name of the image in the dataset, to be shown")
    method = traits.Dict(
        desc="how the mask was made, in the terms of its JSON sidecar: Manual, "
        "SegmentationMethod, Model (Name, Version, Checksum)"
    )
    manual_mask = traits.Str(desc="the manual mask that was used, to be shown")
    earlier_warnings = traits.List(
        traits.Str, desc="what was noticed while the image was made from others"
    )
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")
    not_computed = traits.Str(desc="why nothing was computed from this image, if so")


class ImageSummary(SimpleInterface):
    """Write what was found in an image and used for it, as a fragment of the report."""

    input_spec = _ImageSummaryInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from sctflow.reports.summary import image_summary

        img = load_image(self.inputs.in_file)
        text = image_summary(
            shape=img.shape,
            affine=img.affine,
            name=Path(_value(self.inputs.source_file, self.inputs.in_file)).name,
            method=_value(self.inputs.method, {}),
            manual_mask=_value(self.inputs.manual_mask, ""),
            warnings=list(
                dict.fromkeys(
                    [
                        *_value(self.inputs.earlier_warnings, []),
                        *_value(self.inputs.warnings, []),
                    ]
                )
            ),
            not_computed=_value(self.inputs.not_computed, ""),
            morphometry=_table(self.inputs.morph_file),
        )
        out_report = Path(runtime.cwd) / "summary.html"
        save_text(text, out_report)
        self._results["out_report"] = str(out_report)
        return runtime


class _LevelsSummaryInputSpec(BaseInterfaceInputSpec):
    centerline_file = File(
        exists=True, mandatory=True, desc="table of the centreline; without rows there is no cord"
    )
    labels_file = traits.Str(desc="the labels by hand that were used, to be shown")
    naming = traits.Dict(desc="how discs were named, in the terms of the JSON sidecar")
    vertebrae_file = File(exists=True, desc="vertebral levels of the cord's voxels")
    warnings = traits.List(traits.Str, desc="what was noticed about levels and registration")


class LevelsSummary(SimpleInterface):
    """Write which levels the cord has in an image, as a fragment of the report."""

    input_spec = _LevelsSummaryInputSpec
    output_spec = _ReportOutputSpec

    def _run_interface(self, runtime):
        from sctflow.reports.levels import levels_summary

        text = levels_summary(
            levels=_present(self.inputs.vertebrae_file),
            source=Path(_value(self.inputs.labels_file, "")).name,
            naming=_value(self.inputs.naming, {}),
            warnings=_value(self.inputs.warnings, []),
            cord=len(_table(self.inputs.centerline_file)) > 0,
        )
        out_report = save_text(text, Path(runtime.cwd) / "levels.html")
        self._results["out_report"] = str(out_report)
        return runtime


def _present(path):
    """Values that a label image has, without the background; none where there is no image."""
    import numpy as np

    if not isdefined(path):
        return []
    values = np.unique(np.asanyarray(load_image(path).dataobj))
    return [int(value) for value in values if value]


def _value(given, default):
    """Input as given, or the default where it was not."""
    return given if isdefined(given) else default


def _image_and_mask(inputs):
    """Voxels of the image, its affine, and the voxels of the mask."""
    import numpy as np

    img = load_image(inputs.in_file)
    mask = load_image(inputs.mask_file)
    return np.asanyarray(img.dataobj), img.affine, np.asanyarray(mask.dataobj)


def _table(path):
    """Table in a TSV file, or None where the file is not given."""
    import pandas as pd

    return pd.read_csv(path, sep="\t", na_values="n/a") if isdefined(path) else None


def _confidence(path):
    """Confidence by slice number, empty where the table has none."""
    frame = _table(path)
    if frame is None or "confidence" not in frame:
        return {}
    known = frame.dropna(subset=["confidence"])
    return dict(zip(known["slice"].astype(int), known["confidence"].astype(float), strict=True))


def _save_figure(interface, runtime, figure, name, label):
    """Save the figure in the node's folder and hand it on as the result."""
    from sctflow.reports.style import to_svg

    out_report = Path(runtime.cwd) / f"{name}.svg"
    save_text(to_svg(figure, label=label), out_report)
    interface._results["out_report"] = str(out_report)
    return runtime
