from __future__ import annotations

import logging
import os
from pathlib import Path

from sctflow.bids import ImageInput, MTInput, ParticipantInputs
from sctflow.cli.crashes import Crash, find_cause, read_crashes
from sctflow.cli.outcome import collect_errors, failed, summarise
from sctflow.settings import Settings

# As Nipype writes it: its own error first, then the one of the node, indented.
CRASH = """\
Node: {node}
Working directory: /work/check

Node inputs:

in_file = /data/sub-01_T2w.nii.gz

Traceback (most recent call last):
  File "multiproc.py", line 67, in run_node
    result["result"] = node.run(updatehash=updatehash)
nipype.pipeline.engine.nodes.NodeExecutionError: Exception raised while executing Node check.

Traceback:
\tTraceback (most recent call last):
\t  File "io.py", line 71, in load_image
\t    raw = gzip.decompress(raw)
\tEOFError: Compressed file ended before the end-of-stream marker was reached

\tThe above exception was the direct cause of the following exception:

\tTraceback (most recent call last):
\t  File "io.py", line 73, in load_image
\t    raise ImageError(
\t{error}

"""
OWN = "sctflow.errors.ImageError: /data/sub-01_T2w.nii.gz: truncated. Copy it again."


def inputs(*labels):
    return tuple(
        ParticipantInputs(
            label,
            (
                ImageInput(
                    Path(f"/data/sub-{label}_acq-a_T2w.nii.gz"),
                    {"subject": label, "suffix": "T2w"},
                ),
            ),
        )
        for label in labels
    )


def write_crash(folder, node, error, when):
    path = folder / f"crash-{when}.txt"
    path.write_text(CRASH.format(node=node, error=error))
    os.utime(path, (when, when))
    return path


def test_a_crash_names_participant_image_step_and_cause(tmp_path):
    path = write_crash(
        tmp_path, "sctflow_1_wf.sub_01_wf.sub_01_acq_a_T2w_wf.anat_wf.check", OWN, 1
    )
    (crash,) = read_crashes(tmp_path, inputs("01", "02"))
    assert crash == Crash(
        node="anat_wf.check",
        participant="01",
        image="sub-01_acq-a_T2w.nii.gz",
        cause="/data/sub-01_T2w.nii.gz: truncated. Copy it again.",
        file=path,
    )


def test_a_crash_of_a_map_names_the_image_that_stands_for_the_protocol(tmp_path):
    on = ImageInput(
        Path("/data/sub-01_flip-1_mt-on_MTS.nii.gz"), {"subject": "01", "suffix": "MTS"}
    )
    node = "sctflow_wf.sub_01_wf.sub_01_flip_1_mt_on_MTS_wf.mt_wf.mtr"
    write_crash(tmp_path, node, OWN, 1)
    item = ParticipantInputs("01", mt=(MTInput({"on": on}, on),))
    (crash,) = read_crashes(tmp_path, (item,))
    assert (crash.image, crash.node) == (on.path.name, "mt_wf.mtr")


def test_crashes_are_in_the_order_in_which_they_happened(tmp_path):
    write_crash(tmp_path, "wf.sub_01_wf.x", OWN, 20)
    write_crash(tmp_path, "wf.sub_02_wf.x", OWN, 3)
    found = read_crashes(tmp_path, inputs("01", "02"))
    assert [crash.participant for crash in found] == ["02", "01"]


def test_labels_that_begin_alike_are_told_apart(tmp_path):
    write_crash(tmp_path, "wf.sub_011_wf.x", OWN, 1)
    (crash,) = read_crashes(tmp_path, inputs("01", "011"))
    assert crash.participant == "011"


def test_other_errors_keep_their_kind_and_long_messages_become_one_line():
    lines = CRASH.format(node="x", error="ValueError: first\n\tsecond").splitlines()
    assert find_cause(lines) == "ValueError: first second"


def test_a_traceback_without_a_message_gives_the_kind():
    assert find_cause(["Traceback (most recent call last):", "MemoryError", ""]) == "MemoryError"


def test_text_that_is_no_traceback_gives_its_last_line():
    assert find_cause(["Node: x", "killed", ""]) == "killed"
    assert find_cause([]) == "unknown"


def test_a_failure_belongs_to_its_participant_only(tmp_path):
    settings = Settings(bids_dir=Path("/in"), output_dir=tmp_path)
    write_crash(tmp_path, "wf.sub_01_wf.sub_01_acq_a_T2w_wf.anat_wf.check", OWN, 1)
    items = inputs("01", "02")
    errors = collect_errors(read_crashes(tmp_path, items), items, settings)
    assert [len(errors[label]) for label in ("01", "02")] == [1, 0]
    assert errors["01"][0]["file"] == "crash-1.txt"
    assert failed(errors)
    assert not failed({"01": []})


def test_a_failure_of_no_participant_concerns_all(tmp_path):
    settings = Settings(bids_dir=Path("/in"), output_dir=tmp_path)
    write_crash(tmp_path, "wf.common", OWN, 1)
    items = inputs("01", "02")
    errors = collect_errors(read_crashes(tmp_path, items), items, settings)
    assert [len(errors[label]) for label in ("01", "02")] == [1, 1]


def test_stopping_at_the_first_failure_leaves_nobody_with_a_clean_record(tmp_path):
    settings = Settings(bids_dir=Path("/in"), output_dir=tmp_path, stop_on_first_crash=True)
    write_crash(tmp_path, "wf.sub_01_wf.x", OWN, 1)
    items = (*inputs("01", "02"), ParticipantInputs("03", ()))
    errors = collect_errors(read_crashes(tmp_path, items), items, settings)
    assert "truncated" in errors["01"][0]["cause"]
    assert "--stop-on-first-crash" in errors["02"][0]["cause"]
    assert errors["03"] == []


def test_the_summary_names_image_step_and_cause(tmp_path, caplog):
    errors = {"01": [{"node": "check", "image": "a.nii", "cause": "why", "file": "f"}], "02": []}
    logger = logging.getLogger("sctflow")
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    try:
        summarise([], errors, [tmp_path / "sub-02.html"], seconds=3, debug=False)
    finally:
        logger.removeHandler(caplog.handler)
    text = caplog.text
    assert "sub-01  a.nii  check\n      why\n      f" in text
    assert "1 of 2 participants" in text
    assert "sub-02.html" in text
