"""A run that was stopped, or that is started again, goes on from where it was."""

import os
import shutil
import signal
import time

import pytest


def test_a_second_run_redoes_nothing(demo_dataset, demo_run):
    finished = demo_run.finished()
    written = {path: path.stat().st_mtime_ns for path in demo_run.out.glob("sub-*/**/*.*")}
    assert finished
    assert demo_run(demo_dataset).returncode == 0
    assert demo_run.finished() == finished
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_outputs_that_were_removed_come_back_without_computing_again(demo_dataset, demo_run):
    finished, results = demo_run.finished(), demo_run.results()
    shutil.rmtree(demo_run.out / "sub-01")
    assert demo_run(demo_dataset).returncode == 0
    assert demo_run.results() == results
    assert demo_run.finished() == finished


@pytest.mark.parametrize("steps", [0, 4, 13, 25])
def test_a_killed_run_is_completed_to_the_same_outputs(demo_dataset, demo_run, runner, steps):
    process = runner.start(demo_dataset)
    deadline = time.monotonic() + 300
    while len(runner.finished()) < max(steps, 0) or not runner.work.is_dir():
        assert process.poll() is None, "the run was over before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = runner.finished()

    done = runner(demo_dataset)
    assert done.returncode == 0, done.stdout + done.stderr
    assert runner.results() == demo_run.results()
    after = runner.finished()
    assert {folder: after[folder] for folder in finished} == finished
    assert not list(runner.out.rglob("*.part"))
