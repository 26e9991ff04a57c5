"""One accepted mail and its copies, lean enough that the ledger can keep them all."""

import base64
import hashlib
import time
from typing import Any, NamedTuple

from sandbox.ledger import iso

PARTS = 5  # of a report in its flat form: event, epoch seconds, attempts, last HTTP status, address
OWN_HOST = "geopod-ismtpd-3"


class Attachment:
    """What a mail carries along; `data` is None once the mailbox has let the bytes go."""

    __slots__ = ("content_id", "content_type", "data", "disposition", "name", "sha256", "size")

    def __init__(
        self, name: str, content_type: str, data: bytes, *, inline: bool = False, content_id: str = ""
    ) -> None:
        self.name, self.content_type, self.content_id = name, content_type, content_id
        self.disposition = "inline" if inline else "attachment"
        self.data: bytes | None = data
        self.size, self.sha256 = len(data), hashlib.sha256(data).hexdigest()

    def as_dict(self, url: str) -> dict[str, Any]:
        """As the ledger and the page show it; the bytes are at `url`."""
        return {
            "name": self.name,
            "content_type": self.content_type,
            "size": self.size,
            "disposition": self.disposition,
            "content_id": self.content_id or None,
            "sha256": self.sha256,
            "url": url,
        }


class Person(NamedTuple):
    """One address of a mail, and in which field it stands."""

    field: str
    email: str
    name: str

    @property
    def header(self) -> str:
        """As a header writes it."""
        return f"{self.name} <{self.email}>" if self.name else self.email


class Part:
    """What one personalization says for its recipients."""

    __slots__ = ("custom_args", "headers", "people", "send_at", "subject", "substitutions")

    def __init__(self, given: dict[str, Any], whole: dict[str, Any]) -> None:
        self.subject: str = given.get("subject") or whole.get("subject") or ""
        self.headers: dict[str, str] = (whole.get("headers") or {}) | (given.get("headers") or {})
        self.custom_args: dict[str, str] = (whole.get("custom_args") or {}) | (given.get("custom_args") or {})
        self.substitutions: dict[str, str] = given.get("substitutions") or {}
        self.send_at: int = given.get("send_at") or whole.get("send_at") or 0
        self.people = tuple(
            Person(field, person["email"], str(person.get("name") or ""))
            for field in ("to", "cc", "bcc")
            for person in given.get(field) or ()
        )

    def filled(self, words: str) -> str:
        """A text with this personalization's substitutions made."""
        for tag, value in self.substitutions.items():
            words = words.replace(tag, value)
        return words


