"""Participant level: select, plan, run, report; one participant's failure is its own."""

import logging
import shlex
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..bids import ParticipantInputs, collect_inputs
from ..dataset import (
    check_bids_folder,
    check_folders,
    dataset_links,
    write_bidsignore,
    write_dataset_description,
)
from ..label_init import check_inits, read_label_inits
from ..settings import Settings
from .crashes import Crash, read_crashes, workflow_name
from .environment import Run, save_outcome, start_run
from .execute import count_steps, nipype_config, plugin_choice, run_workflow
from .log import LOG_NAME, log_to_console, log_to_file
from .outcome import collect_errors, failed, summarise, write_methods, write_reports
from .template import TemplateChoice, announce_template, choose_template, pack_template
from .validation import check_validation, start_validator

if TYPE_CHECKING:
    from nipype.pipeline.engine import Workflow
    from rich.console import Console

LEVEL_LABELS = {"discs", "rootlets"}
"""Labels that a registration with a template starts from."""

logger = logging.getLogger("sctflow")


def run_participants(settings: Settings, argv: Sequence[str]) -> int:
    """Process the participants that the settings select.

    Parameters
    ----------
    settings
        All choices.
    argv
        The command line, to be saved with the run.

    Returns
    -------
    int
        Exit status: 0, or 1 if a step or a report failed.

    Raises
    ------
    SctflowError
        Nothing can be run: wrong dataset, selection or folders.
    KeyboardInterrupt
        Ctrl-C, or a request to end (SIGTERM).
    """
    from rich.console import Console

    started = time.monotonic()
    console = Console(stderr=True)
    shown = log_to_console(console, settings.verbose)
    plugin_choice(settings)
    template = choose_template(settings.template)
    inputs = select_inputs(settings)
    run = _prepare_output(settings, argv, inputs, template)
    detailed = settings.debug or settings.verbose > 2
    log_to_file(
        run.folder / LOG_NAME, detailed=detailed, console=shown if settings.verbose > 1 else None
    )
    _announce(inputs, run, settings.segmentation_method)
    announce_template(template)
    computing = not (settings.reports_only or settings.boilerplate_only)
    if computing and any(item.images for item in inputs):
        _preload_workers(settings, inputs)
        if template and (settings.label_method == "auto" or _has_levels(inputs)):
            pack_template(template)
    workflow = plan(settings, inputs, run, template)
    methods = write_methods(workflow, inputs, run)
    if settings.boilerplate_only:
        logger.info("Methods text: %s", run.folder)
        return 0
    crashes = _compute(workflow, settings, inputs, run, console) if computing else ()
    errors = collect_errors(crashes, inputs, settings)
    reports = write_reports(
        settings,
        inputs,
        run=run,
        errors=errors,
        methods=methods,
        command=shlex.join(["sctflow", *argv]),
    )
    status = int(failed(errors) if computing else len(reports) < len(inputs))
    save_outcome(run, status, errors)
    summarise(crashes, errors, reports, seconds=time.monotonic() - started, debug=settings.debug)
    return status


def select_inputs(settings: Settings) -> tuple[ParticipantInputs, ...]:
    """Find what to process, and let the BIDS validator judge the dataset meanwhile.

    Raises
    ------
    SctflowError
        Wrong folders, an invalid dataset, or a selection that does not exist.
    """
    check_bids_folder(settings.bids_dir)
    check_folders(settings.bids_dir, settings.output_dir, settings.work_dir)
    validator = None if settings.skip_bids_validation else start_validator(settings.bids_dir)
    try:
        inputs = collect_inputs(
            settings.bids_dir,
            modality=settings.modality,
            participant_label=settings.participant_label,
            session_label=settings.session_label,
            bids_filter_file=settings.bids_filter_file,
            bids_database_dir=settings.bids_database_dir,
            derivatives=settings.derivatives,
            ignore_labels=settings.ignore_labels,
            validate=not settings.skip_bids_validation,
        )
        check_inits(read_label_inits(settings.label_init), settings.bids_dir)
        if validator:
            check_validation(validator, settings.bids_dir, {item.participant for item in inputs})
    finally:
        if validator:
            validator.kill()
    return inputs


