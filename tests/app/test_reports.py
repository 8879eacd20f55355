"""The report of a participant, its methods text and its bibliography."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sctflow.errors import SctflowError
from sctflow.reports import write_report
from sctflow.reports.boilerplate import (
    cited_keys,
    read_bibliography,
    render_html,
    render_markdown,
    write_boilerplate,
)
from sctflow.reports.summary import image_summary

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="5pt" height="5pt" viewBox="0 0 5 5">\n</svg>\n'
)


LOADING = {"src", "data", "srcset", "poster", "action"}


class Page(HTMLParser):
    """What a browser would make of the report: sections, texts, links, and what it would load."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text("utf-8")
        self.ids, self.links, self.loaded, self.words, self.tags = [], [], [], [], []
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.loaded += [attrs[key] for key in LOADING & set(attrs)]
        assert tag != "link", "a stylesheet or an icon would be loaded"

    def handle_data(self, data):
        self.words.append(data)


def make_figures(output_dir, *stems, subject="01", **summary):
    """Write small figures of the images with these stems (``ses-1_T2w``)."""
    folder = Path(output_dir) / f"sub-{subject}" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for stem in stems:
        *entities, suffix = stem.split("_")
        start = "_".join([f"sub-{subject}", *entities, f"space-{suffix}"])
        for desc in ("axial", "sagittal", "area"):
            (folder / f"{start}_desc-{desc}_{suffix}.svg").write_text(SVG)
        text = image_summary(
            shape=(10, 10, 10),
            affine=np.eye(4),
            name=f"sub-{subject}_{stem}.nii.gz",
            not_computed="Left out.",
            **summary,
        )
        (folder / f"{start}_desc-summary_{suffix}.html").write_text(text)


def image_sections(page):
    return [name for name in page.ids if name.startswith("image-")]


def test_the_report_loads_nothing_but_the_figures_beside_it(tmp_path):
    make_figures(tmp_path, "T2w", "ses-1_acq-a_T1w")
    page = Page(write_report(tmp_path, "01"))
    assert len(page.loaded) == 6
    for loaded in page.loaded:
        assert loaded.startswith("./sub-01/figures/")
        assert (tmp_path / loaded).is_file()
    assert not re.search(r"@import|url\(", page.source)
    assert len(page.source) < 60_000


def test_each_image_has_one_section_with_its_own_figures(tmp_path):
    make_figures(tmp_path, "T2w", "acq-a_T2w", "acq-a_run-1_T2w", "T1w")
    page = Page(write_report(tmp_path, "sub-01"))
    assert len(set(page.ids)) == len(page.ids)
    parts = re.split(r'<section id="image-', page.source)[1:]
    found = [sorted(re.findall(r'(?:data|src)="\./sub-01/figures/([^"]*)"', p)) for p in parts]
    assert [len(names) for names in found] == [3, 3, 3, 3]
    stems = [{re.sub(r"_desc-[a-z]+", "", name) for name in names} for names in found]
    assert stems == [
        {"sub-01_space-T2w_T2w.svg"},
        {"sub-01_acq-a_space-T2w_T2w.svg"},
        {"sub-01_acq-a_run-1_space-T2w_T2w.svg"},
        {"sub-01_space-T1w_T1w.svg"},
    ]


def test_images_are_ordered_by_session_contrast_and_run(tmp_path):
    make_figures(
        tmp_path,
        *("ses-2_T2w", "ses-10_T2w", "ses-1_T2star", "ses-1_T1w"),
        *("ses-1_run-10_T2w", "ses-1_run-2_T2w"),
    )
    assert image_sections(Page(write_report(tmp_path, "01"))) == [
        "image-T2w-ses-1-run-2",
        "image-T2w-ses-1-run-10",
        "image-T1w-ses-1",
        "image-T2star-ses-1",
        "image-T2w-ses-2",
        "image-T2w-ses-10",
    ]


def test_every_link_of_the_menu_leads_somewhere(tmp_path):
    make_figures(tmp_path, "ses-1_T2w")
    page = Page(write_report(tmp_path, "01"))
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert {"overview", "image-T2w-ses-1", "methods", "errors", "about"} <= set(inside)
    assert set(inside) <= set(page.ids)


def test_other_participants_are_left_out(tmp_path):
    make_figures(tmp_path, "T2w", subject="01")
    make_figures(tmp_path, "T1w", subject="011")
    assert image_sections(Page(write_report(tmp_path, "01"))) == ["image-T2w"]


@pytest.mark.parametrize("folder", ["sub-99/anat", "o'brien {x}/ses-3_desc-axial", "with space/é"])
def test_the_place_of_the_output_folder_does_not_matter(tmp_path, folder):
    output_dir = tmp_path / folder
    make_figures(output_dir, "T2w")
    page = Page(write_report(output_dir, "01"))
    assert image_sections(page) == ["image-T2w"]
    assert len(page.loaded) == 3
    assert str(tmp_path) not in page.source


def test_figures_are_left_as_they_are(tmp_path):
    make_figures(tmp_path, "T2w")
    write_report(tmp_path, "01")
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert names == [
        "sub-01.html",
        "sub-01_space-T2w_desc-area_T2w.svg",
        "sub-01_space-T2w_desc-axial_T2w.svg",
        "sub-01_space-T2w_desc-sagittal_T2w.svg",
        "sub-01_space-T2w_desc-summary_T2w.html",
    ]
    for path in tmp_path.rglob("*.svg"):
        assert path.read_text() == SVG


