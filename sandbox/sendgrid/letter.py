"""A mail that a client writes: what is in it, its MIME form, and what became of it at omega's hook."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parseaddr
from typing import Any

from sandbox.ledger import iso
from sandbox.sendgrid.mail import Attachment

# A Message-ID of a hundred characters has no place to fold; folded all the same it would become an encoded word.
POLICY = SMTP.clone(max_line_length=200)
REPLACED = {"message-id", "date", "references", "in-reply-to"}  # a header of the caller's takes their place


@dataclass(frozen=True, slots=True)
class Letter:
    """What a client wrote. `sender` is the header's form, such as `Bob <bob@example.net>`."""

    sender: str
    to: str
    subject: str
    text: str
    message_id: str
    cc: str = ""
    html: str = ""
    in_reply_to: str = ""
    references: str = ""
    charset: str = "utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[Attachment, ...] = ()
    envelope_from: str | None = None  # None: the sender's address; empty for bounces and auto-replies
    envelope_to: str | None = None  # None: where `to` says; another one for a Bcc or a forwarded mail
    raw: bytes = b""  # a whole mail, as it is, in place of all that

    @property
    def envelope(self) -> dict[str, Any]:
        """Who really sends to whom."""
        sender = parseaddr(self.sender)[1] if self.envelope_from is None else self.envelope_from
        to = [address for _, address in getaddresses([self.to])] if self.envelope_to is None else [self.envelope_to]
        return {"to": to, "from": sender}


class Sent:
    """A letter on its way: what the mailbox keeps of it, and each answer of omega's hook."""

    __slots__ = ("answers", "at", "letter", "mime", "sid")
    inbound = True

    def __init__(self, sid: str, letter: Letter, mime: bytes) -> None:
        self.sid, self.letter, self.mime, self.at = sid, letter, mime, time.time()
        self.answers: list[tuple[float, int | None]] = []

    @property
    def address(self) -> str:
        """Whose mailbox it lies in, in lower case."""
        return parseaddr(self.letter.sender)[1].lower()

    @property
    def files(self) -> tuple[Attachment, ...]:
        """What it carries."""
        return self.letter.files

    def callbacks(self) -> list[dict[str, Any]]:
        """The posts to omega's hook so far."""
        return [
            {"status": "posted", "at": iso(at), "attempts": count, "http_status": status}
            for count, (at, status) in enumerate(self.answers, 1)
        ]


def as_mime(letter: Letter) -> EmailMessage:
    """The letter as a mail. Raises ValueError for what makes no header, UnicodeError for what the charset lacks."""
    mime = EmailMessage(policy=POLICY)
    given = {name.lower() for name, _ in letter.headers} & REPLACED
    for name, value in _own_headers(letter):
        if value and name.lower() not in given:
            mime[name] = value
    for name, value in letter.headers:
        mime[name] = value
    _write(mime, letter)
    for file in letter.files:
        _attach(mime, file)
    return mime


def _own_headers(letter: Letter) -> list[tuple[str, str]]:
    return [
        ("MIME-Version", "1.0"),
        ("Date", format_datetime(datetime.now(UTC))),
        ("From", letter.sender),
        ("Message-ID", letter.message_id),
        ("Subject", letter.subject),
        ("To", letter.to),
        ("Cc", letter.cc),
        ("In-Reply-To", letter.in_reply_to),
        ("References", letter.references or letter.in_reply_to),
    ]


def _write(mime: EmailMessage, letter: Letter) -> None:
    cte = "8bit" if letter.charset != "utf-8" else None
    if letter.text or not letter.html:
        mime.set_content(letter.text, charset=letter.charset, cte=cte)
    if letter.html and letter.text:
        mime.add_alternative(letter.html, subtype="html", charset=letter.charset, cte=cte)
    elif letter.html:
        mime.set_content(letter.html, subtype="html", charset=letter.charset, cte=cte)


def _attach(mime: EmailMessage, file: Attachment) -> None:
    kind, _, subkind = file.content_type.partition("/")
    data, subkind = file.data or b"", subkind or "octet-stream"
    page = mime.get_body(("html",))
    if file.content_id and isinstance(page, EmailMessage):
        cid = f"<{file.content_id}>"
        page.add_related(data, maintype=kind, subtype=subkind, cid=cid, filename=file.name, disposition="inline")
    else:
        mime.add_attachment(data, maintype=kind, subtype=subkind, filename=file.name)
