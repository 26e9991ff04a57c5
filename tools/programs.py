"""The programs that omega consists of: their command lines, once, for `make run` and for tests."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB_WORKERS = 2

# RQ takes the queues in order: the first worker is there for what somebody waits for, the second for
# slow talk with other systems, and each does the other's work when it has none of its own.
WORKER_QUEUES = (("high", "default", "bulk", "io"), ("io", "high", "default", "bulk"))


@dataclass(frozen=True)
class Program:
    """A program: its own name, its name in run.json (which several may share), its command line."""

    name: str
    kind: str
    words: tuple[str, ...]
    forks: bool = False


def manage(*words: str) -> tuple[str, ...]:
    """The command line of one of Django's commands."""
    return (sys.executable, "manage.py", *words)


def web(port: int, workers: int = WEB_WORKERS) -> Program:
    """The web server on a port of the loopback interface.

    One thread a worker: more only lengthen the tail (docs/performance). A worker that dies is replaced
    by granian. A connection counts against the back-pressure as long as it is kept alive, so that it
    is not a limit on requests but on clients.
    """
    options = {
        "interface": "wsgi",
        "host": "127.0.0.1",
        "port": port,
        "http": 1,
        "workers": workers,
        "blocking-threads": 1,
        "backlog": 2048,
        "backpressure": 1024,
        "workers-kill-timeout": 8,
        "log-level": "warning",
    }
    words = [sys.executable, "-m", "granian", "omega_project.wsgi:application", "--no-ws"]
    words += ["--respawn-failed-workers", "--no-access-log"]
    words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return Program("web", "web", tuple(words), forks=True)


def live(port: int) -> Program:
    """The process that tells the inbox's open windows what happens: one, since each window costs it little."""
    options = {"interface": "asginl", "host": "127.0.0.1", "port": port, "http": 1, "workers": 1, "backlog": 2048,
               "backpressure": 4096, "workers-kill-timeout": 1, "log-level": "warning"}  # fmt: skip
    words = [sys.executable, "-m", "granian", "omega_project.asgi:application", "--no-ws"]
    words += ["--respawn-failed-workers", "--no-access-log"]
    words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return Program("live", "live", tuple(words), forks=True)


def workers() -> list[Program]:
    """The background workers, one for each order of the queues."""
    worker_class = ("--worker-class", "omega_project.lib.jobs.OmegaWorker")
    return [
        Program(f"worker-{number}", "worker", manage("rqworker", *queues, *worker_class, "--verbosity", "0"))
        for number, queues in enumerate(WORKER_QUEUES, start=1)
    ]


def scheduler() -> Program:
    """The clock that wakes the sweeps."""
    return Program("scheduler", "scheduler", manage("run_scheduler"))


def sandbox() -> Program:
    """The carrier simulator; its port is the environment's SANDBOX_PORT."""
    return Program("sandbox", "sandbox", (sys.executable, "-m", "sandbox"))