def test_the_report_is_the_same_every_time(tmp_path):
    make_figures(tmp_path, "T2w", "T1w")
    first = write_report(tmp_path, "01", run_uuid="a").read_bytes()
    assert write_report(tmp_path, "01", run_uuid="a").read_bytes() == first


def test_a_participant_without_images_has_a_report_that_says_so(tmp_path):
    page = Page(write_report(tmp_path, "01", warnings=["No anatomical image was found."]))
    assert "Nothing was processed for this participant" in page.text
    assert "No anatomical image was found." in page.text
    assert image_sections(page) == []


def test_the_overview_lists_what_was_and_what_was_not_computed(tmp_path):
    make_figures(tmp_path, "T2w", "T1w")
    page = Page(
        write_report(
            tmp_path,
            "01",
            images=["sub-01_T2w.nii.gz", "sub-01_run-2_T2w.nii.gz"],
            errors=[{"node": "axial", "cause": "No space.", "image": "sub-01_T1w.nii.gz"}],
        )
    )
    rows = re.findall(r"<tr><td>(.*?)</tr>", page.source)
    told = [re.sub(r"<[^>]*>", " ", row).split() for row in rows]
    assert [(row[0], row[-1]) for row in told] == [
        ("T2w", "computed"),
        ("T1w", "failed"),
        ("sub-01_run-2_T2w.nii.gz", "failed"),
    ]
    assert told[0][-2:] == ["not", "computed"]


def test_errors_are_told_with_their_cause_and_crash_file(tmp_path):
    crash = tmp_path / "logs" / "run 1" / "crash-1.txt"
    crash.parent.mkdir(parents=True)
    crash.write_text("Node: a.b\n\nTraceback:\n  File <string>\nValueError: 1 < 2 & <script>")
    page = Page(
        write_report(
            tmp_path,
            "01",
            errors=[
                {"node": "anat_wf.check", "cause": "The <image> is cut.",
                 "file": "logs/run 1/crash-1.txt", "image": "sub-01_T2w.nii.gz"},
                {"node": "", "cause": "Stopped.", "file": "", "image": ""},
            ],
        )
    )  # fmt: skip
    assert "2 steps failed" in page.text
    assert "sub-01_T2w.nii.gz : The <image> is cut." in page.text
    assert "ValueError: 1 < 2 & <script>" in page.text
    assert "./logs/run%201/crash-1.txt" in page.links
    assert page.tags.count("script") == 1


def test_a_run_without_errors_says_so(tmp_path):
    assert "No step failed." in Page(write_report(tmp_path, "01")).text


def test_what_is_known_about_the_run_is_shown(tmp_path):
    summary = {"Command line": "sctflow <bids> out participant", "Empty": ""}
    page = Page(write_report(tmp_path, "01", run_uuid="2026_x", settings_summary=summary))
    assert "2026_x" in page.text
    assert "sctflow <bids> out participant" in page.text
    assert "Empty" not in page.text


def test_methods_are_shown_with_their_references(tmp_path):
    file = write_boilerplate("Built with *Nipype* [@nipype].", tmp_path / "logs")
    page = Page(write_report(tmp_path, "01", boilerplate_file=file))
    assert "Built with Nipype" in page.text
    assert "Gorgolewski et al., 2011" in page.text
    assert "#ref-nipype" in page.links
    assert "ref-nipype" in page.ids
    assert "https://doi.org/10.3389/fninf.2011.00013" in page.links


def test_boilerplate_files_hold_the_text_and_what_it_cites(tmp_path):
    text = "A [@nipype; @nibabel]."
    file = write_boilerplate(text, tmp_path / "logs")
    assert file.read_text() == text + "\n"
    cited = read_bibliography((tmp_path / "logs" / "CITATION.bib").read_text())
    assert set(cited) == {"nipype", "nibabel"}
    html = (tmp_path / "logs" / "CITATION.html").read_text()
    assert "Brett et al., 2024" in html


def test_citations_become_names_and_years():
    text = render_markdown("As @unet did [@pam50; @sct], write to a@b.org or `[@code]`.")
    body, listed = text.split("### References")
    assert body.startswith(
        "As [Ronneberger et al. (2015)](#ref-unet) did ([De Leener et al., 2018](#ref-pam50); "
        "[De Leener et al., 2017](#ref-sct)), write to a@b.org or `[@code]`."
    )
    assert listed.count("https://doi.org/") == 3


def test_a_text_without_citations_has_no_list_of_references():
    assert "References" not in render_html("Plain *text*.")
    assert render_html("1 < 2 <b>") == "<p>1 &lt; 2 &lt;b&gt;</p>\n"


def test_an_unknown_key_is_named():
    with pytest.raises(SctflowError, match="nosuchpaper"):
        render_html("See [@nosuchpaper].")


def test_the_bibliography_is_complete_and_its_labels_tell_papers_apart():
    references = read_bibliography()
    source = (Path(__file__).parents[2] / "sctflow" / "data" / "references.bib").read_text("utf-8")
    assert len(references) == len(re.findall(r"^@", source, re.MULTILINE))
    labels = [reference.label for reference in references.values()]
    assert len(set(labels)) == len(labels)
    for reference in references.values():
        assert {"title", "year", "doi"} <= set(reference.fields)
        assert reference.fields["doi"].startswith("10.")
        assert all(", " in author or author == "others" for author in reference.authors)


def test_every_key_that_a_workflow_cites_is_in_the_bibliography(repo):
    cited = set()
    for path in (repo / "workflows").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                cited.update(cited_keys(node.value))
    assert "nipype" in cited
    assert cited <= set(read_bibliography())
