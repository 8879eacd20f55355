"""Parts of the report that are made when it is assembled: overview, methods, errors, about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

from sctflow.reports.summary import CHECK, DONE, EMPTY, NOT_COMPUTED

FAILED = "failed"
_BADGES = {
    DONE: ("good", "done"),
    CHECK: ("warn", "look at it"),
    EMPTY: ("bad", "no cord found"),
    NOT_COMPUTED: ("bad", "not computed"),
    FAILED: ("bad", "failed"),
}
_LONGEST_CRASH = 20_000


_READ = ("image-summary", "image-details")


class _Summary(HTMLParser):
    """Reads the ``data-…`` attributes of a summary or of details."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Keep the attributes of the outer element."""
        given = dict(attrs)
        if given.get("class") in _READ and not self.found:
            self.found = {k[5:]: v for k, v in given.items() if k.startswith("data-")}


def read_summary(text: str) -> dict[str, str]:
    """Figures of one image, from its summary: image, status, mask, slices, length, area, …"""
    parser = _Summary()
    parser.feed(text)
    return parser.found


def join_summaries(summary: Mapping[str, str], details: Mapping[str, str]) -> dict[str, str]:
    """Figures of one image, the warnings of its details counted with those of its summary."""
    joined = dict(summary)
    added = int(details.get("warnings", 0))
    if joined and added:
        joined["warnings"] = str(int(joined.get("warnings") or 0) + added)
        joined["status"] = CHECK if joined.get("status") == DONE else joined.get("status", FAILED)
    return joined


def overview(
    images: Sequence[tuple[str, str, Mapping[str, str]]],
    *,
    warnings: Sequence[str] = (),
    errors: int = 0,
) -> str:
    """Table of all images of a participant, and what should be known before looking at them.

    Parameters
    ----------
    images : sequence of (anchor, title, summary)
        Section to go to (empty: there is none), name to show, and what `read_summary` gave.
    warnings : sequence of str
        About the participant as a whole.
    errors : int
        Number of steps that failed.
    """
    parts = []
    if errors:
        steps = "One step" if errors == 1 else f"{errors} steps"
        parts.append(
            f'<p class="notice bad"><b>{steps} failed.</b> '
            '<a href="#errors">See what went wrong</a>; what does not depend on it is below.</p>'
        )
    if not images:
        parts.append(
            '<p class="notice warn"><b>Nothing was processed for this participant.</b> '
            "Nothing to process was found among the images selected.</p>"
        )
    if warnings:
        items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
        parts.append(f'<div class="notice warn"><b>Warnings</b><ul>{items}</ul></div>')
    if images:
        parts.insert(0, _table(images))
    return "\n".join(parts) + "\n"


def _table(images: Sequence[tuple[str, str, Mapping[str, str]]]) -> str:
    """Rows of the overview."""
    columns = [("slices", "Slices"), ("length", "Length (mm)"), ("area", "Mean area (mm²)")]
    if any(summary.get("confidence") for *_, summary in images):
        columns.append(("confidence", "Lowest confidence"))
    head = "".join(f'<th scope="col" class="number">{name}</th>' for _, name in columns)
    rows = []
    for anchor, title, summary in images:
        name = f'<a href="#{anchor}">{title}</a>' if anchor else title
        colour, status = _BADGES[summary.get("status", FAILED)]
        cells = "".join(
            f'<td class="number">{escape(summary.get(key) or "") or "–"}</td>'
            for key, _ in columns
        )
        rows.append(
            f"<tr><td>{name}</td><td>{escape(summary.get('mask') or '–')}</td>{cells}"
            f'<td><span class="badge {colour}">{status}</span></td></tr>'
        )
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">Image</th>'
        f'<th scope="col">Cord mask</th>{head}<th scope="col">Status</th></tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def methods(text: str) -> str:
    """Methods text with its references, and the sources to copy it from."""
    from sctflow.reports.boilerplate import render_bibtex, render_html

    if not text.strip():
        return "<p>No methods text: nothing was processed.</p>\n"
    return (
        '<p class="muted">What was done, to be copied into a paper unchanged (CC0).</p>\n'
        f"{render_html(text)}"
        f"<details><summary>Markdown</summary><pre>{escape(text.strip())}</pre></details>\n"
        f"<details><summary>BibTeX</summary><pre>{escape(render_bibtex(text))}</pre></details>\n"
    )


def errors(found: Sequence[Mapping], *, output_dir: Path) -> str:
    """What failed: the cause in a sentence, the step, and the crash file.

    Parameters
    ----------
    found : sequence of mapping
        ``node``, ``cause``, ``file`` and, where known, ``image``.
    output_dir : pathlib.Path
        What crash files are relative to; those below it are linked.
    """
    if not found:
        return '<p class="notice good">No step failed.</p>\n'
    return "\n".join(_error(item, Path(output_dir)) for item in found) + "\n"


def _error(item: Mapping, output_dir: Path) -> str:
    """One failed step."""
    name, cause = str(item.get("image") or ""), str(item.get("cause", ""))
    image = f"<code>{escape(name)}</code>: " if name and name not in cause else ""
    cause = escape(cause)
    parts = [
        f'<div class="error"><p class="notice bad">{image}{cause}</p>',
    ]
    origin = [f"Step <code>{escape(str(item['node']))}</code>"] if item.get("node") else []
    file = output_dir / item["file"] if item.get("file") else None
    if file is not None:
        shown = f"<code>{escape(file.name)}</code>"
        if file.is_relative_to(output_dir):
            link = quote(file.relative_to(output_dir).as_posix())
            shown = f'<a href="./{link}">{shown}</a>'
        origin.append(f"crash file {shown}")
    if origin:
        parts.append(f'<p class="muted">{", ".join(origin)}</p>')
    if file is not None and file.is_file() and file.suffix == ".txt":
        text = file.read_text("utf-8", errors="replace")
        if len(text) > _LONGEST_CRASH:
            text = "…\n" + text[-_LONGEST_CRASH:]
        parts.append(f"<details><summary>Details</summary><pre>{escape(text)}</pre></details>")
    return "\n".join([*parts, "</div>"])


def about(facts: Mapping[str, str]) -> str:
    """Table of how this run was made; values are shown as code."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        f"<td><code>{escape(str(value))}</code></td></tr>"
        for name, value in facts.items()
        if value not in ("", None)
    )
    return f'<table class="about">\n{rows}\n</table>\n'
