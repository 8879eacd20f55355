from __future__ import annotations

import json

import pandas as pd
import pytest

from sctflow.cli.run import main
from sctflow.errors import DatasetError
from sctflow.group import stack_tables

MORPH = "label-SC_desc-perslice_morph"


def write_table(out, name, content, columns=None):
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    if columns is not None:
        path.with_suffix(".json").write_text(json.dumps(columns))


@pytest.fixture
def out(tmp_path):
    columns = {"area": {"Description": "Area", "Units": "mm^2"}, "Sources": ["bids::x"]}
    write_table(
        tmp_path,
        f"sub-02/anat/sub-02_space-T2w_{MORPH}.tsv",
        "slice\tarea\n0\t70.10\n1\tn/a\n",
        columns,
    )
    write_table(
        tmp_path,
        f"sub-01/ses-a/anat/sub-01_ses-a_run-02_space-T1w_{MORPH}.tsv",
        "slice\tarea\tconfidence\n7\t80\t0.9\n",
        {**columns, "confidence": {"Description": "Confidence"}},
    )
    write_table(
        tmp_path,
        "sub-01/ses-a/anat/sub-01_ses-a_space-T1w_label-SC_desc-centerline_mask.tsv",
        "slice\tx\n7\t1.5\n",
    )
    write_table(tmp_path, "sub-01/anat/sub-01_space-T2w_seg-discs_dseg.tsv", "index\tname\n")
    return tmp_path


def test_tables_of_all_participants_are_stacked_kind_by_kind(out):
    assert [path.name for path in stack_tables(out)] == [
        "label-SC_desc-centerline_mask.tsv",
        f"{MORPH}.tsv",
    ]
    text = (out / "group" / f"{MORPH}.tsv").read_text()
    assert text == (
        "participant_id\tsession_id\trun\tspace\tslice\tarea\tconfidence\n"
        "sub-01\tses-a\t02\tT1w\t7\t80\t0.9\n"
        "sub-02\tn/a\tn/a\tT2w\t0\t70.10\tn/a\n"
        "sub-02\tn/a\tn/a\tT2w\t1\tn/a\tn/a\n"
    )


def test_every_column_that_is_known_is_described_and_nothing_else(out):
    stack_tables(out)
    columns = json.loads((out / "group" / f"{MORPH}.json").read_text())
    assert set(columns) == {
        "participant_id", "session_id", "run", "space", "area", "confidence"
    }  # fmt: skip
    assert columns["area"]["Units"] == "mm^2"


def test_values_of_different_maps_are_not_stacked_on_each_other_and_look_up_tables_not_at_all(out):
    dwi = "sub-01/dwi/sub-01_model-tensor_param-{}_seg-PAM50_dwimap.tsv"
    for name in (*(dwi.format(one) for one in ("fa", "md")),
                 "sub-01/anat/sub-01_space-MTS_seg-PAM50_MTRmap.tsv",
                 "sub-01/func/sub-01_task-rest_stat-tsnr_seg-PAM50_boldmap.tsv",
                 "sub-01/anat/sub-01_space-T2w_seg-PAM50_probseg.tsv"):  # fmt: skip
        write_table(out, name, "index\tvalue\n51\t1.5\n")
    new = {path.name for path in stack_tables(out)}
    assert new - {"label-SC_desc-centerline_mask.tsv", f"{MORPH}.tsv"} == {
        "model-tensor_param-fa_seg-PAM50_dwimap.tsv",
        "model-tensor_param-md_seg-PAM50_dwimap.tsv",
        "seg-PAM50_MTRmap.tsv",
        "stat-tsnr_seg-PAM50_boldmap.tsv",
    }


def test_a_second_time_gives_the_same(out):
    before = [path.read_bytes() for path in stack_tables(out)]
    assert [path.read_bytes() for path in stack_tables(out)] == before


def test_participants_can_be_selected(out):
    (path,) = stack_tables(out, ["02"])
    assert set(pd.read_csv(path, sep="\t")["participant_id"]) == {"sub-02"}
    with pytest.raises(DatasetError, match="of 03"):
        stack_tables(out, ["02", "03"])


def test_a_table_without_rows_changes_nothing(out):
    before = {path.name: path.read_bytes() for path in stack_tables(out)}
    write_table(out, f"sub-03/anat/sub-03_space-T2w_{MORPH}.tsv", "slice\tarea\n")
    assert {path.name: path.read_bytes() for path in stack_tables(out)} == before


def test_the_command_line_says_where_the_tables_are(out, capsys):
    assert main([str(out), str(out), "group"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "group" / f"{MORPH}.tsv")


def test_no_results_are_an_error_with_what_to_do(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert main([str(tmp_path), str(folder), "group"]) == 2
        assert "run the participant level first" in capsys.readouterr().err
