"""In: a client's text becomes a message in the client's one conversation."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.utils import timezone

from conversations.models import Attachment
from conversations.services.threads import ensure_conversation, note_reopening
from conversations.services.timeline import Gate, NewMessage, append_messages, new_request_id
from messaging.providers.base import IncomingText
from messaging.services import consent, parties, vocabulary, wakeup
from omega_project.lib import sql
from omega_project.lib.addresses import SHORT_CODE, normalise_party
from omega_project.lib.clean import storable

_WHERE_TO = """
SELECT s.id AS sender_id, s.business_id, b.settings::text AS settings, c.id AS client_id, c.is_blocked,
    v.id AS conversation_id, v.status AS conversation_status
FROM accounts_sender s JOIN accounts_business b ON b.id = s.business_id
LEFT JOIN LATERAL (
    SELECT p.id, p.is_blocked FROM (
        SELECT id FROM accounts_client
        WHERE business_id = s.business_id AND phone = %(sender)s::text AND phone <> ''
        UNION ALL
        SELECT client_id FROM accounts_clientaddress
        WHERE business_id = s.business_id AND kind = 'phone' AND address = %(sender)s::text
    ) k JOIN accounts_client p ON p.id = k.id LEFT JOIN conversations_conversation w ON w.client_id = p.id
    WHERE p.merged_into_id IS NULL
    ORDER BY p.phone = %(sender)s::text DESC, w.last_message_at DESC NULLS LAST, p.id DESC LIMIT 1
) c ON true
LEFT JOIN conversations_conversation v ON v.client_id = c.id
WHERE s.channel = 'sms' AND s.address = %(receiver)s::text
  AND (%(business)s::bigint IS NULL OR s.business_id = %(business)s::bigint)
ORDER BY s.is_active DESC LIMIT 1
"""
_REPLIES = {
    "stop": "You are unsubscribed and will receive no more messages. Reply START to subscribe again.",
    "start": "You are subscribed again. Reply HELP for help, STOP to unsubscribe.",
    "help": "Reply STOP to unsubscribe. Message and data rates may apply.",
}


class UnknownReceiver(Exception):
    """No business has the number that was written to."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text belongs, as far as it is known yet."""

    text: IncomingText
    sender: str
    receiver: str
    keyword: str
    row: dict[str, Any]

    @property
    def is_plain(self) -> bool:
        """Nothing but one more text in an open conversation: one statement does it."""
        row = self.row
        open_thread = row["conversation_id"] is not None and row["conversation_status"] == "open"
        return open_thread and not self.keyword and not self.text.media and not row["is_blocked"]


def place(text: IncomingText, business_id: int | None = None) -> Place:
    """Find the business by the number written to, and the client by the number that wrote. Raises UnknownReceiver.

    With a `business_id`, a number of that business alone.
    """
    sender, receiver = normalise_party(text.from_address), normalise_party(text.to_address)
    row = sql.row(_WHERE_TO, {"sender": sender, "receiver": receiver, "business": business_id})
    if row is None:
        raise UnknownReceiver(f"No business has the number {receiver} for texts. Add it as a sender, then replay this.")
    return Place(text, sender, receiver, text.keyword or vocabulary.keyword_in(text.body), row)


def append_plain(where: Place, gate: Gate, provider: str) -> bool:
    """Append a plain text behind its webhook's gate, in one statement; False where it was known already."""
    return bool(append_messages([_message(where, provider)], gate))


def receive(where: Place, provider: str) -> tuple[int, str]:
    """Append any text: client and conversation made where missing, media noted, keywords heard. In a transaction.

    Gives the message's id and the text to answer with, empty mostly.
    """
    row = where.row
    if row["client_id"] is None:
        row["client_id"] = parties.client_by_phone(business_id=row["business_id"], phone=where.sender)
    row["conversation_id"], made = ensure_conversation(business_id=row["business_id"], client_id=row["client_id"])
    if not made and not row["is_blocked"]:
        note_reopening(row["conversation_id"])
    stored = append_messages([_message(where, provider)]).get(0)
    if stored is None:
        return _known(where, provider), ""
    _note_media(stored["id"], where.text)
    return stored["id"], _hear(where, stored["id"])


_KNOWN = """
SELECT id FROM conversations_message
WHERE provider_message_id = %(sid)s AND business_id = %(business)s AND provider = %(provider)s
"""


def _known(where: Place, provider: str) -> int:
    """The message that stands for this text already: it was recorded by another door."""
    params = {"sid": where.text.provider_message_id, "business": where.row["business_id"], "provider": provider}
    found = sql.row(_KNOWN, params)
    if found is None:
        raise RuntimeError("The text was not stored and is not known either.")
    return int(found["id"])


def _message(where: Place, provider: str) -> NewMessage:
    text, row = where.text, where.row
    return NewMessage(
        business_id=row["business_id"],
        conversation_id=row["conversation_id"],
        client_id=row["client_id"],
        channel="sms",
        direction="inbound",
        status="received",
        request_id=new_request_id(),  # the provider's id tells one from another; a caller's request_id never hides one
        body=storable(text.body),
        from_address=where.sender,
        to_address=where.receiver,
        sender_id=row["sender_id"],
        provider=provider,
        provider_message_id=text.provider_message_id,
        segments=text.segments,
        media_count=len(text.media),
        is_read=bool(row["is_blocked"]),
        metadata={"keyword": where.keyword} if where.keyword else {},
        created_at=text.at,
    )


def _note_media(message_id: int, text: IncomingText) -> None:
    for item in text.media:
        attachment = Attachment.objects.create(
            message_id=message_id, status="pending", source_url=storable(item.url),
            content_type=storable(item.content_type), name="", next_attempt_at=timezone.now(),
        )  # fmt: skip
        wakeup.wake_media(attachment.pk)


def _hear(where: Place, message_id: int) -> str:
    """Change the consent; the answer where the carrier gives none: short codes without its opt-out handling."""
    if not where.keyword:
        return ""
    row = where.row
    evidence = {
        "message_id": message_id,
        "keyword": where.text.body.strip()[:64],
        "handled_by_carrier": bool(where.text.keyword),
    }
    consent.hears_keyword(
        keyword=where.keyword, business_id=row["business_id"], client_id=row["client_id"], address=where.sender,
        evidence=evidence, said_at=where.text.at,
    )  # fmt: skip
    if where.text.keyword or not SHORT_CODE.match(where.receiver):
        return ""
    own = orjson.loads(row["settings"] or "{}")
    return str(own.get(f"{where.keyword}_reply") or _REPLIES[where.keyword])
