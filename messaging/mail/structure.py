"""The parts of a mail, found in one pass over its file: where each begins and ends, never what is in it.

A mail of thirty megabytes costs a window of it here. The standard library's parser keeps every line as an object of
its own: several times the mail.
"""

import os
import re
from dataclasses import dataclass, field
from typing import IO

from messaging.mail.headers import MOST_BYTES, Headers

MOST_PARTS = 250
MOST_DEPTH = 25
_MOST_BLOCKS = 1000
_MOST_BOUNDARY = 200
_WINDOW = 256 * 1024
_OVERLAP = 1024  # more than the longest line that can be a boundary
_FIRST_LOOK = 8 * 1024
_EMPTY_LINE = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf: its bytes are `start` to `end` of the file. `inside` are the containers around it, outermost first."""

    headers: Headers
    start: int
    end: int
    inside: tuple["Container", ...]


@dataclass(frozen=True, eq=False, slots=True)
class Container:
    """A multipart/…"""

    headers: Headers
    boundary: bytes


@dataclass(slots=True)
class Mail:
    """A mail's own headers and its leaves in their order; `is_whole` is False where parts were left out."""

    headers: Headers
    parts: list[Part] = field(default_factory=list)
    is_whole: bool = True


def read_structure(file: IO[bytes]) -> Mail:
    """The parts of the mail in `file`. Never raises for what is in it: a mail that is none is one part of text."""
    return _Walk(file).mail


def read_headers(file: IO[bytes]) -> Headers:
    """The mail's own headers alone."""
    return _Walk(file, only_headers=True).mail.headers


@dataclass(frozen=True, slots=True)
class _Boundary:
    """A line that parts: of the container at `place`, which it `closes` or not. What was before ends at `end`."""

    end: int
    line: int
    next: int
    place: int
    closes: bool


class _Walk:
    def __init__(self, file: IO[bytes], *, only_headers: bool = False) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._blocks = 0
        headers, body = self._read_headers(0, ())
        body = body if headers.names() else 0  # a text without any header is a text all the same
        self.mail = Mail(headers)
        if not only_headers:
            self._read_body(body, headers, ())

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)

    def _read_headers(self, at: int, around: tuple[Container, ...]) -> tuple[Headers, int]:
        """The block up to its empty line, or to a boundary where that is missing; and where the body begins."""
        self._blocks += 1
        block, body = self._block(at)
        if around and (found := self._find(at, around, body)) is not None:
            block, body = block[: max(0, found.line - at)], found.line
        return Headers(block), body

    def _block(self, at: int) -> tuple[bytes, int]:
        for size in (_FIRST_LOOK, MOST_BYTES):
            chunk = self._read(at, size)
            begins_empty = re.match(rb"\r?\n", chunk)
            found = begins_empty or _EMPTY_LINE.search(chunk)
            if found:
                return chunk[: found.start()], at + found.end()
            if at + len(chunk) >= self._size:
                return chunk, self._size
        return chunk, self._behind_block(at + len(chunk) - 3)

    def _behind_block(self, at: int) -> int:
        """Where the body begins behind more headers than are read."""
        while at < self._size:
            chunk = self._read(at, _WINDOW)
            if found := _EMPTY_LINE.search(chunk):
                return at + found.end()
            at += max(1, len(chunk) - 3) if len(chunk) == _WINDOW else len(chunk)
        return self._size

    def _find(self, at: int, around: tuple[Container, ...], until: int | None = None) -> _Boundary | None:
        """The first boundary line of one of the containers, from `at` on, where a line begins; before `until`."""
        end = self._size if until is None else until
        pattern = _pattern(around)
        window, base = b"\n" + self._read(at, min(_WINDOW, end - at)), at - 1
        while True:
            is_last = base + len(window) >= end
            if found := pattern.search(window + b"\n" if is_last else window):
                return _boundary(found, base, at, around)
            if is_last:
                return None
            base += len(window) - _OVERLAP
            window = self._read(base, min(_WINDOW + _OVERLAP, end - base))

    def _read_body(self, at: int, headers: Headers, around: tuple[Container, ...]) -> _Boundary | None:
        """What follows a block of headers; the boundary that ended it, None at the end of the file."""
        boundary = headers.parameter("content-type", "boundary").encode("utf-8", "replace").rstrip()
        is_container = headers.content_type.startswith("multipart/") and 0 < len(boundary) <= _MOST_BOUNDARY
        if is_container and len(around) < MOST_DEPTH:
            inner = (*around, Container(headers, boundary))
            found = self._find(at, inner)
            if found is not None and found.place == len(around):
                return self._read_parts(found, inner)
        else:
            found = self._find(at, around) if around else None
        # A leaf, or a container without a part, whose text is what is there.
        self._add(Part(headers, at, max(at, found.end) if found else self._size, around))
        return found

    def _read_parts(self, found: _Boundary | None, around: tuple[Container, ...]) -> _Boundary | None:
        own = len(around) - 1
        while found is not None and found.place == own and not found.closes:
            if self._blocks >= _MOST_BLOCKS:
                self.mail.is_whole = False
                return None
            headers, body = self._read_headers(found.next, around)
            found = self._read_body(body, headers, around)
        if found is None or found.place != own:
            return found
        # What stands behind the closing boundary is nobody's.
        return self._find(found.next, around[:-1]) if own else None

    def _add(self, part: Part) -> None:
        if len(self.mail.parts) < MOST_PARTS:
            self.mail.parts.append(part)
        else:
            self.mail.is_whole = False


def _pattern(around: tuple[Container, ...]) -> re.Pattern[bytes]:
    """Innermost first: an inner boundary may begin with an outer one's text."""
    names = b"|".join(b"(" + re.escape(one.boundary) + b")" for one in around)
    return re.compile(rb"\n--(?:" + names + rb")(--)?[ \t]{0,100}\r?\n")


def _boundary(found: re.Match[bytes], base: int, at: int, around: tuple[Container, ...]) -> _Boundary:
    line = base + found.start() + 1
    end = line - 1
    if found.start() > 0 and found.string[found.start() - 1 : found.start()] == b"\r":
        end -= 1
    place = max(number for number in range(len(around)) if found[number + 1] is not None)
    return _Boundary(max(at, end), line, base + found.end(), place, found[len(around) + 1] is not None)
