"""Two deployments side by side: a worker or a web process of an older commit, or with a clock ten minutes off.

Only processes beside the usual ones: what they take in and send is mixed with what those do.
"""

import os
import signal
import subprocess
import tarfile
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.load import Caller
from chaos.plan import Step
from chaos.system import LeftOut
from tools import probes, programs

if TYPE_CHECKING:
    from chaos.nemesis import Nemesis
    from chaos.system import Extra

OFF_SECONDS = 600
# How many commits the older deployment lies behind.
BEHIND = 5
WORKER_SECONDS, READY_SECONDS = 10.0, 20.0
_BURST = ("send", "text", "send_mail", "text", "cancel", "send_many", "text", "note", "write_mail", "read")


def old_worker(nemesis: "Nemesis", step: Step) -> None:
    folder = _older_code(nemesis.system.home)
    nemesis.note(step, f"a worker of {folder.name} beside the others")
    _work_beside(nemesis, step, nemesis.system.extra(programs.workers()[0].words, folder=folder))


def old_web(nemesis: "Nemesis", step: Step) -> None:
    folder = _older_code(nemesis.system.home)
    nemesis.note(step, f"a web process of {folder.name} beside the others")
    _serve_beside(nemesis, step, {}, folder)


def skewed_worker(nemesis: "Nemesis", step: Step) -> None:
    clock, said = _skew(step)
    nemesis.note(step, f"a worker whose clock is {said} off")
    _work_beside(nemesis, step, nemesis.system.extra(programs.workers()[0].words, clock))


def skewed_web(nemesis: "Nemesis", step: Step) -> None:
    clock, said = _skew(step)
    nemesis.note(step, f"a web process whose clock is {said} off")
    _serve_beside(nemesis, step, clock, programs.ROOT)


def _work_beside(nemesis: "Nemesis", step: Step, worker: "Extra") -> None:
    """It works for some seconds, and ends as a deployment ends it, or by force."""
    try:
        nemesis.stopping.wait(WORKER_SECONDS)
        _wonder(nemesis, step, worker)
    finally:
        worker.end(step.chance().choice([signal.SIGTERM, signal.SIGKILL]))


def _serve_beside(nemesis: "Nemesis", step: Step, more: dict[str, str], folder: Path) -> None:
    """A web process on a port of its own: callers and carrier talk to it, and to the others where it is silent."""
    port = probes.free_port()
    address = f"http://127.0.0.1:{port}"
    words = programs.web(port, workers=1).words
    web = nemesis.system.extra(words, {"PUBLIC_BASE_URL": address, "PORT": str(port)} | more, folder=folder)
    try:
        if not _answers(nemesis, web, port):
            _wonder(nemesis, step, web)
            return
        steps = [Step(0.0, kind, f"{step.name}-{place}") for place, kind in enumerate(_BURST)]
        Caller(nemesis.system, nemesis.journal, nemesis.plan, steps, door=f"{address}/omega").run()
    finally:
        web.end(step.chance().choice([signal.SIGTERM, signal.SIGKILL]))


def _wonder(nemesis: "Nemesis", step: Step, program: "Extra") -> None:
    if program.complaint:
        nemesis.journal.wonder(f"{step.kind} ended by itself: {program.complaint}")


def _answers(nemesis: "Nemesis", web: "Extra", port: int) -> bool:
    ends = time.monotonic() + READY_SECONDS
    while not probes.answers(port, "/omega/health"):
        if web.has_ended or time.monotonic() > ends or nemesis.stopping.wait(0.2):
            return False
    return True


def _skew(step: Step) -> tuple[dict[str, str], str]:
    """The environment of a process whose clock is off, and by how much."""
    way = step.chance().choice("+-")
    off = {"PYTHONPATH": str(programs.ROOT / "chaos" / "clock"), "CHAOS_CLOCK_OFF": f"{way}{OFF_SECONDS}"}
    return off, f"{way}{OFF_SECONDS // 60} minutes"


def _older_code(home: Path) -> Path:
    """The tree of an older commit, taken out of the repository once a run."""
    made = sorted(home.glob("commit-*"))
    if made:
        return made[0]
    revision = _git("rev-parse", "--short", f"HEAD~{BEHIND}").decode().strip()
    folder = home / f"commit-{revision}"
    part = home / f"part-{os.getpid()}"
    with tarfile.open(fileobj=BytesIO(_git("archive", "--format=tar", revision))) as tree:
        tree.extractall(part, filter="data")
    return part.rename(folder)


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=programs.ROOT, capture_output=True, check=False)
    except OSError:
        raise LeftOut("git is not here, so there is no older code") from None
    if done.returncode:
        raise LeftOut(f"the repository has no commit {BEHIND} before this one")
    return done.stdout


HARMS = {"old_worker": old_worker, "old_web": old_web, "skewed_worker": skewed_worker, "skewed_web": skewed_web}
