"""Embedded PostgreSQL and Valkey: omega runs and is tested without installing a server.

Each `home` (a folder) has at most one of each. A service is started by whoever asks first, lives in a
session of its own, serves every process of that home, and ends with `stop`. Any number of processes
may ask at the same time.
"""

from pathlib import Path

from . import places
from .errors import EmbeddedServiceError
from .postgres import Postgres
from .valkey import Valkey

__all__ = ["EmbeddedServiceError", "database_url", "erase", "pids", "redis_url", "stop"]


def database_url(home: Path, name: str = "omega") -> str:
    """The URL of the database `name` in this home's PostgreSQL, which runs when this returns.

    The connection goes over a Unix socket that only the server's user and root can reach.
    Raises EmbeddedServiceError when the server cannot be started.
    """
    server = Postgres(home.resolve())
    if not server.is_ready():
        with places.locked(server.home):
            if not server.is_ready():
                server.start()
    if not server.has_database(name):
        with places.locked(server.home):
            if not server.is_ready():
                server.start()
            server.create_database(name)
    return server.url(name)


def redis_url(home: Path) -> str:
    """The URL of this home's Valkey, which runs when this returns. What it holds dies with it.

    Raises EmbeddedServiceError when the server cannot be started.
    """
    server = Valkey(home.resolve())
    if not server.is_ready():
        with places.locked(server.home):
            if not server.is_ready():
                server.start()
    return server.url()


def pids(home: Path) -> dict[str, int]:
    """The pids of the services that run: `postgres`, `redis`."""
    home = home.resolve()
    found = {"postgres": Postgres(home).pid(), "redis": Valkey(home).pid()}
    return {name: pid for name, pid in found.items() if pid is not None}


def stop(home: Path) -> None:
    """Stop both services; nothing happens when none runs. Takes 25 seconds at the very most."""
    home = home.resolve()
    if not home.is_dir():
        return
    with places.locked(home):
        Valkey(home).stop()
        Postgres(home).stop()


def erase(home: Path) -> None:
    """Stop both services and remove their data, wherever it lies."""
    stop(home)
    for state in (home.resolve() / "redis", home.resolve() / "postgres"):
        places.remove(state / "socket")
        places.remove(state)
