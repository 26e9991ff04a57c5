"""A mail as the page shows it: a line of a mailbox's list, and the whole of it."""

import html
import re
from typing import Any

from sandbox.ledger import iso
from sandbox.sendgrid.letter import Sent
from sandbox.sendgrid.mail import Copy
from sandbox.sendgrid.mailbox import Item

PREVIEW, LOOKED_AT = 140, 10_000
TAGS = re.compile(r"<(style|script|title)\b.*?</\1\s*>|<!--.*?-->|<[^>]+>", re.IGNORECASE | re.DOTALL)
LINK = re.compile(
    r"""<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))[^>]*>(.*?)</a\s*>""", re.IGNORECASE | re.DOTALL
)
TEXT_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]']")
LIST_LINK = re.compile(r"<([^<>]+)>")
REMOTE = re.compile(
    r"""(?:src|background)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?\s*(?:https?:)?//""", re.IGNORECASE
)
MOST_LINKS = 60


def line(item: Item) -> dict[str, Any]:
    """One mail in a list."""
    return _sent_line(item) if isinstance(item, Sent) else _copy_line(item)


def _copy_line(copy: Copy) -> dict[str, Any]:
    return {
        "id": copy.sid,
        "address": copy.address,
        "inbound": False,
        "from": copy.mail.from_name or copy.mail.from_,
        "subject": copy.subject,
        "preview": _preview(copy.text, copy.html),
        "at": iso(copy.mail.at),
        "status": copy.status,
        "attachments": len(copy.mail.attachments),
        "callbacks": copy.mail.callbacks(copy.address),
    }


def _sent_line(sent: Sent) -> dict[str, Any]:
    letter = sent.letter
    return {
        "id": sent.sid,
        "address": sent.address,
        "inbound": True,
        "from": letter.to,
        "subject": letter.subject,
        "preview": _preview(letter.text, letter.html),
        "at": iso(sent.at),
        "status": "sent",
        "attachments": len(sent.files),
        "callbacks": sent.callbacks(),
    }


def _preview(text: str, markup: str) -> str:
    words = text[:LOOKED_AT] or html.unescape(TAGS.sub(" ", markup[:LOOKED_AT]))
    return " ".join(words.split())[:PREVIEW]


def whole(item: Item) -> dict[str, Any]:
    """All that the page knows of one mail."""
    return line(item) | (_whole_sent(item) if isinstance(item, Sent) else _whole_copy(item))


def _whole_copy(copy: Copy) -> dict[str, Any]:
    mail = copy.mail
    return {
        "headers": headers_of(copy),
        "text": copy.text,
        "html": bool(copy.html),
        "remote": bool(REMOTE.search(copy.html)),
        "links": links_of(copy.html, copy.text),
        "files": mail.attachment_dicts(),
        "unsubscribe": unsubscribe_of(copy),
        "reply_to": next(iter(mail.reply_to), mail.from_),
        "tracking": list(mail.tracking),
        "custom_args": copy.part.custom_args,
        "asm_group_id": mail.asm_group_id,
        "message_id": mail.message_id,
    }


def _whole_sent(sent: Sent) -> dict[str, Any]:
    letter = sent.letter
    files = [file.as_dict(f"/mails/{sent.sid}/attachments/{at}") for at, file in enumerate(sent.files)]
    head = sent.mime.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    unfolded = re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")
    return {
        "headers": [tuple(one.partition(": ")[::2]) for one in unfolded],
        "text": letter.text,
        "html": bool(letter.html),
        "remote": bool(REMOTE.search(letter.html)),
        "links": [],
        "files": files,
        "unsubscribe": None,
        "message_id": letter.message_id,
    }


def headers_of(copy: Copy) -> list[tuple[str, str]]:
    """The headers as the recipient's program shows them; nobody sees a Bcc."""
    mail, part = copy.mail, copy.part
    named = {field: ", ".join(p.header for p in part.people if p.field == field) for field in ("to", "cc")}
    sender = f"{mail.from_name} <{mail.from_}>" if mail.from_name else mail.from_
    own = [
        ("From", sender),
        ("To", part.filled(named["to"])),
        ("Cc", named["cc"]),
        ("Reply-To", ", ".join(mail.reply_to)),
        ("Subject", copy.subject),
        ("Date", iso(mail.at)),
        ("Message-ID", mail.message_id),
    ]
    more = [(name, value) for name, value in part.headers.items() if name.lower() != "message-id"]
    return [(name, value) for name, value in own if value] + more


def links_of(markup: str, text: str) -> list[dict[str, str]]:
    """The links that a client can click, each once, in order."""
    found: dict[str, str] = {}
    for match in LINK.finditer(markup):
        url = html.unescape(match[1] or match[2] or match[3] or "").strip()
        if url.startswith(("http://", "https://")):
            found.setdefault(url, " ".join(html.unescape(TAGS.sub(" ", match[4])).split()))
    if not markup:
        found = dict.fromkeys(TEXT_LINK.findall(text), "")
    return [{"url": url, "words": words} for url, words in list(found.items())[:MOST_LINKS]]


def unsubscribe_of(copy: Copy) -> dict[str, Any] | None:
    """What List-Unsubscribe offers: an address on the web, one by mail, and whether one click is enough (RFC 8058)."""
    found = {name.lower(): value for name, value in copy.part.headers.items()}
    if "list-unsubscribe" not in found:
        return None
    offered = [one.strip() for one in LIST_LINK.findall(found["list-unsubscribe"])]
    url = next((one for one in offered if one.startswith(("http://", "https://"))), None)
    one_click = found.get("list-unsubscribe-post", "").strip() == "List-Unsubscribe=One-Click"
    mailto = next((one for one in offered if one.lower().startswith("mailto:")), None)
    return {"url": url, "mailto": mailto, "one_click": one_click and url is not None}
