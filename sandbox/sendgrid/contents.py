"""What a mail says and carries, checked as SendGrid does."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from sandbox.sendgrid.errors import Fault
from sandbox.sendgrid.refusal import refuse

ORDER = ("text/plain", "text/html")
BREAKS = re.compile(r"[;,\r\n]")


def subjects(given: dict[str, Any]) -> Iterator[Fault]:
    """One for all, or one in every personalization; a template brings its own."""
    parts = given["personalizations"]
    if any("subject" in part and not _worded(part["subject"]) for part in parts):
        yield refuse("subject text", "subject")
    elif not given.get("template_id") and not given.get("subject") and not all(part.get("subject") for part in parts):
        yield refuse("subject", "subject")
    elif given.get("subject") is not None and not isinstance(given["subject"], str):
        yield refuse("subject text", "subject")


def _worded(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def contents(given: dict[str, Any]) -> Iterator[Fault]:
    """text/plain, then text/html, then whatever else; each with words in it."""
    blocks = given.get("content") or []
    if not blocks and not given.get("template_id"):
        yield refuse("content", "content")
    for at, block in enumerate(blocks):
        if not _worded(block.get("type")):
            yield refuse("content type", f"content.{at}.type")
        elif BREAKS.search(block["type"]):
            yield refuse("line break", f"content.{at}.type", what="content.type")
        if not _worded(block.get("value")):
            yield refuse("content value", f"content.{at}.value")
    ranks = [ORDER.index(kind) if (kind := block.get("type")) in ORDER else len(ORDER) for block in blocks]
    known = [rank for rank in ranks if rank < len(ORDER)]
    if ranks != sorted(ranks) or len(known) != len(set(known)):
        yield refuse("content order", "content")


def attachments(given: dict[str, Any]) -> Iterator[Fault]:
    """Each with a name and bytes in base64."""
    for at, item in enumerate(given.get("attachments") or ()):
        where = f"attachments.{at}"
        yield from _bytes(where, item)
        yield from _names(where, item)
        if item.get("disposition") not in {None, "", "inline", "attachment"}:
            yield refuse("disposition", f"{where}.disposition", name=str(item["disposition"]))


def _bytes(where: str, item: dict[str, Any]) -> Iterator[Fault]:
    content = item.get("content")
    if not isinstance(content, str) or not content:
        yield refuse("attachment empty", f"{where}.content")
        return
    try:
        base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        yield refuse("attachment", f"{where}.content")


def _names(where: str, item: dict[str, Any]) -> Iterator[Fault]:
    if not _worded(item.get("filename")):
        yield refuse("filename", f"{where}.filename")
    if item.get("content_id") is not None and not isinstance(item["content_id"], str):
        yield refuse("content_id", f"{where}.content_id", name=str(item["content_id"]))
    for name in ("filename", "type", "content_id"):
        value = item.get(name)
        if isinstance(value, str) and BREAKS.search(value):
            yield refuse("line break", f"{where}.{name}", what=f"attachments.{name}")
