"""omega as `make run` runs it, in a home of its own: what supervises it in production heals it here."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import redis
import urllib3
from psycopg.rows import dict_row

from chaos.disk import Disk
from omega_project.lib.embedded import processes
from tools import demo, probes, programs
from tools.supervisor import kill_session

READY_SECONDS = 120.0
STOP_SECONDS = 40.0


class Failed(Exception):
    """The run cannot go on; the message says why in a sentence."""


class LeftOut(Exception):
    """A fault that this machine cannot have; the message says why."""


# How a program's last line begins that ends because the fault of another lane met it.
_AWAY = ("redis.exceptions.", "OperationalError", "AdminShutdown", "InterfaceError")


class Extra:
    """A program beside those of `make run`, ended by whoever started it."""

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                words, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def complaint(self) -> str:
        """What it ended of by itself; empty where it was killed, or found database or Redis away at its start."""
        if not self.has_ended or self._process.returncode == -signal.SIGKILL:
            return ""
        last = (self.log.read_text(errors="replace").strip().splitlines() or ["without a word"])[-1]
        return "" if any(word in last for word in _AWAY) else f"{last[:200]}; see {self.log}"

    def end(self, sign: signal.Signals) -> None:
        """Ask it, or force it; whatever is left after a moment is killed."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(sign)
        try:
            self._process.wait(15.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        kill_session(self._process.pid)
        self._process.wait()


class System:
    """The programs, by what run.json says of them at this moment."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.disk = Disk(self.home)
        self._numbers = itertools.count(1)
        self.port, self.sandbox_port = probes.free_port(), probes.free_port()
        self.pool = urllib3.PoolManager(maxsize=32, retries=False)
        self._process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> "System":
        self.disk.unmount()
        shutil.rmtree(self.home, ignore_errors=True)
        for folder in (self.home, self.points):
            folder.mkdir(parents=True)
        self.disk.mount()
        environment = self._given()
        with (self.home / "run.log").open("wb") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "tools.run"), cwd=programs.ROOT, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait_for_facts()
            self._remember_commits()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all of it, as Ctrl-C does; by force where that takes too long."""
        if self._process is None:
            return
        self.disarm()
        self.disk.free()
        self.cont_all()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in processes.in_session(self._process.pid, besides=self._process.pid):
                processes.end(pid, ((signal.SIGKILL, 5.0),))
            self._process.kill()
            self._process.wait()
        self.disk.unmount()

    @property
    def points(self) -> Path:
        """Where a named point is armed for whichever process comes by it first (lib/failpoints.py)."""
        return self.home / "points"

    def arm(self, point: str, action: str) -> None:
        part = self.points / f".{point}"
        part.write_text(action)
        part.rename(self.points / point)

    def is_armed(self, point: str) -> bool:
        """Whether nobody came by it so far."""
        return (self.points / point).exists()

    def disarm(self, point: str = "*") -> None:
        for file in self.points.glob(point):
            file.unlink(missing_ok=True)

    def _given(self) -> dict[str, str]:
        """The environment that `make run` gets; it makes the rest of it."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "OMEGA_HOME": str(self.home), "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port),
            "DEBUG": "true", "API_RATE_LIMIT": "off", "RECONCILE_SECONDS": "3", "EMAIL_UNKNOWN_GRACE": "40",
            "FAILPOINTS": f"@{self.points}",
        }  # fmt: skip

    def extra(
        self, words: Sequence[str], more: Mapping[str, str] | None = None, *, folder: Path = programs.ROOT
    ) -> Extra:
        """Start a program beside the others, with their environment and `more`, in a folder of code."""
        environment = self._given()
        demo.complete(environment, self.home, self.port, self.sandbox_port)
        demo.bypass_proxies(environment)
        environment |= {"DATABASE_URL": self.facts["database_url"], "REDIS_URL": self.facts["redis_url"]}
        environment |= {"DJANGO_SETTINGS_MODULE": "omega_project.settings", "PYTHONUNBUFFERED": "1"}
        log = self.home / "logs" / f"extra-{next(self._numbers)}.log"
        return Extra(words, folder, environment | dict(more or {}), log)

    def _remember_commits(self) -> None:
        """Let PostgreSQL keep the time of each commit: whether a STOP came before a claim is decided by that."""
        superuser = self.facts["database_url"].replace("://omega@", "://postgres@", 1)
        with psycopg.connect(superuser, autocommit=True, connect_timeout=10) as line:
            line.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        for pid in self.pids("postgres"):
            self.signal(pid, signal.SIGINT)
        ends = time.monotonic() + READY_SECONDS
        while not self._keeps_commits():
            if time.monotonic() > ends:
                raise Failed("PostgreSQL did not come back after its settings were changed.")
            time.sleep(0.2)

    def _keeps_commits(self) -> bool:
        try:
            return bool(self.rows("SHOW track_commit_timestamp")[0]["track_commit_timestamp"] == "on")
        except psycopg.Error:
            return False

    def _wait_for_facts(self) -> None:
        ends = time.monotonic() + READY_SECONDS
        while not self.refresh():
            if time.monotonic() > ends or (self._process is not None and self._process.poll() is not None):
                raise Failed(f"omega did not start; see {self.home / 'run.log'}.")
            time.sleep(0.2)

    def refresh(self) -> bool:
        """Read run.json anew; False where it is not there."""
        try:
            self.facts = json.loads((self.home / "run.json").read_text())
        except (OSError, json.JSONDecodeError):
            return False
        return True

    @property
    def url(self) -> str:
        return str(self.facts["base_url"])

    @property
    def key(self) -> str:
        return str(self.facts["platform_api_key"])

    def pids(self, name: str) -> list[int]:
        """The processes of a program, as they are now."""
        self.refresh()
        found = self.facts["pids"].get(name) or []
        return found if isinstance(found, list) else [found]

    def signal(self, pid: int, sign: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)

    def stop_process(self, pid: int) -> None:
        """Stop a process of PostgreSQL's, and of nobody else's."""
        if any("postgres" in word for word in processes.command_line(pid)):
            self.signal(pid, signal.SIGSTOP)

    def cont_all(self) -> None:
        for name in ("worker", "scheduler", "web", "redis"):
            for pid in self.pids(name) if self.facts else []:
                self.signal(pid, signal.SIGCONT)

    def carrier(self, method: str, path: str, body: Any = None, seconds: float = 30.0) -> Any:
        """A control call of the sandbox."""
        sent = json.dumps(body).encode() if body is not None else None
        answer = self.pool.request(
            method, self.facts["sandbox_url"] + path, body=sent, timeout=seconds,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        if answer.status >= 400:
            raise Failed(f"{method} {path} at the sandbox: {answer.status} {answer.data[:200]!r}")
        return json.loads(answer.data) if answer.data else None

    def rows(self, statement: str, params: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """What the database says."""
        url = self.facts["database_url"]
        with psycopg.connect(url, row_factory=dict_row, autocommit=True, connect_timeout=5) as line:
            cursor = line.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def redis(self) -> "redis.Redis":
        return redis.from_url(self.facts["redis_url"], socket_timeout=5)

    def manage(self, *words: str) -> str:
        """One of Django's commands; its output, whatever its status."""
        environment = {"PATH": os.environ["PATH"], "OMEGA_HOME": str(self.home), "DEBUG": "true"}
        environment |= {"DATABASE_URL": self.facts["database_url"], "REDIS_URL": self.facts["redis_url"]}
        done = subprocess.run(
            programs.manage(*words), cwd=programs.ROOT, env=environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        return done.stdout or done.stderr
