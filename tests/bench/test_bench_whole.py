"""The benchmarks as a program: a short run says its figures, a stopped one leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from omega_project.lib import embedded
from tools.programs import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    embedded.erase(tmp_path / "bench")


def started(home, *words):
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "--results", str(home / "results"), *words],
        cwd=ROOT,
        env=environment | {"OMEGA_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_running(home):
    """The processes whose environment names this home."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            named = entry.name.isdecimal() and f"OMEGA_HOME={home}".encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if named:
            found.append((entry / "cmdline").read_bytes())
    return found


def test_bench_quick_run_measures_and_ends_all(home):
    process = started(home, "--quick", "--seconds", "0.5", "--only", "bounds", "--only", "memory")
    printed = process.communicate(timeout=150)[0]
    assert process.returncode == 0, printed
    figures = json.loads(next((home / "results").iterdir()).read_text())["figures"]
    rates = {figure["name"]: figure["rate"] for figure in figures}
    assert rates["empty Django view"] > 100
    assert rates["memory of web"] > 20
    assert not left_running(home)
    assert not embedded.pids(home / "bench")


def test_bench_stopped_in_the_middle_ends_all(home):
    process = started(home, "--quick", "--seconds", "20", "--only", "bounds")
    for line in process.stdout:
        if line.startswith("Bounds"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 130, printed
    assert not left_running(home)
    assert not embedded.pids(home / "bench")
