"""Redis: emptied, killed, paused, frozen, and gone for a while."""

import signal
from typing import TYPE_CHECKING

from omega_project.lib.embedded import places

if TYPE_CHECKING:
    from chaos.nemesis import Nemesis
    from chaos.plan import Step


def redis_flush(nemesis: "Nemesis", step: "Step") -> None:
    nemesis.note(step, "FLUSHALL")
    nemesis.system.redis().flushall()


def redis_pause(nemesis: "Nemesis", step: "Step") -> None:
    nemesis.note(step, "CLIENT PAUSE of 5 s")
    nemesis.system.redis().execute_command("CLIENT", "PAUSE", "5000")


def redis_kill(nemesis: "Nemesis", step: "Step") -> None:
    nemesis.note(step, "redis killed")
    for pid in nemesis.system.pids("redis"):
        nemesis.system.signal(pid, signal.SIGKILL)


def redis_gone(nemesis: "Nemesis", step: "Step") -> None:
    """Nobody starts it while we hold the lock that its supervisor needs."""
    seconds = step.chance().choice([5, 8])
    nemesis.note(step, f"redis gone for {seconds} s")
    with places.locked(nemesis.system.home):
        for pid in nemesis.system.pids("redis"):
            nemesis.system.signal(pid, signal.SIGKILL)
        nemesis.stopping.wait(seconds)


def redis_freeze(nemesis: "Nemesis", step: "Step") -> None:
    """It takes connections and answers none."""
    pids = nemesis.system.pids("redis")
    nemesis.note(step, "redis frozen for 6 s")
    for pid in pids:
        nemesis.system.signal(pid, signal.SIGSTOP)
    nemesis.stopping.wait(6.0)
    for pid in pids:
        nemesis.system.signal(pid, signal.SIGCONT)


HARMS = {
    "redis_flush": redis_flush, "redis_pause": redis_pause, "redis_kill": redis_kill, "redis_gone": redis_gone,
    "redis_freeze": redis_freeze,
}  # fmt: skip
