"""PAM50 is installed from what its authors release: all of it, checked, or nothing."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import signal
import stat
import threading
import urllib.error
import zipfile
from email.message import Message

import nibabel as nib
import numpy as np
import pytest

from sctflow.cli.data import main
from sctflow.errors import TemplateError
from sctflow.io import save_image
from sctflow.templates import find_template
from sctflow.templates.archive import publish_folder, unpack
from sctflow.templates.install import RELEASE, install_pam50
from sctflow.templates.layout import PIECES
from sctflow.templates.pam50 import FILES, read_labels

SHAPE = (5, 6, 12)
AFFINE = np.array([[-0.5, 0, 0, 35], [0, 0.5, 0, -81.22], [0, 0, 0.5, -561.84], [0, 0, 0, 1]])
INFO = """\
# White matter atlas. Generated on: 01-Sep-2016
#
# Keyword=IndivLabels (Please DO NOT change this line)
# ID, name, file
0, WM left fasciculus gracilis, PAM50_atlas_00.nii.gz
1, WM right lemniscus (one, and another), PAM50_atlas_01.nii.gz
2, CSF contour, PAM50_atlas_02.nii.gz

# Combined labels
# Keyword=CombinedLabels (Please DO NOT change this line)
# ID, name, IDgroup
50, spinal cord, 0:1

# Clusters used for the first step of the MAP estimation (for advanced users only)
# Keyword=MAPLabels (Please DO NOT change this line)
# Name, IDgroup
white matter, 0:1
CSF, 2"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "home"


def draw(name):
    """A column of the kind of values that a file of the release has."""
    suffix = PIECES[name].suffix
    data = np.zeros(SHAPE, np.float32 if suffix == "probseg" else np.uint8)
    data[2, 3] = {"probseg": 0.5, "mask": 1}.get(suffix, 7)
    return data


def write(data, path, affine=AFFINE):
    save_image(nib.Nifti1Image(data, affine), path)


@pytest.fixture
def release(tmp_path):
    """A PAM50 of a few voxels in the layout of its authors."""
    root = tmp_path / "PAM50-r20250730"
    for name, (stem, *_) in FILES.items():
        write(draw(name), root / "template" / f"PAM50_{stem}.nii.gz")
    for index in range(3):
        write(draw("gray matter"), root / "atlas" / f"PAM50_atlas_{index:02d}.nii.gz")
    (root / "atlas" / "info_label.txt").write_text(INFO)
    (root / "template" / "info_label.txt").write_text("# not needed\n")
    return root


@pytest.fixture
def archive(release, tmp_path):
    return shutil.make_archive(str(tmp_path / "PAM50-r20250730"), "zip", tmp_path, release.name)


def install(source, **options):
    told = []
    return install_pam50(source, tell=told.append, opener=no_network, **options), told


def no_network(request, timeout):
    raise urllib.error.URLError("Name or service not known")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_image_gets_the_name_it_has_in_templateflow(release, home):
    template, _ = install(release)
    assert template.root == home / "tpl-PAM50"
    for name, (stem, *_) in FILES.items():
        source = release / "template" / f"PAM50_{stem}.nii.gz"
        assert template.named(name).read_bytes() == source.read_bytes()
    assert template.missing == ()
    assert find_template("PAM50") == template
    assert [path.name for path in home.iterdir()] == ["tpl-PAM50"]


def test_the_names_are_those_of_templateflow(release, repo):
    real = repo.parent / "shared" / "templateflow" / "tpl-PAM50"
    if not real.is_dir():
        pytest.skip("needs tpl-PAM50 in ../shared/templateflow")
    template, _ = install(release)
    expected = {path.name for path in real.iterdir() if "atlas-PAM50_label" not in path.name}
    found = {path.name for path in template.root.iterdir()}
    assert expected <= found
    extra = {path for path in found - expected if "atlas-PAM50_label" not in path}
    assert extra == {"tpl-PAM50_T1w.nii.gz", "tpl-PAM50_T2star.nii.gz"}


