"""Motion is the same wherever it is worked out."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sctflow.core.motion import arrays, estimate_dwi_motion, estimate_motion
from sctflow.core.phantom.diffusion import gradient_table

from .conftest import draw, wander

torch = pytest.importorskip("torch")

# Single precision of other sums; the estimates' own errors are a hundred times larger.
CLOSE_MM = 1e-4


def assert_same(found, expected):
    assert_allclose(found.shift, expected.shift, atol=CLOSE_MM)
    assert_allclose(found.rotation, expected.rotation, atol=1e-3)
    assert_allclose(found.sd, expected.sd, rtol=1e-3)
    assert_allclose(found.reliability, expected.reliability, atol=1e-5)
    assert_allclose(found.signal, expected.signal, atol=1e-4)
    assert_array_equal(found.outlier, expected.outlier)
    assert found.notes == expected.notes == ()


@pytest.fixture
def spoilt(series):
    """A drop-out, an empty slice, and values that are not numbers."""
    data = series.data.copy()
    data[..., 3] *= 0.2
    data[:, :, 1, 6] = 0
    data[:4, :4, 2] = np.nan
    return data


@pytest.mark.parametrize(
    "options", [{}, {"kind": "rigid"}, {"groups": 2}, {"reference": 4}, {"poly": 1}]
)
def test_tensors_give_what_arrays_give(series, spoilt, options):
    scene = (spoilt, series.affine, series.mask)
    assert_same(
        estimate_motion(*scene, device="cpu", **options),
        estimate_motion(*scene, device=None, **options),
    )


@pytest.mark.parametrize("kind", ["translation", "rigid"])
def test_tensors_give_what_arrays_give_of_a_diffusion_series(kind):
    bvals, bvecs = gradient_table(3, {800: 12}, seed=1)
    bright = np.exp(-bvals * 1e-3 * (0.5 + bvecs[:, 2] ** 2))
    scene = draw(wander(4, len(bvals)), noise=25.0, scale=bright)
    args = (scene.data, scene.affine, scene.mask, bvals, bvecs)
    assert_same(
        estimate_dwi_motion(*args, kind=kind, device="cpu"),
        estimate_dwi_motion(*args, kind=kind, device=None),
    )


def test_windows_are_tensors_on_a_device(series, monkeypatch):
    seen = set()
    real = arrays.to_host
    monkeypatch.setattr(
        "sctflow.core.motion.align.to_host", lambda array: (seen.add(type(array)), real(array))[1]
    )
    estimate_motion(series.data, series.affine, series.mask, device="cpu")
    assert seen == {torch.Tensor}


def test_a_device_that_runs_out_of_memory_is_done_without_and_it_is_said(series, monkeypatch):
    def full(values, device):
        if device is None:
            return values
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    scene = (series.data, series.affine, series.mask)
    expected = estimate_motion(*scene, device=None)
    for module in ("search", "align"):
        monkeypatch.setattr(f"sctflow.core.motion.{module}.put", full)
    found = estimate_motion(*scene, device="cpu")
    assert_array_equal(found.shift, expected.shift)
    assert found.warnings() == [
        "motion was estimated without cpu, which failed: CUDA out of memory"
    ]


def test_a_graphics_processor_is_used_for_long_series_if_there_is_one(monkeypatch):
    long = arrays.LEAST_WINDOWS
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert arrays.choose_device("auto", long) == "cuda"
    assert arrays.choose_device("auto", long - 1) is None
    assert arrays.choose_device("cuda:1", 1) == "cuda:1"
    assert arrays.choose_device(None, long) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert arrays.choose_device("auto", long) is None


def test_without_a_device_the_library_is_not_imported():
    program = """
import sys
import numpy as np
from sctflow.core.motion import estimate_motion
data = np.random.default_rng(0).random((24, 24, 2, 4))
estimate_motion(data, np.diag([1.0, 1, 5, 1]), np.ones(data.shape[:3]))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