def plan(
    settings: Settings,
    inputs: Sequence[ParticipantInputs],
    run: Run,
    template: TemplateChoice | None = None,
) -> "Workflow":
    """Build the graph of the whole run, ready to be run."""
    from ..workflows.base import init_sctflow_wf
    from ..workflows.options import Options

    options = Options(
        output_dir=settings.output_dir,
        segmentation_method=settings.segmentation_method,
        label_method=settings.label_method,
        label_inits=read_label_inits(settings.label_init),
        template=template.source() if template else None,
        template_ref=settings.template_ref,
        registration_steps=settings.registration_steps,
        motion=settings.motion,
        b0_threshold=settings.b0_threshold,
        dwi_denoise=settings.dwi_denoise,
        dwi_fit=settings.dwi_fit,
        func_slice_timing=settings.func_slice_timing,
        func_smooth=settings.func_smooth,
        func_in_template=settings.func_in_template,
        omp_nthreads=settings.omp_nthreads,
    )
    workflow = init_sctflow_wf(participants=inputs, options=options)
    workflow.base_dir = str(settings.work_dir)
    for section, values in nipype_config(settings, run.folder).items():
        workflow.config[section].update(values)
    if settings.write_graph:
        _write_graph(workflow, run.folder / "graph.dot")
    return workflow


def _write_graph(workflow: "Workflow", path: Path) -> None:
    try:
        workflow.write_graph(dotfilename=str(path), graph2use="colored", format="svg")
    except OSError as error:
        # Nipype raises this after it has written the file, when there is no Graphviz.
        logger.warning("%s was saved without a picture: %s", path, error)


def clean_work_dir(work_dir: Path) -> None:
    """Remove what earlier runs of sctflow, of any version, left in a work folder; nothing else."""
    for folder in work_dir.glob("sctflow_*wf"):
        shutil.rmtree(folder)


def _prepare_output(
    settings: Settings,
    argv: Sequence[str],
    inputs: Sequence[ParticipantInputs],
    template: TemplateChoice | None,
) -> Run:
    output_dir = settings.output_dir
    output_dir.mkdir(parents=True, exist_ok=True)
    links = dataset_links(settings.bids_dir, settings.derivatives)
    if template:
        links.setdefault(template.name, template.folder)
    write_dataset_description(output_dir, settings.bids_dir, settings.digest(), links=links)
    write_bidsignore(output_dir)
    for item in inputs:
        # What a run that was killed had begun to write.
        label = item.participant
        for pattern in (f"sub-{label}/**/.*.part", f".sub-{label}.html.*.part"):
            for leftover in output_dir.glob(pattern):
                leftover.unlink(missing_ok=True)
    return start_run(settings, argv, template and template.record())


def _announce(inputs: Sequence[ParticipantInputs], run: Run, method: str) -> None:
    images = sum(len(item.images) for item in inputs)
    logger.info(
        "%s, %s; log: %s",
        _plural(len(inputs), "participant"),
        _plural(images, "image"),
        run.folder / LOG_NAME,
    )
    for item in inputs:
        for warning in item.warnings:
            logger.warning("sub-%s: %s", item.participant, warning)
        for image in item.images:
            manual = ", ".join(image.manual)
            logger.debug("%s%s", image.path, f" (manual labels: {manual})" if manual else "")
            if method == "manual" and "SC" not in image.manual:
                logger.warning("%s: not computed, it has no manual mask", image.path.name)


def _has_levels(inputs: Sequence[ParticipantInputs]) -> bool:
    """Tell whether a person labelled levels anywhere."""
    return any(
        LEVEL_LABELS & set(image.manual)
        for item in inputs
        if item.images
        for image in (*item.images, *item.labelled)
    )


def _preload_workers(settings: Settings, inputs: Sequence[ParticipantInputs]) -> None:
    from .multiproc import preload

    network = settings.segmentation_method == "network" and any(
        "SC" not in image.manual for item in inputs for image in item.images
    )
    labels = settings.label_method == "auto" and any(item.images for item in inputs)
    modules = ["sctflow.core.segmentation"] * network + ["sctflow.core.labeling"] * labels
    preload(["torch", *modules] if modules else [])


def _compute(
    workflow: "Workflow",
    settings: Settings,
    inputs: Sequence[ParticipantInputs],
    run: Run,
    console: "Console",
) -> tuple[Crash, ...]:
    from .progress import Progress
    from .resources import ResourceRecord

    if settings.clean_workdir:
        clean_work_dir(settings.work_dir)
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    names = {workflow_name(item.participant): f"sub-{item.participant}" for item in inputs}
    steps = {node.name: count_steps(node) for node in workflow._graph.nodes()}
    record = ResourceRecord() if settings.resource_monitor else None
    if not sum(steps.values()):
        return ()

    with Progress(steps, names=names, console=console) as progress:
        try:
            run_workflow(
                workflow, settings, folder=run.folder, callback=progress.update, record=record
            )
        except Exception:
            # Nipype raises the first error again after the run; the crash files have them all.
            if not _has_crashed(run.folder):
                raise
    if record:
        record.save(run.folder)
    return read_crashes(run.folder, inputs)


def _has_crashed(folder: Path) -> bool:
    return any(folder.glob("crash-*.txt"))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
