"""Processes of other programs: whether one lives, which they are, and how to end one surely."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")

Step = tuple[signal.Signals, float]
GENTLE: tuple[Step, ...] = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and only not yet reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _state(pid) not in {"Z", "X"}


def command_line(pid: int) -> list[str]:
    """The arguments of a process; nothing for one that is gone."""
    if not PROC.is_dir():
        words = ["ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="replace").rstrip("\0").split("\0")


def start_time(pid: int) -> str:
    """When a process started, in the system's own words; tells a pid from its next owner."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def is_program(pid: int, program: str, marks: Iterable[str]) -> bool:
    """Whether `pid` runs `program` with one of `marks` in its command line."""
    words = command_line(pid) if alive(pid) else []
    return bool(words) and _is_named(words[0], program) and any(mark in " ".join(words) for mark in marks)


def find(program: str, marks: Iterable[str]) -> list[int]:
    """Every living process that `is_program` says yes to; none on a system without /proc."""
    if not PROC.is_dir():
        return []
    marks = tuple(marks)
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return [pid for pid in pids if is_program(pid, program, marks)]


def in_session(leader: int, besides: int = 0) -> list[int]:
    """Every living process of a session; none on a system without /proc."""
    if not PROC.is_dir():
        return []
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return sorted(pid for pid in pids if pid != besides and _stat(pid)[3:4] == [str(leader)] and alive(pid))


def end(pid: int, steps: Iterable[Step] = GENTLE) -> bool:
    """Send each signal and wait its seconds, until the process is gone; says whether it is."""
    for sign, seconds in steps:
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return True
        if wait_gone(pid, seconds):
            return True
    return not alive(pid)


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait until a process is gone, at most `seconds`; says whether it is."""
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_named(argument: str, program: str) -> bool:
    # PostgreSQL's own children rename themselves to "postgres: <cluster>: checkpointer".
    return argument.startswith(f"{program}:") or Path(argument).name == program


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, which may itself hold spaces and brackets."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
