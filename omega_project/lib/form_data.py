"""multipart/form-data read from a file in one pass: small fields in memory, large ones in files of their own.

Django's reader decodes every field as UTF-8, holds fields in memory, and drops files with odd names; here the bytes of
each part are what was sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

MOST_PARTS = 1000
_CHUNK = 128 * 1024


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field, or a file where it has a `filename`: `size` bytes from `start` on in `file`."""

    name: str
    filename: str | None
    content_type: str
    file: IO[bytes]
    start: int
    size: int

    def value(self, most: int = 10 * 1024 * 1024) -> bytes:
        """Its bytes, at most so many of them."""
        self.file.seek(self.start)
        return self.file.read(min(most, self.size))

    def chunks(self) -> Iterator[bytes]:
        """All of its bytes, some at a time."""
        for at in range(0, self.size, _CHUNK):
            self.file.seek(self.start + at)
            yield self.file.read(min(_CHUNK, self.size - at))

    def text(self, most: int = 64 * 1024) -> str:
        """A small field as text."""
        return _text(self.value(most))


@dataclass(frozen=True, slots=True)
class Form:
    """The parts in their order; `is_whole` is False where the form breaks off or is broken behind them."""

    parts: list[FormPart]
    is_whole: bool

    def get(self, *names: str) -> FormPart | None:
        """The first part of one of these names."""
        return next((part for name in names for part in self.parts if part.name == name), None)

    def text(self, name: str, most: int = 64 * 1024) -> str:
        part = self.get(name)
        return part.text(most) if part else ""


def boundary_of(content_type: str) -> str:
    """The boundary of a multipart form's Content-Type; empty where it is none or names none."""
    try:
        kind, options = parse_options_header(content_type[:1000])
    except (ValueError, IndexError):
        return ""
    return str(options.get("boundary", "")) if kind == "multipart/form-data" else ""


def read_form(file: IO[bytes], content_type: str) -> Form:
    """The form in `file`. ValueError with a sentence where it is no form at all."""
    boundary = boundary_of(content_type)
    if not boundary or len(boundary) > 200 or "\n" in boundary:
        raise ValueError("must be multipart/form-data with a boundary")
    # Latin-1 keeps every byte of a name, for `_text` to read.
    parser = PushMultipartParser(boundary, max_segment_count=MOST_PARTS, header_charset="latin1", max_header_size=8192)
    kept = TemporaryFile()  # noqa: SIM115  its parts keep it open
    parts, current, is_whole = list[FormPart](), None, True
    file.seek(0)
    try:
        for event in parser.parse_blocking(file.read, _CHUNK):
            if isinstance(event, MultipartSegment):
                current = (event, kept.tell())
            elif event:
                kept.write(event)
            elif current is not None:
                parts.append(_part(*current, kept))
                current = None
    except MultipartError:
        is_whole = False
    if current is not None and kept.tell() > current[1]:
        parts.append(_part(*current, kept))
    return Form(parts, is_whole)


def _part(segment: MultipartSegment, start: int, kept: IO[bytes]) -> FormPart:
    filename = None if segment.filename is None else _text(segment.filename.encode("latin-1", "replace"))
    name = _text((segment.name or "").encode("latin-1", "replace"))
    return FormPart(name, filename, segment.header("Content-Type", "") or "", kept, start, kept.tell() - start)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
