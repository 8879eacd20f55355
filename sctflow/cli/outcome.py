"""After the run: methods text, reports, and what failed."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..bids import ParticipantInputs
from ..settings import Settings
from .crashes import Crash, workflow_name
from .environment import Run, last_errors

if TYPE_CHECKING:
    from nipype.pipeline.engine import Workflow

logger = logging.getLogger("sctflow")

STOPPED = "Not finished: the run was stopped at the first failure (--stop-on-first-crash)."
Errors = dict[str, list[dict[str, str]]]


def write_methods(
    workflow: "Workflow", inputs: Sequence[ParticipantInputs], run: Run
) -> dict[str, Path]:
    """Write the methods text of each participant; those whose texts are equal share a file.

    Returns
    -------
    dict
        Markdown file by participant, for those who have something to process.
    """
    from ..reports.boilerplate import write_boilerplate

    parts = {node.name: node for node in workflow._graph.nodes()}
    files: dict[str, Path] = {}
    methods = {}
    for item in inputs:
        part = parts.get(workflow_name(item.participant))
        if part is None:
            continue
        text = part.visit_desc()
        if text not in files:
            folder = run.folder / f"methods-{len(files) + 1}" if files else run.folder
            files[text] = write_boilerplate(text, folder)
        methods[item.participant] = files[text]
    return methods


def collect_errors(
    crashes: Sequence[Crash], inputs: Sequence[ParticipantInputs], settings: Settings
) -> Errors:
    """List the failures of each participant, as the report and the run's outcome have them.

    With ``--reports-only`` they are those of the last run that computed something.
    """
    if settings.reports_only:
        return {
            item.participant: last_errors(settings.output_dir, item.participant) for item in inputs
        }
    errors: Errors = {item.participant: [] for item in inputs}
    for crash in crashes:
        # A step of no participant in particular concerns all of them.
        for label in [crash.participant] if crash.participant else errors:
            errors[label].append(
                {
                    "node": crash.node,
                    "image": crash.image,
                    "cause": crash.cause,
                    "file": str(crash.file.relative_to(settings.output_dir)),
                }
            )
    if crashes and settings.stop_on_first_crash:
        for item in inputs:
            if item.images and not errors[item.participant]:
                errors[item.participant].append(
                    {"node": "", "image": "", "cause": STOPPED, "file": ""}
                )
    return errors


def failed(errors: Mapping[str, Sequence]) -> bool:
    """Whether anything went wrong for anybody."""
    return any(errors.values())


def write_reports(
    settings: Settings,
    inputs: Sequence[ParticipantInputs],
    *,
    run: Run,
    errors: Errors,
    methods: Mapping[str, Path],
    command: str,
) -> list[Path]:
    """Write the report of each participant; one that cannot be written stops no other.

    Parameters
    ----------
    settings, inputs
        What was processed, and how.
    run
        The run, named in the report.
    errors
        Failures by participant; a report that fails is added.
    methods
        Methods text by participant.
    command
        The command line, as shown in the report.

    Returns
    -------
    list of pathlib.Path
        The reports that were written.
    """
    from ..reports import write_report

    reports = []
    for item in inputs:
        try:
            report = write_report(
                settings.output_dir,
                item.participant,
                run_uuid=run.uuid,
                errors=errors[item.participant],
                warnings=item.warnings,
                boilerplate_file=methods.get(item.participant),
                settings_summary={"Command": command},
                images=[image.path.name for image in item.images],
            )
        except Exception as error:
            logger.exception("sub-%s: the report could not be written", item.participant)
            cause = f"{type(error).__name__}: {error}"
            errors[item.participant].append(
                {"node": "report", "image": "", "cause": cause, "file": ""}
            )
        else:
            reports.append(report)
    return reports


def summarise(
    crashes: Sequence[Crash],
    errors: Mapping[str, Sequence[Mapping[str, str]]],
    reports: Sequence[Path],
    *,
    seconds: float,
    debug: bool,
) -> None:
    """Tell how the run ended: what failed and why, and where the reports are."""
    entries = [(label, entry) for label, found in errors.items() for entry in found]
    if entries:
        lines = [
            "  ".join(filter(None, (f"sub-{label}", entry["image"], entry["node"])))
            + f"\n      {entry['cause']}"
            + (f"\n      {entry['file']}" if entry["file"] else "")
            for label, entry in entries
        ]
        logger.error("Failed:\n  %s", "\n  ".join(lines))
    if debug:
        for crash in crashes:
            logger.error("%s", crash.file.read_text("utf-8", errors="replace"))
    if reports:
        where = reports[0] if len(reports) == 1 else reports[0].parent / "sub-*.html"
        logger.info("Reports: %s", where)
    bad = sum(bool(found) for found in errors.values())
    logger.info(
        "%d of %d participants without failure, in %.0f s", len(errors) - bad, len(errors), seconds
    )
