"""The documentation builds without a warning and says what the program does."""

import html
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def site(repo, tmp_path_factory):
    """The built pages, as text by name."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E"]
    command += ["-d", str(tmp_path_factory.mktemp("doctrees")), str(repo / "docs"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {page.relative_to(out).as_posix(): page.read_text() for page in out.rglob("*.html")}


def test_every_option_is_documented(site):
    from sctflow.cli.data import build_parser as build_data_parser
    from sctflow.cli.parser import build_parser

    commands = build_data_parser()._subparsers._group_actions[0].choices.values()
    text = html.unescape(re.sub("<[^>]+>", " ", site["cli.html"]))
    options = [
        name
        for parser in (build_parser(), *commands)
        for a in parser._actions
        for name in a.option_strings
    ]
    assert len(options) > 30
    assert [name for name in options if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == []


def test_every_column_is_documented(site):
    from sctflow.core.morphometry import COLUMNS
    from sctflow.interfaces.centerline import COLUMNS as CENTERLINE_COLUMNS

    for column in (*COLUMNS, *CENTERLINE_COLUMNS):
        assert f">{column}<" in site["outputs.html"], column


def test_pages_show_the_version(site):
    import sctflow

    assert sctflow.__version__ in site["index.html"]


def test_readme_links_lead_somewhere(repo):
    links = re.findall(r"\]\(([^)#]+)\)", (repo / "README.md").read_text())
    local = [link for link in links if "://" not in link]
    assert len(local) > 5
    assert [link for link in local if not (repo / link).is_file()] == []
