"""A client writes back: the inbound-parse post, parsed or raw, with the boundary that SendGrid uses."""

import base64
import json
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any

BOUNDARY = "xYzZY"
AGENT = "Sendlib/1.0"
SENDER_IP = "209.85.128.42"


@dataclass(frozen=True, slots=True)
class File:
    """One attachment."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What a client wrote. `sender` is the header's form, such as `Bob <bob@example.net>`."""

    sender: str
    to: str
    subject: str
    text: str
    html: str = ""
    in_reply_to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[File, ...] = ()

    @property
    def envelope(self) -> dict[str, Any]:
        """Who really sends to whom; the sender is empty for bounces."""
        return {"to": [parseaddr(self.to)[1]], "from": parseaddr(self.sender)[1]}


def as_mime(letter: Letter) -> EmailMessage:
    """The letter as a mail, with a Message-ID of its own."""
    mime = EmailMessage(policy=SMTP)
    mime["From"], mime["To"], mime["Subject"] = letter.sender, letter.to, letter.subject
    mime["Date"] = formatdate()
    mime["Message-ID"] = make_msgid(domain=parseaddr(letter.sender)[1].partition("@")[2] or "example.net")
    if letter.in_reply_to:
        mime["In-Reply-To"] = mime["References"] = letter.in_reply_to
    for name, value in letter.headers:
        mime[name] = value
    mime.set_content(letter.text)
    if letter.html:
        mime.add_alternative(letter.html, subtype="html")
    for file in letter.files:
        kind, _, subkind = file.content_type.partition("/")
        mime.add_attachment(file.data, maintype=kind, subtype=subkind or "octet-stream", filename=file.name)
    return mime


def parsed_form(letter: Letter, mime: EmailMessage) -> bytes:
    """The post of the default mode, fields and order as in tests/fixtures/inbound_parse.multipart."""
    headers = "".join(f"{name}: {value}\n" for name, value in mime.items())
    domain = parseaddr(letter.sender)[1].partition("@")[2]
    fields = [
        ("headers", headers),
        ("dkim", f"{{@{domain} : pass}}"),
        ("to", letter.to),
        ("from", letter.sender),
    ]
    if letter.html:
        fields.append(("html", letter.html))
    fields += [("text", letter.text), *_common(letter)]
    fields.append(("attachments", str(len(letter.files))))
    if letter.files:
        info = {
            f"attachment{at}": {"filename": file.name, "name": file.name, "type": file.content_type}
            for at, file in enumerate(letter.files, 1)
        }
        fields.append(("attachment-info", json.dumps(info)))
    return multipart(fields, letter.files)


def raw_form(letter: Letter, mime: EmailMessage) -> bytes:
    """The post of the raw mode: the whole mail in the field `email`."""
    fields = [("dkim", ""), ("email", mime.as_string()), ("to", letter.to), ("from", letter.sender)]
    return multipart([*fields, *_common(letter)], ())


def _common(letter: Letter) -> list[tuple[str, str]]:
    charsets = {"to": "UTF-8", "from": "UTF-8", "subject": "UTF-8", "text": "utf-8", "html": "utf-8"}
    return [
        ("sender_ip", SENDER_IP),
        ("envelope", json.dumps(letter.envelope)),
        ("subject", letter.subject),
        ("spam_score", "0.1"),
        ("charsets", json.dumps(charsets)),
        ("SPF", "pass"),
    ]


def multipart(fields: list[tuple[str, str]], files: tuple[File, ...]) -> bytes:
    """A multipart body as SendGrid writes it: parts without a Content-Type, files with one."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    for at, file in enumerate(files, 1):
        name = file.name.replace('"', "'").replace("\r", "").replace("\n", "")
        head = f'Content-Disposition: form-data; name="attachment{at}"; filename="{name}"'
        parts.append(
            f"--{BOUNDARY}\r\n{head}\r\nContent-Type: {file.content_type}\r\n\r\n".encode() + file.data + b"\r\n"
        )
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def basic_header(credentials: str) -> dict[str, str]:
    """HTTP basic authentication, as a URL with `user:password@` sends it; nothing without credentials."""
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()} if credentials else {}
