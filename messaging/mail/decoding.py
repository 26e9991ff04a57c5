"""A part's bytes as they were before they were encoded for transport, in chunks: nothing is held whole."""

import binascii
import re
from collections.abc import Iterator
from typing import IO

from messaging.mail.structure import Part

_CHUNK = 192 * 1024
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")


def content_of(file: IO[bytes], part: Part) -> Iterator[bytes]:
    """The decoded content of a part. What does not fit its encoding is passed over, as mail programs do."""
    raw = _slices(file, part.start, part.end)
    match part.headers.encoding:
        case "base64":
            return _base64(raw)
        case "quoted-printable":
            return _quoted_printable(raw)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _uuencoded(raw)
        case _:
            return raw


def first_bytes(file: IO[bytes], part: Part, most: int) -> tuple[bytes, bool]:
    """At most `most` bytes of a part's content, and whether that is all of it."""
    found, size = list[bytes](), 0
    for chunk in content_of(file, part):
        found.append(chunk[: most - size])
        size += len(chunk)
        if size > most:
            return b"".join(found), False
    return b"".join(found), True


def _slices(file: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    while start < end:
        file.seek(start)
        chunk = file.read(min(_CHUNK, end - start))
        if not chunk:
            return
        start += len(chunk)
        yield chunk


def _base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for chunk in chunks:
        text = left + _NO_BASE64.sub(b"", chunk)
        whole = len(text) - len(text) % 4
        left = text[whole:]
        yield _from_base64(text[:whole])
    if left.strip(b"="):
        yield _from_base64(left + b"=" * (-len(left) % 4))


def _from_base64(text: bytes) -> bytes:
    """Several encoded texts one after the other, each with its own padding, are joined."""
    out = []
    for piece in re.findall(rb"[^=]+=*", text):
        bare = piece.rstrip(b"=")
        bare = bare[:-1] if len(bare) % 4 == 1 else bare
        try:
            out.append(binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)))
        except binascii.Error:
            continue
    return b"".join(out)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks that end with a line's end, the last aside."""
    left = b""
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if not cut and len(left) < _CHUNK:
            left += chunk
            continue
        yield left + chunk[:cut] if cut else left
        left = chunk[cut:]
    yield left


def _quoted_printable(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return (binascii.a2b_qp(lines) for lines in _lines(chunks))


def _uuencoded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for lines in _lines(chunks):
        yield b"".join(_uu_line(line) for line in lines.splitlines())


def _uu_line(line: bytes) -> bytes:
    if not line or line.startswith((b"begin ", b"end", b"`")):
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders write a wrong count of padding bytes: as the standard library's email does.
        try:
            return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
        except binascii.Error:
            return b""
