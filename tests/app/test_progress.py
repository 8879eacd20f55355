from __future__ import annotations

import io
import logging
from types import SimpleNamespace

import pytest
from rich.console import Console

from sctflow.cli.progress import LINE_EVERY, Progress

NAMES = {"sub_01_wf": "sub-01", "sub_02_wf": "sub-02"}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def lines():
    handler = logging.Handler()
    said = []
    handler.emit = lambda record: said.append(record.getMessage())
    handler.setLevel(logging.INFO)
    logger = logging.getLogger("sctflow")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield said
    logger.removeHandler(handler)
    logger.setLevel(before)


def node(path):
    return SimpleNamespace(fullname=f"sctflow_wf.{path}")


def make(terminal, clock=None):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, legacy_windows=False)
    steps = {"sub_01_wf": 2, "sub_02_wf": 2}
    return Progress(steps, names=NAMES, console=console, clock=clock or Clock()), stream


def test_without_a_terminal_there_is_a_line_now_and_then(lines):
    clock = Clock()
    progress, stream = make(False, clock)
    with progress:
        progress.update(node("sub_01_wf.sub_01_T2w_wf.a"), "end")
        assert lines == []
        clock.now += LINE_EVERY
        progress.update(node("sub_02_wf.sub_02_T2w_wf.a"), "end")
    assert lines == ["2 of 4 steps done"]
    assert stream.getvalue() == ""


def test_a_participant_is_done_when_all_steps_are_and_none_failed(lines):
    progress, _ = make(False)
    for name in ("a", "b"):
        progress.update(node(f"sub_01_wf.sub_01_T2w_wf.{name}"), "end")
    progress.update(node("sub_02_wf.sub_02_T2w_wf.a"), "exception")
    progress.update(node("sub_02_wf.sub_02_T2w_wf.b"), "end")
    assert lines == ["sub-01: done"]
    assert (progress.total, progress.done, progress.failed) == (4, 3, 1)


def test_a_terminal_shows_what_runs_and_what_failed(lines):
    progress, stream = make(True)
    with progress:
        progress.update(node("sub_01_wf.sub_01_T2w_wf.anat_wf.segment"), "start")
        progress._bar.refresh()
        assert "sub-01 T2w segment" in stream.getvalue()
        progress.update(node("sub_01_wf.sub_01_T2w_wf.anat_wf.segment"), "exception")
        progress.update(node("sub_02_wf.sub_02_T2w_wf.anat_wf.segment"), "end")
        progress._bar.refresh()
    text = stream.getvalue()
    assert "1 failed" in text
    assert "1/4" in text
    assert lines == []
