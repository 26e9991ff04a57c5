"""The rest of the harness: clocks that are off, older code, programs beside the others, what is left out, the table."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos.harms import HARMS, deployments
from chaos.journal import Journal
from chaos.nemesis import Nemesis
from chaos.plan import Shape, Step, draw
from chaos.recovery import Recovered
from chaos.report import table
from chaos.run import Result
from chaos.system import Extra, LeftOut, System
from tests.support.processes import wait_for

PLAN = draw(7, Shape(seconds=1))


def test_a_clock_is_off_and_pauses_are_not():
    code = "import time; a = time.monotonic(); time.sleep(0.2); print(time.time(), time.monotonic() - a)"
    clock, said = deployments._skew(Step(0.0, "skewed_web", "x"))
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | clock, capture_output=True, check=True)
    told, slept = map(float, done.stdout.split())
    assert abs(abs(told - time.time()) - 600) < 60
    assert (told > time.time()) == said.startswith("+")
    assert 0.1 < slept < 60


def test_older_code_is_a_tree_of_its_own(tmp_path: Path):
    try:
        folder = deployments._older_code(tmp_path)
    except LeftOut as reason:
        pytest.skip(str(reason))
    assert (folder / "manage.py").exists()
    assert deployments._older_code(tmp_path) == folder


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ""),
        ("print('redis.exceptions.ConnectionError: Error 111')", ""),
        ("raise ValueError('a bug')", "ValueError: a bug"),
    ],
)
def test_a_program_that_ends_by_itself_says_why(tmp_path: Path, code: str, complaint: str):
    extra = Extra([sys.executable, "-c", code], tmp_path, os.environ, tmp_path / "log")
    assert wait_for(lambda: extra.has_ended, 20)
    assert extra.complaint.startswith(complaint)
    assert bool(extra.complaint) == bool(complaint)
    extra.end(signal.SIGTERM)


def test_a_point_is_armed_until_somebody_comes_by(tmp_path: Path):
    system = System(tmp_path)
    system.points.mkdir()
    system.arm("claim.after_commit", "kill")
    assert system.is_armed("claim.after_commit")
    assert (system.points / "claim.after_commit").read_text() == "kill"
    system.disarm()
    assert not system.is_armed("claim.after_commit")


def test_what_a_machine_cannot_do_is_left_out_and_said(tmp_path: Path):
    nemesis = Nemesis(System(tmp_path), Journal(), PLAN)
    nemesis._harm(HARMS["disk_full"], Step(0.0, "disk_full", "x"))
    assert nemesis.journal.left_out == {"disk_full": "only root may mount a file system"}
    assert nemesis.journal.faults == []
    assert "left out    disk_full: only root may mount a file system" in table(a_result(nemesis.journal))


def a_result(journal: Journal, **broken: list[str]) -> Result:
    recovered = [Recovered("redis is back", 1.04, 5.0), Recovered("postgres is back", None, 5.0)]
    return Result(PLAN, journal, 3.0, 0, 0, {"lost": [], "doubled": []} | broken, recovered)


def test_the_table_has_the_seed_the_promises_and_the_recoveries():
    shown = table(a_result(Journal())).splitlines()
    assert shown[0].startswith("seed 7: ")
    assert "doubled                              0" in shown
    assert any("redis is back" in line and "1.0 s" in line for line in shown)
    assert any("postgres is back" in line and "not within a minute" in line for line in shown)
    assert not any(line.startswith("Again:") for line in shown)


def test_a_broken_promise_is_shown_with_what_does_it_again():
    journal = Journal()
    journal.fault("kill_worker", "SIGKILL to worker 1 of 2")
    shown = table(a_result(journal, lost=["chaos-1 has no message"]))
    assert "    chaos-1 has no message" in shown
    assert "SIGKILL to worker 1 of 2" in shown
    assert shown.endswith("Again: make chaos SEED=7 ARGS='--seconds 1 --rate 20'")
