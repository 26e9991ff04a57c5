"""One accepted mail, lean enough that the ledger can keep them all."""

import time
from typing import Any, NamedTuple

from sandbox.ledger import callbacks_of, iso


class Attachment(NamedTuple):
    """What a mail carried along; the bytes are not kept, only how many they were."""

    name: str
    content_type: str
    size: int


class Mail:
    """One mail/send request that was accepted: one X-Message-Id, whatever the number of its recipients."""

    __slots__ = (
        "at", "attachments", "categories", "custom_args", "from_", "headers", "html", "index", "recipients",
        "reply_to", "reports", "sid", "status", "subject", "text", "to",
    )  # fmt: skip
    provider = "sendgrid"

    def __init__(self, sid: str, given: dict[str, Any]) -> None:
        self.sid, self.at, self.index = sid, time.time(), -1
        first = given["personalizations"][0]
        content = {block["type"]: block["value"] for block in given.get("content", ())}
        self.recipients = tuple(recipients_of(given))
        self.to, self.from_ = self.recipients[0], given["from"]["email"]
        self.subject: str = first.get("subject") or given.get("subject", "")
        self.text, self.html = content.get("text/plain", ""), content.get("text/html", "")
        self.headers: dict[str, str] = given.get("headers", {}) | first.get("headers", {})
        self.custom_args: dict[str, str] = given.get("custom_args", {}) | first.get("custom_args", {})
        self.categories = tuple(given.get("categories", ()))
        self.reply_to: str | None = (given.get("reply_to") or {}).get("email")
        self.attachments = tuple(_attachment(item) for item in given.get("attachments", ()))
        self.reports: tuple[Any, ...] = ()  # flat, as a Text's
        self.status = "accepted"

    def as_entry(self) -> dict[str, Any]:
        """The ledger's form of it; `media` are the attachments' names."""
        return {
            "index": self.index, "provider": "sendgrid", "id": self.sid, "from": self.from_, "to": self.to,
            "recipients": list(self.recipients), "subject": self.subject, "body": self.text or self.html,
            "html": self.html, "headers": self.headers, "custom_args": self.custom_args,
            "categories": list(self.categories), "reply_to": self.reply_to,
            "media": [attachment.name for attachment in self.attachments],
            "attachments": [attachment._asdict() for attachment in self.attachments],
            "at": iso(self.at), "status": self.status,
            "callbacks": callbacks_of(self.reports),
        }  # fmt: skip


def recipients_of(given: dict[str, Any]) -> list[str]:
    """Every address that a request sends to, in order."""
    return [
        person["email"]
        for personalization in given["personalizations"]
        for kind in ("to", "cc", "bcc")
        for person in personalization.get(kind, ())
    ]


def _attachment(item: dict[str, Any]) -> Attachment:
    size = len(item["content"].rstrip("=")) * 3 // 4
    return Attachment(item["filename"], item.get("type", "application/octet-stream"), size)
