"""The report of one participant, put together from its figures by NiReports."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from sctflow.reports import fragments

_FOLDER = Path(__file__).parent
_ORDER = ("T2w", "T1w", "T2star", "T2starw", "MTS", "MTR", "dwi", "bold")

_PART = "report"
"""Suffix of the parts of the report that belong to no image."""


@dataclass(frozen=True)
class FigureFile:
    """A figure, and what its name says.

    Attributes
    ----------
    path : str
        The file.
    entities : dict
        BIDS entities by their keys (``subject`` for ``sub``), with ``suffix`` and ``extension``.
    """

    path: str
    entities: dict[str, str]


class FigureFolder:
    """The figures of one participant, to be asked for by entities.

    It answers NiReports in place of a BIDS layout: a layout would index all derivatives, and
    would read entities out of the folders that the output folder happens to lie in.
    """

    def __init__(self, root: Path, subject: str) -> None:
        self.root = str(root)
        paths = sorted((Path(root) / f"sub-{subject}" / "figures").glob(f"sub-{subject}_*"))
        self.files = [FigureFile(str(path), parse_name(path.name)) for path in paths]

    def get(self, **filters: str | None) -> list[FigureFile]:
        """Figures with exactly these entities; None stands for an entity that is not there."""
        return [
            file
            for file in self.files
            if all(file.entities.get(key) == value for key, value in filters.items())
        ]


def parse_name(name: str) -> dict[str, str]:
    """Entities, suffix and extension of a BIDS file name."""
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    if "sub" in entities:
        entities["subject"] = entities.pop("sub")
    return {**entities, "suffix": suffix, "extension": dot + extension}


def write_report(
    output_dir: Path,
    participant: str,
    *,
    run_uuid: str = "",
    errors: Sequence[Mapping] = (),
    warnings: Sequence[str] = (),
    boilerplate_file: Path | None = None,
    settings_summary: Mapping[str, str] | None = None,
    images: Sequence[str] = (),
) -> Path:
    """Write the report of one participant from the figures in the output folder.

    Parameters
    ----------
    output_dir : pathlib.Path
        Root of the output dataset; figures are in ``sub-<label>/figures``.
    participant : str
        Label, with or without ``sub-``.
    run_uuid : str
        Identifier of the run, shown.
    errors : sequence of mapping
        Steps that failed: ``node``, ``cause`` (a sentence), ``file`` (the crash file), and
        ``image`` (its file name) where known.
    warnings : sequence of str
        About the participant as a whole.
    boilerplate_file : pathlib.Path, optional
        Methods text, Markdown with citation keys (``CITATION.md``).
    settings_summary : mapping, optional
        What else to show about the run, name → value: the command line, for example.
    images : sequence of str
        File names of the images that were to be processed. Those without figures, and those
        that an error names, are listed as failed.

    Returns
    -------
    pathlib.Path
        ``<output_dir>/sub-<label>.html``. It needs nothing but the figures beside it: no network.
    """
    from sctflow import __version__
    from sctflow.io import save_text

    output_dir = Path(output_dir)
    subject = participant.removeprefix("sub-")
    with TemporaryDirectory(prefix="sctflow-report-") as scratch:
        # NiReports edits figures in place, and the parts written here are no derivatives.
        root = Path(scratch)
        figures = root / f"sub-{subject}" / "figures"
        figures.mkdir(parents=True)
        source = output_dir / f"sub-{subject}" / "figures"
        for path in sorted(source.glob(f"sub-{subject}_*")):
            shutil.copyfile(path, figures / path.name)

        listed = _list_images(FigureFolder(root, subject))
        broken = [str(item["image"]) for item in errors if item.get("image")]
        overview = [
            (anchor, title, {} if summary.get("image") in broken else summary)
            for anchor, title, _, summary in listed
        ]
        shown = {summary.get("image") for *_, summary in listed}
        missing = [name for name in dict.fromkeys([*images, *broken]) if name not in shown]
        overview += [("", f"<code>{escape(name)}</code>", {}) for name in missing]
        text = Path(boilerplate_file).read_text("utf-8") if boilerplate_file else ""
        facts = {
            "sctflow": __version__,
            "Run": run_uuid,
            "Python": platform.python_version(),
            **(settings_summary or {}),
        }
        parts = {
            "overview": fragments.overview(overview, warnings=warnings, errors=len(errors)),
            "methods": fragments.methods(text),
            "errors": fragments.errors(errors, output_dir=output_dir),
            "about": fragments.about(facts),
        }
        for name, content in parts.items():
            save_text(content, figures / f"sub-{subject}_desc-{name}_{_PART}.html")
        html = _assemble(root, subject, run_uuid)
    target = output_dir / f"sub-{subject}.html"
    save_text(html, target)
    return target


def _assemble(root: Path, subject: str, run_uuid: str) -> str:
    """Let NiReports put the page together in ``root``, and return it."""
    from nireports.assembler.report import Report, SubReport
    from nireports.assembler.reportlet import Reportlet

    class ParticipantReport(Report):
        """Report with one section per image."""

        def index(self, config: dict) -> None:
            folder = FigureFolder(config["root"], config["bids_filters"]["subject"])
            self.sections = []
            for section in config["sections"]:
                repeats = [(section["name"], section.get("title"), {})]
                if section.get("each_image"):
                    repeats = [image[:3] for image in _list_images(folder)]
                for name, title, entities in repeats:
                    reportlets = [
                        Reportlet(
                            folder,
                            config={**item, "bids": {**entities, **item["bids"]}},
                            out_dir=config["out_dir"],
                            bids_filters=config["bids_filters"],
                        )
                        for item in section["reportlets"]
                    ]
                    self.sections.append(
                        SubReport(
                            name,
                            isnested=bool(section.get("each_image")),
                            reportlets=[part for part in reportlets if not part.is_empty()],
                            title=title,
                        )
                    )

    report = ParticipantReport(
        root,
        run_uuid,
        bootstrap_file=_FOLDER / "spec.yml",
        out_filename=f"sub-{subject}.html",
        reportlets_dir=root,
        metadata={"template_path": str(_FOLDER / "report.html").replace("'", "''")},
        subject=subject,
    )
    report.generate_report()
    return report.out_filename.read_text("utf-8")


def _list_images(folder: FigureFolder) -> list[tuple[str, str, dict, dict]]:
    """Images that have a figure: anchor, title, entities of its figures, and its summary.

    Sessions one after the other, in each T2w first, then T1w, T2star and so on.
    """
    images = {}
    for file in folder.files:
        entities = {k: v for k, v in file.entities.items() if k not in ("desc", "extension")}
        if entities["suffix"] == _PART:
            continue
        images.setdefault(tuple(sorted(entities.items())), entities)

    def position(entities: dict) -> tuple:
        suffix = entities["suffix"]
        rank = _ORDER.index(suffix) if suffix in _ORDER else len(_ORDER)
        told = ("subject", "ses", "space", "suffix")
        others = sorted((k, _natural(v)) for k, v in entities.items() if k not in told)
        return (_natural(entities.get("ses", "")), rank, suffix, others)

    listed = []
    for entities in sorted(images.values(), key=position):
        query = {**dict.fromkeys(_all_keys(folder)), **entities}
        summary, *others = (
            fragments.read_summary(_read(folder, query, desc))
            for desc in ("summary", "levels", "details")
        )
        shown = [(k, v) for k, v in entities.items() if k not in ("subject", "space", "suffix")]
        tail = "".join(f' <span class="entity">{k}-{v}</span>' for k, v in shown)
        anchor = "-".join(["image", entities["suffix"], *(f"{k}-{v}" for k, v in shown)])
        joined = reduce(fragments.join_summaries, others, summary)
        listed.append((anchor, entities["suffix"] + tail, query, joined))
    return listed


def _read(folder: FigureFolder, query: Mapping, desc: str) -> str:
    """A fragment of an image's section, empty where there is none."""
    found = folder.get(**query, desc=desc, extension=".html")
    return Path(found[0].path).read_text("utf-8") if found else ""


def _all_keys(folder: FigureFolder) -> list[str]:
    """Keys of entities in use, except those that tell the figures of one image apart."""
    keys = {key for file in folder.files for key in file.entities}
    return sorted(keys - {"desc", "extension"})


def _natural(value: str) -> tuple:
    """Sort key by which ``run-10`` comes after ``run-2``."""
    return tuple(
        (not p.isdigit(), int(p) if p.isdigit() else p) for p in re.split(r"(\d+)", value)
    )
