"""omega as it is run, on free ports and in a home of its own: started for the benchmarks, and surely ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.shots import Shot
from omega_project.lib import embedded
from omega_project.lib.embedded.errors import tail
from tools import demo, probes, programs
from tools.supervisor import Child, end_all, kill_session

READY_SECONDS = 60.0
DATABASE = "bench"


class Failed(Exception):
    """A benchmark cannot go on; the message says why in a sentence."""


class System:
    """The services, the programs, and small tools to look at them. Leaving the `with` block ends all of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self.shots = home / "shots"
        for folder in (self.logs, self.shots):
            folder.mkdir(parents=True, exist_ok=True)
        self.port, self.bound_port, self.sandbox_port = (probes.free_port() for _ in range(3))
        self.other_ports: dict[str, int] = {}
        self.children: dict[str, Child] = {}
        self.environment: dict[str, str] = {}

    def __enter__(self) -> "System":
        try:
            self._prepare()
        except BaseException:
            embedded.stop(self.home)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the end takes bounded time; a second Ctrl-C must not cut it short
        end_all(list(self.children.values()))
        embedded.stop(self.home)

    def _prepare(self) -> None:
        """An empty database, and settings as in production but for the sandbox's address."""
        with psycopg.connect(embedded.database_url(self.home), autocommit=True) as line:
            line.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self.environment = self._environment()
        self.manage("migrate", "--verbosity", "0")

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = kept | {
            "DEBUG": "false",
            "LOG_FORMAT": "json",
            "ALLOWED_HOSTS": "127.0.0.1",
            "API_RATE_LIMIT": "off",
            "ADMIN_REQUIRE_TWO_FACTOR": "false",
            "OMEGA_HOME": str(self.home),
            "OMEGA_URL_PREFIX": "omega/",
            "DATABASE_URL": embedded.database_url(self.home, DATABASE),
            "REDIS_URL": embedded.redis_url(self.home),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "DJANGO_SETTINGS_MODULE": "omega_project.settings",
            "BENCH_RECORDED": str(self.shots),
        }
        demo.complete(environment, self.home, self.port, self.sandbox_port)
        demo.bypass_proxies(environment)
        return environment

    def manage(self, *words: str, **settings: str) -> str:
        """Run one of Django's commands; its output."""
        return self.run(programs.manage(*words), **settings)

    def python(self, *words: str) -> Any:
        """Run one of the benchmarks' own programs; the JSON that it prints, None where it prints nothing."""
        output = self.run((sys.executable, "-m", *words))
        return json.loads(output) if output.strip() else None

    def run(self, words: tuple[str, ...], *, seconds: float = 1200.0, **settings: str) -> str:
        """Run a program to its end, which it also meets when we end before it."""
        process = subprocess.Popen(
            words,
            cwd=programs.ROOT,
            env=self.environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(words[1:4])} took longer than {seconds:.0f} seconds.") from None
        finally:
            process.kill()
            kill_session(process.pid)
            process.wait()
        if process.returncode:
            raise Failed(f"{' '.join(words[1:4])} failed:\n{(out + err)[-2000:]}")
        return out

    def start(self, program: programs.Program, ready: Callable[[], bool], **settings: str) -> Child:
        """Start a program and wait until it does its work."""
        child = Child(program, self.logs, self.environment | settings, say=print)
        child.start()
        self.children[program.name] = child
        ends = time.monotonic() + READY_SECONDS
        while not ready():
            if child.has_ended or time.monotonic() > ends:
                raise Failed(f"{program.name} does not start:\n{tail(child.log)}")
            time.sleep(0.05)
        return child

    def start_web(self) -> Child:
        return self.start(programs.web(self.port), lambda: probes.answers(self.port, "/omega/health"))

    def start_bound(self) -> Child:
        """The bounds' views, by the same server with the same options."""
        web = programs.web(self.bound_port)
        program = programs.Program("bound", "web", web.words, forks=True)
        return self.start(
            program,
            lambda: probes.answers(self.bound_port, "/empty"),
            DJANGO_SETTINGS_MODULE="bench.bound.settings",
        )

    def start_sandbox(self) -> Child:
        return self.start(programs.sandbox(), lambda: probes.answers(self.sandbox_port, "/ledger?limit=0"))

    def end(self, name: str) -> None:
        """End a program that was started."""
        end_all([self.children.pop(name)])

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """A control call to the carrier."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.sandbox_port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30.0) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def ask(self, shot: Shot) -> Any:
        """One answer of omega's, as JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{shot.path}", headers=dict(shot.headers))
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30.0) as answer:
            return json.loads(answer.read())

    def rows(self, statement: str, params: Any = ()) -> list[dict[str, Any]]:
        """Ask the database, or change it."""
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True, row_factory=dict_row) as line:
            cursor = line.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def port_of(self, name: str) -> int:
        """Where a program listens."""
        ports = {"web": self.port, "bound": self.bound_port, "sandbox": self.sandbox_port} | self.other_ports
        return ports[name]

    def processor_seconds(self, name: str) -> tuple[float, float]:
        """What a program's processes have used of the processors so far, and what the database's have."""
        server = embedded.pids(self.home)["postgres"]
        database = [server, *children_of(server)]
        return (sum(map(used_by, self.children[name].pids())), sum(map(used_by, database)))

    def peak_memory(self, name: str) -> list[float]:
        """The most that each process of a program ever held, in MB."""
        return [peak for pid in self.children[name].pids() if (peak := peak_of(pid)) is not None]


def peak_of(pid: int) -> float | None:
    """VmHWM of a process in MB; None where it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def used_by(pid: int) -> float:
    """The processor's time that a process has used, in seconds; none where it is gone."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def listen_to_signals() -> None:
    """Let a request to stop run through every `finally`, as Ctrl-C does."""

    def stop(*_signal: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
