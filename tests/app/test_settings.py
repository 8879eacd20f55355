from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import sctflow
from sctflow.cli.parser import build_parser
from sctflow.errors import SettingsError
from sctflow.settings import IGNORABLE_LABELS, MODALITIES, Settings

PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map(
    Path
)
LABELS = st.lists(st.text("ab1", min_size=1)).map(tuple)
ANY_SETTINGS = st.builds(
    Settings,
    bids_dir=PATHS,
    output_dir=PATHS,
    analysis_level=st.sampled_from(["participant", "group"]),
    participant_label=LABELS,
    session_label=LABELS,
    bids_filter_file=st.none() | PATHS,
    bids_database_dir=st.none() | PATHS,
    derivatives=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), PATHS),
    modality=st.lists(st.sampled_from(MODALITIES), unique=True).map(tuple),
    ignore_labels=st.lists(st.sampled_from(IGNORABLE_LABELS), unique=True).map(tuple),
    random_seed=st.integers(0, 2**32 - 1),
    nprocs=st.none() | st.integers(1, 99),
    mem=st.none() | st.floats(0.5, 1e4),
    low_mem=st.booleans(),
    use_plugin=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    work_dir=PATHS,
    verbose=st.integers(0, 3),
)


def make(**options):
    return Settings(bids_dir=Path("/in"), output_dir=Path("/out"), **options)


@hypothesis_settings(deadline=None)
@given(settings=ANY_SETTINGS)
def test_settings_are_read_back_as_they_were_saved(settings, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "settings.toml"
    settings.to_toml(path)
    assert Settings.from_toml(path) == settings


def test_every_option_is_a_field_and_every_field_an_option():
    options = {action.dest for action in build_parser()._actions} - {"help", "version"}
    assert options == {field.name for field in dataclasses.fields(Settings)}


def test_every_field_is_read_somewhere():
    read = {"config_file"}  # the parser reads it, to make the settings from it
    for path in Path(sctflow.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Attribute(value=ast.Name(id="settings"), attr=name):
                    read.add(name)
    unread = {field.name for field in dataclasses.fields(Settings)} - read
    assert not unread


@pytest.mark.parametrize(
    "change",
    [{"segmentation_method": "manual"}, {"ignore_labels": ("SC",)}, {"random_seed": 1}],
)
def test_the_digest_changes_with_what_changes_results(change):
    assert make(**change).digest() != make().digest()


@pytest.mark.parametrize(
    "change",
    [
        {"nprocs": 3},
        {"participant_label": ("1",)},
        {"modality": ("mt",)},
        {"work_dir": Path("w")},
        {"verbose": 1},
    ],
)
def test_the_digest_stays_with_what_does_not(change):
    assert make(**change).digest() == make().digest()


def test_the_order_of_ignored_labels_does_not_matter():
    one, other = (make(ignore_labels=labels).digest() for labels in (("SC", "GM"), ("GM", "SC")))
    assert one == other


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().nprocs = 1


def test_all_contradictions_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        make(
            nprocs=2,
            omp_nthreads=4,
            mem=0.016,
            random_seed=-1,
            segmentation_method="manual",
            ignore_labels=("SC", "foo"),
            reports_only=True,
            boilerplate_only=True,
        )
    for text in ("--omp-nthreads", "16G", "--random-seed", "drop one", "'foo'", "exclude"):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nproc = 2", "did you mean nprocs"),
        ('nprocs = "2"', "nprocs: '2' given, int expected"),
        ('participant_label = "01"', "a list expected"),
        ("low_mem = 1", "bool expected"),
        ("random_seed = true", "int expected"),
        ("nprocs =", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, text, said):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        Settings.from_toml(path)
    assert str(path) in str(caught.value)
