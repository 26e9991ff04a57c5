"""The supervisor starts again what dies and leaves nothing behind."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from omega_project.lib.embedded import processes
from tests.support.processes import wait_for
from tools import supervisor
from tools.programs import Program
from tools.supervisor import Child, end_all

MakeChild = Callable[..., Child]
SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); time.sleep(60)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make_child(tmp_path: Path, said: list[str]):
    made: list[Child] = []

    def make(code: str, *, forks: bool = False) -> Child:
        program = Program(f"child-{len(made)}", "child", (sys.executable, "-c", code), forks)
        child = Child(program, tmp_path, dict(os.environ), said.append)
        made.append(child)
        child.start()
        return child

    yield make
    for child in made:
        child.send(signal.SIGKILL)
    end_all(made)


def tended(child: Child, condition: Callable[[], object], seconds: float = 5.0) -> bool:
    def look() -> object:
        child.tend()
        return condition()

    return wait_for(look, seconds)


def test_a_killed_program_is_started_again_within_a_second(make_child: MakeChild) -> None:
    child = make_child(SLEEP)
    for _ in range(4):
        killed = child.pid
        os.kill(killed, signal.SIGKILL)
        assert tended(child, lambda killed=killed: child.pid not in (None, killed), seconds=1.0)


def test_the_children_of_a_killed_program_die_with_it(make_child: MakeChild) -> None:
    child = make_child(PARENT, forks=True)
    assert wait_for(lambda: len(child.pids()) == 2)
    parent, grandchild = child.pids()
    os.kill(parent, signal.SIGKILL)
    assert tended(child, lambda: not processes.alive(grandchild))


def test_a_program_that_ends_once_is_started_again_at_once(make_child: MakeChild, tmp_path: Path) -> None:
    been = tmp_path / "been"
    child = make_child(
        f"import pathlib; been = pathlib.Path({str(been)!r})\nif been.exists(): {SLEEP}\nbeen.touch(); 1 / 0"
    )
    first = child.pid
    assert wait_for(lambda: child.has_ended)
    ended = time.monotonic()
    assert tended(child, lambda: child.pid not in (None, first))
    assert child._due - ended < 0.3, "the pause before it is no more than a moment"


def test_a_program_that_ends_by_itself_is_given_longer_and_longer_pauses(
    make_child: MakeChild, said: list[str]
) -> None:
    child = make_child("raise SystemExit('no settings')")
    assert tended(child, lambda: len(said) >= 4)
    assert "ended with status 1" in said[0]
    assert "no settings" in "".join(said), "the log's end is shown when it goes on"
    assert child._pause(1) > 1.0


def test_a_program_that_ignores_the_request_to_stop_is_ended(
    make_child: MakeChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.3)
    child = make_child(DEAF)
    pid = child.pid
    assert wait_for(lambda: "deaf" in child.log.read_text())
    started = time.monotonic()
    end_all([child])
    assert not processes.alive(pid)
    assert time.monotonic() - started < 2.0
