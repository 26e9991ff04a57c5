"""omega's own processes: killed at any moment and at named points, frozen beyond their leases, rolled."""

import signal
import time
from typing import TYPE_CHECKING

from omega_project.lib import failpoints

if TYPE_CHECKING:
    from chaos.nemesis import Nemesis
    from chaos.plan import Step

# Longer than a lease: what a worker does when it wakes must be fenced off.
FROZEN_SECONDS = 15.0
# A point that nobody came by is disarmed after so long.
ARMED_SECONDS, QUICK_SECONDS = 3.0, 1.0


def _signal(nemesis: "Nemesis", step: "Step", name: str, sign: signal.Signals = signal.SIGKILL) -> int | None:
    pids = nemesis.system.pids(name)
    if not pids:
        return None
    place = step.chance().randrange(1000) % len(pids)
    nemesis.note(step, f"{sign.name} to {name} {place + 1} of {len(pids)}")
    nemesis.system.signal(pids[place], sign)
    return pids[place]


def kill_worker(nemesis: "Nemesis", step: "Step") -> None:
    _signal(nemesis, step, "worker")


def kill_web(nemesis: "Nemesis", step: "Step") -> None:
    _signal(nemesis, step, "web")


def kill_scheduler(nemesis: "Nemesis", step: "Step") -> None:
    _signal(nemesis, step, "scheduler")


def kill_any(nemesis: "Nemesis", step: "Step") -> None:
    """Any process but the carrier's: its memory is the evidence."""
    name = step.chance().choices(["worker", "web", "scheduler", "redis", "postgres"], [6, 4, 2, 2, 1])[0]
    _signal(nemesis, step, name)


def freeze_worker(nemesis: "Nemesis", step: "Step") -> None:
    pid = _signal(nemesis, step, "worker", signal.SIGSTOP)
    if pid is not None:
        nemesis.stopping.wait(FROZEN_SECONDS)
        nemesis.system.signal(pid, signal.SIGCONT)


def roll(nemesis: "Nemesis", step: "Step") -> None:
    """As a deployment does it: each worker is asked to stop, and another takes its place."""
    pids = nemesis.system.pids("worker")
    nemesis.note(step, f"SIGTERM to {len(pids)} workers, one after the other")
    for pid in pids:
        nemesis.system.signal(pid, signal.SIGTERM)
        if nemesis.stopping.wait(2.0):
            return


def point(nemesis: "Nemesis", step: "Step") -> None:
    """The first process that comes by a named point of claim, deliver, settle or intake is killed there."""
    chance = step.chance()
    name = chance.choice(failpoints.POINTS)
    action = chance.choices(["kill", "stop", "1.5"], [8, 1, 1])[0]
    nemesis.note(step, f"{action} at {name}")
    _arm(nemesis, name, action, ARMED_SECONDS)
    if action == "stop":
        nemesis.stopping.wait(FROZEN_SECONDS - ARMED_SECONDS)
        nemesis.system.cont_all()


def kill_at_point(nemesis: "Nemesis", step: "Step") -> None:
    """As `point`, and where nobody comes by soon, somebody is killed where they are."""
    name = step.chance().choice(failpoints.POINTS)
    nemesis.note(step, f"kill at {name}")
    if not _arm(nemesis, name, "kill", QUICK_SECONDS):
        kill_any(nemesis, step)


def _arm(nemesis: "Nemesis", name: str, action: str, seconds: float) -> bool:
    """Whether anybody came by in that time."""
    ends = time.monotonic() + seconds
    nemesis.system.arm(name, action)
    while nemesis.system.is_armed(name):
        if time.monotonic() > ends or nemesis.stopping.wait(0.05):
            nemesis.system.disarm(name)
            return False
    return True


HARMS = {
    "kill_worker": kill_worker, "kill_web": kill_web, "kill_scheduler": kill_scheduler, "kill_any": kill_any,
    "freeze_worker": freeze_worker, "roll": roll, "point": point, "kill_at_point": kill_at_point,
}  # fmt: skip
