"""Keeps programs running: starts each again when it ends, and surely ends all of them."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from omega_project.lib import embedded
from omega_project.lib.embedded import processes
from omega_project.lib.embedded.errors import tail

from .programs import ROOT, Program

LOG_LIMIT = 10 * 1024 * 1024
STOP_SECONDS = 10.0
STEADY_SECONDS = 10.0
SHORTEST_PAUSE = 0.1
# No longer: what a program lacked may be back, and its messages are to move within seconds.
LONGEST_PAUSE = 4.0

Say = Callable[[str], None]


class Child:
    """A program that is to run: its process, its log, and when to start it again."""

    def __init__(self, program: Program, logs: Path, environment: Mapping[str, str], say: Say) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self._environment = environment
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._due = 0.0
        self._crashes = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def has_ended(self) -> bool:
        """Whether it was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    def pids(self) -> list[int]:
        """The program's process, then its own children, when it has some that work."""
        if self.pid is None:
            return []
        return [self.pid, *(processes.in_session(self.pid, besides=self.pid) if self.program.forks else ())]

    def tend(self) -> None:
        """Start the program when it does not run and its pause is over."""
        if self._process is not None and self.has_ended:
            self._bury(self._process)
        if self._process is None and time.monotonic() >= self._due:
            self.start()

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.rename(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            # A session of its own: a Ctrl-C in the terminal is ours, and its children are found by it.
            self._process = subprocess.Popen(
                self.program.words,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def send(self, sign: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sign)

    def ask_to_stop(self) -> None:
        self.send(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Wait until `deadline` (of time.monotonic), then end it and all its children by force."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{self.program.name} does not stop; it is ended by force.")
            self._process.kill()
        kill_session(self._process.pid)
        self._process.wait()
        self._process = None

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        kill_session(process.pid)
        self._process = None
        self._due = time.monotonic() + self._pause(process.returncode)
        self._say(f"{self.program.name} {_how_it_ended(process.returncode)}; it is started again.")
        if self._crashes >= 3:
            self._say(f"It ends again and again. The end of {self.log}:\n{tail(self.log)}")

    def _pause(self, status: int) -> float:
        # Whoever kills a process wants to see it come back; one that ends by itself soon and again may do so for ever.
        if status == -signal.SIGKILL or time.monotonic() - self._started > STEADY_SECONDS:
            self._crashes = 0
            return SHORTEST_PAUSE
        self._crashes += 1
        return min(SHORTEST_PAUSE if self._crashes == 1 else 0.25 * 2.0 ** (self._crashes - 1), LONGEST_PAUSE)


class Services(threading.Thread):
    """Watches the embedded services and starts again what ended; apart, since that may take its time."""

    def __init__(self, starts: Mapping[str, Callable[[], str]], home: Path, say: Say) -> None:
        super().__init__(name="services", daemon=True)
        self._starts = starts
        self._home = home
        self._say = say
        self._ending = threading.Event()
        self.pids: dict[str, int] = {}

    def tend(self) -> None:
        """Start what does not run."""
        self.pids = embedded.pids(self._home)
        for name, start in self._starts.items():
            if name not in self.pids:
                self._say(f"{name} ended; it is started again.")
                start()
        self.pids = embedded.pids(self._home)

    def run(self) -> None:
        pause = 0.3
        while not self._ending.wait(pause):
            try:
                self.tend()
                pause = 0.3
            except embedded.EmbeddedServiceError as error:
                self._say(str(error))
                pause = min(pause * 2, LONGEST_PAUSE)

    def end(self) -> None:
        """Stop watching, so that what is stopped now stays so."""
        self._ending.set()
        if self.is_alive():
            self.join(60.0)


def end_all(children: list[Child]) -> None:
    """End all programs within `STOP_SECONDS` and a moment."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.end(deadline)


def kill_session(leader: int) -> None:
    """End by force whatever is left of a session whose leader is gone or about to be."""
    for pid in processes.in_session(leader, besides=leader):
        processes.end(pid, ((signal.SIGKILL, 5.0),))


def _how_it_ended(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
