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
# A record whose use ended its process so often is set aside.
_MOST_DEATHS = 3
_PART_SECONDS = 3600.0


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
            cls.bytes = sum(_size(file) for file in folder.glob("*.event"))
        return cls.bytes


def keep(record: dict[str, Any], beside: int = 0) -> None:
    """Put a record (JSON, with bytes allowed at the top) on the disk; it is there when this returns. Raises Full.

    `beside` are the bytes that lie elsewhere on the disk because of it: they count too.
    """
    body = orjson.dumps({name: _packed(value) for name, value in record.items()})
    content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    try:
        folder = _folder()
        if _Size.now(folder) + len(content) + beside > settings.SPOOL_MAX_BYTES:
            raise Full("The spool is full.")
        _write(folder, content, beside)
    except OSError as error:
        raise Full(f"The spool cannot be written: {error}") from error
    _Size.bytes += len(content) + beside
    failpoints.hit("spool.after_rename")


def _folder() -> Path:
    folder: Path = settings.SPOOL_DIR
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _write(folder: Path, content: bytes, beside: int) -> None:
    name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers):09d}-{beside}"
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
    """Its bytes and those beside it; none where the drain was quicker."""
    try:
        return file.stat().st_size + int(file.name.split(".")[0].split("-")[-1])
    except (FileNotFoundError, ValueError):
        return 0


def records(limit: int) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The oldest records with their files, in order, for one process at a time; none for the others.

    A file is renamed before its record is given: one that ended its process three times is set aside instead.
    """
    if not any_waiting():
        return
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((settings.SPOOL_DIR / "drain.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        _forget_parts()
        for file in sorted(settings.SPOOL_DIR.glob("*.event"))[:limit]:
            record = _read(file)
            begun = _begun(file) if record is not None else None
            if record is not None and begun is not None:
                yield begun, record


def any_waiting() -> bool:
    """Whether there is anything to bring in; costs a look at the folder."""
    return settings.SPOOL_DIR.is_dir() and next(settings.SPOOL_DIR.glob("*.event"), None) is not None


def _forget_parts() -> None:
    """What a process that died was writing was never answered: its caller calls again."""
    for file in settings.SPOOL_DIR.glob("*.part"):
        if time.time() - file.stat().st_mtime > _PART_SECONDS:
            file.unlink(missing_ok=True)


def _begun(file: Path) -> Path | None:
    """The file under a name that counts this try; None where it has had its tries."""
    name, *tried = file.name.removesuffix(".event").split(".")
    count = int(tried[0]) + 1 if tried else 1
    if count > _MOST_DEATHS:
        set_aside(file, f"it ended its process {_MOST_DEATHS} times")
        return None
    return file.rename(file.with_name(f"{name}.{count}.event"))


def not_begun(file: Path) -> None:
    """The try was none: the database is away, or busy. It is as it was before."""
    file.rename(file.with_name(f"{file.name.split('.')[0]}.event"))


def _read(file: Path) -> dict[str, Any] | None:
    digest, _, body = file.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        set_aside(file, "it is damaged")
        return None
    return {name: _unpacked(value) for name, value in orjson.loads(body).items()}


def set_aside(file: Path, why: str) -> None:
    """Keep a file that cannot be used, out of the drain's way, for a person to look at."""
    log.error("spool.set_aside", file=file.name, why=why)
    file.rename(file.with_name(file.name.split(".")[0] + ".bad"))
