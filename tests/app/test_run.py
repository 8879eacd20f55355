from __future__ import annotations

import io
import json
import logging
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import sctflow.cli.participant
import sctflow.reports
from sctflow.cli.environment import THREAD_VARIABLES, prepare_environment
from sctflow.cli.execute import nipype_config, plugin_choice
from sctflow.cli.participant import clean_work_dir
from sctflow.cli.resources import available_memory_gb, usable_memory_gb
from sctflow.cli.run import main
from sctflow.cli.validation import check_validation, start_validator
from sctflow.errors import DatasetError, SettingsError
from sctflow.settings import Settings

PERF = "sub-{}/perf/sub-{}_asl.nii.gz"
NAMES_ONLY = "--skip-bids-validation"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch, tmp_path):
    """The program sets environment and loggers of its process; put them back."""
    before = dict(os.environ)
    handlers = {
        name: (list(logging.getLogger(name).handlers), logging.getLogger(name).propagate)
        for name in ("nipype", "sctflow", "py.warnings")
    }
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)
    logging.captureWarnings(False)
    for name, (found, propagate) in handlers.items():
        logging.getLogger(name).handlers = found
        logging.getLogger(name).propagate = propagate


@pytest.fixture
def nothing(make_dataset):
    """Two participants without an anatomical image."""
    return make_dataset(PERF.format("01", "01"), PERF.format("02", "02"))


def options(**changes):
    return Settings(bids_dir=Path("/in"), output_dir=Path("/out"), **changes)


def run_folder(out):
    (folder,) = (out / "logs").iterdir()
    return folder


def test_a_wrong_dataset_is_status_2_and_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path), "out", "participant"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sctflow: {tmp_path}: not a BIDS dataset")
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_the_input_folder_is_never_the_output_folder(nothing, capsys):
    before = sorted(nothing.rglob("*"))
    assert main([str(nothing), str(nothing), "participant"]) == 2
    assert "is the input dataset" in capsys.readouterr().err
    assert sorted(nothing.rglob("*")) == before


def test_wrong_options_are_told_before_anything_is_touched(nothing, tmp_path, capsys):
    arguments = [str(nothing), "out", "participant", NAMES_ONLY]
    assert main([*arguments, "--use-plugin", "Magic", "--nprocs", "x"]) == 2
    assert "--nprocs" in capsys.readouterr().err
    assert main([*arguments, "--use-plugin", "Magic"]) == 2
    assert "no plugin 'Magic'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nothing_to_do_is_no_failure_and_the_report_says_so(nothing, tmp_path, capsys):
    assert main([str(nothing), "out", "participant", NAMES_ONLY]) == 0
    assert capsys.readouterr().err.count("Nothing to do") == 2
    for label in ("01", "02"):
        assert "Nothing to do" in (tmp_path / "out" / f"sub-{label}.html").read_text()


def test_what_is_needed_to_repeat_a_run_is_saved_with_it(nothing, tmp_path):
    arguments = [str(nothing), "out", "participant", NAMES_ONLY, "--random-seed", "5"]
    assert main(arguments) == 0
    folder = run_folder(tmp_path / "out")
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["Command"].endswith("--random-seed 5")
    assert "nibabel" in environment["Packages"]
    assert Settings.from_toml(folder / "settings.toml").random_seed == 5
    outcome = json.loads((folder / "outcome.json").read_text())
    assert (outcome["ExitStatus"], outcome["Participants"]) == (0, {"01": [], "02": []})
    assert "2 participants, 0 images" in (folder / "sctflow.log").read_text()


@pytest.fixture
def template_home(tmp_path, monkeypatch):
    """Where templates are looked for; none is there."""
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "home"


