"""omega as `make run` runs it, in a home of its own: what supervises it in production heals it here."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import redis
import urllib3
from psycopg.rows import dict_row

from omega_project.lib.embedded import processes
from tools import probes, programs

READY_SECONDS = 120.0
STOP_SECONDS = 40.0


class Failed(Exception):
    """The run cannot go on; the message says why in a sentence."""


class System:
    """The programs, by what run.json says of them at this moment."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.port, self.sandbox_port = probes.free_port(), probes.free_port()
        self.pool = urllib3.PoolManager(maxsize=32, retries=False)
        self._process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> "System":
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = kept | {
            "OMEGA_HOME": str(self.home), "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port),
            "DEBUG": "true", "API_RATE_LIMIT": "off", "RECONCILE_SECONDS": "3", "EMAIL_UNKNOWN_GRACE": "40",
        }  # fmt: skip
        with (self.home / "run.log").open("wb") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "tools.run"), cwd=programs.ROOT, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait_for_facts()
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
        self.cont_all()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in processes.in_session(self._process.pid, besides=self._process.pid):
                processes.end(pid, ((signal.SIGKILL, 5.0),))
            self._process.kill()
            self._process.wait()

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

    def cont_all(self) -> None:
        for name in ("worker", "scheduler", "web"):
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
