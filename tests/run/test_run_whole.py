"""`make run` as its user meets it: it comes up, heals, refuses a second one, goes on, and leaves nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omega_project.lib import embedded
from omega_project.lib.embedded import processes
from tests.support.processes import wait_for
from tools import probes
from tools.programs import ROOT

KEYS = {
    "base_url",
    "admin_url",
    "admin_username",
    "admin_password",
    "platform_api_key",
    "businesses",
    "sandbox_url",
    "database_url",
    "redis_url",
    "pids",
}
OURS = (
    "DEBUG",
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "PUBLIC_BASE_URL",
    "ALLOWED_HOSTS",
    "MEDIA_STORAGE_URL",
)
OURS_BEGIN = ("TWILIO_", "SENDGRID_", "INBOUND_", "OMEGA_")

pytestmark = pytest.mark.timeout(90)


class MakeRun:
    """A home, two ports, and the supervisors that a test starts on them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.sandbox_port = probes.free_port(), probes.free_port()
        self.process: subprocess.Popen[str] | None = None

    def launch(self, terminal: int | None = None) -> subprocess.Popen[str]:
        # The settings of this test session are not those of whoever types `make run`.
        kept = {n: v for n, v in os.environ.items() if n not in OURS and not n.startswith(OURS_BEGIN)}
        ports = {"PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        return subprocess.Popen(
            [sys.executable, "-m", "tools.run"],
            cwd=ROOT,
            env=kept | ports | {"OMEGA_HOME": str(self.home)},
            stdout=terminal or (self.home.parent / "run.out").open("w"),
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self) -> None:
        self.process = self.launch()
        wait_for(lambda: "Ctrl-C" in self.output() or self.process.poll() is not None, 80)
        assert "Ctrl-C" in self.output(), self.output()

    def output(self) -> str:
        return (self.home.parent / "run.out").read_text()

    def facts(self) -> dict[str, Any]:
        path = self.home / "run.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def pids(self) -> dict[str, list[int]]:
        found = self.facts().get("pids", {})
        return {name: pids if isinstance(pids, list) else [pids] for name, pids in found.items()}

    def all_pids(self) -> list[int]:
        return [pid for pids in self.pids().values() for pid in pids]


@pytest.fixture(scope="module")
def run() -> Iterator[MakeRun]:
    folder = Path(tempfile.mkdtemp(prefix="omega-run-"))
    folder.chmod(0o755)
    made = MakeRun(folder / "home")
    try:
        made.start()
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.process.terminate()
            made.process.wait(30)
        embedded.erase(made.home)
        shutil.rmtree(folder)


def test_run_json_says_everything_to_its_owner_only(run: MakeRun) -> None:
    facts = run.facts()
    assert set(facts) == KEYS
    assert (run.home / "run.json").stat().st_mode & 0o777 == 0o600
    assert set(facts["pids"]) == {"web", "live", "worker", "scheduler", "sandbox", "postgres", "redis"}
    assert all(processes.alive(pid) for pid in run.all_pids())
    assert set(facts["businesses"][0]) >= {"id", "name", "api_key", "sms_sender", "email_sender"}


def test_the_greeting_names_the_admin_a_key_and_three_commands(run: MakeRun) -> None:
    facts = run.facts()
    assert wait_for(lambda: "Ctrl-C" in run.output())
    for word in (facts["admin_url"], facts["admin_password"], facts["platform_api_key"]):
        assert word in run.output()
    assert run.output().count("  curl ") == 3


EVERY_PROGRAM = (
    ("worker", 0),
    ("worker", 1),
    ("scheduler", 0),
    ("sandbox", 0),
    ("live", 1),
    ("web", 1),  # granian's worker
    ("web", 0),  # granian itself
    ("redis", 0),
    ("postgres", 0),
)


@pytest.mark.parametrize(("name", "index"), EVERY_PROGRAM)
def test_what_is_killed_comes_back(run: MakeRun, name: str, index: int) -> None:
    killed = run.pids()[name][index]
    count = len(run.pids()[name])
    os.kill(killed, signal.SIGKILL)

    def is_back() -> bool:
        pids = run.pids()[name]
        return killed not in pids and len(pids) == count and all(processes.alive(pid) for pid in pids)

    assert wait_for(is_back, 20), run.output()
    assert wait_for(lambda: probes.answers(run.port, "/omega/health"), 20)


def test_a_second_run_says_in_a_sentence_that_one_is_running(run: MakeRun) -> None:
    before = run.output()
    second = run.launch()
    assert second.wait(20) == 1
    assert f"omega runs already in {run.home} (pid {run.process.pid})" in run.output()
    assert run.process.poll() is None
    (run.home.parent / "run.out").write_text(before)


def test_a_run_after_a_killed_one_ends_its_leftovers_and_goes_on_with_its_data(run: MakeRun) -> None:
    before = run.facts()
    run.process.kill()
    run.process.wait()
    run.start()
    after = run.facts()
    for pid in run.all_pids():
        assert processes.alive(pid)
    for name in ("web", "worker"):
        assert not [pid for pid in before["pids"][name] if processes.alive(pid)]
    assert after["platform_api_key"] == before["platform_api_key"]
    assert after["businesses"] == before["businesses"]


def test_a_terminal_that_has_gone_is_no_reason_to_fail(run: MakeRun) -> None:
    run.process.terminate()
    run.process.wait(15)
    reading, writing = os.pipe()
    os.close(reading)
    run.process = run.launch(writing)
    os.close(writing)
    assert wait_for(run.facts, 30)
    assert run.process.poll() is None


def test_a_request_to_stop_leaves_nothing_running(run: MakeRun) -> None:
    pids = run.all_pids()
    run.process.terminate()
    assert run.process.wait(15) == 0
    assert not [pid for pid in pids if processes.alive(pid)]
    assert not (run.home / "run.json").exists()
    assert probes.is_free(run.port)