class Mail:
    """One mail/send request that was accepted: one X-Message-Id, whatever the number of its recipients."""

    __slots__ = (
        "asm_group_id", "at", "attachments", "bypass", "categories", "copies", "from_", "from_name", "html", "index",
        "kept_message_id", "parts", "reply_to", "reports", "sandboxed", "sid", "status", "template_id", "text",
        "tracking",
    )  # fmt: skip
    provider = "sendgrid"

    def __init__(self, sid: str, given: dict[str, Any]) -> None:
        self.sid, self.at, self.index = sid, time.time(), -1
        content = {block["type"]: block["value"] for block in given.get("content") or ()}
        self.text, self.html = content.get("text/plain", ""), content.get("text/html", "")
        self.from_: str = given["from"]["email"]
        self.from_name: str = str(given["from"].get("name") or "")
        replies = given.get("reply_to_list") or [given.get("reply_to") or {}]
        self.reply_to: tuple[str, ...] = tuple(one["email"] for one in replies if one.get("email"))
        self.parts = tuple(Part(each, given) for each in given["personalizations"])
        self.copies = tuple(Copy(self, part, person) for part in self.parts for person in part.people)
        self.categories = _as_tuple(given.get("categories"))
        self.attachments = tuple(_attachment(item) for item in given.get("attachments") or ())
        self.asm_group_id: int | None = (given.get("asm") or {}).get("group_id")
        self.template_id: str | None = given.get("template_id")
        self.bypass, self.tracking = _enabled(given, "bypass_"), _tracked(given)
        self.sandboxed = bool(_enabled(given, "sandbox_mode"))
        self.kept_message_id = True  # False: SendGrid wrote its own Message-ID over the sender's
        self.reports: tuple[Any, ...] = ()  # flat, PARTS to a report
        self.status = "accepted"

    @property
    def to(self) -> str:
        """The first recipient."""
        return self.copies[0].person.email

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody, in order."""
        return tuple(copy.person.email for copy in self.copies)

    @property
    def smtp_id(self) -> str:
        """The id that the carrier itself gives the mail on the wire."""
        return f"<{self.sid}@{OWN_HOST}>"

    @property
    def message_id(self) -> str:
        """The Message-ID header that the recipients see."""
        own = next((value for name, value in self.parts[0].headers.items() if name.lower() == "message-id"), "")
        return own if own and self.kept_message_id else self.smtp_id

    def copy_of(self, address: str) -> "Copy | None":
        """What one recipient got."""
        return next((copy for copy in self.copies if copy.address == address.lower()), None)

    def as_entry(self) -> dict[str, Any]:
        """The ledger's form of it; `media` are the attachments' names."""
        first = self.parts[0]
        return {
            "index": self.index, "provider": "sendgrid", "id": self.sid, "from": self.from_, "to": self.to,
            "recipients": list(self.recipients), "subject": first.subject, "body": self.text or self.html,
            "text": self.text, "html": self.html, "headers": first.headers, "custom_args": first.custom_args,
            "cc": self._emails("cc"), "bcc": self._emails("bcc"), "from_name": self.from_name,
            "categories": list(self.categories), "reply_to": next(iter(self.reply_to), None),
            "message_id": self.message_id, "template_id": self.template_id, "asm_group_id": self.asm_group_id,
            "media": [attachment.name for attachment in self.attachments],
            "attachments": self.attachment_dicts(),
            "at": iso(self.at), "status": self.status,
            "callbacks": self.callbacks(),
        }  # fmt: skip

    def attachment_dicts(self) -> list[dict[str, Any]]:
        """The attachments, each with the path of its bytes."""
        return [item.as_dict(f"/mails/{self.sid}/attachments/{at}") for at, item in enumerate(self.attachments)]

    def callbacks(self, address: str | None = None) -> list[dict[str, Any]]:
        """The events that were posted, of one recipient or of all."""
        flat = self.reports
        found = (flat[at : at + PARTS] for at in range(0, len(flat), PARTS))
        return [
            {"status": event, "at": iso(then), "attempts": attempts, "http_status": http_status, "email": email}
            for event, then, attempts, http_status, email in found
            if address is None or email.lower() == address
        ]

    def _emails(self, field: str) -> list[str]:
        return [copy.person.email for copy in self.copies if copy.person.field == field]


class Copy:
    """One recipient's copy of a mail: what lies in that mailbox, and what became of it."""

    __slots__ = ("mail", "part", "person", "status")
    inbound = False

    def __init__(self, mail: Mail, part: Part, person: Person) -> None:
        self.mail, self.part, self.person = mail, part, person
        self.status = "accepted"

    @property
    def address(self) -> str:
        """Whose mailbox it lies in, in lower case."""
        return self.person.email.lower()

    @property
    def sid(self) -> str:
        """The mail's id."""
        return self.mail.sid

    @property
    def subject(self) -> str:
        """Its subject, with this recipient's words."""
        return self.part.filled(self.part.subject)

    @property
    def text(self) -> str:
        """Its text part, with this recipient's words."""
        return self.part.filled(self.mail.text)

    @property
    def html(self) -> str:
        """Its HTML part, with this recipient's words."""
        return self.part.filled(self.mail.html)


def _attachment(item: dict[str, Any]) -> Attachment:
    return Attachment(
        item["filename"],
        item.get("type") or "application/octet-stream",
        base64.b64decode(item["content"]),
        inline=item.get("disposition") == "inline",
        content_id=item.get("content_id") or "",
    )


def _enabled(given: dict[str, Any], prefix: str) -> tuple[str, ...]:
    settings = given.get("mail_settings") or {}
    return tuple(name for name, value in settings.items() if name.startswith(prefix) and (value or {}).get("enable"))


def _tracked(given: dict[str, Any]) -> tuple[str, ...]:
    """The kinds of tracking that the request leaves on, open and click; an account has both on by default."""
    settings = given.get("tracking_settings") or {}
    kinds = ("open", "click")
    return tuple(kind for kind in kinds if (settings.get(f"{kind}_tracking") or {}).get("enable") is not False)


def _as_tuple(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())
