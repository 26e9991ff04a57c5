"""A conversation's timeline as the admin shows it: rows made ready for the template, one bubble each."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.template.loader import render_to_string
from django.utils.html import strip_tags

from conversations.admin.words import (
    A_CALL,
    AUTOMATIC,
    CALLS,
    CHANNEL_ICONS,
    DELIVERY,
    VOICEMAIL,
    Delivery,
    why_held,
)
from conversations.media_links import is_picture, path_for
from conversations.services.reading import Narrowing, message_rows, timeline_order

PAGE = 50
_NEWEST_FIRST = timeline_order()
# An id that no entry has stands before all of them.
_PLACE = (
    "(COALESCE((SELECT t.created_at FROM conversations_message t WHERE t.id = %({name})s::bigint), '-infinity'),"
    " %({name})s::bigint)"
)
_SAFE_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Media:
    """One attachment: `url` empty where there is nothing to open; `is_picture` and `is_sound` are in the bubble."""

    url: str
    name: str
    status: str
    is_picture: bool
    is_sound: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """What marks a client's mail: why it waits for a decision, and that a program wrote it; empty mostly.

    `has_remote`: there are pictures from elsewhere in its HTML, which are off (messaging/mail/html.py).
    """

    held: str
    automatic: str
    has_remote: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline. `rev` changes with whatever of it can change."""

    row: dict[str, Any]
    kind: str
    icon: str
    text: str
    author: str
    look: Delivery
    reason: str
    media: list[Media]
    rev: str
    is_live: bool
    mail: Mail | None = None

    @property
    def may_retry(self) -> bool:
        """Whether what failed may go by trying again: its fault passes, and it was ours to send."""
        return self._has_failed and self.row["error_retryable"] and self.row["attempts"] > 0

    @property
    def may_rewrite(self) -> bool:
        """Whether what failed may go only anew: corrected, or to where it was not sent by us."""
        return self._has_failed and not self.may_retry

    @property
    def _has_failed(self) -> bool:
        is_text = self.kind == "outbound" and self.row["channel"] in {"sms", "email"}
        return is_text and self.row["status"] in {"failed", "undelivered"}


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the timeline, oldest first. `before` is the cursor of the older ones, None where there are none."""

    entries: list[Entry]
    before: int | None


def page_before(conversation_id: int, staff: dict[int, str], before: int | None = None) -> Page:
    """The last entries, or the last before an id; one query, and one more for media."""
    narrowing = _of(conversation_id)
    if before is not None:
        narrowing.add(f"(m.created_at, m.id) < {_PLACE.format(name='before')}", before=before)
    rows = message_rows(narrowing, _NEWEST_FIRST, limit=PAGE + 1)
    shown = rows[:PAGE]
    older = shown[-1]["id"] if len(rows) > PAGE else None
    return Page([_entry(row, staff) for row in reversed(shown)], older)


def changed_since(conversation_id: int, staff: dict[int, str], after: int, watched: list[int]) -> list[Entry]:
    """Entries behind an id, and the watched ones as they are now; oldest first."""
    narrowing = _of(conversation_id)
    later = f"(m.created_at, m.id) > {_PLACE.format(name='after')}"
    narrowing.add(f"({later} OR m.id = ANY(%(watched)s::bigint[]))", after=after, watched=watched)
    rows = message_rows(narrowing, _NEWEST_FIRST, limit=4 * PAGE)
    return [_entry(row, staff) for row in reversed(rows)]


def rendered(entries: list[Entry]) -> list[dict[str, Any]]:
    """Entries for the page's script: id, revision and HTML."""
    return [
        {
            "id": entry.row["id"],
            "rev": entry.rev,
            "html": render_to_string("admin/omega_lib/entry.html", {"entry": entry}).strip(),
        }
        for entry in entries
    ]


def _of(conversation_id: int) -> Narrowing:
    return Narrowing(["m.conversation_id = %(conversation)s::bigint"], {"conversation": conversation_id})


def _entry(row: dict[str, Any], staff: dict[int, str]) -> Entry:
    metadata = orjson.loads(row["metadata"] or "{}")
    media = [_media(item) for item in row["media"]]
    look = _look(row)
    waits = any(item.status == "pending" for item in media)
    outbound, is_call = row["direction"] == "outbound", row["channel"] == "voice"
    held = str(metadata.get("held", ""))
    changes = [row["status"], row["error_code"], str(row["is_read"]), held, *(item.status for item in media)]
    return Entry(
        row=row,
        kind=row["channel"] if row["direction"] == "internal" else row["direction"],
        icon=look.icon if is_call else CHANNEL_ICONS.get(row["channel"], "chat_bubble"),
        text=row["body"] or strip_tags(row["html"]).strip(),
        author=staff.get(row["staff_id"] or 0, "") or str(metadata.get("admin_user", "")),
        look=look,
        reason=row["error_message"] or look.sentence,
        media=media,
        rev="/".join([*changes, row["body"]] if is_call else changes),
        is_live=((outbound or is_call) and not look.is_final) or waits or not row["is_read"] or bool(held),
        mail=_mail(row, metadata),
    )


def _mail(row: dict[str, Any], metadata: dict[str, Any]) -> Mail | None:
    if row["channel"] != "email" or row["direction"] != "inbound":
        return None
    held = why_held(str(metadata.get("held", "")), row["from_address"])
    automatic = AUTOMATIC.get(str(metadata.get("automatic", "")), "")
    return Mail(held, automatic, has_remote=" data-omega-src=" in row["html"])


def _look(row: dict[str, Any]) -> Delivery:
    """How the entry went: a call by what became of it, anything else by its status."""
    if row["channel"] != "voice":
        return DELIVERY[row["status"]]
    call = orjson.loads(row["call"] or "{}")
    return VOICEMAIL if call.get("voicemail") else CALLS.get(call.get("status"), A_CALL)


def _media(item: dict[str, Any]) -> Media:
    stored = item["status"] == "stored"
    source = item["source_url"] or ""
    url = path_for(item["id"]) if stored else ""
    if item["status"] == "linked" and source.lower().startswith(_SAFE_SCHEMES):  # javascript: is a URL too
        url = source
    name = item["name"] or source.rsplit("/", 1)[-1] or "file"
    kind = item["content_type"] or ""
    return Media(url, name, item["status"], stored and is_picture(kind), stored and kind.startswith("audio/"))