def test_the_atlas_comes_with_its_tables(release):
    template, _ = install(release)
    assert [(region.index, region.name, region.group) for region in template.atlas] == [
        (0, "WM left fasciculus gracilis", "WM"),
        (1, "WM right lemniscus (one, and another)", "WM"),
        (2, "CSF contour", "CSF"),
    ]
    assert template.combined == [(50, "spinal cord", (0, 1))]


def test_an_archive_gives_the_same_as_the_folder(release, archive, tmp_path):
    one, _ = install(release, home=tmp_path / "one")
    other, told = install(tmp_path / archive, home=tmp_path / "other")
    description = "template_description.json"
    first, second = contents(one.root), contents(other.root)
    assert (
        json.loads(first.pop(description))["ContentSHA256"] == other.description["ContentSHA256"]
    )
    second.pop(description)
    assert first == second
    assert other.version == "r20250730"
    digest = hashlib.sha256((tmp_path / archive).read_bytes()).hexdigest()
    assert other.description["ArchiveSHA256"] == digest
    assert any(digest in line and "compared with nothing" in line for line in told)


@pytest.mark.parametrize("nested", ["", "a", "a/b"])
def test_the_folders_around_the_release_do_not_matter(release, tmp_path, nested):
    around = tmp_path / "around"
    shutil.copytree(release, around / nested)
    assert install(around)[0].missing == ()


def test_the_checksum_is_compared_when_there_is_one(archive, home, tmp_path):
    archive = tmp_path / archive
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(TemplateError, match=digest):
        install(archive, sha256="0" * 64)
    assert list(home.iterdir()) == []
    _, told = install(archive, sha256=digest.upper())
    assert "as expected" in "".join(told)


def test_an_older_release_is_taken_and_what_it_lacks_is_said(release):
    template_folder = release / "template"
    (template_folder / "PAM50_rootlets.nii.gz").unlink()
    old_name = template_folder / "PAM50_label_spinal_levels.nii.gz"
    (template_folder / "PAM50_spinal_midpoint.nii.gz").rename(old_name)
    template, told = install(release)
    assert told[-1] == "this release lacks: rootlets"
    assert template.has("dseg", desc="spinalmidpoints")


def shifted(millimetres):
    """The grid of the template, moved to the front."""
    affine = AFFINE.copy()
    affine[1, 3] += millimetres
    return affine


def damage(release, how):
    folder = release / "template"
    match how:
        case "no T2w image":
            (folder / "PAM50_t2.nii.gz").unlink()
        case "a tract of the atlas":
            (release / "atlas" / "PAM50_atlas_01.nii.gz").unlink()
        case "no list of labels":
            (release / "atlas" / "info_label.txt").unlink()
        case "half a file":
            path = folder / "PAM50_wm.nii.gz"
            path.write_bytes(path.read_bytes()[:60])
        case "another size":
            write(np.ones((5, 6, 13), np.uint8), folder / "PAM50_spine.nii.gz")
        case "another place":
            write(draw("cord"), folder / "PAM50_spine.nii.gz", shifted(3.0))
        case "a level that does not exist":
            write(draw("cord") * 33, folder / "PAM50_levels.nii.gz")
        case "a part of more than one":
            write(draw("gray matter") * 3, folder / "PAM50_gm.nii.gz")
        case "not a number":
            write(draw("gray matter") * np.float32(np.nan), folder / "PAM50_gm.nii.gz")
        case "an empty mask":
            write(draw("cord") * 0, folder / "PAM50_csf.nii.gz")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no T2w image", "template/PAM50_t2.nii.gz is missing"),
        ("a tract of the atlas", "atlas/PAM50_atlas_01.nii.gz is missing"),
        ("no list of labels", "atlas/info_label.txt cannot be read"),
        ("half a file", "template/PAM50_wm.nii.gz: the file is truncated or damaged"),
        ("another size", "PAM50_spine.nii.gz: its size is (5, 6, 13)"),
        ("another place", "PAM50_spine.nii.gz: it lies 3.00 mm off"),
        ("a level that does not exist", "PAM50_levels.nii.gz: value 33 is none of its labels"),
        ("a part of more than one", "values from 0 to 1.5 are no parts of a voxel"),
        ("not a number", "PAM50_gm.nii.gz: it is empty or has values that are not numbers"),
        ("an empty mask", "PAM50_csf.nii.gz: it is empty"),
    ],
)
def test_a_release_that_is_not_whole_is_refused_and_nothing_is_left(release, home, how, said):
    damage(release, how)
    with pytest.raises(TemplateError) as caught:
        install(release)
    assert said in str(caught.value)
    assert str(release) in str(caught.value)
    assert list(home.iterdir()) == []


