"""`make run`: starts all of omega with its services and a carrier, and keeps it running until Ctrl-C."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from omega_project.lib import embedded
from omega_project.lib.embedded import processes
from omega_project.lib.embedded.errors import tail

from . import demo, files, greeting, probes, programs
from .supervisor import Child, Services, end_all, kill_session

READY_SECONDS = 60.0
TICK_SECONDS = 0.1
LOOK_SECONDS = 1.0


class Stopped(Exception):
    """Somebody asked us to stop."""


class StopRequest:
    """Whether somebody asked us to stop: Ctrl-C, SIGTERM, or the terminal's end."""

    def __init__(self) -> None:
        self.made = False

    def listen(self) -> None:
        """Take note from now on, instead of ending at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.make)

    def make(self, *_signal: object) -> None:
        self.made = True


class Refused(Exception):
    """omega cannot be started; the message says why in a sentence."""


class Run:
    """One run of omega, from its start to its end."""

    def __init__(self, home: Path, environment: dict[str, str], stop: StopRequest) -> None:
        self.home = home
        self.stop = stop
        self.environment = environment
        self.port = _port(environment, "PORT", 8000)
        self.sandbox_port = _port(environment, "SANDBOX_PORT", 8001)
        self.live_port = _live_port(environment, self.port, self.sandbox_port)
        self.children: list[Child] = []
        self.services = Services({}, home, say)
        # Asked of the environment as it was given: later it names the sandbox itself.
        self.has_sandbox = demo.wants_sandbox(environment)
        self._written: dict[str, Any] = {}

    def start(self) -> None:
        """Start everything and wait until it answers."""
        self._prepare_environment()
        self._check_ports()
        self._start_services()
        if self.has_sandbox:
            self._add(programs.sandbox())
        self._manage("migrate", "--verbosity", "0")
        self._seed()
        live = programs.live(self.live_port)
        for program in (programs.web(self.port), live, *programs.workers(), programs.scheduler()):
            self._add(program)
        self._wait_until_ready()

    def watch(self) -> None:
        """Keep everything running, and run.json true, until somebody asks us to stop."""
        self.services.start()
        looked = 0.0
        while not self.stop.made:
            if self._tend() or time.monotonic() - looked > LOOK_SECONDS:
                self.write_run_file()
                looked = time.monotonic()
            time.sleep(TICK_SECONDS)

    def end(self) -> None:
        """Stop everything, in bounded time."""
        self.services.end()
        end_all(self.children)
        embedded.stop(self.home)
        for name in ("run.json", "children.json"):
            (self.home / name).unlink(missing_ok=True)

    def facts(self) -> dict[str, Any]:
        """What run.json says, and nobody else's: see docs/running.md for the meaning of each key."""
        seeded = files.read_json(self.home / "demo.json") if demo.is_debug(self.environment) else {}
        prefix = self.environment.get("OMEGA_URL_PREFIX", "omega/").strip("/")
        origin = f"http://127.0.0.1:{self.port}"
        base_url = origin + (f"/{prefix}" if prefix else "")
        return {
            "base_url": base_url,
            "admin_url": f"{origin}/admin/",
            "admin_username": seeded.get("admin_username"),
            "admin_password": seeded.get("admin_password"),
            "platform_api_key": seeded.get("platform_api_key"),
            "businesses": seeded.get("businesses", []),
            "sandbox_url": f"http://127.0.0.1:{self.sandbox_port}" if self.has_sandbox else None,
            "database_url": self.environment["DATABASE_URL"],
            "redis_url": self.environment["REDIS_URL"],
            "pids": self._pids(),
        }

    def _prepare_environment(self) -> None:
        if demo.is_debug(self.environment):
            demo.complete(self.environment, self.home, self.port, self.sandbox_port)
            self.environment.setdefault("LIVE_BASE_URL", f"http://127.0.0.1:{self.live_port}")
        demo.bypass_proxies(self.environment)
        fixed = {
            "PORT": self.port,
            "LIVE_PORT": self.live_port,
            "SANDBOX_PORT": self.sandbox_port,
            "OMEGA_HOME": self.home,
        }
        self.environment.update({name: str(value) for name, value in fixed.items()})
        self.environment.update(PYTHONUNBUFFERED="1", DJANGO_SETTINGS_MODULE="omega_project.settings")

    def _check_ports(self) -> None:
        wanted = {"PORT": self.port, "LIVE_PORT": self.live_port}
        if self.has_sandbox:
            wanted["SANDBOX_PORT"] = self.sandbox_port
        for name, port in wanted.items():
            if not probes.is_free(port):
                raise Refused(f"Port {port} is in use. Choose another: make run {name}={port + 10}")

    def _start_services(self) -> None:
        starts: dict[str, Callable[[], str]] = {}
        if not self.environment.get("DATABASE_URL"):
            starts["postgres"] = lambda: embedded.database_url(self.home)
            self.environment["DATABASE_URL"] = starts["postgres"]()
        if not self.environment.get("REDIS_URL"):
            starts["redis"] = lambda: embedded.redis_url(self.home)
            self.environment["REDIS_URL"] = starts["redis"]()
        self.services = Services(starts, self.home, say)
        self.services.tend()

    def _manage(self, *words: str) -> None:
        """Run one of Django's commands to its end."""
        log = self.home / "logs" / f"{words[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                programs.manage(*words),
                cwd=programs.ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                self._wait(lambda: process.poll() is not None, seconds=600.0)
            finally:
                process.kill()
                process.wait()
        if process.returncode:
            raise Refused(f"manage.py {words[0]} failed. The end of {log}:\n{tail(log)}")

    def _seed(self) -> None:
        path = self.home / "demo.json"
        if demo.is_debug(self.environment) and not path.exists():
            self._manage("seed_demo", "--json", str(path))

    def _add(self, program: programs.Program) -> None:
        child = Child(program, self.home / "logs", self.environment, say)
        child.start()
        self.children.append(child)
        remember(self.home, self.children)

    def _tend(self) -> bool:
        """Start again what ended; says whether any pid changed."""
        before = [child.pid for child in self.children]
        for child in self.children:
            child.tend()
        changed = before != [child.pid for child in self.children]
        if changed:
            remember(self.home, self.children)
        return changed

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds, at most `seconds`; says whether it does."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.stop.made:
                raise Stopped
            if time.monotonic() > deadline:
                return False
            self._tend()
            time.sleep(TICK_SECONDS)
        return True

    def _wait_until_ready(self) -> None:
        prefix = "/" + self.environment.get("OMEGA_URL_PREFIX", "omega/").strip("/")
        health = f"{prefix.rstrip('/')}/health"
        if self.has_sandbox:
            self._expect("sandbox", self.sandbox_port, "/ledger")
        self._expect("web", self.port, health)
        self._expect("live", self.live_port, "/health")
        if not self._wait(lambda: probes.answers(self.port, f"{health}/ready"), READY_SECONDS / 2):
            say(f"omega answers, but not all of it is ready: http://127.0.0.1:{self.port}{health}/ready")

    def _expect(self, name: str, port: int, path: str) -> None:
        if self._wait(lambda: probes.answers(port, path), READY_SECONDS):
            return
        log = self.home / "logs" / f"{name}.log"
        raise Refused(f"{name} does not answer on port {port}. The end of {log}:\n{tail(log)}")

    def _pids(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: [] for name in ("web", "live", "worker", "scheduler", "sandbox", "postgres", "redis")
        }
        for child in self.children:
            found[child.program.kind] += child.pids()
        found |= self.services.pids
        return {name: pids[0] if _is_one(name, pids) else pids for name, pids in found.items()}

    def write_run_file(self) -> None:
        """Bring run.json up to date."""
        facts = self.facts()
        if facts != self._written:
            files.write_json(self.home / "run.json", facts)
            self._written = facts


