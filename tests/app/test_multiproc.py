"""The worker processes: clean, seeded, measured, and never waited for when they are gone."""

from __future__ import annotations

import os
import signal

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from sctflow.cli.crashes import read_crashes
from sctflow.cli.multiproc import WorkersPlugin


def draw():
    import random

    import numpy as np

    return [random.random(), float(np.random.rand())]  # noqa: NPY002


def allocate(megabytes):
    block = bytearray(megabytes * 1024 * 1024)
    return len(block)


def end_own_process(once_file):
    import os
    import signal

    try:
        open(once_file, "x").close()
    except FileExistsError:
        return "second time"
    os.kill(os.getpid(), signal.SIGKILL)


def end_every_process():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def run(tmp_path, nodes, **arguments):
    workflow = pe.Workflow(name="wf", base_dir=str(tmp_path / "work"))
    workflow.config["execution"].update(
        poll_sleep_duration="0.01",
        crashdump_dir=str(tmp_path),
        crashfile_format="txt",
        create_report="false",
    )
    workflow.add_nodes(nodes)
    plugin = WorkersPlugin({"n_procs": 2, "memory_gb": 4, **arguments})
    try:
        return {node.name: node.result.outputs for node in workflow.run(plugin=plugin).nodes()}
    finally:
        plugin.terminate()


def node(name, function, **inputs):
    made = pe.Node(Function(function=function, output_names=["out"]), name=name, mem_gb=0.1)
    made.inputs.trait_set(**inputs)
    return made


def test_each_step_draws_the_same_numbers_whatever_ran_before_it(tmp_path):
    nodes = [node(f"n{i}", draw) for i in range(4)]
    seven = run(tmp_path / "a", nodes, random_seed=7)
    assert len({tuple(outputs.out) for outputs in seven.values()}) == 1
    eight = run(tmp_path / "b", [node("n0", draw)], random_seed=8)
    assert eight["n0"].out != seven["n0"].out


@pytest.mark.parametrize("low_mem", [False, True])
def test_memory_is_measured_step_by_step(tmp_path, low_mem):
    measured = {}
    nodes = [node("large", allocate, megabytes=300), node("small", allocate, megabytes=1)]
    run(
        tmp_path,
        nodes,
        n_procs=1,
        low_mem=low_mem,
        record=lambda done, measures: measured.update({done.name: measures}),
    )
    assert measured["large"]["memory"] > measured["small"]["memory"] + 0.25
    assert all(measures["duration"] > 0 for measures in measured.values())


@pytest.mark.parametrize("low_mem", [False, True])
def test_a_step_whose_process_was_ended_is_tried_once_more(tmp_path, low_mem):
    nodes = [
        node("victim", end_own_process, once_file=str(tmp_path / "once")),
        node("bystander", draw),
    ]
    done = run(tmp_path, nodes, low_mem=low_mem)
    assert done["victim"].out == "second time"
    assert len(done["bystander"].out) == 2


def test_a_step_that_ends_every_process_fails_and_the_others_do_not(tmp_path):
    nodes = [node("victim", end_every_process), node("bystander", allocate, megabytes=1)]
    with pytest.raises(RuntimeError, match="ended from outside"):
        run(tmp_path, nodes)
    (crash,) = read_crashes(tmp_path, ())
    assert crash.node == "victim"
    assert "--low-mem" in crash.cause
    assert list((tmp_path / "work" / "wf" / "bystander").glob("result_*"))


def test_no_worker_outlives_the_run(tmp_path):
    plugin = WorkersPlugin({"n_procs": 2, "memory_gb": 4})
    pid = plugin.pool.submit(os.getpid).result()
    os.kill(pid, 0)
    plugin.terminate()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_workers_leave_ctrl_c_to_the_main_process():
    plugin = WorkersPlugin({"n_procs": 1, "memory_gb": 4})
    try:
        pid = plugin.pool.submit(os.getpid).result()
        os.kill(pid, signal.SIGINT)
        assert plugin.pool.submit(os.getpid).result() == pid
    finally:
        plugin.terminate()
