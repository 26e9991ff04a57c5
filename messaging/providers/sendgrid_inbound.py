"""SendGrid's Inbound Parse in our words: the post of both modes as one MIME file (providers.md, 10).

In raw mode the mail is a field. In the default mode it comes in pieces, out of which it is put together again, byte for
byte where it matters: a text keeps its charset, an attachment its bytes.
"""

import re
import secrets
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import quote

import orjson

from messaging.mail import authentication
from messaging.mail.charsets import one_line
from messaging.mail.names import safe_type
from messaging.providers.arrived_mail import ArrivedMail, NotAMail
from omega_project.lib.form_data import Form, FormPart

RAW = ("email", "rawEmail")
_MOST_RECEIVERS = 20_000
_FACTS = ("sender_ip", "spam_score", "SPF", "dkim")
_BODY_HEADERS = re.compile(
    rb"^(?:content-[a-z-]+|mime-version)[ \t]*:.*(?:\n[ \t].*)*\n?", re.IGNORECASE | re.MULTILINE
)
_REPORT = re.compile(
    rb"^content-type[ \t]*:\s*multipart/report[^\n]*?report-type=\"?([a-z-]{1,40})", re.IGNORECASE | re.MULTILINE
)


def read_post(form: Form) -> ArrivedMail:
    """The mail in an inbound-parse post of either mode. Raises NotAMail where there is none in it."""
    raw = form.get(*RAW)
    if raw is None and not any(form.get(name) for name in ("headers", "text", "html")):
        raise NotAMail("has none of the fields email, headers, text and html")
    envelope = _json(form.text("envelope", 4 * 1024 * 1024))
    given = envelope.get("to")
    receivers = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]
    sender = envelope.get("from")
    return ArrivedMail(
        file=_copied(raw) if raw else _put_together(form),
        envelope_to=receivers[:_MOST_RECEIVERS],
        envelope_from=sender if isinstance(sender, str) else None,
        results=authentication.from_fields(form.text("SPF", 100), form.text("dkim", 4000)),
        facts={name: one_line(form.text(name, 1000), 200) for name in _FACTS if form.get(name)},
        is_whole=form.is_whole,
    )


def _json(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _copied(part: FormPart) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115  the mail that is given back
    for chunk in part.chunks():
        file.write(chunk)
    return file


def _put_together(form: Form) -> IO[bytes]:
    """The mail as MIME again. Its own description of its parts goes, ours takes its place."""
    given = form.get("headers")
    block = given.value(1024 * 1024).replace(b"\r\n", b"\n") if given else _made_headers(form)
    report = _REPORT.search(block)
    kind = b"multipart/report; report-type=" + report[1] if report else b"multipart/mixed"
    writer = _Writer()
    writer.line(_BODY_HEADERS.sub(b"", block).strip(b"\n"))
    writer.line(b"X-Omega-Source: put together from the provider's fields\nMIME-Version: 1.0")
    writer.begin(kind)
    _write_texts(writer, form)
    _write_files(writer, form)
    writer.end()
    return writer.file


def _made_headers(form: Form) -> bytes:
    names = (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Subject", "subject"))
    lines = [f"{header}: {one_line(form.text(name), 2000)}" for header, name in names if form.get(name)]
    return "\n".join(lines).encode()


class _Writer:
    """Parts one behind the other, in containers with boundaries that nothing in them can be."""

    def __init__(self) -> None:
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115
        self._open: list[bytes] = []

    def line(self, text: bytes) -> None:
        self.file.write(text + b"\n")

    def begin(self, kind: bytes) -> None:
        """A container; where it is in another, as a part of that."""
        boundary = b"omega-" + secrets.token_hex(16).encode()
        if self._open:
            self.line(b"--" + self._open[-1])
        self.line(b"Content-Type: " + kind + b'; boundary="' + boundary + b'"\n')
        self._open.append(boundary)

    def part(self, headers: str, content: FormPart) -> None:
        self.line(b"--" + self._open[-1])
        self.line(headers.encode() + b"\n")
        for chunk in content.chunks():
            self.file.write(chunk)
        self.line(b"\r")  # both of CR and LF belong to the boundary: a CR at the end of the content stays its own

    def end(self) -> None:
        self.line(b"--" + self._open.pop() + b"--")


def _write_texts(writer: _Writer, form: Form) -> None:
    charsets = _json(form.text("charsets"))
    found = [(name, part) for name in ("text", "html") if (part := form.get(name)) is not None]
    if len(found) > 1:
        writer.begin(b"multipart/alternative")
    for name, part in found:
        charset = re.sub(r"[^A-Za-z0-9_.:-]", "", str(charsets.get(name) or "utf-8"))[:40]
        kind = "text/html" if name == "html" else "text/plain"
        writer.part(f"Content-Type: {kind}; charset={charset}\nContent-Transfer-Encoding: 8bit", part)
    if len(found) > 1:
        writer.end()


def _write_files(writer: _Writer, form: Form) -> None:
    told = _json(form.text("attachment-info", 1024 * 1024))
    ids = {str(field): str(one) for one, field in _json(form.text("content-ids", 1024 * 1024)).items()}
    for part in form.parts:
        if part.filename is None and not re.fullmatch(r"attachment\d{1,4}", part.name):
            continue
        info = told.get(part.name)
        info = info if isinstance(info, dict) else {}
        name = info.get("filename") or info.get("name") or part.filename or ""
        content_id = one_line(str(info.get("content-id") or ids.get(part.name, "")), 200)
        kind = safe_type(str(info.get("type") or part.content_type).split(";", 1)[0])
        place = "inline" if content_id else "attachment"
        headers = [
            f"Content-Type: {kind}",
            f"Content-Disposition: {place}; filename*=UTF-8''{quote(str(name)[:1000], safe='', errors='replace')}",
            "Content-Transfer-Encoding: binary",
        ]
        headers += [f"Content-ID: <{content_id.strip('<>')}>"] if content_id else []
        writer.part("\n".join(headers), part)