def say(text: str) -> None:
    """Tell whoever sits at the terminal; when nobody does any more, that is no reason to fail."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of our life


def remember(home: Path, children: list[Child]) -> None:
    """Write down which processes are ours, for a successor that finds us killed."""
    pids = [child.pid for child in children if child.pid is not None]
    files.write_json(home / "children.json", {str(pid): processes.start_time(pid) for pid in pids})


def end_leftovers(home: Path) -> None:
    """End what a predecessor that was killed left running."""
    for key, started in files.read_json(home / "children.json").items():
        pid = int(key)
        if processes.alive(pid) and processes.start_time(pid) != started:
            continue  # the pid is somebody else's by now
        processes.end(pid)
        kill_session(pid)
    for name in ("children.json", "run.json"):
        (home / name).unlink(missing_ok=True)


def only_run(home: Path) -> IO[str]:
    """Hold the home for as long as the returned file is open; refuse when another run holds it."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "logs").mkdir(exist_ok=True)
    handle = (home / "run.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        raise Refused(f"omega runs already in {home} (pid {handle.read().strip()}).") from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def main(arguments: list[str]) -> int:
    """Run omega, or with the argument `stop` end what a killed run left behind."""
    stop = StopRequest()
    stop.listen()
    demo.load_dotenv(os.environ)
    home = Path(os.environ.get("OMEGA_HOME") or programs.ROOT / ".omega").resolve()
    try:
        with only_run(home):
            end_leftovers(home)
            if arguments == ["stop"]:
                embedded.stop(home)
                return 0
            return _run(Run(home, dict(os.environ), stop))
    except (Refused, embedded.EmbeddedServiceError) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


def _run(run: Run) -> int:
    try:
        run.start()
        run.write_run_file()
        say(greeting.text(run.facts()))
        run.watch()
    except Stopped:
        pass
    finally:
        say("Stopping omega.")
        run.end()
    return 0


def _port(environment: dict[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Refused(f"{name} must be a port from 1 to 65535, not {text!r}.")
    return int(text)


def _live_port(environment: dict[str, str], port: int, sandbox_port: int) -> int:
    """The port that is named; else one behind the web's and the sandbox's, or any other that is free."""
    if environment.get("LIVE_PORT"):
        return _port(environment, "LIVE_PORT", 0)
    near = max(port, sandbox_port) + 1
    return near if near < 65536 and probes.is_free(near) else probes.free_port()


def _is_one(name: str, pids: Any) -> bool:
    return isinstance(pids, list) and len(pids) == 1 and name not in {"web", "live", "worker"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