def test_a_template_that_was_asked_for_and_is_not_there_stops_the_run(
    nothing, tmp_path, capsys, template_home
):
    arguments = [str(nothing), "out", "participant", NAMES_ONLY]
    assert main([*arguments, "--template", "PAM50"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sctflow: template PAM50 is not in")
    assert "sctflow-data install PAM50" in error
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--template", "./tpl-Mine"]) == 2
    assert f"{tmp_path / 'tpl-Mine'}: there is no such folder" in capsys.readouterr().err


def test_without_pam50_a_run_that_did_not_ask_for_it_goes_on(
    nothing, tmp_path, capsys, template_home
):
    assert main([str(nothing), "out", "participant", NAMES_ONLY]) == 0
    assert capsys.readouterr().err.count("Template PAM50 is not installed") == 1
    folder = run_folder(tmp_path / "out")
    assert json.loads((folder / "environment.json").read_text())["Template"] is None
    assert not template_home.exists()


def test_the_template_of_a_run_is_recorded(nothing, tmp_path, template_home):
    template = template_home / "tpl-PAM50"
    template.mkdir(parents=True)
    (template / "tpl-PAM50_T2w.nii.gz").write_text("x")
    (template / "template_description.json").write_text('{"Version": "r1"}')
    assert main([str(nothing), "out", "participant", NAMES_ONLY]) == 0
    folder = run_folder(tmp_path / "out")
    recorded = json.loads((folder / "environment.json").read_text())["Template"]
    assert recorded == {"Name": "PAM50", "Version": "r1", "Folder": str(template)}
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert description["DatasetLinks"]["PAM50"] == template.as_uri()
    assert f"Template: PAM50 r1, in {template}" in (folder / "sctflow.log").read_text()


def test_boilerplate_only_writes_the_methods_and_computes_nothing(make_dataset, tmp_path):
    anat = "sub-01/anat/sub-01_T2w"
    raw = make_dataset(f"{anat}.nii.gz", labels=(f"{anat}_label-SC_seg.nii.gz",))
    assert main([str(raw), "out", "participant", NAMES_ONLY, "--boilerplate-only"]) == 0
    assert "delineated by hand" in (run_folder(tmp_path / "out") / "CITATION.md").read_text()
    assert not list((tmp_path / "out").glob("sub-*"))
    assert not (tmp_path / "work").exists()


def test_a_report_that_fails_stops_no_other(nothing, tmp_path, monkeypatch, capsys):
    real = sctflow.reports.write_report

    def fails_for_01(output_dir, participant, **kwargs):
        if participant == "01":
            raise ValueError("no ink")
        return real(output_dir, participant, **kwargs)

    monkeypatch.setattr(sctflow.reports, "write_report", fails_for_01)
    assert main([str(nothing), "out", "participant", NAMES_ONLY]) == 1
    assert "ValueError: no ink" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").glob("*.html")] == ["sub-02.html"]


def test_reports_only_repeats_what_failed_in_the_last_run(nothing, tmp_path):
    last = tmp_path / "out" / "logs" / "20200101-000000_x"
    last.mkdir(parents=True)
    failure = {"node": "anat_wf.check", "image": "i.nii", "cause": "cut short", "file": "c.txt"}
    (last / "outcome.json").write_text(json.dumps({"Participants": {"01": [failure]}}))
    assert main([str(nothing), "out", "participant", NAMES_ONLY, "--reports-only"]) == 0
    assert "cut short" in (tmp_path / "out" / "sub-01.html").read_text()
    assert "cut short" not in (tmp_path / "out" / "sub-02.html").read_text()


def test_an_interruption_is_status_130_and_says_how_to_go_on(nothing, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(sctflow.cli.participant, "run_participants", interrupted)
    assert main([str(nothing), "out", "participant"]) == 130
    assert "continues from here" in capsys.readouterr().err


def test_debug_shows_the_traceback_of_an_error(tmp_path):
    with pytest.raises(DatasetError):
        main([str(tmp_path), "out", "participant", "--debug"])


def test_no_library_takes_more_threads_than_a_step_was_given():
    prepare_environment(3)
    assert {os.environ[name] for name in THREAD_VARIABLES} == {"3"}
    assert os.environ["NO_ET"] == "1"


def test_the_default_plugin_uses_what_was_allowed():
    name, arguments = plugin_choice(options(nprocs=3, mem=2.5))
    assert name == "MultiProc"
    assert (arguments["n_procs"], arguments["memory_gb"]) == (3, 2.5)


def test_a_container_gets_no_more_memory_than_it_has(tmp_path):
    limit, no_limit = tmp_path / "memory.max", tmp_path / "none"
    limit.write_text("100000000\n")
    no_limit.write_text("max\n")
    machine = usable_memory_gb([no_limit, tmp_path / "not there"])
    assert usable_memory_gb([limit, no_limit]) == 0.1 < machine
    assert 0 < available_memory_gb() <= machine
    if machine < float("inf"):
        assert plugin_choice(options())[1]["memory_gb"] <= 0.9 * machine


def test_a_plugin_is_chosen_by_name_or_by_a_file(tmp_path):
    assert plugin_choice(options(use_plugin="SLURM"))[0] == "SLURM"
    path = tmp_path / "plugin.yml"
    path.write_text("plugin: SLURM\nplugin_args:\n  sbatch_args: --mem=4G\n  n_procs: 9\n")
    name, arguments = plugin_choice(options(use_plugin=str(path)))
    assert name == "SLURM"
    assert arguments["sbatch_args"] == "--mem=4G"
    assert arguments["n_procs"] == 9


@pytest.mark.parametrize(
    "text", ["plugin: Magic", "plugin_args: {}", "[", "plugin: SLURM\nplugin_args: 3", "SLURM"]
)
def test_a_file_that_describes_no_plugin_is_explained(tmp_path, text):
    path = tmp_path / "plugin.yml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"plugin\.yml"):
        plugin_choice(options(use_plugin=str(path)))


def test_nipype_is_told_what_the_options_say():
    plain = nipype_config(options(), Path("/crash"))["execution"]
    thorough = nipype_config(options(debug=True, stop_on_first_crash=True), Path("/crash"))
    assert plain["crashdump_dir"] == "/crash"
    assert float(plain["poll_sleep_duration"]) <= 0.1
    assert (plain["keep_inputs"], plain["remove_unnecessary_outputs"]) == ("false", "true")
    assert thorough["execution"]["keep_inputs"] == "true"
    assert thorough["execution"]["remove_unnecessary_outputs"] == "false"
    assert thorough["execution"]["stop_on_first_crash"] == "true"


def test_cleaning_the_work_folder_leaves_what_others_put_there(tmp_path):
    for name in ("sctflow_0_1_wf", "sctflow_wf", "fmriprep_wf", "mine"):
        (tmp_path / name / "x").mkdir(parents=True)
    clean_work_dir(tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["fmriprep_wf", "mine"]
    clean_work_dir(tmp_path / "nowhere")


class FinishedValidator:
    """Stands for a validator that has said its piece."""

    def __init__(self, output):
        self.output = output

    def communicate(self):
        return self.output, b"complaint"


def issues(*found):
    listed = [{"code": "C", "severity": s, "location": place} for s, place in found]
    text = {"issues": {"issues": listed, "codeMessages": {"C": "Wrong name. Please consult."}}}
    return FinishedValidator(json.dumps(text).encode())


def test_errors_of_the_validator_stop_the_run_with_the_first_of_them():
    found = issues(*(("error", f"/sub-01/{i}") for i in range(8)), ("warning", "/x"))
    with pytest.raises(DatasetError) as caught:
        check_validation(found, Path("/ds"), ["01"])
    text = str(caught.value)
    assert "/sub-01/0: C (Wrong name)" in text
    assert "and 3 more" in text
    assert "--skip-bids-validation" in text


def test_errors_in_files_of_others_and_warnings_do_not_count():
    found = issues(("error", "/sub-02/anat/x"), ("warning", "/sub-01/anat/y"))
    check_validation(found, Path("/ds"), ["01"])
    with pytest.raises(DatasetError, match=r"participants\.tsv"):
        check_validation(issues(("error", "/participants.tsv")), Path("/ds"), ["01"])


def test_a_validator_that_does_not_work_or_is_not_there_is_told(monkeypatch):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("sctflow")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    check_validation(FinishedValidator(b"Segmentation fault"), Path("/ds"), ["01"])
    assert "complaint" in stream.getvalue()
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    assert start_validator(Path("/ds")) is None
    assert "only file names were checked" in stream.getvalue()


def test_the_validator_itself_is_asked(make_dataset, tmp_path, capsys):
    raw = make_dataset("README", "sub-01/anat/sub-01_T2w_oops.nii.gz")
    process = start_validator(raw)
    if process is None:
        pytest.skip("needs bids-validator-deno")
    assert isinstance(process, subprocess.Popen)
    process.communicate()
    assert main([str(raw), "out", "participant"]) == 2
    assert "sub-01_T2w_oops.nii.gz" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
