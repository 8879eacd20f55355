from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sctflow import __version__
from sctflow.cli import types
from sctflow.cli.parser import build_parser, parse_settings
from sctflow.errors import SettingsError

FMRIPREP = """
--participant-label --session-label --bids-filter-file --bids-database-dir -d --derivatives
--skip-bids-validation -w --work-dir --clean-workdir --nprocs --omp-nthreads --mem --low-mem
--use-plugin --config-file --write-graph --stop-on-first-crash --reports-only --boilerplate-only
--resource-monitor --debug -v --version
"""
OWN = "--modality --segmentation-method --ignore-labels --random-seed --template"
HEAVY = """
torch nipype bids niworkflows nireports pandas numpy nibabel scipy matplotlib rich
"""


def parse(*options):
    return parse_settings(["in", "out", "participant", *options])


def test_the_options_are_those_that_users_of_fmriprep_know():
    known = [name for action in build_parser()._actions for name in action.option_strings]
    assert not set(f"{FMRIPREP} {OWN}".split()) - set(known)


def test_defaults_need_nothing_but_the_positionals():
    settings = parse()
    assert settings.bids_dir == Path.cwd() / "in"
    assert settings.output_dir == Path.cwd() / "out"
    assert settings.work_dir == Path.cwd() / "work"
    assert (settings.segmentation_method, settings.ignore_labels) == ("network", ())
    assert (settings.nprocs, settings.mem, settings.random_seed) == (None, None, 0)


def test_values_reach_the_settings(tmp_path):
    filters = tmp_path / "filters.json"
    filters.touch()
    settings = parse(
        *("--participant-label", "sub-01", "02", "--session-label", "a", "--mem", "16G"),
        *("--bids-filter-file", str(filters), "-d", str(tmp_path), f"mine={tmp_path}"),
        *("--ignore-labels", "SC", "discs", "--nprocs", "8", "--omp-nthreads", "2", "-vv"),
        *("--use-plugin", "SLURM", "--low-mem", "--random-seed", "7", "-w", str(tmp_path)),
    )
    assert settings.participant_label == ("01", "02")
    assert settings.session_label == ("a",)
    assert settings.bids_filter_file == filters
    assert settings.derivatives == {tmp_path.name: tmp_path, "mine": tmp_path}
    assert settings.ignore_labels == ("SC", "discs")
    assert (settings.nprocs, settings.omp_nthreads, settings.mem) == (8, 2, 16.0)
    assert (settings.verbose, settings.low_mem, settings.use_plugin) == (2, True, "SLURM")
    assert (settings.random_seed, settings.work_dir) == (7, tmp_path)


def test_a_template_is_a_name_or_a_folder():
    assert parse().template is None
    assert parse("--template", "SCTPhantom").template == "SCTPhantom"
    assert parse("--template", "./tpl-Mine").template == str(Path.cwd() / "tpl-Mine")


def test_modalities_are_all_unless_some_are_named():
    assert parse().modality == ("anat", "mt", "dwi", "func")
    assert parse("--modality", "mt", "dwi").modality == ("mt", "dwi")
    with pytest.raises(SettingsError, match="--modality: 'perf' is not one of anat, mt"):
        parse("--modality", "perf")


def test_underscores_are_understood():
    assert parse("--participant_label", "01", "--mem_mb=2000").mem == 2.0


def test_all_mistakes_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        parse_settings(
            [
                *("in", "out", "participan", "--nproc=2", "--random-seed", "x", "--mem", "lots"),
                *("--participant-label", "a_b", "-d", "nowhere", "--use-plugin", "a.yml"),
                *("--bids-filter-file", "none.json", "--segmentation-method", "magic"),
            ]
        )
    lines = str(caught.value).splitlines()
    for text in (
        "did you mean --nprocs",
        "--random-seed: 'x'",
        "--mem: 'lots'",
        "--participant-label: 'a_b'",
        "--derivatives: no such folder",
        "--bids-filter-file: no such file",
        "--use-plugin: no such file",
        "analysis_level: 'participan'",
        "--segmentation-method: 'magic'",
    ):
        assert sum(text in line for line in lines) == 1, text


def test_the_command_line_wins_over_the_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('random_seed = 3\nnprocs = 4\nbids_dir = "/elsewhere"\nwork_dir = "/w"\n')
    settings = parse("--config-file", str(path), "--nprocs", "2")
    assert (settings.random_seed, settings.nprocs) == (3, 2)
    assert (settings.bids_dir, settings.work_dir) == (Path.cwd() / "in", Path("/w"))
    assert settings.config_file == path


def test_saved_settings_repeat_the_run(tmp_path):
    first = parse("--ignore-labels", "SC", "--mem", "4G", "--low-mem")
    first.to_toml(tmp_path / "settings.toml")
    again = parse("--config-file", str(tmp_path / "settings.toml"))
    assert again.digest() == first.digest()
    assert (again.mem, again.low_mem) == (4.0, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("16G", 16), ("16000M", 16), ("16000", 16), ("1.5T", 1500), ("512 mb", 0.512), ("2GiB", 2)],
)
def test_memory_has_the_units_of_fmriprep(text, expected):
    assert types.gigabytes(text) == pytest.approx(expected)


def test_help_is_readable_at_100_columns_and_says_something_about_each_option():
    text = build_parser().format_help()
    assert max(map(len, text.splitlines())) <= 100
    assert not [action.dest for action in build_parser()._actions if not action.help]
    titles = [group.title for group in build_parser()._action_groups if group._group_actions]
    assert len(titles) >= 5


@pytest.mark.parametrize(("option", "said"), [("--help", "bids_dir"), ("--version", __version__)])
def test_heavy_modules_are_not_imported_to_answer(option, said):
    code = f"""
import sys
from sctflow.cli.run import main
try:
    main(["{option}"])
except SystemExit as done:
    assert not done.code
print("loaded:", *[name for name in {HEAVY.split()} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"
