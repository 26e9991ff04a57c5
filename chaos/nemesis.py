"""The faults: each lane's in turn, those of several lanes at once, as the plan has them; healed again at the end."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

import psycopg
import redis

from chaos.harms import HARMS
from chaos.journal import Journal
from chaos.plan import Plan, Step
from chaos.system import Failed, LeftOut, System

_CALM = {"mode": "none", "rate": 1.0, "latency_ms": 20}
_CALM_CALLBACKS = {"duplicate": 0, "shuffle": False, "delay_ms": 0, "before_response": False, "drop": 0}


class Nemesis:
    """Does harm by the plan until it is told to stop."""

    def __init__(self, system: System, journal: Journal, plan: Plan) -> None:
        self.system, self.journal, self.plan = system, journal, plan
        self.stopping = threading.Event()
        self._lanes = [
            threading.Thread(target=self._walk, args=(steps,), name=f"nemesis-{name}", daemon=True)
            for name, steps in plan.lanes.items()
        ]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()

    def stop(self) -> None:
        """No more harm; what is under way is ended and made well."""
        self.stopping.set()
        for lane in self._lanes:
            lane.join(90.0)
        self.heal()

    def _walk(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if self.stopping.wait(max(0.0, self.journal.began + step.at - time.monotonic())):
                return
            self._harm(HARMS[step.kind], step)

    def _harm(self, harm: Callable[["Nemesis", Step], None], step: Step) -> None:
        """What it harms may be harmed already; what this machine cannot do is said."""
        try:
            with contextlib.suppress(psycopg.Error, redis.RedisError, Failed, ProcessLookupError):
                harm(self, step)
        except LeftOut as reason:
            self.journal.leave_out(step.kind, str(reason))

    def note(self, step: Step, what: str) -> None:
        self.journal.fault(step.kind, what)

    def heal(self) -> None:
        """Everything well again; what was killed, its supervisor has started."""
        self.system.disarm()
        self.system.disk.free()
        self.system.cont_all()
        self.system.carrier("PUT", "/faults", {"twilio": _CALM, "sendgrid": _CALM, "callbacks": _CALM_CALLBACKS})
