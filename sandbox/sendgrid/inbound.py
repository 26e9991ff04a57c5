"""The inbound-parse post of a client's letter, parsed or raw, with the boundary that SendGrid uses."""

import base64
import json
import time
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any

from sandbox.sendgrid.letter import Letter
from sandbox.sendgrid.mail import Attachment

BOUNDARY = "xYzZY"
AGENT = "Sendlib/1.0"
SENDER_IP = "209.85.128.42"
RELAY = "mail-wm1-f42.google.com"

Field = tuple[str, bytes]


def parsed_form(letter: Letter, mime: EmailMessage) -> bytes:
    """The post of the default mode, fields and order as in tests/fixtures/inbound_parse.multipart."""
    mime.as_bytes()  # gives a multipart its boundary, which the headers name
    headers = received(letter) + "".join(f"{name}: {value}\n" for name, value in mime.items())
    fields: list[Field] = [("headers", headers.encode()), ("dkim", _dkim(letter))]
    inline = {file.content_id: f"attachment{at}" for at, file in enumerate(letter.files, 1) if file.content_id}
    if inline:
        fields.append(("content-ids", json.dumps(inline).encode()))
    fields += _people(letter)
    fields += [(name, words.encode(letter.charset)) for name, words in _bodies(letter) if words]
    fields += _common(letter)
    fields.append(("attachments", str(len(letter.files)).encode()))
    if letter.files:
        info = {f"attachment{at}": _info(file) for at, file in enumerate(letter.files, 1)}
        fields.append(("attachment-info", json.dumps(info).encode()))
    return multipart(fields, letter.files)


def raw_form(letter: Letter, mime: bytes) -> bytes:
    """The post of the raw mode: the whole mail, as it came off the wire, in the field `email`."""
    fields: list[Field] = [("email", mime), ("dkim", _dkim(letter)), *_people(letter)]
    return multipart([*fields, *_common(letter)], ())


def wire_mail(letter: Letter, mime: EmailMessage) -> bytes:
    """The mail's bytes with the line that SendGrid's own server puts on top."""
    return received(letter).replace("\n", "\r\n").encode() + mime.as_bytes()


def received(letter: Letter) -> str:
    """The trace header of SendGrid's mail exchanger."""
    to = letter.envelope["to"]
    return (
        f"Received: from {RELAY} (mxd [{SENDER_IP}]) by mx.sendgrid.net with ESMTP id na9XiRFCTw2Tap3 "
        f"for <{to[0] if to else ''}>; {formatdate(time.time())}\n"
    )


def _bodies(letter: Letter) -> tuple[tuple[str, str], ...]:
    return (("html", letter.html), ("text", letter.text))


def _people(letter: Letter) -> list[Field]:
    found = [("to", letter.to), ("cc", letter.cc), ("from", letter.sender)]
    return [(name, value.encode()) for name, value in found if value or name != "cc"]


def _dkim(letter: Letter) -> bytes:
    return f"{{@{parseaddr(letter.sender)[1].partition('@')[2]} : pass}}".encode()


def _info(file: Attachment) -> dict[str, str]:
    found = {"filename": file.name, "name": file.name, "type": file.content_type}
    return found | ({"content-id": file.content_id} if file.content_id else {})


def _common(letter: Letter) -> list[Field]:
    charsets = {"to": "UTF-8", "from": "UTF-8", "subject": "UTF-8"}
    charsets |= {name: letter.charset for name, words in _bodies(letter) if words}
    found: dict[str, Any] = {
        "sender_ip": SENDER_IP,
        "envelope": json.dumps(letter.envelope, separators=(",", ":")),
        "subject": letter.subject,
        "spam_report": "Content analysis details: (0.1 points, 5.0 required)",
        "spam_score": "0.1",
        "charsets": json.dumps(charsets),
        "SPF": "pass",
    }
    return [(name, value.encode()) for name, value in found.items()]


def multipart(fields: list[Field], files: tuple[Attachment, ...]) -> bytes:
    """A multipart body as SendGrid writes it: parts without a Content-Type, files with one."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in fields
    ]
    for at, file in enumerate(files, 1):
        name = file.name.replace('"', "'").replace("\r", "").replace("\n", "")
        head = f'Content-Disposition: form-data; name="attachment{at}"; filename="{name}"'
        head += f"\r\nContent-Type: {file.content_type}"
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + (file.data or b"") + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def basic_header(credentials: str) -> dict[str, str]:
    """HTTP basic authentication, as a URL with `user:password@` sends it; nothing without credentials."""
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()} if credentials else {}
