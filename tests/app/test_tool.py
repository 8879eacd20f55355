"""sctflow-tool: every node is a command, and what it is told is done or refused in words."""

import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import sctflow
from sctflow.cli.tool import build_parser, list_tools, main
from sctflow.cli.tool_arguments import (
    build_tool_parser,
    holds_files,
    input_traits,
    out_option,
    output_traits,
)
from sctflow.cli.tool_find import command_name, find_tools
from sctflow.cli.tool_sct import TOOLS_OF_SCT
from sctflow.interfaces.centerline import FitCenterline

TOOLS = list(find_tools().values())
HEAVY = {"ants", "dipy", "matplotlib", "niworkflows", "nireports", "skimage", "torch"}


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    """A straight cord of 5 mm radius, 8 slices of 4 mm."""
    x, y = np.meshgrid(np.arange(40), np.arange(36), indexing="ij")
    disc = ((x - 20) ** 2 + (y - 18) ** 2 <= 25).astype(np.uint8)
    affine = np.diag([1, 1, 4, 1.0])
    affine[:3, 3] = -20, -18, 100
    path = tmp_path_factory.mktemp("tool") / "sub-01_mask.nii.gz"
    nib.Nifti1Image(np.repeat(disc[:, :, None], 8, axis=2), affine).to_filename(path)
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Tools are called in a folder of their own, and threads stay as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sctflow.cli.environment.prepare_environment", lambda omp_nthreads: None)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_says_what_it_does_and_what_it_takes(tool):
    assert tool.summary.endswith("."), "the class needs a docstring that begins with a sentence"
    for traits in (input_traits(tool), output_traits(tool)):
        undescribed = [name for name, trait in traits.items() if not trait.desc]
        assert undescribed == [], "desc is missing"
    text = build_tool_parser(tool).format_help()
    assert all(
        re.search(rf"(?m)^  --{name.replace('_', '-')}\b", text) for name in input_traits(tool)
    )


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_file_that_a_tool_makes_can_be_placed(tool):
    options = build_tool_parser(tool)._option_string_actions
    files = [name for name, trait in output_traits(tool).items() if holds_files(trait)]
    assert all(out_option(name) in options for name in files)
    assert ("--out-dir" in options) == bool(files)


def test_tools_are_the_nodes_that_mean_something_outside_of_a_graph():
    assert find_tools()["fit-centerline"].node is FitCenterline
    modules = {tool.node.__module__.rpartition(".")[2] for tool in TOOLS}
    assert {"segmentation", "centerline", "levels"} <= modules
    assert not modules & {"bids", "reports"}
    assert "step-or-nothing" not in find_tools(), "nodes derive from it, it does nothing itself"


def test_what_only_a_graph_knows_is_not_asked_for():
    assert "warnings" not in input_traits(find_tools()["manual-mask"])
    assert all("warnings" not in input_traits(tool) for tool in TOOLS)


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("SegmentCord", "segment-cord"),
        ("FitDTI", "fit-dti"),
        ("ComputeMTsat", "compute-mtsat"),
        ("CorrectDWIMotion", "correct-dwi-motion"),
        ("ConvertToFSL", "convert-to-fsl"),
    ],
)
def test_a_command_is_named_after_its_class(class_name, name):
    assert command_name(class_name) == name


def test_list_shows_every_tool_under_what_it_is_for():
    lines = list_tools()
    at = lines.index("Fits the centreline of the cord")
    assert lines[at + 1].split() == [
        "fit-centerline",
        *find_tools()["fit-centerline"].summary.split(),
    ]
    shown = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(shown) == sorted(find_tools())


