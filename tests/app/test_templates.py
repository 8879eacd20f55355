"""Templates are found where they are, asked for by piece, and never fetched unasked."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

import sctflow.templates.builtin
from sctflow.cli.data import main
from sctflow.cli.template import choose_template
from sctflow.errors import TemplateError
from sctflow.templates import Template, find_template
from sctflow.templates.builtin import code_digest, make_phantom
from sctflow.templates.layout import PIECES, Piece, expand_members
from sctflow.templates.listing import list_templates
from sctflow.templates.places import own_home, writing_home

ATLAS = Piece("probseg", atlas="PAM50")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """TemplateFlow's home and the user's cache, both empty and apart."""
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "home"


@pytest.fixture
def make_template(home):
    """A template of files that are only there, one byte each."""

    def make(*pieces, name="PAM50", place=home, content="x"):
        folder = place / f"tpl-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        for piece in pieces:
            (folder / f"tpl-{name}_{piece}.nii.gz").write_text(content)
        return folder

    return make


@pytest.fixture
def with_atlas(make_template):
    """Two regions and one combination."""
    regions = [ATLAS._replace(label=label) for label in ("00", "01")]
    folder = make_template(PIECES["cord"], *regions)
    table = 'index\tname\tgroup\n0\tleft "tract"\tWM\n1\tright tract\tWM\n'
    (folder / "tpl-PAM50_atlas-PAM50_probseg.tsv").write_text(table)
    table = "index\tname\tmembers\n50\tspinal cord\t0:1\n"
    (folder / "tpl-PAM50_atlas-PAM50_desc-combined_probseg.tsv").write_text(table)
    return folder


def test_a_piece_is_asked_for_by_what_it_is(home, make_template):
    folder = make_template(*PIECES.values())
    template = find_template("PAM50")
    assert template.path("mask", label="SC") == folder / "tpl-PAM50_label-SC_mask.nii.gz"
    assert template.cord == template.path("mask", label="SC")
    assert template.levels == folder / "tpl-PAM50_desc-vertebrae_dseg.nii.gz"
    assert template.spinal_levels == folder / "tpl-PAM50_desc-spinallevels_dseg.nii.gz"
    assert template.discs == folder / "tpl-PAM50_desc-discs_dseg.nii.gz"
    assert template.contrasts == ("T2w", "T1w", "T2star")
    assert template.missing == ("atlas",)


def test_a_missing_piece_is_named_with_what_is_there_and_what_to_do(home, make_template):
    make_template(PIECES["T2w"], PIECES["cord"])
    template = find_template("PAM50")
    assert not template.has("dseg", desc="spinallevels")
    with pytest.raises(TemplateError) as caught:
        _ = template.spinal_levels
    for text in ("desc-spinallevels_dseg", "It has: T2w, cord.", "sctflow-data install PAM50"):
        assert text in str(caught.value)


def test_another_contrast_stands_in_for_one_that_is_missing(home, make_template):
    folder = make_template(PIECES["T2w"])
    template = find_template("PAM50")
    assert template.image("T2star", "T2w", "T1w") == ("T2w", folder / "tpl-PAM50_T2w.nii.gz")
    with pytest.raises(TemplateError, match="T2star"):
        template.image("T2star", "T1w")


def test_the_atlas_is_read_from_its_table(home, with_atlas):
    template = find_template("PAM50")
    first, second = template.atlas
    assert (first.index, first.name, first.group) == (0, 'left "tract"', "WM")
    assert second.path == with_atlas / "tpl-PAM50_atlas-PAM50_label-01_probseg.nii.gz"
    assert template.combined == [(50, "spinal cord", (0, 1))]


def test_a_region_without_image_is_an_error_and_no_shorter_atlas(home, with_atlas):
    (with_atlas / "tpl-PAM50_atlas-PAM50_label-01_probseg.nii.gz").unlink()
    with pytest.raises(TemplateError, match="label-01"):
        _ = find_template("PAM50").atlas


def test_a_template_without_atlas_says_so(home, make_template):
    make_template(PIECES["cord"])
    template = find_template("PAM50")
    assert not template.has_atlas
    with pytest.raises(TemplateError, match="has no atlas"):
        _ = template.atlas


def test_two_resolutions_of_a_piece_are_not_chosen_between(home, make_template):
    folder = make_template("res-1_T2w", "res-2_T2w")
    with pytest.raises(TemplateError, match=r"more than once .*res-1_T2w.*res-2_T2w"):
        find_template(folder).path("T2w")


@pytest.mark.parametrize(
    ("text", "members"), [("0:3", (0, 1, 2, 3)), ("36", (36,)), ("0:1,5", (0, 1, 5))]
)
def test_members_of_a_combination(text, members):
    assert expand_members(text) == members


def test_templateflows_home_comes_before_the_programs_own(home, make_template):
    make_template(PIECES["T2w"], place=own_home())
    assert find_template("PAM50").root == own_home() / "tpl-PAM50"
    folder = make_template(PIECES["T2w"])
    assert find_template("PAM50").root == folder


def test_templateflows_default_folder_is_read_but_never_written(home, monkeypatch, tmp_path):
    monkeypatch.delenv("TEMPLATEFLOW_HOME")
    assert writing_home() == own_home() == tmp_path / "cache" / "sctflow" / "templateflow"
    folder = tmp_path / "cache" / "templateflow" / "tpl-PAM50"
    folder.mkdir(parents=True)
    (folder / "tpl-PAM50_T2w.nii.gz").write_text("x")
    assert find_template("PAM50").root == folder


def test_a_template_that_is_not_there_is_neither_fetched_nor_begun(home, tmp_path):
    with pytest.raises(TemplateError) as caught:
        find_template("PAM50")
    for text in (str(home), "sctflow-data install PAM50", "TEMPLATEFLOW_HOME", "SCTPhantom"):
        assert text in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_skeleton_of_empty_files_is_no_template(home, make_template):
    make_template(*PIECES.values(), content="")
    with pytest.raises(TemplateError, match="only as empty placeholders of TemplateFlow"):
        find_template("PAM50")


def test_a_placeholder_in_a_template_is_told_from_a_file_that_never_was(home, make_template):
    make_template(PIECES["T2w"])
    make_template(PIECES["cord"], content="")
    template = find_template("PAM50")
    with pytest.raises(TemplateError, match=r"lacks label-SC_mask .there is an empty"):
        _ = template.cord
    with pytest.raises(TemplateError, match=r"lacks desc-discs_dseg\."):
        _ = template.discs


def test_a_folder_is_a_template_whatever_its_own_name(make_template, tmp_path):
    folder = make_template(PIECES["T2w"], name="Mine").rename(tmp_path / "some folder")
    template = find_template(folder)
    assert (template.name, template.root) == ("Mine", folder)
    assert find_template(str(folder)) == template


def test_a_folder_that_is_no_template_gets_a_hint(home, make_template, tmp_path):
    folder = make_template(PIECES["T2w"])
    with pytest.raises(TemplateError, match=f"did you mean {folder}"):
        find_template(home)
    with pytest.raises(TemplateError, match="no such folder"):
        find_template(tmp_path / "nowhere")


def test_a_damaged_description_is_named(home, make_template):
    folder = make_template(PIECES["T2w"])
    (folder / "template_description.json").write_text("{")
    with pytest.raises(TemplateError, match=r"template_description\.json: cannot be read"):
        _ = find_template("PAM50").version


def draw_phantom(folder):
    for name in ("T2w", "cord"):
        (folder / f"tpl-SCTPhantom_{PIECES[name]}.nii.gz").write_text("x")
    description = {"Identifier": "SCTPhantom", "Version": "7"}
    (folder / "template_description.json").write_text(json.dumps(description))


def test_the_built_in_template_is_made_once(home):
    made = []

    def make(folder):
        made.append(folder)
        draw_phantom(folder)

    first = find_template("SCTPhantom", make=make)
    assert first.root == home / "tpl-SCTPhantom"
    assert first.version == f"7+{code_digest()}"
    assert find_template("SCTPhantom", make=make) == first
    assert len(made) == 1
    assert [path.name for path in home.iterdir()] == ["tpl-SCTPhantom"]


def test_the_built_in_template_is_made_again_when_its_code_has_changed(home, monkeypatch):
    find_template("SCTPhantom", make=draw_phantom)
    monkeypatch.setattr(sctflow.templates.builtin, "code_digest", lambda: "changed")
    assert find_template("SCTPhantom", make=draw_phantom).version == "7+changed"
    assert [path.name for path in home.iterdir()] == ["tpl-SCTPhantom"]


@pytest.mark.parametrize("changed", ["phantom_template", "core/phantom/cord", "core/cord_curve"])
def test_the_digest_covers_the_code_of_the_phantom(tmp_path, monkeypatch, changed):
    (tmp_path / "core" / "phantom").mkdir(parents=True)
    for name in ("phantom_template", "core/phantom/cord", "core/cord_curve"):
        (tmp_path / f"{name}.py").write_text("2")
    source = tmp_path / f"{changed}.py"
    monkeypatch.setattr(sctflow, "__file__", str(tmp_path / "__init__.py"))
    before = code_digest()
    source.write_text("3")
    assert code_digest() != before


def test_a_failure_leaves_nothing_and_the_older_template_in_place(home, monkeypatch):
    find_template("SCTPhantom", make=draw_phantom)

    def fails(folder):
        draw_phantom(folder)
        raise OSError("no space left")

    with pytest.raises(TemplateError, match="no space left"):
        make_phantom(make=fails, force=True)
    assert [path.name for path in home.iterdir()] == ["tpl-SCTPhantom"]
    assert find_template("SCTPhantom").version == f"7+{code_digest()}"


def test_two_that_make_it_at_once_do_not_disturb_each_other(home):
    both = threading.Barrier(2, timeout=20)
    found, failures = [], []

    def make(folder):
        draw_phantom(folder)
        both.wait()  # neither is done before the other has begun

    def ask():
        try:
            found.append(find_template("SCTPhantom", make=make))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert found[0] == found[1]
    assert [path.name for path in home.iterdir()] == ["tpl-SCTPhantom"]


def test_the_list_says_what_is_there_and_what_is_not(home, with_atlas):
    text = "\n".join(list_templates())
    assert f"PAM50 (version unknown): {with_atlas}" in text
    assert "no image; atlas of 2 regions;" in text
    assert "lacks: T2w, T1w, T2star, CSF" in text
    assert f"SCTPhantom: built in, made on first use in {home / 'tpl-SCTPhantom'}" in text


def test_the_list_without_templates_says_how_to_get_one(home, tmp_path, capsys):
    assert main(["list"]) == 0
    assert "PAM50: not installed (sctflow-data install PAM50)" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_run_looks_for_its_template_and_makes_nothing(home, make_template, tmp_path):
    assert choose_template(None) is None
    with pytest.raises(TemplateError, match="sctflow-data install PAM50"):
        choose_template("PAM50")
    assert list(tmp_path.iterdir()) == []
    folder = make_template(PIECES["T2w"])
    assert choose_template(None) == choose_template("PAM50")
    assert choose_template(None).record() == {
        "Name": "PAM50",
        "Version": None,
        "Folder": str(folder),
    }


def test_the_built_in_template_is_not_made_before_it_is_needed(home):
    choice = choose_template("SCTPhantom")
    assert (choice.made, choice.folder) == (False, home / "tpl-SCTPhantom")
    assert not home.exists()
    find_template("SCTPhantom", make=draw_phantom)
    assert choose_template("SCTPhantom").made


def test_templateflows_client_finds_the_same_files(with_atlas, home, tmp_path):
    """What we name by hand its API finds by entities: the layout is TemplateFlow's."""
    code = f"""
from templateflow.client import TemplateFlowClient
client = TemplateFlowClient(root={str(home)!r})
for query in (dict(suffix="mask", label="SC"), dict(suffix="probseg", atlas="PAM50", label="01")):
    print(*client.ls("PAM50", **query))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    template = Template("PAM50", with_atlas)
    expected = [str(template.cord), str(template.atlas[1].path)]
    assert done.stdout.splitlines() == expected, done.stderr


def test_finding_templates_imports_neither_pybids_nor_templateflow(home):
    code = """
import sys
from sctflow.templates import find_template
try:
    find_template("PAM50")
except Exception as error:
    print(type(error).__name__)
print([name for name in ("bids", "templateflow", "pandas", "numpy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["TemplateError", "[]"]


def test_the_real_pam50(repo):
    home = repo.parent / "shared" / "templateflow"
    if not (home / "tpl-PAM50").is_dir():
        pytest.skip("needs tpl-PAM50 in ../shared/templateflow")
    template = find_template("PAM50", home=home)
    assert [region.index for region in template.atlas] == list(range(37))
    assert template.atlas[1].name == "WM right fasciculus gracilis"
    combined = {region.name: region.members for region in template.combined}
    assert combined["white matter"] == tuple(range(30))
    for name in ("cord", "vertebral levels", "spinal levels", "discs", "rootlets", "spine"):
        assert template.named(name).stat().st_size > 0
