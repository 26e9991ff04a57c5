"""The headers of a mail or of one of its parts: read leniently, bounded, each decoded when it is asked for.

Not by the standard library's policy `default`: its parser of structured headers raises on some that are broken (a
RecursionError on many brackets), ends the block at the first line that is none, and takes seconds over quotes.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from email.utils import collapse_rfc2231_value, decode_params
from typing import Any

from messaging.mail.charsets import codec_of, decoded, one_line

MOST_BYTES = 256 * 1024
MOST_VALUE = 32 * 1024
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*(.*)\Z", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?([^?]{0,8000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,60}\?[BbQq]\?)")
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_TYPE = re.compile(r"\A[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,63}\Z")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@]{1,64}@[^\s<>()\[\],;:\\\"@]{1,253}")
# A mailbox list in tokens: a quoted text, a comment, an address in angle brackets, what parts mailboxes, other words.
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?\Z)|\(([^()]*)\)|<([^<>]*)>|([,;:])|([^\s"(<,;:]+|.)', re.DOTALL)
_WINDOWS_PATH = re.compile(r'"(?:[A-Za-z]:\\|\\\\)[^\\]')
_ID = re.compile(r"<([^<>\s]{1,990})>")


class Headers:
    """The header fields of one block, first to last; names in any case."""

    def __init__(self, block: bytes) -> None:
        self._fields = list(_fields(block[:MOST_BYTES]))

    def __contains__(self, name: str) -> bool:
        return any(one == name for one, _ in self._fields)

    def all(self, name: str) -> Iterator[str]:
        """The values of a field as they stand, unfolded; bytes beyond ASCII as UTF-8 or Windows-1252."""
        for one, value in self._fields:
            if one == name:
                yield decoded(value[:MOST_VALUE].replace(b"\r", b"")).strip()

    def raw(self, name: str) -> str:
        """The first value of a field as `all` gives it, or nothing."""
        return next(self.all(name), "")

    def names(self) -> set[str]:
        return {name for name, _ in self._fields}

    def text(self, name: str, most: int = 998) -> str:
        """A field for people: encoded words decoded, one line."""
        return one_line(words_decoded(self.raw(name)), most)

    def addresses(self, name: str, most: int = 200) -> list[tuple[str, str]]:
        """Name and address of each mailbox in a field; what is no address is left out."""
        pairs: list[tuple[str, str]] = []
        for value in self.all(name):
            pairs += _mailboxes(value)
            if len(pairs) >= most:
                break
        return pairs[:most]

    def ids(self, name: str, most: int = 100) -> list[str]:
        """The Message-IDs in a field without their angle brackets, the last `most` of them."""
        value = self.raw(name)
        found = _ID.findall(value) or [one for one in value.split() if "@" in one and len(one) <= 990]
        return [one_line(one, 990) for one in found][-most:]

    @property
    def content_type(self) -> str:
        """The media type in lower case; text/plain where none is given (RFC 2045, 5.2)."""
        kind = self.raw("content-type").split(";", 1)[0].strip().lower()
        return kind if _TYPE.match(kind) else ("application/octet-stream" if "/" in kind else "text/plain")

    @property
    def disposition(self) -> str:
        return self.raw("content-disposition").split(";", 1)[0].strip().lower()[:40]

    @property
    def encoding(self) -> str:
        """The transfer encoding in lower case."""
        return self.raw("content-transfer-encoding").split(";", 1)[0].strip().lower()[:40]

    @property
    def filename(self) -> str:
        """The name that a part gives its file, as it stands there: see names.py before it is used."""
        for field, parameter in (("content-disposition", "filename"), ("content-type", "name")):
            if found := self.parameter(field, parameter):
                return found
        return self.text("content-description", 255) if self.content_type == "message/rfc822" else ""

    def parameter(self, field: str, name: str) -> str:
        """A parameter of a structured field: RFC 2231's pieces joined, and encoded words, which nobody should use."""
        given = [("", "")] + [(key.lower(), _unquoted(value)) for key, value in _PARAMETER.findall(self.raw(field))]
        plain = next((value for key, value in given if key == name), "")
        if any(key.startswith(f"{name}*") for key, _ in given):
            plain = _rfc2231(given, name) or plain
        return words_decoded(plain) if "=?" in plain else plain


def _fields(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and unfolded values; a line that is no header is passed over."""
    name, value = "", list[bytes]()
    for line in block.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            value.append(line)
        elif found := _FIELD.match(line):
            if name:
                yield name, b"".join(value)
            name, value = found[1].decode("ascii").lower(), [found[2]]
    if name:
        yield name, b"".join(value)


def words_decoded(text: str) -> str:
    """`text` with RFC 2047's encoded words decoded; neighbours of one charset together: they may split a letter."""
    if "=?" not in text:
        return text
    joined = _BETWEEN.sub(r"\1", text)
    out: list[str] = []
    waiting, charset, at = b"", "", 0
    for found in _WORD.finditer(joined):
        own = found[1].split("*", 1)[0]
        if found.start() > at or own.lower() != charset.lower():
            out += [decoded(waiting, charset), joined[at : found.start()]]
            waiting = b""
        waiting, charset, at = waiting + _bytes_of(found[2], found[3]), own, found.end()
    return "".join([*out, decoded(waiting, charset), joined[at:]])


def _bytes_of(kind: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if kind in "Qq":
        return quopri.decodestring(raw, header=True)
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        return raw


def _unquoted(value: str) -> str:
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1] if _WINDOWS_PATH.match(text) else _unescaped(text[1:-1])
    return text.strip('"')


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _rfc2231(given: list[tuple[str, str]], name: str) -> str:
    try:
        for key, value in decode_params([(key, value) for key, value in given if key.startswith(name) or not key]):
            if key.lower() == name:
                return _collapsed(value)
    except (ValueError, LookupError, TypeError, IndexError):
        pass
    return ""


def _collapsed(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 3 and value[0]:
        return decoded(_unquoted(str(value[2])).encode("latin-1", "replace"), value[0] if codec_of(value[0]) else "")
    return _unquoted(str(collapse_rfc2231_value(value)))


def _mailboxes(value: str) -> list[tuple[str, str]]:
    """RFC 5322's mailbox list, in one pass. An address in a quoted name is part of the name and no address."""
    found: list[tuple[str, str]] = []
    name: list[str] = []
    address = ""
    for quoted, comment, angled, stop, word in [*_TOKEN.findall(value), ("", "", "", ",", "")]:
        if angled:
            address = angled.strip()
        elif stop:
            if stop in ",;":
                _add_mailbox(found, name, address)
            name, address = [], ""  # behind a colon a group's members begin
        else:
            name += [word or _unescaped(quoted) or (comment if not name else "")]
    return found


def _add_mailbox(found: list[tuple[str, str]], words: list[str], address: str) -> None:
    if not address:  # a bare one: the last word that is one; the others were its name
        address = next((word for word in reversed(words) if _ADDRESS.fullmatch(word)), "")
        words = [word for word in words if word != address]
    if _ADDRESS.fullmatch(address):
        name = words_decoded(" ".join(word for word in words if word))
        found.append((one_line(name, 255), address))
