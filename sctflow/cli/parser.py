"""The command line of ``sctflow``. Light: nothing here is slow to import."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .. import __version__
from ..errors import SettingsError
from ..settings import (
    DWI_DENOISERS,
    DWI_FITS,
    IGNORABLE_LABELS,
    LABEL_METHODS,
    MODALITIES,
    MOTION_KINDS,
    SEGMENTATION_METHODS,
    TEMPLATE_REFS,
    Settings,
    option,
    read_toml,
)
from . import types

DESCRIPTION = """\
Process the spinal-cord MRI of a BIDS dataset: segment the cord, find its centreline, measure
it slice by slice, and report. Results are BIDS derivatives in output_dir."""

EPILOG = """\
examples:
  sctflow data/ds data/ds/derivatives/sctflow participant --nprocs 4
  sctflow data/ds out participant --participant-label 01 02 --ignore-labels SC
  sctflow data/ds out group

Options may be written with underscores (--participant_label). Exit status: 0 all well, 1 some
participants failed, 2 nothing was run (options or dataset), 130 interrupted."""

CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bids_dir": types.absolute_path,
    "output_dir": types.absolute_path,
    "participant_label": partial(types.labels, prefix="sub-"),
    "session_label": partial(types.labels, prefix="ses-"),
    "bids_filter_file": types.existing_file,
    "bids_database_dir": types.absolute_path,
    "derivatives": types.named_folders,
    "modality": tuple,
    "ignore_labels": tuple,
    "label_init": types.label_inits,
    "random_seed": types.whole_number,
    "template": types.template,
    "b0_threshold": types.number,
    "func_smooth": types.number,
    "nprocs": types.whole_number,
    "omp_nthreads": types.whole_number,
    "mem": types.gigabytes,
    "use_plugin": types.plugin,
    "work_dir": types.absolute_path,
    "config_file": types.existing_file,
}
"""How text becomes a value. Run after parsing, so that all mistakes are told at once."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Paragraphs as they are written, and the value of an option once."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # argparse repeats the value after each alias; once is enough to read.
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; values stay text and defaults stay out (see `parse_settings`)."""
    parser = argparse.ArgumentParser(
        prog="sctflow",
        usage="sctflow bids_dir output_dir {participant,group} [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Formatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    _add_positionals(parser)
    _add_selection(parser.add_argument_group("what to process"))
    _add_processing(parser.add_argument_group("how to process"))
    _add_resources(parser.add_argument_group("processes and memory"))
    _add_run(parser.add_argument_group("running"))
    _add_partial(parser.add_argument_group("instead of a full run"))
    _add_information(parser.add_argument_group("information"))
    return parser


def _add_positionals(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bids_dir", help="root of the raw BIDS dataset")
    parser.add_argument("output_dir", help="folder for the results; made if it does not exist")
    parser.add_argument(
        "analysis_level",
        metavar="{participant,group}",
        help="participant: process images and write reports; group: stack the tables of all "
        "participants in output_dir/group",
    )


def _add_selection(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--participant-label",
        nargs="+",
        metavar="LABEL",
        help="participants to process, with or without sub- (default: all)",
    )
    add(
        "--session-label",
        nargs="+",
        metavar="LABEL",
        help="sessions to process, with or without ses- (default: all)",
    )
    add(
        "--bids-filter-file",
        metavar="FILE",
        help="JSON with pybids filters for t1w, t2w, t2star, mts, mtr, tb1map, dwi and "
        'bold, as in fMRIPrep: {"t2w": {"acquisition": "sag", "run": null}}',
    )
    add(
        "--bids-database-dir",
        metavar="DIR",
        help="keep pybids' index of the dataset here and reuse it; remove the folder when the "
        "dataset has changed",
    )
    add(
        "-d",
        "--derivatives",
        nargs="+",
        metavar="[NAME=]DIR",
        help="datasets with manual labels, the first one wins; bids_dir/derivatives/labels is "
        "always looked in, last",
    )
    add(
        "--skip-bids-validation",
        action="store_true",
        help="process the dataset even if the BIDS validator finds errors or names are not BIDS",
    )


def _add_processing(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--modality",
        nargs="+",
        metavar="MODALITY",
        help=f"kinds of images to process: {', '.join(MODALITIES)} (default: all that are there)",
    )
    add(
        "--segmentation-method",
        metavar=_choices(SEGMENTATION_METHODS),
        help="how the cord is segmented where there is no manual mask: by the built-in network, "
        "or not at all (default: network)",
    )
    add(
        "--ignore-labels",
        nargs="+",
        metavar="LABEL",
        help="kinds of manual labels that are not used, although they are there: "
        + ", ".join(IGNORABLE_LABELS),
    )
    add(
        "--label-method",
        metavar=_choices(LABEL_METHODS),
        help="auto: find discs and name them, labels made by hand decide; manual: labels made by "
        f"hand alone tell levels (default: {Settings.label_method})",
    )
    add(
        "--label-init",
        nargs="+",
        metavar="SUB:VALUE|TSV",
        help="one disc that is known: the disc nearest to the middle of the participant's first "
        "T2w or T1w image has this value (3: C2/C3, 8: C7/T1, 21: L1/L2); SUB:VALUE@SLICE: the "
        "disc at this slice; or a TSV file with the columns participant_id and value and, if need "
        "be, session_id and slice",
    )
    add(
        "--random-seed",
        metavar="N",
        help=f"seed of everything random (default: {Settings.random_seed})",
    )
    add(
        "--template",
        metavar="NAME|DIR",
        help="template to register images with whose levels are labelled: PAM50, SCTPhantom or a "
        "folder in TemplateFlow's layout (default: PAM50, if it is installed)",
    )
    add(
        "--template-ref",
        choices=TEMPLATE_REFS,
        help="template: straighten the cord; subject: register within the slices of the image, "
        f"for thick axial slices (default: {Settings.template_ref})",
    )
    add(
        "--registration-steps",
        metavar="STEPS",
        help="refine the registration with the template by steps such as "
        "step=1,type=im,algo=syn,metric=CC,slicewise=1 (default: masks and levels alone)",
    )
    add(
        "--motion",
        choices=MOTION_KINDS,
        help="how slices of diffusion and functional series move within their plane: shifts, or "
        f"shifts and turns (default: {Settings.motion})",
    )
    add(
        "--b0-threshold",
        metavar="B",
        help="volumes with at most this b-value, in s/mm², have no diffusion weighting (default: "
        f"{Settings.b0_threshold:g})",
    )
    add(
        "--dwi-denoise",
        choices=DWI_DENOISERS,
        help="take noise out of diffusion series about the cord, before their motion is "
        f"corrected: by principal components, or by Patch2Self (default: {Settings.dwi_denoise})",
    )
    add(
        "--dwi-fit",
        choices=DWI_FITS,
        help="how diffusion tensors are fitted: weighted least squares, or RESTORE, which leaves "
        f"out outliers (default: {Settings.dwi_fit})",
    )
    add(
        "--func-slice-timing",
        action="store_true",
        help="bring the slices of functional series to one time, as SliceTiming in the sidecar "
        "tells when each is acquired",
    )
    add(
        "--func-smooth",
        metavar="MM",
        help="also write functional series smoothed along the cord by a Gaussian of this standard "
        "deviation, and not across it",
    )
    add(
        "--func-in-template",
        action="store_true",
        help="also write functional series on the grid of the template, where they are registered "
        "with it",
    )


def _add_resources(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--nprocs",
        "--nthreads",
        "--n-cpus",
        metavar="N",
        help="processors to use in all (default: all that this process may use)",
    )
    add(
        "--omp-nthreads",
        metavar="N",
        help="processors that one step may use (default: 1, best for many images)",
    )
    add(
        "--mem",
        "--mem-mb",
        metavar="SIZE",
        help="memory to use in all, as 16G or 16000M; without a unit, MB (default: 90 %% of the "
        "machine's or the container's)",
    )
    add(
        "--low-mem",
        action="store_true",
        help="give memory back after every step, and start a step only if the memory it needs is "
        "really free; slower",
    )
    add(
        "--use-plugin",
        metavar="PLUGIN",
        help="Nipype plugin that runs the steps: a name (Linear, SLURM, …) or a YAML file with "
        "plugin and plugin_args (default: MultiProc)",
    )
    add(
        "--resource-monitor",
        action="store_true",
        help="record the memory and processor use of each step in logs/",
    )


def _add_run(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "-w",
        "--work-dir",
        metavar="DIR",
        help="folder for intermediate results; a later run with the same folder continues where "
        "this one stopped (default: work)",
    )
    add(
        "--clean-workdir",
        action="store_true",
        help="empty the work folder of earlier runs of sctflow before starting",
    )
    add(
        "--config-file",
        metavar="FILE",
        help="take settings from this TOML file, for instance logs/*/settings.toml of an earlier "
        "run; options on the command line win",
    )
    add(
        "--stop-on-first-crash",
        action="store_true",
        help="stop all participants at the first failure",
    )


def _add_partial(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--reports-only", action="store_true", help="write the reports again from the results")
    add(
        "--boilerplate-only",
        action="store_true",
        help="write the methods text in logs/ and stop",
    )
    add(
        "--write-graph",
        action="store_true",
        help="also save the graph of the steps in logs/ (needs Graphviz for pictures)",
    )


def _add_information(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "-v",
        "--verbose",
        action="count",
        help="say more; -vv: Nipype's messages as well; -vvv: its debug messages too",
    )
    add(
        "--debug",
        action="store_true",
        help="keep all intermediate files of each step, and show full tracebacks",
    )
    add(
        "--version",
        action="version",
        version=f"sctflow {__version__}",
        help="show the version and exit",
    )
    add("-h", "--help", action="help", help="show this text and exit")


def parse_settings(argv: Sequence[str] | None) -> Settings:
    """Settings from the command line, completed by ``--config-file`` and the defaults.

    Parameters
    ----------
    argv
        Arguments without the program's name.

    Raises
    ------
    SettingsError
        Everything that is wrong with the arguments, one line each.
    """
    parser = build_parser()
    known = [name for action in parser._actions for name in action.option_strings]
    namespace, unknown = parser.parse_known_args([hyphenated(text, known) for text in argv])
    problems = [unknown_argument(text, known) for text in unknown]
    given: dict[str, Any] = {}
    for name, text in vars(namespace).items():
        try:
            given[name] = CONVERTERS[name](text) if name in CONVERTERS else text
        except ValueError as error:
            problems.append(f"{option(name)}: {error}")
    values: dict[str, Any] = {}
    if path := given.get("config_file"):
        try:
            values = read_toml(path)
        except SettingsError as error:
            problems.append(str(error))
    values.setdefault("work_dir", types.absolute_path(str(Settings.work_dir)))
    values |= given
    try:
        settings = Settings(**values)
    except SettingsError as error:
        problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _choices(values: Sequence[str]) -> str:
    return "{" + ",".join(values) + "}"


def hyphenated(text: str, known: Sequence[str]) -> str:
    """Option as it is known, where it was written with underscores; other text as it is."""
    name, equals, value = text.partition("=")
    hyphenated = "--" + name[2:].replace("_", "-")
    return hyphenated + equals + value if name[:2] == "--" and hyphenated in known else text


def unknown_argument(text: str, known: Sequence[str]) -> str:
    """Sentence on an argument that is not known, with the known one that is near."""
    near = difflib.get_close_matches(text.partition("=")[0], known, n=1)
    return f"unknown argument {text}" + (f"; did you mean {near[0]}?" if near else "")
