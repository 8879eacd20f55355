"""What a person says of one disc: on the command line, or in a table for many participants."""

import pytest

from sctflow.cli.parser import parse_settings
from sctflow.errors import SettingsError
from sctflow.label_init import check_inits, read_label_inits
from sctflow.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01:5", ("01", 5, None)),
        ("sub-01:5", ("01", 5, None)),
        ("p1:21@0", ("p1", 21, 0)),
    ],
)
def test_a_participant_has_a_value_and_maybe_a_slice(text, expected):
    (one,) = read_label_inits([text])
    assert (one.participant, one.value, one.slice) == expected
    assert one.session is None


def test_a_table_has_participants_with_sessions_and_slices_where_they_need_them(tmp_path):
    table = tmp_path / "labels.tsv"
    table.write_text(
        "participant_id\tsession_id\tvalue\tslice\n"
        "sub-01\tses-a\t5\tn/a\n01\tb\t8\t120\n\nsub-02\tn/a\t3\t\n"
    )
    found = [(one.participant, one.session, one.value, one.slice)
             for one in read_label_inits([str(table)])]  # fmt: skip
    assert found == [("01", "a", 5, None), ("01", "b", 8, 120), ("02", None, 3, None)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("01", "01 cannot be read"),
        (":5", "SUB:VALUE"),
        ("0 1:5", "SUB:VALUE"),
        ("01:0", "'0' is not the value of a disc, a whole number from 1 to 25"),
        ("01:26", "'26' is not the value"),
        ("01:C3", "'C3' is not the value"),
        ("01:5@top", "'top' is not a slice"),
        ("01:5@-1", "'-1' is not a slice"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_option(text, told):
    with pytest.raises(SettingsError) as refused:
        read_label_inits([text])
    assert told in str(refused.value)
    assert "--label-init" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: the table lacks participant_id and value"),
        ("participant_id\tdisc\n01\t5\n", "line 1: the table lacks value, and has 'disc'"),
        ("participant_id\tvalue\n01\t5\n02\t99\n", "line 3: '99'"),
        ("participant_id\tvalue\n01\n", "line 2: 1 values for 2 columns"),
        ("participant_id\tvalue\nn/a\t4\n", "line 2: there is no participant_id"),
        ("participant_id\tvalue\n../01\t4\n", "line 2: '../01' is not a label"),
        ("participant_id\tvalue\n01\t4\n01\t5\n", "line 3: sub-01 has a value already"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_file_and_line(tmp_path, content, told):
    table = tmp_path / "labels.tsv"
    table.write_text(content)
    with pytest.raises(SettingsError) as refused:
        read_label_inits([str(table)])
    assert told in str(refused.value)
    assert str(table) in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    with pytest.raises(SettingsError) as refused:
        read_label_inits(["01:99", "02:5@x"])
    assert len(str(refused.value).splitlines()) == 2


def test_participants_and_sessions_must_be_in_the_dataset(tmp_path):
    (tmp_path / "sub-01/ses-a").mkdir(parents=True)
    table = tmp_path / "labels.tsv"
    table.write_text("participant_id\tsession_id\tvalue\n01\ta\t5\n01\tb\t5\n")
    with pytest.raises(SettingsError, match=r"03:5: there is no sub-03 in .*\n?") as refused:
        check_inits(read_label_inits(["03:5", str(table)]), tmp_path)
    assert "line 3: there is no sub-01/ses-b" in str(refused.value)
    assert "line 2" not in str(refused.value)


def _parse(*options):
    return parse_settings(["raw", "out", "participant", *options])


def test_tables_are_found_from_any_folder_and_come_back_from_the_settings_file(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.tsv").write_text("participant_id\tvalue\n01\t5\n")
    settings = _parse("--label-init", "labels.tsv", "02:8")
    assert settings.label_init == (str(tmp_path / "labels.tsv"), "02:8")
    settings.to_toml(tmp_path / "settings.toml")
    assert Settings.from_toml(tmp_path / "settings.toml") == settings


def test_what_is_said_of_a_participant_lets_others_be_added_later():
    assert _parse("--label-init", "01:5").digest() == _parse().digest()
    assert _parse("--label-method", "manual").digest() != _parse().digest()


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(SettingsError, match="--label-method manual finds none"):
        _parse("--label-init", "01:5", "--label-method", "manual")
    with pytest.raises(SettingsError, match="--label-method: 'some' is not one of auto, manual"):
        _parse("--label-method", "some")
