"""Webhooks that could not be stored: kept on this machine's disk until the database is back.

One file an event, written aside, synced and renamed: it is whole or it is not there. The file's name is its time, so
that the drain goes in order; its first line is the digest of the rest, so that a damaged one is set aside, not used.
"""

import base64
import contextlib
import fcntl
import hashlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import structlog
from django.conf import settings

from omega_project.lib import failpoints

log = structlog.get_logger(__name__)
_numbers = itertools.count()
_MEASURED_SECONDS = 1.0


class Full(Exception):
    """The spool cannot take more: the caller has to call again."""


class _Size:
    """How many bytes lie in the spool, measured once a second at most."""

    at = 0.0
    bytes = 0

    @classmethod
    def now(cls, folder: Path) -> int:
        if time.monotonic() - cls.at > _MEASURED_SECONDS:
            cls.at = time.monotonic()
            cls.bytes = sum(file.stat().st_size for file in folder.glob("*.event"))
        return cls.bytes


def keep(record: dict[str, Any]) -> None:
    """Put a record (JSON, with bytes allowed at the top) on the disk; it is there when this returns. Raises Full."""
    body = orjson.dumps({name: _packed(value) for name, value in record.items()})
    content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    try:
        folder = _folder()
        if _Size.now(folder) + len(content) > settings.SPOOL_MAX_BYTES:
            raise Full("The spool is full.")
        _write(folder, content)
    except OSError as error:
        raise Full(f"The spool cannot be written: {error}") from error
    _Size.bytes += len(content)
    failpoints.hit("spool.after_rename")


def _folder() -> Path:
    folder: Path = settings.SPOOL_DIR
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _write(folder: Path, content: bytes) -> None:
    name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}"
    aside = folder / f"{name}.part"
    try:
        with aside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        failpoints.hit("spool.before_rename")
        aside.rename(folder / f"{name}.event")
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _packed(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) and set(value) == {"base64"} else value


def waiting() -> int:
    """How many events lie in this machine's spool."""
    return usage()["waiting"]


def usage() -> dict[str, int]:
    """What lies in this machine's spool: events that wait, files that were set aside, and bytes."""
    files = list(settings.SPOOL_DIR.iterdir()) if settings.SPOOL_DIR.is_dir() else []
    events = [file for file in files if file.suffix == ".event"]
    return {
        "waiting": len(events),
        "set_aside": sum(file.suffix == ".bad" for file in files),
        "bytes": sum(_size(file) for file in events),
    }


def _size(file: Path) -> int:
    """Its bytes; none where the drain was quicker."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def records(limit: int) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The oldest records with their files, in order, for one process at a time; none for the others."""
    if not settings.SPOOL_DIR.is_dir():
        return
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((settings.SPOOL_DIR / "drain.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for file in sorted(settings.SPOOL_DIR.glob("*.event"))[:limit]:
            record = _read(file)
            if record is not None:
                yield file, record


def _read(file: Path) -> dict[str, Any] | None:
    digest, _, body = file.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        set_aside(file, "it is damaged")
        return None
    return {name: _unpacked(value) for name, value in orjson.loads(body).items()}


def set_aside(file: Path, why: str) -> None:
    """Keep a file that cannot be used, out of the drain's way, for a person to look at."""
    log.error("spool.set_aside", file=file.name, why=why)
    file.rename(file.with_suffix(".bad"))
