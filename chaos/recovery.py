"""How soon it goes on by itself: after a worker's death, and after Redis or PostgreSQL is back. Measured, not believed.

Apart from the other faults, so that each figure has one cause.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import redis

from chaos.journal import Journal, Said
from chaos.load import Caller
from chaos.plan import Plan, Step
from chaos.system import System

SENDS = 10
LONGEST_SECONDS = 60.0
_HELD = """
SELECT count(*)::int AS n FROM conversations_message m JOIN messaging_attempt a
    ON a.message_id = m.id AND a.number = m.attempts AND a.outcome = 'started' AND a.worker LIKE %s
WHERE m.status = 'sending'
"""
_LEFT = "SELECT count(*)::int AS n FROM conversations_message WHERE request_id = ANY(%s) AND sent_at IS NULL"


@dataclass(frozen=True, slots=True)
class Recovered:
    """One measured recovery; `seconds` None where it did not happen within a minute."""

    after: str
    seconds: float | None
    bound: float

    def __str__(self) -> str:
        took = f"{self.seconds:5.1f} s" if self.seconds is not None else "not within a minute"
        return f"{self.after:<52}{took}   (to reach: {self.bound:.0f} s)"


def measure(system: System, journal: Journal, plan: Plan, rounds: int = 1) -> list[Recovered]:
    """Each recovery, `rounds` times: the slowest of each."""
    drills = (_worker_killed, _redis_back, _postgres_back)
    found = [[drill(Drill(system, journal, plan, f"{drill.__name__}-{n}")) for n in range(rounds)] for drill in drills]
    return [max(ways, key=lambda one: float("inf") if one.seconds is None else one.seconds) for ways in found]


class Drill:
    """Some sends, and the moments at which they are gone."""

    def __init__(self, system: System, journal: Journal, plan: Plan, name: str) -> None:
        self.system, self.journal, self.plan = system, journal, plan
        self.name = f"{plan.seed}-drill{name}"
        self.requests: list[str] = []

    def send(self) -> None:
        """Queue some messages, whoever is away: as every caller does, until they are accepted."""
        caller = Caller(self.system, self.journal, self.plan, ())
        before = len(self.journal.said)
        for number in range(SENDS):
            caller.do(Step(0.0, "send", f"{self.name}-{number}"))
        mine: list[Said] = [one for one in self.journal.said[before:] if one.body.startswith(f"chaos {self.name}")]
        going = [one.request_id for one in mine if one.answer.get("status") in {"queued", "sending", "sent"}]
        self.requests += going

    def until(self, condition: Callable[[], bool]) -> float | None:
        """The seconds until it holds."""
        began = time.monotonic()
        while time.monotonic() - began < LONGEST_SECONDS:
            try:
                if condition():
                    return time.monotonic() - began
            except (psycopg.Error, redis.RedisError):
                pass
            time.sleep(0.05)
        return None

    def are_gone(self) -> bool:
        return self.system.rows(_LEFT, (self.requests,))[0]["n"] == 0


def _worker_killed(drill: Drill) -> Recovered:
    """It is killed in the midst of its calls; what it held is somebody else's to find."""
    system = drill.system
    system.carrier("PUT", "/faults", {"twilio": {"mode": "none", "latency_ms": 3000}})
    drill.send()
    victims: list[int] = []

    def one_is_at_work() -> bool:
        victims[:] = [pid for pid in system.pids("worker") if _holds(system, pid)]
        return bool(victims)

    drill.until(one_is_at_work)
    for pid in victims:
        system.signal(pid, signal.SIGKILL)
    system.carrier("PUT", "/faults", {"twilio": {"mode": "none", "latency_ms": 20}})
    took = drill.until(lambda: not any(_holds(system, pid) for pid in victims)) if victims else None
    drill.until(drill.are_gone)
    return Recovered("a worker killed in mid-send: its messages move again", took, 15.0)


def _holds(system: System, pid: int) -> bool:
    return bool(system.rows(_HELD, (f"%:{pid}",))[0]["n"])


def _redis_back(drill: Drill) -> Recovered:
    """Redis dies; what is accepted meanwhile goes once it is back."""
    system = drill.system
    for pid in system.pids("redis"):
        system.signal(pid, signal.SIGKILL)
    drill.send()
    drill.until(lambda: bool(system.redis().ping()))
    return Recovered("redis is back: what waits goes", drill.until(drill.are_gone), 5.0)


def _postgres_back(drill: Drill) -> Recovered:
    """PostgreSQL is stopped at once; callers come again until it takes them."""
    system = drill.system
    pids = system.pids("postgres")
    for pid in pids:
        system.signal(pid, signal.SIGQUIT)
    drill.until(lambda: system.pids("postgres") not in ([], pids))
    began = time.monotonic()
    drill.until(lambda: bool(system.rows("SELECT 1 AS one")))
    drill.send()
    gone = drill.until(drill.are_gone)
    took = time.monotonic() - began if gone is not None else None
    return Recovered("postgres is back: calls are taken and messages go", took, 5.0)
