"""The real programs (web, workers, scheduler, sandbox) for tests, on free ports and surely ended.

    with Omega(place, DISPATCH_CONCURRENCY="8") as omega:
        demo = omega.seed()
        omega.start_all()
        omega.kill("worker-1", signal.SIGSTOP)

A `Place` (a database, a Redis database, a folder) outlives the programs, so that a test can look at
what they left, or start others on it. Two omegas whose workers run at the same time want a place each.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import redis
import rq
from psycopg import sql
from rq.cron import CronScheduler

from omega_project.lib import embedded
from omega_project.lib.embedded.errors import tail
from tools import demo, probes, programs
from tools.supervisor import Child, end_all

READY_SECONDS = 60.0
# The tests' own process uses Redis' database 0; each place has one of the others, since workers take any job in theirs.
_redis_databases: set[int] = set()
# Whose workers and scheduler live on a database or a Redis.
_owners: dict[str, "Omega"] = {}
_migrated_places: dict[Path, "Place"] = {}


@dataclass(frozen=True)
class Place:
    """Where programs keep what they know."""

    home: Path
    database_url: str
    redis_url: str


@contextlib.contextmanager
def lasting_place(services_home: Path) -> Iterator[Place]:
    """A place of its own in the services of `services_home`, migrated; removed at the end.

    Two running omegas never share one: the workers of each would send by the other's carrier.
    """
    place = _empty_place(services_home)
    try:
        with psycopg.connect(embedded.database_url(services_home), autocommit=True) as line:
            names = sql.Identifier(place.home.name), sql.Identifier(_migrated(services_home))
            line.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        yield place
    finally:
        _remove(place, services_home)


def forget_migrated() -> None:
    """Drop the databases that the places of this session were copied from."""
    while _migrated_places:
        services_home, place = _migrated_places.popitem()
        _remove(place, services_home)


def _migrated(services_home: Path) -> str:
    """The name of a database that is migrated and that nobody is connected to: migrating takes long, copying not."""
    if services_home not in _migrated_places:
        place = _empty_place(services_home)
        embedded.database_url(services_home, place.home.name)
        _migrated_places[services_home] = place
        Omega(place).manage("migrate", "--verbosity", "0")
    return _migrated_places[services_home].home.name


def _empty_place(services_home: Path) -> Place:
    """A folder, the URL of a database that is still to be made, and an empty database of Redis."""
    name = f"live_{secrets.token_hex(4)}"
    home = services_home / name
    home.mkdir(parents=True)
    number = min(set(range(1, 16)) - _redis_databases)
    _redis_databases.add(number)
    redis_url = embedded.redis_url(services_home).replace("db=0", f"db={number}")
    redis.from_url(redis_url).flushdb()
    return Place(home, embedded.database_url(services_home).replace("/omega?", f"/{name}?"), redis_url)


def _remove(place: Place, services_home: Path) -> None:
    _redis_databases.discard(redis.from_url(place.redis_url).get_connection_kwargs()["db"])
    with psycopg.connect(embedded.database_url(services_home), autocommit=True) as connection:
        name = sql.Identifier(place.home.name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    shutil.rmtree(place.home, ignore_errors=True)


class Omega:
    """The programs of one omega. Leaving the `with` block ends those that run."""

    def __init__(self, place: Place, **settings: str) -> None:
        self.place = place
        self.port, self.sandbox_port, self.live_port = (probes.free_port() for _ in range(3))
        self.base_url = f"http://127.0.0.1:{self.port}/omega"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.environment = self._environment(settings)
        self.logs = place.home / "logs"
        self.logs.mkdir(exist_ok=True)
        self.children: dict[str, Child] = {}

    def __enter__(self) -> "Omega":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children.values():
            child.send(signal.SIGCONT)
        end_all(list(self.children.values()))
        for url in [url for url, owner in _owners.items() if owner is self]:
            del _owners[url]

    def start_all(self) -> None:
        """Start every program and wait until all of them are ready."""
        self.start(*(program.name for program in self._programs()))

    def start(self, *names: str) -> None:
        """Start programs by name and wait until they are ready.

        The names: `web`, `live`, `worker-1`, `worker-2`, `scheduler`, `sandbox`.
        """
        for program in self._programs():
            if program.name in names:
                self._launch(program)
        self.wait_ready(*names)

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a program's first process (not to granian's workers: see `pids`)."""
        self.children[name].send(sign)

    def end(self, name: str, seconds: float = 10.0) -> None:
        """Ask a program to stop, and end it by force after `seconds`."""
        child = self.children.pop(name)
        child.ask_to_stop()
        child.end(time.monotonic() + seconds)

    def pids(self, name: str) -> list[int]:
        """A program's process, then its workers."""
        return self.children[name].pids()

    def log(self, name: str) -> str:
        """What a program has written."""
        return self.children[name].log.read_text(errors="replace")

    def manage(self, *words: str) -> str:
        """Run one of Django's commands on this place and return its output; raises when it fails."""
        done = subprocess.run(
            programs.manage(*words),
            cwd=programs.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def seed(self) -> dict[str, Any]:
        """The demo's businesses and keys, as docs/running.md describes demo.json; made when missing."""
        path = self.place.home / "demo.json"
        if not path.exists():
            self.manage("seed_demo", "--json", str(path))
        return json.loads(path.read_text())

    def wait_ready(self, *names: str) -> None:
        """Wait until programs do their work; fails with the end of the log of one that does not."""
        for name in names:
            child = self.children[name]
            wait_for(lambda name=name, child=child: child.has_ended or self._is_ready(name), READY_SECONDS)
            if not self._is_ready(name):
                raise AssertionError(f"{name} is not ready:\n{tail(child.log)}")

    def _is_ready(self, name: str) -> bool:
        match self.children[name].program.kind:
            case "web":
                return probes.answers(self.port, "/omega/health")
            case "live":
                return probes.answers(self.live_port, "/health")
            case "sandbox":
                return probes.answers(self.sandbox_port, "/ledger")
            case "worker":
                return self.children[name].pid in [worker.pid for worker in rq.Worker.all(self._redis)]
            case _:
                return self.children[name].pid in [int(one.pid) for one in CronScheduler.all(self._redis)]

    @property
    def _redis(self) -> redis.Redis:
        return redis.from_url(self.place.redis_url)

    def _programs(self) -> list[programs.Program]:
        web = (programs.web(self.port), programs.live(self.live_port))
        return [programs.sandbox(), *web, *programs.workers(), programs.scheduler()]

    def _launch(self, program: programs.Program) -> None:
        if program.kind in {"worker", "scheduler"}:
            self._own_place()
        child = Child(program, self.logs, self.environment, say=print)
        child.start()
        self.children[program.name] = child

    def _own_place(self) -> None:
        """Workers take whatever lies in their database and Redis: another omega's texts would go to our carrier."""
        for url in (self.environment["DATABASE_URL"], self.environment["REDIS_URL"]):
            owner = _owners.setdefault(url, self)
            assert owner is self, "The workers of another omega run on this place; give this one a place of its own."

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = kept | {
            "OMEGA_HOME": str(self.place.home),
            "DATABASE_URL": self.place.database_url,
            "REDIS_URL": self.place.redis_url,
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "LIVE_BASE_URL": f"http://127.0.0.1:{self.live_port}",
            "OMEGA_URL_PREFIX": "omega/",
            "PYTHONUNBUFFERED": "1",
        }
        demo.complete(environment, self.place.home, self.port, self.sandbox_port)
        demo.bypass_proxies(environment)
        return environment | settings


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait until `condition` holds, at most `seconds`; says whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
