"""What is built, shipped and pinned: the wheel alone is the program."""

import ast
import email
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import sctflow

SOURCES = ("sctflow", "interfaces", "workflows")
JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")


@pytest.fixture(scope="module")
def project(repo):
    return tomllib.loads((repo / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(repo, tmp_path_factory):
    """The wheel, built from a copy of the sources: nothing is left in the repository."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        shutil.copytree(repo / name, source / name, ignore=JUNK)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repo / name, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    _run([*build, str(dist), str(source)])
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel installed alone, and an environment in which it comes before the sources."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    _run([*pip, "--target", str(target), str(wheel)])
    return target


def test_every_source_folder_is_a_listed_package(repo, project):
    folders = set()
    for top in SOURCES:
        prefix = top if top == "sctflow" else f"sctflow.{top}"
        for path in (repo / top).rglob("*.py"):
            parts = path.parent.relative_to(repo / top).parts
            folders.add(".".join([prefix, *parts]))
    assert folders == set(project["tool"]["setuptools"]["packages"])


def test_wheel_has_every_file_of_the_sources(repo, wheel):
    expected = set()
    for top in SOURCES:
        for path in (repo / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                inside = path.relative_to(repo).as_posix()
                expected.add(inside if top == "sctflow" else f"sctflow/{inside}")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == expected


def test_version_is_written_in_one_place(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Version"] == sctflow.__version__
    assert metadata["License-Expression"] == "Apache-2.0"


def test_wheel_is_small_enough_to_ship(wheel):
    assert wheel.stat().st_size < 8e6


def test_installed_wheel_is_what_runs(installed, tmp_path):
    show = "import sctflow.workflows.base as m; print(m.__file__)"
    assert Path(_inside(installed, tmp_path, "-c", show)).is_relative_to(installed)
    assert sctflow.__version__ in _inside(
        installed, tmp_path, str(installed / "bin/sctflow"), "--version"
    )


def test_installed_wheel_finds_its_weights(installed, tmp_path):
    load = "from sctflow.models import load_cord_nets; print(load_cord_nets()[1]['name'])"
    assert _inside(installed, tmp_path, "-c", load)


def test_installed_wheel_processes_a_dataset(installed, tmp_path):
    tool, app = str(installed / "bin/sctflow-data"), str(installed / "bin/sctflow")
    options = [
        "--participants",
        "1",
        "--labels",
        "SC",
        "discs",
        "--images",
        "T2w",
        "--view",
        "short",
    ]
    _inside(installed, tmp_path, tool, "demo", "bids", *options)
    _inside(installed, tmp_path, app, "bids", "out", "participant", "-w", "work", "--nprocs", "1")
    assert (tmp_path / "out/sub-01.html").is_file()
    assert len(list((tmp_path / "out/sub-01/anat").glob("*_morph.tsv"))) == 2


def test_every_dependency_is_pinned_within_its_bounds(repo, project):
    pins = _pins(repo)
    extras = project["project"]["optional-dependencies"].values()
    for text in project["project"]["dependencies"] + [text for extra in extras for text in extra]:
        requirement = Requirement(text)
        if requirement.name != "sctflow":
            assert pins[canonicalize_name(requirement.name)] in requirement.specifier, text


def test_every_import_is_a_declared_dependency(repo, project):
    distributions = packages_distributions()
    declared = {canonicalize_name(Requirement(d).name) for d in project["project"]["dependencies"]}
    for path in (path for top in SOURCES for path in (repo / top).rglob("*.py")):
        for module in _imports(path) - set(sys.stdlib_module_names) - {"sctflow"}:
            provided_by = {canonicalize_name(name) for name in distributions[module]}
            assert provided_by & declared, f"{path}: {module}"


def test_pins_are_exact_and_hold_for_every_build(repo):
    assert _pins(repo)["torch"] == Version("2.13.0")
    assert all(version.local is None for version in _pins(repo).values())


def test_make_has_the_targets_that_the_readme_names(repo):
    targets = set(re.findall(r"^([a-z]+):", (repo / "Makefile").read_text(), re.M))
    for text in (repo / "README.md", repo / "docs/developer.md", repo / "CONTRIBUTING.md"):
        assert set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", text.read_text())) <= targets


def test_citation_has_what_the_format_requires(repo):
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["authors"] == [{"name": "The sctflow developers"}]


def test_container_recipes_install_the_same_program(repo):
    docker, apptainer = ((repo / name).read_text() for name in ("Dockerfile", "apptainer.def"))
    base = re.search(r"^FROM (\S+) AS build", docker, re.M).group(1)
    assert f"From: {base}" in apptainer
    for text in (docker, apptainer):
        assert "graphviz libgomp1" in text
        assert re.search(r"pip install .*-c (/src/)?constraints\.txt", text)
    copied = {
        line.split()[0]
        for line in apptainer.splitlines()
        if " /src/" in line and "pip" not in line
    }
    kept = {
        line[1:] for line in (repo / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert copied == kept


def _imports(path):
    """Top-level modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


def _pins(repo):
    lines = (repo / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def _inside(installed, cwd, *command):
    """Run Python with the installed wheel, outside of the repository."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    return _run([sys.executable, *command], cwd=cwd, env=environment)


def _run(command, **options):
    __tracebackhide__ = True  # pytest would print the whole environment
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()
