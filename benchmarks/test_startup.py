"""How long the command line takes to answer, interpreter included."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_startup(benchmark, option):
    command = [str(Path(sys.executable).with_name("sctflow")), option]
    done = benchmark.pedantic(
        subprocess.run,
        args=(command,),
        kwargs={"capture_output": True, "text": True, "check": True},
        rounds=5,
        warmup_rounds=1,
    )
    assert "sctflow" in done.stdout