def test_an_image_one_voxel_off_is_taken_as_published_and_told(release):
    path = release / "template" / "PAM50_label_discPosterior.nii.gz"
    write(draw("posterior discs"), path, shifted(0.5))
    template, told = install(release)
    assert "PAM50_label_discPosterior.nii.gz lies 0.50 mm off" in told[-1]
    assert template.named("posterior discs").read_bytes() == path.read_bytes()


def test_two_copies_in_a_folder_are_not_chosen_between(release, tmp_path):
    shutil.copytree(release, tmp_path / "two" / "a")
    shutil.copytree(release, tmp_path / "two" / "b")
    with pytest.raises(TemplateError, match=r"several copies of PAM50 in it \(a, b\)"):
        install(tmp_path / "two")


def test_what_is_installed_stays_unless_it_is_to_be_replaced(release, home):
    first, _ = install(release)
    before = contents(first.root)
    write(draw("cord") * 0 + 1, release / "template" / "PAM50_spine.nii.gz")
    _, told = install(release)
    assert "--force replaces it" in told[0]
    assert contents(first.root) == before
    second, told = install(release, force=True)
    assert told[-1] == "content: not the same as before"
    assert contents(second.root) != before
    assert install(release, force=True)[1][-1] == "content: as before"
    assert [path.name for path in home.iterdir()] == ["tpl-PAM50"]


def test_a_damaged_template_is_listed_as_such_and_can_be_replaced(release, capsys):
    template, _ = install(release)
    (template.root / "template_description.json").write_text("{")
    assert main(["list"]) == 0
    assert "PAM50: damaged" in capsys.readouterr().out
    install(release, force=True)
    assert main(["list"]) == 0
    assert "T2w, T1w, T2star; atlas of 3 regions;" in capsys.readouterr().out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_installation_that_is_ended_leaves_nothing(release, home, monkeypatch, how, capsys):
    def ended(*_, **__):
        signal.raise_signal(how)

    monkeypatch.setattr("sctflow.templates.install.convert", ended)
    assert main(["install", "PAM50", "--from", str(release)]) == 130
    assert capsys.readouterr().err == "sctflow-data: interrupted\n"
    assert list(home.iterdir()) == []


def test_a_failed_replacement_leaves_the_old_template(release, home):
    first, _ = install(release)
    before = contents(first.root)
    damage(release, "half a file")
    with pytest.raises(TemplateError):
        install(release, force=True)
    assert contents(first.root) == before
    assert [path.name for path in home.iterdir()] == ["tpl-PAM50"]


def test_a_skeleton_of_templateflow_gives_way(release, home):
    (home / "tpl-PAM50").mkdir(parents=True)
    (home / "tpl-PAM50" / "tpl-PAM50_T2w.nii.gz").touch()
    template, _ = install(release)
    assert template.missing == ()


def test_a_region_that_names_a_file_elsewhere_is_not_followed(tmp_path):
    path = tmp_path / "info_label.txt"
    path.write_text(INFO.replace("PAM50_atlas_00.nii.gz", "../../secret.nii.gz"))
    assert [file for _, _, file in read_labels(path).regions] == [
        "PAM50_atlas_01.nii.gz",
        "PAM50_atlas_02.nii.gz",
    ]


# From the network


