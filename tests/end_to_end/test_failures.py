"""What goes wrong with one image or participant leaves the others alone."""

import nibabel as nib
import numpy as np
import pytest


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _replace(path, data, affine=None):
    img = nib.load(path)
    new = nib.Nifti1Image(data, img.affine if affine is None else affine)
    new.set_qform(new.affine, 1)
    new.to_filename(path)


def _blank(path):
    _replace(path, np.zeros(nib.load(path).shape, np.int16))


def _flat(path):
    _replace(path, np.asarray(nib.load(path).dataobj)[..., 5])


def _series(path):
    _replace(path, np.repeat(np.asarray(nib.load(path).dataobj)[..., None], 2, axis=3))


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (_truncate, "truncated"),
        (_blank, "zero"),
        (_flat, "2-D"),
        (_series, "4 dimensions"),
    ],
)
def test_a_bad_image_is_named_and_all_others_are_complete(
    demo_copy, demo_run, runner, damage, cause
):
    bad = demo_copy / "sub-01/anat/sub-01_T2w.nii.gz"
    damage(bad)
    done = runner(demo_copy)
    assert done.returncode == 1
    summary = done.stdout + done.stderr
    assert bad.name in summary
    assert cause in summary
    before, after = demo_run.results(), runner.results()
    lost = {name for name in before if "sub-01_space-T2w" in name}
    assert set(after) == set(before) - lost
    # Discs are labelled by hand in all images. What the T2w showed of them besides is told in
    # sidecars and the report; nothing that was computed differs.
    told = (".json", "_desc-levels_T2star.html")
    changed = [name for name in after if after[name] != before[name] and not name.endswith(told)]
    assert changed == []
    report = (runner.out / "sub-01.html").read_text()
    assert bad.name in report
    assert cause in report


def test_a_mask_that_does_not_fit_its_image_is_named(demo_copy, runner):
    labels = demo_copy / "derivatives/labels/sub-02/anat"
    mask = labels / "sub-02_T2w_label-SC_seg.nii.gz"
    _replace(mask, np.asarray(nib.load(mask).dataobj)[1:])
    done = runner(demo_copy, "--participant-label", "02")
    assert done.returncode == 1
    assert mask.name in done.stdout + done.stderr
    assert any("space-T2star" in name for name in runner.results("02"))


def test_an_image_without_a_mask_is_left_out_and_the_report_says_so(demo_copy, runner):
    for label in (demo_copy / "derivatives/labels/sub-01/anat").glob("*T2w*"):
        label.unlink()
    done = runner(demo_copy, "--segmentation-method", "manual", "--participant-label", "01")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {name for name in runner.results("01") if "space-T2w" in name}
    assert made == {"sub-01/figures/sub-01_space-T2w_desc-summary_T2w.html"}
    assert "no manual mask" in (runner.out / "sub-01.html").read_text()
