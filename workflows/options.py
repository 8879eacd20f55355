"""How a run processes its images, whatever they show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sctflow.label_init import LabelInit
from sctflow.templates.source import TemplateSource


@dataclass(frozen=True, kw_only=True)
class Options:
    """What holds for all images of a run.

    Attributes
    ----------
    output_dir : pathlib.Path
        Root of the output dataset.
    segmentation_method : {"network", "manual"}
        How to segment the images that have no manual mask; with ``manual`` they are left out,
        and the report says so.
    label_method : {"auto", "manual"}
        Whether discs are looked for and named, or labels by hand alone tell levels.
    label_inits : tuple of LabelInit
        What a person says of single discs.
    template : TemplateSource, optional
        Template to register images with whose levels are labelled.
    template_ref, registration_steps
        See :func:`sctflow.workflows.template.init_template_wf`.
    motion : {"translation", "rigid"}
        What the slices of series may do within their plane.
    b0_threshold : float
        s/mm² up to which volumes of diffusion series count as without weighting.
    dwi_denoise, dwi_fit : str
        See :func:`sctflow.workflows.dwi.init_dwi_wf`.
    func_slice_timing : bool
        Bring the slices of functional series to one time.
    func_smooth : float, optional
        Standard deviation, mm, of a Gaussian along the cord for a smoothed copy of functional
        series.
    func_in_template : bool
        Bring functional series to the template, too.
    omp_nthreads : int
        Threads that one node may use.
    """

    output_dir: Path
    segmentation_method: str = "network"
    label_method: str = "auto"
    label_inits: tuple[LabelInit, ...] = ()
    template: TemplateSource | None = None
    template_ref: str = "template"
    registration_steps: str | None = None
    motion: str = "translation"
    b0_threshold: float = 100.0
    dwi_denoise: str = "none"
    dwi_fit: str = "wls"
    func_slice_timing: bool = False
    func_smooth: float | None = None
    func_in_template: bool = False
    omp_nthreads: int = 1
