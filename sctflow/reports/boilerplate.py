"""Methods text: Markdown with citation keys in, Markdown and HTML with references out.

Keys are written as in Pandoc, ``[@nipype; @nibabel]`` or ``@nipype`` within a sentence, and are
looked up in ``sctflow/data/references.bib``. Everything is done here: no Pandoc is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sctflow.errors import SctflowError

_ENTRY = re.compile(r"@(\w+)\s*\{\s*([^,\s]+)\s*,(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_KEY = r"@([A-Za-z][\w:-]*\w)"
_GROUP = re.compile(rf"\[({_KEY}(?:\s*;\s*{_KEY})*)\]")
_CITATION = re.compile(rf"{_GROUP.pattern}|(?<![\w@]){_KEY}")


@dataclass(frozen=True)
class Reference:
    """One entry of the bibliography.

    Attributes
    ----------
    key : str
        What the texts cite it by.
    authors : tuple of str
        ``Family, Given``; the last may be ``others``.
    fields : dict
        The other BibTeX fields, without braces.
    source : str
        The entry as it stands in the file.
    """

    key: str
    authors: tuple[str, ...]
    fields: dict[str, str]
    source: str

    @property
    def label(self) -> str:
        """Name and year, as cited in the text: ``De Leener et al., 2017``."""
        families = [author.split(",")[0] for author in self.authors]
        names = f"{families[0]} et al." if len(families) > 2 else " and ".join(families)
        return f"{names}, {self.fields['year']}"

    def to_markdown(self) -> str:
        """The reference as one line of Markdown."""
        shown = [_short(author) for author in self.authors[:6]]
        if len(self.authors) > 6:
            shown = [*(name for name in shown if name != "et al."), "et al."]
        fields = self.fields
        where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher", "")
        volume = fields.get("volume", "")
        number = f"({fields['number']})" if "number" in fields else ""
        pages = fields.get("pages", "").replace("--", "–")
        place = ", ".join(part for part in (f"*{where}*", volume + number, pages) if part)
        doi = f"https://doi.org/{fields['doi']}"
        names = ", ".join(shown).rstrip(".")
        return f"{names}. ({fields['year']}). {fields['title']}. {place}. <{doi}>"


def read_bibliography(text: str | None = None) -> dict[str, Reference]:
    """Parse BibTeX with one field per line and braces around values.

    Parameters
    ----------
    text : str, optional
        The bibliography that comes with the program is read if nothing is given.

    Returns
    -------
    dict
        Key → reference.
    """
    text = bibliography_file().read_text(encoding="utf-8") if text is None else text
    references = {}
    for match in _ENTRY.finditer(text):
        key = match.group(2)
        fields = {name.lower(): value for name, value in _FIELD.findall(match.group(3))}
        fields = {name: re.sub(r"[{}]", "", value) for name, value in fields.items()}
        authors = tuple(re.split(r"\s+and\s+", fields.pop("author")))
        references[key] = Reference(key, authors, fields, match.group(0))
    return references


def bibliography_file() -> Path:
    """The bibliography that comes with the program."""
    import sctflow

    return Path(sctflow.__file__).parent / "data" / "references.bib"


def cited_keys(text: str) -> list[str]:
    """Keys that a text cites, each once, in order of appearance."""
    return list(dict.fromkeys(re.findall(rf"(?<![\w@]){_KEY}", _without_code(text))))


def render_markdown(text: str, references: dict[str, Reference] | None = None) -> str:
    """Replace citation keys by names and years, and list the references below.

    Parameters
    ----------
    text : str
        Markdown with citation keys.
    references : dict, optional
        Key → reference; the program's own without it.

    Returns
    -------
    str
        Markdown; citations are links to ``#ref-<key>``.

    Raises
    ------
    SctflowError
        When a key is not in the bibliography.
    """
    references = read_bibliography() if references is None else references
    body, cited = _with_citations(text, references)
    if not cited:
        return body + "\n"
    listed = "\n\n".join(reference.to_markdown() for reference in cited)
    return f"{body}\n\n### References\n\n{listed}\n"


def render_html(text: str, references: dict[str, Reference] | None = None) -> str:
    """Methods text as an HTML fragment: paragraphs, citations as links, a list of references.

    Parameters and errors are those of `render_markdown`.
    """
    from markdown_it import MarkdownIt

    references = read_bibliography() if references is None else references
    markdown = MarkdownIt("commonmark", {"html": False})
    body, cited = _with_citations(text, references)
    html = markdown.render(body)
    if cited:
        items = "\n".join(
            f'<li id="ref-{reference.key}">{markdown.renderInline(reference.to_markdown())}</li>'
            for reference in cited
        )
        html += f'<h3>References</h3>\n<ul class="references">\n{items}\n</ul>\n'
    return html


def render_bibtex(text: str, references: dict[str, Reference] | None = None) -> str:
    """Return the BibTeX entries that a text cites."""
    references = read_bibliography() if references is None else references
    return "\n\n".join(reference.source for reference in _cited(text, references)) + "\n"


def write_boilerplate(text: str, folder: Path) -> Path:
    """Write the methods text as ``CITATION.md``, ``.html`` and ``.bib``.

    Parameters
    ----------
    text : str
        Markdown with citation keys, as the workflows give it (``visit_desc``).
    folder : pathlib.Path
        Where to write; made if needed.

    Returns
    -------
    pathlib.Path
        The Markdown file. It keeps the keys, for Pandoc and for `render_html`.
    """
    from sctflow.io import save_text

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>Methods</title></head>\n<body>\n{render_html(text)}</body>\n</html>\n"
    )
    save_text(page, folder / "CITATION.html")
    save_text(render_bibtex(text), folder / "CITATION.bib")
    markdown = folder / "CITATION.md"
    save_text(text.strip() + "\n", markdown)
    return markdown


def _with_citations(text: str, references: dict[str, Reference]) -> tuple[str, list[Reference]]:
    """Text with links to the references in place of keys, and the references."""
    cited = _cited(text, references)

    def cite(match: re.Match) -> str:
        if match.group(1):
            keys = re.findall(_KEY, match.group(1))
            labels = (f"[{references[key].label}](#ref-{key})" for key in keys)
            return f"({'; '.join(labels)})"
        key = match.group(4)
        names, year = references[key].label.rsplit(", ", 1)
        return f"[{names} ({year})](#ref-{key})"

    pieces = re.split(r"(`[^`]*`)", text.strip())
    pieces[::2] = [_CITATION.sub(cite, piece) for piece in pieces[::2]]
    return "".join(pieces), cited


def _short(author: str) -> str:
    """``Brox, Thomas`` as ``Brox T``."""
    if author == "others":
        return "et al."
    family, _, given = author.partition(", ")
    initials = re.findall(r"(?<!\w)[^\W\d_]", given)
    return f"{family} {''.join(initials).upper()}"


def _cited(text: str, references: dict[str, Reference]) -> list[Reference]:
    """Look up the references that a text cites, in alphabetical order."""
    keys = cited_keys(text)
    missing = [key for key in keys if key not in references]
    if missing:
        raise SctflowError(
            f"{bibliography_file()}: no entry for {', '.join(missing)}, cited by the methods "
            "text. Add the entry or correct the key."
        )
    return sorted((references[key] for key in keys), key=lambda r: (r.label.lower(), r.key))


def _without_code(text: str) -> str:
    """Text without what stands between backticks."""
    return re.sub(r"`[^`]*`", "", text)
