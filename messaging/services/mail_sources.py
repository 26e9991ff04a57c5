"""A mail's files in the media folder: its source, and what is attached to it. Written in chunks, never held whole.

Names come from us alone. A source is on the disk, not just on its way there, before the row that names it commits.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import structlog
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from conversations.models import Attachment
from messaging.mail.decoding import content_of
from messaging.mail.letter import File as MailFile
from omega_project.lib.clean import storable

log = structlog.get_logger(__name__)
_CHUNK = 256 * 1024


class _Chunks(File):  # type: ignore[type-arg]
    """What a storage writes: chunks as they come; `written` counts them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__(None)
        self._chunks = chunks
        self.written = 0

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.written += len(chunk)
            yield chunk


def keep_source(file: IO[bytes], ending: str = ".eml") -> str:
    """Keep the whole of `file` and give the name that it has now."""
    file.seek(0)
    name, _ = _keep("mail", ending, iter(lambda: file.read(_CHUNK), b""))
    _flush(name)
    return name


def open_source(name: str) -> IO[bytes]:
    """A kept source; FileNotFoundError where somebody has removed it."""
    found: IO[bytes] = default_storage.open(name, "rb")
    return found


def forget(names: Iterable[str]) -> None:
    """Remove files that no row came to name."""
    for name in names:
        try:
            default_storage.delete(name)
        except OSError as error:
            log.warning("mail.file_left", name=name, error=str(error))


@contextmanager
def kept_attachments(source: IO[bytes], files: list[MailFile]) -> Iterator[list[dict[str, Any]]]:
    """Decode the files of a mail into the media folder; they are removed where the block does not end well."""
    rows: list[dict[str, Any]] = []
    try:
        for file in files:
            name, size = _keep("attachments", ".bin", content_of(source, file.part))
            rows.append({"file": name, "size": size, "content_type": file.content_type, "name": storable(file.name)})
        yield rows
    except BaseException:
        forget(row["file"] for row in rows)
        raise


def attach(message_id: int, rows: list[dict[str, Any]]) -> None:
    """Let a message have these files."""
    Attachment.objects.bulk_create([Attachment(message_id=message_id, status="stored", **row) for row in rows])


def _keep(folder: str, ending: str, chunks: Iterable[bytes]) -> tuple[str, int]:
    content = _Chunks(chunks)
    path = f"{folder}/{timezone.now():%Y/%m/%d}/{secrets.token_hex(12)}{ending}"
    return default_storage.save(path, content), content.written


def _flush(name: str) -> None:
    path = Path(default_storage.path(name))
    for one in (path, path.parent):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