class Answer(io.BytesIO):
    def __init__(self, content, length=None):
        super().__init__(content)
        self.headers = Message()
        if length is not None:
            self.headers["Content-Length"] = str(length)


def test_without_network_the_message_says_what_to_do(home, tmp_path):
    with pytest.raises(TemplateError) as caught:
        install(None)
    for text in (RELEASE.url, "not known", "--from", "SCTPhantom", "TEMPLATEFLOW_HOME"):
        assert text in str(caught.value)
    assert list(home.iterdir()) == []


def test_the_command_without_network_is_status_1_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr("sctflow.templates.install.urllib.request.urlopen", no_network)
    monkeypatch.setitem(install_pam50.__kwdefaults__, "opener", no_network)
    assert main(["install", "PAM50"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("sctflow-data: https://")
    assert "Traceback" not in error


def test_a_download_is_installed(archive, tmp_path):
    content = (tmp_path / archive).read_bytes()
    asked, seen = [], []

    def opener(request, timeout):
        asked.append((request.full_url, timeout > 0))
        return Answer(content, len(content))

    template = install_pam50(
        opener=opener, tell=lambda line: None, progress=lambda *done: seen.append(done)
    )
    assert asked == [(RELEASE.url, True)]
    assert seen[-1] == (len(content), len(content))
    assert template.version == RELEASE.version
    assert template.description["ArchiveSHA256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "length", "said"),
    [
        (b"PK half of it", 1000, "13 of 1000 bytes came"),
        (b"<html>Not found</html>", 22, "not a ZIP archive"),
    ],
)
def test_an_answer_that_is_not_the_archive_is_refused(home, content, length, said):
    with pytest.raises(TemplateError, match=said):
        install_pam50(opener=lambda *_, **__: Answer(content, length), tell=lambda line: None)
    assert list(home.iterdir()) == []


# Hostile archives


def entry(name, *, mode=stat.S_IFREG | 0o644, content="x"):
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    return info, content


HOSTILE = {
    "a path to the parent": [entry("../outside")],
    "a path through the parent": [entry("PAM50/a/../../../outside")],
    "an absolute path": [entry("/tmp/sctflow-outside")],
    "backslashes": [entry("..\\outside")],
    "a link": [entry("PAM50/link", mode=stat.S_IFLNK | 0o777, content="/etc")],
    "a device": [entry("PAM50/device", mode=stat.S_IFCHR | 0o644)],
    "a name twice": [entry("PAM50/x"), entry("PAM50/./x")],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused_before_anything_is_written(tmp_path, what):
    path, folder = tmp_path / "hostile.zip", tmp_path / "deep" / "in" / "folder"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("PAM50/harmless", "x")
        for info, content in HOSTILE[what]:
            archive.writestr(info, content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TemplateError, match="refused, nothing was unpacked"):
        unpack(path, folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_that_would_fill_the_disk_is_refused_by_what_it_declares(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zeros", "x")
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(TemplateError, match="more than 2 GiB"):
        unpack(path, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_flipped_bit_is_found_by_the_checksum_of_the_entry(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("x", "unmistakable")
    path.write_bytes(path.read_bytes().replace(b"unmistakable", b"unmistakeble"))
    with pytest.raises(TemplateError, match="damaged"):
        unpack(path, tmp_path / "folder")


# Folders that are there in full or not at all


def test_of_several_that_publish_at_once_one_wins_and_nothing_else_is_left(tmp_path):
    final = tmp_path / "final"
    barrier = threading.Barrier(8, timeout=20)
    failures = []

    def publish(number):
        def fill(folder):
            (folder / "a").write_text(str(number))
            (folder / "b").write_text(str(number))
            barrier.wait()

        try:
            publish_folder(final, fill, keep=lambda folder: False)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (final / "a").read_text() == (final / "b").read_text()
    assert list(tmp_path.iterdir()) == [final]


def test_an_interruption_leaves_nothing(tmp_path):
    def fill(folder):
        (folder / "a").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_folder(tmp_path / "final", fill, keep=lambda folder: False)
    assert list(tmp_path.iterdir()) == []