def test_list_and_help_import_nothing_heavy():
    code = (
        "import sys\nfrom sctflow.cli.tool import main\nmain(['--list'])\n"
        "try:\n    main(['segment-cord', '--help'])\nexcept SystemExit:\n    pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--in-file" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"sctflow {sctflow.__version__}\n"


def test_without_arguments_the_help_is_shown(capsys):
    assert main([]) == 0
    assert "sctflow-tool --list" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("fit-centreline", "did you mean fit-centerline?"),
        ("sct_get_centerline", "sct_get_centerline is here\n  sctflow-tool fit-centerline"),
        ("zzz", "sctflow-tool --list shows all"),
    ],
)
def test_an_unknown_tool_leads_to_a_known_one(typed, answer, capsys):
    assert main([typed]) == 2
    assert answer in capsys.readouterr().err


def test_results_go_to_the_folder_under_the_name_of_the_input(mask, capsys):
    assert main(["fit-centerline", "--mask-file", str(mask), "-o", "new/out"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "out_mask: new/out/sub-01_mask_centerline.nii.gz",
        "out_table: new/out/sub-01_mask_centerline.tsv",
    ]
    table = pd.read_csv("new/out/sub-01_mask_centerline.tsv", sep="\t")
    np.testing.assert_allclose(table["arc_length"], 4 * np.arange(8), atol=1e-3)


def test_a_result_goes_where_it_was_asked_for_and_nothing_else_is_written(mask, tmp_path):
    assert main(["fit-centerline", "--mask_file", str(mask), "--out-table", "line.tsv"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["line.tsv"]


def test_a_tool_gives_what_the_node_gives(mask, tmp_path):
    assert main(["fit-centerline", "--mask-file", str(mask), "--out-table", "tool.tsv"]) == 0
    (tmp_path / "node").mkdir()
    found = FitCenterline(mask_file=mask).run(cwd=tmp_path / "node").outputs.out_table
    assert (tmp_path / "tool.tsv").read_bytes() == Path(found).read_bytes()


def test_measures_need_no_centerline_of_ones_own(mask):
    main(["fit-centerline", "--mask-file", str(mask), "--out-table", "line.tsv"])
    measure = ["measure-slices", "--mask-file", str(mask)]
    assert main([*measure, "--out-table", "own.tsv"]) == 0
    assert main([*measure, "--centerline-file", "line.tsv", "--out-table", "given.tsv"]) == 0
    own, given = (pd.read_csv(name, sep="\t") for name in ("own.tsv", "given.tsv"))
    # The disc has 81 voxels of 1 mm², and the cord stands upright.
    np.testing.assert_allclose(own["area"], 81, rtol=1e-4)
    pd.testing.assert_frame_equal(own, given, rtol=1e-4)


def test_what_exists_is_replaced_only_on_request(mask, tmp_path, capsys):
    (tmp_path / "line.tsv").write_text("mine")
    call = ["fit-centerline", "--mask-file", str(mask), "--out-table", "line.tsv"]
    assert main(call) == 2
    assert "line.tsv: exists already; --overwrite replaces it" in capsys.readouterr().err
    assert (tmp_path / "line.tsv").read_text() == "mine"
    assert main([*call, "--overwrite"]) == 0
    assert (tmp_path / "line.tsv").read_text() != "mine"


def test_all_results_are_written_or_none(mask, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/sub-01_mask_centerline.tsv").write_text("mine")
    assert main(["fit-centerline", "--mask-file", str(mask), "-o", "out"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sub-01_mask_centerline.tsv"]


def test_an_input_is_never_replaced(mask, tmp_path, capsys):
    before = mask.read_bytes()
    (tmp_path / "link.nii.gz").symlink_to(mask)
    call = ["fit-centerline", "--mask-file", str(mask), "--out-mask", "link.nii.gz"]
    assert main([*call, "--overwrite"]) == 2
    assert "this is an input" in capsys.readouterr().err
    assert mask.read_bytes() == before


def test_two_results_do_not_go_to_one_file(mask, capsys):
    call = ["fit-centerline", "--mask-file", str(mask)]
    assert main([*call, "--out-mask", "a.nii.gz", "--out-table", "a.nii.gz"]) == 2
    assert "two results" in capsys.readouterr().err


def test_a_name_must_fit_what_is_in_the_file(mask, tmp_path, capsys):
    assert main(["fit-centerline", "--mask-file", str(mask), "--out-mask", "a.mgz"]) == 1
    assert "must end in .nii.gz" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_is_passed_on_is_not_copied(mask, tmp_path, capsys):
    assert main(["check-image", "--in-file", str(mask), "-o", "out"]) == 0
    assert "out_file: the input as it is" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert main(["check-image", "--in-file", str(mask), "--out-file", "copy.nii.gz"]) == 0
    assert (tmp_path / "copy.nii.gz").read_bytes() == mask.read_bytes()


def test_results_that_could_not_be_made_are_an_error_and_the_reason_is_told(mask, capsys):
    """Without a label there are no levels."""
    img = nib.load(mask)
    nib.Nifti1Image(np.zeros(img.shape, np.uint8), img.affine).to_filename("none.nii.gz")
    call = ["assign-levels", "--mask-file", str(mask), "--discs-file", "none.nii.gz"]
    assert main([*call, "-o", "out"]) == 1
    said = capsys.readouterr().err
    assert "warning: There are no vertebral levels: none.nii.gz" in said
    assert "no results to write" in said
    assert main([*call, "--out-perlevel-file", "levels.tsv"]) == 1
    assert "--out-perlevel-file: there is no such result" in capsys.readouterr().err


def test_an_error_is_a_sentence_that_names_the_file(tmp_path, capsys):
    (tmp_path / "text.nii.gz").write_text("not an image")
    call = ["fit-centerline", "--mask-file", "text.nii.gz", "-o", "out"]
    assert main(call) == 1
    said = capsys.readouterr().err
    assert "text.nii.gz: this is not a NIfTI file" in said
    assert "Traceback" not in said
    with pytest.raises(sctflow.errors.ImageError):
        main([*call, "--debug"])


def test_all_that_is_wrong_with_the_arguments_is_told_at_once(capsys):
    call = ["segment-cord", "--in-file", "absent.nii.gz", "--num-threads", "two", "--out", "x"]
    assert main(call) == 2
    said = capsys.readouterr().err
    for part in (
        "--in-file: no such file",
        "--num-threads: 'two' is not a whole number",
        "unknown argument --out",
        "-o/--out-dir",
        "segment-cord --help",
    ):
        assert part in said


def test_what_is_needed_is_named(capsys):
    assert main(["fit-centerline", "-o", "out"]) == 2
    assert "--mask-file is needed: mask of the cord" in capsys.readouterr().err


def test_parser_of_all_tools_is_that_of_each():
    commands = build_parser()._subparsers._group_actions[0].choices
    assert list(commands) == list(find_tools())
    for tool in TOOLS:
        alone = build_tool_parser(tool)
        assert set(commands[tool.name]._option_string_actions) == set(alone._option_string_actions)


@pytest.mark.parametrize("there", TOOLS_OF_SCT)
def test_names_for_users_of_sct_lead_to_what_is_there(there):
    match = TOOLS_OF_SCT[there]
    assert set(re.findall("sct_[a-z0-9_]+", there)) == {there.split()[0]}
    program, _, name = match.command.partition(" ")
    if program != "sctflow-tool":
        assert program in ("sctflow", "sctflow-data")
        return
    options = build_tool_parser(find_tools()[name])._option_string_actions
    for texts in match.options.values():
        assert set(re.findall(r"--[\w-]+", texts)) <= set(options)


def test_documentation_shows_calls_that_work(repo):
    text = (repo / "docs/tools.md").read_text().replace("\\\n", " ")
    calls = re.findall(r"(?m)^sctflow-tool (.+?)(?: +#.*)?$", text)
    assert len(calls) >= 4
    assert "{command-line} sctflow.cli.tool:build_parser" in text
    assert "{names-elsewhere} sctflow.cli.tool_sct:TOOLS_OF_SCT" in text
    for call in calls:
        name, *rest = call.split()
        if name.startswith("-"):
            continue
        options = build_tool_parser(find_tools()[name])._option_string_actions
        assert [word for word in rest if word.startswith("-") and word not in options] == []
