"""The faults: seeded, one after the other and sometimes two at once, each healed again."""

import contextlib
import random
import signal
import threading
from collections.abc import Callable

import psycopg
import redis

from chaos.journal import Journal
from chaos.system import Failed, System

_CALM = {"mode": "none", "rate": 1.0, "latency_ms": 20}
_CALM_CALLBACKS = {"duplicate": 0, "shuffle": False, "delay_ms": 0, "before_response": False, "drop": 0}


class Nemesis(threading.Thread):
    """Does harm every few seconds until it is told to stop."""

    def __init__(self, system: System, journal: Journal, seed: str, pause: float = 2.0) -> None:
        super().__init__(name="nemesis", daemon=True)
        self.system, self.journal, self.pause = system, journal, pause
        self.random = random.Random(seed)
        self.stopping = threading.Event()

    def run(self) -> None:
        harms: list[tuple[Callable[[], None], int]] = [
            (self.kill_worker, 24), (self.kill_web, 12), (self.kill_scheduler, 5), (self.freeze_worker, 5),
            (self.flush_redis, 8), (self.kill_redis, 5), (self.pause_redis, 4), (self.kill_postgres, 4),
            (self.cut_connections, 8), (self.lock_table, 4), (self.carrier_fault, 14), (self.callbacks, 7),
        ]  # fmt: skip
        while not self.stopping.wait(self.random.uniform(0.3, 1.7) * self.pause):
            harm = self.random.choices([one for one, _ in harms], [weight for _, weight in harms])[0]
            with contextlib.suppress(psycopg.Error, redis.RedisError, Failed):  # what it harms may be harmed already
                harm()

    def _note(self, what: str) -> None:
        self.journal.fault(what)

    def _kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> int | None:
        pids = self.system.pids(name)
        if not pids:
            return None
        pid = self.random.choice(pids)
        self._note(f"{sign.name} {name} {pid}")
        self.system.signal(pid, sign)
        return pid

    def kill_worker(self) -> None:
        self._kill("worker")

    def kill_web(self) -> None:
        self._kill("web")

    def kill_scheduler(self) -> None:
        self._kill("scheduler")

    def freeze_worker(self) -> None:
        """Longer than the lease: what it does on waking must be fenced off."""
        pid = self._kill("worker", signal.SIGSTOP)
        if pid is not None:
            self.stopping.wait(15.0)
            self.system.signal(pid, signal.SIGCONT)

    def flush_redis(self) -> None:
        self._note("FLUSHALL")
        self.system.redis().flushall()

    def kill_redis(self) -> None:
        self._kill("redis")

    def pause_redis(self) -> None:
        self._note("CLIENT PAUSE 4 s")
        self.system.redis().execute_command("CLIENT", "PAUSE", "4000")

    def kill_postgres(self) -> None:
        self._kill("postgres", self.random.choice([signal.SIGQUIT, signal.SIGKILL]))

    def cut_connections(self) -> None:
        self._note("every database connection cut")
        self.system.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )

    def lock_table(self) -> None:
        seconds = self.random.choice([1, 3, 6])
        self._note(f"conversations locked for {seconds} s")
        self.system.rows(
            f"BEGIN; LOCK TABLE conversations_conversation IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT"
        )

    def carrier_fault(self) -> None:
        modes = ["429", "500", "garbage", "timeout", "slow", "accept_then_cut", "cut", "empty"]
        fault = {"mode": self.random.choice(modes), "rate": self.random.choice([0.1, 0.3, 0.6]), "latency_ms": 20}
        self._note(f"the carrier: {fault['mode']} at {fault['rate']}")
        whose = self.random.choice(["twilio", "twilio", "sendgrid"])
        self.system.carrier("PUT", "/faults", {whose: fault | {"slow_ms": 12_000}})
        self.stopping.wait(self.random.uniform(1.0, 4.0))
        self.system.carrier("PUT", "/faults", {whose: _CALM})

    def callbacks(self) -> None:
        """Not lost for good: a mail whose events never come is sent once more after the grace, as api.md, 7 says."""
        fault = {
            "duplicate": self.random.choice([0, 0.3, 1]), "shuffle": self.random.choice([True, False]),
            "delay_ms": self.random.choice([0, 500, 3000]), "before_response": self.random.choice([True, False]),
        }  # fmt: skip
        self._note(f"callbacks: {fault}")
        self.system.carrier("PUT", "/faults", {"callbacks": fault})

    def heal(self) -> None:
        """Everything well again; what was killed, its supervisor has started."""
        self.system.cont_all()
        self.system.carrier("PUT", "/faults", {"twilio": _CALM, "sendgrid": _CALM, "callbacks": _CALM_CALLBACKS})
